"""Series that stand from the start."""

from __future__ import annotations

from prometheus_client import REGISTRY

from services.api.main import create_app
from services.api.metrics import AS_LONG_AS_CONTENT, PREDICTIONS
from shared.settings import Settings


def target(route: str) -> float | None:
    return REGISTRY.get_sample_value("gradus_slo_target_seconds", {"route": route, "quantile": "0.99"})


def test_every_route_has_a_target_but_those_that_take_as_long_as_what_they_carry() -> None:
    settings = Settings.model_validate(
        {"database_url": "postgresql+psycopg://nobody@/nowhere", "secret_key": "unused"}
    )
    paths = set(create_app(settings).openapi()["paths"])
    assert paths >= AS_LONG_AS_CONTENT | PREDICTIONS
    assert {path for path in paths if target(path) is None} == AS_LONG_AS_CONTENT
    assert target("/v1/models/{name}/diagnose") == 0.25
    assert target("/v1/training_jobs") == 1.0
