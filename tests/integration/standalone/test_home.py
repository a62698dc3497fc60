"""One home, one installation; a home that cannot be used says why."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from services.standalone import process
from services.standalone.errors import CannotStart, InUse
from services.standalone.home import check_port, open_home
from services.standalone.passwords import password_in
from services.standalone.process import trim_log


def test_a_second_installation_on_the_same_home_is_refused_and_names_the_first(tmp_path: Path) -> None:
    _, lock = open_home(tmp_path / "home")
    with lock, pytest.raises(InUse, match=f"in use by another Gradus \\(process {os.getpid()}\\)"):
        open_home(tmp_path / "home")


def test_a_home_is_free_again_when_its_installation_ended(tmp_path: Path) -> None:
    open_home(tmp_path / "home")[1].close()
    open_home(tmp_path / "home")[1].close()


def test_two_homes_stand_side_by_side(tmp_path: Path) -> None:
    with open_home(tmp_path / "one")[1], open_home(tmp_path / "two")[1]:
        assert (tmp_path / "one" / "logs").is_dir()
        assert (tmp_path / "two" / "logs").is_dir()


def test_a_home_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"cannot write in .*file/home \(ENOTDIR\)"):
        open_home(tmp_path / "file" / "home")


def test_a_new_home_is_private(tmp_path: Path) -> None:
    open_home(tmp_path / "home")[1].close()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_taken_port_is_named_with_the_setting_that_moves_it() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(InUse, match=rf"port {port} .* gateway, is taken \(EADDRINUSE\); set GRADUS_PORT"):
            check_port("127.0.0.1", port, purpose="gateway", setting="GRADUS_PORT")
    check_port("127.0.0.1", port, purpose="gateway", setting="GRADUS_PORT")


def test_a_password_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = password_in(tmp_path / "secret.key")
    assert len(first) == 43  # 32 bytes in base64
    assert password_in(tmp_path / "secret.key") == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_long_log_is_set_aside_while_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOG_MAX_BYTES", 10)
    path = tmp_path / "gateway.log"
    with process.open_log(path) as log:
        log.write(b"twelve bytes")
        log.flush()
        trim_log(path)
        log.write(b"more")
    assert (tmp_path / "gateway.log.1").read_bytes() == b"twelve bytes"
    assert path.read_bytes() == b"more"


def test_what_a_crash_left_half_written_is_never_a_password(tmp_path: Path) -> None:
    (tmp_path / "secret.key.new").write_text("")
    assert len(password_in(tmp_path / "secret.key")) >= 40
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
