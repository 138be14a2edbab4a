"""Kamailio without Path behind the edge: requests find back by a Contact of ours, whole or in a parameter."""

from __future__ import annotations

from .edge import EdgeCase, World, shared_world
from .kamailio import KamailioCore
from .phone import JSSIP, SIPJS


class WithoutPath(EdgeCase):
    """What both ways have in common."""

    option = ""
    #: Kamailio sends to where the REGISTER came from
    received = False

    def setUp(self) -> None:
        """An edge with that option, and Kamailio without Path."""
        core = self.received
        self.between(shared_world(self.option, lambda: World(KamailioCore(path=False, received=core), self.option)))

    def ours(self, contact: str) -> None:
        """Fail if ``contact`` is not what the core should have of a phone."""
        raise NotImplementedError

    def calls(self, one: str, other: str) -> None:
        """Both ways, INFO and hold in each call."""
        caller, callee = self.phone(one), self.phone(other)
        for first, second in ((caller, callee), (callee, caller)):
            out, at = self.established(first, second)
            self.media_flows(first, out, second, at)
            self.tones(first, out, second, at)
            self.holds(first, out, second, at)
            self.hung_up(second, at, first, out)

    def reconnects(self, library: str) -> None:
        wire, user, stays = self.relay(), self.core.user(), self.phone()
        drops = self.phone(library, user, server=self.through(wire), password=user.password).until_registered()
        [first] = self.core.bindings(user)
        self.ours(first)
        out, at = self.established(stays, drops)
        for times in (1, 2):
            wire.cut()
            drops.until("disconnects", times)
            drops.until_registered(times + 1, 15)
            self.tones(stays, out, drops, at)
            self.assertEqual([first], self.core.bindings(user))
        self.hung_up(stays, out, drops, at)
        out, at = self.established(stays, drops)
        self.hung_up(drops, at, stays, out)


class Whole(WithoutPath):
    """`return = "contact"`: the whole Contact is ours, which any registrar can route."""

    option = 'return = "contact"'

    def ours(self, contact: str) -> None:
        """What the core has of a phone."""
        self.assertIn(f"@127.0.0.1:{self.server.port};transport=udp", contact)
        self.assertNotIn(".invalid", contact)

    def test_jssip_and_sipjs(self) -> None:
        """They register, call each other, hold and hang up."""
        self.calls(JSSIP, SIPJS)

    def test_phone_behind(self) -> None:
        """baresip behind Kamailio and baresip before the edge call each other."""
        behind, before = self.baresip_behind(), self.baresip_before()
        for one, other in ((behind, before), (before, behind)):
            times = len(other.events("CALL_ESTABLISHED")) + 1
            one.command("dial", other.user.uri)
            other.until("CALL_INCOMING")
            other.command("accept")
            for each in (one, other):
                each.until("CALL_ESTABLISHED", times)
            one.command("hangup")
            other.until("CALL_CLOSED", times)

    def test_sipjs_reconnects(self) -> None:
        """SIP.js, twice, in mid-call: the core keeps one Contact, the same one, and the call survives."""
        self.reconnects(SIPJS)

    def test_restart(self) -> None:
        """The edge is killed: a phone on UDP is called by the Contact of before."""
        before, behind = self.baresip_before(), self.baresip_behind()
        contacts = self.core.bindings(before.user)
        self.server.child.kill()
        self.server.start()
        behind.command("dial", before.user.uri)
        before.until("CALL_INCOMING")
        before.command("accept")
        behind.until("CALL_ESTABLISHED")
        behind.command("hangup")
        before.until("CALL_CLOSED")
        self.assertEqual(contacts, self.core.bindings(before.user))


class Parameter(WithoutPath):
    """`return = "param"`: the phone's Contact gets a parameter. Kamailio would look up the .invalid of browsers
    in vain, so it has to send to where the REGISTER came from."""

    option = 'return = "param"'
    received = True

    def ours(self, contact: str) -> None:
        self.assertIn(";ov-ob=", contact)
        self.assertIn(".invalid", contact)

    def test_jssip_and_sipjs(self) -> None:
        """They register, call each other, hold and hang up."""
        self.calls(SIPJS, JSSIP)

    def test_jssip_reconnects(self) -> None:
        """Twice, in mid-call: the core keeps one Contact, the same one, and the call survives."""
        self.reconnects(JSSIP)
