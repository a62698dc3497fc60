"""Ports for servers that tests start."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

# Below the range that the kernel takes local ports of outgoing connections from (32768 to 60999 on Linux).
RANGE = range(20_000, 32_000)
_draw = random.SystemRandom()  # of its own: seeded tests must not draw the same ports as another run


def free_ports(count: int = 1) -> int:
    """Return the first of `count` neighbouring ports that nobody listens on now, drawn anew at every call."""
    for _ in range(1000):
        base = _draw.choice(RANGE)
        with ExitStack() as probes:
            try:
                for port in range(base, base + count):
                    probes.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")
