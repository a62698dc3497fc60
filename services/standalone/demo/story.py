"""The demo: two sample sets go in through the public API, two trained models answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from services.standalone.demo import plan
from services.standalone.demo.client import Client, DemoFailed, Json, NoSuchThing
from services.standalone.demo.following import ENDED, Interrupted, follow_training, read_dataset, wait_for
from services.standalone.demo.plan import Plan, key_of
from services.standalone.demo.progress import display
from services.standalone.installation import Installation

LOAD_SECONDS = 30.0
"""A gateway notices a new version by polling."""
SHOWN_REASONS = 2
FEATURE_TYPES = frozenset({"number", "category"})


@dataclass(slots=True)
class Demo:
    """Upload, train, predict. What already exists is not trained again unless `again`."""

    again: bool
    _client: Client = field(init=False)
    _console: Console = field(init=False)
    _stopping: threading.Event = field(init=False)

    def tell(self, installation: Installation, console: Console, stopping: threading.Event) -> None:
        """Go through the whole demo. Raises `DemoFailed`."""
        key = installation.home.admin_key.read_text().strip()
        self._client, self._console, self._stopping = Client(installation.address, key), console, stopping
        try:
            self._say("")
            films, patients = plan.films(), plan.patients()
            sets = {p.model: self._upload(p) for p in (films, patients)}
            jobs = {p.model: self._submit(p, sets[p.model]) for p in (films, patients)}
            for each in (films, patients):
                self._train(each, jobs[each.model])
            self._recommend(films)
            self._diagnose(patients, sets[patients.model])
            self._farewell(installation)
        except Interrupted:
            return
        finally:
            self._client.close()

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _upload(self, each: Plan) -> Json:
        key = each.upload_key()
        dataset = self._client.upload(each.dataset, each.files, idempotency_key=key)
        try:
            read = read_dataset(self._client, dataset["id"], stopping=self._stopping)
        except NoSuchThing:  # it was deleted since the first demo
            dataset = self._client.upload(each.dataset, each.files, idempotency_key=key_of(key, time.time()))
            read = read_dataset(self._client, dataset["id"], stopping=self._stopping)
        self._say(f"{each.dataset['name']}: {read['rows']:,} rows")
        return read

    def _submit(self, each: Plan, dataset: Json) -> Json:
        """Ask for the training; the same request made before is answered with its first job."""
        body = {**each.job, "dataset": dataset["id"]}
        key = key_of(body, time.time()) if self.again else key_of(body)
        job = self._client.post("/v1/training_jobs", body, idempotency_key=key)
        job = self._client.get(f"/v1/training_jobs/{job['id']}")
        if job["status"] in ENDED - {"succeeded"}:
            job = self._client.post("/v1/training_jobs", body, idempotency_key=key_of(key, time.time()))
        return job

    def _train(self, each: Plan, job: Json) -> None:
        if job["status"] == "succeeded":
            self._say(
                f"{each.title}: version {job['model_version']} was trained before (AGAIN=1 trains anew)"
            )
        else:
            with display(self._console, each.title) as shown:
                job = follow_training(
                    self._client, job["id"], monitor=each.monitor, display=shown, stopping=self._stopping
                )
        if job["status"] != "succeeded":
            error = job["error"] or {}
            raise DemoFailed(f"{each.title} is {job['status']}: {error.get('message') or error.get('code')}")
        report = self._client.get(f"/v1/training_jobs/{job['id']}/report")
        self._say(f"  {report['sentence']}")
        self._await_version(each.model, int(job["model_version"]))

    def _await_version(self, model: str, version: int) -> None:
        """Wait until the gateway serves the version under its alias."""
        body: Mapping[str, Json] = {
            "recommend": {"user": plan.KNOWN_USER, "k": 1},
            "diagnose": {"record": {}},
        }
        action = self._client.get(f"/v1/models/{model}")["task"]

        def served() -> bool:
            try:
                answer = self._client.post(f"/v1/models/{model}/{action}", body[action])
            except DemoFailed:
                return False
            return int(answer["version"]) >= version

        wait_for(served, what=f"{model} to be served", stopping=self._stopping, seconds=LOAD_SECONDS)

    def _recommend(self, films: Plan) -> None:
        path = f"/v1/models/{films.model}/recommend"
        known = self._client.post(path, {"user": plan.KNOWN_USER, "k": 5, "explain": True})
        self._say(f"\nFor user {plan.KNOWN_USER}, each beside the most similar films they have rated:")
        self._films(known)
        liked = [item for item, _ in plan.LIKED]
        unknown = self._client.post(path, {"user": "someone new", "history": liked, "k": 5, "explain": True})
        self._say(f"For someone new who liked {', '.join(title for _, title in plan.LIKED)}:")
        self._films(unknown)

    def _films(self, answer: Json) -> None:
        for rank, item in enumerate(answer["items"], start=1):
            self._say(f"  {rank}. {_title(item)}  (score {item['score']:.2f}){nearest(item)}")

    def _diagnose(self, patients: Plan, dataset: Json) -> None:
        rows = self._client.get(f"/v1/datasets/{dataset['id']}/sample", limit=plan.PATIENT + 1)["data"]
        hidden = {plan.TARGET, *patients.job["task"]["exclude"]}
        features = {c["name"] for c in dataset["columns"] if c["type"] in FEATURE_TYPES} - hidden
        record = {name: value for name, value in rows[plan.PATIENT].items() if name in features}
        body = {"record": record, "explain": True}
        answer = self._client.post(f"/v1/models/{patients.model}/diagnose", body)
        prediction = answer["predictions"][0]
        self._say(f"\nFor a patient of the sample set, {described(record)}:")
        low, high = prediction["interval"]["low"], prediction["interval"]["high"]
        probability = f"{prediction['probability']:.0%} (95 % interval {low:.0%} to {high:.0%})"
        self._say(f"  probability of death within 180 days: {probability}")
        if "outside_interval" in prediction["flags"]:
            self._say(
                "  outside its interval: validation records with a similar score disagree with the model"
            )
        for part in prediction["contributions"][:5]:
            self._say(
                f"    {part['column']} {part['direction']} it ({part['contribution']:+.2f} of the logit)"
            )
        self._say(f"  {answer['notice']}")

    def _farewell(self, installation: Installation) -> None:
        key = f"$(cat {installation.home.admin_key})"
        self._say("\nAsk it yourself:")
        self._say(
            f'  curl {installation.address}/v1/models/films/recommend -H "Authorization: Bearer {key}" '
            '-H \'Content-Type: application/json\' -d \'{"user": "42", "k": 5}\''
        )
        self._say(
            f"The dashboard is {installation.address}/ ; it asks for the key that `cat "
            f"{installation.home.admin_key}` shows.\nServing until Ctrl-C."
        )


def described(record: Mapping[str, Any]) -> str:
    """Return who a patient is, in numbers of at most two decimals."""
    wanted = ("age", "sex", "dzgroup")
    return ", ".join(f"{name} {_shown(record[name])}" for name in wanted if record.get(name) is not None)


def _shown(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _title(item: Json) -> str:
    return str(item.get("title") or item["item"])


def nearest(item: Json) -> str:
    """Return the nearest films of the history, or nothing where none is near."""
    near = item["reasons"][:SHOWN_REASONS]
    return f"  {near[0]['relation']} {' and '.join(map(_title, near))}" if near else ""
