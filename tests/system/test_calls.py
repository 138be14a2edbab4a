"""Calls between browsers."""

from __future__ import annotations

from .case import SystemCase
from .phone import JSSIP, SIPJS
from .processes import poll


class Calls(SystemCase):
    """JsSIP and SIP.js call each other and themselves over WSS."""

    def talk(self, one: str, other: str) -> None:
        caller, callee = self.phone(one), self.phone(other)
        out, at = self.established(caller, callee, video=True)
        self.media_flows(caller, out, callee, at, video=True)
        self.hung_up(caller, out, callee, at)
        out, at = self.established(callee, caller, video=True)
        self.media_flows(callee, out, caller, at, video=True)
        self.hung_up(caller, at, callee, out)

    def test_jssip(self) -> None:
        """Audio and video between two JsSIP, called by either side, hung up by caller and callee."""
        self.talk(JSSIP, JSSIP)

    def test_sipjs(self) -> None:
        """The same between two SIP.js."""
        self.talk(SIPJS, SIPJS)

    def test_sipjs_and_jssip(self) -> None:
        """SIP.js calls JsSIP and is called by it."""
        self.talk(SIPJS, JSSIP)

    def test_plain_and_secure_websocket(self) -> None:
        """One over WS, the other over WSS."""
        caller, callee = self.phone(server=self.server.ws), self.phone()
        out, at = self.established(caller, callee)
        self.media_flows(caller, out, callee, at)
        self.hung_up(callee, at, caller, out)

    def in_dialog(self, one: str, other: str) -> None:
        caller, callee = self.phone(one), self.phone(other)
        out, at = self.established(caller, callee)
        for phone, call, peer, number in ((caller, out, callee, at), (callee, at, caller, out)):
            phone.do("dtmf", call, "1#")
            peer.until_info(number, "dtmf", "1#")
            phone.do("hold", call)
            peer.until_info(number, "remoteHold", True)
            phone.until_info(call, "localHold", True)
            phone.do("unhold", call)
            peer.until_info(number, "remoteHold", False)
            phone.until_info(call, "localHold", False)
        self.media_flows(caller, out, callee, at)
        self.hung_up(caller, out, callee, at)

    def test_dtmf_and_hold_jssip(self) -> None:
        """INFO and re-INVITE within a call, from both sides; sound goes on afterwards."""
        self.in_dialog(JSSIP, JSSIP)

    def test_dtmf_and_hold_sipjs(self) -> None:
        """The same between SIP.js and JsSIP."""
        self.in_dialog(SIPJS, JSSIP)

    def test_update(self) -> None:
        """Session timers: JsSIP refreshes by UPDATE within the call, and the call stays."""
        caller, callee = self.phone(), self.phone()
        out, at = self.established(caller, callee)
        caller.tab.evaluate("() => window.phone.calls[0].session.sendRequest('UPDATE')")
        poll(lambda: [each for each in caller.messages("in", "SIP/2.0 200") if " UPDATE" in each], 5, "200 to UPDATE")
        self.hung_up(callee, at, caller, out)

    def refused(self, library: str) -> None:
        caller, callee = self.phone(library), self.phone()
        call = caller.call(callee.uri)
        callee.do("reject", callee.incoming(), 486)
        caller.until_call("ended", call)
        self.assertEqual(486, caller.info(call)["status"])
        call = caller.call(callee.uri)
        at = callee.incoming()
        caller.until_call("ringing", call)
        caller.do("hangup", call)
        callee.until_call("ended", at)
        caller.until_call("ended", call)
        self.assertEqual("remote", callee.info(at)["endedBy"])

    def test_reject_and_cancel_jssip(self) -> None:
        """A callee says busy, then a caller gives up: the other side hears of it at once."""
        self.refused(JSSIP)

    def test_reject_and_cancel_sipjs(self) -> None:
        """The same with SIP.js calling."""
        self.refused(SIPJS)

    def test_no_answer(self) -> None:
        """Nobody answers: the callee's phone gives up and the caller hears its 408 (JsSIP says that, not 480)."""
        caller, callee = self.phone(), self.phone(noAnswer=2)
        call = caller.call(callee.uri)
        callee.until_call("ended", callee.incoming())
        caller.until_call("ended", call)
        self.assertEqual(408, caller.info(call)["status"])

    def test_unknown_user(self) -> None:
        """404 for a user who does not exist."""
        for library in (JSSIP, SIPJS):
            caller = self.phone(library)
            call = caller.call(f"sip:nobody@{self.server.domain}")
            caller.until_call("ended", call)
            self.assertEqual(404, caller.info(call)["status"])

    def test_absent_user(self) -> None:
        """480 for a user who is not there."""
        caller, absent = self.phone(), self.server.user()
        call = caller.call(absent.uri)
        caller.until_call("ended", call)
        self.assertEqual(480, caller.info(call)["status"])

    def test_foreign_domain(self) -> None:
        """403 for a domain that is not ours and that no route names."""
        caller = self.phone()
        call = caller.call("sip:somebody@elsewhere.test")
        caller.until_call("ended", call)
        self.assertEqual(403, caller.info(call)["status"])

    def test_caller_closes_the_window(self) -> None:
        """A caller whose window closes while it rings: the callee stops ringing once nobody comes back in its place."""
        caller, callee = self.phone(), self.phone()
        caller.call(callee.uri)
        at = callee.incoming()
        caller.close()
        callee.until_call("ended", at, 12)

    def test_callee_closes_the_window(self) -> None:
        """A callee whose window closes while it rings: the caller hears 480 once nobody comes back in its place."""
        caller, callee = self.phone(), self.phone()
        call = caller.call(callee.uri)
        callee.incoming()
        caller.until_call("ringing", call)
        callee.close()
        caller.until_call("ended", call, 12)
        self.assertEqual(480, caller.info(call)["status"])


class Messages(SystemCase):
    """MESSAGE between browsers."""

    def test_both_ways(self) -> None:
        """Short ones, with letters of all kinds, between JsSIP and SIP.js."""
        one, other = self.phone(JSSIP), self.phone(SIPJS)
        for sender, receiver in ((one, other), (other, one)):
            number = sender.do("message", receiver.uri, "Grüße, 你好 🙂")
            poll(lambda: receiver.snapshot()["messages"], 10, "the message")  # noqa: B023
            self.assertEqual(
                [{"from": sender.uri, "type": "text/plain", "body": "Grüße, 你好 🙂"}], receiver.snapshot()["messages"]
            )
            poll(lambda: sender.snapshot()["sent"][number]["status"] == 200, 5, "200 to the MESSAGE")  # noqa: B023

    def test_large(self) -> None:
        """30 KiB pass over WebSocket."""
        one, other = self.phone(JSSIP), self.phone(SIPJS)
        text = "0123456789abcde\n" * 1920
        one.do("message", other.uri, text)
        poll(lambda: other.snapshot()["messages"], 10, "the message")
        self.assertEqual(text, other.snapshot()["messages"][0]["body"].replace("\r\n", "\n"))

    def test_absent_and_unknown(self) -> None:
        """480 and 404, as for calls."""
        one, absent = self.phone(), self.server.user()
        for target, status in ((absent.uri, 480), (f"sip:nobody@{self.server.domain}", 404)):
            number = one.do("message", target, "are you there?")
            poll(lambda: one.snapshot()["sent"][number]["status"] == status, 10, f"{status} for {target}")  # noqa: B023
