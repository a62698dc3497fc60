"""One job's lease, renewed by a thread of its own, so that a slow database cannot hide that time runs out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from shared.db.engine import Database
from shared.db.job_leases import Claim, Renewal, renew
from shared.errors import Fenced, Unavailable
from shared.logs import logger

_log = logger(__name__)


class Lease:
    """Ours while it is renewed; given up on our own clock after 2/3 of its length without an answer."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        *,
        lease_seconds: float,
        renew_seconds: float,
        on_renewal: Callable[[Renewal], None],
    ) -> None:
        self._database, self._claim = database, claim
        self._lease_seconds, self._renew_seconds = lease_seconds, renew_seconds
        self._on_renewal = on_renewal
        self._renewed_at = time.monotonic()
        self.taken = False
        """Whether the row is not ours any more: the child has committed its end, or the sweeper took it."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claim.job_id}", daemon=True)
        self.renewal: Renewal | None = None

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing."""
        self._over.set()
        self._thread.join(timeout=self._renew_seconds)

    @property
    def silent(self) -> bool:
        """Whether no renewal has come through for so long that another attempt may soon begin."""
        return not self.taken and time.monotonic() - self._renewed_at >= self._lease_seconds * 2 / 3

    @property
    def request(self) -> str | None:
        """What a client asked for meanwhile: `cancel`, `pause` or nothing."""
        if self.renewal is None:
            return None
        if self.renewal.cancel_requested_at is not None:
            return "cancel"
        return "pause" if self.renewal.pause_requested_at is not None else None

    def _keep(self) -> None:
        while not self.taken and not self._over.wait(self._renew_seconds):
            self._renew_once()

    def _renew_once(self) -> None:
        asked_at = time.monotonic()
        try:
            with self._database.begin() as cx:
                renewal = renew(
                    cx,
                    job_id=self._claim.job_id,
                    fence=self._claim.fence,
                    lease_seconds=self._lease_seconds,
                )
        except Fenced:
            self.taken = True
        except Unavailable:
            _log.warning("lease_not_renewed", job_id=str(self._claim.job_id), fence=self._claim.fence)
        else:
            self._renewed_at, self.renewal = asked_at, renewal
            self._on_renewal(renewal)
