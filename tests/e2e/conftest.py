"""One whole installation for all stories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.installation import Installation, installed


@pytest.fixture(scope="session")
def gradus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Everything running, with a short lease so that recovery is quick."""
    quick = {"GRADUS_LEASE_SECONDS": "4", "GRADUS_RENEW_SECONDS": "0.5", "GRADUS_SWEEP_SECONDS": "0.5"}
    with installed(tmp_path_factory.mktemp("gradus"), **quick) as running:
        yield running
