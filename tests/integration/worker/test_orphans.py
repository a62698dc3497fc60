"""A child whose supervisor was gone before it could ask the kernel to end with it."""

from __future__ import annotations

import os
import subprocess
import sys

from services.worker.children import PARENT, ROOT, TRAINER


def test_a_child_of_another_process_than_its_supervisor_leaves_without_a_word():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), PARENT: str(gone.pid)}
    child = subprocess.run(
        [sys.executable, str(TRAINER)],
        env=environment,
        stdin=subprocess.PIPE,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (child.returncode, child.stdout, child.stderr) == (1, b"", b"")
