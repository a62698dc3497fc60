"""Numbers of a net on one batch: norms of weights and gradients, moments of activations; never a row."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor, nn

from services.worker.package.netgraph.example import Example
from services.worker.package.netgraph.sites import Wiring


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one site; none where it has no such number, or one that is not finite."""

    gradient_norm: float | None = None
    weight_norm: float | None = None
    output_gradient_norm: float | None = None
    activation_mean: float | None = None
    activation_sd: float | None = None
    zero_fraction: float | None = None


def measured(wiring: Wiring, net: nn.Module, example: Example) -> dict[str, Statistics]:
    """Run the batch forward and backward through a net of our own, in eval mode; it keeps the gradients."""
    run = wiring.run(net, example.inputs)
    example.loss(run.left["output"][0]).backward()  # type: ignore[no-untyped-call]
    parameters = dict(net.named_parameters())
    return {
        site.id: _of_site(run.left[site.id], [parameters[name] for name in site.parameters])
        for site in wiring.sites
        if site.kind != "input"
    }


def _of_site(left: tuple[Tensor, ...], parameters: list[nn.Parameter]) -> Statistics:
    values = next((t for t in left if t.is_floating_point()), None)
    gradients = [p.grad for p in parameters if p.grad is not None]
    arriving = [values.grad] if values is not None and values.grad is not None else []
    own = values is not None and not isinstance(values, nn.Parameter)
    mean, sd, zeros = (
        _moments(values) if own and values is not None and values.numel() else (None, None, None)
    )
    return Statistics(
        gradient_norm=_norm(gradients),
        weight_norm=_norm([p.detach() for p in parameters]),
        output_gradient_norm=_norm(arriving) if own else None,
        activation_mean=mean,
        activation_sd=sd,
        zero_fraction=zeros,
    )


def _norm(tensors: list[Tensor]) -> float | None:
    """Return the norm of all tensors together, none without any."""
    if not tensors:
        return None
    return _finite(
        torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t.float()) for t in tensors]))
    )


def _moments(values: Tensor) -> tuple[float | None, float | None, float | None]:
    held = values.detach().double()
    return _finite(held.mean()), _finite(held.std(correction=0)), _finite((held == 0).double().mean())


def _finite(value: Tensor) -> float | None:
    number = float(value)
    return number if isfinite(number) else None
