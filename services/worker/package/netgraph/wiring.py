"""From a recorded forward pass to sites: what only reshapes a tensor is part of the way to its next site."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor, fx, nn

from services.worker.nets import base, layers
from services.worker.nets.activations import Activation
from services.worker.package.netgraph.flops import COUNTED_AS, counted, plain_kernels
from services.worker.package.netgraph.sites import Flops, Run, Site, Tensors
from services.worker.package.netgraph.tracing import tensors_in, traced

_VIEWS = "getitem squeeze unsqueeze view reshape flatten transpose t permute expand expand_as movedim unbind"
_FORMS = "float to type_as contiguous detach clone chunk split getattr size dim numel"
PLUMBING = frozenset(f"{_VIEWS} {_FORMS}".split())
"""Operations that move or rename numbers and compute none."""
TYPES: dict[Callable[..., Any], str] = {
    layers.dense: "Linear",
    base.rows_of: "Embedding",
    base.values_of: "Embedding",
    layers.dot_each: "dot product",
    layers.add_to_each: "add",
    layers.relu_dropout: "ReLU",
}
WORDS = {"cat": "concatenate", "mul": "multiply", "sub": "subtract", "truediv": "divide", "iadd": "add"}
ACTIVATIONS = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "gelu": "GELU", "silu": "SiLU"}


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A tensor's way to its next site: the site it left, the node it arrives by, parameters on its way."""

    site: str | None
    node: fx.Node | None
    parameters: tuple[str, ...] = ()


