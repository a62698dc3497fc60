"""What is written down beside a model, and the one JSON form it is written in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Papers:
    """`report` is the evaluation, `card` the facts of the run, `origin` ids of job and data, and versions."""

    report: Mapping[str, Any]
    card: Mapping[str, Any]
    origin: Mapping[str, Any]


def as_json(value: object) -> bytes:
    """Return JSON that has one form for one value, so that equal runs give equal packages."""
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
