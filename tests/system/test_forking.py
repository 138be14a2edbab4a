"""The same user in two browsers."""

from __future__ import annotations

from .case import SystemCase
from .phone import JSSIP, SIPJS


class TwoBrowsers(SystemCase):
    """Both ring, one answers, the other stops."""

    def forks(self, one: str, other: str) -> None:
        user = self.server.user()
        first, second, caller = self.phone(one, user), self.phone(other, user), self.phone()
        out = caller.call(user.uri)
        at, aside = first.incoming(), second.incoming()
        first.answer(at)
        caller.until_call("established", out)
        first.until_call("established", at)
        second.until_call("ended", aside)
        self.assertIn("elsewhere", " ".join(second.info(aside)["reasons"]))
        self.media_flows(caller, out, first, at)
        self.hung_up(first, at, caller, out)
        self.assertEqual(1, len(caller.snapshot()["calls"]))

    def test_jssip_twice(self) -> None:
        """Two JsSIP; the loser is told "Call completed elsewhere"."""
        self.forks(JSSIP, JSSIP)

    def test_jssip_and_sipjs(self) -> None:
        """SIP.js answers, JsSIP stops."""
        self.forks(SIPJS, JSSIP)

    def test_one_is_busy(self) -> None:
        """One says busy: the other goes on ringing and is answered."""
        user = self.server.user()
        first, second, caller = self.phone(JSSIP, user), self.phone(SIPJS, user), self.phone()
        out = caller.call(user.uri)
        at = second.incoming()
        first.do("reject", first.incoming(), 486)
        second.answer(at)
        caller.until_call("established", out)
        self.hung_up(caller, out, second, at)

    def test_both_are_busy(self) -> None:
        """Both say busy: the caller hears 486 once."""
        user = self.server.user()
        first, second, caller = self.phone(JSSIP, user), self.phone(SIPJS, user), self.phone()
        out = caller.call(user.uri)
        for phone in (first, second):
            phone.do("reject", phone.incoming(), 486)
        caller.until_call("ended", out)
        self.assertEqual(486, caller.info(out)["status"])

    def test_caller_gives_up(self) -> None:
        """The caller cancels: both stop."""
        user = self.server.user()
        first, second, caller = self.phone(JSSIP, user), self.phone(JSSIP, user), self.phone()
        out = caller.call(user.uri)
        numbers = [phone.incoming() for phone in (first, second)]
        caller.until_call("ringing", out)
        caller.do("hangup", out)
        for phone, number in zip((first, second), numbers, strict=True):
            phone.until_call("ended", number)

    def test_message_reaches_both(self) -> None:
        """A MESSAGE is forked to both browsers."""
        user = self.server.user()
        first, second, sender = self.phone(JSSIP, user), self.phone(SIPJS, user), self.phone()
        sender.do("message", user.uri, "to all of you")
        for phone in (first, second):
            phone.until("messages", [{"from": sender.uri, "type": "text/plain", "body": "to all of you"}])
