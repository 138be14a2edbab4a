"""Check 10: forged, altered and replayed tokens open nothing. OverSIP failed this one: it was an open relay."""

from __future__ import annotations

from base64 import b64encode

from oversip_tw.outbound.flow_id import pack_udp
from oversip_tw.outbound.token import Tokens
from tests.edge.behind import EdgeWorld
from tests.oversip.edge_case import PROXY_OUT, EdgeCase
from tests.server.world import Phone

#: where a forged token would like to have a message sent
VICTIM = ("203.0.113.99", 5060)
#: as OverSIP wrote the flow of a UDP client: anybody could
OVERSIPS = "_" + b64encode(f"{VICTIM[0]}_{VICTIM[1]}".encode()).decode().replace("=", "-")
HERE = ("127.0.0.1", 5060)


def altered(token: str) -> list[str]:
    """The token with one character changed: in its signature, in what is signed, and at its begin."""
    return [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in (len(token) - 1, 12, 3)]


class Forging(EdgeCase):
    """Whoever writes a token that we did not sign is refused, and nothing goes anywhere."""

    def forged(self) -> list[str]:
        """What somebody could write without our key: OverSIP's own tokens, and ours signed with a key of theirs."""
        stranger = Tokens((b"x" * 32,), self.world.element.core.tokens.node)
        flow = pack_udp(HERE, VICTIM)
        return [stranger.path(flow), stranger.record_route(flow, b"", "call", "f"), stranger.contact(b"k", "sip:a@b")]

    def nothing_left(self, *phones: Phone) -> None:
        """No octet went to the victim, nor to ``phones``."""
        self.assertEqual([], self.world.udp_flow(VICTIM).sent)
        for phone in phones:
            self.assertEqual([], phone.take())

    def refused(self, sender: Phone, method: str, uri: str, status: int, **headers: str) -> None:
        """403 (or what else is right), and for an ACK silence; nothing reaches the core either."""
        self.core.take()
        sender.send(sender.build(method, uri, **headers))
        answers = [each.status for each in self.responses(sender) if each.status != 100]
        self.assertEqual([] if method == "ACK" else [status], answers)
        if sender is not self.core:
            self.assertEqual([], self.core.take())


class ForgedRoutes(Forging):
    """In Routes."""

    def test_10_forged_route(self) -> None:
        """In a Route, in dialog and out of it, from the core and from a stranger."""
        stranger = self.world.phone("zoe", "udp")
        for token in self.forged()[:2]:
            for sender in (stranger, self.core):
                for method, to in (("MESSAGE", "<sip:a@b>"), ("BYE", "<sip:a@b>;tag=t"), ("ACK", "<sip:a@b>;tag=t")):
                    self.refused(sender, method, "sip:a@b", 403, Route=f"<sip:{token}@127.0.0.1:5060;lr>", To=to)
        self.nothing_left()

    def test_10_forged_route_of_oversip(self) -> None:
        """OverSIP's own hand-made token says nothing to us: the Route is one of ours without token, which from a
        stranger counts for nothing, and its `ovid` proves nothing."""
        stranger = self.world.phone("zoe", "udp")
        route = f"<sip:{OVERSIPS}@127.0.0.1:5060;transport=udp;lr;ovid=12345678>"
        self.refused(stranger, "BYE", "sip:a@203.0.113.99", 403, Route=route, To="<sip:a@b>;tag=t")
        stranger.send(stranger.build("MESSAGE", "sip:a@203.0.113.99", Route=route))
        self.assertFalse(self.arrived(self.core, "MESSAGE").has("Route"))  # it is the core's to say who that is
        self.nothing_left()

    def test_10_altered_path(self) -> None:
        """A Path with one character changed: 403, from the core too."""
        alice = self.world.through("alice")
        outer, inner = self.core.registered[alice.aor].values("Path")
        token = inner[5:].partition("@")[0]
        for wrong in altered(token):
            route = f"{outer}, {inner.replace(token, wrong)}"
            self.refused(self.core, "MESSAGE", alice.contact, 403, Route=route)
        self.nothing_left(alice)

    def test_10_replayed_path(self) -> None:
        """The true Path of somebody's phone in the hands of anybody but the core: 403, and the phone hears nothing."""
        alice, mallory = self.world.through("alice"), self.world.through("mallory")
        path = ", ".join(self.core.registered[alice.aor].values("Path"))
        for sender in (mallory, self.world.phone("zoe", "udp")):
            self.refused(sender, "MESSAGE", alice.contact, 403, Route=path)
            self.refused(sender, "BYE", alice.contact, 403, Route=path, To=f"<{alice.aor}>;tag=1")
        self.nothing_left(alice)

    def test_10_replayed_record_route(self) -> None:
        """The Record-Route of one call opens no other: 403 for another Call-ID or other tags, and without To tag."""
        alice = self.world.through("alice")
        invite = self.core.towards(alice)
        self.core.send(invite)
        arrived = self.arrived(alice)
        routes = ", ".join(arrived.values("Record-Route")[::-1])
        for sender in (self.core, self.world.phone("zoe", "udp")):
            for wrong in (
                {"To": f"<{alice.aor}>;tag=x", "From": f"{invite.get('From')}"},
                {"To": f"<{alice.aor}>;tag=x", "Call_ID": invite.call_id, "From": "<sip:dave@elsewhere.example>;tag=e"},
                {"Call_ID": invite.call_id},
            ):
                self.refused(sender, "MESSAGE", alice.contact, 403, Route=routes, **wrong)
        self.nothing_left(alice)


class ForgedContacts(Forging):
    """The same in `;ov-ob`."""

    def setUp(self) -> None:
        self.use(EdgeWorld(profile=PROXY_OUT, return_by="param"))

    def test_10_forged_ov_ob(self) -> None:
        """From the core 403; from a stranger it is but a parameter of a URI, which the core may look at."""
        stranger = self.world.phone("zoe", "udp")
        for token in (OVERSIPS, *self.forged(), "x"):
            for method in ("MESSAGE", "INVITE"):
                self.refused(self.core, method, f"sip:a@203.0.113.99;ov-ob={token}", 403)
            self.refused(self.core, "ACK", f"sip:a@203.0.113.99;ov-ob={token}", 0)
            stranger.send(stranger.build("MESSAGE", f"sip:a@203.0.113.99;ov-ob={token}"))
            self.arrived(self.core, "MESSAGE")
        self.nothing_left()

    def test_10_altered_ov_ob(self) -> None:
        """One character changed: 403."""
        alice = self.world.through("alice")
        uri = str(self.core.registered[alice.aor].contacts[0].uri)
        head, _, token = uri.partition("ov-ob=")
        for wrong in altered(token):
            self.refused(self.core, "MESSAGE", f"{head}ov-ob={wrong}", 403)
        self.nothing_left(alice)

    def test_10_replayed_ov_ob(self) -> None:
        """The true one in the hands of a stranger leads to the core, never past it to the phone."""
        alice, stranger = self.world.through("alice"), self.world.phone("zoe", "udp")
        uri = str(self.core.registered[alice.aor].contacts[0].uri)
        for method in ("MESSAGE", "INVITE"):
            stranger.send(stranger.build(method, uri))
            self.arrived(self.core, method)
        self.nothing_left(alice)
