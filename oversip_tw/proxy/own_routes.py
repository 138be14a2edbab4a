"""Taking our own Routes off a request (RFC 3261 §16.4) and reading the tokens in them."""

from __future__ import annotations

import re
from typing import Final

from oversip_tw.outbound.token import BadToken, Token, Tokens, is_token
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.ours import Ours
from oversip_tw.proxy.settings import Settings
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.memo import Memo
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri

#: what follows the token in a Route as `record_route.own_uri` writes it
_behind = re.compile(r"@[A-Za-z0-9.:\-\[\]]++;transport=[a-z]++;lr>")
_begin: Final = "<sip:ov"
_begin_secure: Final = "<sips:ov"

#: never part of a dialog, whatever their To tag
NEVER_IN_DIALOG = ("REGISTER", "PUBLISH")


def in_dialog(request: Request) -> bool:
    """The request belongs to a dialog, by its To tag."""
    return request.to_tag is not None and request.method not in NEVER_IN_DIALOG


class OwnRoutes:
    """Which Routes are ours: those with a valid token, else those that name our address."""

    def __init__(self, ours: Ours, tokens: Tokens) -> None:
        self._ours = ours
        self._tokens = tokens
        #: what may follow a token: our few addresses, as long as nobody tries others
        self._ends = Memo(lambda text: _behind.fullmatch(text) is not None, 64, 128)

    def strip(self, arrival: Arrival) -> None:
        """Take all consecutive Routes of ours off the top and keep their tokens in ``arrival.tokens``.

        Raises SIPError 403 for a Route to our address whose token is none of ours, or is not for this request.
        """
        request = arrival.request
        if not request.has("Route"):
            return
        self._undo_strict_routing(arrival)
        # Each call brings new ones: not worth reading part by part when the signature tells that they are ours.
        while (text := request.first_alone("Route")) is not None:
            token = self._signed(text, arrival)
            if token is None:
                break
            arrival.tokens.append(token)
            request.remove_first("Route")
        if request.has("Route"):
            self._strip_others(arrival)

    def _strip_others(self, arrival: Arrival) -> None:
        """The same for Routes of ours in whatever form."""
        request = arrival.request
        for text in request.values("Route"):
            mine, token = self._read(NameAddr.parse(text).uri, arrival)
            if not mine:
                _ = request.routes  # 400 if one of those behind cannot be read
                return
            arrival.tokens.append(token)
            request.remove_first("Route")

    def _signed(self, text: str, arrival: Arrival) -> Token | None:
        """The token of a Route that reads as we write them; None: somebody has to look closer."""
        start = 5 if text.startswith(_begin) else 6 if text.startswith(_begin_secure) else 0
        end = text.find("@")
        if start and end > 0 and self._ends[text[end:]]:
            try:
                return self._verify(text[start:end], arrival)
            except BadToken:
                pass
        return None

    def _read(self, uri: Uri, arrival: Arrival) -> tuple[bool, Token | None]:
        text = uri.user
        if text and is_token(text):
            try:
                return True, self._verify(text, arrival)
            except BadToken:
                if self._ours.is_place(uri):
                    raise
                return False, None
        return self._ours.is_place(uri), None

    def _verify(self, text: str, arrival: Arrival) -> Token:
        request = arrival.request
        if arrival.in_dialog:
            try:
                return self._tokens.read_record_route(text, request.call_id, request.from_tag, request.to_tag)
            except BadToken:
                if not arrival.trusted:
                    raise
        if not arrival.trusted:
            raise BadToken
        return self._tokens.read_path(text)

    def _undo_strict_routing(self, arrival: Arrival) -> None:
        """A strict router before us put our Record-Route into the R-URI and the remote target behind all Routes."""
        request = arrival.request
        if not (request.uri.has_param("lr") and request.uri.user):
            return
        mine, token = self._read(request.uri, arrival)
        if not mine or token is None:
            return
        routes = request.routes
        request.remove("Route")
        for route in routes[:-1]:
            request.append("Route", route.text)
        request.uri = routes[-1].uri
        arrival.tokens.append(token)


def refuse_foreign_route(arrival: Arrival, settings: Settings) -> None:
    """Raise 403 where a client names the way itself (R1): out of dialog only trusted sources may, and users what is
    left of the Service-Route when those of it that are ours were taken off (RFC 3608)."""
    if arrival.trusted or not arrival.request.has("Route"):
        return
    routes = arrival.request.routes
    known = settings.service_route[-len(routes) :]
    if len(known) != len(routes) or not all(
        route.uri.equivalent(uri) for route, uri in zip(routes, known, strict=True)
    ):
        raise SIPError(403, "Pre-loaded Route not allowed")
