"""Sending requests of our own from user code (`Uac`)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.interfaces import Flow
from oversip_tw.promise import Promise
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.client import Client
from oversip_tw.proxy.destinations import Destinations
from oversip_tw.proxy.next_hops import Destination, parsed, way_to
from oversip_tw.proxy.nowhere import Nowhere
from oversip_tw.proxy.watcher import GoOn
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.users import NOBODY

#: they belong to a transaction or a call, which a Uac does not keep
_NOT_ALONE = ("INVITE", "ACK", "CANCEL", "BYE")
_OURS = frozenset({"via", "content-length", "max-forwards"})
MAX_FORWARDS = 20

Headers = Sequence[tuple[str, str]]


class Uac(Client):
    """Sends requests that open no dialog: MESSAGE, OPTIONS, NOTIFY, PUBLISH, REGISTER, ... No credentials, no INVITE.

    One object may send any number, also at one time; the callbacks hear of each. They leave by the profile's transports
    with its failover and timers.
    """

    async def ask(
        self,
        method: str,
        uri: Uri | str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        to: Destination | None = None,
        flow: Flow | None = None,
    ) -> Response:
        """As `send`, and give the final answer, whatever that says. Raises SIPError when nobody answered (``code`` says
        why; 408 after Timer F, 32 s by default: a hook that waits for this has only 5 s)."""
        answer: Promise[Response] = Promise()
        errand = _Errand(self)
        errand.on_success(answer.resolve)
        errand.on_failure(answer.resolve)
        errand.on_error(lambda failure: answer.fail(SIPError(failure.status, failure.reason, code=failure.code)))
        errand.go(self._build(method, parsed(uri), headers, body), to, flow)
        return await answer

    def send(
        self,
        method: str,
        uri: Uri | str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        to: Destination | None = None,
        flow: Flow | None = None,
    ) -> None:
        """Send a request; what comes of it shows in the callbacks.

        ``headers``: From, To, Call-ID and CSeq are made up where they are not given. ``to``: the next hop; ``flow``:
        the flow of a client instead. Neither: a user of ours gets it on every phone, anything else is the next hop
        itself. Raises ValueError for a method that does not stand alone, and for a URI or header that is none.
        """
        _Errand(self).go(self._build(method, parsed(uri), headers, body), to, flow)

    def _build(self, method: str, uri: Uri, headers: Headers, body: bytes) -> Request:
        if method.upper() in _NOT_ALONE:
            raise ValueError(f"a Uac sends no {method}")
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
        self.request = Request.build(method, uri, lines, body)
        return self.request


class _Errand(Client):
    """One request of a Uac, with the callbacks that this has now."""

    def __init__(self, uac: Uac) -> None:
        super().__init__(uac.core, uac._profile)
        self._adopt(uac)
        self._transaction: ServerTransaction | None = None

    def go(self, request: Request, to: Destination | None, flow: Flow | None) -> None:
        """Send ``request``, which only we know of."""
        self.request = request
        arrival = Arrival(
            request, _no_flow(), trusted=True, unchallenged=True, client=False, in_dialog=False, ours=True,
            size=len(request.to_bytes()), breadth=self.core.settings.max_breadth,
        )  # fmt: skip
        arrival.transaction = self._transaction = Nowhere(request)
        if flow is not None:
            self._relay(arrival, ((Way(request.uri, flow_id=flow.id),),))
        elif to is not None:
            self._relay(arrival, ((way_to(to, request.uri),),))
        elif self.core.ours.owns(request.uri):
            self.core.spawn(self._find(arrival), self.core.unexpected)
        else:
            self._relay(arrival, ((way_to(request.uri, request.uri),),))

    async def _find(self, arrival: Arrival) -> None:
        try:
            groups = await Destinations(self.core).find(arrival)
        except SIPError as error:
            self.ended(Outcome.of(error), lambda: None)
        else:
            self._relay(arrival, groups)

    def _relay(self, arrival: Arrival, groups: Sequence[Sequence[Way]]) -> None:
        assert arrival.transaction is not None
        self.core.relay(arrival, arrival.transaction, self._by_profile(groups), arrival.breadth, b"", self)

    def _conclude(self, go_on: GoOn, error: SIPError | None) -> None:
        if error is not None:
            self._raised(error)
        if self._transaction is not None:
            self._transaction.user = NOBODY  # so that no cycle is left for the collector


def _no_flow() -> Flow:
    """Nothing came by any flow; only a Record-Route would ask for one, and a request of our own gets none."""
    return None  # type: ignore[return-value]
