"""What can keep an embedded server from starting, said so that a person can act on it."""

from __future__ import annotations

from shared.errors import GradusError


class CannotStart(GradusError):
    """Something on this machine stands in the way; the message says what to do about it."""

    code = "cannot_start"


class InUse(CannotStart):
    """Another process serves this folder or this port."""

    code = "in_use"
