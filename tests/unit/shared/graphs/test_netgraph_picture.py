"""A net's graph as a drawing: what its boxes say, and how many there are."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from shared.graphs.dot import dot
from shared.graphs.mermaid import mermaid
from shared.graphs.netgraph import NetEdge, NetGraph, NetNode, SampleFacts, totals_of
from shared.graphs.netgraph_picture import net_drawing, shape_text
from shared.graphs.svg import svg

HOSTILE = '<script>alert(1)</script>"|\n' + "x" * 200


def table(number: int, **numbers: float) -> NetNode:
    return NetNode(
        id=f"table_{number}",
        path=f"tables.{number}",
        type="Embedding",
        module="embeddings",
        inputs=(("B",),),
        outputs=(("B", 4),),
        weights={f"tables.{number}": (10, 4)},
        parameters=40,
        trainable=40,
        bytes=160,
        bytes_read=16,
        **numbers,
    )


def wide(tables: int) -> NetGraph:
    """Return a net of tables side by side, whose rows go into one layer."""
    layer = NetNode(
        id="dense",
        path="body.0",
        type="Linear",
        module="perceptron",
        parameters=1234,
        flops_forward=2000,
        flops_backward=4000,
        gradient_norm=0.012345,
        output_gradient_norm=0.5,
        activation_mean=0.25,
        activation_sd=0.5,
        zero_fraction=0.5,
    )
    held = [table(i, gradient_norm=3.0, activation_sd=0.0, activation_mean=0.0) for i in range(tables)]
    ends = NetNode(id="codes", path="codes", type="input"), NetNode(id="output", type="output")
    nodes = (ends[0], *held, layer, ends[1])
    edges = [NetEdge(source="codes", target=t.id, shape=("B",)) for t in held]
    edges += [NetEdge(source=t.id, target="dense", shape=("B", 4)) for t in held]
    edges.append(NetEdge(source="dense", target="output", shape=("B", 1)))
    return NetGraph(
        net="mlp",
        method="trace",
        nodes=nodes,
        edges=tuple(edges),
        totals=totals_of(nodes),
        sample=SampleFacts(rows=64, source="training"),
    )


def test_a_box_says_type_place_parameters_and_costs() -> None:
    boxes = {b.id: b for b in net_drawing(wide(2), title="films version 1").boxes}
    assert boxes["dense"].lines == ("Linear", "body.0", "1,234 parameters", "FLOPs 2,000 forward, 4,000 back")
    assert boxes["table_0"].lines == ("Embedding", "tables.0", "40 parameters", "reads 16 bytes")
    assert (boxes["codes"].shape, boxes["codes"].lines) == ("round", ("input", "codes"))


@pytest.mark.parametrize(
    ("heat", "line", "value"),
    [
        ("gradient", "gradient norm 0.0123", -1.9085),
        ("activation", "mean 0.25, sd 0.5, 50 % zeros", -0.3010),
        ("parameters", "1,234 parameters", 3.0913),
        ("flops", "FLOPs 2,000 forward, 4,000 back", 3.7782),
    ],
)
def test_what_colours_a_box_is_also_written_in_it(heat: str, line: str, value: float) -> None:
    drawing = net_drawing(wide(2), title="films version 1", heat=heat)  # type: ignore[arg-type]
    dense = next(b for b in drawing.boxes if b.id == "dense")
    assert line in dense.lines
    assert dense.heat == pytest.approx(value, abs=1e-4)
    assert drawing.heat is not None
    assert drawing.heat.low <= value <= drawing.heat.high
    assert drawing.heat.title.startswith("log₁₀ of the")


def test_without_heat_nothing_is_coloured() -> None:
    drawing = net_drawing(wide(2), title="films version 1")
    assert drawing.heat is None
    assert {b.heat for b in drawing.boxes} == {None}


def test_a_number_that_is_zero_has_no_place_on_the_scale_and_breaks_nothing() -> None:
    drawing = net_drawing(wide(2), title="films version 1", heat="activation")
    assert next(b.heat for b in drawing.boxes if b.id == "table_0") == float("-inf")
    ElementTree.fromstring(svg(drawing))  # noqa: S314 - our own document


def test_few_tables_stand_side_by_side_and_many_are_one_box() -> None:
    assert len(net_drawing(wide(6), title="t").boxes) == 6 + 3
    many = net_drawing(wide(500), title="t", heat="gradient")
    assert [b.lines[:3] for b in many.boxes][1] == (
        "500 × Embedding",
        "tables.0 … tables.499",
        "20,000 parameters",
    )
    assert many.boxes[1].heat == pytest.approx(1.8266, abs=1e-4)  # norm of 500 times 3: 3·√500
    assert len(wide(500).nodes) == 503


def picked(tables: int) -> NetGraph:
    """Return the same net in operations: each table's codes are picked first, and then looked up."""
    layers = wide(tables)
    found: list[NetNode] = []
    for node in layers.nodes:
        if node.type == "Embedding":
            found.append(NetNode(id=f"select_{node.id}", type="select", module=node.module, layer=node.id))
        found.append(node.model_copy(update={"layer": node.id}))
    ways = [(e.source, f"select_{e.target}") for e in layers.edges[:tables]]
    ways += [(f"select_{e.target}", e.target) for e in layers.edges[:tables]]
    edges = [NetEdge(source=a, target=b, shape=("B",)) for a, b in ways]
    return layers.model_copy(update={"nodes": tuple(found), "edges": (*edges, *layers.edges[tables:])})


