"""The server as an edge, in front of a core that has the users."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .baresip import Baresip
from .case import SystemCase
from .kamailio import KamailioCore
from .phone import BrowserPhone
from .processes import poll
from .server import Server, User
from .sipp import Sipp, register

#: where the core is, and the phones behind it; browsers and phones before the edge are at 127.0.0.1
CORE, BEHIND = "127.0.0.2", "127.0.0.3"


class EdgeServer(Server):
    """One process of ours with ``[edge]``; ``cores`` are its URIs, ``options`` more lines of that section.

    ``give`` gives out users of the core.
    """

    def __init__(
        self,
        cores: Sequence[str],
        options: str = "",
        extra: str = "",
        give: Callable[[], User] | None = None,
    ) -> None:
        named = ", ".join(f'"{uri}"' for uri in cores)
        self._give = give
        super().__init__(f"[edge]\ncore = [{named}]\n{options}\n{extra}", users=0, domain="edge.test")

    def user(self) -> User:
        """Somebody whom the core knows, and no other test uses."""
        assert self._give is not None
        return self._give()


class World:
    """A Kamailio with our edge before it."""

    def __init__(self, core: KamailioCore, options: str = "", edge: EdgeServer | None = None) -> None:
        self.core = core
        self.edge = edge or EdgeServer([f"{core.uri};transport=udp"], options, give=core.user)

    def stop(self) -> None:
        """End both."""
        self.edge.stop()
        self.core.stop()


    @property
    def running(self) -> bool:
        """Both live."""
        return self.edge.child.running and self.core.child.running


_shared: dict[str, World] = {}


def shared_world(name: str = "", make: Callable[[], World] = lambda: World(KamailioCore(users=250))) -> World:
    """The one of all tests that need ``name``; "": nothing special, Path and UDP between edge and core."""
    found = _shared.get(name)
    if found is None or not found.running:
        found = _shared[name] = make()
    return found


def registers_again(*phones: BrowserPhone) -> None:
    """Each sends a REGISTER, in the middle of its time, and is answered 200."""
    for phone in phones:
        before = _accepted(phone)
        phone.do("register")
        poll(lambda: _accepted(phone) > before, 10, f"200 to another REGISTER of {phone.user}")  # noqa: B023


def _accepted(phone: BrowserPhone) -> int:
    return sum(" REGISTER\r\n" in text for text in phone.messages("in", "SIP/2.0 200"))


class EdgeCase(SystemCase):
    """browser - edge - Kamailio - phone. ``self.server`` is the edge."""

    core: KamailioCore

    def setUp(self) -> None:
        self.between(shared_world())

    def own(self, world: World) -> None:
        """Let ``world`` be this test's alone."""
        self.addCleanup(world.stop)
        self.between(world)

    def between(self, world: World) -> None:
        """Work with that edge and core; what the core saw is told when a wait is in vain."""
        self.core = world.core
        self.use(world.edge)

    # -- phones -----------------------------------------------------------------------------------------------------

    def baresip_behind(self, transport: str = "udp") -> Baresip:
        """baresip that is registered at the core without us."""
        return self._baresip(f"{self.core.address}:{self.core.port}", transport, BEHIND)

    def baresip_before(self, transport: str = "udp") -> Baresip:
        """baresip that has the edge as its outbound proxy, from the address where clients are."""
        return self._baresip(f"{self.server.address}:{self.server.port}", transport, "127.0.0.1")

    def _baresip(self, proxy: str, transport: str, address: str) -> Baresip:
        phone = Baresip(self.core.user(), proxy, transport, address)
        self.addCleanup(phone.close)
        return phone.until_registered()

    def sipp_behind(self, scenario: str, transport: str = "udp", out_of_call: str = "", uri: str = "") -> Sipp:
        """sipp beside the core; its digest is for ``uri``."""
        return self._sipp(f"{self.core.address}:{self.core.port}", scenario, transport, out_of_call, uri, BEHIND)

    def sipp_before(self, scenario: str, transport: str = "udp", out_of_call: str = "", uri: str = "") -> Sipp:
        """sipp with the edge as its outbound proxy."""
        where = f"{self.server.address}:{self.server.port}"
        return self._sipp(where, scenario, transport, out_of_call, uri, "127.0.0.1")

    def _sipp(self, where: str, scenario: str, transport: str, out_of_call: str, uri: str, address: str) -> Sipp:
        options = ("-auth_uri", (uri or self.core.domain).removeprefix("sip:"))
        found = Sipp(where, scenario, transport, out_of_call, options, address)
        self.addCleanup(found.close)
        return found

    def registered(self, sipp: Callable[..., Sipp], user: User, out_of_call: str, transport: str = "udp") -> Sipp:
        """``sipp`` registers and stays to be called."""
        found = sipp(register(user, 30), transport, out_of_call)
        self.until_bound(user)
        return found

    def until_bound(self, user: User) -> None:
        """Until the core has a binding of ``user``."""
        poll(lambda: self.core.bindings(user), 10, lambda: f"a binding of {user.name}:\n{self.core.lookup(user)}")

    # -- what calls are made of -------------------------------------------------------------------------------------

    def tones(self, one: BrowserPhone, call: int, other: BrowserPhone, at: int, tone: str = "7") -> None:
        """INFO both ways between two browsers."""
        for phone, number, peer, its in ((one, call, other, at), (other, at, one, call)):
            heard = peer.info(its)["dtmf"]
            phone.do("dtmf", number, tone)
            peer.until_info(its, "dtmf", heard + tone)

    def holds(self, one: BrowserPhone, call: int, other: BrowserPhone, at: int) -> None:
        """One puts the other on hold and takes it back; the last ACK is there when this is over."""
        before = len(other.messages("in", "ACK"))
        for what, held in (("hold", True), ("unhold", False)):
            one.do(what, call)
            other.until_info(at, "remoteHold", held)
            one.until_info(call, "localHold", held)
        poll(lambda: len(other.messages("in", "ACK")) >= before + 2, 10, "ACKs of both re-INVITEs")
