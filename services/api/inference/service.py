"""Predictions of every model: which version answers, how it comes into memory, how another takes its place.

Knows no database: it is handed `fetch` (a version's package) and `aliases` (which version each alias names).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from services.api.inference import metrics
from services.api.inference.answers import Loaded
from services.api.inference.loader import Loader
from services.api.inference.metrics import KINDS_OF, Kind
from services.api.inference.predictor import Predictor
from services.api.inference.shelf import Fetch, Shelf
from shared.errors import GradusError, NotFound, Refused
from shared.logs import logger
from shared.settings import Settings

DEFAULT_ALIAS = "production"
STOP_SECONDS = 2.0
FOLLOW_SECONDS = 2.0
AliasKey = tuple[str, str]
Aliases = Callable[[], Mapping[AliasKey, int]]
log = logger(__name__)


class Inference:
    """Answers predictions from models in memory; `start` and `stop` frame its life.

    `recommend`, `similar` and `diagnose` take a request's body as it came and return the answer's JSON.
    """

    def __init__(self, settings: Settings, fetch: Fetch, aliases: Aliases) -> None:
        self._shelf = Shelf(fetch, size=settings.models_resident, max_records=settings.predict_max_records)
        self._aliases = aliases
        self._predictor = Predictor(queue_limit=settings.predict_queue, batch_limit=settings.predict_batch)
        self._served: Mapping[AliasKey, int] = {}
        self._poll_seconds = settings.model_poll_seconds
        self._polling = threading.Lock()
        self._polled = threading.Condition()
        self._nudge = threading.Event()
        self._polled_at = 0.0
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._run, name="alias-watch", daemon=True)
        self._loader = Loader(limit=settings.predict_queue)

    @property
    def ready(self) -> bool:
        """Tell whether the aliases have been read once."""
        return self._polled_at > 0.0

    def start(self) -> None:
        """Start the prediction thread and the alias watch; returns at once."""
        self._predictor.start()
        self._watch.start()

    def stop(self) -> None:
        """End both; requests that wait are answered with `Unavailable`.

        A thread that waits for a silent database is left behind.
        """
        self._stop.set()
        self._nudge.set()
        self._predictor.stop()
        if self._watch.is_alive():
            self._watch.join(STOP_SECONDS)
        self._loader.stop()

    def follow(self, *, within_seconds: float = FOLLOW_SECONDS) -> bool:
        """Have the watch read the aliases now; tell whether it has, and loaded what they name, in time.

        Blocks, so never call it from an event loop; the reading goes on when the time is over.
        """
        asked_at = time.monotonic()
        self._nudge.set()
        with self._polled:
            return self._polled.wait_for(lambda: self._polled_at >= asked_at, within_seconds)

    async def recommend(
        self, model: str, body: bytes, *, version: int | None = None, alias: str = DEFAULT_ALIAS
    ) -> bytes:
        """Return the best items for one request or several; raises `NotFound`, `Refused` or `Overloaded`."""
        return await self._predict(model, "recommend", body, version=version, alias=alias)

    async def similar(
        self, model: str, body: bytes, *, version: int | None = None, alias: str = DEFAULT_ALIAS
    ) -> bytes:
        """Return items near an item; raises `NotFound`, `Refused` or `Overloaded`."""
        return await self._predict(model, "similar", body, version=version, alias=alias)

    async def diagnose(
        self, model: str, body: bytes, *, version: int | None = None, alias: str = DEFAULT_ALIAS
    ) -> bytes:
        """Return probabilities for one record or several; raises `NotFound`, `Refused` or `Overloaded`."""
        return await self._predict(model, "diagnose", body, version=version, alias=alias)

    async def _predict(
        self, model: str, kind: Kind, body: bytes, *, version: int | None, alias: str
    ) -> bytes:
        named = version if version is not None else self._served.get((model, alias))
        loaded = None if named is None else self._shelf.get((model, named))
        if loaded is None:
            loaded = await self._fetch_version(model, version=version, alias=alias)
        if kind not in KINDS_OF[loaded.kind]:
            wanted = " and ".join(KINDS_OF[loaded.kind])
            raise Refused(f"this model answers {wanted}; {kind} came", code="wrong_kind_of_model")
        return await self._predictor.predict(loaded, kind, body)

    async def _fetch_version(self, model: str, *, version: int | None, alias: str) -> Loaded:
        """Bring a version into memory without holding up the event loop."""
        if version is None:
            version = self._served.get((model, alias))
        if version is None:
            await self._loader.run(partial(self._poll_after, time.monotonic()))
            version = self._served.get((model, alias))
        if version is None:
            raise NotFound("no such model, or no such alias of it")
        return await self._loader.run(partial(self._shelf.obtain, (model, version)))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._poll_after(time.monotonic())
            except GradusError as error:
                log.warning("aliases not read; serving what is in memory", code=error.code)
            except Exception as error:  # the watch outlives whatever reading may raise
                log.error("aliases not read; serving what is in memory", exc_info=error)
            # Cleared only after the wait: a nudge that comes during a reading brings another one.
            self._nudge.wait(self._poll_seconds)
            self._nudge.clear()

    def _poll_after(self, asked_at: float) -> None:
        """Read the aliases, unless that has happened since `asked_at`, and serve what they name."""
        with self._polling:
            if self._polled_at > asked_at:
                return
            reading_at = time.monotonic()
            named = dict(self._aliases())
            self._served = {key: self._version_for(key, wanted) for key, wanted in named.items()}
            with self._polled:
                self._polled_at = reading_at
                self._polled.notify_all()

    def _version_for(self, key: AliasKey, wanted: int) -> int:
        """Return the version an alias serves: the one wanted, or the old one while that cannot be had."""
        old = self._served.get(key)
        if wanted == old:
            return old
        was_warm = old is not None and self._shelf.get((key[0], old)) is not None
        if was_warm or self._shelf.has_room():
            try:
                self._shelf.obtain((key[0], wanted))
            except GradusError:
                return wanted if old is None else old
        if old is not None:
            metrics.alias_changes.labels(*key).inc()
        return wanted
