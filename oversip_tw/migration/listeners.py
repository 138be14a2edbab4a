"""``[[listen]]`` from the sections ``sip``, ``websocket`` and ``tls``."""

from __future__ import annotations

from collections.abc import Iterator

from oversip_tw.migration.document import Row, Table
from oversip_tw.migration.key import Given, Values
from oversip_tw.migration.notes import Note

FILE = "oversip.conf"
EVERYWHERE = {"ipv4": "0.0.0.0", "ipv6": "::"}

#: the transports of a section, each with the key that turns it on
PLAIN = {"sip": {"udp": "sip_udp", "tcp": "sip_tcp"}, "websocket": {"ws": "sip_ws"}}
SECURE = {"sip": ("tls", "sip_tls"), "websocket": ("wss", "sip_wss")}

_NO_CERTIFICATE = (
    "no such listener, and OverSIP opened none: tls.public_cert and tls.private_cert are not both there. Write a "
    "[[listen]] with certificate and key once you have them"
)
_FOUND = (
    "not set: OverSIP took the address of the default route, the server listens on all, {all}, and says that of the "
    "default route. Write the address to listen there only"
)


def listeners(sections: dict[str, Values], notes: list[Note]) -> list[Table]:
    """A table for each transport and address family that OverSIP listened on; ``notes`` get what to look at."""
    return [
        table
        for section in ("sip", "websocket")
        for family in ("ipv4", "ipv6")
        if sections[section][f"enable_{family}"].value
        for table in _of_family(sections, section, family, notes)
    ]


def enabled(sections: dict[str, Values], transport: str) -> bool:
    """OverSIP spoke ``transport`` (udp, tcp, tls): what is off was dropped from the profiles too."""
    sip = sections["sip"]
    if transport == "tls":
        return bool(sip["sip_tls"].value) and _has_certificate(sections)
    return bool(sip[f"sip_{transport}"].value)


def _has_certificate(sections: dict[str, Values]) -> bool:
    return all(sections["tls"][key].value for key in ("public_cert", "private_cert"))


def _of_family(sections: dict[str, Values], section: str, family: str, notes: list[Note]) -> list[Table]:
    values = sections[section]
    made = [
        _table(transport, values, "listen_port", family, switch, [*_advertised(values[f"advertised_{family}"])])
        for transport, switch in PLAIN[section].items()
        if values[switch].value
    ]
    switch = SECURE[section][1]
    if values[switch].value and _has_certificate(sections):
        made.append(_secure(sections, section, family))
    elif values[switch].value and not any(note.key == f"{section}.{switch}" for note in notes):
        notes.append(Note(FILE, f"{section}.{switch}", _NO_CERTIFICATE, values[switch].line))
    listen = values[f"listen_{family}"]
    if made and listen.value is None:
        notes.append(Note(FILE, f"{section}.listen_{family}", _FOUND.format(all=EVERYWHERE[family]), listen.line))
    return made


def _table(
    transport: str, values: Values, port: str, family: str, switch: str, more: list[Row], text: str = ""
) -> Table:
    listen = values[f"listen_{family}"]
    rows = [
        Row("transport", transport, str(values[switch])),
        Row("address", listen.value, str(listen))
        if listen.value is not None
        else Row("address", EVERYWHERE[family], f"{listen.path} is not set: all addresses"),
        Row("port", values[port].value, str(values[port])),
        *more,
    ]
    return Table("listen", many=True, text=text, rows=rows)


def _secure(sections: dict[str, Values], section: str, family: str) -> Table:
    """A TLS listener; the host name for TLS beats the advertised address, on WebSocket too."""
    values, tls = sections[section], sections["tls"]
    host = sections["sip"][f"record_route_hostname_tls_{family}"]
    advertised = host if host.value is not None else values[f"advertised_{family}"]
    more = [
        *_advertised(advertised),
        Row("certificate", tls["public_cert"].value, str(tls["public_cert"])),
        Row("key", tls["private_cert"].value, str(tls["private_cert"])),
    ]
    transport, switch = SECURE[section]
    text = "TLS is ended here: no tunnel in front is needed." if values["use_tls_tunnel"].value else ""
    return _table(transport, values, "listen_port_tls", family, switch, more, text)


def _advertised(given: Given) -> Iterator[Row]:
    if given.value is not None:
        yield Row("advertised", given.value, str(given))
