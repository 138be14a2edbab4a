"""What every backend has to do, each of them the same tests: `UsersContract`, `BindingsContract`, `DurableContract`."""

from __future__ import annotations

from typing import Any, Protocol

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Outdated, StoreFailed
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.store.passwords import ALGORITHMS, digests
from oversip_tw.store.ports import Accounts, UnknownUser, UserExists, Users
from oversip_tw.testing import Clock
from tests.registrar.phones import DOMAIN
from tests.store.files import Reactor

#: what means something to somebody: SQL, Redis, Lua, JSON, URLs, formats, shells, and octets that are no UTF-8
NASTY = (
    "' OR '1'='1",
    "x'; DROP TABLE users; --",
    '" OR ""="',
    "%",
    "_",
    "a%s%d{0}?1 ?",
    "*",
    "[a-z]*\\",
    "\r\nFLUSHALL\r\n",
    "a\nb",
    "\\x00\\n",
    "$(reboot)`reboot`",
    "&domain=other&user=bob#",
    "%00%0a../../etc/passwd",
    "\udcff\udc80",
    "\ud83d" if False else "\N{PILE OF POO}",
    "x" * 2000,
)


class Case(Protocol):
    """What a test case brings along."""

    reactor: Reactor

    def assertEqual(self, first: object, second: object, msg: object = None) -> None: ...
    def assertIsNone(self, value: object, msg: object = None) -> None: ...
    def assertRaises(self, error: type[BaseException], *call: Any) -> Any: ...


class UsersContract:
    """Users who are asked for. A subclass says where they are."""

    #: what this backend keeps digests for
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)
    reactor: Reactor

    def users(self) -> Users:
        """The users as a server that has just started asks for them."""
        raise NotImplementedError

    def accounts(self) -> Accounts:
        """The same for whoever changes them."""
        raise NotImplementedError

    def look(self, users: Users) -> None:
        """Wait as long as a running server may take to hear of a change."""
        raise NotImplementedError

    def ha1(self, users: Users, name: str, domain: str = DOMAIN, algorithm: str = "MD5") -> str | None:
        return self.reactor.result(users.ha1(name, domain, algorithm))

    def set(self, name: str, password: str = "one", domain: str = DOMAIN) -> None:
        self.accounts().add(name, domain, digests(name, domain, password))

    def expected(self, name: str, password: str, algorithm: str = "MD5", domain: str = DOMAIN) -> str | None:
        found = dict(zip(ALGORITHMS, digests(name, domain, password), strict=True))
        return found[algorithm].hex() if algorithm in self.algorithms else None

    def test_known_and_unknown(self: Any) -> None:
        """HA1 of who is there, for each algorithm that there is; None for everybody and everything else."""
        self.set("alice")
        users = self.users()
        for algorithm in ALGORITHMS:
            self.assertEqual(self.ha1(users, "alice", DOMAIN, algorithm), self.expected("alice", "one", algorithm))
            self.assertIsNone(self.ha1(users, "bob", DOMAIN, algorithm))
        self.assertIsNone(self.ha1(users, "alice", DOMAIN, "SHA-1"))
        self.assertIsNone(self.ha1(users, "alice", "example.net"))

    def test_case(self: Any) -> None:
        """A domain is the same in upper case, a name is not (RFC 3261 §19.1.4)."""
        self.set("alice")
        users = self.users()
        self.assertEqual(self.ha1(users, "alice", DOMAIN.upper()), self.expected("alice", "one"))
        self.assertIsNone(self.ha1(users, "Alice"))

    def test_names_that_are_odd_but_good(self: Any) -> None:
        """What the rules allow in a name is kept as it is."""
        for name in ("o'neil", "jörg", "a+b", "a.b-c_d", "100%", "a;b", "a?b*", "{0}"):
            self.set(name)
        users = self.users()
        for name in ("o'neil", "jörg", "a+b", "a.b-c_d", "100%", "a;b", "a?b*", "{0}"):
            self.assertEqual(self.ha1(users, name), self.expected(name, "one"), name)

    def test_A18_metacharacters(self: Any) -> None:
        """A18: whatever a stranger writes into user or realm is a value: it finds nobody, and harms nobody."""
        self.set("alice")
        users = self.users()
        for nasty in NASTY:
            self.assertIsNone(self.ha1(users, nasty), nasty)
            self.assertIsNone(self.ha1(users, "alice", nasty), nasty)
        self.assertEqual(self.ha1(users, "alice"), self.expected("alice", "one"))

    def test_changes_are_seen(self: Any) -> None:
        """A running server hears of users that come, change and go."""
        self.set("bob")
        users = self.users()
        self.set("alice")
        self.look(users)
        self.assertEqual(self.ha1(users, "alice"), self.expected("alice", "one"))
        self.accounts().change("alice", DOMAIN, digests("alice", DOMAIN, "two"))
        self.look(users)
        self.assertEqual(self.ha1(users, "alice"), self.expected("alice", "two"))
        self.accounts().remove("alice", DOMAIN)
        self.look(users)
        self.assertIsNone(self.ha1(users, "alice"))
        self.assertEqual(self.ha1(users, "bob"), self.expected("bob", "one"))


