"""Sending requests of our own from user code (`Uac`)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.interfaces import Flow
from oversip_tw.promise import Promise
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.client import Client
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.server import ServerTransaction

#: they belong to a transaction or a call, which a Uac does not keep
_NOT_ALONE = ("INVITE", "ACK", "CANCEL", "BYE")
_OURS = frozenset({"via", "content-length", "max-forwards"})
MAX_FORWARDS = 20


class _Nowhere(ServerTransaction):
    """Takes the place of the transaction that a proxied request came by: nobody waits for an answer there."""

    __slots__ = ()

    def __init__(self, request: Request) -> None:
        self.request = request
        self.final_sent = False

    def respond(self, response: Response) -> None:
        self.final_sent = self.final_sent or response.status >= 200


class Uac(Client):
    """Sends requests that open no dialog: MESSAGE, OPTIONS, NOTIFY, PUBLISH, REGISTER, ... No credentials, no INVITE.

    One object may send several, one after another. They leave by the profile's transports with its failover and timers.
    """

    async def ask(
        self,
        method: str,
        uri: Uri | str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        to: Uri | str | Sequence[Uri | str] | None = None,
        flow: Flow | None = None,
    ) -> Response:
        """Send a request and give its final answer, whatever that says. Raises SIPError when nobody answered.

        ``headers``: From, To, Call-ID and CSeq are made up where they are not given. ``to``: the next hop, else the
        Request-URI is; ``flow``: a client's flow instead. Raises ValueError for a method that does not stand alone.
        """
        answer: Promise[Response] = Promise()
        self.on_success(answer.resolve)
        self.on_failure(answer.resolve)
        self.on_error(lambda failure: answer.fail(SIPError(failure.status, failure.reason, code=failure.code)))
        try:
            self.send(method, uri, headers, body, to=to, flow=flow)
            return await answer
        finally:
            self._success.pop()
            self._failure.pop()
            self._error.pop()

    def send(
        self,
        method: str,
        uri: Uri | str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        to: Uri | str | Sequence[Uri | str] | None = None,
        flow: Flow | None = None,
    ) -> None:
        """As `ask`, without waiting: what comes of it shows in the callbacks."""
        if method.upper() in _NOT_ALONE:
            raise ValueError(f"a Uac sends no {method}")
        uri = Uri.parse(uri) if isinstance(uri, str) else uri
        request = self.request = self._build(method, uri, headers, body)
        hops = () if to is None else (to,) if isinstance(to, Uri | str) else tuple(to)
        way = Way(
            uri,
            flow_id=b"" if flow is None else flow.id,
            next_hops=tuple([Uri.parse(hop) if isinstance(hop, str) else hop for hop in hops]),
            profile=self.profile,
            named_by_us=True,
        )
        transaction = _Nowhere(request)
        arrival = Arrival(request, _no_flow(), trusted=True, unchallenged=True, client=False, in_dialog=False)
        arrival.transaction, arrival.ours = transaction, True
        self.core.relay(arrival, transaction, ((way,),), self.core.settings.max_breadth, b"", self)

    def _build(self, method: str, uri: Uri, headers: Sequence[tuple[str, str]], body: bytes) -> Request:
        core = self.core
        domain = core.settings.domains[0] if core.settings.domains else "anonymous.invalid"
        given = {name.lower() for name, _ in headers}
        made_up = [
            ("From", f"<sip:{domain}>;tag={core.new_id()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", core.new_id()),
            ("CSeq", f"1 {method}"),
        ]
        lines = [("Max-Forwards", str(MAX_FORWARDS + 1))]
        lines += [field for field in made_up if field[0].lower() not in given]
        lines += [field for field in headers if field[0].lower() not in _OURS]
        return Request.build(method, uri, lines, body)


def _no_flow() -> Flow:
    """Nothing came by any flow; nothing that a Uac sends gets a Record-Route, which alone would ask."""
    return None  # type: ignore[return-value]
