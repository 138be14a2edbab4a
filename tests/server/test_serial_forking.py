"""Serial forking in user code: an answer is dropped, the request goes elsewhere, the caller hears what it should."""

from __future__ import annotations

from typing import Any

from oversip_tw.hooks import Arrival, Failure, Proxy, Response
from oversip_tw.proxy.settings import Profile
from oversip_tw.transaction.timers import Timers
from tests.edge.scripted import CORE_URI, SECOND_URI, ScriptedEdge
from tests.server.world import DOMAIN

QUICK = Profile(timers=Timers(b=6.0, f=6.0), timer_c=8.0, failover=0.0)


class Forwarding(ScriptedEdge):
    """What the core refuses is sent to a second place."""

    options: dict[str, Any] = {"profiles": {"quick": QUICK}}
    #: route anew by the same Proxy
    same = False

    def setUp(self) -> None:
        super().setUp()
        self.logic.script = self.forward

    def forward(self, arrival: Arrival) -> None:
        proxy = Proxy(self.logic.core, "quick")

        def elsewhere() -> None:
            self.seen.append("elsewhere")
            proxy.drop_response()
            if self.same:
                proxy.clear_callbacks()
                proxy.route(arrival, SECOND_URI)
            else:
                Proxy(self.logic.core).route(arrival, SECOND_URI)

        @proxy.on_failure
        def refused(response: Response) -> None:
            if response.status in (408, 480, 486):
                elsewhere()

        @proxy.on_error
        def failed(failure: Failure) -> None:
            self.seen.append(failure.code)
            elsewhere()

        proxy.route(arrival, CORE_URI)


class ForwardingTests(Forwarding):
    """The second place gets the request as the first did."""

    def test_refused(self) -> None:
        """486, 480, 408: Record-Route and Max-Forwards as before, in a Via of its own; the caller hears the second."""
        for status in (486, 480, 408):
            self.sends()
            first = self.refuses(status)
            second = self.arrived(self.second)
            for name in ("Record-Route", "Max-Forwards", "Via", "From", "To", "Contact", "P-Asserted-Identity"):
                self.assertEqual(len(first.values(name)), len(second.values(name)), name)
            self.assertEqual(first.max_forwards, second.max_forwards)
            self.assertEqual(2, len(second.values("Record-Route")))
            self.assertNotEqual(first.via.branch, second.via.branch)
            self.second.answer(second, 180)
            self.second.answer(second, 200)
            self.assertEqual([180, 200], self.statuses())

    def test_others_pass(self) -> None:
        """What the callback leaves alone goes to the caller."""
        self.sends()
        self.refuses(404)
        self.assertEqual([404], self.statuses())
        self.assertEqual([], self.second.take())

    def test_dialog_at_the_second(self) -> None:
        """ACK and BYE find the second place by the Record-Route that it was given."""
        invite = self.sends()
        self.refuses(486)
        arrived = self.arrived(self.second)
        self.second.answer(arrived, 200, Contact=f"<{SECOND_URI}>")
        dialog = self.alice.dialog(invite, self.answers()[-1])
        dialog.send("ACK")
        self.assertEqual(1, len(self.second.requests("ACK")))
        dialog.send("BYE")
        [bye] = self.second.requests("BYE")
        self.second.answer(bye, 200)
        self.assertEqual([200], self.statuses())

    def test_error(self) -> None:
        """A core that is not there at all."""
        self.sends()
        self.world.element.unreachable(self.core.flow.peer)
        self.second.answer(self.arrived(self.second), 200)
        self.assertEqual(["connection_error", "elsewhere"], self.seen)
        self.assertEqual([200], self.statuses())

    def test_503(self) -> None:
        """A core that has no time counts as an error."""
        self.sends()
        self.refuses(503)
        self.second.answer(self.arrived(self.second), 200)
        self.assertEqual(["unavailable", "elsewhere"], self.seen)
        self.assertEqual([200], self.statuses())

    def test_silence(self) -> None:
        """Timer B."""
        self.sends()
        self.world.clock.pump([0.5] * 13)
        self.second.answer(self.arrived(self.second), 200)
        self.assertEqual(["client_timeout", "elsewhere"], self.seen)
        self.assertEqual([200], self.statuses())

    def test_rings_too_long(self) -> None:
        """Timer C: nobody picks up."""
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.world.clock.pump([0.5] * 18)
        cancel, *_ = self.core.requests("CANCEL")
        self.core.answer(cancel, 200)
        self.core.answer(arrived, 487)
        self.second.answer(self.arrived(self.second), 200)
        self.assertEqual(["invite_timeout", "elsewhere"], self.seen)
        self.assertEqual([180, 200], self.statuses())

    def test_both_refuse(self) -> None:
        """The second answer counts."""
        self.sends()
        self.refuses(486)
        self.refuses(603, self.second)
        self.assertEqual([603], self.statuses())

    def test_message(self) -> None:
        """Other methods are forwarded too."""
        self.sends("MESSAGE")
        self.core.answer(self.arrived(method="MESSAGE"), 480)
        self.second.answer(self.arrived(self.second, "MESSAGE"), 202)
        self.assertEqual([202], self.statuses())

    def test_cancel_at_the_second(self) -> None:
        """The caller gives up while the second rings."""
        invite = self.sends()
        self.refuses(486)
        arrived = self.arrived(self.second)
        self.second.answer(arrived, 180)
        self.alice.cancel(invite)
        [cancel] = self.second.requests("CANCEL")
        self.second.answer(cancel, 200)
        self.second.answer(arrived, 487)
        self.assertEqual([180, 200, 487], self.statuses())
        self.assertEqual([], self.core.requests("CANCEL"))


