"""Which training rows a net's graph speaks of, and that a package never waits for its graph."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from services.worker.data.batches import EncodedRecords, EpochPlan, RecordBatches
from services.worker.package.netgraph import MIN_ROWS
from services.worker.training.loop import Batches
from services.worker.training.objective import Objective, objective_of
from services.worker.trainings.portrait import MAX_ROWS, training_rows, with_graph
from tests.support.lessons import LESSONS, RECORDS, ward
from tests.support.packages import PAPERS


@dataclass(frozen=True)
class Trained:
    """What a training has."""

    net: nn.Module
    batches: Batches
    objective: Objective


def trained(name: str) -> Trained:
    lesson = LESSONS[name]
    return Trained(lesson.net(), lesson.batches(), lesson.objective)


def ward_of(rows: int, *, batch_size: int = 8) -> RecordBatches:
    """Return batches of the ward's records, begun again where there are fewer."""
    held = ward()
    index = torch.arange(rows).numpy() % RECORDS
    records = EncodedRecords(held.numbers[index], held.codes[index], held.labels[index])
    return RecordBatches(records, plan=EpochPlan(rows=rows, batch_size=batch_size, seed=7), device="cpu")


@pytest.mark.parametrize("name", LESSONS)
def test_every_training_has_its_graph_with_the_statistics_of_its_rows(name: str):
    found = with_graph(PAPERS, trained(name), name=name.partition("-")[0]).graph
    assert found is not None
    assert found.sample is not None
    assert (found.sample.source, found.sample.rows >= MIN_ROWS) == ("training", True)
    assert {node.path for node in found.nodes if node.weights and node.gradient_norm is None} == set()


def test_the_rows_are_the_first_ones_of_training_each_once():
    sitter = trained("mlp")
    rows = training_rows(sitter)
    assert rows is not None
    first = [sitter.batches.take(step) for step in range(8)]
    assert torch.equal(rows.inputs[0], torch.cat([b.inputs[0] for b in first])[:RECORDS])
    assert rows.targets is not None
    assert len(rows.targets) == RECORDS


@pytest.mark.parametrize(("rows", "wanted"), [(31, None), (32, 32), (256, 256), (300, MAX_ROWS)])
def test_it_speaks_of_32_to_256_rows_or_of_none(rows: int, wanted: int | None):
    found = training_rows(Trained(nn.Identity(), ward_of(rows), objective_of(task="diagnose")))
    assert (None if found is None else len(found.inputs[0])) == wanted


def test_looking_at_batches_again_changes_none_of_them():
    sitter, other = trained("neumf"), trained("neumf")
    wanted = [other.batches.take(step).inputs for step in (3, 4)]
    training_rows(sitter)
    came = [sitter.batches.take(step).inputs for step in (3, 4)]
    assert all(
        torch.equal(a, b) for x, y in zip(wanted, came, strict=True) for a, b in zip(x, y, strict=True)
    )


def test_a_net_without_a_graph_keeps_its_papers():
    stranger = dataclasses.replace(trained("mlp"), net=nn.Linear(2, 1))
    assert with_graph(PAPERS, stranger, name="stranger") is PAPERS
