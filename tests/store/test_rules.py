"""Rules of users, in the store and in memory."""

from __future__ import annotations

import contextlib

from oversip_tw.proxy.user_rules import NONE, Rules
from oversip_tw.store.aliases import SqlAliases
from oversip_tw.store.database import open_database
from oversip_tw.store.passwords import UnknownUser, add_user, list_users, remove_user
from oversip_tw.store.rules import rules_of, set_rules
from tests.store.files import StoreCase

BOB, CAROL = "sip:bob@example.com", "sip:carol@example.com"
RULES = Rules(CAROL, "", None, 12.5)


class RulesTest(StoreCase):
    """What another process, or this one, has set."""

    def setUp(self) -> None:
        super().setUp()
        self.heard: dict[str, Rules] = {}

    def test_as_they_were_set(self) -> None:
        """None, "" and numbers come back as they were; the last word counts; who has none has none."""
        with contextlib.closing(open_database(self.path)) as database:
            set_rules(database, BOB, Rules(forward_busy="sip:x@example.com"))
            set_rules(database, BOB, RULES)
            self.assertEqual(RULES, rules_of(database, BOB))
            self.assertEqual(NONE, rules_of(database, CAROL))
            set_rules(database, BOB, NONE)
            self.assertEqual(NONE, rules_of(database, BOB))

    def test_at_start(self) -> None:
        """What was there is told to whoever follows."""
        with contextlib.closing(open_database(self.path)) as database:
            set_rules(database, BOB, RULES)
        self.open().rules.follow(self.heard.__setitem__)
        self.assertEqual({BOB: RULES}, self.heard)

    def test_while_running(self) -> None:
        """Changes of another process are told within two seconds, removals too."""
        store = self.open()
        store.rules.follow(self.heard.__setitem__)
        store.start()
        with contextlib.closing(open_database(self.path)) as database:
            for rules in (RULES, NONE):
                set_rules(database, BOB, rules)
                set_rules(database, CAROL, RULES)
                self.clock.advance(1.0)
                self.reactor.turn()
                self.assertEqual({BOB: rules, CAROL: RULES}, self.heard)

    def test_by_this_process(self) -> None:
        """A change is known as soon as it is durable; what cannot be done changes nothing."""
        store = self.open()
        store.rules.follow(self.heard.__setitem__)
        self.reactor.result(store.change(lambda database: set_rules(database, BOB, RULES)))
        self.assertEqual({BOB: RULES}, self.heard)
        self.reactor.result(store.change(lambda database: add_user(database, "bob", "example.com", "x")))
        self.assertEqual([("bob", "example.com")], self.reactor.result(store.ask(list_users)))
        self.assertEqual(1, len(store.users))
        with self.assertRaises(UnknownUser):
            self.reactor.result(store.change(lambda database: remove_user(database, "carol", "example.com")))


class AliasesTest(StoreCase):
    """Further names of users, as what is set beside them."""

    def test_while_running(self) -> None:
        """What was there at the start is told, and what another process changes, within two seconds; those of a user
        go with him."""
        heard: dict[str, str] = {}
        with contextlib.closing(open_database(self.path)) as database:
            add_user(database, "bob", "example.com", "x")
            book = SqlAliases(database)
            book.set("sip:info@example.com", BOB)
            store = self.open()
            store.aliases.follow(heard.__setitem__)
            self.assertEqual({"sip:info@example.com": BOB}, heard)
            store.start()
            book.set("sip:help@example.com", BOB)
            book.set("sip:sales@example.com", CAROL)
            self.clock.advance(1.0)
            self.reactor.turn()
            self.assertEqual([BOB, BOB, CAROL], list(heard.values()))
            remove_user(database, "bob", "example.com")
            self.assertEqual({"sip:sales@example.com": CAROL}, book.all())
            self.clock.advance(1.0)
            self.reactor.turn()
            self.assertEqual(["", "", CAROL], list(heard.values()))
