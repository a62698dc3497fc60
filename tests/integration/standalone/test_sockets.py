from __future__ import annotations

from pathlib import Path

import pytest

from services.standalone.sockets import SOCKET_PATH_MAX_BYTES, socket_folder


def test_a_socket_path_of_exactly_the_limit_stays_where_it_is_wanted(tmp_path: Path) -> None:
    room = SOCKET_PATH_MAX_BYTES - len(str(tmp_path)) - len("//s")
    if room < 1:
        pytest.skip("the temporary folder's own name is too long for this")
    exact, longer = tmp_path / ("x" * room), tmp_path / ("x" * (room + 1))
    assert socket_folder(exact, socket_name="s") == exact
    moved = socket_folder(longer, socket_name="s")
    moved.rmdir()
    assert moved.name.startswith("gradus-")
