"""One subscription and its dialog (RFC 6665 §4.2)."""

from __future__ import annotations

from oversip_tw.presence.event import event_of
from oversip_tw.presence.reginfo import Told
from oversip_tw.registrar.changes import Change
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.wheel import Timer


class Subscription:
    """Our side of the dialog that a SUBSCRIBE opened, and what the subscriber was told in it."""

    __slots__ = (
        "aor", "busy", "call_id", "contact", "cseq", "due", "ends", "ends_because", "event_id", "expires_at", "expiry",
        "flow_id", "key", "local", "local_tag", "name", "not_before", "pause", "remote", "remote_cseq", "remote_tag",
        "routes", "target", "told", "user", "version",
    )  # fmt: skip

    def __init__(self, request: Request, aor: str, user: str | None, name: str, local_tag: str) -> None:
        """``aor``: what is watched; ``user``: who watches, None where that is a trusted source. ``name``: the user part
        of our Contact. Raises SIPError (400) for a SUBSCRIBE that opens no dialog."""
        self.aor = aor
        self.user = user
        self.name = name
        self.event_id = event_of(request)[1]
        self.call_id = request.call_id
        self.local_tag = local_tag
        self.remote_tag = request.from_tag
        #: From and To of what we send
        self.local = f"{request.to.text};tag={local_tag}"
        self.remote = request.from_.text
        self.remote_cseq = request.cseq
        self.cseq = 0
        self.routes = tuple(request.values("Record-Route"))
        self.target: Uri = _target(request)
        #: our Contact
        self.contact = ""
        #: the flow of a client, and its binding key, by which it is found on another one; b"": it goes by ``routes``
        self.flow_id = b""
        self.key = b""
        self.expires_at = 0.0
        #: of the next document
        self.version = 0
        #: None: everything has to be told
        self.told: Told | None = None
        #: a NOTIFY is on its way
        self.busy = False
        #: there may be something to tell
        self.due = False
        #: why bindings that it was told of have ended, by key
        self.ends: dict[bytes, Change] = {}
        #: why it ends with the next NOTIFY; "": it does not
        self.ends_because = ""
        #: changes wait until then
        self.not_before = 0.0
        self.pause: Timer | None = None
        self.expiry: Timer | None = None

    def take(self, request: Request) -> None:
        """A further SUBSCRIBE of this dialog. Raises SIPError: 481 for one of another subscription, 500 for one that
        came late."""
        if request.from_tag != self.remote_tag or request.to_tag != self.local_tag:
            raise SIPError(481)
        if event_of(request)[1] != self.event_id:
            raise SIPError(481)
        if request.cseq <= self.remote_cseq:
            raise SIPError(500, "CSeq Out Of Order")
        if request.has("Contact"):
            self.target = _target(request)
        self.remote_cseq = request.cseq

    def headers(self, state: str, kind: str, event: str) -> list[tuple[str, str]]:
        """Those of the next NOTIFY; ``kind``: the Content-Type."""
        self.cseq += 1
        identified = f"{event};id={self.event_id}" if self.event_id else event
        fields = [("Route", route) for route in self.routes]
        return [
            *fields,
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} NOTIFY"),
            ("Contact", self.contact),
            ("Event", identified),
            ("Subscription-State", state),
            ("Content-Type", kind),
        ]

    def stop(self) -> None:
        """Let no timer fire any more."""
        for timer in (self.pause, self.expiry):
            if timer is not None:
                timer.cancel()
        self.pause = self.expiry = None


def _target(request: Request) -> Uri:
    contacts = request.contacts
    if len(contacts) != 1 or not contacts[0].uri.is_sip:
        raise SIPError(400, "One Contact Needed")
    return contacts[0].uri