def test_few_ways_of_operations_are_drawn_one_by_one_and_many_alike_as_one() -> None:
    assert len(net_drawing(picked(6), title="t", level="op").boxes) == 12 + 3
    many = net_drawing(picked(7), title="t", level="op")
    assert [b.lines[0] for b in many.boxes] == ["input", "7 × select", "7 × Embedding", "Linear", "output"]
    assert [(w.source, w.target) for w in many.wires] == [
        ("codes", "embeddings"),
        ("embeddings", "embeddings 2"),
        ("embeddings 2", "dense"),
        ("dense", "output"),
    ]


def test_ways_that_end_in_different_places_are_no_crowd() -> None:
    """The last of eight tables goes past the layer, so seven are alike."""
    whole = picked(8)
    past = [e.model_copy(update={"target": "output"}) if e.source == "table_7" else e for e in whole.edges]
    found = net_drawing(whole.model_copy(update={"edges": tuple(past)}), title="t", level="op")
    assert [b.lines[0] for b in found.boxes if b.lines[0].endswith(("select", "Embedding"))] == [
        "7 × select",
        "7 × Embedding",
        "select",
        "Embedding",
    ]


def test_modules_are_frames_around_layers_or_boxes_of_their_own() -> None:
    near = net_drawing(wide(2), title="t", level="layer")
    assert [g.label for g in near.groups] == ["embeddings", "perceptron"]
    assert net_drawing(picked(2), title="t", level="op").groups == near.groups
    far = net_drawing(wide(2), title="t", level="module")
    assert (far.groups, [b.lines[0] for b in far.boxes]) == ((), ["input", "embeddings", "Linear", "output"])


def test_the_costs_of_a_row_and_the_rows_of_the_statistics_are_noted() -> None:
    notes = net_drawing(wide(2), title="t", heat="gradient").notes
    assert "2,000 FLOPs forward, 4,000 backward, and reads 32 bytes" in notes[0]
    assert notes[1] == "Statistics of 64 training rows together."


def test_a_hostile_title_stays_text_in_every_form() -> None:
    drawing = net_drawing(wide(2), title=HOSTILE, heat="gradient")
    picture = ElementTree.fromstring(svg(drawing))  # noqa: S314 - our own document
    assert "script" not in {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert "<script" not in mermaid(drawing).rpartition("---")[2]
    assert '\\"|' in dot(drawing)


def test_shapes_are_written_with_their_letters() -> None:
    assert (shape_text(("B", "N", 64)), shape_text(())) == ("B × N × 64", "1")
