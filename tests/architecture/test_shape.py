"""The tree keeps its shape: sizes, names, and no torch in the gateway."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN_NAMES = {"config", "utils", "helpers", "common", "manager"}
TOP_LEVEL = {
    "services",
    "shared",
    "migrations",
    "tests",
    "bench",
    "docs",
    "deploy",
    "samples",
    "requirements",
}


def sources() -> Iterator[Path]:
    """Our code; a revision is history that tells its tables one after the other, so no size binds it."""
    for folder in ("services", "shared", "migrations"):
        yield from sorted(p for p in (ROOT / folder).rglob("*.py") if p.parent.name != "versions")


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def test_no_file_is_longer_than_300_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for p in sources() if (n := p.read_text().count("\n")) > 300}
    assert long == {}


def test_no_function_is_longer_than_40_lines() -> None:
    long = [place for place, node in functions() if (node.end_lineno or 0) - node.lineno + 1 > 40]
    assert long == []


def test_routes_are_at_most_8_lines() -> None:
    long = []
    for path in sorted((ROOT / "services/api/routes").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list:
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > 8:
                    long.append(f"{path.name}:{node.lineno} {node.name} ({lines} lines)")
    assert long == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    bad = [
        str(p.relative_to(ROOT))
        for p in sources()
        if p.stem in FORBIDDEN_NAMES or p.parent.name in FORBIDDEN_NAMES
    ]
    assert bad == []


def test_the_top_level_holds_only_what_is_agreed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    folders = {line.split("/")[0] for line in tracked.stdout.splitlines() if "/" in line}
    assert folders - TOP_LEVEL - {".ci"} == set()


def test_no_installed_distribution_ships_our_import_names() -> None:
    ours = {"services", "shared", "migrations"}
    clashes = [
        dist.metadata["Name"]
        for dist in distributions()
        if ours & {str(f).split("/")[0] for f in dist.files or [] if str(f).endswith(".py")}
    ]
    assert clashes == []


@pytest.mark.parametrize("module", ["torch", "sklearn", "pyarrow", "pandas", "matplotlib", "celery.worker"])
def test_the_gateway_imports_no_training_library(module: str) -> None:
    code = f"import services.api.main, sys; sys.exit({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0
