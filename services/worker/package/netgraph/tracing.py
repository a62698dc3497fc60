"""Tracing: torch.fx records the forward pass, the nets' own layers as single nodes (Reed et al. 2022).

Where the pass asks how long a tensor is, the answer is that of one row on the meta device: a net that picks
the shorter of two equal ways takes the one for a row. Where it asks for a value there is none; tracing fails.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, fx, nn

from services.worker.nets import base, layers
from services.worker.nets.activations import Activation
from services.worker.package.netgraph.sites import Tensors

Target = Callable[..., Any] | str


def _own_layers() -> Iterator[Callable[..., Any]]:
    """Yield the functions of tensors that nets are made of beside torch's."""
    for module in (layers, base):
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and function is not base.table:
                yield function


class _Sized(fx.Proxy):
    """A proxy that knows its length."""

    def __len__(self) -> int:
        tracer: Any = self.tracer
        return len(tracer.value_of(self.node))


class NetTracer(fx.Tracer):
    """Records a net; `inputs` are one row of each input on the device of `net`, which should be meta."""

    def __init__(self, net: nn.Module, inputs: Tensors) -> None:
        super().__init__(autowrap_functions=tuple(_own_layers()))
        # A module of ours calls the layers by names of its own file, not of the net's.
        own = {type(m).__module__ for m in net.modules() if not type(m).__module__.startswith("torch.")}
        self._autowrap_search += [sys.modules[name] for name in sorted(own)]
        self._names = {id(parameter): name for name, parameter in net.named_parameters()}
        self._inputs = iter(inputs)
        self._values: dict[fx.Node, Any] = {}
        self._interpreter = fx.Interpreter(net, graph=fx.Graph())
        self._evaluating = False

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Tell whether a module is one node: torch's own, and activations."""
        return isinstance(m, Activation) or super().is_leaf_module(m, module_qualified_name)

    def create_arg(self, a: Any) -> Any:  # noqa: ANN401  # torch's own signature
        """Return what stands for an argument; a layer handed to a function is fetched by its path."""
        if isinstance(a, nn.Module):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        return super().create_arg(a)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Return what stands for a tensor."""
        return _Sized(node, self)

    def to_bool(self, obj: fx.Proxy) -> bool:
        """Decide a branch by one row on the meta device. Raises `TraceError` when it hangs on a value."""
        try:
            return bool(self.value_of(obj.node))
        except (RuntimeError, NotImplementedError) as error:
            raise fx.proxy.TraceError("the forward pass branches on a value") from error

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:  # noqa: ANN401, ARG002
        """Return a module's attribute: a proxy of a parameter while recording.

        torch's own looks for a parameter's name among all, once for each of them: 50 s for 5,000 tables.
        """
        name = None if self._evaluating else self._names.get(id(attr_val))
        if name is None:
            return attr_val
        if name not in parameter_proxy_cache:
            parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
        return parameter_proxy_cache[name]

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # noqa: ANN401
        """Record a module's call, or run it."""
        if self._evaluating:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def value_of(self, node: fx.Node) -> Any:  # noqa: ANN401
        """Return what a node gives for one row on the meta device."""
        recording, self._evaluating = self._evaluating, True
        try:
            return self._evaluated(node)
        finally:
            self._evaluating = recording

    def _evaluated(self, node: fx.Node) -> Any:  # noqa: ANN401
        if node not in self._values:
            if node.op == "placeholder":
                self._read_inputs(node)
            else:
                args = fx.node.map_arg(node.args, self._evaluated)
                kwargs = fx.node.map_arg(node.kwargs, self._evaluated)
                self._values[node] = getattr(self._interpreter, node.op)(node.target, args, kwargs)
        return self._values[node]

    def _read_inputs(self, node: fx.Node) -> None:
        for placeholder in node.graph.nodes:
            if placeholder.op == "placeholder" and placeholder not in self._values:
                self._values[placeholder] = next(self._inputs)


def traced(net: nn.Module, inputs: Tensors) -> fx.Graph:
    """Return the recorded forward pass, without what only served a decision. Raises whatever fx raises."""
    graph = NetTracer(net, inputs).trace(net)
    graph.eliminate_dead_code(lambda node: node.op in {"placeholder", "output"})
    return graph


def tensors_in(value: object) -> Tensors:
    """Return the tensors of a value, in order: of a tensor itself, or of what may hold some."""
    if isinstance(value, Tensor):
        return (value,)
    if isinstance(value, tuple | list):
        return tuple(t for part in value for t in tensors_in(part))
    if isinstance(value, dict):
        return tuple(t for part in value.values() for t in tensors_in(part))
    return ()
