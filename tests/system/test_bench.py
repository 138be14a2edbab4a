"""`python -m bench` as somebody types it: one row, all three servers, a second each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from .processes import Folder, program
from .server import ROOT


class Quick(SynchronousTestCase):
    """No measurement: whether the parts fit together."""

    def test_row(self) -> None:
        """Ours, Kamailio and the echo are started, loaded and asked; tables and numbers are written."""
        for needed in ("kamailio", "gcc", "make"):
            program(needed)
        if len(os.sched_getaffinity(0)) < 2:
            raise SkipTest("needs two cores")
        folder = Folder("bench").path
        command = [sys.executable, "-m", "bench", "--quick", "--only", "register-ws", "--output", str(folder)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(run.returncode, 0, run.stderr + run.stdout)
        row = json.loads((folder / "bench.json").read_text())["rows"][0]
        self.assertEqual(sorted(row["medians"]), ["floor", "kamailio", "ours"])
        for name, runs in row["runs"].items():
            self.assertGreater(runs[-1]["done"], 100, name)
        self.assertIn("| REGISTER, WS, saturated | µs |", (folder / "bench.md").read_text())
