"""What runs on this machine, asked in ways that stay right while processes end."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped, unused-ignore]


def alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def children_of(pid: int) -> list[int]:
    """Return the children that every thread of a process started; none when it is gone."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def command_of(pid: int) -> str:
    """Return a process's command line; nothing when it is gone."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:  # of which a zombie is one
        return ""
