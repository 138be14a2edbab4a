"""RFC 5626 between browsers, the edge and Kamailio: flows that are gone, and a registrar that knows `outbound`."""

from __future__ import annotations

from .edge import EdgeCase, World, shared_world
from .kamailio import KamailioCore
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import poll


def accepted(phone: BrowserPhone) -> str:
    """The last 200 to a REGISTER."""
    return [text for text in phone.messages("in", "SIP/2.0 200") if " REGISTER\r\n" in text][-1]


class Gone(EdgeCase):
    """A browser whose window is closed, which Kamailio does not know yet."""

    def test_caller_hears(self) -> None:
        """Kamailio gets 430 at once, a browser 480."""
        caller, callee = self.phone(JSSIP), self.phone(SIPJS)
        callee.close()
        out = caller.call(callee.uri)
        caller.until_call("ended", out, 4)
        self.assertEqual(480, caller.info(out)["status"])
        since = self.server.child.size()
        behind = self.baresip_behind()
        behind.command("dial", callee.uri)
        poll(lambda: "SIP/2.0 430 " in self.server.child.output(since), 5, "430 to Kamailio")
        behind.until("CALL_CLOSED")


class Outbound(EdgeCase):
    """Kamailio's registrar with `outbound_mode`."""

    def setUp(self) -> None:
        self.between(shared_world("outbound", lambda: World(KamailioCore(outbound=True, users=8))))

    def test_flows(self) -> None:
        """It requires `outbound` of JsSIP, we add Flow-Timer; after a reconnect there is one binding; calls work."""
        wire, user, other = self.relay(), self.core.user(), self.phone(SIPJS)
        phone = self.phone(JSSIP, user, server=self.through(wire), password=user.password).until_registered()
        self.assertIn("Require: outbound\r\n", accepted(phone))
        self.assertIn("Flow-Timer: 120\r\n", accepted(phone))
        out, at = self.established(other, phone)
        wire.cut()
        phone.until("disconnects", 1)
        phone.until_registered(2, 15)
        self.tones(other, out, phone, at)
        self.assertEqual(1, len(self.core.bindings(user)))
        self.hung_up(other, out, phone, at)
        out, at = self.established(phone, other)
        self.hung_up(other, at, phone, out)
