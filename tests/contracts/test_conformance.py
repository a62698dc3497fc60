"""The gateway against its own OpenAPI document, by requests that Schemathesis derives from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from shared.db.engine import Database
from tests.support.gateway import ALL_SCOPES, Gateway
from tests.support.training import running_job

SEED = "20"
NOT_HELD = "positive_data_acceptance"
"""A body that fits its schema may still be refused: for its data set, its schedule, its model."""


@pytest.mark.slow
def test_no_derived_request_finds_an_answer_that_the_document_does_not_declare(
    gateway: Gateway, client: httpx.Client, database: Database, tmp_path: Path
) -> None:
    job = running_job(client, database)
    job.progress(0, 50)
    job.evaluation(20, **{"ndcg@10": 0.1})
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{gateway.url}/openapi.json"]
    command += ["-H", f"Authorization: Bearer {gateway.key(*ALL_SCOPES)}", "--exclude-path-regex", "stream$"]
    command += ["--phases", "coverage,fuzzing", "--max-examples", "6", "--seed", SEED, "--no-color"]
    command += ["--exclude-checks", NOT_HELD, "--request-timeout", "10"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " generated" in done.stdout
