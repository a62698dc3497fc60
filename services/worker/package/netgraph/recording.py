"""Every operation of torch (aten) that one forward pass runs, with the layer that asked for it.

The mode below sees what autograd hands to the kernels, so no exporter and no compiler is imported. Layers of
ours whose short cuts hide what they compute run as torch would compute them, as they do for the FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from services.worker.package.netgraph.flops import COUNTED_AS, counted, plain_kernels
from services.worker.package.netgraph.sites import Flops, Tensors
from services.worker.package.netgraph.tracing import tensors_in
from services.worker.package.netgraph.wiring import TracedWiring


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tensor came from; what the net holds itself came from neither a call nor an input."""

    call: int | None = None
    """The place of the call that made it."""
    site: str | None = None
    """The id of the site of an input."""
    parameters: tuple[str, ...] = ()
    """The parameter that it is, or is a view of."""


@dataclass(frozen=True, slots=True)
class Read:
    """A tensor on its way into a call."""

    origin: Origin
    shape: torch.Size


@dataclass(frozen=True, slots=True)
class Call:
    """One operation as it ran."""

    name: str
    layer: str
    """The id of its site."""
    reads: tuple[Read, ...]
    left: tuple[torch.Size, ...]
    dtype: str | None
    idle: bool
    """Whether it gave its input as it was: a view of the same shape and strides."""
    count: Callable[[], Flops]
    """Runs it once more, by itself."""


@dataclass(slots=True)
class Recording:
    """One forward pass: its calls, the last of which is the output, and what made the value of each layer."""

    calls: list[Call] = field(default_factory=list)
    values: dict[str, Origin] = field(default_factory=dict)


def recorded(wiring: TracedWiring, net: nn.Module, inputs: Tensors) -> Recording:
    """Run a net that lies on the CPU in eval mode, and return what it ran."""
    recorder = _Recorder(net)
    with plain_kernels(), recorder:
        _Following(net, wiring, recorder).run(*inputs, enable_io_processing=False)
    return recorder.found


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation, and knows where each tensor came from."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(self, net: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = Recording()
        self.layer = ""
        self._known: dict[int, tuple[Tensor, Origin]] = {}
        for name, parameter in net.named_parameters():
            self.know(parameter, Origin(parameters=(name,)))

    def know(self, value: object, origin: Origin) -> None:
        """Say where the tensors of a value came from; each is kept, so that no other takes its identity."""
        for tensor in tensors_in(value):
            self._known[id(tensor)] = (tensor, origin)

    def reads(self, value: object) -> tuple[Read, ...]:
        """Return the tensors of a value, each with its origin."""
        nowhere = Origin()
        return tuple(Read(self._known.get(id(t), (t, nowhere))[1], t.shape) for t in tensors_in(value))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Run an operation and note it; a view of a parameter is that parameter still."""
        given = kwargs or {}
        out = func(*args, **given)
        reads = self.reads((args, given))
        if func.is_view and all(read.origin.parameters for read in reads):
            self.know(out, reads[0].origin)
            return out
        idle = func.is_view and [_form(args[0])] == [_form(t) for t in tensors_in(out)]
        counts = func._overloadpacket in flop_registry  # noqa: SLF001  # as torch's own counter asks
        count = (lambda: counted(func, args, given)[1]) if counts else Flops
        self.add(_name(func), reads, out, idle=idle, count=count)
        return out

    def add(
        self, name: str, reads: tuple[Read, ...], out: object, *, idle: bool, count: Callable[[], Flops]
    ) -> None:
        """Note a call of the layer whose turn it is."""
        left = tensors_in(out)
        dtype = str(left[0].dtype).removeprefix("torch.") if left else None
        self.know(out, Origin(call=len(self.found.calls)))
        self.found.calls.append(
            Call(name, self.layer, reads, tuple(t.shape for t in left), dtype, idle, count)
        )


def _name(func: Any) -> str:  # noqa: ANN401
    """Return an operation's name: `addmm`; with its library where that is not aten."""
    return str(func._schema.name).removeprefix("aten::").replace("::", ".")  # noqa: SLF001


def _form(tensor: Tensor) -> tuple[torch.Size, tuple[int, ...]]:
    return tensor.shape, tensor.stride()


class _Following(fx.Interpreter):
    """Runs a recorded forward pass, and tells whose turn it is."""

    def __init__(self, net: nn.Module, wiring: TracedWiring, recorder: _Recorder) -> None:
        super().__init__(net, graph=wiring.graph)
        self._wiring = wiring
        self._recorder = recorder

    def run_node(self, n: fx.Node) -> Any:  # noqa: ANN401  # torch's own signature
        recorder, site = self._recorder, self._wiring.site_of(n)
        recorder.layer = site
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        target: Any = n.target if isinstance(n.target, str) else COUNTED_AS.get(n.target, n.target)
        value = getattr(self, n.op)(target, args, kwargs)
        if n.op == "placeholder":
            recorder.know(value, Origin(site=site))
        if n.op == "output":
            recorder.add("output", recorder.reads(value), (), idle=False, count=Flops)
        elif n.name == site:
            recorder.found.values[site] = next((read.origin for read in recorder.reads(value)), Origin())
        return value
