"""`make demo` as its users start it, once for all tests of this folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.installation import ROOT
from tests.support.ports import free_ports

FIRST_SECONDS = 600.0
SERVING = "Serving until Ctrl-C."


@dataclass
class DemoRun:
    """A demo on a home of its own; `output` is what the last start has said."""

    home: Path
    port: int
    starts: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        """Where its gateway answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """Its admin key."""
        return (self.home / "admin.key").read_text().strip()

    @property
    def output(self) -> str:
        """Everything that the last start has printed."""
        return self._out.read_text()

    @property
    def _out(self) -> Path:
        return self.home.parent / f"demo-{self.starts}.out"

    def start(self) -> float:
        """Start, wait until the demo has told everything, and return how many seconds that took."""
        self.starts += 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
        environment |= {"GRADUS_HOME": str(self.home), "GRADUS_PORT": str(self.port), "PYTHONPATH": str(ROOT)}
        began = time.monotonic()
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.standalone", "demo"],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while SERVING not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < began + FIRST_SECONDS, self.output
            time.sleep(0.1)
        return time.monotonic() - began

    def stop(self) -> int:
        """Press Ctrl-C and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=90)


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """A demo that has trained its models and goes on serving."""
    run = DemoRun(tmp_path_factory.mktemp("demo") / "home", free_ports(3))
    run.start()
    yield run
    assert run.stop() == 0, run.output
