from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

from deploy.dashboard import DATASOURCE, ROWS, TARGET, dashboard, written

PANELS = dashboard()["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
PROVISIONING = TARGET.parents[1] / "provisioning"


def test_the_file_is_what_the_script_makes() -> None:
    assert TARGET.read_text() == written(), "run: python -m deploy.dashboard"


def test_identities_are_unique() -> None:
    identities = [panel["id"] for panel in PANELS]
    assert len(set(identities)) == len(identities) == len(ROWS) + len(CHARTS)


@pytest.mark.parametrize("panel", CHARTS, ids=lambda panel: panel["title"])
def test_a_chart_says_what_it_shows_and_in_which_unit(panel: dict[str, object]) -> None:
    defaults = panel["fieldConfig"]["defaults"]  # type: ignore[index]
    assert defaults["unit"]
    assert str(panel["description"]).endswith(".")
    assert panel["datasource"] == DATASOURCE
    assert all(target["datasource"] == DATASOURCE and target["expr"] for target in panel["targets"])  # type: ignore[attr-defined]


def test_charts_stay_on_the_grid_and_never_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells


def test_the_data_source_is_the_provisioned_one() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    variable = dashboard()["templating"]["list"][0]
    assert variable["name"] in DATASOURCE["uid"]
    assert variable["current"]["value"] in {source["uid"] for source in sources}


def test_grafana_looks_where_compose_puts_the_dashboards() -> None:
    provider = yaml.safe_load((PROVISIONING / "dashboards" / "gradus.yml").read_text())["providers"][0]
    compose = yaml.safe_load((Path(__file__).parents[3] / "docker-compose.yml").read_text())
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]


def test_queries_only_aggregate_over_labels_that_are_no_identities() -> None:
    grouped = set(re.findall(r"by \(([a-z_, ]+)\)", json.dumps(dashboard())))
    labels = {label.strip() for group in grouped for label in group.split(",")}
    allowed = {"le", "status", "outcome", "op", "state", "route", "reason", "model", "fallback", "kind"}
    assert labels <= allowed
