"""Arrows run one way: who may import whom, checked over the syntax trees of the whole package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial import unittest

PACKAGE = "oversip_tw"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

#: rooms from the bottom up; a room imports from those below its own line
FLOORS = (
    ("sip",),
    ("transaction",),
    ("outbound", "auth", "resolve"),
    ("registrar",),
    ("presence",),
    ("proxy",),
    ("edge",),
    ("hooks",),
    ("logic",),
    ("server",),
    ("transport", "store", "web", "tokens"),
    ("config", "migration", "native", "testing"),
    ("service",),
    ("cli",),
    ("tap", "demo", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
CORE = LEVEL["server"]

#: ports that everybody may import, and what they may import themselves
SHARED = {"interfaces": {"sip"}, "promise": set[str](), "": set[str]()}

#: rooms that only these others import
ONLY = {
    "auth": {"server", "service"},
    "config": {"service", "tap", "cli", "demo", "__main__"},
    "migration": {"cli"},
    "testing": set[str](),
    "demo": set[str](),
}

#: all that the core takes from outside the package: no clock, no randomness, no socket, no log
CORE_LIBRARY = frozenset(
    {
        "__future__",
        "abc",
        "attr",
        "attrs",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "contextlib",
        "dataclasses",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "ipaddress",
        "itertools",
        "re",
        "struct",
        "typing",
    }
)


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """The absolute names of all modules that ``module`` imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - (1 if is_package else 0)
                parent = module.split(".")[: len(module.split(".")) - up]
                base = ".".join([*parent, base] if base else parent)
            # "from oversip_tw import store" names a room as much as "import oversip_tw.store" does
            yield from (f"{base}.{alias.name}" for alias in node.names) if base == PACKAGE else (base,)


def room_of(module: str) -> str:
    """The room of a module of ours; "" for the package itself."""
    return [*module.split("."), ""][1]


def forbidden(module: str, source: str, is_package: bool = False) -> list[str]:
    """What ``module`` imports and must not, each with the reason."""
    room = room_of(module)
    found = []
    for name in imports(ast.parse(source), module, is_package):
        top = name.split(".")[0]
        reason = _inside(room, room_of(name)) if top == PACKAGE else _outside(module, room, top)
        if reason:
            found.append(f"{module} imports {name}: {reason}")
    return found


def _inside(room: str, other: str) -> str:
    if other == room or other in SHARED or other.startswith("__version"):
        return "" if room not in SHARED or other in ("", room) else "a port imports no other port"
    if room in SHARED:
        return "" if other in SHARED[room] else "a port imports sip alone"
    if other in ONLY and room not in ONLY[other]:
        return f"only {sorted(ONLY[other])} may"
    if other not in LEVEL:
        return "no such room"
    return "" if LEVEL[other] < LEVEL[room] else "arrows run down"


