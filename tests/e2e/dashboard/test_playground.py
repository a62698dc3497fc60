"""The schedule playground: form and JSON in step, curves as one types, comparison, links, trainings."""

import base64
import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from shared.db.engine import Database
from tests.e2e.dashboard.served import Served
from tests.support.training import ready_dataset

pytestmark = pytest.mark.browser
CYCLES = {
    "base_lr": 0.1,
    "phases": [
        {"name": "linear", "duration": "10%", "start_factor": 0.5},
        {
            "name": "cyclic",
            "duration": "rest",
            "max_lr": 1,
            "step_size_up": "10%",
            "momentum": {"base_momentum": 0.8, "max_momentum": 0.9},
        },
    ],
}


@pytest.fixture
def playground(signed_in: Page) -> Page:
    """The playground with its first schedule drawn: 1,000 steps of 50 an epoch."""
    signed_in.get_by_role("link", name="Schedules", exact=True).click()
    expect(figures(signed_in, "draft")).to_contain_text("0.002513")
    return signed_in


def figures(page: Page, label: str) -> Locator:
    return page.locator("table.figures tbody tr", has=page.get_by_role("rowheader", name=label, exact=True))


def field(page: Page, *path: str | int) -> Locator:
    return page.locator(f"[data-path='{json.dumps(list(path), separators=(',', ':'))}']")


def text_of(page: Page) -> Locator:
    return page.get_by_label("The schedule as JSON")


def write(page: Page, schedule: object) -> None:
    page.get_by_role("tab", name="JSON").click()
    text_of(page).fill(schedule if isinstance(schedule, str) else json.dumps(schedule))


def schedule_on(page: Page) -> dict[str, Any]:
    return dict(json.loads(text_of(page).input_value()))


def test_an_edit_in_the_form_is_at_once_in_the_json_and_in_the_curve(playground: Page):
    field(playground, "base_lr").get_by_role("textbox").fill("0.01")
    expect(figures(playground, "draft")).to_contain_text("0.01")
    field(playground, "phases", 1, "eta_min").get_by_role("textbox").fill("1e-3")
    phases = [
        {"name": "linear", "duration": "5%", "start_factor": 0.1},
        {"name": "cosine", "duration": "rest", "eta_min": 0.001},
    ]
    assert schedule_on(playground) == {"base_lr": 0.01, "phases": phases}
    field(playground, "phases", 1, "eta_min").get_by_role("textbox").fill("")
    assert schedule_on(playground)["phases"][1] == {"name": "cosine", "duration": "rest"}


def test_what_a_phase_requires_stands_first_in_its_form(playground: Page):
    decay = {"name": "exponential", "duration": "rest", "gamma": 0.9}
    write(playground, {"base_lr": 0.1, "phases": [decay], "feedback": {"name": "plateau"}})
    playground.get_by_role("tab", name="Form").click()
    names = playground.locator(".phases .field > label, .phases .field > .label")
    expect(names).to_have_text(["duration", "gamma", "lr", "decay_steps", "staircase"])
    expect(playground.locator(".feedback .field > label").first).to_have_text("monitor")


def test_an_edit_in_the_json_is_at_once_in_the_form_and_in_the_curve(playground: Page):
    write(playground, CYCLES)
    # Mean of the warm-up 0.075 over 100 steps, of whole and half cycles 0.55 over 900.
    expect(figures(playground, "draft")).to_contain_text("0.5025")
    playground.get_by_role("tab", name="Form").click()
    assert playground.locator("select.kind").evaluate_all("all => all.map(one => one.value)") == [
        "linear",
        "cyclic",
    ]
    expect(field(playground, "phases", 1, "max_lr").get_by_role("textbox")).to_have_value("1")
    expect(field(playground, "phases", 1, "step_size_up").get_by_label("unit")).to_have_value("%")
    expect(playground.get_by_role("heading", name="Momentum")).to_be_visible()
    write(playground, '{"base_lr": 0.1,')
    expect(playground.get_by_text("This is not JSON yet")).to_be_visible()
    write(playground, {"name": "constant", "base_lr": 0.25})
    expect(figures(playground, "draft")).to_contain_text("0.25")
    expect(playground.get_by_text("This is not JSON yet")).to_be_hidden()


