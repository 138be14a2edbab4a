"""oversip_tw.web.health and metrics"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.web import Health, Metrics, Reading
from tests.web.site import ask


class HealthTest(SynchronousTestCase):
    def test_all_parts_work(self) -> None:
        """200, and the parts by name."""
        answer = ask(Health(lambda: {"store": True}), "/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(json.loads(answer.body), {"status": "ok", "parts": {"store": True}})
        self.assertEqual(ask(Health(), "/").status, 200)

    def test_a_part_does_not(self) -> None:
        """503 as soon as one part fails, and fresh at every look."""
        parts = {"store": True, "listeners": True}
        health = Health(lambda: parts)
        self.assertEqual(ask(health, "/").status, 200)
        parts["store"] = False
        answer = ask(health, "/")
        self.assertEqual(answer.status, 503)
        self.assertEqual(json.loads(answer.body)["status"], "failing")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_a_part_that_can_be_spared(self) -> None:
        """200 without it: work that is sent elsewhere would find it no better there; but it is said."""
        parts = {"store": False, "accepting": True}
        health = Health(lambda: parts, spared=["store"])
        answer = ask(health, "/")
        self.assertEqual((answer.status, json.loads(answer.body)["status"]), (200, "degraded"))
        parts["accepting"] = False
        self.assertEqual(ask(health, "/").status, 503)


class MetricsTest(SynchronousTestCase):
    def test_read_when_asked(self) -> None:
        """Plain numbers of the server become metrics at the moment of the scrape, and not before."""
        reads = []

        def flows() -> float:
            reads.append(1)
            return 7.0

        metrics = Metrics(
            [
                Reading("oversip_flows", "Connections now.", flows),
                Reading("oversip_refused", "Upgrades refused.", lambda: {("403",): 2.0}, True, ("status",)),
            ]
        )
        self.assertEqual(reads, [])
        answer = ask(metrics, "/")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version="))
        text = answer.body.decode()
        self.assertIn("# HELP oversip_flows Connections now.\n# TYPE oversip_flows gauge\noversip_flows 7.0\n", text)
        self.assertIn('# TYPE oversip_refused_total counter\noversip_refused_total{status="403"} 2.0\n', text)
        self.assertIn("process_resident_memory_bytes", text)
        self.assertEqual(len(reads), 1)
