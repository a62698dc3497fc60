"""Charts."""

from __future__ import annotations

import math
import re
import struct
import xml.etree.ElementTree as ET
import zlib

import pytest

from services.api.drawing import Chart, Mark, Panel, Series, png, svg
from services.api.drawing.axes import Axis, linear_ticks, tick_label
from shared.graphs.measuring import text_width

SVG = "{http://www.w3.org/2000/svg}"


def chart(*series: Series, scale: str = "linear", title: str = "loss") -> Chart:
    return Chart("a job", [Panel(title, series, "log" if scale == "log" else "linear")])


def lines(drawn: str) -> list[list[tuple[float, float]]]:
    """Return the points of every polyline after the legend's."""
    found = ET.fromstring(drawn).findall(f"{SVG}polyline")  # noqa: S314 - we wrote it ourselves
    return [
        [(float(x), float(y)) for x, y in (p.split(",") for p in line.attrib["points"].split())]
        for line in found
    ]


def texts(drawn: str) -> list[str]:
    return [t.text or "" for t in ET.fromstring(drawn).findall(f"{SVG}text")]  # noqa: S314


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 3, [-2, 0, 2]),
        (95, 105, [96, 98, 100, 102, 104]),
    ],
)
def test_ticks_are_round_and_inside(low: float, high: float, ticks: list[float]) -> None:
    assert linear_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.0, "0"), (0.05, "0.05"), (0.1 + 0.2, "0.3"), (1500.0, "1500"), (2e-5, "2e-05"), (1e7, "1e+07")],
)
def test_a_tick_has_a_short_label(value: float, label: str) -> None:
    assert tick_label(value) == label


def test_a_logarithmic_axis_gives_decades_equal_room() -> None:
    axis = Axis(0.001, 1.0, 0.0, 300.0, "log")
    assert [axis.place(v) for v in (0.001, 0.01, 0.1, 1.0)] == pytest.approx([0.0, 100.0, 200.0, 300.0])


def test_higher_values_are_drawn_higher() -> None:
    (_, line) = lines(svg(chart(Series("a", [0, 1, 2], [1.0, 3.0, 2.0]))))
    heights = [y for _, y in line]
    assert heights[1] < heights[2] < heights[0]


def test_what_is_no_number_breaks_the_line() -> None:
    drawn = svg(chart(Series("a", list(range(7)), [1.0, 2.0, None, 3.0, 4.0, math.nan, math.inf])))
    assert [len(line) for line in lines(drawn)[1:]] == [2, 2]


def test_a_logarithmic_panel_leaves_out_zero() -> None:
    drawn = svg(chart(Series("a", [0, 1, 2, 3], [0.0, 0.1, 0.01, -1.0]), scale="log"))
    assert [len(line) for line in lines(drawn)[1:]] == [2]


def test_a_dotted_line_is_dotted_in_every_colour() -> None:
    for colour in (1, 9):
        strokes = ET.fromstring(svg(chart(Series("a", [0, 1], [1.0, 2.0], look="dots", colour=colour))))  # noqa: S314
        assert {s.attrib["stroke-dasharray"] for s in strokes.findall(f"{SVG}polyline")} == {"0.1 5"}


def test_one_point_is_a_dot() -> None:
    assert "<circle" in svg(chart(Series("a", [3], [0.5])))


def test_nothing_yet_is_said_so() -> None:
    assert "no points yet" in texts(svg(chart(Series("a", [], []))))


def test_labels_cannot_break_out_of_the_document() -> None:
    label = 'a</text><script>alert("x")</script>\x07'
    assert any("<script>" in text for text in texts(svg(chart(Series(label, [0, 1], [1.0, 2.0])))))


def test_equal_charts_give_equal_bytes() -> None:
    one, two = (chart(Series("a", [0, 1], [0.1, 0.3])) for _ in range(2))
    assert svg(one) == svg(two)


def test_the_longest_label_of_an_axis_stays_inside_the_picture() -> None:
    low = 1000.00012  # ticks are 1000.000122, 1000.000124 …
    drawn = svg(chart(Series("a", [0, 2_000_000], [low, low + 1e-5]), scale="linear"))
    root = ET.fromstring(drawn)  # noqa: S314
    ends = {t.text or "": (t.attrib["text-anchor"], float(t.attrib["x"])) for t in root.findall(f"{SVG}text")}
    upright = {label: x for label, (anchor, x) in ends.items() if anchor == "end"}
    assert max(map(len, upright)) == 11
    assert all(x - text_width(label, size=12) >= 0 for label, x in upright.items())
    anchor, middle = ends["2000000"]
    assert anchor == "middle"
    assert middle + text_width("2000000", size=12) / 2 <= 800
    axis = min(x for x, _ in lines(drawn)[1])
    assert all(x < axis for x in upright.values())


