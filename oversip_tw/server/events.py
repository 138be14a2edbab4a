"""SUBSCRIBEs that end here: who may watch whose registrations, and how their NOTIFYs reach them (RFC 3680)."""

from __future__ import annotations

from oversip_tw.presence.event import CONTENT_TYPE, PACKAGE, event_of
from oversip_tw.presence.notifier import PREFIX, Away, Notifier
from oversip_tw.presence.settings import Settings
from oversip_tw.presence.subscription import Subscription
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.record_route import own_uri
from oversip_tw.proxy.senders import caller_key
from oversip_tw.proxy.uac import Uac
from oversip_tw.proxy.whereabouts import shown
from oversip_tw.registrar.temporary import TemporaryGruus
from oversip_tw.server.changes import BindingChanges
from oversip_tw.server.work import Work
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri


class RegistrationEvents:
    """The notifier, joined to core and registrar."""

    __slots__ = ("_changes", "_core", "notifier")

    def __init__(
        self, core: Core, changes: BindingChanges, settings: Settings, temporary: TemporaryGruus | None
    ) -> None:
        self._core = core
        self._changes = changes
        self.notifier = Notifier(
            core.location.bindings,
            self._send,
            core.wheel,
            core.spawn,
            core.unexpected,
            core.new_id,
            self._heed,
            settings,
            temporary,
        )

    def _heed(self, heeds: bool) -> None:
        self._changes.subscribers = self.notifier.changed if heeds else None

    def is_contact(self, uri: Uri) -> bool:
        """``uri`` is, or was, what a subscriber knows us by."""
        return (uri.user or "").startswith(PREFIX) and self._core.ours.owns(uri)

    def serves(self, request: Request) -> bool:
        """It is a SUBSCRIBE for us, not for one of the phones."""
        if request.to_tag is not None:
            return self.is_contact(request.uri)
        uri = request.uri
        if event_of(request)[0] != PACKAGE or not uri.user or uri.has_param("gr"):
            return False
        return self._core.ours.owns(uri)

    async def serve(self, work: Work) -> None:
        """Answer it, and tell what there is to be told. Raises SIPError."""
        arrival, transaction = work.arrival, work.transaction
        assert transaction is not None
        request = arrival.request
        if request.to_tag is None:
            subscription = await self._subscribe(arrival)
        else:
            if event_of(request)[0] != PACKAGE:
                raise SIPError(489, headers=[("Allow-Events", PACKAGE)])
            subscription = self.notifier.refresh(request, None if arrival.unchallenged else arrival.user)
        if arrival.client:
            key = caller_key(self._core, arrival)
            if key or subscription.flow_id != arrival.flow.id:
                subscription.flow_id, subscription.key = arrival.flow.id, key
        seconds = self.notifier.seconds_left(subscription)
        headers = [("Contact", subscription.contact), ("Expires", str(seconds)), ("Allow-Events", PACKAGE)]
        if request.to_tag is None:
            headers += [("Record-Route", route) for route in subscription.routes]
        transaction.respond(request.response(200, to_tag=subscription.local_tag, headers=headers))
        self.notifier.begin(subscription)

    async def _subscribe(self, arrival: Arrival) -> Subscription:
        request = arrival.request
        aor = self._core.ours.user(request.uri)
        if arrival.unchallenged:
            user = None
            if not await self._core.knows(aor):
                raise SIPError(404)
        else:
            user = arrival.user
            if user != aor:
                raise SIPError(403)  # alike for users that are and users that are not (A4)
        subscription = self.notifier.subscribe(request, aor, user)
        scheme = "sips" if request.uri.secure else "sip"
        # the address of a Route of ours, but nobody's route
        subscription.contact = own_uri(arrival.flow, subscription.name, scheme).replace(";lr", "")
        return subscription

    async def _send(self, subscription: Subscription, state: str, body: bytes) -> int:
        """As `presence.notifier.Send`."""
        core = self._core
        flow = None
        if subscription.flow_id:
            flow = core.current_flow(subscription.flow_id, subscription.key)
            if flow is None:
                if subscription.key:
                    raise Away
                return 481
        to = NameAddr.parse(subscription.routes[0]).uri if subscription.routes else None
        headers = subscription.headers(state, CONTENT_TYPE, PACKAGE)
        uri = shown(core, subscription.target)
        try:
            answer = await Uac(core).ask("NOTIFY", uri, headers, body, to=to, flow=flow)
        except SIPError as error:
            if subscription.key and flow is not None and flow.closed:
                raise Away from None
            return error.status
        return answer.status
