"""Two servers on one Redis, a user on each: they call each other, and one of them dies."""

from __future__ import annotations

import sys
import threading
import time

from tests.store import servers

from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import Child, free_port, poll
from .raw_phone import ask, first, name, register, request, respond
from .relay import Relay
from .server import ROOT, Server, User
from .sockets import Received, Udp, WebSocket
from .test_attacks_process import ProcessCase

LEASE = 3


class Case(ProcessCase):
    """Two servers, each with ports of its own on one address: they know each other by their UDP ports."""

    def setUp(self) -> None:
        self.redis = servers.Redis()
        self.addCleanup(self.redis.kill)
        store = f'[store]\nkind = "redis"\nurl = "{self.redis.url}"\nlease = {LEASE}\n'
        admin = f"[admin]\nport = {free_port()}\n"
        self.a = self.own(users=4, extra=store + admin, top='node_id = "a"\n')
        self.b = self.own(users=0, extra=store, top='node_id = "b"\n')
        nodes = "".join(
            f'[[node]]\nid = "{id_}"\nuri = "sip:127.0.0.1:{server.port};transport=udp"\n'
            for id_, server in (("a", self.a), ("b", self.b))
        )
        for server in (self.a, self.b):
            server.child.stop()
            server.config.write_text(f"{server.config.read_text()}\n{nodes}")
            server.start()
        self.alice, self.bob = self.a.user(), self.a.user()


class TwoServers(Case):
    """Phones that are written by hand."""

    def phone(self, server: Server, user: User) -> WebSocket:
        made = WebSocket(("127.0.0.1", server.ws_port), path="/ws")
        self.addCleanup(made.close)
        self.assertEqual(200, register(made, user).status)
        return made

    def call(self, caller: WebSocket, who: User, callee: WebSocket, whom: User) -> tuple[Received, Received]:
        """``who`` calls ``whom``, who answers; the INVITE as it came and the 200 as it came back."""
        found: list[Received] = []

        def calling() -> None:
            answer = ask(caller, who, "INVITE", whom.uri)
            while answer.status < 200:
                answer = first(caller)
            found.append(answer)

        thread = threading.Thread(target=calling)
        thread.start()
        invite = first(callee)
        self.assertEqual("INVITE", invite.method)
        callee.send(respond(invite, 200, Contact=f"<sip:{name()}@callee.invalid;transport=ws>"))
        thread.join()
        self.assertEqual(200, found[0].status)
        return invite, found[0]

    def within(self, wire: WebSocket, answer: Received, method: str, cseq: int) -> None:
        """A request in the call that ``answer`` accepted, from its caller."""
        target = answer.get("Contact").strip("<>")
        routes = [route for line in answer.all("Record-Route") for route in line.split(",")]
        sent = request(
            method, target, wire, From=answer.get("From"), To=answer.get("To"), Call_ID=answer.get("Call-ID"),
            CSeq=f"{cseq} {method}", Route=", ".join(reversed(routes)),
        )  # fmt: skip
        wire.send(sent)

    def test_both_ways(self) -> None:
        """Registered at one is seen by the other at once; a call each way, with ACK and BYE."""
        one, two = self.phone(self.a, self.alice), self.phone(self.b, self.bob)
        for caller, who, callee, whom in ((one, self.alice, two, self.bob), (two, self.bob, one, self.alice)):
            _, answer = self.call(caller, who, callee, whom)
            self.within(caller, answer, "ACK", 2)
            self.assertEqual("ACK", first(callee).method)
            self.within(caller, answer, "BYE", 3)
            bye = first(callee)
            self.assertEqual("BYE", bye.method)
            callee.send(respond(bye, 200))
            self.assertEqual(200, first(caller).status)
        self.assertEqual(2, len(self.a.command("bindings").splitlines()))

    def test_stranger_with_a_token(self) -> None:
        """Who is none of them gets nowhere with a Route, whatever stands in it."""
        two = self.phone(self.b, self.bob)
        stranger = Udp(("127.0.0.1", self.a.port))
        self.addCleanup(stranger.close)
        route = f"<sip:ovp{'A' * 60}@127.0.0.1:{self.a.port};transport=udp;lr>"
        stranger.send(request("MESSAGE", self.bob.uri, stranger, Route=route))
        self.assertEqual(403, first(stranger).status)
        self.assertIsNone(two.answer(0.3))

    def test_one_dies(self) -> None:
        """kill -9: within its lease its phones are gone for the other, which says 480; back again, they register and
        are called."""
        one, two = self.phone(self.a, self.alice), self.phone(self.b, self.bob)
        self.call(one, self.alice, two, self.bob)
        began = time.monotonic()
        self.b.child.kill()
        poll(lambda: len(self.a.command("bindings").splitlines()) == 1, 3 * LEASE, "one binding left")
        self.assertLess(time.monotonic() - began, LEASE + 2)  # and what the command takes
        self.assertEqual(480, ask(one, self.alice, "INVITE", self.bob.uri).status)
        self.b.start()
        again = self.phone(self.b, self.bob)
        self.call(one, self.alice, again, self.bob)

    def test_kick(self) -> None:
        """At one server, of a phone that is at the other: its connection ends there, and whoever is registered
        beside it keeps theirs."""
        kicked, other = self.phone(self.b, self.alice), self.phone(self.b, self.bob)
        said = self.a.command("kick", f"{self.alice.name}@{self.alice.domain}")
        self.assertIn("ended 1 bindings", said)
        self.assertIsNone(kicked.answer(5))
        self.assertEqual(4001, kicked.code)
        self.assertEqual(200, register(other, self.bob).status)
        self.assertNotIn(self.alice.uri, self.b.command("bindings"))

    def test_one_name_twice(self) -> None:
        """A second server of the same name does not start."""
        text = self.a.config.read_text().split("[[listen]]")
        config = self.a.folder.write("third.toml", text[0] + text[-1][text[-1].index("[log]") :])
        command = [sys.executable, "-m", "oversip_tw", "run", "-c", str(config)]
        third = Child("third", command, self.a.folder, {"PYTHONPATH": str(ROOT)})
        self.assertEqual(1, third.wait(20))
        self.assertIn('another server is node "a"', third.output())
        self.assertEqual(1, len(third.output().splitlines()))


