from pathlib import Path
from uuid import UUID

import pytest

from services.worker.leftovers import age_seconds, delete_leftovers
from shared.storage import Storage

OLD = UUID("01890a5d-ac96-774b-bcce-b302099a8057")  # made at 1688000310.422 s (the RFC's layout)
MADE = 0x01890A5DAC96 / 1000
DAY = 24 * 3600.0


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(tmp_path.as_uri())
    storage.save(f"uploads/{OLD}/ratings.csv", [b"1,2"])
    storage.save(f"datasets/{OLD}/v1/interactions.parquet", [b"x"])
    return storage


def test_the_age_of_an_id_is_in_its_first_48_bits():
    assert age_seconds(OLD, now=MADE + 5) == pytest.approx(5)


def test_a_set_being_read_keeps_its_files(storage: Storage):
    assert delete_leftovers(storage, known={OLD: "reading"}, now=MADE + 9 * DAY) == []


def test_a_set_that_was_read_keeps_only_its_columns(storage: Storage):
    assert delete_leftovers(storage, known={OLD: "ready"}, now=MADE + 9 * DAY) == [f"uploads/{OLD}"]
    assert storage.list("uploads") == []
    assert storage.list("datasets") == [f"datasets/{OLD}/v1/interactions.parquet"]


def test_a_set_that_was_refused_keeps_nothing_however_young(storage: Storage):
    assert delete_leftovers(storage, known={OLD: "ready"}, now=MADE + 1) == []
    found = delete_leftovers(storage, known={OLD: "refused"}, now=MADE + 1)
    assert found == [f"datasets/{OLD}", f"uploads/{OLD}"]


def test_files_without_a_row_go_after_a_day(storage: Storage):
    assert delete_leftovers(storage, known={}, now=MADE + DAY - 1) == []
    assert delete_leftovers(storage, known={}, now=MADE + DAY + 1) == [f"datasets/{OLD}", f"uploads/{OLD}"]


def test_folders_of_others_are_left_alone(storage: Storage):
    storage.save("uploads/readme/notes.txt", [b"mine"])
    delete_leftovers(storage, known={}, now=MADE + 9 * DAY)
    assert storage.list("uploads") == ["uploads/readme/notes.txt"]


def test_what_a_killed_gateway_left_half_written_is_deleted(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    half = tmp_path / "uploads" / str(OLD) / ".0123456789abcdef.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"user,item")
    assert delete_leftovers(storage, known={}, now=MADE + DAY + 1) == [f"uploads/{OLD}"]
    assert not half.exists()
