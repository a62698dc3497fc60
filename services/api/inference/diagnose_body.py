"""The body of a diagnosis request, checked without a model of pydantic a value: this is the hot path."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from shared.errors import Finding, Refused
from shared.features.reader import RawRows, kind_of, shown_name
from shared.features.records import RecordEncoder

KEYS = frozenset({"record", "records", "explain"})
MAX_EXPLAINED = 32
"""Records whose contributions one request may ask for; each costs about 1,000 evaluations."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request: its records laid out, and whether contributions are wanted."""

    rows: RawRows
    explain: bool


def read_body(body: bytes, *, encoder: RecordEncoder, max_records: int) -> Asked:
    """Return what a request asks for; raises `Refused` naming each wrong place, never a value."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("the body is not JSON", code="invalid_json") from None
    if type(asked) is not dict:
        raise Refused("the body is wrong", findings=[Finding((), f"wanted an object; came {kind_of(asked)}")])
    if len(asked) == 1 and "record" in asked:
        return Asked(encoder.read_one(asked["record"], loc=("record",)), explain=False)
    return _read_keys(asked, encoder=encoder, max_records=max_records)


def _read_keys(asked: dict[str, object], *, encoder: RecordEncoder, max_records: int) -> Asked:
    findings = [
        Finding((shown_name(key),), "no such field; wanted record or records, and explain")
        for key in asked
        if key not in KEYS
    ]
    if ("record" in asked) == ("records" in asked):
        findings.append(Finding(("records",), "wanted either record or records"))
    explain = asked.get("explain", False)
    if type(explain) is not bool:
        findings.append(Finding(("explain",), f"wanted a boolean; came {kind_of(explain)}"))
    if findings:
        raise Refused("the body is wrong", findings=findings)
    if "record" in asked:
        rows = encoder.read_one(asked["record"], loc=("record",))
    else:
        rows = _read_records(
            asked["records"], encoder=encoder, most=MAX_EXPLAINED if explain else max_records
        )
    return Asked(rows, explain=bool(explain))


def _read_records(records: object, *, encoder: RecordEncoder, most: int) -> RawRows:
    if type(records) is not list:
        raise Refused(
            "the body is wrong", findings=[Finding(("records",), f"wanted a list; came {kind_of(records)}")]
        )
    if not 1 <= len(records) <= most:
        finding = Finding(("records",), f"wanted 1 to {most} records; came {len(records)}")
        raise Refused("the body is wrong", findings=[finding])
    return encoder.read(records)
