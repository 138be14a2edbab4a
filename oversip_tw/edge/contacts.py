"""Contacts of our own, for registrars that give no Path back: the phone's binding key in a parameter or a user part.

The token names the binding, not the connection: it is the same after every reconnect and restart, so that the registrar
sees one Contact and not a new one each time. The phone's own Contact is sealed in it.
"""

from __future__ import annotations

import re

from oversip_tw.outbound.token import MAX_TOKEN_CHARACTERS, BadToken, Sealed, Tokens
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri

#: the parameter that OverSIP used
PARAM = "ov-ob"

#: groups: what stands before the brackets of a URI, and behind them. A parameter may have brackets too. No blank has
#: two rules that could take it, or a Contact of blanks would take quadratic time.
_URI_IN_BRACKETS = re.compile(r"""((?:"(?:[^"\\]|\\.)*"\s*|[^"<;]*)<)[^<>]*(>.*)""", re.DOTALL)


class Contacts:
    """Writes and reads them. ``whole``: the whole Contact is replaced, else it gets a parameter."""

    def __init__(self, tokens: Tokens, whole: bool) -> None:
        self._tokens = tokens
        self._whole = whole

    def hide(self, request: Request, key: bytes, sent_by: str, transport: str) -> None:
        """Put ours in the place of the one Contact of a REGISTER; several, or ``*``, stay as they are.

        ``sent_by``, ``transport``: where the core reaches us. Raises SIPError 400 for one that is too long to seal.
        """
        values = request.values("Contact")
        if len(values) != 1 or values[0] == "*":
            return
        address = NameAddr.parse(values[0])
        uri = address.uri
        if not uri.is_sip:
            return
        token = self._tokens.contact(key, uri.text)
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise SIPError(400, "Contact Too Long")
        if self._whole:
            scheme = "sips" if uri.secure else "sip"
            ours = f"{scheme}:{token}@{sent_by};transport={transport}"
        else:
            others = [param for param in uri.params if param[0] != PARAM]
            ours = uri.replace(params=(*others, (PARAM, token))).text
        request.set("Contact", with_uri(values[0], uri.text, ours))

    def sealed_in(self, uri: Uri) -> Sealed | None:
        """What the token in ``uri`` says, in its user part or parameter, under whatever host; None: there is none."""
        for text in (uri.param(PARAM), uri.user):
            if text:
                try:
                    return self._tokens.read_contact(text)
                except BadToken:
                    continue
        return None

    def show(self, response: Response) -> None:
        """Give the phone its own Contacts back, byte for byte, in the answer to its REGISTER."""
        values = response.values("Contact")
        shown = [self._shown(value) for value in values]
        if shown != values:
            response.remove("Contact")
            for value in shown:
                response.append("Contact", value)

    def _shown(self, value: str) -> str:
        address = readable(value)
        sealed = address and self.sealed_in(address.uri)
        return with_uri(value, address.uri.text, sealed.contact) if address and sealed else value


def readable(value: str) -> NameAddr | None:
    """A Contact of an answer; None: it is ``*``, or odd, as that of another phone may be: no affair of this one."""
    try:
        return NameAddr.parse(value)
    except ParseError:
        return None


def with_uri(value: str, old: str, new: str) -> str:
    """``value`` with another URI, in brackets, and all else as it was."""
    found = _URI_IN_BRACKETS.fullmatch(value)
    return f"<{new}>{value[len(old) :]}" if found is None else f"{found[1]}{new}{found[2]}"
