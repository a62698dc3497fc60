"""The few kinds of error that Gradus raises; the gateway alone turns them into HTTP answers.

A message says what was wanted and what came. It never repeats a value from a patient's record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in the input that is wrong: where, and what was wanted and what came."""

    loc: tuple[str | int, ...]
    message: str


def did_you_mean(written: str, known: Collection[str]) -> str:
    """Return "; did you mean …?" with the known names that a written one is near to, else nothing.

    It takes its time, so only the first thousand are looked at, and names that may be one slipped on.
    """
    near = get_close_matches(written, islice(known, 1000)) if len(written) <= 200 else []
    return f"; did you mean {' or '.join(near)}?" if near else ""


class GradusError(Exception):
    """Any error that Gradus names; `code` is stable and meant for programs."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None, findings: Iterable[Finding] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.findings = tuple(findings)


class NotFound(GradusError):
    """The thing named does not exist."""

    code = "not_found"


class Conflict(GradusError):
    """The thing exists, in a state that does not allow this."""

    code = "conflict"


class StaleRevision(GradusError):
    """The thing changed since the caller last read it."""

    code = "stale_revision"


class Refused(GradusError):
    """The input is understood and wrong; `findings` name each place."""

    code = "refused"


class TooLarge(GradusError):
    """The input is larger than a limit of this server."""

    code = "too_large"


class Unauthenticated(GradusError):
    """No valid key came with the request."""

    code = "unauthenticated"


class Forbidden(GradusError):
    """The key is valid and lacks the scope."""

    code = "forbidden"


class Overloaded(GradusError):
    """More waits than this process will hold; try again later."""

    code = "overloaded"


class Unavailable(GradusError):
    """Something this server depends on does not answer."""

    code = "unavailable"


class Fenced(GradusError):
    """Another attempt owns the job now; this writer must write nothing more."""

    code = "fenced"


class Diverged(GradusError):
    """The loss or a weight is no longer a finite number."""

    code = "diverged"
