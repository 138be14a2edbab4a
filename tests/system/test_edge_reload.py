"""SIGHUP again and again while calls go through an edge (K11)."""

from __future__ import annotations

import signal

from .case import SystemCase
from .edge import BEHIND, EdgeServer
from .processes import free_port, poll
from .server import User
from .sipp import Sipp, called, caller

#: calls, and how many begin in a second
CALLS, RATE = 200, 40


class Reload(SystemCase):
    """sipp - edge - sipp, unchallenged."""

    def test_k11_no_call_is_lost(self) -> None:
        """K11: not one of hundreds, while everything is read again several times a second."""
        port = free_port(BEHIND)
        server = EdgeServer([f"sip:{BEHIND}:{port}"], extra='[limits]\nexempt = ["127.0.0.0/8"]\n')
        self.addCleanup(server.stop)
        self.use(server)
        many = ("-m", str(CALLS), "-r", str(RATE))
        answering = Sipp(f"{server.address}:{server.port}", called(False), "udp", "", many, BEHIND, port)
        self.addCleanup(answering.close)
        where = f"{server.address}:{server.port}"
        calling = Sipp(where, caller(User("u", "pbx.test", ""), "sip:desk@pbx.test", True, False), "udp", "", many)
        self.addCleanup(calling.close)

        def over() -> bool:
            server.child.process.send_signal(signal.SIGHUP)
            return not calling.child.running

        poll(over, 60, "the end of all calls", interval=0.2)
        calling.succeeded()
        answering.succeeded()
        self.assertGreater(server.child.output().count("read again"), 10)
