"""The versions in memory: the least recently used leaves first; requests in flight keep theirs."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from services.api.inference import metrics
from services.api.inference.answers import Loaded
from services.api.inference.loading import load_package
from shared.errors import GradusError, NotFound, Refused, Unavailable
from shared.logs import logger

RETRY_SECONDS = 60.0
"""How long a package that failed its check is not tried again: its bytes do not change."""

Key = tuple[str, int]
Fetch = Callable[[str, int], bytes]
log = logger(__name__)


class Shelf:
    """Loads versions, one at a time, and keeps at most `size` of them."""

    def __init__(self, fetch: Fetch, *, size: int, max_records: int) -> None:
        self._fetch, self._size, self._max_records = fetch, size, max_records
        self._resident: OrderedDict[Key, Loaded] = OrderedDict()
        self._failed: dict[Key, tuple[float, Refused]] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def __len__(self) -> int:
        return len(self._resident)

    def get(self, key: Key) -> Loaded | None:
        """Return a version that is in memory."""
        with self._lock:
            found = self._resident.get(key)
            if found is not None:
                self._resident.move_to_end(key)
            return found

    def obtain(self, key: Key) -> Loaded:
        """Return a version, loading it if need be; blocks, so never call it from an event loop.

        Raises what `fetch` raises, and `Unavailable` when the package fails its check.
        """
        with self._loading:
            found = self.get(key)
            if found is None:
                found = self._load(key)
                self._put(key, found)
            return found

    def has_room(self) -> bool:
        """Tell whether another version fits without one leaving."""
        return len(self._resident) < self._size

    def _load(self, key: Key) -> Loaded:
        name, version = key
        until, refused = self._failed.get(key, (0.0, None))
        if refused is not None and time.monotonic() < until:
            raise _unavailable(version, refused)
        start = time.perf_counter()
        try:
            blob = self._fetch(name, version)
            loaded = load_package(blob, name=name, version=version, max_records=self._max_records)
        except NotFound:
            raise
        except Refused as error:
            self._failed[key] = (time.monotonic() + RETRY_SECONDS, error)
            _count_failure(key, error)
            raise _unavailable(version, error) from None
        except GradusError as error:
            _count_failure(key, error)
            raise
        metrics.load_seconds.observe(time.perf_counter() - start)
        metrics.loads.labels("loaded").inc()
        return loaded

    def _put(self, key: Key, loaded: Loaded) -> None:
        metrics.announce(loaded.name, loaded.version, kind=loaded.kind, sha256=loaded.sha256)
        with self._lock:
            self._resident[key] = loaded
            while len(self._resident) > self._size:
                _, old = self._resident.popitem(last=False)
                metrics.retire(old.name, old.version, sha256=old.sha256)
        log.info("model loaded", model=loaded.name, version=loaded.version, sha256=loaded.sha256)


def _unavailable(version: int, refused: Refused) -> Unavailable:
    return Unavailable(f"version {version} failed its check: {refused.detail}", code=refused.code)


def _count_failure(key: Key, error: GradusError) -> None:
    metrics.loads.labels("failed").inc()
    log.error("model not loaded", model=key[0], version=key[1], code=error.code, detail=error.detail)