class AccountsContract(UsersContract):
    """Users that the command line manages, too."""

    def test_managed(self: Any) -> None:
        """Nobody twice; nothing to change or remove that is not there; listed by domain and name."""
        accounts = self.accounts()
        accounts.add("bob", DOMAIN.upper(), digests("bob", DOMAIN, "one"))
        accounts.add("alice", DOMAIN, digests("alice", DOMAIN, "one"))
        accounts.add("zoe", "a.example", digests("zoe", "a.example", "one"))
        self.assertRaises(UserExists, accounts.add, "bob", DOMAIN, digests("bob", DOMAIN, "two"))
        self.assertRaises(UnknownUser, accounts.change, "carol", DOMAIN, digests("carol", DOMAIN, "two"))
        self.assertRaises(UnknownUser, accounts.remove, "carol", DOMAIN)
        self.assertRaises(ValueError, accounts.add, "a:b", DOMAIN, digests("a", DOMAIN, "two"))
        self.assertEqual(accounts.names(), [("zoe", "a.example"), ("alice", DOMAIN), ("bob", DOMAIN)])
        accounts.remove("alice", DOMAIN.upper())
        self.assertRaises(UnknownUser, accounts.remove, "alice", DOMAIN)
        accounts.add("alice", DOMAIN, digests("alice", DOMAIN, "three"))
        self.assertEqual(self.ha1(self.users(), "alice"), self.expected("alice", "three"))
        self.assertEqual(self.ha1(self.users(), "bob"), self.expected("bob", "one"))


def binding(user: str = "alice", number: int = 1, cseq: int = 1, **fields: Any) -> Binding:
    """One of ``user``, by a stream that is its own."""
    given: dict[str, Any] = {
        "aor": f"sip:{user}@{DOMAIN}",
        "contact": f"sip:x{number}@h.invalid;transport=ws",
        "params": ";+sip.ice",
        "call_id": f"call{number}",
        "cseq": cseq,
        "expires_at": 1600.0,
        "updated_at": 1000.0,
        "node": "n",
        "flow_id": b"s%08d" % number,
        "key": b"%08d" % number,
        "user_agent": "test",
        "secure": True,
        "first_cseq": 3,
    }
    return Binding(**(given | fields))


class BindingsContract:
    """A location over the backend. A subclass makes it."""

    reactor: Reactor
    clock: Clock
    #: seconds since 1970 when the clock says 0
    wall = 1_700_000_000.0

    def location(self) -> MemoryLocation:
        """One that has just started and loaded what there is."""
        raise NotImplementedError

    def commit(self, location: MemoryLocation, *put: Binding, drop: tuple[Binding, ...] = ()) -> None:
        aor = (*put, *drop)[0].aor
        self.reactor.result(location.commit(aor, put, drop, True))

    def contacts(self, location: MemoryLocation, user: str = "alice") -> list[str]:
        found = self.reactor.result(location.bindings(f"sip:{user}@{DOMAIN}"))
        return sorted(each.contact for each in found)

    def test_put_and_drop(self: Any) -> None:
        """What is put is found, what takes its place replaces it, what is dropped is over and remembered."""
        location = self.location()
        one, two = binding(), binding(number=2)
        self.commit(location, one, two)
        self.assertEqual(self.contacts(location), [one.contact, two.contact])
        again = binding(cseq=2, contact="sip:moved@h.invalid")
        self.commit(location, again, drop=(two,))
        self.assertEqual(self.contacts(location), [again.contact])
        self.assertTrue(location.by_key(two.key).ended)
        self.assertEqual(self.contacts(location, "bob"), [])

    def test_expiry(self: Any) -> None:
        """A binding is there until its time is over, and not a moment longer."""
        location = self.location()
        self.commit(location, binding(expires_at=self.clock.seconds() + 10))
        self.clock.advance(9.9)
        self.assertEqual(len(self.contacts(location)), 1)
        self.clock.advance(0.2)
        self.assertEqual(self.contacts(location), [])

    def test_flow_lost(self: Any) -> None:
        """The bindings of a connection end with it, those of others stay."""
        location = self.location()
        self.commit(location, binding(), binding(number=2))
        self.reactor.result(location.flow_lost(binding().flow_id))
        self.assertEqual(self.contacts(location), [binding(number=2).contact])

    def test_A18_metacharacters(self: Any) -> None:
        """A18: whatever stands in Call-ID, Contact, AoR and User-Agent is a value, and comes back as it came."""
        location = self.location()
        for number, nasty in enumerate(NASTY):
            odd = binding(
                number=number,
                aor=f"sip:{nasty}@{DOMAIN}",
                contact=f"sip:x{number}@h.invalid;x={nasty}",
                params=f';x="{nasty}"',
                call_id=nasty,
                instance=nasty,
                reg_id=1,
                user_agent=nasty,
                path=(f"<sip:{number}@p.invalid;lr>", "<sip:q.invalid;lr>"),
            )
            self.commit(location, odd)
            [found] = self.reactor.result(location.bindings(odd.aor))
            self.assertEqual(found, odd)
        self.assertEqual(location.count, len(NASTY))


