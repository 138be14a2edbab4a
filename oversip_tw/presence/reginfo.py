"""Registrations as a document (RFC 3680 §5, RFC 5628), application/reginfo+xml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.gruu import pub_gruu
from oversip_tw.registrar.temporary import TemporaryGruus
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import ParseError

#: what no XML document may hold (XML 1.0 §2.2), and octets that were no UTF-8
_NO_CHARACTER: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: line breaks and tabs too, as an attribute would lose them
_MARKUP: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
#: how a contact ended, in the words of RFC 3680 §5.2.3
_ENDS: Final = {
    Change.REMOVED: "unregistered",
    Change.EXPIRED: "expired",
    Change.FLOW_LOST: "expired",
    Change.REPLACED: "deactivated",
    Change.KICKED: "deactivated",
}
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"'
)

#: what a subscriber was told, by binding key
Told = dict[bytes, Binding]


def escaped(text: str) -> str:
    """``text`` as it may stand in an element or a quoted attribute."""
    return _NO_CHARACTER.sub("\ufffd", text).translate(_MARKUP)


def document(
    aor: str,
    version: int,
    bindings: Sequence[Binding],
    told: Told | None,
    ends: Mapping[bytes, Change],
    now: float,
    temporary: TemporaryGruus | None = None,
) -> str | None:
    """What to tell a subscriber who knows ``told``; None as ``told``: everything (state "full").

    ``ends`` say why a binding is gone. Without ``temporary`` the GRUUs are public ones alone. None: there is nothing to
    tell.
    """
    if told is None:
        contacts = [_contact(aor, binding, "registered", now, temporary) for binding in bindings]
    else:
        contacts = _changed(aor, bindings, told, ends, now, temporary)
        if not contacts:
            return None
    registered = "active" if bindings else "init" if told is None else "terminated"
    state = "full" if told is None else "partial"
    lines = [
        f'{_HEAD} version="{version}" state="{state}">',
        f'<registration aor="{escaped(aor)}" id="r" state="{registered}">',
        *contacts,
        "</registration>",
        "</reginfo>",
        "",
    ]
    return "\n".join(lines)


def _changed(
    aor: str,
    bindings: Sequence[Binding],
    told: Told,
    ends: Mapping[bytes, Change],
    now: float,
    temporary: TemporaryGruus | None,
) -> list[str]:
    contacts = []
    for binding in bindings:
        known = told.get(binding.key)
        if known is None:
            contacts.append(_contact(aor, binding, "registered", now, temporary))
        elif (known.call_id, known.cseq, known.contact) != (binding.call_id, binding.cseq, binding.contact):
            contacts.append(_contact(aor, binding, "refreshed", now, temporary))
    there = {binding.key for binding in bindings}
    for key, known in told.items():
        if key not in there:
            why = _ENDS.get(ends.get(key, Change.REMOVED), "unregistered")
            contacts.append(_contact(aor, known, why, now, None, "terminated"))
    return contacts


def _contact(
    aor: str, binding: Binding, event: str, now: float, temporary: TemporaryGruus | None, state: str = "active"
) -> str:
    remaining = max(0, int(binding.expires_at - now)) if state == "active" else 0
    register = f'q="{binding.q:g}" callid="{escaped(binding.call_id)}" cseq="{binding.cseq}"'
    lines = [
        f'<contact id="{binding.key.hex()}" state="{state}" event="{event}" expires="{remaining}" {register}>',
        f"<uri>{escaped(binding.contact)}</uri>",
    ]
    lines += [
        f'<unknown-param name="{escaped(name)}">{escaped(value or "")}</unknown-param>'
        for name, value in _params(binding)
    ]
    if binding.instance is not None and state == "active":
        lines.append(f'<gr:pub-gruu uri="{escaped(pub_gruu(aor, binding.instance))}"/>')
        if temporary is not None:
            gruu = escaped(temporary.gruu(aor, binding))
            lines.append(f'<gr:temp-gruu uri="{gruu}" first-cseq="{binding.first_cseq}"/>')
    return "".join([*lines, "</contact>"])


def _params(binding: Binding) -> Sequence[tuple[str, str | None]]:
    try:
        return NameAddr.parse(f"<{binding.contact}>{binding.params}").params
    except ParseError:
        return ()  # of an edge, say, where the core writes what it likes
