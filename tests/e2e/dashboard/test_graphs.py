"""Computation graphs on the page: formulas with every number on its wire, and the net of a version."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from shared.catalog import NeumfParams
from shared.db.engine import Database
from tests.e2e.dashboard.served import Served
from tests.integration.api.test_predictions import publish
from tests.support.packages import drawn, tiny_recommender

pytestmark = pytest.mark.browser


@pytest.fixture
def formulas(signed_in: Page) -> Page:
    """The page of formulas with its first one traced."""
    signed_in.get_by_role("link", name="Graphs", exact=True).click()
    expect(signed_in.locator(".sentence")).to_have_text("= 110")
    return signed_in


def test_a_formula_is_traced_with_the_chain_rule_written_out(formulas: Page):
    chain = formulas.get_by_role("region", name="Chain rule")
    expect(chain).to_contain_text("∂f/∂x = ∂f/∂a · ∂a/∂x = 1 · 13 = 13")
    expect(formulas.get_by_role("region", name="Nodes").locator("tbody tr")).to_have_count(5)
    expect(formulas.get_by_role("region", name="Edges").locator("tbody tr").nth(0)).to_contain_text(
        "∂a/∂x = y"
    )
    formulas.get_by_label("x", exact=True).fill("2")
    expect(formulas.locator(".sentence")).to_have_text("= 45")  # 2·13 + 19
    formulas.get_by_label("Formula", exact=True).fill("exp(w) * x")
    assert formulas.locator(".fields-grid label").all_inner_texts() == ["w", "x"]
    expect(formulas.get_by_label("x", exact=True)).to_have_value("2")  # what was typed stays


def test_both_passes_are_stepped_through_in_words_and_in_the_drawing(formulas: Page):
    formulas.get_by_role("button", name="Step on").click()
    frame = formulas.locator(".frame")
    expect(frame).to_have_text("Forward a = x·y = 7·13 = 91")
    assert formulas.locator(".drawing .here text").all_text_contents() == ["a = x·y"]
    assert formulas.locator(".drawing g.faint").count() == 1  # f is not computed yet
    formulas.get_by_label("Step of the trace").press("End")
    expect(frame).to_contain_text("Backward")
    assert formulas.locator(".drawing .faint").count() == 0
    formulas.get_by_role("button", name="Whole graph").click()
    assert formulas.locator(".drawing .here").count() == 0


def test_a_formula_that_is_refused_is_said_with_its_place(formulas: Page, complaints: list[str]):
    complaints.append("422")
    formulas.get_by_label("Formula", exact=True).fill("__import__('os')")
    expect(formulas.get_by_role("alert")).to_be_visible()
    formulas.get_by_label("Formula", exact=True).fill("log(x)")
    formulas.get_by_label("x", exact=True).fill("-1")
    expect(formulas.get_by_role("alert")).to_contain_text("log")
    save = formulas.get_by_role("button", name="SVG", exact=True)
    expect(formulas.locator("[data-stale] .sentence")).to_have_text("= 110")  # of the formula before
    expect(formulas.get_by_text("of the last formula and values that could be traced")).to_be_visible()
    expect(formulas.locator("[data-stale] .chain")).to_have_count(3)
    expect(save).to_be_disabled()
    formulas.get_by_label("x", exact=True).fill("1")
    expect(formulas.get_by_role("alert")).to_have_count(0)
    expect(formulas.locator(".sentence")).to_have_text("= 0")
    expect(formulas.locator("[data-stale]")).to_have_count(0)
    expect(save).to_be_enabled()


def test_vectors_and_matrices_are_values_too_and_a_link_brings_them_back(formulas: Page):
    formulas.get_by_label("Examples").select_option("h = relu(W @ x + b); mean((h - y)**2)")
    expect(formulas.get_by_label("W", exact=True)).to_have_value("[[1, -2], [0.5, 1]]")
    # W·x + b = (0.5, 1); the mean of 0.5² and 0².
    expect(formulas.locator(".sentence")).to_have_text("= 0.125")
    address = formulas.evaluate("location.href")
    formulas.goto("about:blank")
    formulas.goto(address)
    expect(formulas.locator(".sentence")).to_have_text("= 0.125")


@pytest.mark.parametrize(
    ("form", "start"), [("SVG", "<svg"), ("DOT", "digraph"), ("Mermaid", "flowchart"), ("JSON", "{")]
)
def test_a_graph_can_be_saved_in_every_form(formulas: Page, tmp_path: Path, form: str, start: str):
    with formulas.expect_download() as caught:
        formulas.get_by_role("button", name=form, exact=True).click()
    caught.value.save_as(tmp_path / form)
    assert start in (tmp_path / form).read_text()[:200]


def test_a_drawing_is_taken_over_without_anything_active(formulas: Page, complaints: list[str]):
    complaints.extend(
        ["Executing inline", "Applying inline"]
    )  # what the policy says of the hostile text while it is parsed
    script = """async () => {
        const { imported } = await import('/static/graphs/drawing_view.js');
        const owned = "document.title='owned'";
        const hostile = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="${owned}">
            <script>${owned}</script><style>*{display:none}</style>
            <a href="javascript:${owned}"><text>linked</text></a><image href="https://example.org/x"/>
            <foreignObject><img src="x" onerror="${owned}"/></foreignObject>
            <rect width="3" fill="url(https://example.org/x)" onclick="${owned}"/><text>kept</text></svg>`;
        const made = imported(hostile);
        document.body.append(made);
        return [made.outerHTML.replace(/\\s+/g, ' '), document.title];
    }"""
    kept, title = formulas.evaluate(script)
    assert kept == '<svg viewBox="0 0 9 9"> <rect width="3"></rect><text>kept</text></svg>'
    assert "owned" not in title


@pytest.fixture
def films(database: Database) -> None:
    """A published recommender whose package holds the graph of its net."""
    package = tiny_recommender(params=NeumfParams(embedding_dim=4, hidden=(8, 4)), papers=drawn)
    publish(database, model="films", task="recommend", package=package)


@pytest.mark.usefixtures("films")
def test_the_net_of_a_version_is_drawn_by_module_layer_or_operation_with_its_layers_as_tables(
    signed_in: Page, served: Served, tmp_path: Path
):
    signed_in.goto(f"{served.address}/#/models/films")
    signed_in.get_by_role("link", name="version 1", exact=True).click()
    expect(signed_in.get_by_role("heading", name="films, version 1")).to_be_visible()
    graph = signed_in.get_by_role("region", name="Graph of the net")
    expect(graph).to_contain_text("373 parameters")
    expect(graph.locator("details.module", has_text="body.0")).to_contain_text("Linear")
    frame, drawing = graph.locator(".drawing"), graph.locator(".drawing svg")
    assert frame.evaluate("e => e.scrollHeight - e.clientHeight") == 0  # all of it at first sight
    wide = drawing.evaluate("e => e.getBoundingClientRect().width")
    signed_in.set_viewport_size({"width": 390, "height": 844})
    signed_in.wait_for_function(
        "wide => document.querySelector('.drawing svg').getBoundingClientRect().width < wide * 0.9", arg=wide
    )
    signed_in.set_viewport_size({"width": 1280, "height": 900})
    modules = graph.locator(".drawing g[transform] > g").count()
    graph.get_by_label("Level").select_option("layer")
    expect(graph.locator(".drawing")).to_contain_text("body.0")
    assert graph.locator(".drawing g[transform] > g").count() > modules
    layers = graph.locator(".drawing g[transform] > g").count()
    graph.get_by_label("Level").select_option("operations")
    expect(graph.locator(".drawing")).to_contain_text("addmm")
    assert graph.locator(".drawing g[transform] > g").count() > layers
    graph.get_by_label("Heat").select_option("parameters")
    expect(graph.locator(".drawing")).to_contain_text("log₁₀ of")
    with signed_in.expect_download() as caught:
        graph.get_by_role("button", name="ONNX", exact=True).click()
    caught.value.save_as(tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").stat().st_size > 500
    assert caught.value.suggested_filename == "films-1.onnx"


INSIDE = """([outer, inner]) => {
    const [frame, box] = [outer, inner].map(e => document.querySelector(e).getBoundingClientRect());
    return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top;
}"""


@pytest.mark.usefixtures("films")
def test_on_a_phone_a_drawing_begins_with_an_input_and_fits_when_asked(signed_in: Page, served: Served):
    signed_in.set_viewport_size({"width": 390, "height": 844})
    signed_in.goto(f"{served.address}/#/models/films/versions/1")
    graph = signed_in.get_by_role("region", name="Graph of the net")
    graph.get_by_label("Level").select_option("layer")
    expect(graph.locator(".drawing")).to_contain_text("body.0")
    first = ".drawing g[transform] > g:has(> text)"
    assert signed_in.locator(first).first.text_content() == "input; usersinputusers"
    assert signed_in.evaluate(INSIDE, [".drawing", first])
    larger = graph.get_by_role("button", name="Larger")
    for _ in range(4):
        larger.click()
    assert not signed_in.evaluate(INSIDE, [".drawing", ".drawing svg"])
    graph.get_by_role("button", name="Fit").click()
    assert signed_in.evaluate(INSIDE, [".drawing", ".drawing svg"])


def test_on_a_phone_the_result_of_the_example_is_in_view(formulas: Page):
    formulas.set_viewport_size({"width": 390, "height": 844})
    formulas.wait_for_function(INSIDE, arg=[".drawing", ".drawing svg"])
