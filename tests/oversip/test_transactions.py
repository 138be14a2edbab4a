"""Checks 19 to 23: CANCEL, the timers, and final answers, as the far sides see them."""

from __future__ import annotations

from oversip_tw.hooks import Proxy
from oversip_tw.proxy.settings import Profile
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.timers import Timers
from tests.edge.behind import EdgeWorld
from tests.oversip.edge_case import PROXY_OUT, EdgeCase, Routed
from tests.resolve.looking import SlowLookups
from tests.server.world import CORE, Phone

DESK = "sip:desk@example.com"


class Calling(EdgeCase):
    """A phone calls the core."""

    def setUp(self) -> None:
        super().setUp()
        self.caller = self.world.through("alice")

    def call(self, caller: Phone | None = None) -> tuple[Request, Request]:
        """``caller`` calls: the INVITE as sent, and as it arrived."""
        caller = caller or self.caller
        invite = caller.build("INVITE", DESK)
        caller.send(invite)
        return invite, self.arrived(self.core)

    def times(self, phone: Phone, method: str, seconds: float) -> list[float]:
        """When, from now on, requests of ``method`` come to ``phone``; tenths of a second, one more at most."""
        found = []
        for tenth in range(round(seconds * 10)):
            found += [tenth / 10] * len(phone.requests(method))
            self.world.clock.advance(0.1)
        return found

    def assert_times(self, expected: list[float], found: list[float]) -> None:
        """Each within two ticks of the timer wheel after what it should be."""
        self.assertEqual(len(expected), len(found), found)
        for due, came in zip(expected, found, strict=True):
            self.assertTrue(due <= came <= due + 0.2, f"{expected}: {found}")


class CancelTests(Calling):
    """19."""

    def test_19_cancel_before_any_answer(self) -> None:
        """200 to the caller; nothing downstream until the 180, then a CANCEL with the caller's Reason; the callee's 487
        gets an ACK from us, and the caller 487."""
        invite, arrived = self.call()
        self.caller.cancel(invite, Reason='SIP ;cause=200 ;text="Call completed elsewhere"')
        self.assertEqual([100, 200], self.caller.statuses())
        self.advance(0.3)
        self.assertEqual([], self.core.requests("CANCEL"))
        self.core.answer(arrived, 180)
        cancel = self.arrived(self.core, "CANCEL")
        self.assertEqual('SIP ;cause=200 ;text="Call completed elsewhere"', cancel.get("Reason"))
        self.assertEqual((str(arrived.uri), arrived.via.branch), (str(cancel.uri), cancel.via.branch))
        self.assertEqual((1, arrived.cseq), (len(cancel.vias), cancel.cseq))
        self.assertTrue(cancel.has("Max-Forwards"))
        self.core.answer(cancel, 200)
        self.core.answer(arrived, 487)
        self.arrived(self.core, "ACK")
        self.assertEqual([180, 487], self.caller.statuses())

    def test_19_cancel_of_a_silent_callee(self) -> None:
        """If no answer ever comes the caller hears 487 when Timer B ends (OverSIP: 408)."""
        invite, _ = self.call()
        self.caller.cancel(invite)
        self.advance(6.2)
        self.assertEqual([100, 200, 487], self.caller.statuses())

    def test_19_unknown(self) -> None:
        """A CANCEL of nothing: 481."""
        invite = self.caller.build("INVITE", DESK)
        self.caller.cancel(invite)
        self.assertEqual([481], self.caller.statuses())
        self.assertEqual([], self.core.take())

    def test_19_from_another_source(self) -> None:
        """Whoever else sends a CANCEL with the same branch hears 481, and the call rings on (OverSIP ended it)."""
        invite, arrived = self.call()
        self.core.answer(arrived, 180)
        self.core.take()
        stranger = self.world.phone("zoe", "udp")
        for flow in (self.world.connect("ws"), stranger.flow):
            stranger.flow = flow
            stranger.cancel(invite)
            self.assertEqual([481], stranger.statuses())
        udp = self.world.phone("bob", "udp")
        invite, arrived = self.call(udp)
        stranger.cancel(invite)
        self.assertEqual([481], stranger.statuses())
        self.assertEqual([], self.core.requests("CANCEL"))

    def test_19_during_a_look_up(self) -> None:
        """Nobody has answered the DNS question yet: 200, 487, and no INVITE ever leaves."""
        lookups = SlowLookups(["pbx.example.net"], a={})
        self.use(EdgeWorld(("sip:pbx.example.net:5080",), PROXY_OUT, lookups=lookups))
        caller = self.world.phone("alice")
        invite = caller.build("INVITE", DESK)
        caller.send(invite)
        self.assertEqual([100], caller.statuses())
        caller.cancel(invite)
        self.assertEqual([200, 487], caller.statuses())
        self.advance(10)
        self.assertEqual([], self.core.take())
        self.assertEqual([], caller.take())