class SameProxyTests(ForwardingTests):
    """All of that by one Proxy."""

    same = True


class EarlyDialogTests(Forwarding):
    """199 (RFC 6228)."""

    def test_199(self) -> None:
        """A caller that supports it hears that the first leg is over, by its To tag, and why."""
        self.sends(Supported="199")
        self.refuses(486)
        [early] = self.answers()
        self.assertEqual((199, f"t{self.core.number}"), (early.status, early.to_tag))
        self.assertEqual('SIP ;cause=486 ;text="Busy Here"', early.get("Reason"))
        self.second.answer(self.arrived(self.second), 200)
        self.assertEqual([200], self.statuses())

    def test_early_dialogs_of_a_timeout(self) -> None:
        """Nobody refused: the dialogs that have rung are over all the same."""
        self.sends(Supported="100rel, 199")
        arrived = self.arrived()
        self.core.send(arrived.response(180, to_tag="one"))
        self.core.send(arrived.response(183, to_tag="two"))
        self.core.send(arrived.response(180, to_tag="one"))
        self.assertEqual([180, 183, 180], self.statuses())
        self.world.clock.pump([0.5] * 18)
        early = self.answers()
        self.assertEqual([(199, "one"), (199, "two")], [(each.status, each.to_tag) for each in early])
        self.assertEqual({'SIP ;cause=408 ;text="INVITE Timeout"'}, {each.get("Reason") for each in early})
        cancel, *_ = self.core.requests("CANCEL")
        self.core.answer(cancel, 200)
        self.second.answer(self.arrived(self.second), 200)

    def test_only_to_those_who_know_it(self) -> None:
        """Nobody else gets one; neither does a caller that wants all provisional answers to be reliable."""
        for headers in ({}, {"Supported": "100rel"}, {"Supported": "199", "Require": "100rel"}):
            self.sends(**headers)
            self.refuses(486)
            self.assertEqual([], self.statuses())
            self.second.answer(self.arrived(self.second), 200)

    def test_no_other_method(self) -> None:
        """Only an INVITE has early dialogs."""
        self.sends("SUBSCRIBE", Supported="199", Event="presence")
        self.core.answer(self.arrived(method="SUBSCRIBE"), 486)
        self.assertEqual([], self.statuses())
        self.second.answer(self.arrived(self.second, "SUBSCRIBE"), 200)


class DroppingTests(ScriptedEdge):
    """`drop_response` without more."""

    def route(self, event: str, status: int = 0) -> None:
        def script(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)

            def drop(answer: object) -> None:
                proxy.drop_response()
                if status:
                    self.logic.core.reply(arrival, status)

            getattr(proxy, event)(drop)
            proxy.route(arrival, self.logic.edge.core)

        self.logic.script = script

    def test_provisional(self) -> None:
        """A 1xx is held back, what follows passes."""
        self.route("on_provisional")
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.core.answer(arrived, 200)
        self.assertEqual([200], self.statuses())

    def test_final_is_forgotten(self) -> None:
        """A final answer that nobody replaces is 500, and a line of log says so."""
        self.errors = 1
        self.route("on_failure")
        self.sends(Supported="199")
        self.refuses(486)
        self.assertEqual([500], self.statuses())
        self.assertIn("dropped", self.world.errors()[0])

    def test_final_is_replaced(self) -> None:
        """By an answer of our own."""
        self.route("on_failure", 480)
        self.sends()
        self.refuses(486)
        self.assertEqual([480], self.statuses())
        self.route("on_error", 302)
        self.sends(uri=f"sip:desk@{DOMAIN}")
        self.refuses(503)
        self.assertEqual([302], self.statuses())

    def test_2xx(self) -> None:
        """To an INVITE it passes: somebody has picked up. To another request it is replaced."""
        self.route("on_success", 480)
        self.sends()
        self.core.answer(self.arrived(), 200)
        self.assertEqual([200], self.statuses())
        self.route("on_success")
        self.sends()
        self.core.answer(self.arrived(), 200)
        self.assertEqual([200], self.statuses())
        self.route("on_success", 480)
        self.sends("MESSAGE")
        self.core.answer(self.arrived(method="MESSAGE"), 200)
        self.assertEqual([480], self.statuses())
