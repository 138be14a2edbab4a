"""An edge in memory, the core behind it, and phones that register through it."""

from __future__ import annotations

from typing import Any

from oversip_tw.edge.settings import Settings
from oversip_tw.proxy.settings import NextHop, Profile
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from tests.server.world import CORE, DOMAIN, Phone, World

CORE_URI = f"sip:{CORE}:5080"


class EdgeWorld(World):
    """``options`` are those of the edge's settings; everything else as `World`."""

    def __init__(self, uris: tuple[str, ...] = (CORE_URI,), profile: Profile | None = None, **options: Any) -> None:
        given = {name: options.pop(name) for name in tuple(options) if name in Settings.__dataclass_fields__}
        hop = NextHop(frozenset({"*"}), tuple(map(Uri.parse, uris)), profile or Profile())
        super().__init__(edge=Settings(core=hop, **({"probe": 0.0} | given)), **options)
        self.core = Core(self)

    def through(self, user: str, transport: str = "ws", **options: Any) -> Phone:
        """A phone of ``user`` that has registered at the core, through us."""
        phone = self.phone(user, transport, **options)
        assert self.core.register(phone).status == 200
        return phone


class Core(Phone):
    """A registrar and proxy on UDP: keeps what the last REGISTER of each user said."""

    def __init__(self, world: World, peer: tuple[str, int] = (CORE, 5080)) -> None:
        super().__init__(world, "core", world.udp_flow(peer), instance=False)
        self.registered: dict[str, Request] = {}

    def register(self, phone: Phone, expires: int = 600, status: int = 200, **headers: str) -> Response:
        """``phone`` registers; what it is answered."""
        arrived, request = self.receives_register(phone, expires, **headers)
        if status == 200:
            self.accept(arrived)
        else:
            self.answer(arrived, status)
        answers = [each for each in phone.take() if isinstance(each, Response) and each.call_id == request.call_id]
        return answers[-1]

    def receives_register(self, phone: Phone, expires: int = 600, **headers: str) -> tuple[Request, Request]:
        """``phone`` sends a REGISTER: as it arrived here, and as it was sent."""
        params = ";+sip.ice"
        if phone.instance:
            params += f';+sip.instance="<{phone.instance}>"' + (";reg-id=1" if phone.outbound else "")
        defaults = {
            "Contact": f"<{phone.contact}>{params};expires={expires}",
            "Supported": "path,gruu,outbound",
            "To": f"<{phone.aor}>",
        }
        request = phone.build("REGISTER", f"sip:{DOMAIN}", **(defaults | headers))
        phone.send(request)
        [arrived] = self.requests("REGISTER")
        return arrived, request

    def accept(self, arrived: Request, *more: tuple[str, str]) -> Response:
        """200 with the Contacts as they came."""
        self.registered[arrived.to.uri.aor] = arrived
        extra = [("Contact", value) for value in arrived.values("Contact")]
        extra += [("Path", value) for value in arrived.values("Path")]
        response = arrived.response(200, to_tag="core", headers=[*extra, *more])
        self.send(response)
        return response

    def towards(self, phone: Phone, method: str = "INVITE", **headers: str) -> Request:
        """A request to the phone's binding: its Contact as R-URI, its Path as Route."""
        register = self.registered[phone.aor]
        defaults = {
            "From": "<sip:dave@elsewhere.example>;tag=d",
            "To": f"<{phone.aor}>",
            "Contact": f"<sip:dave@{CORE}:5080>",
        }
        request = self.build(method, str(register.contacts[0].uri), **(defaults | headers))
        for value in register.values("Path"):
            request.append("Route", value)
        return request

    @property
    def contact(self) -> str:
        return f"sip:desk@{self.flow.peer[0]}:{self.flow.peer[1]}"
