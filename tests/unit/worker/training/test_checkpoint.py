"""A checkpoint is whole, is of this net, and changes nothing when it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from services.worker.data.batches import PairBatches, RecordBatches
from services.worker.nets import Net
from services.worker.training.checkpoint import (
    Snapshot,
    capture,
    digest,
    from_bytes,
    restore,
    restore_weights,
    to_bytes,
)
from services.worker.training.loop import train
from services.worker.training.optim import SteppedOptimizer, make_optimizer
from shared.catalog import MfParams
from shared.errors import Conflict
from shared.specs.optimizers import AdamParams, OptimizerParams, SgdParams
from tests.support.lessons import LESSONS, Lesson, pair_lesson, scheduled

ADAM = AdamParams(name="adam")
Parts = tuple[Net, SteppedOptimizer, PairBatches | RecordBatches]


def parts(lesson: Lesson = LESSONS["mf"], params: OptimizerParams = ADAM) -> Parts:
    net = lesson.net()
    schedule = scheduled({"name": "constant", "base_lr": 0.1}, optimizer=params, steps=24)
    return net, make_optimizer(net, params, schedule), lesson.batches()


def trained(steps: int = 5) -> Parts:
    net, optimizer, batches = parts()
    list(
        train(
            net, batches=batches, objective=LESSONS["mf"].objective, optimizer=optimizer, steps=range(steps)
        )
    )
    return net, optimizer, batches


def snapshot_of(made: Parts, extra: dict[str, object] | None = None) -> Snapshot:
    net, optimizer, batches = made
    return capture(net, optimizer=optimizer, batches=batches, step=5, extra=extra or {})


def test_a_snapshot_survives_its_bytes():
    extra = {"stopping": {"best": None, "bad": 2}, "last_event_seq": 7}
    snapshot = snapshot_of(trained(), extra)
    blob = to_bytes(snapshot)
    again = from_bytes(blob, sha256_hex=digest(blob))
    assert (again.step, again.batches, again.extra) == (5, snapshot.batches, extra)
    assert again.tensors.keys() == snapshot.tensors.keys()
    assert all(torch.equal(again.tensors[k], snapshot.tensors[k]) for k in snapshot.tensors)


def test_the_bytes_are_plain_safetensors_with_names_a_reader_understands(tmp_path: Path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(to_bytes(snapshot_of(trained())))
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["gradus"])["step"] == 5
        assert {"net/users", "optimizer/users/exp_avg", "optimizer/users/step", "rng/cpu"} <= set(file.keys())


def test_training_on_does_not_change_what_was_captured():
    made = trained()
    snapshot = snapshot_of(made)
    before = {name: t.clone() for name, t in snapshot.tensors.items()}
    net, optimizer, batches = made
    list(
        train(net, batches=batches, objective=LESSONS["mf"].objective, optimizer=optimizer, steps=range(5, 9))
    )
    assert all(torch.equal(snapshot.tensors[name], t) for name, t in before.items())


def test_equal_states_have_equal_bytes():
    torch.manual_seed(0)
    first = to_bytes(snapshot_of(trained()))
    torch.manual_seed(0)
    assert to_bytes(snapshot_of(trained())) == first


def test_one_flipped_bit_is_found():
    blob = to_bytes(snapshot_of(trained()))
    damaged = blob[:-1] + bytes([blob[-1] ^ 1])
    with pytest.raises(Conflict, match="SHA-256 differs"):
        from_bytes(damaged, sha256_hex=digest(blob))


@pytest.mark.parametrize("keep", [0, 7, 8, 100, -1])
def test_half_a_checkpoint_is_refused(keep: int) -> None:
    with pytest.raises(Conflict, match="not a checkpoint"):
        from_bytes(to_bytes(snapshot_of(trained()))[:keep])


def test_safetensors_of_someone_else_are_refused():
    from safetensors.torch import save

    with pytest.raises(Conflict, match="not a checkpoint"):
        from_bytes(save({"weight": torch.zeros(2)}))


OTHERS = {
    "a wider net": parts(pair_lesson(MfParams(embedding_dim=5))),
    "another net": parts(LESSONS["neumf"]),
    "another optimizer": parts(params=SgdParams(name="sgd", momentum=0.9)),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_of_something_else_is_refused_and_changes_nothing(other: str) -> None:
    net, optimizer, batches = OTHERS[other]
    before = {name: t.clone() for name, t in net.state_dict().items()}
    with pytest.raises(Conflict, match=r"of another net or optimizer; .*wanted .* came "):
        restore(snapshot_of(trained()), net=net, optimizer=optimizer, batches=batches)
    assert all(torch.equal(before[name], t) for name, t in net.state_dict().items())


def test_a_checkpoint_of_other_data_is_refused_and_changes_nothing():
    net, optimizer, _ = parts()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    with pytest.raises(Conflict, match="other batches"):
        restore(
            snapshot_of(trained()), net=net, optimizer=optimizer, batches=LESSONS["mf-explicit"].batches()
        )
    assert all(torch.equal(before[name], t) for name, t in net.state_dict().items())


def test_the_weights_alone_can_be_put_back():
    made = trained()
    fresh, _, _ = parts()
    restore_weights(snapshot_of(made), net=fresh)
    assert all(torch.equal(fresh.state_dict()[name], t) for name, t in made[0].state_dict().items())
