"""The arrows of the house hold, and the contracts that say so can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

INJECTIONS = {
    "houses": ("shared/storage.py", "import services.api"),
    "neighbours": ("services/api/metrics.py", "import services.worker.metrics"),
    "no-torch": ("services/api/errors.py", "import torch"),
    "http": ("services/worker/supervisor.py", "import fastapi"),
    "celery": ("services/worker/sweeper.py", "import celery"),
    "sql": ("services/api/submission.py", "import sqlalchemy"),
    "onnxruntime": ("services/worker/trainings/plan.py", "import onnxruntime"),
    "numpy-in-shared": ("shared/storage.py", "import numpy"),
    "loop-knows-no-net": ("services/worker/training/loop.py", "import services.worker.nets"),
    "api-layers": ("services/api/errors.py", "import services.api.main"),
    "worker-layers": ("services/worker/metrics.py", "import services.worker.run"),
    "shared-layers": ("shared/errors.py", "import shared.db"),
}


def lint(root: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--contract", contract]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    skip = shutil.ignore_patterns("__pycache__", "static", "*.parquet")
    for folder in ("services", "shared", "migrations"):
        shutil.copytree(ROOT / folder, root / folder, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.mark.parametrize("contract", INJECTIONS)
def test_a_forbidden_import_breaks_its_contract(copy: Path, contract: str) -> None:
    name, line = INJECTIONS[contract]
    path = copy / name
    before = path.read_text()
    assert lint(copy, contract).returncode == 0, "the contract must hold before the injection"
    path.write_text(f"{before}\n{line}\n")
    try:
        result = lint(copy, contract)
    finally:
        path.write_text(before)
    assert result.returncode != 0
    assert "BROKEN" in result.stdout


def test_every_contract_has_its_injection() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {c["id"] for c in contracts} == set(INJECTIONS)
