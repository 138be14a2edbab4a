"""A browser loses its socket while it rings, on either side, and comes back, maybe from another address."""

from __future__ import annotations

from .case import SystemCase
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import poll
from .relay import Relay


class RingingCut(SystemCase):
    """JsSIP gives up what it had begun when its socket closes; SIP.js keeps it and goes on by the new one."""

    def lose(self, wire: Relay, phone: BrowserPhone, elsewhere: bool) -> None:
        """The socket of ``phone`` breaks, and it comes back; ``elsewhere``: from another address, and the server is
        not told that the old connection is gone."""
        if elsewhere:
            wire.source = "127.0.0.3"
            wire.strand()
        else:
            wire.cut()
        phone.until("disconnects", 1)
        phone.until_registered(2, 15)

    def callee(self, library: str, elsewhere: bool) -> None:
        """It rings again, or goes on, and picks up; the caller saw nothing but a longer ring."""
        wire = self.relay()
        caller, callee = self.phone(), self.phone(library, server=self.through(wire))
        out = caller.call(callee.uri)
        at = callee.incoming()
        caller.until_call("ringing", out)
        self.lose(wire, callee, elsewhere)
        if library == JSSIP:
            # to JsSIP it is another call; the one before can neither be answered nor refused any more
            at = poll(lambda: [1] * (len(callee.snapshot()["calls"]) == 2), 5, "a second INVITE")[0]
        self.assertEqual("ringing", caller.state(out))
        callee.answer(at)
        for phone, number in ((caller, out), (callee, at)):
            phone.until_call("established", number)
        self.media_flows(caller, out, callee, at)
        self.hung_up(caller, out, callee, at)

    def test_jssip_callee(self) -> None:
        """JsSIP rings at bob's when his socket breaks."""
        self.callee(JSSIP, False)

    def test_sipjs_callee(self) -> None:
        """SIP.js rings when its socket breaks."""
        self.callee(SIPJS, False)

    def test_jssip_callee_from_another_address(self) -> None:
        """From Wi-Fi to mobile, JsSIP."""
        self.callee(JSSIP, True)

    def test_sipjs_callee_from_another_address(self) -> None:
        """From Wi-Fi to mobile, SIP.js."""
        self.callee(SIPJS, True)

    def sipjs_caller(self, elsewhere: bool) -> None:
        """SIP.js has called; its call is answered when it is back."""
        wire = self.relay()
        callee, caller = self.phone(), self.phone(SIPJS, server=self.through(wire))
        out = caller.call(callee.uri)
        at = callee.incoming()
        caller.until_call("ringing", out)
        self.lose(wire, caller, elsewhere)
        self.assertEqual("incoming", callee.state(at))
        callee.answer(at)
        for phone, number in ((caller, out), (callee, at)):
            phone.until_call("established", number)
        self.media_flows(caller, out, callee, at)
        self.hung_up(callee, at, caller, out)

    def test_sipjs_caller(self) -> None:
        """Its socket breaks."""
        self.sipjs_caller(False)

    def test_sipjs_caller_from_another_address(self) -> None:
        """From Wi-Fi to mobile."""
        self.sipjs_caller(True)

    def test_sipjs_caller_hangs_up(self) -> None:
        """Its CANCEL on the new connection belongs to the call."""
        wire = self.relay()
        callee, caller = self.phone(), self.phone(SIPJS, server=self.through(wire))
        out = caller.call(callee.uri)
        at = callee.incoming()
        caller.until_call("ringing", out)
        self.lose(wire, caller, False)
        caller.do("hangup", out)
        callee.until_call("ended", at)
        caller.until_call("ended", out)

    def test_sipjs_caller_is_answered_meanwhile(self) -> None:
        """The callee picks up while the caller is away."""
        wire = self.relay()
        callee, caller = self.phone(), self.phone(SIPJS, server=self.through(wire))
        out = caller.call(callee.uri)
        at = callee.incoming()
        caller.until_call("ringing", out)
        wire.cut(refuse=True)
        caller.until("disconnects", 1)
        callee.answer(at)
        wire.mend()
        for phone, number in ((caller, out), (callee, at)):
            phone.until_call("established", number, 15)
        self.media_flows(caller, out, callee, at)
        self.hung_up(caller, out, callee, at)

    def jssip_caller(self, elsewhere: bool, answers: bool) -> None:
        """JsSIP has ended its call by itself: as soon as it is back, nobody rings or waits for it any more."""
        wire = self.relay()
        callee, caller = self.phone(), self.phone(server=self.through(wire))
        out = caller.call(callee.uri)
        at = callee.incoming()
        caller.until_call("ringing", out)
        if answers:
            wire.cut(refuse=True)
            caller.until("disconnects", 1)
            callee.answer(at)
            poll(lambda: callee.messages("out", "SIP/2.0 200"), 5, "the callee picks up")
            wire.mend()
        else:
            self.lose(wire, caller, elsewhere)
        callee.until_call("ended", at, 15)
        self.assertEqual("remote", callee.info(at)["endedBy"])
        self.assertEqual("ended", caller.state(out))

    def test_jssip_caller(self) -> None:
        """The callee stops ringing."""
        self.jssip_caller(False, False)

    def test_jssip_caller_from_another_address(self) -> None:
        """From Wi-Fi to mobile, the same."""
        self.jssip_caller(True, False)

    def test_jssip_caller_is_answered_meanwhile(self) -> None:
        """The callee picked up for nobody, and is hung up."""
        self.jssip_caller(False, True)
