"""`make up` looks after its processes, and says what keeps it from starting."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from tests.support.installation import ROOT, Installation, installed, wait_until_ready
from tests.support.ports import free_ports
from tests.support.processes import alive

MARKS = {
    "postgres": "/postgres/cluster",
    "valkey": "valkey-server",
    "worker": "-m services.worker$",
    "sweeper": "-m services.worker.sweeper$",
    "gateway": "-m services.api$",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation of this module's own: its processes are killed here."""
    with installed(tmp_path_factory.mktemp("upkeep") / "home") as installation:
        yield installation


def launchers(home: Path) -> list[psutil.Process]:
    """The processes `services.standalone` of a home, less those that they start and that are not yet others.

    A process that was just forked has the launcher's command line until it runs its own program.
    """
    found: dict[int, psutil.Process] = {}
    started_by: dict[int, int] = {}
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("GRADUS_HOME") == str(home)
            if (
                ours
                and "services.standalone" in process.cmdline()
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                started_by[process.pid] = process.ppid()
                found[process.pid] = process
        except psutil.Error:
            continue
    return [process for pid, process in found.items() if started_by[pid] not in found]


def parts(home: Path) -> dict[str, psutil.Process]:
    """The processes that the launcher looks after, by name."""
    (launcher,) = launchers(home)
    found: dict[str, psutil.Process] = {}
    for child in launcher.children():
        with suppress(psutil.Error):  # it may end while it is looked at
            line = " ".join(child.cmdline())
            found |= {name: child for name, mark in MARKS.items() if re.search(mark, line)}
    return found


def started_anew(home: Path, name: str, before: int) -> bool:
    part = parts(home).get(name)
    return part is not None and part.pid != before


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    give_up = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def start_up(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Try to start another installation that must not start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    environment |= {"GRADUS_HOME": str(home), "GRADUS_PORT": str(port), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "services.standalone", "up"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", MARKS)
def test_a_killed_part_is_started_again_and_the_terminal_says_so(running: Installation, name: str) -> None:
    assert eventually(lambda: name in parts(running.home))
    before = parts(running.home)[name].pid
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: f"{name} ended (signal 9); starting it again" in told(running))
    assert eventually(lambda: started_anew(running.home, name, before))
    assert eventually(lambda: ready(running.url))
    assert running.get("/v1/models")["data"] == []


def told(running: Installation) -> str:
    return (running.home / "up.out").read_text()


def test_a_second_installation_on_the_same_home_is_refused(running: Installation) -> None:
    (launcher,) = launchers(running.home)
    said = start_up(running.home, free_ports(3))
    assert said.returncode == 1
    assert f"is in use by another Gradus (process {launcher.pid})" in said.stderr
    assert "Traceback" not in said.stderr
    assert ready(running.url)


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        said = start_up(tmp_path / "home", port)
    assert said.returncode == 1
    assert f"port {port} on 127.0.0.1, for the gateway, is taken" in said.stderr
    assert "set GRADUS_PORT" in said.stderr
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_setting_that_cannot_be_is_named(tmp_path: Path) -> None:
    said = start_up(tmp_path / "home", 99_999)
    assert said.returncode == 1
    assert said.stderr.startswith("GRADUS_PORT: ")
    assert "Traceback" not in said.stderr


def test_a_killed_launcher_takes_every_process_with_it_and_the_next_start_keeps_all(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_ports(3)
    with up(home, port) as (process, key):
        mine = psutil.Process(process.pid).children(recursive=True)
        assert {"postgres", "valkey", "worker", "sweeper", "gateway"} <= set(parts(home))
        process.kill()
        process.wait()
        assert eventually(lambda: not any(alive(p.pid) for p in mine))
    with up(home, port) as (process, same):
        assert same == key
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"http://127.0.0.1:{port}/v1/keys", headers=headers, timeout=10).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=90) == 0


@contextmanager
def up(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """An installation whose launcher the test may kill, and its key."""
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    environment |= {"GRADUS_HOME": str(home), "GRADUS_PORT": str(port), "PYTHONPATH": str(ROOT)}
    with (home / "up.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.standalone", "up"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process, home)
        yield process, (home / "admin.key").read_text().strip()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=90)
