"""Contacts of our own, for registrars that give no Path back: the phone's binding key in a parameter or a user part.

The token names the binding, not the connection: it is the same after every reconnect and restart, so that the registrar
sees one Contact and not a new one each time. The phone's own Contact is sealed in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from oversip_tw.outbound.token import MAX_TOKEN_CHARACTERS, BadToken, Sealed, Tokens
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.grammar import number
from oversip_tw.sip.message import Message, Request, Response
from oversip_tw.sip.uri import Uri

#: the parameter that OverSIP used
PARAM = "ov-ob"

#: the highest number of seconds that can be said (RFC 3261 §20.19)
LONGEST = 2**32 - 1

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

    def show(self, response: Response) -> list[str]:
        """Give the phone its own Contacts back, byte for byte, in the answer to its REGISTER: they are these."""
        values = response.values("Contact")
        if not any_hidden(values):
            return values
        shown = [self._shown(value) for value in values]
        if shown != values:
            response.remove("Contact")
            for value in shown:
                response.append("Contact", value)
        return shown

    def _shown(self, value: str) -> str:
        address = readable(value)
        sealed = address and self.sealed_in(address.uri)
        return with_uri(value, address.uri.text, sealed.contact) if address and sealed else value


def any_hidden(values: list[str]) -> bool:
    """Whether a token may be in one of them: none is there without these letters, unless they are escaped."""
    for value in values:  # noqa: SIM110 - a generator would cost more than the rest
        if "ovc" in value or "%" in value:
            return True
    return False


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


def instance_of(contact: NameAddr) -> tuple[str | None, int | None]:
    """+sip.instance without its wrapping, and reg-id. Whether they make sense is for the registrar to say."""
    text = contact.param("+sip.instance")
    if not text:
        return None, None
    reg_id = number(contact.param("reg-id") or "", 2**31 - 1)
    return text.strip("<>") or None, reg_id or None


def all_readable(values: Sequence[str]) -> list[NameAddr]:
    """Those of them that are."""
    return [address for value in values if (address := readable(value)) is not None]


def set_expires(message: Message, seconds: int, uri: Uri | None = None) -> None:
    """Let the Contacts (the one with ``uri``) live so many seconds."""
    values = message.values("Contact")
    message.remove("Contact")
    for value in values:
        address = readable(value)
        if address is not None and (uri is None or address.uri.text == uri.text):
            params = [(name, text) for name, text in address.params if name != "expires"]
            written = "".join(f";{name}" if text is None else f";{name}={text}" for name, text in params)
            value = f"<{address.uri}>{written};expires={seconds}"
        message.append("Contact", value)
    if message.has("Expires"):
        message.set("Expires", str(seconds))