class DurableContract(BindingsContract):
    """One that outlives the process: `location` gives what the next process finds, the one before being closed."""

    def crash(self) -> None:
        """The process is killed: nothing is closed in order."""

    def keys(self, name: str) -> tuple[bytes, ...]:
        """The secrets of that name, of the store that was opened last."""
        raise NotImplementedError

    def test_restart(self: Any) -> None:
        """What was acknowledged is there afterwards, to the last octet, and what was removed is not."""
        location = self.location()
        udp = binding(number=3, flow_id=b"u" + bytes(12), instance="urn:uuid:1", reg_id=2, q=0.5, secure=False)
        self.commit(location, binding(), binding(number=2), udp)
        self.commit(location, drop=(binding(number=2),))
        self.crash()
        location = self.location()
        [found] = self.reactor.result(location.lookup(udp.aor))
        self.assertAlmostEqual(found.expires_at, udp.expires_at, 3)
        self.assertAlmostEqual(found.updated_at, udp.updated_at, 3)
        found.expires_at, found.updated_at = udp.expires_at, udp.updated_at
        self.assertEqual(found, udp)
        self.assertEqual(
            {each.contact: each.lost for each in self.reactor.result(location.bindings(udp.aor))},
            {udp.contact: False, binding().contact: True},
        )
        self.assertTrue(location.by_key(binding(number=2).key).ended)

    def test_A18_restart(self: Any) -> None:
        """A18: what came back to memory comes back from the store as well."""
        location = self.location()
        for number, nasty in enumerate(NASTY):
            self.commit(
                location, binding(number=number, call_id=nasty, contact=f"sip:x@h.invalid;x={nasty}", user_agent=nasty)
            )
        self.crash()
        location = self.location()
        found = {each.key: each for each in location.all()}
        for number, nasty in enumerate(NASTY):
            kept = found[b"%08d" % number]
            self.assertEqual(
                (kept.call_id, kept.contact, kept.user_agent), (nasty, f"sip:x@h.invalid;x={nasty}", nasty)
            )

    def test_R10_drop_of_an_older_one(self: Any) -> None:
        """R10: the end of a connection does not end a binding that was refreshed by another one since."""
        location = self.location()
        old, new = binding(), binding(cseq=2, flow_id=b"s87654321")
        self.commit(location, old)
        self.commit(location, new)
        self.reactor.result(location.commit(old.aor, (), (old,)))
        self.crash()
        location = self.location()
        self.assertEqual(location.by_key(new.key).cseq, 2)
        self.assertFalse(location.by_key(new.key).ended)

    def test_keys(self: Any) -> None:
        """Keys are made once, differ by name, and outlive the process."""
        self.location()
        keys = self.keys("flows")
        self.assertEqual((len(keys), len(keys[0])), (1, 32))
        self.assertNotEqual(keys, self.keys("others"))
        self.crash()
        self.location()
        self.assertEqual(self.keys("flows"), keys)


__all__ = [
    "NASTY",
    "AccountsContract",
    "BindingsContract",
    "DurableContract",
    "Outdated",
    "StoreFailed",
    "UsersContract",
    "binding",
]
