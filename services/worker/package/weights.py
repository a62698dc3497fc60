"""From a trained net to the arrays that its graph is written from; one entry a net."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from services.worker.nets.mf import Mf
from services.worker.nets.mlp import Mlp
from services.worker.nets.neumf import Neumf
from services.worker.package.graphs import (
    Layer,
    MfWeights,
    MlpWeights,
    NeumfWeights,
    Weights,
    mf_graph,
    mlp_graph,
    neumf_graph,
)

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def served_form(net: AnyModule) -> AnyModule:
    """Return a copy of the net as it will be served: on the CPU, in float32, without dropout."""
    return copy.deepcopy(net).to("cpu", torch.float32).eval()


def graph_of(net: nn.Module) -> bytes:
    """Return the ONNX model of a net in its served form."""
    return WRITERS[type(net)](net)


def _mf(net: Mf) -> bytes:
    return mf_graph(
        MfWeights(
            user_factors=_array(net.users),
            item_factors=_array(net.items),
            user_bias=_array(net.user_bias),
            item_bias=_array(net.item_bias),
            bias=_array(net.bias),
        )
    )


def _neumf(net: Neumf) -> bytes:
    return neumf_graph(
        NeumfWeights(
            users=_beside(net.users, net.deep_users),
            items=_beside(net.items, net.deep_items),
            user_half=_array(net.user_layer.weight),
            item_half=_layer(net.item_layer),
            hidden=_layers(net.body),
            product_head=_array(net.product_head),
            deep_head=_layer(net.body_head),
            activation=net.body.activation,
        )
    )


def _mlp(net: Mlp) -> bytes:
    tables = [_array(weight) for weight in net.tables]
    layers = [*_layers(net.body), _layer(net.head)]
    numbers = layers[0].weight.shape[1] - sum(table.shape[1] for table in tables)
    return mlp_graph(
        MlpWeights(
            numbers=numbers,
            embeddings=tables,
            hidden=layers[:-1],
            head=layers[-1],
            activation=net.body.activation,
        )
    )


def _array(parameter: torch.Tensor) -> Weights:
    return np.asarray(parameter.detach().numpy())


def _beside(left: torch.Tensor, right: torch.Tensor) -> Weights:
    return np.concatenate([_array(left), _array(right)], axis=1)


def _layer(layer: nn.Linear) -> Layer:
    return Layer(weight=_array(layer.weight), bias=_array(layer.bias))


def _layers(body: nn.Sequential) -> list[Layer]:
    return [_layer(layer) for layer in body if isinstance(layer, nn.Linear)]


WRITERS: dict[type[nn.Module], Callable[[Any], bytes]] = {Mf: _mf, Neumf: _neumf, Mlp: _mlp}
