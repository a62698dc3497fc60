"""Gradus as its clients see it: the public API over HTTP, and the stream of a curve."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.errors import GradusError

TIMEOUT_SECONDS = 60.0
Json = dict[str, Any]


class DemoFailed(GradusError):
    """The demo cannot go on; the message is what the API answered."""

    code = "demo_failed"


class NoSuchThing(DemoFailed):
    """The API answered 404."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of a stream: its name, its id and its JSON."""

    name: str
    id: str
    content: Json


def parse_events(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """Yield the events in the lines of a `text/event-stream` (WHATWG HTML, section 9.2)."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
        elif "data" in fields:
            yield ServerEvent(
                fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"])
            )
            fields = {}
        else:
            fields = {}


@dataclass(slots=True)
class Client:
    """Calls to one gateway with one key; an answer that is an error raises `DemoFailed`."""

    address: str
    key: str
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._http = httpx.Client(
            base_url=self.address,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: str | int) -> Json:
        """Return what stands at `path`."""
        return self._answer("GET", path, params=query)

    def post(self, path: str, body: Json, *, idempotency_key: str | None = None) -> Json:
        """Send `body` and return the answer."""
        return self._answer("POST", path, json=body, headers=_idempotent(idempotency_key))

    def upload(self, spec: Json, files: Iterable[Path], *, idempotency_key: str) -> Json:
        """Upload files as one data set and return its row."""
        parts: list[tuple[str, Any]] = [("spec", (None, json.dumps(spec), "application/json"))]
        parts += [(path.stem, (path.name, path.read_bytes(), "application/octet-stream")) for path in files]
        return self._answer("POST", "/v1/datasets", files=parts, headers=_idempotent(idempotency_key))

    def stream(self, path: str, *, last_event_id: str) -> Iterator[ServerEvent]:
        """Yield the events at `path` that follow `last_event_id`, until the server ends the stream."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        with self._http.stream("GET", path, headers=headers) as answer:
            if not answer.is_success:
                answer.read()
            _raise_for(answer)
            yield from parse_events(answer.iter_lines())

    def _answer(self, method: str, path: str, **options: Any) -> Json:  # noqa: ANN401 (httpx's own options)
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise DemoFailed(f"{method} {path}: {type(error).__name__}") from error
        _raise_for(answer)
        content: Json = answer.json()
        return content


def _idempotent(key: str | None) -> Mapping[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _raise_for(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    kind = NoSuchThing if answer.status_code == httpx.codes.NOT_FOUND else DemoFailed
    request = f"{answer.request.method} {answer.request.url.path}"
    try:
        problem = answer.json()
    except ValueError:
        raise kind(f"{request}: status {answer.status_code}") from None
    findings = [f"{'.'.join(map(str, e['loc']))}: {e['message']}" for e in problem.get("errors") or ()]
    raise kind("; ".join([f"{request}: {problem.get('detail') or problem.get('title')}", *findings]))
