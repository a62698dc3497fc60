"""What the containers are told to run exists, and the files that say so are valid."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

from services.api.__main__ import GRACE_SECONDS, THREADS_END_SECONDS
from services.api.inference.service import STOP_SECONDS
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted((ROOT / "deploy").glob("*.Dockerfile"))
PROMTOOL = shutil.which("promtool") or str(
    Path(os.environ.get("GRADUS_PROMETHEUS", "/no")).with_name("promtool")
)
needs_promtool = pytest.mark.skipif(
    not Path(PROMTOOL).exists(), reason="promtool is not on the path, nor beside GRADUS_PROMETHEUS"
)


def modules_run() -> set[str]:
    """Every module that a container or an image starts with `python -m`."""
    lines = [" ".join(service.get("command", ())) for service in SERVICES.values()]
    lines += re.findall(r"^CMD (.*)$", "\n".join(p.read_text() for p in DOCKERFILES), re.MULTILINE)
    return {m for line in lines for m in re.findall(r"python[\", ]+-m[\", ]+([a-z_.]+)", line)}


def test_the_compose_file_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, "docker-compose.yml"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_would_notice_a_misspelt_key(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(
        yaml.safe_dump({"services": {"a": {"image": "a", "healtcheck": {}}}})
    )
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, str(tmp_path / "broken.yml")], capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0


def test_every_service_of_the_product_is_there() -> None:
    wanted = {
        "postgres",
        "valkey",
        "migrate",
        "gateway",
        "worker",
        "worker-gpu",
        "sweeper",
        "prometheus",
        "grafana",
    }
    assert set(SERVICES) == wanted
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]


def test_every_lasting_service_is_asked_for_its_health() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"migrate"}


def test_postgres_is_healthy_only_when_other_containers_can_reach_it() -> None:
    assert "--host=127.0.0.1" in SERVICES["postgres"]["healthcheck"]["test"]


def test_every_gradus_process_has_longer_to_stop_than_it_takes() -> None:
    grace = {
        name: int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        for name in ("gateway", "worker", "worker-gpu")
    }
    assert min(grace["worker"], grace["worker-gpu"]) > float(
        Settings.model_fields["stop_grace_seconds"].default
    )
    assert grace["gateway"] > GRACE_SECONDS + STOP_SECONDS + THREADS_END_SECONDS


def test_every_process_reaches_what_its_settings_name() -> None:
    for name in ("migrate", "gateway", "worker", "worker-gpu", "sweeper"):
        environment = SERVICES[name]["environment"]
        unknown = {n for n in environment if n.removeprefix("GRADUS_").lower() not in Settings.model_fields}
        assert unknown == set(), name
        hosts = re.findall(r"(?:@|//)([a-z]+):[0-9]+", " ".join(environment.values()))
        assert set(hosts) == {"postgres", "valkey"}, name


def test_prometheus_scrapes_the_processes_where_they_listen() -> None:
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    named = {t for s in scrape for c in s.get("static_configs", ()) for t in c["targets"]}
    named |= {f"{n}:{c['port']}" for s in scrape for c in s.get("dns_sd_configs", ()) for n in c["names"]}
    port = Settings.model_fields["port"].default
    assert named == {
        f"gateway:{port}",
        f"worker:{port + 1}",
        f"worker-gpu:{port + 1}",
        f"sweeper:{port + 2}",
    }


def test_prometheus_is_handed_its_own_key_and_no_other() -> None:
    settings = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    key = Path(settings["scrape_configs"][0]["authorization"]["credentials_file"])
    assert key == Path(SERVICES["migrate"]["environment"]["GRADUS_HOME"], "metrics", "metrics.key")
    assert f"metrics-key:{key.parent}" in SERVICES["migrate"]["volumes"]
    assert f"metrics-key:{key.parent}:ro" in SERVICES["prometheus"]["volumes"]
    assert not any(volume.startswith("keys:") for volume in SERVICES["prometheus"]["volumes"])
    assert str(key.parent) in (ROOT / "deploy" / "gateway.Dockerfile").read_text()


def test_the_containers_run_modules_of_this_tree() -> None:
    assert {
        "migrations",
        "services.api",
        "services.worker",
        "services.worker.sweeper",
        "services.standalone.first_keys",
    } == modules_run()


@pytest.mark.parametrize("module", sorted(modules_run()))
def test_a_module_that_a_container_runs_can_be_imported(module: str) -> None:
    code = (
        "import importlib, importlib.util as u\n"
        f"name = {module!r}\n"
        "name += '.__main__' if u.find_spec(name).submodule_search_locations is not None else ''\n"
        "importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


IMAGES = {
    "migrations.__main__": "api",
    "services.api.__main__": "api",
    "services.standalone.first_keys": "api",
    "services.worker.__main__": "worker",
    "services.worker.sweeper": "worker",
}
"""What runs in an image, and the requirements that were installed in it."""
IMPORT_IN_IMAGE = """
import importlib, re, sys
from importlib.metadata import packages_distributions
from pathlib import Path