def _outside(module: str, room: str, top: str) -> str:
    if top in ("autobahn", "txaio") and not module.startswith(f"{PACKAGE}.transport.websocket"):
        return "only transport.websocket names autobahn"
    core = room in SHARED or LEVEL.get(room, CORE) <= CORE
    if core and top not in CORE_LIBRARY:
        return "the core is handed clock, chance and wires"
    return ""


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package, with its file."""
    for path in sorted(ROOT.rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


class Layers(unittest.SynchronousTestCase):
    """The package keeps the rule."""

    def test_no_module_imports_what_it_must_not(self) -> None:
        """Nothing imports upwards, and the core imports nothing that waits, measures or rolls dice."""
        found = [
            line
            for module, path in modules()
            for line in forbidden(module, path.read_text(), path.name == "__init__.py")
        ]
        self.assertEqual(found, [])

    def test_every_module_has_a_room(self) -> None:
        """A new folder has to take its place in the order before anything can be said of it."""
        rooms = {room_of(module) for module, _ in modules()}
        self.assertEqual(rooms - set(LEVEL) - set(SHARED), set())


class TheRuleItself(unittest.SynchronousTestCase):
    """One import that breaks each rule is found, and its lawful neighbour is not."""

    def assertForbidden(self, module: str, source: str, is_package: bool = False) -> None:
        self.assertEqual(len(forbidden(f"{PACKAGE}.{module}", source, is_package)), 1, source)

    def assertAllowed(self, module: str, source: str, is_package: bool = False) -> None:
        self.assertEqual(forbidden(f"{PACKAGE}.{module}", source, is_package), [])

    def test_upwards(self) -> None:
        """A lower room knows nothing of a higher one, in each of the ways to write an import."""
        self.assertForbidden("sip.uri", "from oversip_tw.transaction.table import Transactions")
        self.assertForbidden("proxy.context", "import oversip_tw.server")
        self.assertForbidden("registrar.registrar", "from oversip_tw import proxy")
        self.assertForbidden("transport.udp", "from oversip_tw.service import build")
        self.assertAllowed("transaction.table", "from oversip_tw.sip.message import Request")

    def test_relative(self) -> None:
        """A relative import is judged by where it leads."""
        self.assertForbidden("sip.uri", "from ..transaction import table")
        self.assertForbidden("sip", "from ..store import sqlite", is_package=True)
        self.assertAllowed("sip.uri", "from .errors import SIPError")
        self.assertAllowed("sip", "from .errors import SIPError", is_package=True)

    def test_hidden(self) -> None:
        """Neither a function nor TYPE_CHECKING hides an import."""
        self.assertForbidden("sip.uri", "def f():\n    import oversip_tw.proxy.context")
        self.assertForbidden("resolve.targets", "if TYPE_CHECKING:\n    from oversip_tw.server import Element")

    def test_neighbours(self) -> None:
        """Rooms of one floor do not know each other; service joins them."""
        self.assertForbidden("transport.udp", "from oversip_tw.store.sqlite import Store")
        self.assertForbidden("web.page", "from oversip_tw.transport.stream import Stream")
        self.assertForbidden("outbound.token", "from oversip_tw.resolve.targets import Resolver")
        self.assertAllowed("service", "from oversip_tw.store.sqlite import Store")

    def test_auth(self) -> None:
        """Only the server asks for credentials; the service builds what it asks with."""
        self.assertForbidden("proxy.context", "from oversip_tw.auth.trust import Role")
        self.assertForbidden("transport.stream", "from oversip_tw.auth.floods import Floods")
        self.assertAllowed("server", "from oversip_tw.auth.authenticator import Authenticator")

    def test_config(self) -> None:
        """Rooms are handed small settings of their own, never the configuration."""
        self.assertForbidden("transport.tls", "from oversip_tw.config import Config")
        self.assertForbidden("server", "from oversip_tw import config")
        self.assertAllowed("service", "from oversip_tw.config import Config")

    def test_ports(self) -> None:
        """interfaces imports sip alone, and everybody may import it."""
        self.assertForbidden("interfaces", "from oversip_tw.outbound.flows import FlowTable")
        self.assertForbidden("promise", "from oversip_tw.sip.errors import SIPError")
        self.assertAllowed("interfaces", "from oversip_tw.sip.errors import SIPError")
        self.assertAllowed("sip.uri", "from oversip_tw.interfaces import Clock")

    def test_autobahn(self) -> None:
        """autobahn and its txaio are named in one place."""
        self.assertForbidden("transport.listeners", "from autobahn.twisted.websocket import WebSocketServerFactory")
        self.assertForbidden("service", "import txaio")
        self.assertAllowed("transport.websocket.protocol", "import autobahn.websocket.protocol")

    def test_outer_world(self) -> None:
        """The core has no clock, no randomness, no wires, no log and no libraries but attrs."""
        for name in ("time", "random", "os", "socket", "ssl", "logging", "json", "secrets", "twisted.web", "cattrs"):
            self.assertForbidden("transaction.wheel", f"import {name}")
        self.assertForbidden("interfaces", "import time")
        self.assertForbidden("hooks", "from twisted.logger import Logger")
        self.assertAllowed("sip.uri", "import re\nfrom collections.abc import Sequence\nfrom attrs import frozen")
        self.assertAllowed("transport.udp", "import socket\nfrom twisted.internet import udp")

    def test_tests(self) -> None:
        """What is made for tests is not used by the product."""
        self.assertForbidden("service", "from oversip_tw.testing import MemoryFlow")


class Sizes(unittest.SynchronousTestCase):
    """A module holds one idea and a function fits on a screen."""

    def test_files(self) -> None:
        """No file reaches 400 lines."""
        long = [
            f"{module}: {lines}" for module, path in modules() if (lines := len(path.read_text().splitlines())) >= 400
        ]
        self.assertEqual(long, [])

    def test_functions(self) -> None:
        """No function reaches 60 lines."""
        long = [
            f"{module}.{node.name}: {node.end_lineno - node.lineno + 1}"
            for module, path in modules()
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno is not None
            and node.end_lineno - node.lineno + 1 >= 60
        ]
        self.assertEqual(long, [])
