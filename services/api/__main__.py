"""`python -m services.api`: the gateway as one process; more of them behind a balancer make it wider."""

from __future__ import annotations

import sys

import uvicorn

from services.api.main import create_app
from shared.errors import Unavailable
from shared.logs import configure_logs
from shared.settings import settings


def main() -> int:
    """Serve until a signal ends it; the exit status is 1 when it cannot start."""
    configure_logs(service="gateway", level=settings().log_level)
    try:
        app = create_app(settings())
    except (Unavailable, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    uvicorn.run(
        app,
        host=settings().host,
        port=settings().port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
