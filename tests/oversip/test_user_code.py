"""Checks 27 and 28: what user code may do with a request: route it anew, and rewrite it."""

from __future__ import annotations

from typing import Any

from oversip_tw.hooks import Arrival, Hooks, Proxy, Response
from oversip_tw.proxy.settings import Profile
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.uri import Uri
from tests.edge.behind import Core, EdgeWorld
from tests.oversip.edge_case import PROXY_OUT, EdgeCase, Routed
from tests.server.world import CORE

DESK = "sip:desk@example.com"
#: another SIP server, where calls go that the first one does not take
VOICEMAIL = "127.0.0.3"


class Serial(Hooks):
    """First the core; what it refuses goes to the voicemail."""

    def on_request(self, arrival: Arrival) -> None:
        if arrival.request.method != "INVITE" or arrival.in_dialog:
            return
        first = Proxy(self.core)

        @first.on_failure
        def busy(response: Response) -> None:
            first.drop_response()
            Proxy(self.core).route(arrival, f"sip:{VOICEMAIL}:5080")

        first.route(arrival, f"sip:{CORE}:5080")


class SerialForkingTests(EdgeCase):
    """27."""

    def setUp(self) -> None:
        self.use(EdgeWorld(hooks=Serial(), profile=PROXY_OUT))
        self.voicemail = Core(self.world, (VOICEMAIL, 5080))
        self.caller = self.world.phone("alice")

    def first_leg(self, **headers: str) -> list[int]:
        """The core rings and is busy; what the caller hears of it."""
        self.caller.send(self.caller.build("INVITE", DESK, **headers))
        first = self.arrived(self.core)
        self.routes = first.values("Record-Route")
        for status in (180, 486):
            self.core.answer(first, status)
        self.arrived(self.core, "ACK")
        self.heard = self.responses(self.caller)
        return [response.status for response in self.heard]

    def test_27_second_leg(self) -> None:
        """The 486 is held back; who says `Supported: 199` hears 199 with the first leg's tag and why it ended, and then
        the answer of the second. The second INVITE has our Record-Route once: two URIs, as the first had."""
        self.assertEqual([100, 180, 199], self.first_leg(Supported="199, timer"))
        early = self.heard[-1]
        self.assertEqual(f"t{self.core.number}", early.to_tag)
        self.assertEqual('SIP ;cause=486 ;text="Busy Here"', early.get("Reason"))
        second = self.arrived(self.voicemail)
        self.assertEqual((2, 2), (len(self.routes), len(second.values("Record-Route"))))
        self.assertEqual((2, 68), (len(second.vias), second.max_forwards))
        self.voicemail.answer(second, 200)
        accepted = self.final(self.caller)
        self.assertEqual((200, f"t{self.voicemail.number}"), (accepted.status, accepted.to_tag))

    def test_27_caller_without_199(self) -> None:
        """Who does not say so hears nothing of the first leg's end."""
        self.assertEqual([100, 180], self.first_leg())
        self.voicemail.answer(self.arrived(self.voicemail), 404)
        self.assertEqual([404], self.caller.statuses())

    def test_27_abort(self) -> None:
        """Aborted in `on_target`: 403 with OverSIP's phrase, its word for user code, and nothing sent."""

        class Aborting(Routed):
            def prepare(self, proxy: Proxy, arrival: Arrival) -> None:
                proxy.on_target(lambda attempt: attempt.abort())

        hooks = Aborting(f"sip:{CORE}:5080")
        self.use(EdgeWorld(hooks=hooks, profile=PROXY_OUT))
        self.caller = self.world.phone("alice")
        self.caller.send(self.caller.build("INVITE", DESK))
        refused = self.final(self.caller)
        self.assertEqual((403, "Destination Aborted"), (refused.status, refused.reason))
        self.assertEqual(["error 403 destination_aborted"], hooks.heard)
        self.assertEqual([], self.core.take())


