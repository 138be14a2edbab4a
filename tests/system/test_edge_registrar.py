"""A server of ours as the registrar behind an edge of ours."""

from __future__ import annotations

from . import test_reconnect
from .case import SystemCase
from .edge import CORE, EdgeServer
from .phone import JSSIP, SIPJS
from .processes import poll
from .server import Server


class Registrar(Server):
    """At an address of its own; edges come from where clients are."""

    address = CORE

    def __init__(self, users: int) -> None:
        super().__init__('[[trusted]]\nnetwork = "127.0.0.1"\nrole = "edge"\n', users=users)


_shared: dict[str, tuple[Registrar, EdgeServer]] = {}


def both(transport: str) -> tuple[Registrar, EdgeServer]:
    """A registrar and the edge before it, with that transport between them."""
    found = _shared.get(transport)
    if found is None or not all(each.child.running for each in found):
        registrar = Registrar(16)
        edge = EdgeServer([f"sip:{CORE}:{registrar.port};transport={transport}"], give=registrar.user)
        found = _shared[transport] = registrar, edge
    return found


class Behind(SystemCase):
    """``self.server`` is the edge, ``self.registrar`` what is behind it."""

    transport = "udp"

    def setUp(self) -> None:
        """Look into both logs at the end."""
        self.registrar, edge = both(self.transport)
        self.use(self.registrar)
        self.use(edge)


class Calls(Behind):
    """Browsers through both."""

    def test_calls(self) -> None:
        """JsSIP and SIP.js call each other with media, send MESSAGE, and are told who is absent and who nobody is."""
        one, other, absent = self.phone(JSSIP), self.phone(SIPJS), self.registrar.user()
        for first, second in ((one, other), (other, one)):
            out, at = self.established(first, second)
            self.media_flows(first, out, second, at)
            self.hung_up(second, at, first, out)
            number = first.do("message", second.uri, f"from {first.user}")
            poll(lambda: first.snapshot()["sent"][number]["status"] == 200, 10, "200 to MESSAGE")  # noqa: B023
        for target, status in ((absent.uri, 480), (f"sip:nobody@{self.registrar.domain}", 404)):
            out = one.call(target)
            one.until_call("ended", out)
            self.assertEqual(status, one.info(out)["status"])

    def test_bindings(self) -> None:
        """The registrar lists one binding, also after the browser has come back on another connection."""
        wire, user = self.relay(), self.registrar.user()
        phone = self.phone(JSSIP, user, server=self.through(wire), password=user.password).until_registered()
        wire.cut()
        phone.until("disconnects", 1)
        phone.until_registered(2, 15)
        self.assertEqual(1, self.registrar.command("bindings").count(user.name))
        other = self.phone(SIPJS)
        out, at = self.established(other, phone)
        self.hung_up(other, out, phone, at)

    def test_transfer(self) -> None:
        """SIP.js hands a JsSIP over to another SIP.js that it has asked before, by its remote Contact."""
        giver, moved, target = self.phone(SIPJS), self.phone(JSSIP), self.phone(SIPJS)
        first, at = self.established(giver, moved)
        second, number = self.established(giver, target)
        giver.do("transfer", first, second)
        giver.until_call("ended", second)
        target.until_call("ended", number)
        target.until_call("established", number + 1)
        moved.until_call("established", at + 1)
        self.media_flows(moved, at + 1, target, number + 1)
        self.hung_up(target, number + 1, moved, at + 1)


class OverTcp(Behind):
    """The same over TCP between the two."""

    transport = "tcp"

    def test_call(self) -> None:
        """A call, its INFO and its end."""
        one, other = self.phone(JSSIP), self.phone(SIPJS)
        out, at = self.established(one, other)
        one.do("dtmf", out, "5")
        other.until_info(at, "dtmf", "5")
        self.hung_up(other, at, one, out)


class Cut(Behind):
    """Browsers lose their connection, the edge and the registrar die; calls go on."""

    cut = test_reconnect.SocketCut.cut

    def test_callee(self) -> None:
        """The callee drops, is sent INFO, and hangs up."""
        one, out, other, at = self.cut(SIPJS, JSSIP, "callee")
        one.do("dtmf", out, "5")
        other.until_info(at, "dtmf", "5")
        self.hung_up(other, at, one, out)

    def test_both_restarted(self) -> None:
        """The registrar, then the edge are killed in mid-call and started again."""
        one, other = self.phone(JSSIP), self.phone(SIPJS)
        out, at = self.established(one, other)
        self.registrar.child.kill()
        self.registrar.start()
        one.do("dtmf", out, "5")
        other.until_info(at, "dtmf", "5")
        self.server.child.kill()
        self.server.start()
        for phone in (one, other):
            phone.until_registered(2, 20)
        one.do("dtmf", out, "6")
        other.until_info(at, "dtmf", "56")
        self.hung_up(other, at, one, out)
