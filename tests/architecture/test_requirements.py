"""A role asks for what its sources import; every lock is exact, like the others, and names no place."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
TREES = {
    "api": ("services/api", "shared", "migrations"),
    "worker": ("services/worker", "shared"),
    "standalone": ("services", "shared", "migrations", "deploy"),
    "dev": ("services", "shared", "migrations", "deploy", "tests", "bench", "samples"),
}
ELSEWHERE = {"recbole"}
"""Peers that a measurement runs in an environment of their own."""
OURS = {"services", "shared", "migrations", "tests", "bench", "samples", "deploy"}
LOCKS = sorted(FOLDER.glob("*.txt"))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(role: str) -> set[str]:
    """The names in a role's .in file, those it includes too."""
    names: set[str] = set()
    for line in (FOLDER / f"{role}.in").read_text().splitlines():
        if line.startswith("-r "):
            names |= asked(Path(line[3:].strip()).stem)
        elif line and not line.startswith("#"):
            names.add(normal(re.split(r"[\[=; ]", line)[0]))
    return names


def imported(*folders: str) -> set[str]:
    """Top-level names of other people's packages that the sources import, anywhere in a file."""
    names: set[str] = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OURS - ELSEWHERE


def pins(lock: Path) -> dict[str, str]:
    return dict(line.split(" ;")[0].split("==") for line in lock.read_text().splitlines())


@pytest.mark.parametrize("role", TREES)
def test_a_role_asks_for_what_its_sources_import(role: str) -> None:
    owners = packages_distributions()
    wanted = asked(role)
    missing = {
        name: owners.get(name, ["?"])
        for name in imported(*TREES[role])
        if not {normal(owner) for owner in owners.get(name, ["?"])} & wanted
    }
    assert missing == {}


def test_the_gateway_does_not_ask_for_torch() -> None:
    assert not {"torch", "scikit-learn", "polars", "pyarrow", "onnx"} & set(pins(FOLDER / "api.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_is_exact_and_names_no_place(lock: Path) -> None:
    form = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; sys_platform [!=]= \"[a-z0-9]+\")?")
    assert [line for line in lock.read_text().splitlines() if not form.fullmatch(line)] == []


def test_a_package_has_one_version_in_all_locks() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in pins(lock).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("role", [*TREES, "s3"])
def test_a_lock_holds_what_its_role_asks_for(role: str) -> None:
    assert asked(role) - set(pins(FOLDER / f"{role}.txt")) == set()
