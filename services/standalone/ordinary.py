"""Become an ordinary user, promise to die with the owner, then turn into another program.

Run by path, before any package is imported:
`python -I -S ordinary.py WAY SIGNAL OWNER_PID PROGRAM ARGUMENT…`. A fresh interpreter instead of a
`preexec_fn`, because a hook between fork and exec is unsafe once the caller has threads.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
NOBODY = 65534
CANNOT_CHANGE_USER = 97
CANNOT_EXECUTE = 98


def enter_user_namespace() -> None:
    """Map our own uid and gid to `nobody` for this process tree; files and modes stay as they are.

    The program sees an ordinary uid, the kernel still sees the real one. Source: user_namespaces(7).
    """
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    lines = {"setgroups": "deny", "uid_map": f"{NOBODY} {uid} 1", "gid_map": f"{NOBODY} {gid} 1"}
    for name, line in lines.items():
        Path("/proc/self", name).write_text(line)


def become_nobody() -> None:
    """Give up root for the user `nobody`; its folders must have been handed over before."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def die_with_owner(signal_number: int, owner_pid: int) -> None:
    """Ask the kernel for a signal when the thread that started us ends (Linux; elsewhere nothing)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != owner_pid:  # the owner died before the request was made
        sys.exit(0)


WAYS = {"as_is": lambda: None, "namespace": enter_user_namespace, "nobody": become_nobody}


def main(way: str, signal_number: str, owner_pid: str, program: str, *arguments: str) -> None:
    """Change user, arrange the end, execute; on failure print `errno` and exit with a code of ours."""
    try:
        WAYS[way]()
    except OSError as error:
        sys.stderr.write(f"{error.errno}\n")
        sys.exit(CANNOT_CHANGE_USER)
    die_with_owner(int(signal_number), int(owner_pid))
    try:
        os.execv(program, [program, *arguments])  # noqa: S606 (no shell is wanted)
    except OSError as error:
        sys.stderr.write(f"{error.errno}\n")
        sys.exit(CANNOT_EXECUTE)


if __name__ == "__main__":
    main(*sys.argv[1:])
