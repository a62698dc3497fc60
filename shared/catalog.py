"""The menu of nets: their names, knobs and defaults. Each entry is one file in `services/worker/nets/`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Width = Annotated[int, Field(ge=1, le=8192)]
Widths = Annotated[tuple[Width, ...], Field(max_length=16, strict=False)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
ActivationName = Literal["relu", "tanh", "sigmoid", "gelu", "silu"]
InitName = Literal["default", "kaiming", "xavier", "torch"]
"""How hidden weights are drawn. `default` is Xavier before tanh and sigmoid, Kaiming before the others."""


class NetParams(BaseModel):
    """Knobs of one net."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MfParams(NetParams):
    """Matrix factorisation: b + b_u + b_i + p_u·q_i (Rendle et al., arXiv 1205.2618, 2005.09683)."""

    name: Literal["mf"] = "mf"
    embedding_dim: Annotated[int, Field(ge=1, le=2048)] = 64
    loss: Literal["bce", "bpr"] = "bce"
    negatives: Annotated[int, Field(ge=1, le=128)] = 4
    init_std: Annotated[float, Field(gt=0, le=1)] = 0.1


class NeumfParams(NetParams):
    """Neural matrix factorisation: h·[p⊙q ; MLP([p';q'])] (He et al., arXiv 1708.05031)."""

    name: Literal["neumf"] = "neumf"
    embedding_dim: Annotated[int, Field(ge=1, le=2048)] = 32
    """Width of each part's embedding: of the product, and of either half of the perceptron's input."""
    hidden: Annotated[tuple[Width, ...], Field(min_length=1, max_length=16, strict=False)] = (64, 32, 16)
    activation: ActivationName = "relu"
    init: InitName = "default"
    dropout: Dropout = 0.0
    loss: Literal["bce", "bpr"] = "bce"
    negatives: Annotated[int, Field(ge=1, le=128)] = 4
    init_std: Annotated[float, Field(gt=0, le=1)] = 0.01


class MlpParams(NetParams):
    """Records: category embeddings beside transformed numbers into a perceptron (arXiv 2106.11959)."""

    name: Literal["mlp"] = "mlp"
    hidden: Widths = (128, 64)
    activation: ActivationName = "relu"
    init: InitName = "default"
    dropout: Dropout = 0.1
    embedding_dim: Annotated[int, Field(ge=1, le=256)] | None = None
    """Width of every category's embedding; by default min(16, ⌈1.6·levels^0.56⌉) each."""
    numbers: Literal["standard", "quantile"] = "quantile"
    """How numbers are transformed before the first layer."""


RecommendNet = Annotated[MfParams | NeumfParams, Field(discriminator="name")]
DiagnoseNet = Annotated[MlpParams, Field(discriminator="name")]
AnyNet = Annotated[MfParams | NeumfParams | MlpParams, Field(discriminator="name")]
NETS_OF_TASK: dict[str, tuple[str, ...]] = {"recommend": ("mf", "neumf"), "diagnose": ("mlp",)}
GROUPS_OF_NET: dict[str, tuple[str, ...]] = {
    "mf": ("embeddings", "head"),
    "neumf": ("embeddings", "body", "head"),
    "mlp": ("embeddings", "body", "head"),
}
"""Parameter groups a schedule may name; `mlp` lacks one where it has no category or no hidden layer."""
