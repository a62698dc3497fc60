"""`python -m services.standalone up`: everything on this machine, in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from services.standalone.demo.story import Demo
from services.standalone.serving import serve
from shared.errors import GradusError
from shared.settings import settings


def main(arguments: list[str]) -> int:
    """Read the command line and serve; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.standalone", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything and serve until Ctrl-C")
    demo = commands.add_parser("demo", help="the same, and train two models on the sample sets")
    demo.add_argument("--again", action="store_true", help="train anew even when the models exist")
    asked = parser.parse_args(arguments)
    story = Demo(again=asked.again) if asked.command == "demo" else None
    try:
        return serve(settings(), story=story)
    except GradusError as error:
        sys.stderr.write(f"{error.detail}\n")
    except ValidationError as error:
        for wrong in error.errors():
            name = "_".join(str(part) for part in wrong["loc"]).upper()
            sys.stderr.write(f"GRADUS_{name}: {wrong['msg']}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
