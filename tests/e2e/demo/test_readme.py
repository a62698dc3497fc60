"""The examples of the README, run as they stand against a running demo."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest

from tests.e2e.demo.conftest import DemoRun
from tests.support.installation import ROOT

BLOCK = re.compile(
    r"^<!-- run(?:: (?P<says>.*?))? -->\n```sh\n(?P<script>.*?)^```$", re.MULTILINE | re.DOTALL
)
MARK = "<end of a block>"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the path"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on the path"),
]


@dataclass(frozen=True)
class Block:
    """One example: its script, and what its output must contain."""

    script: str
    says: str


def blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text()
    return [Block(found["script"], found["says"] or "") for found in BLOCK.finditer(text)]


BLOCKS = blocks()


@pytest.fixture(scope="module")
def outputs(demo: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block printed; they run in one shell, so that variables last."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "samples").symlink_to(ROOT / "samples")
    script = "".join(f"{block.script}\necho '{MARK}'\n" for block in BLOCKS)
    script = script.replace("http://127.0.0.1:8000", demo.url).replace(".gradus/", f"{demo.home}/")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr.decode()
    for name in ("curve.png", "sweep.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert (folder / "net.svg").read_text().startswith("<svg")
    return done.stdout.decode().split(f"{MARK}\n")[:-1]


def test_every_block_that_talks_to_the_api_is_marked_to_be_run() -> None:
    shell = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert {script for script in shell if "curl" in script} <= {block.script for block in BLOCKS}
    assert len(BLOCKS) >= 10


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[b.says or "variables" for b in BLOCKS])
def test_an_example_says_what_the_readme_promises(outputs: list[str], number: int) -> None:
    assert BLOCKS[number].says in outputs[number]
