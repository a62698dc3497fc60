from sqlalchemy import text

from shared.db.engine import Connection, Database
from shared.db.sweeps import list_sweeps

FIVE_THOUSAND = text(
    "INSERT INTO sweep (id, owner, model, spec, request_sha256, created_at) "
    "SELECT gen_random_uuid(), 'x', 'films', '{}', '', timestamptz '2026-01-01' + n / 2 * interval '1 s' "
    "FROM generate_series(1, 5000) AS n"
)


def scans_of_sweeps(cx: Connection) -> tuple[int, int]:
    """Return how often this transaction has read the table whole, and how often by an index."""
    wanted = "SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'sweep'"
    whole, by_index = cx.execute(text(wanted)).one()
    return int(whole), int(by_index)


def test_a_page_of_sweeps_is_read_by_their_index_wherever_it_begins(database: Database):
    with database.begin() as cx:
        cx.execute(FIVE_THOUSAND)
    with database.begin() as cx:
        cx.execute(text("ANALYZE sweep"))
    with database.begin() as cx:
        before, _ = scans_of_sweeps(cx)
        first = list_sweeps(cx, limit=21)
        second = list_sweeps(cx, limit=21, after=first[-2].id)
        after, by_index = scans_of_sweeps(cx)
    assert after == before
    assert by_index >= 3  # both pages, and the row that the second one begins behind
    assert first[-1] == second[0]  # two sweeps to a second: neither lost nor shown twice
    assert [row.created_at for row in first] == sorted((row.created_at for row in first), reverse=True)