def test_phases_are_added_moved_changed_and_removed_by_keyboard(playground: Page):
    playground.get_by_label("Kind of the new phase").select_option("constant")
    playground.get_by_role("button", name="Add phase").press("Enter")
    kinds = playground.locator("select.kind")
    assert kinds.evaluate_all("all => all.map(one => one.value)") == ["linear", "cosine", "constant"]
    assert [phase["duration"] for phase in schedule_on(playground)["phases"]] == ["5%", "50%", "rest"]
    playground.get_by_role("button", name="Move up phase 3").press("Enter")
    assert kinds.evaluate_all("all => all.map(one => one.value)") == ["linear", "constant", "cosine"]
    expect(kinds.nth(1)).to_be_focused()
    playground.get_by_role("button", name="Remove phase 1").press("Enter")
    kinds.nth(0).select_option("rex")
    assert [phase["name"] for phase in schedule_on(playground)["phases"]] == ["rex", "cosine"]
    assert [phase["duration"] for phase in schedule_on(playground)["phases"]] == ["rest", "50%"]


def test_what_is_refused_is_said_at_its_field_and_the_last_curve_stays(
    playground: Page, complaints: list[str]
):
    complaints.append("422")
    field(playground, "phases", 0, "start_factor").get_by_role("textbox").fill("-3")
    wrong = field(playground, "phases", 0, "start_factor")
    expect(wrong).to_contain_text("Refused: wanted at least 0")
    expect(wrong.get_by_role("textbox")).to_have_attribute("aria-invalid", "true")
    expect(playground.get_by_text("the curve is the last one that was not")).to_be_visible()
    expect(figures(playground, "draft")).to_contain_text("0.002513")
    field(playground, "phases", 0, "start_factor").get_by_role("textbox").fill("much")
    expect(wrong).to_contain_text("Refused: wanted a number")
    wrong.get_by_role("textbox").fill("0")
    expect(wrong.get_by_role("textbox")).not_to_have_attribute("aria-invalid", "true")
    expect(playground.locator(".findings")).to_contain_text("the rate of the first update is 0")
    expect(field(playground, "phases", 0)).to_contain_text("Warning: the rate of the first update is 0")
    playground.get_by_label("Total steps").fill("0")
    expect(playground.locator(".run-length")).to_contain_text("total steps: ")


def test_a_run_needs_an_epoch_only_where_a_length_counts_epochs(playground: Page, complaints: list[str]):
    complaints.append("422")
    playground.get_by_label("Steps per epoch").fill("")
    write(playground, {"base_lr": 0.25, "phases": [{"name": "cosine", "duration": "1000st"}]})
    expect(figures(playground, "draft")).to_contain_text("0.25")
    wrong, note = playground.locator(".run-length .wrong"), playground.get_by_text("as it stands is refused")
    expect(wrong).to_be_hidden()
    expect(note).to_be_hidden()
    playground.get_by_role("button", name="Add to comparison").click()
    write(playground, {"base_lr": 0.25, "phases": [{"name": "cosine", "duration": "20ep"}]})
    expect(note).to_have_text("The run as it stands is refused; the curve is the last one that was not.")
    expect(playground.get_by_text("wanted how many steps an epoch has")).to_have_count(1)
    playground.get_by_label("Steps per epoch").fill("50")
    expect(wrong).to_be_hidden()
    expect(note).to_be_hidden()


