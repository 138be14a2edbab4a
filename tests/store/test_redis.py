"""Redis comes and goes, servers come and go: what is acknowledged stays, and nobody sees ghosts."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import reactor
from twisted.trial import unittest

from oversip_tw.proxy.user_rules import NONE, Rules
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change, Outdated, StoreAway, StoreFailed
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.replica import Replica
from oversip_tw.registrar.settings import Remembering
from oversip_tw.service.api.accounts import AccountsOfOthers, SharedAccounts
from oversip_tw.store import redis_link, redis_store
from oversip_tw.store.passwords import UnknownUser, UserExists, digests
from oversip_tw.store.redis_keys import SCHEMA, Keys, living
from oversip_tw.store.redis_known import ALIASES, RULES, RedisBook
from oversip_tw.store.redis_link import Place, Waiting
from oversip_tw.store.redis_users import RedisAccounts
from oversip_tw.web.api import Problem
from tests.registrar.phones import DOMAIN
from tests.store import servers
from tests.store.contracts import binding
from tests.store.files import RealReactor

ALICE, INFO, SALES = f"sip:alice@{DOMAIN}", f"sip:info@{DOMAIN}", f"sip:sales@{DOMAIN}"
#: seconds
LEASE = 2.0


class Node:
    """One server: its store and its memory."""

    def __init__(self, case: Case, name: str, lease: float = LEASE) -> None:
        self.case = case
        self.name = name
        self.heard: list[tuple[Change, Binding]] = []
        settings = redis_store.Settings(case.place, "oversip", name, lease)
        self.store = redis_store.RedisStore(settings, reactor, case.failures.append)
        self.keys = self.store.secrets("flows")
        self.location = MemoryLocation(
            reactor, time.time, self.store, Remembering(node=name), failed=case.failures.append,
            elsewhere=lambda change, binding: self.heard.append((change, binding)),
        )  # fmt: skip
        case.reactor.result(self.location.load())
        self.store.follow(Replica(self.location, reactor))
        self.start()

    def start(self) -> None:
        self.store.start()
        self.case.reactor.wait(lambda: self.store._session.up)

    def bind(self, number: int = 1, cseq: int = 1, user: str = "alice", drop: bool = False, **more: Any) -> Binding:
        """Register or unregister, as the registrar does it."""
        now = reactor.seconds()
        made = binding(user, number, cseq, node=self.name, expires_at=now + 600, updated_at=now, **more)
        put, gone = ((), (made,)) if drop else ((made,), ())
        self.case.reactor.result(self.location.commit(made.aor, put, gone, not drop))
        return made

    def contacts(self, user: str = "alice") -> list[str]:
        found = self.case.reactor.result(self.location.lookup(f"sip:{user}@{DOMAIN}"))
        return sorted(each.contact.partition("@")[0] for each in found)

    def die(self) -> None:
        """Its process is killed: nothing is said to anybody."""
        self.case.nodes.remove(self)
        self.case.reactor.result(self.store.close())


class Case(unittest.SynchronousTestCase):
    """A Redis, and servers."""

    def setUp(self) -> None:
        self.reactor = RealReactor()
        self.failures: list[BaseException] = []
        self.nodes: list[Node] = []
        self.server = self.redis()
        self.place = Place.of(self.server.url)
        self.addCleanup(self.end)

    def redis(self) -> servers.Redis:
        found = servers.redis()
        found.empty()
        return found

    def end(self) -> None:
        while self.nodes:
            self.nodes[-1].die()
        for _ in range(10):
            self.reactor.turn()

    def node(self, name: str, lease: float = LEASE) -> Node:
        made = Node(self, name, lease)
        self.nodes.append(made)
        return made

    def waiting(self) -> Waiting:
        made = Waiting(self.place)
        self.addCleanup(made.close)
        return made

    def soon(self, condition: Any) -> None:
        self.reactor.wait(condition, 15.0)


class TwoServers(Case):
    """They share what they know."""

    def test_seen_at_once(self) -> None:
        """What one binds, moves and ends, the other knows; and it says so to whoever listens there."""
        a, b = self.node("a"), self.node("b")
        self.assertEqual(a.keys, b.keys)
        a.bind()
        self.soon(lambda: b.contacts() == ["sip:x1"])
        a.bind(2)
        self.soon(lambda: b.contacts() == ["sip:x1", "sip:x2"])
        a.bind(cseq=2)
        a.bind(2, drop=True)
        self.soon(lambda: b.contacts() == ["sip:x1"])
        self.assertEqual(
            [change for change, _ in b.heard], [Change.ADDED, Change.ADDED, Change.REFRESHED, Change.REMOVED]
        )
        self.assertEqual(a.heard, [])
        self.assertEqual(self.failures, [])

    def test_phone_moves(self) -> None:
        """A phone that comes back at another server is there for both, and the end of its old connection ends
        nothing."""
        a, b = self.node("a"), self.node("b")
        old = a.bind()
        self.soon(lambda: b.contacts())
        b.bind(1, 2, flow_id=b"s-elsewhere")
        self.soon(lambda: a.location.by_key(old.key).node == "b")
        self.reactor.result(a.location.flow_lost(old.flow_id))
        self.assertEqual((a.contacts(), b.contacts()), (["sip:x1"], ["sip:x1"]))

    def test_at_the_same_time(self) -> None:
        """Two servers that change one user at once: the slower one is told, has learnt by then, and both hold."""
        a, b = self.node("a"), self.node("b")
        b.store._early = []  # it does not hear yet
        a.bind()
        self.assertRaises(Outdated, b.bind, 2)
        self.assertEqual(b.contacts(), ["sip:x1"])
        b.bind(2)
        b.store._catch_up()
        self.soon(lambda: a.contacts() == b.contacts() == ["sip:x1", "sip:x2"])

    def test_removed_by_the_other(self) -> None:
        """One server may end what the other holds (Contact: *)."""
        a, b = self.node("a"), self.node("b")
        made = a.bind()
        self.soon(lambda: b.contacts())
        self.reactor.result(b.location.commit(ALICE, (), (made,), True))
        self.soon(lambda: a.contacts() == [])
        known = a.location.by_key(made.key)
        assert known is not None
        self.assertTrue(known.ended)

    def test_a_dead_one_leaves_nothing(self) -> None:
        """A server that dies leaves no binding behind longer than its lease, with the others and in Redis; its users
        stay known by key for calls that wait."""
        a, b = self.node("a"), self.node("b")
        made, kept = a.bind(), b.bind(2, user="bob")
        self.soon(lambda: b.contacts())
        a.die()
        began = reactor.seconds()
        self.soon(lambda: b.contacts() == [])
        self.assertLess(reactor.seconds() - began, LEASE + 0.2)
        self.assertIn((Change.FLOW_LOST, made.key), [(change, each.key) for change, each in b.heard])
        self.soon(lambda: [each.key for each in living(self.waiting(), Keys("oversip"))] == [kept.key])
        known = b.location.by_key(made.key)
        assert known is not None
        self.assertTrue(known.ended)

    def test_back_within_the_lease(self) -> None:
        """A restart that takes less than the lease: its bindings are lost until their phones are back, as always, and
        the other server keeps them."""
        a, b = self.node("a", 5.0), self.node("b", 5.0)
        a.bind()
        a.bind(3, flow_id=b"u" + bytes(12))
        self.soon(lambda: len(b.contacts()) == 2)
        a.die()
        self.soon(lambda: not self.waiting().call("PUBSUB", "NUMSUB", "oversip:node:a")[1])
        a = self.node("a", 5.0)
        self.assertEqual(a.contacts(), ["sip:x3"])
        self.assertEqual(len(b.contacts()), 2)

    def test_taken_for_dead(self) -> None:
        """A server whose bindings the others have ended, because they did not hear of it, puts them back."""
        a, b = self.node("a"), self.node("b")
        made = a.bind()
        self.soon(lambda: b.contacts())
        # what each start compares once would put it back as well
        self.soon(lambda: a.store._settle is None and b.store._settle is None)
        self.waiting().call("DEL", "oversip:node:a")
        self.reactor.result(b.store._bury("a"))
        self.assertEqual(b.location.by_key(made.key).ended, True)  # type: ignore[union-attr]
        self.soon(lambda: b.contacts() == ["sip:x1"])
        self.assertEqual(a.contacts(), ["sip:x1"])

    def test_one_name_twice(self) -> None:
        """A second server of the same name is refused, in one line."""
        self.node("a")
        error = self.assertRaises(StoreFailed, self.node, "a")
        self.assertIn('another server is node "a"', str(error))
        self.assertNotIn("\n", str(error))

    def test_users_by_a_running_server(self) -> None:
        """What the API of one server does to users, the others know at once; nobody twice, and none that is not
        there. A file or a web application is none of its business."""
        a, b = self.node("a"), self.node("b")
        shared, run = SharedAccounts(a.store.users, str), self.reactor.result
        run(shared.add("alice", DOMAIN, "one"))
        run(shared.add("bob", DOMAIN, "one"))
        self.assertRaises(UserExists, run, shared.add("alice", DOMAIN, "two"))
        self.assertRaises(UnknownUser, run, shared.change("carol", DOMAIN, "two"))
        self.assertRaises(UnknownUser, run, shared.remove("carol", DOMAIN))
        run(shared.change("alice", DOMAIN, "two"))
        made = digests("alice", DOMAIN, "two")[0]
        assert made is not None
        self.soon(lambda: b.store.users.ha1_now("alice", DOMAIN, "MD5") == made.hex())
        self.assertEqual(run(shared.after(None, 1)), [("alice", DOMAIN)])
        self.assertEqual(run(shared.after(("alice", DOMAIN), 5)), [("bob", DOMAIN)])
        run(shared.remove("alice", DOMAIN))
        self.assertFalse(run(shared.has("alice", DOMAIN)))
        self.soon(lambda: b.store.users.known == 1)
        others = AccountsOfOthers(b.store.users)
        self.assertTrue(run(others.has("bob", DOMAIN)))
        for doing in (others.add, others.change):
            self.assertRaises(Problem, run, doing("bob", DOMAIN, "x"))
        self.assertRaises(Problem, run, others.remove("bob", DOMAIN))
        self.assertEqual([("bob", DOMAIN)], run(others.after(None, 1)))

    def test_messages_of_others(self) -> None:
        """What somebody else publishes there harms nobody."""
        a = self.node("a")
        waiting = self.waiting()
        for message in (b"", b"B", b"B\nx\ny\nz", b"U\n\xff\n", b"U\nx@y\n{", b"N\n\xff", b"B\na\n99\n\"x\"\nrubbish"):
            waiting.call("PUBLISH", "oversip:events", message)
        self.soon(lambda: len(self.failures) >= 5)
        a.bind()
        self.assertEqual(a.contacts(), ["sip:x1"])

    def test_expires_by_itself(self) -> None:
        """Redis forgets a user an hour after the last binding was over, whoever is there."""
        a = self.node("a")
        a.bind()
        left = self.waiting().call("PTTL", f"oversip:aor:{ALICE}")
        self.assertTrue(4195 < left / 1000 <= 4200, left)
        a.bind(drop=True)
        left = self.waiting().call("PTTL", f"oversip:aor:{ALICE}")
        self.assertTrue(3595 < left / 1000 <= 3600, left)


class RedisAway(Case):
    """Redis is killed, hangs, comes back with everything, with little, with nothing."""

    def redis(self) -> servers.Redis:
        made = servers.Redis()
        self.addCleanup(made.kill)
        return made

    def down(self, *nodes: Node) -> None:
        self.server.kill()
        self.soon(lambda: not any(node.store._session.up for node in nodes))

    def up(self, *nodes: Node) -> None:
        self.server.start()
        self.soon(lambda: all(node.store._session.up for node in nodes))

    def lose_everything(self) -> None:
        for pattern in ("*.aof", "*.manifest"):
            for file in self.server.folder.rglob(pattern):
                file.unlink()

    def test_K7_no_false_200(self) -> None:
        """While it is away nothing is acknowledged, and who was known is found; afterwards all goes on."""
        a, b = self.node("a", 5.0), self.node("b", 5.0)
        a.bind()
        self.soon(lambda: b.contacts())
        self.down(a, b)
        self.assertRaises(StoreAway, a.bind, 2)
        self.assertEqual((a.contacts(), b.contacts()), (["sip:x1"], ["sip:x1"]))
        self.up(a, b)
        a.bind(2)
        self.soon(lambda: b.contacts() == ["sip:x1", "sip:x2"])

    def test_what_happened_meanwhile(self) -> None:
        """A connection that ended while Redis was away is over for all when it is back, and not resurrected."""
        a, b = self.node("a", 3.0), self.node("b", 3.0)
        gone, _ = a.bind(), a.bind(2)
        self.soon(lambda: len(b.contacts()) == 2)
        self.down(a, b)
        self.reactor.result(a.location.flow_lost(gone.flow_id))
        self.assertEqual(a.contacts(), ["sip:x2"])
        self.up(a, b)
        self.soon(lambda: b.contacts() == ["sip:x2"])
        self.assertEqual(a.contacts(), ["sip:x2"])
        self.assertEqual([each.ended for each in living(self.waiting(), Keys("oversip"))].count(False), 1)

    def test_everything_lost(self) -> None:
        """Redis comes back empty: the servers give back what they hold: bindings, users and keys."""
        RedisAccounts(Keys("oversip"), self.waiting()).add("alice", DOMAIN, digests("alice", DOMAIN, "one"))
        a, b = self.node("a", 5.0), self.node("b", 5.0)
        a.bind()
        b.bind(2, user="bob")
        self.soon(lambda: b.contacts() and a.contacts("bob"))
        self.down(a, b)
        self.lose_everything()
        self.up(a, b)
        self.assertEqual((a.contacts(), b.contacts(), a.contacts("bob")), (["sip:x1"], ["sip:x1"], ["sip:x2"]))
        keys = Keys("oversip")
        self.soon(lambda: len([each for each in living(self.waiting(), keys) if not each.ended]) == 2)
        self.assertEqual(RedisAccounts(keys, self.waiting()).names(), [("alice", DOMAIN)])
        self.assertEqual(tuple(self.waiting().call("LRANGE", "oversip:secret:flows", 0, -1)), a.keys)
        self.assertEqual(int(self.waiting().call("GET", "oversip:schema")), SCHEMA)

    def test_rules_and_aliases(self) -> None:
        """They are the same for all servers at once, whoever says it; they go with their user, stay known while Redis
        is away, and are given back to one that lost them."""
        keys, told = Keys("oversip"), Rules("sip:carol@x", "", None, 7.5)
        accounts, book = RedisAccounts(keys, self.waiting()), RedisBook(RULES, keys, self.waiting())
        accounts.add("alice", DOMAIN, digests("alice", DOMAIN, "one"))
        a, b = self.node("a", 5.0), self.node("b", 5.0)
        heard: dict[str, Rules] = {}
        b.store.rules.follow(heard.__setitem__)
        self.reactor.result(a.store.set_rules(ALICE, told))
        self.soon(lambda: heard == {ALICE: told})
        self.assertEqual((book.of(ALICE), book.of("sip:bob@x"), book.is_user("alice", DOMAIN)), (told, NONE, True))
        named: dict[str, str] = {}
        b.store.aliases.follow(named.__setitem__)
        RedisBook(ALIASES, keys, self.waiting()).set(INFO, ALICE)
        RedisBook(ALIASES, keys, self.waiting()).set(SALES, "sip:bob@x")
        self.soon(lambda: named == {INFO: ALICE, SALES: "sip:bob@x"})
        book.set("sip:bob@x", told)
        self.soon(lambda: heard == {ALICE: told, "sip:bob@x": told})
        late: dict[str, Rules] = {}
        self.node("c").store.rules.follow(late.__setitem__)
        self.assertEqual(late, heard)
        self.down(a, b, self.nodes[-1])
        self.assertEqual(heard, {ALICE: told, "sip:bob@x": told})
        self.lose_everything()
        self.up(*self.nodes)
        self.soon(lambda: RedisBook(RULES, keys, self.waiting()).of(ALICE) == told)
        accounts = RedisAccounts(keys, self.waiting())
        self.soon(lambda: RedisBook(ALIASES, keys, self.waiting()).all() == {INFO: ALICE, SALES: "sip:bob@x"})
        accounts.remove("alice", DOMAIN)
        self.soon(lambda: named == {INFO: "", SALES: "sip:bob@x"})
        RedisBook(RULES, keys, self.waiting()).set("sip:bob@x", NONE)
        self.soon(lambda: heard == {ALICE: NONE, "sip:bob@x": NONE})

    def test_gone_for_good_meanwhile(self) -> None:
        """A server that died while Redis was away: its bindings end after a lease, not at once and not never."""
        a, b = self.node("a"), self.node("b")
        a.bind()
        self.soon(lambda: b.contacts())
        self.down(a, b)
        a.die()
        self.up(b)
        self.assertEqual(b.contacts(), ["sip:x1"])
        self.soon(lambda: b.contacts() == [])

    def test_hangs(self) -> None:
        """It answers nothing: writes fail within seconds, and all is well once it answers again."""
        self.patch(redis_link, "PATIENCE", 0.3)
        a = self.node("a")
        a.bind()
        self.server.pause()
        began = reactor.seconds()
        self.assertRaises(StoreFailed, a.bind, 2)
        self.assertLess(reactor.seconds() - began, 2.0)
        self.server.resume()
        self.soon(lambda: a.store._session.up)
        a.bind(2, 2)
        self.assertEqual(a.contacts(), ["sip:x1", "sip:x2"])

    def test_not_acknowledged_and_yet_done(self) -> None:
        """A write whose answer never came may have been done: it is undone when Redis is back, as memory says."""
        self.patch(redis_link, "PATIENCE", 0.3)
        a = self.node("a")
        self.server.pause()
        self.assertRaises(StoreFailed, a.bind)
        self.server.resume()
        self.soon(lambda: a.store._session.up)
        self.assertEqual([each for each in living(self.waiting(), Keys("oversip")) if not each.ended], [])
        a.bind(1, 2)
        self.assertEqual(a.contacts(), ["sip:x1"])

    def test_users_while_away(self) -> None:
        """Users stay known, and what has changed is known when it is back."""
        keys = Keys("oversip")
        RedisAccounts(keys, self.waiting()).add("alice", DOMAIN, digests("alice", DOMAIN, "one"))
        a = self.node("a")
        self.down(a)
        self.assertEqual(a.store.users.ha1_now("alice", DOMAIN, "MD5"), digests("alice", DOMAIN, "one")[0].hex())
        self.server.start()
        RedisAccounts(keys, self.waiting()).change("alice", DOMAIN, digests("alice", DOMAIN, "two"))
        self.soon(lambda: a.store._session.up)
        self.assertEqual(a.store.users.ha1_now("alice", DOMAIN, "MD5"), digests("alice", DOMAIN, "two")[0].hex())

    def test_becomes_a_replica(self) -> None:
        """After a failover the old one takes no changes: nothing is acknowledged there, and whoever is the master by
        then is used."""
        a = self.node("a")
        a.bind()
        admin = self.waiting()
        admin.call("REPLICAOF", "127.0.0.1", servers.free_port())
        self.assertRaises(StoreFailed, a.bind, 2)
        self.assertFalse(a.store._session.up)
        self.reactor.wait(lambda: any("replica" in str(failure) for failure in self.failures))
        self.assertEqual(a.contacts(), ["sip:x1"])
        admin.call("REPLICAOF", "NO", "ONE")
        self.soon(lambda: a.store._session.up)
        a.bind(2, 2)
        self.assertEqual(a.contacts(), ["sip:x1", "sip:x2"])

    def test_said_once(self) -> None:
        """An absence is a line or two, however often it was tried."""
        a = self.node("a")
        self.down(a)
        self.reactor.wait(lambda: a.store._session._pause >= 0.8)
        self.assertLessEqual(len(self.failures), 3)


class StartUp(Case):
    """What keeps a server from starting is one line."""

    def test_nobody_there(self) -> None:
        """No Redis, or a replica: said so."""
        error = self.assertRaises(StoreFailed, Waiting, Place.of(f"redis://127.0.0.1:{servers.free_port()}"))
        self.assertIn("Connection refused", str(error))
        replica = servers.Redis("--replicaof", f"127.0.0.1 {self.server.port}")
        self.addCleanup(replica.kill)
        self.assertIn("replica", str(self.assertRaises(StoreFailed, Waiting, Place.of(replica.url))))

    def test_password(self) -> None:
        """The password of the URL, and the database of that number."""
        waiting = self.waiting()
        waiting.call("CONFIG", "SET", "requirepass", "se/cr@t")
        self.addCleanup(waiting.call, "CONFIG", "SET", "requirepass", "")
        port = self.server.port
        error = self.assertRaises(StoreFailed, Waiting, Place.of(f"redis://:wrong@127.0.0.1:{port}"))
        self.assertNotIn("wrong", str(error).replace("WRONGPASS", ""))
        self.assertRaises(StoreFailed, Waiting, Place.of(f"redis://127.0.0.1:{port}"))
        self.place = Place.of(f"redis://:se%2Fcr%40t@127.0.0.1:{port}/3")
        self.waiting().call("SET", "here", "3")
        self.node("a").bind()
        self.assertEqual(self.waiting().call("EXISTS", f"oversip:aor:{ALICE}"), 1)
        self.waiting().call("FLUSHDB")

    def test_urls(self) -> None:
        """What a URL may say."""
        self.assertEqual(Place.of("redis://"), Place("127.0.0.1", 6379))
        self.assertEqual(
            Place.of("rediss://me:pw@[::1]:7000/2", ["[::1]:7", "h"], "m"),
            Place("::1", 7000, 2, "me", "pw", True, (("::1", 7), ("h", 26379)), "m"),
        )
        for url in ("http://x", "redis://x/notanumber", "x"):
            self.assertRaises(StoreFailed, Place.of, url)

    def test_newer_schema(self) -> None:
        """What a newer version wrote is left alone; what an older one wrote waits for the upgrade."""
        self.waiting().call("SET", "oversip:schema", SCHEMA + 1)
        self.assertIn("a newer version wrote it", str(self.assertRaises(StoreFailed, self.node, "a")))
        self.waiting().call("DEL", "oversip:schema")
        self.node("a")
        self.assertEqual(int(self.waiting().call("GET", "oversip:schema")), SCHEMA)

    def test_not_installed(self) -> None:
        """Without the libraries the line says what to install."""
        self.patch(redis_link, "txredisapi", None)
        self.assertIn("oversip-tw[redis]", str(self.assertRaises(StoreFailed, self.node, "a")))


class Sentinels(Case):
    """Sentinels are asked where Redis is."""

    def test_by_sentinel(self) -> None:
        """The address is theirs; a Sentinel that is gone is passed over."""
        sentinel = servers.Sentinel(self.server.port)
        self.addCleanup(sentinel.kill)
        self.place = Place.of(
            "redis://", [f"127.0.0.1:{servers.free_port()}", f"127.0.0.1:{sentinel.port}"], "mymaster"
        )
        a = self.node("a")
        a.bind()
        self.assertEqual(a.contacts(), ["sip:x1"])
        self.place = Place.of("redis://", [f"127.0.0.1:{sentinel.port}"], "another")
        self.assertIn("no Sentinel knows", str(self.assertRaises(StoreFailed, self.node, "b")))