class Editing(Hooks):
    """Rewrites what a MESSAGE or INVITE says."""

    def on_request(self, arrival: Arrival) -> None:
        request = arrival.request
        if request.method not in ("MESSAGE", "INVITE") or arrival.in_dialog:
            return
        request.uri = Uri.parse("sip:other@example.org")
        tag = request.from_tag
        request.set("From", f'"Some Body" <sip:+4930123@example.com>;tag={tag}')
        request.set("To", str(NameAddr.parse("<sip:desk@pbx.example.org>")))
        request.set("X-Added", "yes")
        request.remove("Subject")
        request.body = "grüße".encode()


class EditingTests(EdgeCase):
    """28."""

    def begin(self, hooks: Any = None, **options: Any) -> None:
        self.use(EdgeWorld(hooks=hooks, **options))
        self.caller = self.world.phone("alice")

    def test_28_edited(self) -> None:
        """The core sees the new R-URI, From, To, headers and body, with the right Content-Length; the caller sees From
        and To as it wrote them, and the core's tag."""
        self.begin(Editing())
        for method in ("MESSAGE", "INVITE"):
            sent = self.caller.build(method, DESK, Subject="secret", To=f'"The Desk" <{DESK}>')
            sent.body = b"x" * 100
            self.caller.send(sent)
            arrived = self.arrived(self.core, method)
            self.assertEqual("sip:other@example.org", str(arrived.uri))
            self.assertEqual(f'"Some Body" <sip:+4930123@example.com>;tag={sent.from_tag}', arrived.get("From"))
            self.assertEqual("pbx.example.org", arrived.to.uri.host)
            self.assertEqual(("yes", None), (arrived.get("X-Added"), arrived.get("Subject")))
            self.assertEqual(("grüße".encode(), "7"), (arrived.body, arrived.get("Content-Length")))
            for status in (180, 200) if method == "INVITE" else (200,):
                self.core.answer(arrived, status)
                *_, answer = self.responses(self.caller)
                self.assertEqual(sent.get("From"), answer.get("From"))
                self.assertEqual(f'"The Desk" <{DESK}>;tag=t{self.core.number}', answer.get("To"))

    def test_28_answers_of_our_own_show_the_original(self) -> None:
        """So do answers that we make, here when nobody answers."""
        self.begin(Editing())
        sent = self.caller.build("INVITE", DESK)
        self.caller.send(sent)
        self.advance(35)
        timeout = self.final(self.caller)
        self.assertEqual((408, sent.get("From")), (timeout.status, timeout.get("From")))
        self.assertTrue((timeout.get("To") or "").startswith(f"<{DESK}>;tag="))

    def test_28_notify_gets_record_route(self) -> None:
        """In a dialog too (RFC 6665), which no other method does."""
        self.begin()
        caller = self.world.through("alice")
        subscribe = caller.build("SUBSCRIBE", DESK, Event="presence")
        caller.send(subscribe)
        arrived = self.arrived(self.core, "SUBSCRIBE")
        self.assertEqual(2, len(arrived.values("Record-Route")))
        routes = [("Record-Route", route) for route in arrived.values("Record-Route")]
        accepted = arrived.response(200, to_tag="c", headers=[*routes, ("Contact", f"<{self.core.contact}>")])
        self.core.send(accepted)
        theirs = self.core.dialog(arrived, accepted, callee=True)
        for method, number in (("NOTIFY", 2), ("MESSAGE", 0)):
            theirs.send(method)
            self.assertEqual(number, len(self.arrived(caller, method).values("Record-Route")))

    def test_28_record_route_choice(self) -> None:
        """`record_route`: on every request but REGISTER, or on none."""
        for choice, methods in (("dialogs", {"INVITE"}), ("all", {"INVITE", "MESSAGE", "OPTIONS"}), ("none", set())):
            self.begin(profile=Profile(record_route=choice))
            for method in ("INVITE", "MESSAGE", "OPTIONS"):
                self.caller.send(self.caller.build(method, DESK))
                routes = self.arrived(self.core, method).values("Record-Route")
                self.assertEqual(2 if method in methods else 0, len(routes), (choice, method))
            self.assertFalse(self.core.receives_register(self.caller)[0].has("Record-Route"))