class TracedWiring:
    """Sites of a recorded forward pass."""

    method: Literal["trace"] = "trace"

    def __init__(self, net: nn.Module, inputs: Tensors) -> None:
        """Record a net that lies on the meta device with one row of inputs. Raises whatever fx raises."""
        self.graph = traced(net, inputs)
        self._arrivals: dict[fx.Node, tuple[_Arrival, ...]] = {}
        self._site_of: dict[fx.Node, Site] = {}
        for node in self.graph.nodes:
            self._arrivals[node] = tuple(self._arriving(node))
            if not _is_passage(node):
                self._site_of[node] = _site(net, node, self._arrivals[node])
        self._operations = {site.id for site in self.sites if site.kind == "operation"}

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site, in the order of the forward pass."""
        return tuple(self._site_of.values())

    def site_of(self, node: fx.Node) -> str:
        """Return the id of a node's site: of a mere reshaping the layer whose value it is.

        A reshaping of an input or of a parameter belongs to the first layer that reads it.
        """
        if node in self._site_of:
            return self._site_of[node].id
        made = next((a.site for a in self._arrivals[node] if a.site in self._operations), None)
        return made or next((self.site_of(user) for user in node.users), "")

    def run(self, net: nn.Module, inputs: Tensors) -> Run:
        """Run the net node by node; every tensor keeps its gradient."""
        passed = _Retaining(net, graph=self.graph, garbage_collect_values=False)
        passed.run(*inputs, enable_io_processing=False)
        run = Run()
        for node, site in self._site_of.items():
            arriving = [a.node for a in self._arrivals[node] if a.site is not None]
            run.arrived[site.id] = tuple(t for n in arriving if n for t in tensors_in(passed.env[n])[:1])
            run.left[site.id] = tensors_in(passed.env[node])
        return run

    def count(self, net: nn.Module, inputs: Tensors) -> dict[str, Flops]:
        """Count each site by itself, its inputs cut off from what made them."""
        passed = _Counting(net, graph=self.graph)
        with plain_kernels():
            passed.run(*inputs, enable_io_processing=False)
        return {site.id: passed.found.get(node, Flops()) for node, site in self._site_of.items()}

    def _arriving(self, node: fx.Node) -> Iterable[_Arrival]:
        """Yield what reaches a node, in the order of its arguments, through all that only reshapes."""
        for source in _nodes_in((node.args, node.kwargs)):
            if source.op == "get_attr":
                yield _Arrival(None, None, (str(source.target),))
            elif source in self._site_of:
                yield _Arrival(self._site_of[source].id, source)
            else:
                yield from (replace(a, node=source if a.site else None) for a in self._arrivals[source])


class _Retaining(fx.Interpreter):
    """Runs a graph and lets every tensor keep its gradient."""

    def run_node(self, n: fx.Node) -> Any:  # noqa: ANN401  # torch's own signature
        value = super().run_node(n)
        for tensor in tensors_in(value):
            if tensor.requires_grad:
                tensor.retain_grad()
        return value


class _Counting(fx.Interpreter):
    """Runs a graph and counts each call forward and backward; embeddings read and cost none."""

    def __init__(self, module: nn.Module, *, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.found: dict[fx.Node, Flops] = {}

    def run_node(self, n: fx.Node) -> Any:  # noqa: ANN401
        if not n.op.startswith("call") or _is_passage(n) or _known_type(n) == "Embedding":
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        target: Any = n.target if isinstance(n.target, str) else COUNTED_AS.get(n.target, n.target)
        value, self.found[n] = counted(lambda *a, **k: getattr(self, n.op)(target, a, k), args, kwargs)
        return value


def _nodes_in(value: Any) -> list[fx.Node]:  # noqa: ANN401
    found: list[fx.Node] = []
    fx.node.map_arg(value, found.append)
    return found


def _name(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "operation")


def _is_passage(node: fx.Node) -> bool:
    """Tell whether a node is no site: a parameter, or a mere reshaping."""
    return node.op == "get_attr" or (node.op in {"call_function", "call_method"} and _name(node) in PLUMBING)


def _site(net: nn.Module, node: fx.Node, arrivals: tuple[_Arrival, ...]) -> Site:
    if node.op == "placeholder":
        return Site(node.name, "input", kind="input", path=input_name(str(node.target)))
    sources = tuple(a.site for a in arrivals if a.site is not None)
    if node.op == "output":
        return Site(node.name, "output", kind="output", sources=sources)
    attributes = [name for a in arrivals for name in a.parameters]
    if node.op == "call_module":
        attributes.insert(0, str(node.target))
    parameters = tuple(dict.fromkeys(p for name in attributes for p in parameters_of(net, name)))
    path = attributes[0] if attributes else ""
    return Site(node.name, _type(net, node), "operation", path, _scope(node), parameters, sources)


def parameters_of(net: nn.Module, path: str) -> list[str]:
    """Return the names of a parameter, or of all that a module's path holds itself or below."""
    held = _at(net, path)
    if isinstance(held, nn.Module):
        return [f"{path}.{name}" for name, _ in held.named_parameters()]
    return [path] if isinstance(held, nn.Parameter) else []


def _at(net: nn.Module, path: str) -> Tensor | nn.Module:
    held: Any = net
    for part in path.split("."):
        held = getattr(held, part)
    return held  # type: ignore[no-any-return]


def _known_type(node: fx.Node) -> str | None:
    target: Any = node.target
    return TYPES.get(target)


def _type(net: nn.Module, node: fx.Node) -> str:
    if node.op == "call_module":
        return module_type(_at(net, str(node.target)))
    return _known_type(node) or WORDS.get(_name(node), _name(node).replace("_", " ").strip())


def module_type(module: object) -> str:
    """Return what a module is called: an activation by its function, others by their class."""
    if isinstance(module, Activation):
        return ACTIVATIONS[module.name]
    return type(module).__name__


def _scope(node: fx.Node) -> str:
    """Return the path of the innermost module that ran a node."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(next(reversed(stack.values()))[0]) if stack else ""


def input_name(argument: str) -> str:
    """Return an argument's name without the legend of its shape: `users_B` is `users`."""
    name, _, legend = argument.rpartition("_")
    return name if name and legend.isupper() else argument
