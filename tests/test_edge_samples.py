"""The worked configurations of edges in etc/: each can be read, and says whether anybody has run it."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw import config

ROOT = Path(__file__).resolve().parent.parent
FILES = "/etc/letsencrypt/live/edge.example.net/"


class EdgeSamples(SynchronousTestCase):
    """etc/edge-*.toml."""

    def test_can_be_read(self) -> None:
        """With files where it names some."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for name in ("fullchain.pem", "privkey.pem"):
            (folder / name).write_text("")
        samples = sorted((ROOT / "etc").glob("edge-*.toml"))
        self.assertEqual(4, len(samples))
        for sample in samples:
            text = sample.read_text().replace(FILES, f"{folder.resolve()}/")
            read = config.loads(text, ROOT / "etc", sample.name)
            assert read.edge is not None
            self.assertIn(read.edge.return_by, ("path", "contact"), sample.name)

    def test_not_run_here(self) -> None:
        """What no test runs says so at its top."""
        for sample in (ROOT / "etc").glob("edge-*.toml"):
            top = sample.read_text().partition("[edge]")[0]
            self.assertEqual(sample.stem != "edge-kamailio", "*Not run here*" in top, sample.name)
