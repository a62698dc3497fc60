"""Sites by watching: for a net whose forward pass branches on values, and so cannot be traced.

Hooks on its modules say what runs; each torch function hands on where its tensors came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from services.worker.package.netgraph.flops import counted, plain_kernels
from services.worker.package.netgraph.sites import Flops, Run, Site, Tensors
from services.worker.package.netgraph.tracing import tensors_in
from services.worker.package.netgraph.wiring import module_type

Call = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]


def leaf_modules(net: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that are one node each, with their paths: torch's own, and holders of parameters."""
    for name, child in net.named_children():
        below = f"{path}.{name}" if path else name
        torchs = type(child).__module__.startswith("torch.nn.") and not isinstance(child, nn.Sequential)
        holds = isinstance(child, nn.ModuleList | nn.ModuleDict | nn.ParameterList | nn.ParameterDict)
        if holds or not (torchs or list(child.parameters(recurse=False)) or not list(child.children())):
            yield from leaf_modules(child, below)
        else:
            yield below, child


@dataclass(slots=True)
class _Watched:
    """What one forward pass showed."""

    sites: dict[str, Site] = field(default_factory=dict)
    run: Run = field(default_factory=Run)
    calls: dict[str, Call] = field(default_factory=dict)


class _Origins(TorchFunctionMode):
    """Knows the sites that a tensor came from, and makes a site of each parameter used outside of modules."""

    def __init__(self, net: nn.Module, found: _Watched) -> None:
        super().__init__()
        self._found = found
        self._names = {id(p): name for name, p in net.named_parameters()}
        self._of: dict[int, tuple[Tensor, tuple[str, ...]]] = {}
        self.inside = 0

    def of(self, value: object) -> tuple[str, ...]:
        """Return the sites that the tensors of a value came from, each once."""
        return tuple(dict.fromkeys(site for t in tensors_in(value) for site in self._origin(t)))

    def set(self, value: object, sites: tuple[str, ...]) -> None:
        """Say where the tensors of a value came from; each is kept, so that no other takes its identity."""
        for tensor in tensors_in(value):
            self._of[id(tensor)] = (tensor, sites)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        out = func(*args, **(kwargs or {}))
        if not self.inside:
            self.set(out, self.of((args, kwargs)))
        return out

    def _origin(self, tensor: Tensor) -> tuple[str, ...]:
        if id(tensor) in self._of:
            return self._of[id(tensor)][1]
        name = self._names.get(id(tensor))
        if name is None or self.inside:
            return ()
        self._found.sites[name] = Site(name, "parameter", "operation", name, parameters=(name,))
        self._found.run.arrived[name], self._found.run.left[name] = (), (tensor,)
        self.set(tensor, (name,))
        return (name,)


class HookWiring:
    """Sites of a forward pass that was watched."""

    method: Literal["hooks"] = "hooks"

    def __init__(self, net: nn.Module, inputs: Tensors) -> None:
        """Watch one forward pass. Raises whatever the net raises."""
        self._found = _watch(net, inputs)

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site, in the order of the forward pass."""
        return tuple(self._found.sites.values())

    def run(self, net: nn.Module, inputs: Tensors) -> Run:
        """Run the net; every tensor keeps its gradient."""
        return _watch(net, inputs).run

    def count(self, net: nn.Module, inputs: Tensors) -> dict[str, Flops]:
        """Count each module's call by itself; under the empty id what the rest of the forward pass costs."""
        calls = _watch(net, inputs).calls
        with plain_kernels():
            found = {site: counted(module, args, kwargs)[1] for site, (module, args, kwargs) in calls.items()}
            _, whole = counted(net, inputs, {})
        rest = Flops(
            whole.forward - sum(f.forward for f in found.values()),
            whole.backward - sum(f.backward for f in found.values()),
        )
        return {site.id: Flops() for site in self.sites} | found | {"": rest}


def _watch(net: nn.Module, inputs: Tensors) -> _Watched:
    found = _Watched()
    origins = _Origins(net, found)
    for i, tensor in enumerate(inputs):
        site = Site(f"input_{i}", "input", kind="input", path=f"input {i}")
        _note(found, site, (), (tensor,))
        origins.set(tensor, (site.id,))
    with ExitStack() as stack:
        for path, module in leaf_modules(net):
            stack.enter_context(_hooked(module, path, found, origins))
        stack.enter_context(origins)
        out = net(*inputs)
    sources = origins.of(out)
    _note(found, Site("output", "output", kind="output", sources=sources), tensors_in(out), tensors_in(out))
    return found


def _note(found: _Watched, site: Site, arrived: Tensors, left: Tensors) -> None:
    found.sites[site.id], found.run.arrived[site.id], found.run.left[site.id] = site, arrived, left
    for tensor in left:
        if tensor.requires_grad:
            tensor.retain_grad()


@contextmanager
def _hooked(module: nn.Module, path: str, found: _Watched, origins: _Origins) -> Iterator[None]:
    """Note each call of a module while the block runs."""

    def before(_module: nn.Module, _args: Any, _kwargs: Any) -> None:  # noqa: ANN401
        origins.inside += 1

    def after(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:  # noqa: ANN401
        origins.inside -= 1
        sources = origins.of((args, kwargs))
        name = path if path not in found.sites else f"{path}#{len(found.sites)}"
        parameters = tuple(f"{path}.{p}" for p, _ in module.named_parameters())
        site = Site(name, module_type(module), "operation", path, path, parameters, sources)
        _note(found, site, tensors_in((args, kwargs)), tensors_in(out))
        found.calls[name] = (module, args, kwargs)
        origins.set(out, (name,))

    handles = (
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after, with_kwargs=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
