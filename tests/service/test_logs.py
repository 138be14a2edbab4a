"""What stands in the log: as Twisted would write it, only cheaper."""

from __future__ import annotations

from twisted.logger import LogEvent, Logger, eventAsText
from twisted.trial import unittest

from oversip_tw.service import logs


class TextTests(unittest.SynchronousTestCase):
    def events(self) -> list[LogEvent]:
        heard: list[LogEvent] = []
        log = logs.SafeLog()
        log._logger = Logger(logs.NAMESPACE, observer=heard.append)
        log.info("call from {caller} after {seconds:.1f} s", caller="sip:a@b\r\nx", seconds=1.25)
        log.error("unexpected: {error!r} at {trail}", error=ValueError("\x1b[1m"), trail="here")
        log.warn("bug\n{trace}", trace="one\ntwo")
        log.info("nothing to fill in")
        return heard

    def test_as_twisted_writes_it(self) -> None:
        """Every kind of field and no field at all."""
        for event in self.events():
            self.assertEqual(logs._as_text(event), eventAsText(event, includeSystem=False))

    def test_events_of_others(self) -> None:
        """Twisted's own formats, which call what they name, are left to Twisted."""
        heard: list[LogEvent] = []
        Logger("twisted.internet", observer=heard.append).warn("port {port()} closed", port=lambda: 5060)
        self.assertTrue(logs._as_text(heard[0]).endswith(" port 5060 closed"))

    def test_p7_controls(self) -> None:
        """P7: what cannot be seen is made visible, what can be seen stays."""
        self.assertEqual(logs.visible("x", "plain"), "plain")
        self.assertEqual(logs.visible("x", "ä\x1b\n\u202e"), "ä\\x1b\\n\u202e")
        self.assertEqual(logs.visible("x", b"a\xff"), "a\\xff")
