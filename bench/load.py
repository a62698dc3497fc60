"""A closed-loop load generator: some connections, each sending its next request when the answer is there.

`wrk` is used where it is installed, since it costs the machine least; otherwise an asyncio client of ours.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WRK_SCRIPT = """
local bodies = {%s}
local headers = {["Authorization"] = "Bearer %s", ["Content-Type"] = "application/json"}
local turn = 0
request = function()
  turn = turn %% #bodies + 1
  return wrk.format("POST", nil, headers, bodies[turn])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests": %%d, "microseconds": %%d, "p50": %%d, "p99": %%d, "errors": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: an address of a loopback port, a key, and bodies sent in turn."""

    port: int
    path: str
    token: str
    bodies: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one round."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def generator() -> str:
    """Name the generator that `measure` will use."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def measure(target: Target, *, connections: int, seconds: int) -> Load:
    """Load an address for some seconds."""
    if generator() == "wrk":
        return _wrk(target, connections=connections, seconds=seconds)
    return asyncio.run(_clients(target, connections=connections, seconds=seconds))


def _wrk(target: Target, *, connections: int, seconds: int) -> Load:
    bodies = ", ".join(json.dumps(body.decode()) for body in target.bodies)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "load.lua")
        script.write_text(WRK_SCRIPT % (bodies, target.token))
        url = f"http://127.0.0.1:{target.port}{target.path}"
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(output.strip().splitlines()[-1])
    rate = found["requests"] / found["microseconds"] * 1e6
    return Load(rate, found["p50"] / 1e3, found["p99"] / 1e3, found["errors"])


async def _clients(target: Target, *, connections: int, seconds: int) -> Load:
    until = time.perf_counter() + seconds
    started = time.perf_counter()
    runs = await asyncio.gather(*[_client(target, until=until, first=n) for n in range(connections)])
    elapsed = time.perf_counter() - started
    waits = np.array([wait for run in runs for wait, _ in run])
    p50, p99 = np.quantile(waits, (0.5, 0.99)) * 1e3
    errors = sum(1 for run in runs for _, ok in run if not ok)
    return Load(len(waits) / elapsed, float(p50), float(p99), errors)


async def _client(target: Target, *, until: float, first: int) -> list[tuple[float, bool]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    found: list[tuple[float, bool]] = []
    while time.perf_counter() < until:
        body = target.bodies[(first + len(found)) % len(target.bodies)]
        head = (
            f"POST {target.path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {target.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(int(h[15:]) for h in answer.lower().split(b"\r\n") if h.startswith(b"content-length:"))
        await reader.readexactly(length)
        found.append((time.perf_counter() - start, answer.startswith(b"HTTP/1.1 200")))
    writer.close()
    return found
