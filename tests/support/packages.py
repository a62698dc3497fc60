"""Real packages of tiny nets: the same seed gives the same bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.worker.nets import Net, Sizes, build
from services.worker.package import (
    Names,
    Outcome,
    Pairs,
    Papers,
    Validation,
    diagnosis_package,
    recommender_package,
)
from services.worker.package.netgraph import graphs_of_net
from shared.catalog import MfParams, MlpParams, RecommendNet
from shared.features.records import RecordEncoder

PAPERS = Papers(report={"sentence": "mf won"}, card={"data": "a checkerboard"}, origin={"job": "job_1"})
LEVELS = ("a", "b", "c")
MakePapers = Callable[[Net], Papers]

NumberColumns = dict[str, NDArray[np.float64]]
TextColumns = dict[str, list[str | None]]


def undrawn(net: Net) -> Papers:
    """Return papers without a graph of the net, as packages had them before there were graphs."""
    del net
    return PAPERS


def drawn(net: Net) -> Papers:
    """Return papers with the graphs of the net."""
    graphs = graphs_of_net(net, name=type(net).__name__.lower(), rows=None)
    return dataclasses.replace(PAPERS, graph=graphs.layers, operations=graphs.operations)


def columns(
    *, numbers: int, categories: int, rows: int = 400, seed: int = 0
) -> tuple[NumberColumns, TextColumns]:
    """Return random columns `n0…` and `c0…`; the even ones are missing in a tenth of the rows."""
    draw = np.random.default_rng(seed)
    found_numbers = {f"n{i}": draw.normal(10.0 * i, 1.0 + i, rows) for i in range(numbers)}
    found_texts: TextColumns = {
        f"c{i}": [LEVELS[v] for v in draw.integers(0, len(LEVELS), rows)] for i in range(categories)
    }
    for i in range(0, numbers, 2):
        found_numbers[f"n{i}"][draw.random(rows) < 0.1] = np.nan
    for i in range(0, categories, 2):
        gone = draw.random(rows) < 0.1
        found_texts[f"c{i}"] = [None if g else t for g, t in zip(gone, found_texts[f"c{i}"], strict=True)]
    return found_numbers, found_texts


def fitted_encoder(*, numbers: int = 2, categories: int = 1, seed: int = 0) -> RecordEncoder:
    """Return an encoder fitted on random columns."""
    return RecordEncoder.fit(
        *columns(numbers=numbers, categories=categories, seed=seed), transform="quantile"
    )


def tiny_diagnosis(
    *,
    numbers: int = 2,
    categories: int = 1,
    seed: int = 0,
    hidden: tuple[int, ...] = (8,),
    papers: MakePapers = undrawn,
) -> bytes:
    """Return the package of an untrained `mlp`; another seed is another net over the same columns."""
    encoder = fitted_encoder(numbers=numbers, categories=categories)
    net = build(MlpParams(hidden=hidden), Sizes(numbers=encoder.width, levels=encoder.levels), seed=seed)
    draw = np.random.default_rng(seed)
    probabilities = draw.random(200)
    labels = (draw.random(200) < probabilities).astype(np.int64)
    return diagnosis_package(
        net,
        encoder=encoder,
        outcome=Outcome(target="died", positive="1", rows=400, base_rate=0.25),
        validation=Validation(probabilities=probabilities, labels=labels),
        papers=papers(net),
    )


def checkerboard(*, users: int = 20, items: int = 12) -> Pairs:
    """Return clicks of even users on even items and odd users on odd items, two items short for each."""
    pairs = [
        (user, item)
        for user in range(users)
        for item in range(user % 2, items, 2)
        if item not in (user % items, (user + 2) % items)
    ]
    return Pairs(*np.array(pairs, dtype=np.int32).T.copy())


def tiny_recommender(
    *,
    seed: int = 0,
    users: int = 20,
    items: int = 12,
    params: RecommendNet | None = None,
    papers: MakePapers = undrawn,
) -> bytes:
    """Return the package of an untrained recommender over the checkerboard; ids are `u0…` and `i0…`."""
    met = checkerboard(users=users, items=items)
    net = build(params or MfParams(embedding_dim=4), Sizes(users=users, items=items), seed=seed)
    names = Names(
        user_ids=[f"u{n}" for n in range(users)],
        item_ids=[f"i{n}" for n in range(items)],
        item_columns={"title": [f"Film {n}" for n in range(items)]},
    )
    return recommender_package(
        net, names=names, training=met, known=met, feedback="implicit", papers=papers(net)
    )