def test_a_long_legend_goes_on_in_the_next_row() -> None:
    many = [
        Series(f"a schedule with a long name, number {i}", [0, 1], [1.0, 2.0], colour=i) for i in range(6)
    ]
    drawn = ET.fromstring(svg(chart(*many)))  # noqa: S314
    marks = [t for t in drawn.findall(f"{SVG}text") if (t.text or "").startswith("a schedule")]
    assert len({t.attrib["y"] for t in marks}) >= 3
    assert all(float(t.attrib["x"]) < 800 for t in marks)


def dark_pixels(image: bytes) -> int:
    """Return how many bytes of an 8-bit PNG's rows are dark, by undoing its filters."""
    width, height, depth, colour = struct.unpack(">IIBB", image[16:26])
    assert (depth, colour) == (8, 6)
    packed, place = b"", 8
    while place < len(image):
        size, name = struct.unpack(">I4s", image[place : place + 8])
        packed += image[place + 8 : place + 8 + size] if name == b"IDAT" else b""
        place += size + 12
    raw, stride = zlib.decompress(packed), width * 4
    above = bytearray(stride)
    dark = 0
    for row in range(height):
        start = row * (stride + 1)
        above = undone(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above)
        dark += sum(above[i] < 100 and above[i + 1] < 100 and above[i + 2] < 100 for i in range(0, stride, 4))
    return dark