class Browsers(Case):
    """JsSIP at one server, SIP.js at the other; a balancer that sends them elsewhere when they come back."""

    def at(self, library: str, user: User, server: Server) -> tuple[BrowserPhone, Relay]:
        """A browser of ``user`` that has come by a balancer to ``server``."""
        balancer = self.relay(server.wss_port)
        return self.phone(library, user, server=self.through(balancer)), balancer

    def go_on(self, one: BrowserPhone, out: int, other: BrowserPhone, at: int) -> None:
        """The call is alive: INFO, re-INVITE and sound, both ways."""
        for phone, call, peer, number in ((one, out, other, at), (other, at, one, out)):
            heard = peer.info(number)["dtmf"]
            phone.do("dtmf", call, "5")
            peer.until_info(number, "dtmf", f"{heard}5")
            phone.do("hold", call)
            peer.until_info(number, "remoteHold", True)
            phone.until_info(call, "localHold", True)
            phone.do("unhold", call)
            peer.until_info(number, "remoteHold", False)
            phone.until_info(call, "localHold", False)
        self.media_flows(one, out, other, at)

    def test_calls(self) -> None:
        """Called by either side, ended by either side; one is busy, and one gives up."""
        (alice, _), (bob, _) = self.at(JSSIP, self.alice, self.a), self.at(SIPJS, self.bob, self.b)
        for caller, callee in ((alice, bob), (bob, alice)):
            out, at = self.established(caller, callee)
            self.go_on(caller, out, callee, at)
            self.hung_up(callee, at, caller, out)
            call = caller.call(callee.uri)
            callee.do("reject", callee.incoming(), 486)
            caller.until_call("ended", call)
            self.assertEqual(486, caller.info(call)["status"])
            call = caller.call(callee.uri)
            at = callee.incoming()
            caller.until_call("ringing", call)
            caller.do("hangup", call)
            callee.until_call("ended", at)

    def test_call_moves(self) -> None:
        """Each in turn loses its connection in mid-call and comes back at the other server: the call goes on."""
        (alice, first), (bob, second) = self.at(JSSIP, self.alice, self.a), self.at(SIPJS, self.bob, self.b)
        out, at = self.established(alice, bob)
        for phone, balancer, server in ((alice, first, self.b), (bob, second, self.a)):
            balancer.target = (server.address, server.wss_port)
            balancer.cut()
            phone.until_registered(2, 15)
            self.go_on(alice, out, bob, at)
        self.hung_up(bob, at, alice, out)

    def test_one_dies_in_a_call(self) -> None:
        """kill -9 of the callee's server: the balancer sends her to the other one, and the call goes on there."""
        (alice, _), (bob, balancer) = self.at(JSSIP, self.alice, self.a), self.at(JSSIP, self.bob, self.b)
        out, at = self.established(alice, bob)
        balancer.target = (self.a.address, self.a.wss_port)
        self.b.child.kill()
        bob.until_registered(2, 20)
        self.go_on(alice, out, bob, at)
        self.hung_up(alice, out, bob, at)

    def rings(self, library: str) -> None:
        """The callee loses his connection while it rings, and comes back at the caller's server."""
        (alice, _), (bob, balancer) = self.at(JSSIP, self.alice, self.a), self.at(library, self.bob, self.b)
        out = alice.call(bob.uri)
        at = bob.incoming()
        alice.until_call("ringing", out)
        balancer.target = (self.a.address, self.a.wss_port)
        balancer.cut()
        bob.until_registered(2, 15)
        if library == JSSIP:
            at = poll(lambda: [1] * (len(bob.snapshot()["calls"]) == 2), 5, "a second INVITE")[0]
        bob.answer(at)
        for phone, number in ((alice, out), (bob, at)):
            phone.until_call("established", number)
        self.go_on(alice, out, bob, at)
        self.hung_up(bob, at, alice, out)

    def test_rings_jssip(self) -> None:
        """JsSIP is asked anew."""
        self.rings(JSSIP)

    def test_rings_sipjs(self) -> None:
        """SIP.js goes on."""
        self.rings(SIPJS)
