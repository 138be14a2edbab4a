"""What a REGISTER wants: its Contact header fields (RFC 3261 §10.2.1, RFC 5626 §4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from oversip_tw.registrar.settings import Settings
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.grammar import number, split_list
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri

#: what an unreadable lifetime counts as (RFC 3261 §10.2.1.1, §20.19); seconds
UNREADABLE_EXPIRES = 3600
#: longest delta-seconds (RFC 3261 §25.1)
MAX_DELTA_SECONDS = 2**32 - 1
#: longest +sip.instance; a UUID URN has 45 characters. Each 200 repeats it twice for every binding
MAX_INSTANCE = 255
#: longest reg-id, that of CSeq: RFC 5626 §11 sets none
MAX_REG_ID = 2**31 - 1

_MEMO: Final = 4096  # Contacts
_MEMO_TEXT: Final = 512  # characters of one that is worth remembering
#: the Contact itself does not say how long it shall live
_UNSAID: Final = -1

# RFC 3261 §25.1 qvalue
_QVALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?", re.ASCII)
#: parameters that are ours to say
_OURS: Final = ("expires", "q", "pub-gruu", "temp-gruu", "temp-gruu-cookie")


class Wish:
    """One Contact. Never to be changed."""

    __slots__ = ("expires", "instance", "params", "q", "reg_id", "uri")

    def __init__(
        self, uri: Uri, params: str, q: float, instance: str | None, reg_id: int | None, expires: int
    ) -> None:
        self.uri: Final = uri
        #: parameters as they came, without those that are ours to say
        self.params: Final = params
        self.q: Final = q
        self.instance: Final = instance
        self.reg_id: Final = reg_id
        #: how long it shall live, as asked; 0: remove it
        self.expires: Final = expires


class Wishes:
    """All of one REGISTER. None at all: it only asks what there is."""

    __slots__ = ("contacts", "remove_all")

    def __init__(self, contacts: list[Wish], remove_all: bool = False) -> None:
        self.contacts = contacts
        #: ``Contact: *``: remove all
        self.remove_all = remove_all


def read_wishes(request: Request, settings: Settings, outbound: bool) -> Wishes:
    """The Contacts of ``request``; reg-id counts only with ``outbound`` (its option tag in Supported, RFC 5626 §6).

    Raises SIPError: 400 for what makes no sense, 403 for too many Contacts, 423 for too short a life.
    """
    line = request.only_line("contact")
    known = _with_outbound if outbound else _without_outbound
    wish = None if line is None else known.get(line)
    if wish is not None and settings.max_contacts:
        return _lasting([wish], request, settings)
    texts: list[str] = []
    for field in request.get_all("contact"):
        members = split_list(field)
        if not members:
            raise SIPError(400, "Empty Contact")
        texts += members
    if not texts:
        return Wishes([])
    if "*" in texts:
        if len(texts) > 1 or request.expires != 0:
            raise SIPError(400, "Contact * Needs Expires 0 And No Other Contact")
        return Wishes([], remove_all=True)
    if len(texts) > settings.max_contacts:
        raise SIPError(403, "Too Many Contacts")
    said = [_read_wish(text, outbound) for text in texts]
    if line is not None and len(said) == 1 and len(line) <= _MEMO_TEXT:
        if len(known) >= _MEMO:
            known.clear()
        known[line] = said[0]
    return _lasting(said, request, settings)


def _lasting(said: list[Wish], request: Request, settings: Settings) -> Wishes:
    """What the Contacts say, with what holds for those that do not say how long they shall live."""
    for place, wish in enumerate(said):
        if wish.expires == _UNSAID:
            default = _default_expires(request, settings)
            said[place] = Wish(wish.uri, wish.params, wish.q, wish.instance, wish.reg_id, default)
    _check(said, settings)
    return Wishes(said)


def _default_expires(request: Request, settings: Settings) -> int:
    expires = request.expires
    if expires is not None:
        return expires
    return UNREADABLE_EXPIRES if request.has("Expires") else settings.default_expires


def _read_wish(text: str, outbound: bool) -> Wish:
    """What a Contact says by itself: its ``expires`` may be `_UNSAID`."""
    address = NameAddr.parse(text)
    if not address.uri.is_sip:
        raise SIPError(400, "Contact Is No SIP URI")
    params = ""
    for name, value in address.params:
        if name not in _OURS:
            params += f";{name}" if value is None else f";{name}={value}"
    instance = _instance(address)
    return Wish(
        address.uri,
        params,
        _q(address),
        instance,
        _reg_id(address) if outbound and instance is not None else None,
        _expires(address),
    )


#: lines of Contact that hold one, and what it says: a phone asks for the same again at every refresh
_with_outbound: Final[dict[str, Wish]] = {}
_without_outbound: Final[dict[str, Wish]] = {}


def _expires(address: NameAddr) -> int:
    text = address.param("expires")
    if text is None:
        return _UNSAID
    seconds = number(text, MAX_DELTA_SECONDS) if text else None
    return UNREADABLE_EXPIRES if seconds is None else seconds


def _q(address: NameAddr) -> float:
    text = address.param("q")
    if text is None:
        return 1.0
    if not _QVALUE.fullmatch(text):
        raise SIPError(400, "Bad q")
    return float(text)


def _instance(address: NameAddr) -> str | None:
    """RFC 5626 §4.1: a quoted string with a URN in angle brackets; some phones leave those out."""
    text = address.param("+sip.instance")
    if not text:
        return None
    instance = text[1:-1] if text[0] == "<" and text[-1] == ">" else text
    if not instance or len(instance) > MAX_INSTANCE or '"' in instance or "\\" in instance:
        raise SIPError(400, "Bad +sip.instance")
    return instance


def _reg_id(address: NameAddr) -> int | None:
    text = address.param("reg-id")
    if text is None:
        return None
    value = number(text, MAX_REG_ID) if text else None
    if not value:
        raise SIPError(400, "Bad reg-id")
    return value


def _check(wishes: Sequence[Wish], settings: Settings) -> None:
    if len(wishes) == 1 and wishes[0].expires >= settings.min_expires:
        return
    staying = [wish for wish in wishes if wish.expires > 0]
    if len(staying) > 1 and any(wish.reg_id is not None for wish in staying):
        raise SIPError(400, "One Contact With reg-id At A Time")  # RFC 5626 §6
    for wish in staying:
        if wish.expires < settings.min_expires:
            raise SIPError(423, headers=[("Min-Expires", str(settings.min_expires))])


def has_reg_id(wishes: Wishes) -> bool:
    """Some Contact has one."""
    for wish in wishes.contacts:  # noqa: SIM110 - one Contact as a rule: a generator would cost more than the rest
        if wish.reg_id is not None:
            return True
    return False