normal = lambda name: re.sub(r"[-_.]+", "-", name).lower()
held = {line.split("==")[0] for line in Path("requirements", sys.argv[2] + ".txt").read_text().splitlines()}
absent = {n for n, owners in packages_distributions().items() if not {normal(o) for o in owners} & held}

class NotInTheImage:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, NotInTheImage())
importlib.import_module(sys.argv[1])
"""


def imported_in_image(module: str, requirements: str) -> subprocess.CompletedProcess[str]:
    """Import a module where everything else that is installed here seems to be missing."""
    command = [sys.executable, "-c", IMPORT_IN_IMAGE, module, requirements]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("module", IMAGES)
def test_an_image_holds_what_its_programs_import(module: str) -> None:
    done = imported_in_image(module, IMAGES[module])
    assert done.returncode == 0, done.stderr


def test_the_check_of_an_image_would_notice_what_is_missing() -> None:
    assert "httpx" in imported_in_image("services.standalone.installation", "api").stderr


def test_no_secret_is_written_down() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in re.findall(r"^\s+([A-Z_]*(?:PASSWORD|SECRET)[A-Z_]*): (.*)$", text, re.MULTILINE):
        assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", name[1]), name[0]
    assert "gradus:${POSTGRES_PASSWORD" in text


def test_every_named_volume_is_declared() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith("./")
    }
    assert used == set(COMPOSE["volumes"])


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_copies_only_what_exists(path: Path) -> None:
    copies = re.findall(r"^COPY (.+)$", path.read_text(), re.MULTILINE)
    assert copies
    for line in copies:
        for source in shlex.split(line)[:-1]:
            assert (ROOT / source).exists(), source


def test_no_image_runs_as_root() -> None:
    for path in DOCKERFILES:
        assert re.search(r"^USER 65534:65534$", path.read_text(), re.MULTILINE), path.name


@needs_promtool
def test_prometheus_accepts_its_settings_and_rules() -> None:
    folder = ROOT / "deploy" / "prometheus"
    for command in (["check", "config", "--syntax-only", "prometheus.yml"], ["check", "rules", "rules.yml"]):
        done = subprocess.run([PROMTOOL, *command], cwd=folder, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


@needs_promtool
def test_every_alert_fires_when_it_should_and_is_silent_when_it_should() -> None:
    folder = ROOT / "deploy" / "prometheus"
    done = subprocess.run(
        [PROMTOOL, "test", "rules", "rules_test.yml"],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def alerts_there_are() -> set[str]:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
    return {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}


def test_the_guide_to_operations_says_what_to_do_on_every_alert() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    rows = [line.split(" | ") for line in guide.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in row[0].strip("| ").split(", ")}
    assert alerts_there_are() - named == set()


def test_every_alert_has_a_firing_and_a_silent_test() -> None:
    alerts = alerts_there_are()
    tests = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts
