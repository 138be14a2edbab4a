"""Bindings as rows of a table."""

from __future__ import annotations

import sqlite3
from typing import Any

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes

_COLUMNS = (
    "key, aor, contact, params, q, instance, reg_id, call_id, cseq, expires, updated, path, node, flow_id, user_agent, "
    "secure, ended"
)
_PUT = f"INSERT OR REPLACE INTO bindings ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
# A newer REGISTER may have come in between, from another flow: it stays.
_DROP = "UPDATE bindings SET ended = ? WHERE key = ? AND call_id = ? AND cseq = ? AND ended IS NULL"
_FORGET = "DELETE FROM bindings WHERE key = ? AND coalesce(ended, expires) <= ?"
_SHIFT = "UPDATE bindings SET expires = expires + ?1, updated = updated + ?1, ended = ended + ?1"
_ALL = f"SELECT {_COLUMNS} FROM bindings ORDER BY coalesce(ended, expires)"
#: what no header can hold
_BETWEEN_HOPS = "\n"

Row = tuple[Any, ...]


def write(database: sqlite3.Connection, changes: Changes) -> None:
    """Write ``changes``, inside the caller's transaction."""
    offset = changes.offset
    now = changes.now + offset
    if changes.drop:
        database.executemany(
            _DROP, [(now, binding.key, _stored(binding.call_id), binding.cseq) for binding in changes.drop]
        )
    for binding in changes.put:
        database.execute(_PUT, _row(binding, offset))
    if changes.forget:
        database.executemany(_FORGET, [(key, now) for key in changes.forget])


def load(database: sqlite3.Connection, offset: float) -> list[Binding]:
    """All bindings, ``ended`` ones too, with ``offset`` taken off their dates; those that end first come first."""
    return [_binding(row, offset) for row in database.execute(_ALL)]


def shift(database: sqlite3.Connection, seconds: float) -> None:
    """Move every date by ``seconds``."""
    database.execute(_SHIFT, (seconds,))


def _stored(text: str) -> str | bytes:
    """SQLite's texts are UTF-8, a header may be anything: what is not ASCII is stored as the octets it came as."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape")


def _text(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogateescape")


def _row(binding: Binding, offset: float) -> Row:
    return (
        binding.key,
        _stored(binding.aor),
        _stored(binding.contact),
        _stored(binding.params),
        binding.q,
        None if binding.instance is None else _stored(binding.instance),
        binding.reg_id,
        _stored(binding.call_id),
        binding.cseq,
        binding.expires_at + offset,
        binding.updated_at + offset,
        _stored(_BETWEEN_HOPS.join(binding.path)),
        binding.node,
        binding.flow_id,
        _stored(binding.user_agent),
        binding.secure,
    )


def _binding(row: Row, offset: float) -> Binding:
    key, aor, contact, params, q, instance, reg_id, call_id, cseq, expires, updated, path, node, flow_id, *rest = row
    user_agent, secure, ended = rest
    return Binding(
        _text(aor),
        _text(contact),
        _text(params),
        q,
        None if instance is None else _text(instance),
        reg_id,
        _text(call_id),
        cseq,
        (expires if ended is None else min(expires, ended)) - offset,
        updated - offset,
        tuple(_text(path).split(_BETWEEN_HOPS)) if path else (),
        node,
        flow_id,
        key,
        _text(user_agent),
        secure != 0,
        ended=ended is not None,
    )
