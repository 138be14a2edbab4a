"""The store as server and command line use it, at the same time."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from oversip_tw.outbound.flows import FlowTable
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.registrar import Registrar
from oversip_tw.registrar.settings import Settings
from oversip_tw.store.database import open_database
from oversip_tw.store.passwords import add_user, change_password, digests, remove_user
from oversip_tw.store.sqlite import SqliteStore
from oversip_tw.testing import MemoryFlow
from tests.registrar.phones import ALICE, DOMAIN, UUID, Outcome, Phone
from tests.store.files import StoreCase

ROOT = Path(__file__).resolve().parents[2]


class Users(StoreCase):
    """What another process does to the users becomes known."""

    def ha1(self, store: SqliteStore, name: str = "alice") -> str | None:
        return self.reactor.result(store.users.ha1(name, DOMAIN, "SHA-256"))

    def look(self) -> None:
        """Let a second pass."""
        self.clock.advance(1.0)
        self.reactor.turn()

    def test_at_start(self) -> None:
        """All users of before are there at once."""
        with open_database(self.path) as database:
            add_user(database, "alice", DOMAIN, "one")
        database.close()
        self.assertEqual(self.ha1(self.open()), digests("alice", DOMAIN, "one")[1].hex())

    def test_while_running(self) -> None:
        """Added, changed and removed users are seen within two seconds."""
        store = self.open()
        store.start()
        database = open_database(self.path)
        self.assertIsNone(self.ha1(store))
        add_user(database, "alice", DOMAIN, "one")
        add_user(database, "bob", DOMAIN, "one")
        self.look()
        self.assertEqual(self.ha1(store), digests("alice", DOMAIN, "one")[1].hex())
        change_password(database, "alice", DOMAIN, "two")
        self.look()
        self.assertEqual(self.ha1(store), digests("alice", DOMAIN, "two")[1].hex())
        remove_user(database, "alice", DOMAIN)
        self.look()
        self.assertIsNone(self.ha1(store))
        self.assertIsNotNone(self.ha1(store, "bob"))
        database.close()

    def test_looking_goes_on(self) -> None:
        """A look that fails is reported, and the next one comes."""
        store = self.open()
        store.start()
        database = open_database(self.path)
        database.execute("ALTER TABLE users RENAME TO hidden")
        self.look()
        self.assertEqual([type(error) for error in self.failures], [StoreFailed])
        database.execute("ALTER TABLE hidden RENAME TO users")
        add_user(database, "alice", DOMAIN, "one")
        self.look()
        self.assertIsNotNone(self.ha1(store))
        database.close()

    def test_close(self) -> None:
        """After `close` no timer and no further file is left; what comes then fails."""
        store = self.open()
        store.start()
        self.close(store)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual([path.name for path in self.path.parent.iterdir()], [self.path.name])
        self.assertRaises(StoreFailed, self.reactor.result, store.load(0.0))

    def test_secrets(self) -> None:
        """Keys stay the same over restarts."""
        store = self.open()
        keys = store.secrets("tokens")
        self.close(store)
        self.assertEqual(self.open().secrets("tokens"), keys)

    def test_unusable(self) -> None:
        """A damaged file is one line of an error that names it."""
        database = open_database(self.path)
        database.execute("DROP TABLE users")
        database.close()
        error = self.assertRaises(StoreFailed, self.open)
        self.assertIn(str(self.path), str(error))
        with sqlite3.connect(self.path) as other:
            other.execute("DROP TABLE secrets")
            other.execute("CREATE TABLE users (name, domain, md5, sha_256, sha_512_256, removed, version)")
        other.close()
        self.assertIn(str(self.path), str(self.assertRaises(StoreFailed, self.open().secrets, "tokens")))


class Bindings(StoreCase):
    """A registrar over the real thing."""

    def registrar(self, store: SqliteStore) -> tuple[Registrar, MemoryLocation, FlowTable]:
        location = MemoryLocation(self.clock, lambda: 1_700_000_000.0 + self.clock.seconds(), store)
        self.reactor.result(location.load())
        flows = FlowTable()
        settings = Settings(domains=frozenset({DOMAIN}))
        return (
            Registrar(location, settings, self.clock, flows, lambda: "t", node="n", secret=b"s"),
            location,
            flows,
        )

    def test_restart(self) -> None:
        """What was bound is there after a restart: of UDP live, of connections lost, and ended ones remembered."""
        store = self.open()
        registrar, location, flows = self.registrar(store)
        wss, udp = MemoryFlow("wss"), MemoryFlow("udp")
        flows.add(wss)
        browser, phone, gone = Phone("alice", UUID, 1), Phone(), Phone()
        for each, flow in ((browser, wss), (phone, udp), (gone, wss)):
            self.reactor.result(registrar.register(each.register(), ALICE, flow))
        (over,) = [b for b in self.reactor.result(location.bindings(ALICE)) if b.contact == gone.contact]
        self.reactor.result(registrar.register(gone.register(expires=0), ALICE, wss))
        self.close(store)
        _, location, _ = self.registrar(self.open())
        self.assertEqual([b.contact for b in self.reactor.result(location.lookup(ALICE))], [phone.contact])
        found = {b.contact: b.lost for b in self.reactor.result(location.bindings(ALICE))}
        self.assertEqual(found, {browser.contact: True, phone.contact: False})
        known = location.by_key(over.key)
        assert known is not None
        self.assertTrue(known.ended)

    def test_K8_clock_set(self) -> None:
        """The dates on disk follow the wall clock: a jump of a day and a restart lose nothing."""
        store = self.open()
        day = 0.0
        location = MemoryLocation(self.clock, lambda: day + self.clock.seconds(), store)
        registrar = Registrar(
            location, Settings(frozenset({DOMAIN})), self.clock, FlowTable(), lambda: "t", node="n", secret=b"s"
        )
        self.reactor.result(registrar.register(Phone().register(), ALICE, MemoryFlow("udp")))
        day = 86400.0
        location.sweep()
        self.close(store)
        location = MemoryLocation(self.clock, lambda: day + self.clock.seconds(), self.open())
        self.reactor.result(location.load())
        (binding,) = self.reactor.result(location.lookup(ALICE))
        self.assertAlmostEqual(binding.expires_at, 600.0, 3)

    def test_many_share_commits(self) -> None:
        """Hundreds of phones that register at once are on the disk after a few commits."""
        store = self.open()
        registrar, location, _ = self.registrar(store)
        running = []
        for number in range(300):
            phone = Phone(f"u{number}")
            running.append(Outcome(registrar.register(phone.register(), phone.aor, MemoryFlow("udp"))))
        self.reactor.until(*running)
        self.assertTrue(all(each.value.status == 200 for each in running))
        self.assertEqual(location.count, 300)

    def test_figure_13_load(self) -> None:
        """Ten thousand bindings come back whole."""
        store = self.open()
        self.close(store)
        database = open_database(self.path)
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO bindings"
            " VALUES (?, ?, ?, '', 1, NULL, NULL, 'c', 1, 1700000600, 1700000000, '', 'n', ?, '', 1, NULL, 1)",
            [
                (b"%08d" % n, f"sip:u{n}@{DOMAIN}", f"sip:x{n}@h.invalid", b"s%08d" % n if n % 2 else b"u%08d" % n)
                for n in range(10_000)
            ],
        )
        database.execute("COMMIT")
        database.close()
        _, location, _ = self.registrar(self.open())
        self.assertEqual(location.count, 10_000)
        self.assertEqual(sum(binding.lost for binding in location.all()), 5_000)


class Kill(StoreCase):
    """K9: the process is killed in mid-work."""

    def test_K9_kill(self) -> None:
        """Every binding that was acknowledged before a SIGKILL is there afterwards, and every one that was removed
        is gone."""
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.store.registering", str(self.path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        told = [child.stdout.readline().split() for _ in range(400)]
        child.send_signal(signal.SIGKILL)
        told += [line.split() for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        child.stdout.close()
        child.wait()
        location = MemoryLocation(self.clock, lambda: 0.0, self.open())
        self.reactor.result(location.load())
        last = {aor: (int(cseq), int(expires)) for aor, cseq, expires in told}
        leaving = {aor for aor in last if int(aor[5:].partition("@")[0]) % 3 == 2}
        there = {binding.aor: binding.cseq for binding in location.all()}
        stayed = {aor: cseq for aor, (cseq, _) in last.items() if aor not in leaving}
        left = {aor for aor, (_, expires) in last.items() if expires == 0}
        self.assertTrue(stayed)
        self.assertTrue(left)
        self.assertEqual([aor for aor, cseq in stayed.items() if there.get(aor, 0) < cseq], [])
        self.assertEqual(left & set(there), set())