def test_a_link_to_a_schedule_that_is_refused_says_that_it_has_no_curve(
    signed_in: Page, served: Served, complaints: list[str]
):
    complaints.append("422")
    draft = {"label": "early", "schedule": {"name": "constant", "lr": "previous"}}
    state = base64.urlsafe_b64encode(json.dumps({"draft": draft}).encode()).decode().rstrip("=")
    signed_in.goto(f"{served.address}/#/schedules?state={state}")
    expect(signed_in.get_by_text("is refused; there is no curve of it.")).to_be_visible()
    expect(signed_in.locator("figure.chart").first).to_be_hidden()
    expect(signed_in.get_by_role("region", name="Figures", exact=True)).to_be_hidden()
    write(signed_in, {"name": "constant", "base_lr": 0.25})
    expect(figures(signed_in, "early")).to_contain_text("0.25")
    expect(signed_in.locator("figure.chart").first).to_be_visible()
    expect(signed_in.get_by_role("region", name="Figures", exact=True)).to_be_visible()


def test_what_is_refused_reads_as_a_sentence_with_its_place(playground: Page, complaints: list[str]):
    complaints.append("422")
    halves = [{"name": "linear", "duration": "60%"}, {"name": "cosine", "duration": "20%"}]
    write(playground, {"base_lr": 0.1, "phases": halves})
    short = 'the phases last 800 steps of 1000; make one "rest" or let them add up'
    expect(playground.locator(".findings li")).to_have_text(f"Refused at phases: {short}")
    adder = playground.get_by_role("button", name="Add to comparison")
    expect(adder).to_be_disabled()
    whole = [{"name": "linear", "duration": "600st"}, {"name": "cosine", "duration": "400st"}]
    write(playground, {"base_lr": 0.1, "phases": whole})
    adder.click()
    playground.get_by_label("Total steps").fill("2000")
    short = 'the phases last 1000 steps of 2000; make one "rest" or let them add up'
    expect(playground.locator(".compared li .wrong")).to_have_text(f"Refused at phases: {short}")
    playground.get_by_label("Total steps").fill("1000")
    write(playground, {"name": "one_cycle", "base_lr": 0.1, "pct_start": 1})
    short = "leaves no step for the fall; write less than 1"
    expect(playground.locator(".findings li")).to_have_text(f"Refused at pct_start: {short}")


def test_schedules_are_laid_over_one_another_and_a_link_brings_them_back(playground: Page, served: Served):
    playground.get_by_role("button", name="Add to comparison").click()
    playground.get_by_role("button", name="Use it: step", exact=True).click()
    playground.get_by_role("button", name="Add to comparison").click()
    playground.get_by_label("Name of schedule 1").fill("warm-up, then cosine")
    playground.get_by_label("Name of schedule 1").press("Tab")
    playground.get_by_role("button", name="Use it: one_cycle", exact=True).click()
    playground.get_by_label("Total steps").fill("2000")
    rows = playground.locator("table.figures tbody th")
    wanted = ["one_cycle", "warm-up, then cosine", "step"]
    expect(rows).to_have_text([re.compile(name) for name in wanted])
    dashes = playground.locator("table.figures .swatch line").evaluate_all(
        "all => all.map(one => one.getAttribute('stroke-dasharray'))"
    )
    assert len(set(dashes)) == 3  # told apart without colour
    address = playground.evaluate("location.href")
    assert served.key not in address
    playground.goto("about:blank")
    playground.goto(address)
    expect(playground.locator("table.figures tbody th")).to_have_text([re.compile(name) for name in wanted])
    expect(playground.get_by_label("Total steps")).to_have_value("2000")
    playground.get_by_role("button", name="Remove warm-up, then cosine").click()
    expect(rows).to_have_text([re.compile("one_cycle"), re.compile("step")])


def test_what_was_drawn_is_there_again_after_a_look_elsewhere_until_one_starts_over(playground: Page):
    write(playground, {"name": "constant", "base_lr": 0.25})
    expect(figures(playground, "draft")).to_contain_text("0.25")
    playground.get_by_role("link", name="Jobs", exact=True).click()
    playground.get_by_role("link", name="Schedules", exact=True).click()
    expect(figures(playground, "draft")).to_contain_text("0.25")
    playground.get_by_role("button", name="Start over").click()
    expect(figures(playground, "draft")).to_contain_text("0.002513")


