"""The gateway's Prometheus metrics; every label set that can be known is created at zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from shared.lifecycle import JobKind

HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BODY_BYTES = (256, 1024, 4096, 16384, 65536, 262144, 1048576, 8388608, 134217728, 2147483648)
UNKNOWN_ROUTE = "unmatched"
AUTH_FAILURES = ("missing", "malformed", "unknown", "scope", "unready")
P99_TARGET_SECONDS = 1.0
PREDICTION_P99_TARGET_SECONDS = 0.25
PREDICTIONS = frozenset(f"/v1/models/{{name}}/{kind}" for kind in ("recommend", "similar", "diagnose"))
AS_LONG_AS_CONTENT = frozenset(
    {
        "/v1/datasets",
        "/v1/checkpoints/{checkpoint_id}/content",
        "/v1/training_jobs/{job_id}/curve/stream",
    }
)
"""Routes that take as long as what they carry; they have no target."""

http_requests = Counter("gradus_http_requests", "Answers sent", ["method", "route", "status"])
http_seconds = Histogram(
    "gradus_http_request_duration_seconds",
    "From the first byte of a request to the last of its answer",
    ["method", "route"],
    buckets=HTTP_SECONDS,
)
http_in_flight = Gauge("gradus_http_requests_in_flight", "Requests being answered")
http_body_bytes = Histogram("gradus_http_request_body_bytes", "Bytes of request bodies", buckets=BODY_BYTES)
jobs_created = Counter("gradus_jobs_created", "Jobs accepted", ["kind"])
auth_failures = Counter("gradus_auth_failures", "Requests turned away at the door", ["reason"])
sse_clients = Gauge("gradus_sse_clients", "Open curve streams")
sse_events = Counter("gradus_sse_events", "Events sent on curve streams", ["event"])
slo_target = Gauge(
    "gradus_slo_target_seconds", "How long a quantile of a route's answers may take", ["route", "quantile"]
)
lr_drifts = Counter("gradus_lr_drifts", "Jobs seen with a logged learning rate that is not the planned one")
build_info = Gauge("gradus_build_info", "1 for the build that runs", ["version", "commit"])

for _kind in JobKind:
    jobs_created.labels(_kind.value)
for _reason in AUTH_FAILURES:
    auth_failures.labels(_reason)
for _event in ("point", "evaluation", "status"):
    sse_events.labels(_event)


def prepare_routes(routes: Iterable[tuple[str, str, Iterable[str]]]) -> None:
    """Create the series of every (method, route template, declared statuses): counts at zero, and targets."""
    for method, route, statuses in routes:
        if route not in AS_LONG_AS_CONTENT:
            seconds = PREDICTION_P99_TARGET_SECONDS if route in PREDICTIONS else P99_TARGET_SECONDS
            slo_target.labels(route, "0.99").set(seconds)
        http_seconds.labels(method, route)
        for status in statuses:
            http_requests.labels(method, route, status)