class TimerBTests(Calling):
    """20."""

    def test_20_silent_target(self) -> None:
        """Timer B of 6 s: the INVITE goes at 0, 0.5, 1.5 and 3.5 s; at 6 s the caller hears `408 Client Timeout`."""
        invite = self.caller.build("INVITE", DESK)
        self.caller.send(invite)
        self.assert_times([0, 0.5, 1.5, 3.5], self.times(self.core, "INVITE", 5.9))
        self.assertEqual([100], self.caller.statuses())
        self.advance(0.3)
        timeout = self.final(self.caller)
        self.assertEqual((408, "Client Timeout"), (timeout.status, timeout.reason))

    def test_20_second_call(self) -> None:
        """A dead core is found by an OPTIONS of ours, not by somebody's one request: then the answer is 503 with
        Retry-After at once, where OverSIP said 408; when that time is over it is tried again."""
        self.call()
        self.advance(9)
        self.assertEqual([100, 408], self.caller.statuses())
        self.assertIn("OPTIONS", [request.method for request in self.requests_of_core()])
        self.caller.send(self.caller.build("INVITE", DESK))
        refused = self.final(self.caller)
        self.assertEqual(503, refused.status)
        wait = int(refused.get("Retry-After") or "")
        self.assertEqual([], self.core.take())
        self.advance(wait)
        self.call()

    def test_20_odd_request(self) -> None:
        """The core that does not answer one request, but our OPTIONS, is alive for everybody (OverSIP blocked it)."""
        self.caller.send(self.caller.build("INVITE", DESK))
        for _ in range(70):
            self.advance(0.1)
            for request in self.requests_of_core():
                if request.method == "OPTIONS":
                    self.core.answer(request, 200)
        self.assertEqual([100, 408], self.caller.statuses())
        self.call()

    def requests_of_core(self) -> list[Request]:
        return [message for message in self.core.take() if isinstance(message, Request)]

    def test_20_blacklisted_by_hand(self) -> None:
        """User code may pass a target over, with the answer that it wants: `403 Destination Blacklisted`."""

        class Blacklisting(Routed):
            def prepare(self, proxy: Proxy, arrival: object) -> None:
                if not self.heard:
                    proxy.on_target(lambda attempt: attempt.blacklist(10))

        hooks = Blacklisting(f"sip:{CORE}:5080")
        self.use(EdgeWorld(hooks=hooks, profile=PROXY_OUT))
        caller = self.world.phone("alice")
        for _ in range(2):
            caller.send(caller.build("INVITE", DESK))
            refused = self.final(caller)
            self.assertEqual((403, "Destination Blacklisted"), (refused.status, refused.reason))
        self.assertEqual(["error 403 destination_blacklisted"] * 2, hooks.heard)
        self.assertEqual([], self.core.take())
        self.advance(11)
        self.call(caller)


class TimerCTests(EdgeCase):
    """21: Timer C of 8 s."""

    def setUp(self) -> None:
        self.hooks = Routed(f"sip:{CORE}:5080")
        profile = Profile(timers=Timers(b=6.0, f=6.0), timer_c=8.0)
        self.use(EdgeWorld(hooks=self.hooks, profiles={"default": profile}))
        self.caller = self.world.phone("alice")
        self.caller.send(self.caller.build("INVITE", DESK))
        self.invite = self.arrived(self.core)

    def test_21_rings_too_long(self) -> None:
        """8 s after the last 1xx above 100 (OverSIP: after sending) a CANCEL goes to the callee, and half a second
        later, since a 200 may just cross it, `408 INVITE Timeout` to the caller. The 487 is not passed on; the hook
        heard once."""
        self.core.answer(self.invite, 180)
        self.advance(5)
        self.core.answer(self.invite, 100)
        self.core.answer(self.invite, 183)
        self.advance(7.8)
        self.assertEqual([], self.core.requests("CANCEL"))
        self.assertEqual([100, 180, 183], self.caller.statuses())
        self.advance(0.4)
        self.core.answer(self.arrived(self.core, "CANCEL"), 200)
        self.advance(0.6)
        timeout = self.final(self.caller)
        self.assertEqual((408, "INVITE Timeout"), (timeout.status, timeout.reason))
        self.core.answer(self.invite, 487)
        self.arrived(self.core, "ACK")
        self.assertEqual([], self.caller.take())
        self.assertEqual(1, self.hooks.heard.count("timeout"))

    def test_21_487_comes_first(self) -> None:
        """When the callee's 487 comes at once, the caller's answer is 408 all the same."""
        self.core.answer(self.invite, 180)
        self.advance(8.2)
        self.core.answer(self.arrived(self.core, "CANCEL"), 200)
        self.core.answer(self.invite, 487)
        self.assertEqual(408, self.final(self.caller).status)
        self.advance(5)
        self.assertEqual([], self.caller.take())
        self.assertEqual(1, self.hooks.heard.count("timeout"))


