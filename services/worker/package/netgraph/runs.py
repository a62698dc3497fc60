"""The operations of one forward pass on batches of several sizes, which show what follows the size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from services.worker.package.netgraph.example import BASE, COUNTED, Example, lettered
from services.worker.package.netgraph.flops import of_a_row
from services.worker.package.netgraph.recording import Call, Origin, Recording, recorded
from services.worker.package.netgraph.sites import Flops
from services.worker.package.netgraph.wiring import TracedWiring
from shared.graphs.netgraph import Lengths


class Unsteady(RuntimeError):
    """The operations of a net change with the size of its batch, so no one graph shows them."""


@dataclass(frozen=True)
class Runs:
    """Recordings of batches that differ in size alone; raises `Unsteady` where their operations differ."""

    base: Recording
    grown: Mapping[str, Recording]
    """With one more of each letter."""
    counted: Recording

    def __post_init__(self) -> None:
        wanted = [_wired(call) for call in self.base.calls]
        for other in (*self.grown.values(), self.counted):
            if [_wired(call) for call in other.calls] != wanted:
                raise Unsteady("the operations of the net change with the size of its batch")

    @cached_property
    def idle(self) -> frozenset[int]:
        """Calls that give their input as it was, whatever its size."""
        every = (self.base, *self.grown.values(), self.counted)
        return frozenset(i for i in range(len(self.base.calls)) if all(run.calls[i].idle for run in every))

    def flops(self, call: int) -> Flops:
        """Return what a call costs for one row."""
        return of_a_row(self.counted.calls[call].count())

    def left(self, call: int) -> tuple[Lengths, ...]:
        """Return the shapes that a call gives."""
        others = {letter: run.calls[call].left for letter, run in self.grown.items()}
        return tuple(
            lettered(shape, {letter: shapes[i] for letter, shapes in others.items()})
            for i, shape in enumerate(self.base.calls[call].left)
        )

    @cached_property
    def arriving(self) -> list[list[tuple[Origin, Lengths]]]:
        """For each call, where its tensors come from (calls that left them as they were passed over)."""
        return [list(self._arriving(call)) for call in range(len(self.base.calls))]

    def _arriving(self, call: int) -> Iterator[tuple[Origin, Lengths]]:
        others = {letter: run.calls[call].reads for letter, run in self.grown.items()}
        for i, read in enumerate(self.base.calls[call].reads):
            grown = {letter: reads[i].shape for letter, reads in others.items()}
            yield self.before(read.origin), lettered(read.shape, grown)

    def before(self, origin: Origin) -> Origin:
        """Return where a tensor came from before it was left as it was."""
        while origin.call is not None and origin.call in self.idle:
            origin = self.base.calls[origin.call].reads[0].origin
        return origin


def runs_of(wiring: TracedWiring, net: nn.Module, example: Example) -> Runs:
    """Run a net that lies on the CPU in eval mode on tiny batches. Raises `Unsteady`."""
    return Runs(
        base=recorded(wiring, net, example.sized(BASE)),
        grown={x: recorded(wiring, net, example.sized({**BASE, x: BASE[x] + 1})) for x in example.letters},
        counted=recorded(wiring, net, example.sized(COUNTED)),
    )


def _wired(call: Call) -> tuple[object, ...]:
    """Return what of a call must not change with the size of the batch."""
    ranks = [len(shape) for shape in (*(read.shape for read in call.reads), *call.left)]
    return call.name, call.layer, [read.origin for read in call.reads], ranks
