"""Drawings: nothing overlaps, nothing is active, equal drawings are equal bytes, numbers are in the text."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from services.api.drawing import png
from services.api.drawing.png import FONTS, MAX_PIXELS
from shared.graphs.dot import dot
from shared.graphs.drawing import Box, Drawing, Group, Heat, Text, Wire, number, printable, shortened
from shared.graphs.layout import Placed, Rect, layered
from shared.graphs.measuring import text_width
from shared.graphs.mermaid import mermaid
from shared.graphs.svg import EDGE, NOTE_WIDTH, heat_colour, svg

SVG = "{http://www.w3.org/2000/svg}"
LABELS = (
    "<script>alert(1)</script>",
    "a \"quoted\" 'label'",
    "a | b { c } < d >",
    "two\nlines\r\nand\ttabs",
    "W" * 200,
    '\\N \\l \\" backslashes',
    "]]> --> <!-- & &amp; &#60;",
    "javascript:alert(1)",
    "\u202eright to left\u202c \x00\x1b[31m\u200b",
    "日本語のラベル ünïcödé Жж",
    "#quot; #35; %%{init: {}}%% ---",
    "*_~`$^ click n0 href",
    "</title></svg><svg onload=alert(1)>",
    "",
)


def parsed(text: str) -> Element:
    """Read a picture of our own."""
    return fromstring(text)  # noqa: S314


def awkward() -> Drawing:
    """A drawing whose every text is one of the labels."""
    boxes = tuple(
        Box(f"b{i}", (label, f"{i}"), group=f"g{i % 2}" if i % 3 else None, heat=float(i))
        for i, label in enumerate(LABELS)
    )
    wires = tuple(
        Wire(f"b{i // 2}", f"b{i}", (Text(label, "value"),), (Text(label[::-1], "gradient"), Text(label)))
        for i, label in enumerate(LABELS)
        if i
    )
    groups = (Group("g0", LABELS[0]), Group("g1", LABELS[1], parent="g0"))
    heat = Heat(LABELS[2], 0.0, 13.0)
    return Drawing(LABELS[0] + LABELS[1], LABELS[6], boxes, wires, groups, heat=heat, notes=LABELS[:3])


def random_drawing(rng: random.Random) -> Drawing:
    count = rng.randint(1, 30)
    groups = (Group("outer", "outer"), Group("inner", "inner", "outer"), Group("beside", "a longer name"))
    used = groups if rng.random() < 0.5 else ()
    boxes = tuple(
        Box(
            f"b{i}",
            tuple("x" * rng.randint(0, 30) for _ in range(rng.randint(1, 3))),
            group=rng.choice([None, *(g.id for g in used)]),
        )
        for i in range(count)
    )
    wires = tuple(
        Wire(
            f"b{rng.randrange(i)}",
            f"b{i}",
            tuple(Text("1" * rng.randint(1, 20), "value") for _ in range(rng.randint(0, 2))),
            tuple(Text("2" * rng.randint(1, 20), "gradient") for _ in range(rng.randint(0, 2))),
        )
        for i in range(1, count)
        for _ in range(rng.randint(1, 2))
    )
    around = {b.group for b in boxes}
    kept = tuple(g for g in used if g.id in around or (g.id == "outer" and "inner" in around))
    return Drawing("random", "random", boxes, wires, kept, flow=rng.choice(["right", "down"]))


def segments(placed: Placed) -> list[tuple[int, tuple[float, float], tuple[float, float]]]:
    return [
        (wire, *ends) for wire, route in enumerate(placed.routes) for line in route for ends in pairwise(line)
    ]


def overlap(a: Rect, b: Rect) -> bool:
    """Tell whether two rectangles share more than an edge."""
    across = a.x < b.x + b.width and b.x < a.x + a.width
    return across and a.y < b.y + b.height and b.y < a.y + a.height


def nothing_overlaps(drawing: Drawing, placed: Placed) -> None:
    rects = [*placed.boxes, *(label for label in placed.labels if label is not None)]
    assert not [(a, b) for a, b in combinations(rects, 2) if overlap(a, b)]
    for wire, (x1, y1), (x2, y2) in segments(placed):
        ends = {drawing.wires[wire].source, drawing.wires[wire].target}
        strangers = [r for b, r in zip(drawing.boxes, placed.boxes, strict=True) if b.id not in ends]
        for rect in (*strangers, *(label for label in placed.labels if label is not None)):
            beside = (
                max(x1, x2) <= rect.x + 1
                or min(x1, x2) >= rect.x + rect.width - 1
                or max(y1, y2) <= rect.y + 1
                or min(y1, y2) >= rect.y + rect.height - 1
            )
            assert beside, "a wire runs through a box or a label"


def groups_hold_their_boxes(drawing: Drawing, placed: Placed) -> None:
    frames = {g.id: rect for g, rect in zip(drawing.groups, placed.groups, strict=True)}
    for box, rect in zip(drawing.boxes, placed.boxes, strict=True):
        inside = set(drawing.enclosing(box.group))
        for group, frame in frames.items():
            within = (
                frame.x <= rect.x
                and rect.x + rect.width <= frame.x + frame.width
                and frame.y + 16 <= rect.y
                and rect.y + rect.height <= frame.y + frame.height
            )
            assert within if group in inside else not overlap(frame, rect)


@pytest.mark.parametrize("start", range(40))
def test_boxes_labels_and_wires_keep_clear_of_one_another(start: int) -> None:
    drawing = random_drawing(random.Random(start))
    placed = layered(drawing)
    nothing_overlaps(drawing, placed)
    groups_hold_their_boxes(drawing, placed)


@pytest.mark.parametrize("start", range(20))
def test_a_wire_to_the_right_runs_through_the_middle_of_what_is_written_at_it(start: int) -> None:
    drawing = replace(random_drawing(random.Random(start)), flow="right")
    placed = layered(drawing)
    nothing_overlaps(drawing, placed)
    for rect, route in zip(placed.labels, placed.routes, strict=True):
        if rect is not None:
            middle = rect.y + rect.height / 2
            assert (route[0][-1][1], route[1][0][1]) == pytest.approx((middle, middle), abs=0.05)


def test_every_text_stays_inside_the_picture_and_its_box() -> None:
    drawing = awkward()
    placed = layered(drawing)
    nothing_overlaps(drawing, placed)
    for box, rect in zip(drawing.boxes, placed.boxes, strict=True):
        for i, line in enumerate(box.lines):
            assert text_width(shortened(line), size=12, bold=i == 0) <= rect.width
    root = parsed(svg(drawing))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for text in root.iter(SVG + "text"):
        assert 0 <= float(text.attrib["y"]) <= height
        assert float(text.attrib["x"]) <= width


def test_awkward_labels_are_valid_xml_without_anything_active() -> None:
    root = parsed(svg(awkward()))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "g", "rect", "text", "line", "polyline", "polygon"),
    }
    for element in root.iter():
        assert not [
            name for name in element.attrib if name.startswith("on") or "href" in name or name == "style"
        ]
    shown = [text.text or "" for text in root.iter(SVG + "text")]
    assert "<script>alert(1)</script>" in shown
    assert "two lines and tabs" in shown
    assert all(character.isprintable() for text in shown for character in text)


def test_the_picture_has_a_title_a_description_and_a_title_per_box() -> None:
    root = parsed(svg(awkward()))
    assert root.attrib["role"] == "img"
    assert (root[0].tag, root[1].tag) == (SVG + "title", SVG + "desc")
    titles = [
        title.text for group in root.iter(SVG + "g") if (title := group.find(SVG + "title")) is not None
    ]
    assert len(titles) == len(LABELS) + 2


def test_the_whole_of_a_shortened_line_stays_in_the_title_of_its_box() -> None:
    drawing = Drawing("t", "d", (Box("a", ("W" * 200,)),), ())
    text = svg(drawing)
    assert f"<title>{'W' * 200}</title>" in text
    assert "W" * 59 + "…</text>" in text


def test_equal_drawings_are_equal_bytes() -> None:
    for start in range(5):
        first, second = random_drawing(random.Random(start)), random_drawing(random.Random(start))
        for writer in (svg, dot, mermaid):
            assert writer(first) == writer(second)


def test_values_and_gradients_are_told_without_colour() -> None:
    wire = Wire("a", "b", (Text("7", "value"),), (Text("13", "gradient"),))
    drawing = Drawing("t", "d", (Box("a", ("a",)), Box("b", ("b",))), (wire,))
    ys = {
        text.text: float(text.attrib["y"])
        for text in parsed(svg(drawing)).iter(SVG + "text")
        if text.text in {"7", "13"}
    }
    assert ys["7"] < ys["13"]
    assert 'label="value 7\\ngradient 13"' in dot(drawing)
    assert '|"value 7<br/>gradient 13"|' in mermaid(drawing)


def test_heat_runs_from_pale_to_deep_and_stands_out_where_it_is_not_finite() -> None:
    heat = Heat("log10 norm", -3.0, 0.0)
    ends = [heat_colour(Box("a", ("a",), heat=value), heat) for value in (-9.0, -3.0, 0.0, 5.0)]
    assert ends[0] == ends[1] != ends[2] == ends[3]
    boxes = (Box("a", ("a", "not a number"), heat=float("nan")), Box("b", ("b", "−1.5"), heat=-1.5))
    text = svg(Drawing("t", "d", boxes, (), heat=heat))
    assert text.count("stroke-dasharray") == 1
    assert "log10 norm" in text


def test_a_heat_scale_of_one_value_is_drawn() -> None:
    boxes = (Box("a", ("a",), heat=1.0),)
    assert "<svg" in svg(Drawing("t", "d", boxes, (), heat=Heat("h", 1.0, 1.0)))


def test_black_text_keeps_its_contrast_on_all_of_the_scale() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for step in range(11):
        fill = luminance(heat_colour(Box("a", (), heat=step / 10), Heat("h", 0.0, 1.0)))
        assert (fill + 0.05) / (luminance("#222222") + 0.05) >= 4.5


def test_numbers_have_six_digits_and_names_for_what_is_no_number() -> None:
    found = [number(v) for v in (110.0, 1 / 12, -2.5e-7, -0.0, float("inf"), float("-inf"), float("nan"))]
    assert found == ["110", "0.0833333", "−2.5e-07", "0", "∞", "−∞", "not a number"]


def test_control_and_direction_characters_are_never_written() -> None:
    assert printable("a\u202eb\x00c\u200bd\n") == "a b c d"


def font_widths(font: Path) -> dict[str, float]:
    """Return the advance widths in a shipped font, in sizes, read from its tables."""
    raw = font.read_bytes()
    tables = {raw[i : i + 4]: int.from_bytes(raw[i + 8 : i + 12]) for i in range(12, 12 + 16 * raw[5], 16)}

    def at(offset: int, size: int = 2) -> int:
        return int.from_bytes(raw[offset : offset + size])

    units, metrics = at(tables[b"head"] + 18), at(tables[b"hhea"] + 34)
    cmap = tables[b"cmap"]
    wide = next(o for i in range(at(cmap + 2)) if at(o := cmap + at(cmap + 8 + 8 * i, 4)) == 12)
    found = {}
    for i in range(at(wide + 12, 4)):
        first, last, glyph = (at(wide + 16 + 12 * i + 4 * k, 4) for k in range(3))
        for code in range(first, last + 1):
            row = min(glyph + code - first, metrics - 1)
            found[chr(code)] = at(tables[b"hmtx"] + 4 * row) / units
    return found


@pytest.mark.parametrize(("font", "bold"), list(zip(FONTS, (False, True), strict=True)))
def test_a_text_is_measured_at_least_as_wide_as_the_shipped_font_draws_it(font: Path, bold: bool) -> None:
    widths = font_widths(font)
    told = {c: text_width(c, size=1.0) for c in map(chr, range(32, 127))}
    assert bold or {c for c, width in told.items() if width < widths[c] - 0.01} == set()
    for text in (
        "∂loss/∂W = upstream ⊗ x",
        "log10 ‖∇‖ = −3.25",
        "a = x·y → [0.5, −1, …]",
        "Embedding 1000×16",
    ):
        assert text_width(text, size=12, bold=bold) >= 12 * sum(widths[c] for c in text) - 0.5


def test_a_picture_as_a_png_keeps_the_names_of_its_boxes_bold() -> None:
    drawn = svg(Drawing("t", "d", (Box("a", ("factorisation", "4 layers")),), ()))
    assert ' font-weight="bold"' in drawn
    assert png(drawn) != png(drawn.replace(' font-weight="bold"', ""))


def test_the_words_below_a_heat_scale_keep_clear_of_its_figures() -> None:
    root = parsed(svg(Drawing("t", "d", (Box("a", ("a",)),), (), heat=Heat("h", 0, 3), notes=("a note",))))
    heights = {text.text: float(text.attrib["y"]) for text in root.iter(f"{SVG}text")}
    assert heights["a note"] - heights["3"] >= 20  # a line of 12 and room


def test_a_huge_picture_is_drawn_smaller_as_a_png() -> None:
    boxes = tuple(Box(f"b{i}", ("x" * 40,)) for i in range(60))
    wires = tuple(Wire(f"b{i}", f"b{i + 1}", (Text("value"),)) for i in range(59))
    drawn = svg(Drawing("t", "d", (*boxes, *(Box(f"c{i}", ("c",)) for i in range(30))), wires))
    drawn = re.sub(r'width="\d+" height="\d+"', 'width="30000" height="3000"', drawn, count=1)
    picture = png(drawn)
    width, height = int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    assert width * height <= MAX_PIXELS * 1.01


def test_drawings_that_make_no_sense_are_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="share an id"):
        Drawing("t", "d", (Box("a", ("a",)), Box("a", ("b",))), ())
    with pytest.raises(ValueError, match="group"):
        Drawing("t", "d", (Box("a", ("a",), group="g"),), ())
    with pytest.raises(ValueError, match="wire"):
        Drawing("t", "d", (Box("a", ("a",)),), (Wire("a", "b"),))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed here")
def test_graphviz_reads_the_dot() -> None:
    for drawing in (awkward(), *(random_drawing(random.Random(i)) for i in range(5))):
        done = subprocess.run(
            ["dot", "-Tsvg"], input=dot(drawing), capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        root = parsed(done.stdout)
        assert not [e for e in root.iter() if e.tag.endswith("script") or any("href" in a for a in e.attrib)]


def test_a_mermaid_label_holds_no_character_that_mermaid_or_html_reads() -> None:
    for quoted in re.findall(r'"([^"\n]*)"', mermaid(awkward()).split("flowchart", 1)[1]):
        bare = re.sub(r"#\d+;|<br/>", "", quoted)
        assert not set(bare) & set('#"<>&`|[]{}()*_~@:;%\\'), quoted


def test_a_mermaid_title_keeps_apart_what_a_semicolon_did() -> None:
    written = mermaid(Drawing("z = W @ x + b; p = softmax(z);", "two lines;", (Box("b", ("x",)),), ()))
    assert "  accTitle: z = W @ x + b, p = softmax(z)\n" in written
    assert "  accDescr: two lines\n" in written


def test_a_long_note_is_wrapped_and_leaves_the_graph_in_the_middle() -> None:
    note = " ".join(["seventeen records"] * 8)
    noted = Drawing("t", "d", (Box("b", ("x",)),), (), notes=(note,))
    picture = parsed(svg(noted))
    lines = [e.text or "" for e in picture.iter(f"{SVG}text")][2:]  # after the title and the box
    assert len(lines) > 1
    assert " ".join(lines) == note
    width = float(picture.attrib["width"])
    assert width <= NOTE_WIDTH + 2 * EDGE
    left = float(re.findall(r"translate\(([\d.]+)", svg(noted))[0])
    assert left + layered(noted).width / 2 == pytest.approx(width / 2, abs=1)
