"""The demo trains two models through the public API, tells what they say, and does it once."""

from __future__ import annotations

import os
import re
from pathlib import Path

import httpx
import pytest

from tests.e2e.demo.conftest import DemoRun

pytestmark = pytest.mark.slow


def jobs_of(demo: DemoRun) -> list[dict[str, object]]:
    headers = {"Authorization": f"Bearer {demo.key}"}
    answer = httpx.get(f"{demo.url}/v1/training_jobs", headers=headers, timeout=30)
    return list(answer.json()["data"])


def after(output: str, line: str) -> list[str]:
    """The lines that follow the one that begins so."""
    lines = output.splitlines()
    start = next(i for i, found in enumerate(lines) if found.startswith(line))
    return lines[start + 1 :]


def test_both_trainings_are_told_with_loss_and_rate_and_who_won(demo: DemoRun) -> None:
    first = demo.home.parent.joinpath("demo-1.out").read_text()
    for title in ("a recommender of films", "a diagnosis of patients"):
        steps = re.findall(
            rf"^  {title}: step \d+ of \d+  loss \d\.\d{{4}}  lr \d\.\d\de-\d\d", first, re.MULTILINE
        )
        assert steps, first  # how many lines there are follows from the machine's speed
    assert len(re.findall(r"(NDCG@10|AUROC).*95 % interval", first)) == 2
    assert "\x1b" not in first, "plain lines where there is no terminal"


def test_recommendations_come_with_titles_for_a_known_and_an_unknown_user(demo: DemoRun) -> None:
    known = after(demo.output, "For user 15, each beside")[:5]
    unknown = after(demo.output, "For someone new who liked")[:5]
    for rank, line in enumerate([*known, *unknown]):
        assert re.fullmatch(
            rf"  {rank % 5 + 1}\. .*[A-Za-z]{{3}}.*  \(score -?\d+\.\d\d\)(  similar to .+)?", line
        ), line
    assert any(" similar to " in line for line in known), known
    assert any(" similar to " in line for line in unknown), unknown
    assert known != unknown
    assert not any(
        title in line.partition("(score")[0]
        for line in unknown
        for title in ("Matrix, The", "Star Wars: Episode V ")
    )


def test_a_diagnosis_comes_with_its_contributions_and_its_limits(demo: DemoRun) -> None:
    told = after(demo.output, "For a patient of the sample set")
    assert "For a patient of the sample set, age 62.85, sex male" in demo.output
    assert re.fullmatch(
        r"  probability of death within 180 days: \d+% \(95 % interval \d+% to \d+%\)", told[0]
    )
    assert all(re.match(r"    \S+ (raises|lowers) it \([+-]\d\.\d\d", line) for line in told[1:6])
    assert "not a medical device" in told[6]


def test_the_key_and_the_secret_are_readable_by_their_owner_alone(demo: DemoRun) -> None:
    for name in ("admin.key", "secret.key"):
        assert demo.home.joinpath(name).stat().st_mode & 0o777 == 0o600
    assert demo.key.startswith("gradus_")
    assert demo.key not in demo.output


def test_ctrl_c_leaves_no_process_and_the_second_demo_trains_nothing(demo: DemoRun) -> None:
    before = jobs_of(demo)
    key = demo.key
    assert demo.stop() == 0
    assert demo.output.splitlines()[-1] == "stopped"
    assert processes_that_name(demo.home) == []
    seconds = demo.start()
    assert demo.output.count("was trained before") == 2
    assert jobs_of(demo) == before
    assert demo.key == key
    assert seconds < 60  # a few on an idle machine


def processes_that_name(folder: Path) -> list[str]:
    """Command lines of living processes that mention a folder in their arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in told and process.name != str(os.getpid()):
            found.append(told.decode(errors="replace"))
    return found
