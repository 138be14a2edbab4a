"""Bindings as rows of a table."""

from __future__ import annotations

from typing import Any

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes
from oversip_tw.store.sql import Database

_COLUMNS = (
    "key, aor, contact, params, q, instance, reg_id, call_id, cseq, expires, updated, path, node, flow_id, user_agent, "
    "secure, ended, first_cseq"
)
_PUT = (
    f"INSERT INTO bindings ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?) "
    "ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS.split(", ")[1:])
)
# A newer REGISTER may have come in between, from another flow: it stays.
_DROP = "UPDATE bindings SET ended = ? WHERE key = ? AND call_id = ? AND cseq = ? AND ended IS NULL"
_FORGET = "DELETE FROM bindings WHERE key = ? AND coalesce(ended, expires) <= ?"
_SHIFT = "UPDATE bindings SET expires = expires + ?, updated = updated + ?, ended = ended + ?"
_ALL = f"SELECT {_COLUMNS} FROM bindings ORDER BY coalesce(ended, expires)"
#: what no header can hold
_BETWEEN_HOPS = "\n"

Row = tuple[Any, ...]


def write(database: Database, changes: Changes) -> None:
    """Write ``changes``, inside the caller's transaction."""
    offset = changes.offset
    now = changes.now + offset
    for binding in changes.drop:
        database.execute(_DROP, (now, binding.key, database.stored(binding.call_id), binding.cseq))
    for binding in changes.put:
        database.execute(_PUT, _row(database, binding, offset))
    for key in changes.forget:
        database.execute(_FORGET, (key, now))


def load(database: Database, offset: float) -> list[Binding]:
    """All bindings, ``ended`` ones too, with ``offset`` taken off their dates; those that end first come first."""
    return [_binding(database, row, offset) for row in database.execute(_ALL)]


def shift(database: Database, seconds: float) -> None:
    """Move every date by ``seconds``."""
    database.execute(_SHIFT, (seconds, seconds, seconds))


def _row(database: Database, binding: Binding, offset: float) -> Row:
    stored = database.stored
    return (
        binding.key,
        stored(binding.aor),
        stored(binding.contact),
        stored(binding.params),
        binding.q,
        None if binding.instance is None else stored(binding.instance),
        binding.reg_id,
        stored(binding.call_id),
        binding.cseq,
        binding.expires_at + offset,
        binding.updated_at + offset,
        stored(_BETWEEN_HOPS.join(binding.path)),
        binding.node,
        binding.flow_id,
        stored(binding.user_agent),
        int(binding.secure),
        binding.first_cseq,
    )


def _binding(database: Database, row: Row, offset: float) -> Binding:
    text = database.text
    key, aor, contact, params, q, instance, reg_id, call_id, cseq, expires, updated, path, node, flow_id, *rest = row
    user_agent, secure, ended, first_cseq = rest
    return Binding(
        text(aor),
        text(contact),
        text(params),
        q,
        None if instance is None else text(instance),
        reg_id,
        text(call_id),
        cseq,
        (expires if ended is None else min(expires, ended)) - offset,
        updated - offset,
        tuple(text(path).split(_BETWEEN_HOPS)) if path else (),
        node,
        flow_id,
        key,
        text(user_agent),
        secure != 0,
        ended=ended is not None,
        first_cseq=first_cseq,
    )
