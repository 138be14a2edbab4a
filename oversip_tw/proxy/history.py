"""Whom a request was meant for before it was sent elsewhere: History-Info (RFC 7044), and Diversion (RFC 5806)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.grammar import token
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri

#: entries that are taken over from whoever sent the request
MOST_ENTRIES: Final = 30
#: what stands for a URI that is not for everybody (RFC 7044 §10.1.2, RFC 3323 §4.1.1.3)
_ANONYMOUS: Final = "sip:anonymous@anonymous.invalid"
#: how Diversion calls what a request has come to (RFC 5806 §4)
_REASONS: Final = {486: "user-busy", 408: "no-answer", 480: "unavailable"}


class _Entry:
    """One hi-entry: the URI, and what follows it."""

    __slots__ = ("index", "params", "uri")

    def __init__(self, uri: Uri, index: str, params: str) -> None:
        self.uri = uri
        self.index = index
        self.params = params

    def text(self, private: bool, trusted: bool) -> str:
        """``private``: nobody is to be named to who is not ``trusted``; else those that say so themselves (§10.1.2)."""
        hidden = not trusted and (private or self.is_private)
        return f"<{_ANONYMOUS if hidden else self.uri.text}>;index={self.index}{self.params}"

    @property
    def is_private(self) -> bool:
        return "privacy=history" in self.uri.headers.lower()

    def diversion(self, status: int) -> str:
        """Its Diversion, as the request came to ``status`` there."""
        uri = self.uri.replace(params=(), headers="")
        return f"<{uri.text}>;reason={_REASONS.get(status, 'unknown')};counter=1"


class History:
    """The entries of one request, the newest last."""

    __slots__ = ("_diverted", "_entries", "_trusted", "_wanted", "private")

    def __init__(self, request: Request, trusted: bool) -> None:
        """``request`` as it came. What it says of its past counts where its sender is ``trusted``."""
        #: the caller wants only trusted hops to know
        self.private = _is_private(request)
        self._trusted = trusted
        #: what was left here, and what it had come to, the newest last
        self._diverted: list[tuple[_Entry, int]] = []
        self._entries = _read(request) if trusted and request.has("History-Info") else []
        #: answers are to tell it
        self._wanted = bool(self._entries) or "histinfo" in request.options("supported")
        last = self._entries[-1] if self._entries else None
        if last is None or not last.uri.equivalent(request.uri):
            # the hop before us does not write any (RFC 7044 §9.1)
            index = "1" if last is None else f"{last.index}.1"
            self._entries.append(_Entry(request.uri, index, ""))

    @property
    def forwards(self) -> int:
        """How often the request was sent to another user, here or before (RFC 4458 §2.1)."""
        return sum(1 for entry in self._entries if entry.uri.param("cause"))

    def retargeted(self, uri: Uri, status: int) -> None:
        """The request goes to ``uri``, another user's, as what it was meant for has come to ``status``."""
        last = self._entries[-1]
        self._diverted.append((last, status))
        if last.uri.is_sip and "Reason=" not in last.uri.headers:
            reason = f"Reason=SIP%3Bcause%3D{status}"
            last.uri = last.uri.replace(headers=f"{last.uri.headers}&{reason}" if last.uri.headers else reason)
        self._entries.append(_Entry(uri, f"{last.index}.1", f";mp={last.index}"))

    def write(self, request: Request, trusted: bool, to_phone: bool) -> None:
        """Put all of it into ``request``; to whom is not ``trusted`` only what its caller wants to be known.

        Servers, and no ``to_phone``, read it in Diversion too: most voicemails and PBXs know nothing else.
        """
        request.set("History-Info", self._text(trusted))
        if not self._trusted:
            request.remove("Diversion")
        if trusted or not (to_phone or self.private):
            for entry, status in self._diverted:
                if trusted or not entry.is_private:
                    request.prepend("Diversion", entry.diversion(status))

    def tell(self, response: Response, arrival: Arrival) -> None:
        """Put it into a ``response`` to ``arrival``'s request too, if its sender wants that (§9.4) and is no stranger,
        to whom it is nobody's business where our users are."""
        if self._wanted and (arrival.trusted or arrival.user is not None):
            response.set("History-Info", self._text(arrival.trusted))

    def _text(self, trusted: bool) -> str:
        return ", ".join([entry.text(self.private, trusted) for entry in self._entries])


def _is_private(request: Request) -> bool:
    for value in request.get_all("Privacy"):
        wishes = value.lower().replace(" ", "").split(";")
        if "history" in wishes or "header" in wishes:
            return True
    return False


def _read(request: Request) -> list[_Entry]:
    """The entries that came; none where one of them is none: then the order of all is unknown."""
    try:
        values = request.values("History-Info")
        return _entries(values) if len(values) <= MOST_ENTRIES else []
    except SIPError:
        return []


def _entries(values: Sequence[str]) -> list[_Entry]:
    found = []
    for value in values:
        address = NameAddr.parse(value)
        index, others = "", ""
        for name, text in address.params:
            if name == "index":
                index = text or ""
            else:
                others += f";{name}" if text is None else f";{name}={text}"
        if not index.replace(".", "").isdecimal() or token.fullmatch(index) is None:
            return []
        found.append(_Entry(address.uri, index, others))
    return found
