"""What a model hands back for each request: the answer's bytes, or the error that answers instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from shared.errors import GradusError

Answer = bytes | GradusError
Answers = Sequence[tuple[int, Answer]]
"""Answers with the places of their requests in the batch."""


class Loaded(Protocol):
    """A verified version of a model in memory."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def version(self) -> int:
        """The version's number."""
        ...

    @property
    def kind(self) -> str:
        """`recommend` or `diagnose`."""
        ...

    @property
    def sha256(self) -> str:
        """Digest of the package."""
        ...

    def answer(self, kind: str, bodies: Sequence[bytes]) -> Iterator[Answers]:
        """Answer a batch of request bodies, yielding what is ready; every place exactly once."""
        ...
