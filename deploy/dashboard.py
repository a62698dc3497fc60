"""The Grafana dashboard, written as a table of panels: `python -m deploy.dashboard` writes its JSON.

A test compares the JSON in the repository with what this file makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "grafana" / "dashboards" / "gradus.json"
WIDTH, HEIGHT, PANELS_PER_ROW = 8, 7, 3
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its question, its unit and its queries by legend."""

    title: str
    description: str
    unit: str
    queries: dict[str, str]


def quantile(q: float, metric: str, by: str = "") -> str:
    """Return the query of a quantile of a histogram over the dashboard's interval."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


def rate(metric: str, by: str) -> str:
    """Return the query of a counter's rate a second, by a label."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


ROWS: dict[str, tuple[Panel, ...]] = {
    "Training": (
        Panel(
            "Jobs by state",
            "Jobs on record by state.",
            "short",
            {"{{status}}": "sum by (status) (gradus_jobs)"},
        ),
        Panel(
            "Oldest waiting job",
            "Age of the job that has waited longest.",
            "s",
            {"age": "max(gradus_oldest_queued_job_age_seconds)"},
        ),
        Panel(
            "Time from queued to claimed",
            "How long jobs waited for a slot: median and 90th percentile.",
            "s",
            {
                "median": quantile(0.5, "gradus_job_queue_wait_seconds"),
                "p90": quantile(0.9, "gradus_job_queue_wait_seconds"),
            },
        ),
        Panel(
            "Jobs ended",
            "Jobs that ended, a minute, by outcome.",
            "cpm",
            {"{{outcome}}": f"60 * {rate('gradus_jobs_finished_total', 'outcome')}"},
        ),
        Panel(
            "Training rows a second",
            "Rows that all trainers together take in.",
            "rps",
            {"rows": "sum(rate(gradus_trainer_examples_total[$__rate_interval]))"},
        ),
        Panel(
            "Time of one update",
            "Median and 99th percentile of a training step.",
            "s",
            {
                "median": quantile(0.5, "gradus_trainer_step_seconds"),
                "p99": quantile(0.99, "gradus_trainer_step_seconds"),
            },
        ),
        Panel(
            "Checkpoints",
            "Bytes of checkpoints written and read a second.",
            "Bps",
            {"{{op}}": rate("gradus_checkpoint_bytes_total", "op")},
        ),
        Panel(
            "Writing progress",
            "99th percentile of one transaction of curve points and of one checkpoint.",
            "s",
            {
                "curve": quantile(0.99, "gradus_curve_flush_seconds"),
                "checkpoint": quantile(0.99, "gradus_checkpoint_write_seconds"),
            },
        ),
        Panel(
            "Gradient norm",
            "Median and 99th percentile of the norm of all gradients, before clipping.",
            "short",
            {
                "median": quantile(0.5, "gradus_trainer_gradient_norm"),
                "p99": quantile(0.99, "gradus_trainer_gradient_norm"),
            },
        ),
        Panel(
            "Findings in gradients",
            "Trainings whose gradients were found to vanish, to explode, to be dead or not finite; an hour.",
            "short",
            {"{{kind}}": "sum by (kind) (increase(gradus_trainer_gradient_findings_total[1h]))"},
        ),
        Panel(
            "Learning rates off their plan",
            "Looks at curves whose logged rate is not what schedule and events make of its step; an hour.",
            "short",
            {"looks": "sum(increase(gradus_lr_drifts_total[1h]))"},
        ),
        Panel(
            "Slots",
            "Jobs that the workers run and could run at once.",
            "short",
            {"{{state}}": "sum by (state) (gradus_worker_slots)"},
        ),
    ),
    "Recovery": (
        Panel(
            "Workers alive",
            "Workers whose last heartbeat was stored.",
            "short",
            {"workers": "sum(gradus_worker_up)"},
        ),
        Panel(
            "Since the last sweep",
            "Seconds since the sweeper last put things right.",
            "s",
            {"age": "time() - max(gradus_sweeper_last_run_timestamp_seconds)"},
        ),
        Panel(
            "Put right",
            "Jobs taken from silent workers, hints sent again, outdated writes refused; a minute.",
            "cpm",
            {
                "leases expired": "60 * sum(rate(gradus_job_leases_expired_total[$__rate_interval]))",
                "republished": "60 * sum(rate(gradus_job_republished_total[$__rate_interval]))",
                "fenced writes": "60 * sum(rate(gradus_job_fenced_writes_total[$__rate_interval]))",
            },
        ),
    ),
    "Requests": (
        Panel(
            "Requests",
            "Answers a second by status.",
            "reqps",
            {"{{status}}": rate("gradus_http_requests_total", "status")},
        ),
        Panel(
            "Answer time",
            "Median and 99th percentile over all routes.",
            "s",
            {
                "median": quantile(0.5, "gradus_http_request_duration_seconds"),
                "p99": quantile(0.99, "gradus_http_request_duration_seconds"),
            },
        ),
        Panel(
            "99th percentile by route",
            "Answer time of each route.",
            "s",
            {"{{route}}": quantile(0.99, "gradus_http_request_duration_seconds", by="route")},
        ),
        Panel(
            "Turned away at the door",
            "Requests without a valid key or scope, a second, by reason.",
            "reqps",
            {"{{reason}}": rate("gradus_auth_failures_total", "reason")},
        ),
        Panel(
            "Open curve streams",
            "Clients that watch a curve live.",
            "short",
            {"clients": "sum(gradus_sse_clients)"},
        ),
        Panel(
            "Database",
            "Size of the database.",
            "bytes",
            {"size": "max(gradus_db_size_bytes)"},
        ),
    ),
    "Predictions": (
        Panel(
            "Predictions",
            "Requests that a model answered, a second, by model.",
            "reqps",
            {"{{model}}": rate("gradus_predictions_total", "model")},
        ),
        Panel(
            "Waiting and computing",
            "99th percentile of the wait for the prediction thread and of one batch's computation.",
            "s",
            {
                "wait": quantile(0.99, "gradus_prediction_queue_seconds"),
                "compute": quantile(0.99, "gradus_prediction_compute_seconds"),
            },
        ),
        Panel(
            "Requests computed together",
            "Median and 99th percentile of the batch size.",
            "short",
            {
                "median": quantile(0.5, "gradus_prediction_batch_size"),
                "p99": quantile(0.99, "gradus_prediction_batch_size"),
            },
        ),
        Panel(
            "Not computed",
            "Requests refused or dropped before computation, a second, by reason.",
            "reqps",
            {"{{reason}}": rate("gradus_prediction_rejected_total", "reason")},
        ),
        Panel(
            "Recommendations by source",
            "What recommendations were based on, a second: the trained user, a history, popularity.",
            "reqps",
            {"{{fallback}}": rate("gradus_recommend_fallback_total", "fallback")},
        ),
        Panel(
            "Models in memory",
            "Versions that gateways hold, by model.",
            "short",
            {"{{model}}": "sum by (model) (gradus_model_loaded_info)"},
        ),
    ),
}


def chart(panel: Panel, *, identity: int, x: int, y: int) -> Json:
    """Return the JSON of one chart at a place of the grid of 24 columns."""
    targets = [
        {"refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend, "datasource": DATASOURCE}
        for i, (legend, expr) in enumerate(panel.queries.items())
    ]
    return {
        "id": identity,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 8}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def panels() -> Iterator[Json]:
    """Yield every row and chart with its identity and place."""
    identity = y = 0
    for title, row in ROWS.items():
        identity += 1
        yield {
            "id": identity,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
            "panels": [],
        }
        y += 1
        for i, panel in enumerate(row):
            identity += 1
            line, column = divmod(i, PANELS_PER_ROW)
            yield chart(panel, identity=identity, x=column * WIDTH, y=y + line * HEIGHT)
        y += HEIGHT * -(-len(row) // PANELS_PER_ROW)


def dashboard() -> Json:
    """Return the whole dashboard."""
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return {
        "uid": "gradus",
        "title": "Gradus",
        "tags": ["gradus"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [{**source, "current": {"text": "Prometheus", "value": "gradus-prometheus"}}]},
        "annotations": {"list": []},
        "panels": list(panels()),
    }


def written() -> str:
    """Return the dashboard as the text of its file."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(written())