def test_a_link_that_was_cut_off_is_said_and_does_no_harm(signed_in: Page, served: Served):
    signed_in.goto(f"{served.address}/#/schedules?state=eyJydW4iOnsi")
    expect(figures(signed_in, "draft")).to_contain_text("0.002513")
    expect(signed_in.get_by_role("alert")).to_contain_text("cannot be read")


def test_a_log_axis_redraws_the_curve_and_labels_are_never_read_as_html(playground: Page):
    canvas = playground.locator("figure.chart canvas").first
    linear = canvas.evaluate("c => c.toDataURL()")
    playground.locator("figure.chart").first.get_by_label("log").check()
    assert canvas.evaluate("c => c.toDataURL()") != linear
    playground.get_by_label("Name of this schedule").fill("<img src=x onerror=alert(1)>")
    expect(figures(playground, "<img src=x onerror=alert(1)>")).to_be_visible()
    playground.get_by_role("button", name="Add to comparison").click()
    assert playground.locator("main img").count() == 0


def test_feedback_is_chosen_from_what_the_catalogue_offers(playground: Page):
    playground.get_by_label("Feedback", exact=True).select_option("plateau")
    assert schedule_on(playground)["feedback"]["name"] == "plateau"
    field(playground, "feedback", "patience").get_by_role("textbox").fill("7")
    assert schedule_on(playground)["feedback"]["patience"] == 7
    playground.get_by_label("Feedback", exact=True).select_option("none")
    assert "feedback" not in schedule_on(playground)


def test_every_schedule_of_the_catalogue_has_a_card_and_can_be_used(playground: Page):
    for name in playground.locator("article[data-schedule]").evaluate_all(
        "all => all.map(one => one.dataset.schedule)"
    ):
        card = playground.locator(f"article[data-schedule='{name}']")
        if not card.get_by_role("button", name=re.compile(rf"^Use .*: {name}$")).count():
            continue
        card.get_by_role("button", name=re.compile(rf"^Use .*: {name}$")).click()
        expect(figures(playground, name)).to_be_visible()
        expect(playground.locator(".findings li[data-tone='bad']")).to_have_count(0)


def test_the_card_of_a_phase_draws_that_phase_or_says_what_it_draws(playground: Page):
    ramp = playground.locator("article[data-schedule='linear']")
    points = ramp.locator(".sketch polyline").get_attribute("points") or ""
    heights = [float(point.split(",")[1]) for point in points.split()]
    middle = len(heights) // 2
    assert heights[middle] == pytest.approx((heights[0] + heights[-1]) / 2, abs=0.5)
    assert heights[0] - heights[-1] > 30  # of 44 px
    expect(ramp).not_to_contain_text("Drawn:")
    composed = playground.locator("article[data-schedule='inverse_sqrt']")
    expect(composed).to_contain_text("Drawn: linear → inverse_sqrt")
    expect(composed.get_by_role("button", name="Use its example: inverse_sqrt")).to_be_visible()


def test_a_training_starts_with_the_schedule_that_is_drawn(playground: Page, database: Database):
    ready_dataset(database, name="ratings")
    write(playground, {"name": "constant", "base_lr": 0.25})
    playground.get_by_text("Start a training with this schedule").click()
    expect(playground.get_by_label("Data set")).to_contain_text("ratings")
    playground.get_by_label("Model").fill("from-the-page")
    playground.get_by_label("Epochs").fill("3")
    playground.get_by_role("button", name="Start the training").click()
    expect(playground.get_by_role("heading", name="from-the-page")).to_be_visible()
    spec = json.loads(
        playground.locator("details.card code").inner_text()
        or playground.locator("details.card code").text_content()
        or ""
    )
    assert (spec["epochs"], spec["schedule"]["base_lr"], spec["schedule"]["name"]) == (
        3,
        0.25,
        "constant",
    )
