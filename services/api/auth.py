"""Who may do what: Bearer keys with scopes, checked against a copy in memory, so no request waits for it.

A key reads `gradus_<kid>_<secret>`. Only HMAC-SHA256(server secret, key) is stored and compared.
"""

from __future__ import annotations

import hmac
import math
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.openapi.models import HTTPBearer
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase

from services.api import metrics
from services.api.parameters import check_parameters
from services.api.repeated_names import check_names
from shared.db.keys import LiveKey
from shared.db.tokens import parse_token, token_digest
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.logs import logger

FRESH_SECONDS = 3.0
_log = logger(__name__)


class Keyring:
    """The live keys by kid, refreshed by a thread; while the database is away the last copy stays valid."""

    def __init__(self, load: Callable[[], Iterable[LiveKey]], *, secret: bytes, poll_seconds: float) -> None:
        self._load, self._secret, self._poll_seconds = load, secret, poll_seconds
        self._keys: dict[str, LiveKey] | None = None
        self._read_at = -math.inf
        self._refreshing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_fresh, name="keyring", daemon=True)

    @property
    def ready(self) -> bool:
        """Tell whether the keys were read at least once."""
        return self._keys is not None

    def fresh(self) -> bool:
        """Tell whether the database answered lately, which this thread is the first to know."""
        return time.monotonic() - self._read_at < self._poll_seconds + FRESH_SECONDS

    def start(self) -> None:
        """Read the keys in the background, from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def refresh(self) -> None:
        """Read the keys now; an unavailable database changes nothing.

        One reading at a time: one begun before a key was revoked must not bring that key back when it ends.
        """
        with self._refreshing:
            try:
                self._keys = {key.kid: key for key in self._load()}
                self._read_at = time.monotonic()
            except Unavailable:
                _log.debug("keys_not_refreshed")

    def _keep_fresh(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - a thread that ends would freeze the keys for good
                _log.error("key_refresh_failed", exc_info=True)
            if self._stop.wait(self._poll_seconds):
                return

    def identify(self, authorization: str | None) -> LiveKey:
        """Return the key of an Authorization header.

        Raises `Unauthenticated`, or `Unavailable` before the keys were read for the first time.
        """
        if not authorization:
            raise _turned_away("missing", "no key came; wanted Authorization: Bearer gradus_…")
        scheme, _, token = authorization.partition(" ")
        kid = parse_token(token) if scheme.lower() == "bearer" else None
        if kid is None:
            raise _turned_away("malformed", "this is no key of Gradus; wanted gradus_<kid>_<secret>")
        if self._keys is None:
            metrics.auth_failures.labels("unready").inc()
            raise Unavailable("the keys are not read yet; the database does not answer")
        key = self._keys.get(kid)
        if key is None or not hmac.compare_digest(token_digest(token, secret=self._secret), key.digest):
            raise _turned_away("unknown", "the key is unknown or was revoked")
        return key


def _turned_away(reason: str, detail: str) -> Unauthenticated:
    metrics.auth_failures.labels(reason).inc()
    return Unauthenticated(detail)


class Guard(SecurityBase):
    """Lets a request pass whose key has one of the scopes; `admin` has them all."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = frozenset({*scopes, "admin"})
        self.model = HTTPBearer(description="A key `gradus_<kid>_<secret>`; see /v1/keys")
        self.scheme_name = "key"

    def check(self, request: Request) -> None:
        """Note the caller's key on the request. Raises `Unauthenticated` and `Forbidden`."""
        keyring: Keyring = request.app.state.services.keyring
        key = keyring.identify(request.headers.get("authorization"))
        if not self.scopes & key.scopes:
            metrics.auth_failures.labels("scope").inc()
            wanted = " or ".join(sorted(self.scopes))
            raise Forbidden(f"the key lacks the scope for this; wanted {wanted}")
        request.scope["gradus.key"] = key

    async def __call__(self) -> None:
        """Do nothing: the route has checked before it read the body."""


class GuardedRoute(APIRoute):
    """A route that checks its guards and query parameters before it reads a byte of the body.

    A body that FastAPI reads is looked at for names that came twice. A route without a guard is a mistake.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind its guards."""
        handle = super().get_route_handler()
        guards = [d.dependency for d in self.dependencies if isinstance(d.dependency, Guard)]
        if not guards:
            raise TypeError(f"{self.path} needs a guard: dependencies=[needs(...)]")

        async def guarded(request: Request) -> Response:
            for guard in guards:
                guard.check(request)
            check_parameters(request, self.path_format)
            if self.body_field is not None:
                await check_names(request)
            return await handle(request)

        return guarded


def needs(*scopes: str) -> Dependency:
    """Return the guard of a route that any of these scopes, or `admin`, may use."""
    guard: Dependency = Depends(Guard(scopes))
    return guard


def current_key(request: Request) -> LiveKey:
    """Return the key that the guard let pass."""
    key: LiveKey = request.scope["gradus.key"]
    return key
