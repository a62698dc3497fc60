"""`python -m services.api.gallery FOLDER`: write every drawing of the guide into FOLDER/schedules."""

from __future__ import annotations

import argparse
from pathlib import Path

from services.api.gallery import gallery


def main() -> None:
    """Write the drawings; equal code gives equal bytes."""
    parser = argparse.ArgumentParser(prog="python -m services.api.gallery", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the folder schedules/ stands or shall stand")
    folder = parser.parse_args().folder / "schedules"
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawing in gallery().items():
        (folder / f"{name}.svg").write_text(drawing, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