class LongTimerCTests(Calling):
    """21: values that OverSIP refused."""

    def setUp(self) -> None:
        self.use(EdgeWorld(profile=Profile(timer_c=600.0)))
        self.caller = self.world.through("alice")

    def test_21_above_180(self) -> None:
        """More than 180 s may be configured (OverSIP: 8 to 180), and the default is 181 (RFC 3261 §16.6 step 11)."""
        _, arrived = self.call()
        self.core.answer(arrived, 180)
        self.world.clock.pump([1] * 599)
        self.assertEqual([], self.core.requests("CANCEL"))
        self.world.clock.pump([1] * 2)
        self.assertNotEqual([], self.core.requests("CANCEL"))
        self.assertEqual(181.0, self.world.element.core.settings.timer_c)


class NonInviteTests(EdgeCase):
    """22: a MESSAGE to a target that never answers."""

    def setUp(self) -> None:
        self.hooks = Routed(f"sip:{CORE}:5080")
        self.use(EdgeWorld(hooks=self.hooks))
        self.caller = self.world.phone("alice", "udp")
        self.message = self.caller.build("MESSAGE", DESK)

    def test_22_silent_target(self) -> None:
        """100 after some seconds, no 408 on the wire, the transaction gone after 32 s, and the hook hears why.

        The 100 comes when the client's Timer E reaches T2, after 3.5 s, as RFC 4320 §4.1 has it; OverSIP waited 5.
        """
        self.caller.send(self.message)
        self.advance(3.4)
        self.assertEqual([], self.caller.take())
        self.advance(0.3)
        self.assertEqual([100], self.caller.statuses())
        self.caller.send(self.message)
        self.assertEqual([100], self.caller.statuses())
        self.advance(28)
        self.assertEqual([], self.hooks.heard)
        self.advance(0.6)
        self.assertEqual([], self.caller.take())
        self.assertEqual(["error 408 client_timeout"], self.hooks.heard)
        self.caller.send(self.message)
        self.assertEqual([], self.caller.take())
        branches = {request.via.branch for request in self.core.requests("MESSAGE")}
        self.assertEqual(1, len(branches))
        self.world.clock.pump([1] * 34)
        self.assertNotIn("transactions", self.world.left())

    def test_22_repeated(self) -> None:
        """What the client repeats is absorbed; over UDP it is given the final answer again for 32 s."""
        self.caller.send(self.message)
        self.caller.send(self.message)
        self.core.answer(self.arrived(self.core, "MESSAGE"), 202)
        self.assertEqual([202], self.caller.statuses())
        self.world.clock.pump([1] * 31)
        self.caller.send(self.message)
        self.assertEqual([202], self.caller.statuses())
        self.assertEqual([], self.core.take())
        self.world.clock.pump([1] * 2)
        self.assertNotIn("transactions", self.world.left())


class FinalAnswerTests(Calling):
    """23."""

    def accept(self, arrived: Request, tag: str) -> Response:
        response = arrived.response(200, to_tag=tag, headers=[("Contact", f"<{self.core.contact}>")])
        self.core.send(response)
        return response

    def test_23_two_callees_answer(self) -> None:
        """Two 200 with different tags both reach the caller."""
        _, arrived = self.call()
        self.caller.take()
        for tag in ("one", "two"):
            self.accept(arrived, tag)
        self.assertEqual(["one", "two"], [each.to_tag for each in self.responses(self.caller)])

    def test_23_repeated_200(self) -> None:
        """A repeated 200 passes for 32 s; a 486 after it is dropped."""
        _, arrived = self.call()
        self.accept(arrived, "one")
        self.world.clock.pump([1] * 31)
        self.caller.take()
        self.accept(arrived, "one")
        self.assertEqual([200], self.caller.statuses())
        self.core.answer(arrived, 486)
        self.assertEqual([], self.caller.statuses())
        self.world.clock.pump([1] * 3)
        self.accept(arrived, "one")
        self.assertEqual([], self.caller.take())

    def test_23_603_over_udp(self) -> None:
        """It is repeated after 0.5, 1.5, ... s until the ACK comes, which goes no further than here."""
        caller = self.world.phone("bob", "udp")
        invite, arrived = self.call(caller)
        caller.take()
        self.core.answer(arrived, 603)
        self.arrived(self.core, "ACK")
        found: list[float] = []
        for tenth in range(20):
            found += [tenth / 10] * len(responses := self.responses(caller))
            for response in responses:
                self.assertEqual((603, f"t{self.core.number}"), (response.status, response.to_tag))
                last = response
            self.world.clock.advance(0.1)
        self.assert_times([0, 0.5, 1.5], found)
        caller.acknowledge(invite, last)
        self.advance(10)
        self.assertEqual([], caller.take())
        self.assertEqual([], self.core.take())
