"""What a test of the page is handed: where the gateway answers, and a key for everything."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway over an empty database, and a key that it knows."""

    gateway: Gateway
    key: str

    @property
    def address(self) -> str:
        """Where the page is."""
        return self.gateway.url
