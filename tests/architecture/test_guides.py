"""The guides lead where they say, and name targets, settings and modules that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.api.main import create_app
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").rglob("*.md")],
)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", guide.read_text()):
        if not re.match(r"https?:|mailto:", target):
            assert Path(guide.parent, target).exists(), target


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_and_settings_exist(guide: Path) -> None:
    text = guide.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE)) <= targets
    settings = {f"GRADUS_{name.upper()}" for name in Settings.model_fields}
    others = {"GRADUS_PROMETHEUS", "GRADUS_TEST_DATA", "GRADUS_POSTGRES_BIN", "GRADUS_VALKEY_SERVER"}
    assert set(re.findall(r"GRADUS_[A-Z_]+", text)) <= settings | others


def test_the_overview_of_the_api_names_only_calls_that_exist() -> None:
    settings = Settings(database_url="postgresql+psycopg://nobody@/nowhere", secret_key=SecretStr("unused"))
    paths = set(create_app(settings).openapi()["paths"])
    text = (ROOT / "docs" / "api.md").read_text()
    named = {
        re.sub(r"\{[a-z_]+\}", "{}", path) for path in re.findall(r"(?:GET|POST|PUT) (/v1/[^`?\s]+)", text)
    }
    assert len(named) >= 12
    assert named <= {re.sub(r"\{[a-z_]+\}", "{}", path) for path in paths}


def test_every_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    missing = [p.name for p in folder.glob("*.md") if p.name != "README.md" and f"({p.name})" not in index]
    assert missing == []