def undone(kind: int, line: bytearray, above: bytearray) -> bytearray:
    for i in range(len(line)):
        left = line[i - 4] if i >= 4 else 0
        corner = above[i - 4] if i >= 4 else 0
        line[i] = (line[i] + predicted(kind, left, above[i], corner)) % 256
    return line


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda v: abs(guess - v))
    return (0, left, up, (left + up) // 2)[kind]


def test_a_png_shows_its_texts() -> None:
    quiet = chart(Series("", [0, 1], [1.0, 1.0]), title="")
    spoken = chart(Series("", [0, 1], [1.0, 1.0]), title="WWWWWWWWWWWW")
    assert dark_pixels(png(svg(spoken))) > dark_pixels(png(svg(quiet))) + 200


def boxes_of_words(drawn: str) -> list[tuple[float, float, float]]:
    """Return where each mark's words begin and end, and the height of their middle; 6.6 px a character."""
    found = []
    for x, y, anchor, words in re.findall(
        r'<text stroke="#ffffff".*? x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)".*?>(.*?)</text>', drawn
    ):
        start = float(x) - (6.6 * len(words) if anchor == "end" else 0)
        found.append((start, start + 6.6 * len(words), float(y) - 4))
    return found


def strokes_of_marks(drawn: str) -> list[tuple[float, float, float]]:
    """Return the place of each mark's line, its top and its foot."""
    found = re.findall(r'<line x1="([\d.]+)" y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)" stroke="#b00020"', drawn)
    return [(float(x), float(top), float(foot)) for x, top, foot in found]


class TestMarks:
    CHART = Chart(
        "t",
        [Panel("a", [Series("s", [0, 10], [1.0, 2.0])]), Panel("b", [Series("s", [0, 10], [1.0, 2.0])])],
        marks=[Mark(20, "<late>"), Mark(5, "first"), Mark(5, "second")],
        notes=["a sentence " * 20],
    )

    def test_stand_in_every_panel_inside_an_axis_that_holds_them(self) -> None:
        drawn = svg(self.CHART)
        xs = [float(x) for x in re.findall(r'<line x1="([\d.]+)"[^>]*stroke-dasharray', drawn)]
        assert len(xs) == 6
        assert max(xs) == 784.0
        assert drawn.count("&lt;late&gt;</text>") == 2

    def test_whose_words_would_touch_stand_under_each_other(self) -> None:
        heights = re.findall(r'y="([\d.]+)"[^>]*>(?:first|second)<', svg(self.CHART))
        assert len(set(heights)) == len(heights) == 4

    def test_whose_words_stand_over_every_line_with_a_rim_of_the_paper(self) -> None:
        panel = svg(self.CHART).split(">a</text>")[1].split(">b</text>")[0]
        assert panel.count('paint-order="stroke"') == 3
        assert panel.rindex("stroke-dasharray") < panel.index('paint-order="stroke"')

    @pytest.mark.parametrize(
        "rates",
        [
            {
                "cautious 0.0028": 0.0028,
                "base of a cycle 0.0085": 0.0085,
                "constant 0.014": 0.014,
                "peak": 0.034,
            },
            {"cautious 0.28": 0.28, "base of a cycle 0.85": 0.85, "constant 1.4": 1.4, "peak 3.4": 3.4},
            {"cautious": 2.0, "base of a cycle": 2.1, "constant": 2.2, "peak": 2.3, "diverged": 10.0},
        ],
        ids=["in the middle", "at the edge", "nearly at one place"],
    )
    def test_whose_words_no_line_runs_through(self, rates: dict[str, float]) -> None:
        climb = Panel("loss", [Series("s", [1e-5, 10.0], [1.0, 2.0])])
        drawn = svg(Chart("t", [climb], x_scale="log", marks=[Mark(x, label) for label, x in rates.items()]))
        boxes, strokes = boxes_of_words(drawn), strokes_of_marks(drawn)
        assert len(boxes) == len(strokes) == len(rates)
        assert [(b, s) for b in boxes for s in strokes if b[0] < s[0] < b[1] and s[1] < b[2] < s[2]] == []
        assert all(b[1] <= c[0] or c[1] <= b[0] or b[2] != c[2] for b in boxes for c in boxes if b is not c)
        assert max(b[2] for b in boxes) < min(y for _, y in lines(drawn)[1])  # above what is drawn

    @pytest.mark.parametrize("x", [0.5, 5.0, 9.5])
    def test_whose_words_are_wider_than_the_plot_on_either_side_stay_inside_it(self, x: float) -> None:
        climb = Panel("loss", [Series("s", [0, 10], [1.0, 2.0])])
        ((start, end, _),) = boxes_of_words(svg(Chart("t", [climb], marks=[Mark(x, "w" * 90)])))
        assert 72.0 <= start < end <= 784.0

    def test_where_no_row_is_free_words_cross_a_line_before_they_are_left_out(self) -> None:
        long = [Mark(x, f"{x} " + "w" * 80) for x in (1.0, 1.2, 1.4, 1.6, 1.8)]
        climb = Panel("loss", [Series("s", [0, 10], [1.0, 2.0])])
        drawn = svg(Chart("t", [climb], marks=[*long, Mark(9.0, "last " + "w" * 60)]))
        assert len(boxes_of_words(drawn)) == 6

    def test_that_stand_too_close_to_be_read_keep_their_words_for_a_pointer(self) -> None:
        crowd = [Mark(i / 100, f"manual × {i}") for i in range(40)]
        drawn = svg(Chart("t", [Panel("loss", [Series("s", [0, 10], [1.0, 2.0])])], marks=crowd))
        assert len(boxes_of_words(drawn)) == 6
        assert len(re.findall(r"<title>manual × \d+</title></line>", drawn)) == 34

    def test_sentences_below_are_wrapped_and_counted_into_the_height(self) -> None:
        drawn = svg(self.CHART)
        height = int(re.findall(r'height="(\d+)"', drawn)[0])
        rows = [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>\s*a sentence', drawn)]
        assert len(rows) >= 2
        assert max(rows) < height


def words_of(drawn: str) -> tuple[str | None, str | None, str | None]:
    """Return the role, the title and the description that a screen reader speaks."""
    root = ET.fromstring(drawn)  # noqa: S314
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    return root.get("role"), root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")


def test_a_chart_says_in_words_what_it_shows() -> None:
    falls = Series("falls <1>", [0, 10, 20], [4.0, 0.5, 1.0])
    broken = Series("breaks", [0, 10, 20], [None, 2.0, math.nan])
    panels = [Panel("loss", [falls, broken]), Panel("rate", [Series("waits", [], [])], "log")]
    drawn = svg(Chart("a job & more", panels, marks=[Mark(7, "fork")], notes=["All is well."]))
    loss = "loss by step: falls <1>, from 4 at 0 to 1 at 20, lowest 0.5, highest 4; breaks, 2 at 10."
    rest = "rate: no points yet. Marked: fork at 7. All is well."
    assert words_of(drawn) == ("img", "a job & more", f"{loss} {rest}")


def test_of_many_lines_and_marks_the_words_name_the_first() -> None:
    many = [Series(f"line {i}", [0, 1], [0.0, i]) for i in range(15)]
    _, _, said = words_of(svg(Chart("all", [Panel("rate", many)], marks=[Mark(i, "m") for i in range(14)])))
    assert said is not None
    assert "line 11, " in said
    assert "line 12" not in said
    assert "; and 3 more lines. Marked: m at 0; " in said
    assert said.endswith("m at 11; and 2 more.")
