"""What keys in Redis are called, and what is read from them before anybody waits for anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import redis_records as records
from oversip_tw.store.redis_link import Waiting
from oversip_tw.store.redis_scripts import LOAD, SECRET

#: the layout of this version
SCHEMA = 1
_PAGE = 500
_GLOB = re.compile(rb"([*?\[\]\\^-])")


class Keys:
    """The names under one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode()
        self._aors = self._prefix + b":aor:"
        #: where every change is published
        self.events = f"{prefix}:events"
        self.users = self._prefix + b":users"
        self.users_version = self._prefix + b":users:version"
        self.rules = self._prefix + b":rules"
        self.aliases = self._prefix + b":aliases"
        self.schema = self._prefix + b":schema"
        #: a pattern that all hashes of bindings match
        self.all_aors = _GLOB.sub(rb"\\\1", self._aors) + b"*"

    def aor(self, aor: str) -> bytes:
        """The bindings of a user, whose name may hold any octets."""
        return self._aors + aor.encode("utf-8", "surrogateescape")

    def aor_in(self, key: bytes) -> str:
        """The user of `aor`."""
        return key[len(self._aors) :].decode("utf-8", "surrogateescape")

    def secret(self, name: str) -> bytes:
        return self._prefix + b":secret:" + name.encode()

    def node(self, node: str) -> bytes:
        return self._prefix + b":node:" + node.encode()


def check_schema(waiting: Waiting, keys: Keys, upgrade: bool = False) -> int:
    """The layout that was there before (0: nothing); it is ours then. Raises StoreFailed as for SQL."""
    found = int(waiting.call("GET", keys.schema) or 0)
    if found > SCHEMA:
        raise StoreFailed(f"cannot use Redis: a newer version wrote it (schema {found}, this one knows {SCHEMA})")
    if 0 < found < SCHEMA and not upgrade:
        needed = f"its schema is {found} and this version needs {SCHEMA}"
        raise StoreFailed(f"cannot use Redis: {needed}: oversip db upgrade")
    if found < SCHEMA:
        waiting.call("SET", keys.schema, SCHEMA)
    return found


def secrets_of(waiting: Waiting, keys: Keys, name: str, new: bytes) -> tuple[bytes, ...]:
    """The secrets of that name, newest first; ``new`` where there is none."""
    return tuple(waiting.call("EVAL", SECRET.text, 1, keys.secret(name), new))


def loaded(waiting: Waiting, keys: Keys, offset: float) -> list[tuple[str, int, Sequence[Binding]]]:
    """All bindings: user, version, bindings."""
    found: list[tuple[str, int, Sequence[Binding]]] = []
    cursor: bytes = b"0"
    while True:
        cursor, page = waiting.call("EVAL", LOAD.text, 0, cursor, keys.all_aors, _PAGE)
        for key, version, *values in page:
            found.append((keys.aor_in(key), int(version), [records.read(value, offset) for value in values]))
        if cursor == b"0":
            return found


def living(waiting: Waiting, keys: Keys) -> list[Binding]:
    """The bindings whose servers live, with dates; for the command line."""
    nodes: dict[str, bool] = {}
    found: list[Binding] = []
    for _, _, bindings in loaded(waiting, keys, 0.0):
        for binding in bindings:
            if binding.node not in nodes:
                nodes[binding.node] = bool(waiting.call("EXISTS", keys.node(binding.node)))
            if nodes[binding.node]:
                found.append(binding)
    return found
