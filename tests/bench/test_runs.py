"""What the generator is told, and which of its runs count (`bench.runs`)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bench.cost import Cost
from bench.runs import Window, command, events, judged
from bench.workloads import FLOOR, KAMAILIO, OURS, WORKLOADS, Workload

ROWS = {row.name: row for row in WORKLOADS}
END: dict[str, Any] = {
    "event": "end", "done": 100, "failed": 0, "wrong": 0, "retransmitted": 0, "seconds": 2.0, "per_second": 50.0,
    "p50_us": 10.0, "p90_us": 20.0, "p99_us": 30.0, "max_us": 40.0, "own_cpu_us_per_unit": 100.0,
    "server_cpu_us_per_unit": 200.0, "server_kb": 5, "connections": 4, "dropped": 0,
}  # fmt: skip
NOTHING = Cost(0, 0)


class Fake:
    """A server that is not there."""

    lingers, session = 33.0, 4242

    def port(self, transport: str) -> int:
        return {"udp": 1, "ws": 2, "wss": 3}[transport]

    def path(self, row: Workload) -> str:
        return "/ws"

    def stop(self) -> None: ...


class Judging(SynchronousTestCase):
    def judge(self, name: str = OURS, row: str = "register-udp", status: int = 0, **more: Any) -> Any:
        return judged(name, ROWS[row], status, {"end": {**END, **more}}, NOTHING, Cost(1, 400))

    def test_good(self) -> None:
        """CPU of a unit, how many a second, and how busy both cores were."""
        run = self.judge()
        self.assertEqual(run.wrong, "")
        figures = {name: run.figures[name] for name in ("cpu", "rate", "busy", "own_busy", "p99")}
        self.assertEqual(figures, {"cpu": 200.0, "rate": 50.0, "busy": 1.0, "own_busy": 0.5, "p99": 30.0})

    def test_refused(self) -> None:
        """One wrong answer, one failure, one connection dropped: the run does not count."""
        for what in ("wrong", "failed", "dropped"):
            self.assertEqual(self.judge(status=1, **{what: 1}).wrong, f"1 {what}")

    def test_status(self) -> None:
        """Nor does it when sipload itself is not content, whatever it counts."""
        self.assertEqual(self.judge(status=1).wrong, "sipload ended with 1")

    def test_complaint(self) -> None:
        """What it says of the reason is the reason."""
        run = judged(OURS, ROWS["register-udp"], 1, {"end": END}, NOTHING, NOTHING, "sipload: failed: because")
        self.assertEqual(run.wrong, "sipload: failed: because")

    def test_nothing_done(self) -> None:
        """Nor when nothing was done."""
        self.assertEqual(self.judge(done=0).wrong, "nothing was done")

    def test_call(self) -> None:
        """The latency of a call is that of the whole of it."""
        self.assertEqual(self.judge(row="call-udp", unit_p50_us=9.0, unit_p99_us=99.0).value("p99"), 99.0)

    def test_floor_of_a_call(self) -> None:
        """A call on the floor is several echoes."""
        run = self.judge(FLOOR, "call-udp")
        self.assertEqual((run.value("cpu"), run.figures["rate"]), (1300.0, 50 / 6.5))

    def test_idle(self) -> None:
        """Memory of a connection from before the first to when all are there; CPU in the window, of a core."""
        run = self.judge(row="idle-ws")
        self.assertEqual((run.value("memory"), run.figures["core"]), (100.0, 0.08))

    def test_events(self) -> None:
        """Other words between the lines, and a half line at the end, are no events."""
        text = 'sipload: hm\n{"event":"ready"}\n{"event":"begin"}\n{"event":"e'
        self.assertEqual(list(events(text)), ["ready", "begin"])


class Words(SynchronousTestCase):
    def words(self, name: str, row: str, window: Window, rate: float = 0) -> str:
        return " ".join(command(name, Fake(), ROWS[row], rate, window)[1:])

    def test_lingering(self) -> None:
        """Rows with transactions warm up until as many end as begin; a quick look does not."""
        self.assertIn("--warmup 33 --seconds 10", self.words(OURS, "call-udp", Window()))
        self.assertIn("--warmup 0.5 --seconds 1", self.words(OURS, "call-udp", Window(1, 0.5, True)))

    def test_call(self) -> None:
        """Callers come from where nobody is challenged, the called ones register with their passwords."""
        words = self.words(KAMAILIO, "call-udp-1000", Window(), 1000)
        self.assertIn("--rate 1000 ", words)
        self.assertIn("--trusted-caller 127.0.0.4 --password secret%d call 127.0.0.1:1", words)

    def test_unchallenged(self) -> None:
        """REGISTERs without digest come from there too, and bring no password."""
        words = self.words(OURS, "register-udp", Window())
        self.assertTrue(words.endswith("--local 127.0.0.4 register 127.0.0.1:1"), words)
        self.assertNotIn("--password", words)

    def test_floor(self) -> None:
        """The floor has as many echoes a second as there are messages."""
        self.assertIn("--rate 6500 ", self.words(FLOOR, "call-udp-1000", Window(), 1000))
        self.assertIn(" echo 127.0.0.1:3", self.words(FLOOR, "register-wss-3000", Window(), 3000))
