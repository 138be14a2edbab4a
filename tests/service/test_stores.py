"""Users and bindings from where the configuration says, each kind of store by itself and mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial import unittest

from oversip_tw import config
from oversip_tw.auth.trust import Role
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.service import settings
from oversip_tw.service.stores import Stores, node_name, open_stores
from oversip_tw.store.database import open_database
from oversip_tw.store.passwords import add_user, digests
from oversip_tw.testing import MemoryLog
from tests.store import servers
from tests.store.files import RealReactor

DOMAIN = "example.org"


def mistakes(text: str) -> list[str]:
    """All that is wrong with ``text``."""
    try:
        config.loads(text)
    except config.ConfigError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


class Opening(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.reactor = RealReactor()
        self.log = MemoryLog()

    def open(self, text: str) -> Stores:
        read = config.loads(f'domains = ["{DOMAIN}"]\nstate_dir = "state"\n{text}', self.folder)
        self.config = read
        found = open_stores(read, reactor, self.reactor.call, self.log)
        self.addCleanup(lambda: self.reactor.result(found.close()))
        return found

    def ha1(self, stores: Stores) -> Any:
        return self.reactor.result(stores.users.ha1("alice", DOMAIN, "MD5"))

    def alice_in(self, path: Path) -> None:
        database = open_database(path)
        add_user(database, "alice", DOMAIN, "secret")
        database.close()

    def test_kinds(self) -> None:
        """Each keeps bindings, but memory; each names this server in a way that lasts."""
        redis = servers.redis()
        redis.empty()
        for text, kept in (
            ("", True),
            ('[store]\nkind = "memory"', False),
            (f'[store]\nkind = "postgresql"\nurl = "{servers.postgresql().database()}"', True),
            (f'[store]\nkind = "redis"\nurl = "{redis.url}"', True),
        ):
            stores = self.open(text)
            self.assertEqual(stores.bindings is not None, kept, text)
            self.assertEqual(node_name(self.config, stores.bindings) == node_name(self.config, stores.bindings), kept)
            self.assertEqual(stores.users.known, 0)
            self.assertEqual(stores.follow is not None, "redis" in text)

    def test_users_from_elsewhere(self) -> None:
        """Users may come from another place than where bindings are kept."""
        self.alice_in(self.folder / "users.sqlite")
        made = digests("alice", DOMAIN, "secret")[0]
        assert made is not None
        (self.folder / "users").write_text(f"alice:{DOMAIN}:{made.hex()}\n")
        url = servers.postgresql().database()
        for text, known in (
            ('[users]\nkind = "sqlite"\npath = "users.sqlite"', True),
            ('[users]\nkind = "htdigest"\npath = "users"', True),
            (f'[users]\nkind = "postgresql"\nurl = "{url}"', False),
            (f'[users]\nkind = "redis"\nurl = "{servers.redis().url}"', False),
        ):
            stores = self.open(text)
            stores.start()
            self.assertEqual(self.ha1(stores), made.hex() if known else None, text)
            self.reactor.result(stores.refresh_users())
        self.assertEqual(self.open('[users]\nkind = "http"\nurl = "http://127.0.0.1:9/"').users.known, None)

    def test_nothing_left_open(self) -> None:
        """When one of two cannot be opened, the other is closed again."""
        self.assertRaises(StoreFailed, self.open, '[users]\nkind = "htdigest"\npath = "nowhere"')
        for _ in range(20):
            self.reactor.turn()
        self.assertEqual([path.name for path in (self.folder / "state").iterdir()], ["oversip.sqlite"])

    def test_own_name(self) -> None:
        """The file may say what this server is called."""
        stores = self.open('node_id = "berlin"\n')
        self.assertEqual(node_name(self.config, stores.bindings), "berlin")


NODES = '[[node]]\nid = "a"\nuri = "sip:192.0.2.1:5070;transport=udp"\n[[node]]\nid = "b"\nuri = "sips:192.0.2.2"\n'
REDIS = '[store]\nkind = "redis"\nurl = "redis://127.0.0.1"\n'


class Configured(unittest.SynchronousTestCase):
    def test_nodes_are_trusted(self) -> None:
        """The other servers are trusted where they send from, by UDP from their own port alone; we are not."""
        read = config.loads(f'node_id = "a"\n{REDIS}{NODES}[[node]]\nid = "c"\nuri = "sip:192.0.2.3:7;transport=tcp"\n')
        read_b = config.loads(f'node_id = "b"\n{REDIS}{NODES}')
        sources = {source.networks[0]: source for source in settings.trusted(read)}
        self.assertEqual(set(sources), {"192.0.2.2", "192.0.2.3"})
        self.assertTrue(all(source.role is Role.NODE for source in sources.values()))
        self.assertTrue(sources["192.0.2.3"].matches("tcp", 40000, True))
        self.assertFalse(sources["192.0.2.3"].matches("udp", 7, True))
        self.assertTrue(sources["192.0.2.2"].matches("tls", 40000, True))
        [udp] = settings.trusted(read_b)
        self.assertEqual([udp.matches("udp", port, True) for port in (5070, 5060)], [True, False])

    def test_mistakes(self) -> None:
        """What does not fit together is said, each in one line."""
        for text, told in (
            ('[store]\nkind = "redis"', 'url is missing: kind "redis" needs one, redis://...'),
            ('[store]\nkind = "redis"\nurl = "http://x"', "redis:// or rediss://"),
            ('[store]\nurl = "mysql://x"', "must be a URL"),
            ('[store]\nurl = "redis://x:port"', "must be a URL"),
            ('[users]\nkind = "http"', "url is missing"),
            ('[users]\nkind = "htdigest"', "path is missing"),
            (f'node_id = "a"\n{NODES}', 'servers share a store of kind "redis"'),
            (REDIS + NODES, "node_id is missing"),
            (f'node_id = "a"\n{REDIS}{NODES}{NODES}', 'two nodes have the id "a"'),
            (f'node_id = "{"x" * 65}"\n', "64 octets at most"),
            (f'node_id = "a"\n{REDIS}[[node]]\nid = "b"\nuri = "sip:host.example;transport=tcp"', "an IP address"),
            (f'node_id = "a"\n{REDIS}[[node]]\nid = "b"\nuri = "sip:192.0.2.1"', "must have a transport"),
        ):
            found = mistakes(text)
            self.assertTrue(any(told in each for each in found), (text, found))
        self.assertEqual(mistakes('[store]\nkind = "redis"\nsentinels = ["192.0.2.1", "192.0.2.2:26380"]'), [])
