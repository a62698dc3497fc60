"""The guide to schedules says what the code does: blocks run, formulas and codes are those there are."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from services.api.gallery.plots import COMPOSED
from shared.schedules import CATALOG, FROM_SCRATCH, PHASES, ScheduleSpec, Start, warnings
from tests.support.schedules import resolved

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)


OF_FORKS = re.findall(r"```json\n(.*?)```", GUIDE.split("## Resume and fork")[1].split("\n## ")[0], re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_a_schedule_that_runs_without_a_warning(block: str):
    start = Start(1000, previous=0.005) if block in OF_FORKS else FROM_SCRATCH
    run = resolved(json.loads(block), steps=2000, epoch=50, start=start)
    assert all(run.lr(t) >= 0.0 for t in (1000, 1999, 2000))
    assert {w.code for w in warnings(run)} <= {"starts_at_zero"}  # which coslog does by its formula


def test_the_cool_down_of_the_guide_begins_at_the_rate_of_its_parent():
    (block,) = OF_FORKS
    assert resolved(json.loads(block), start=Start(600, previous=0.005)).lr(600) == 0.005


@pytest.mark.parametrize("name", CATALOG)
def test_every_schedule_has_its_purpose_formula_plot_borders_and_sources(name: str):
    entry = CATALOG[name]
    section = GUIDE.split(f"\n### {name}\n")[1].split("\n### ")[0]
    wanted = [entry.purpose, entry.formula, f"(schedules/{name}.svg)"]
    wanted += [f"| {where} | {value} |" for where, value in entry.boundaries]
    wanted += entry.sources if name in PHASES else ()
    assert [text for text in wanted if text not in section] == []


@pytest.mark.parametrize("name", CATALOG)
def test_no_section_tells_its_purpose_twice(name: str):
    paragraph = GUIDE.split(f"\n### {name}\n\n")[1].split("\n\n")[0]
    purpose, rest = (re.findall(r"\w+", text.lower()) for text in paragraph.split(". ", 1))
    assert runs_of_four(purpose) & runs_of_four(rest) == set()


def runs_of_four(words: list[str]) -> set[tuple[str, ...]]:
    """Return every four words that follow one another."""
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))


@pytest.mark.parametrize("name", PHASES)
def test_every_example_of_the_catalogue_stands_in_the_guide(name: str):
    specs = [ScheduleSpec.parse(json.loads(block)) for block in BLOCKS]
    assert ScheduleSpec.parse(CATALOG[name].example) in specs


def warning_codes() -> set[str]:
    """Return every code that the sources warn with."""
    codes = set()
    for path in [*(ROOT / "shared" / "schedules").glob("*.py"), ROOT / "services" / "api" / "previews.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Advice", "ScheduleWarning"}:
                codes |= {str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)}
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "WarningAnswer":
                codes |= {
                    str(k.value.value)
                    for k in node.keywords
                    if k.arg == "code" and isinstance(k.value, ast.Constant)
                }
    return codes


def test_the_table_of_warnings_is_complete():
    table = GUIDE.split("## Refusals and warnings")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == warning_codes()
    assert len(warning_codes()) == 13


def test_the_numbers_of_the_composed_schedule_are_what_runs():
    (block,) = [block for block in BLOCKS if '"feedback"' in block and "hann" in block]
    run = resolved(json.loads(block), steps=1000, epoch=50)
    assert [run.lr(t) for t in (0, 49, 50, 150, 350, 999)] == pytest.approx(
        [0.0001, 0.000982, 0.001, 0.01, 0.0055, 6.66667e-6], rel=1e-5
    )
    (drawn,) = [resolved(one, steps=1000, epoch=50) for label, one in COMPOSED.items() if "waves" in label]
    assert [drawn.lr(t) for t in range(1000)] == [run.lr(t) for t in range(1000)]


@pytest.mark.parametrize("name", [name for name in CATALOG if name != "manual"])
def test_every_setting_of_a_schedule_stands_in_the_guide_with_its_default(name: str):
    section = GUIDE.split(f"\n### {name}\n")[1].split("\n### ")[0]
    (told,) = [line for line in section.splitlines() if line.startswith(("Needs `", "Defaults: `"))]
    schema = CATALOG[name].json_schema
    fields = [field for field in schema["properties"] if field not in {"name", "duration"}]
    needed = [field for field in fields if field in schema["required"]]
    assert told.startswith(f"Needs {', '.join(f'`{field}`' for field in needed)}. " if needed else "Defaults")
    shown = dict(re.findall(r"`(\w+)` = (.*?)(?=, `\w+` = |\.$)", told))
    assert list(shown) == [field for field in fields if field not in needed]
    for field, text in shown.items():
        default = schema["properties"][field]["default"]
        if default is None:
            assert text
        elif isinstance(default, bool | str):
            assert text == f"`{json.dumps(default)}`"
        else:
            assert text == f"{default:.4g}"
