"""`python -m migrations`: upgrade the database of the settings to the newest revision."""

from __future__ import annotations

import sys

from migrations.upgrade import upgrade_to_head
from shared.errors import Unavailable
from shared.logs import configure_logs
from shared.settings import settings


def main() -> int:
    """Upgrade; the exit status is 1 when no database answers."""
    configure_logs(service="migrations", level=settings().log_level)
    if not settings().database_url:
        sys.stderr.write("set GRADUS_DATABASE_URL; for everything embedded, use make up\n")
        return 1
    try:
        upgrade_to_head(settings().database_url)
    except Unavailable as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
