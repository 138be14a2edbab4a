"""The whole of it: a folder with OverSIP's files becomes a TOML file and a list of what to look at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oversip_tw.migration.document import Row, Table, document
from oversip_tw.migration.key import Values
from oversip_tw.migration.listeners import FILE, enabled, listeners
from oversip_tw.migration.notes import Note, Refused
from oversip_tw.migration.profile_keys import PROFILE
from oversip_tw.migration.profiles import our_name, profile
from oversip_tw.migration.server_keys import SECTIONS
from oversip_tw.migration.source import Entry, SourceError, read
from oversip_tw.migration.values import Reader

PROFILES_FILE = "proxies.conf"
LOGIC_FILE = "server.rb"

#: stands for the core until somebody names it
PLACEHOLDER = "sip:CHANGE-ME.example.net"

_LEVELS = {"notice": "info", "crit": "error"}

_HEAD = """\
Made by `oversip import-oversip` from oversip.conf and proxies.conf.
Behind each value stands the key that it came from; all other options keep their defaults.
Meaning of each: docs/reference/configuration.md. What differs from OverSIP: docs/howto/moving-from-oversip.md."""

_EDGE = """\
OverSIP's logic sent requests where their Request-URI said; here they go to the core.
Where the core does not keep the Path of a REGISTER, write return = "param", as OverSIP's OutboundMangling did, or
"contact"."""

_NO_CORE = f"{PLACEHOLDER} stands there: write the URI of your SIP core, or say --core URI (OverSIP had no such key)"

_LOGIC = (
    "its logic has to be written anew, in Python, where it did more than OverSIP's sample: see "
    "docs/howto/writing-logic.md and etc/edge_logic.py"
)


@dataclass(frozen=True, slots=True)
class Translation:
    """Our configuration as ``text``, and what it could not take over."""

    text: str
    notes: tuple[Note, ...]


def translate(folder: Path, core: Sequence[str] = ()) -> Translation:
    """Read the files in ``folder``; ``core`` names the SIP core that the edge stands in front of. Raises Refused."""
    folder = folder.resolve()
    entries: dict[str, dict[str, Entry]] = {}
    unread: list[Note] = []
    for name in (FILE, PROFILES_FILE):
        try:
            entries[name] = read(folder / name)
        except SourceError as error:
            unread += error.notes
    server = Reader(FILE, folder)
    routing = Reader(PROFILES_FILE, folder)
    sections = _sections(server, entries.get(FILE, {}))
    profiles = _profiles(routing, entries.get(PROFILES_FILE, {}))
    mistakes = [*unread, *_in_order(server.mistakes), *_in_order(routing.mistakes)]
    places = listeners(sections, server.notes)
    if not mistakes and not places:
        mistakes.append(Note(FILE, "sip", "nothing is left to listen on: every transport or address family is off"))
    if mistakes:
        raise Refused(mistakes)
    rest = _rest(sections, server.notes)
    notes = [*server.notes, *routing.notes]
    if os.path.exists(folder / LOGIC_FILE):
        notes.append(Note(LOGIC_FILE, "", _LOGIC))
    if not core:
        notes.append(Note("", "edge.core", _NO_CORE))
    tables = [_top(sections["sip"]), *places, _edge(core), *_own_profiles(profiles, sections), *rest]
    return Translation(document(tables), tuple(notes))


def _in_order(notes: list[Note]) -> list[Note]:
    """As they come in the file."""
    return sorted(notes, key=lambda note: note.line or 0)


def _sections(reader: Reader, entries: dict[str, Entry]) -> dict[str, Values]:
    everywhere = [f"{section}.{key.name}" for section, keys in SECTIONS.items() for key in keys]
    for name, entry in entries.items():
        if name not in SECTIONS:
            reader.unknown(name, name, entry.line, SECTIONS, everywhere)
    return {name: reader.section(name, entries.get(name), keys, everywhere) for name, keys in SECTIONS.items()}


def _profiles(reader: Reader, entries: dict[str, Entry]) -> dict[str, Values]:
    found: dict[str, Values] = {}
    names: dict[str, str] = {}
    for name, entry in entries.items():
        values = reader.section(name, entry, PROFILE)
        if values["record_route_all"].value and not values["do_record_routing"].value:
            line = values["record_route_all"].line
            text = "needs do_record_routing, which is off"
            reader.mistakes.append(Note(PROFILES_FILE, f"{name}.record_route_all", text, line))
        other = names.setdefault(our_name(name), name)
        if other != name:
            text = f'would be called "{our_name(name)}", and so would {other}: give one of them another name'
            reader.mistakes.append(Note(PROFILES_FILE, name, text, entry.line))
        if not name:
            reader.mistakes.append(Note(PROFILES_FILE, name, "a profile needs a name", entry.line))
        found[name] = values
    return found


def _top(sip: Values) -> Table:
    domains = sip["local_domains"]
    return Table(text=_HEAD, rows=[Row("aliases", domains.value, str(domains))] if domains.value else [])


def _edge(core: Sequence[str]) -> Table:
    return Table(
        "edge",
        text=_EDGE,
        rows=[
            Row("core", list(core), "--core") if core else Row("core", PLACEHOLDER, "name your SIP core here"),
            Row("max_forwards_cap", 10, "as OverSIP's logic had it"),
        ],
    )


def _own_profiles(profiles: dict[str, Values], sections: dict[str, Values]) -> list[Table]:
    transports = [transport for transport in ("tls", "tcp", "udp") if enabled(sections, transport)]
    families = [family for family in ("ipv4", "ipv6") if sections["sip"][f"enable_{family}"].value]
    return [profile(name, values, transports, families) for name, values in profiles.items()]


def _rest(sections: dict[str, Values], notes: list[Note]) -> list[Table]:
    """Name servers, the log, and how long a message may be."""
    tables = []
    servers, level = sections["core"]["nameservers"], sections["core"]["syslog_level"]
    if servers.value:
        tables.append(Table("dns", rows=[Row("servers", servers.value, str(servers))]))
    ours = _LEVELS.get(level.value, level.value)
    if ours != level.value:
        notes.append(Note(FILE, "core.syslog_level", f'there is no "{level.value}": "{ours}" is written', level.line))
    tables.append(Table("log", rows=[Row("level", ours, str(level))]))
    size = sections["websocket"]["max_ws_message_size"]
    if size.line:
        tables.append(Table("limits", rows=[_message(size.value, str(size), size.line, notes)]))
    return tables


def _message(size: int, origin: str, line: int, notes: list[Note]) -> Row:
    """One limit is for all transports; a message of less than 256 bytes is none."""
    if size < 65536:
        text = "limits.message is for every transport, not for WebSocket alone: the core, too, can send no more"
        notes.append(Note(FILE, "websocket.max_ws_message_size", text, line))
    return Row("message", max(size, 256), origin)
