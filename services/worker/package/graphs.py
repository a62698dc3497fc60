"""Each net as an ONNX graph, written from its weights alone.

A recommender's graph scores every given user against every given item, so whatever depends on one of the two
alone is computed once, not once a pair. Writing the few graphs by hand takes milliseconds and no exporter.

Shapes: B users or records, N items, U and I all users and items, D embedding, F number inputs, C categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.worker.package.activations import ACTIVATIONS
from services.worker.package.graph import Graph
from shared.catalog import ActivationName

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """An affine map y = x·Wᵀ + b: `weight` [out, in], `bias` [out]."""

    weight: Weights
    bias: Weights


@dataclass(frozen=True, slots=True)
class MfWeights:
    """Scores b + b_u + b_i + p_u·q_i: factors [U, D] and [I, D], biases [U], [I] and []."""

    user_factors: Weights
    item_factors: Weights
    user_bias: Weights
    item_bias: Weights
    bias: Weights


@dataclass(frozen=True, slots=True)
class NeumfWeights:
    """Scores h·[p⊙q ; MLP([p'; q'])] + b, tables [U, 2D] and [I, 2D] of rows [p; p'] and [q; q'].

    The MLP's first layer stands in two halves, W·[p'; q'] + b = `user_half`·p' + `item_half`(q').
    """

    users: Weights
    items: Weights
    user_half: Weights
    item_half: Layer
    hidden: Sequence[Layer]
    product_head: Weights
    deep_head: Layer
    activation: ActivationName = "relu"


@dataclass(frozen=True, slots=True)
class MlpWeights:
    """Logits of an MLP over numbers and then the embedding [levels, width] of each category."""

    numbers: int
    embeddings: Sequence[Weights]
    hidden: Sequence[Layer]
    head: Layer
    activation: ActivationName = "relu"


def mf_graph(weights: MfWeights) -> bytes:
    """Write matrix factorisation: one matrix product and three biases."""
    graph = _ranking_graph("mf")
    factors_BD, factors_ND = _pick(graph, weights.user_factors, weights.item_factors)
    bias_B, bias_N = _pick(graph, weights.user_bias.reshape(-1, 1), weights.item_bias.reshape(-1))
    products_BN = _products(graph, factors_BD, factors_ND, width=weights.user_factors.shape[1])
    with_users_BN = graph.add("Add", products_BN, bias_B)
    with_items_BN = graph.add("Add", with_users_BN, bias_N)
    return _ranking_model(graph, graph.add("Add", with_items_BN, graph.weight(weights.bias.reshape(1))))


def neumf_graph(weights: NeumfWeights) -> bytes:
    """Write neural matrix factorisation: a matrix product beside a perceptron on [B, N, width]."""
    graph = _ranking_graph("neumf")
    user_B2D, item_N2D = _pick(graph, weights.users, weights.items)
    product_BD, deep_BD = _halves(graph, user_B2D, weights.users.shape[1] // 2)
    product_ND, deep_ND = _halves(graph, item_N2D, weights.items.shape[1] // 2)
    weighted_BD = graph.add("Mul", product_BD, graph.weight(weights.product_head.reshape(1, -1)))
    products_BN = _products(graph, weighted_BD, product_ND, width=len(weights.product_head))
    user_BH = graph.add("MatMul", deep_BD, graph.weight(weights.user_half.T))
    user_B1H = graph.add("Unsqueeze", user_BH, graph.weight(np.array([1])))
    item_NH = _affine(graph, deep_ND, weights.item_half)
    activate = ACTIVATIONS[weights.activation]
    values_BNH = activate(graph, graph.add("Add", user_B1H, item_NH))
    for layer in weights.hidden:
        values_BNH = activate(graph, _affine_last(graph, values_BNH, layer))
    deep_BN = graph.add(
        "Squeeze", _affine_last(graph, values_BNH, weights.deep_head), graph.weight(np.array([2]))
    )
    return _ranking_model(graph, graph.add("Add", products_BN, deep_BN))


def mlp_graph(weights: MlpWeights) -> bytes:
    """Write the multilayer perceptron over records."""
    graph = Graph("mlp")
    graph.input("numbers", "float32", ["B", weights.numbers])
    graph.input("codes", "int64", ["B", len(weights.embeddings)])
    parts = ["numbers"]
    for column, table in enumerate(weights.embeddings):
        codes_B = graph.add("Gather", "codes", graph.weight(np.array(column)), axis=1)
        parts.append(graph.add("Gather", graph.weight(table), codes_B, axis=0))
    values = graph.add("Concat", *parts, axis=1)
    for layer in weights.hidden:
        values = ACTIVATIONS[weights.activation](graph, _affine(graph, values, layer))
    logits_B = graph.add("Squeeze", _affine(graph, values, weights.head), graph.weight(np.array([1])))
    return graph.finish(logits_B, name="logit", shape=["B"], about={"net": "mlp"})


def _ranking_graph(name: str) -> Graph:
    graph = Graph(name)
    graph.input("user", "int64", ["B"])
    graph.input("item", "int64", ["N"])
    return graph


def _ranking_model(graph: Graph, scores_BN: str) -> bytes:
    return graph.finish(scores_BN, name="score", shape=["B", "N"], about={})


def _pick(graph: Graph, users: Weights, items: Weights) -> tuple[str, str]:
    """Take the rows of the users and items asked for."""
    return (
        graph.add("Gather", graph.weight(users), "user", axis=0),
        graph.add("Gather", graph.weight(items), "item", axis=0),
    )


def _products(graph: Graph, users_BD: str, items_ND: str, *, width: int) -> str:
    """Write all inner products [B, N].

    A row of zeros is added and cut off again: ONNX Runtime multiplies a single row in another order than
    several, so the last bit of a user's scores would depend on whether others are asked for beside them.
    """
    padded = graph.add("Concat", users_BD, graph.weight(np.zeros((1, width), dtype=np.float32)), axis=0)
    products = graph.add("Gemm", padded, items_ND, transB=1)
    first, last, axis = (graph.weight(np.array([number])) for number in (0, -1, 0))
    return graph.add("Slice", products, first, last, axis)


def _halves(graph: Graph, rows: str, width: int) -> tuple[str, str]:
    """Cut rows [p; p'] into p and p', each `width` wide."""
    axis = graph.weight(np.array([1]))
    cuts = [graph.weight(np.array([cut])) for cut in (0, width, 2 * width)]
    return graph.add("Slice", rows, cuts[0], cuts[1], axis), graph.add("Slice", rows, cuts[1], cuts[2], axis)


def _affine(graph: Graph, values: str, layer: Layer) -> str:
    """Write x·Wᵀ + b for a matrix x."""
    return graph.add("Gemm", values, graph.weight(layer.weight), graph.weight(layer.bias), transB=1)


def _affine_last(graph: Graph, values: str, layer: Layer) -> str:
    """Write x·Wᵀ + b over the last axis of any x."""
    return graph.add(
        "Add", graph.add("MatMul", values, graph.weight(layer.weight.T)), graph.weight(layer.bias)
    )
