from uuid import uuid4

import pytest
from sqlalchemy import text

from shared.db.datasets import delete_dataset, get_dataset, insert_dataset, list_datasets
from shared.db.engine import Database
from shared.db.heartbeats import Heartbeat, beat, drop_silent, list_workers, live_slots, say_goodbye
from shared.db.jobs import get_job, request_cancel
from shared.db.keys import NewKey, create_key, list_keys, live_keys, new_token, revoke_key, token_digest
from shared.errors import Conflict, NotFound, Refused
from shared.specs.ids import new_uuid
from tests.support.rows import a_dataset, add_dataset, add_job


class TestDatasets:
    def test_the_same_upload_again_is_the_same_data_set(self, database: Database):
        with database.begin() as cx:
            first = insert_dataset(cx, dataset=a_dataset(idempotency_key="again"))
            second = insert_dataset(cx, dataset=a_dataset(idempotency_key="again"))
        assert (first.created, second.created) == (True, False)
        assert first.row == second.row

    def test_the_same_key_with_other_files_is_refused(self, database: Database):
        with database.begin() as cx:
            insert_dataset(cx, dataset=a_dataset(idempotency_key="again"))
            with pytest.raises(Refused):
                insert_dataset(cx, dataset=a_dataset(idempotency_key="again", request_sha256=b"other"))

    def test_data_sets_are_listed_newest_first_page_by_page(self, database: Database):
        made = []
        for _ in range(3):
            with database.begin() as cx:
                made.append(add_dataset(cx))
        with database.begin() as cx:
            first = list_datasets(cx, limit=2)
            rest = list_datasets(cx, limit=2, after=first[-1].id)
        assert [row.id for row in first + rest] == made[::-1]

    def test_a_data_set_in_use_is_not_deleted(self, database: Database):
        with database.begin() as cx:
            dataset_id = add_dataset(cx)
            job = add_job(cx, dataset_id=dataset_id)
            with pytest.raises(Conflict) as raised:
                delete_dataset(cx, dataset_id=dataset_id)
            assert raised.value.code == "dataset_in_use"
            request_cancel(cx, job_id=job.id)
            assert delete_dataset(cx, dataset_id=dataset_id).id == dataset_id
            with pytest.raises(NotFound):
                get_dataset(cx, dataset_id=dataset_id)
            assert get_job(cx, job_id=job.id).dataset_id is None


class TestKeys:
    def test_a_key_is_kept_as_a_digest_until_it_is_revoked(self, database: Database):
        token = new_token()
        digest = token_digest(token.text, secret=b"server")
        with database.begin() as cx:
            new = NewKey(id=new_uuid(), kid=token.kid, name="ann", scopes=["read"], digest=digest)
            row = create_key(cx, new=new)
            (live,) = live_keys(cx)
            assert (live.kid, live.scopes, live.digest) == (token.kid, frozenset({"read"}), digest)
            first = revoke_key(cx, key_id=row.id)
            assert revoke_key(cx, key_id=row.id) == first
            assert live_keys(cx) == []
            assert [key.kid for key in list_keys(cx)] == [token.kid]
            stored = cx.execute(text("SELECT row_to_json(api_key)::text FROM api_key")).scalar_one()
        assert token.text not in stored

    def test_revoking_an_unknown_key_is_not_found(self, database: Database):
        with database.begin() as cx, pytest.raises(NotFound):
            revoke_key(cx, key_id=uuid4())


class TestHeartbeats:
    def heart(self, worker_id: str, *, busy: int = 0) -> Heartbeat:
        return Heartbeat(worker_id=worker_id, hostname="h", device="cpu", slots=2, busy=busy)

    def test_a_worker_is_on_record_until_it_says_goodbye(self, database: Database):
        with database.begin() as cx:
            beat(cx, heartbeat=self.heart("w1"))
            beat(cx, heartbeat=self.heart("w1", busy=1))
            beat(cx, heartbeat=self.heart("w2"))
            assert [(w.worker_id, w.busy) for w in list_workers(cx)] == [("w1", 1), ("w2", 0)]
            assert live_slots(cx, within_seconds=60) == 4
            say_goodbye(cx, worker_id="w1")
            assert [w.worker_id for w in list_workers(cx)] == ["w2"]

    def test_a_silent_worker_has_no_slots_and_is_forgotten(self, database: Database):
        with database.begin() as cx:
            beat(cx, heartbeat=self.heart("w1"))
            cx.execute(text("UPDATE worker_heartbeat SET seen_at = clock_timestamp() - interval '1 h'"))
            assert live_slots(cx, within_seconds=60) == 0
            assert drop_silent(cx, after_seconds=600) == 1
