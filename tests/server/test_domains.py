"""Several domains: realms of their own, further names of users, who is called instead, and limits."""

from __future__ import annotations

from hashlib import md5

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.registrar.aliases import Aliases
from oversip_tw.registrar.settings import Domains
from oversip_tw.sip.message import Response
from oversip_tw.sip.uri import Uri
from tests.server.world import CORE, DOMAIN, PASSWORDS, Phone, Users, UsersInMemory, World

OTHER = "other.example"
REALM = "Other Telephony"


class _Everybody(Users):
    """The same users at both domains; those of the second one with its realm in what is stored."""

    def _ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        realm = {DOMAIN: DOMAIN, OTHER: REALM}.get(domain)
        if realm is None or user not in PASSWORDS or algorithm != "MD5":
            return None
        return md5(f"{user}:{realm}:{PASSWORDS[user]}".encode()).hexdigest()


class _EverybodyInMemory(_Everybody, UsersInMemory):
    """Nobody waits for them."""


def challenge_of(phone: Phone, method: str = "REGISTER") -> str:
    """The challenge to a request without credentials."""
    request = phone.build(method, f"sip:{phone.domain}", To=f"<{phone.aor}>")
    if method != "REGISTER":
        request = phone.build(method, phone.aor)
    phone.send(request)
    [answer] = phone.take()
    assert isinstance(answer, Response)
    return answer.get("WWW-Authenticate") or answer.get("Proxy-Authenticate") or ""


class RealmTests(SynchronousTestCase):
    """example.com is its own realm, other.example has one."""

    users: Users = _EverybodyInMemory()

    def setUp(self) -> None:
        self.world = World(domains=(DOMAIN, OTHER), users=self.users, by_domain=Domains(realms={OTHER: REALM}))
        self.alice = self.world.phone("alice")
        self.bob = self.world.phone("bob")
        self.bob.domain = OTHER

    def test_challenges(self) -> None:
        """Each domain's users are asked by its realm, whatever they ask for."""
        self.assertIn(f'realm="{DOMAIN}"', challenge_of(self.alice))
        for method in ("REGISTER", "MESSAGE", "INVITE"):
            self.assertIn(f'realm="{REALM}"', challenge_of(self.bob, method))

    def test_both_register_and_call(self) -> None:
        """Users of both domains reach each other, and no credentials leave."""
        self.assertEqual((self.alice.register().status, self.bob.register().status), (200, 200))
        for caller, callee in ((self.alice, self.bob), (self.bob, self.alice)):
            caller.invite(callee.aor)
            [arrived] = callee.requests("INVITE")
            self.assertFalse(arrived.has("Proxy-Authorization"))
            callee.answer(arrived, 486)

    def test_names_are_of_a_domain(self) -> None:
        """alice of one domain is nobody's alice of the other."""
        self.alice.register()
        self.alice.domain = OTHER
        self.alice.register()
        self.bob.register()
        self.alice.domain = DOMAIN
        self.world.lose(self.alice.flow)
        self.bob.invite(f"sip:alice@{OTHER}")
        self.assertEqual(self.bob.statuses()[-1], 480)
        request = self.bob.ask(self.bob.build("MESSAGE", self.alice.aor, From=f"<sip:bob@{DOMAIN}>;tag=x"))
        self.assertIn(f'realm="{DOMAIN}"', request.get("Proxy-Authorization") or "")
        self.assertEqual(self.bob.statuses()[-1:], [480])

    def test_established_users_are_not_throttled(self) -> None:
        """Wrong passwords from the same address throttle nobody who is registered on the very flow."""
        self.bob.register()
        for number in range(40):
            guesser = Phone(self.world, f"guess{number}", self.world.connect(peer=self.bob.flow.peer))
            guesser.domain = OTHER
            guesser.register()
        self.assertEqual(self.bob.register().status, 200)


class RealmsThatWaitTests(RealmTests):
    """The same where users are asked for elsewhere."""

    users = _Everybody()


class AliasTests(SynchronousTestCase):
    """sales and, at the other domain, info are alice."""

    def setUp(self) -> None:
        names = (f"sip:sales@{DOMAIN}", f"sip:info@{OTHER}")
        aliases = Aliases(dict.fromkeys(names, f"sip:alice@{DOMAIN}"))
        self.world = World(domains=(DOMAIN, OTHER), users=_EverybodyInMemory(), by_domain=Domains(aliases=aliases))
        self.alice, self.bob = self.world.registered("alice"), self.world.registered("bob")

    def test_called(self) -> None:
        """By each of her names, by a GRUU under one of them, and by whoever is trusted."""
        core = Phone(self.world, "core", self.world.udp_flow((CORE, 5060)))
        gruu = f"sip:sales@{DOMAIN};gr={self.alice.instance}"
        for uri in (self.alice.aor, f"sip:sales@{DOMAIN}", f"sip:info@{OTHER}", "sip:SALES@127.0.0.1:5060", gruu):
            self.bob.ask(self.bob.build("MESSAGE", uri))
            found = self.alice.requests("MESSAGE")
            self.assertEqual(len(found), 0 if "SALES" in uri else 1, uri)
        core.send(core.build("MESSAGE", f"sip:info@{OTHER}"))
        self.assertEqual(len(self.alice.requests("MESSAGE")), 1)

    def test_while_running(self) -> None:
        """The store gives one and takes one away; the configuration's stay."""
        aliases = self.world.element.core.ours.aliases
        uri = f"sip:help@{DOMAIN}"
        for aor, found in ((self.alice.aor, 1), ("", 0)):
            aliases.store(uri, aor)
            self.bob.ask(self.bob.build("MESSAGE", uri))
            self.assertEqual(len(self.alice.requests("MESSAGE")), found)
        aliases.store(f"sip:sales@{DOMAIN}", self.bob.aor)
        self.bob.ask(self.bob.build("MESSAGE", f"sip:sales@{DOMAIN}"))
        self.assertEqual(len(self.alice.requests("MESSAGE")), 1)

    def test_absent(self) -> None:
        """480 for an alias of somebody who is away: it is a user."""
        self.world.lose(self.alice.flow)
        self.bob.ask(self.bob.build("MESSAGE", f"sip:sales@{DOMAIN}"))
        self.assertEqual(self.bob.statuses()[-1], 480)

    def test_calling(self) -> None:
        """She may call by each of them, proven by her own name and realm; nobody else may."""
        for name in (f"sales@{DOMAIN}", f"info@{OTHER}"):
            self.alice.ask(self.alice.build("MESSAGE", self.bob.aor, From=f"<sip:{name}>;tag=x"))
            [arrived] = self.bob.requests("MESSAGE")
            self.assertEqual(arrived.from_.uri.text, f"sip:{name}")
            self.bob.answer(arrived, 200)
            self.alice.take()
            self.bob.ask(self.bob.build("MESSAGE", self.bob.aor, From=f"<sip:{name}>;tag=x"))
            self.assertEqual(self.bob.statuses()[-1], 403)

    def test_registering(self) -> None:
        """A phone that registers by one of them is a phone of alice's, whose GRUUs it keeps under that name."""
        second = self.world.phone("alice")
        contact = f'<{second.contact}>;+sip.instance="<{second.instance}>"'
        answer = second.register(To=f"<sip:sales@{DOMAIN}>", From=f"<sip:sales@{DOMAIN}>;tag=f", Contact=contact)
        own = next(each for each in answer.contacts if second.instance in (each.param("+sip.instance") or ""))
        self.assertEqual((answer.status, len(answer.contacts)), (200, 2))
        gruu = own.param("pub-gruu") or ""
        self.assertTrue(gruu.startswith(f"sip:sales@{DOMAIN};gr="))
        again = second.register(To=f"<sip:sales@{DOMAIN}>", Contact=f"<{gruu}>")
        self.assertIn(second.contact, [each.uri.text for each in again.contacts])
        self.bob.invite(gruu)
        self.assertEqual(len(second.requests("INVITE")), 1)
        self.assertEqual(self.alice.requests("INVITE"), [])
        self.assertEqual(self.bob.register(To=f"<sip:sales@{DOMAIN}>").status, 403)


class CatchAllTests(SynchronousTestCase):
    """Who calls nobody's number at other.example gets carol."""

    def setUp(self) -> None:
        self.world = World(
            domains=(DOMAIN, OTHER), users=_EverybodyInMemory(), catch_all={OTHER: Uri.parse(f"sip:carol@{DOMAIN}")}
        )
        self.bob, self.carol = self.world.registered("bob"), self.world.registered("carol")

    def test_nobody(self) -> None:
        """An unknown user of that domain; the hop is counted."""
        self.bob.invite(f"sip:nobody@{OTHER}")
        [arrived] = self.carol.requests("INVITE")
        self.assertEqual((arrived.uri.text, arrived.max_forwards), (self.carol.contact, 67))

    def test_others(self) -> None:
        """Not for users who are only away, not at other domains, not for temporary GRUUs."""
        for uri, status in (
            (f"sip:alice@{OTHER}", 480),
            (f"sip:nobody@{DOMAIN}", 404),
            (f"sip:ovg{'A' * 40}@{OTHER};gr", 404),
        ):
            self.bob.invite(uri)
            self.assertEqual(self.bob.statuses()[-1], status, uri)
        self.assertEqual(self.carol.requests("INVITE"), [])

    def test_away(self) -> None:
        """When carol is away as well the callee is still unknown."""
        self.world.lose(self.carol.flow)
        self.bob.invite(f"sip:nobody@{OTHER}")
        self.assertEqual(self.bob.statuses()[-1], 404)

    def test_nobody_either(self) -> None:
        """Who is called instead does not exist."""
        world = World(users=_EverybodyInMemory(), catch_all={DOMAIN: Uri.parse(f"sip:ghost@{DOMAIN}")})
        bob = world.registered("bob")
        bob.invite(f"sip:nobody@{DOMAIN}")
        self.assertEqual(bob.statuses()[-1], 404)


class LimitTests(SynchronousTestCase):
    """What the users of a domain may have together."""

    def test_registrations(self) -> None:
        """One too many is 403; refreshes are not counted, what ends makes room; other domains have their own."""
        limits = Domains(realms={OTHER: REALM}, registrations={DOMAIN: 2})
        world = World(domains=(DOMAIN, OTHER), users=_EverybodyInMemory(), by_domain=limits)
        alice, bob, carol = world.registered("alice"), world.registered("bob"), world.phone("carol")
        refused = carol.register()
        self.assertEqual((refused.status, refused.reason), (403, "Too Many Registrations In This Domain"))
        self.assertEqual(alice.register().status, 200)
        elsewhere = world.phone("carol")
        elsewhere.domain = OTHER
        self.assertEqual(elsewhere.register().status, 200)
        world.lose(bob.flow)
        self.assertEqual(carol.register().status, 200)
        self.assertEqual(carol.register(expires=0).status, 200)
        world.clock.pump([60] * 11)
        self.assertEqual(world.registered("bob").register().status, 200)

    def test_bindings_of_one_user(self) -> None:
        """A domain may say how many phones each of its users has: the oldest goes; other domains are as all are."""
        limits = Domains(realms={OTHER: REALM}, bindings={DOMAIN: 1})
        world = World(domains=(DOMAIN, OTHER), users=_EverybodyInMemory(), by_domain=limits)
        for domain, most in ((DOMAIN, 1), (OTHER, 2)):
            for _ in range(2):
                phone = world.phone("alice")
                phone.domain = domain
                answer = phone.register()
            self.assertEqual(len(answer.contacts), most)
            self.assertIn(phone.contact, [str(each.uri) for each in answer.contacts])

    def test_calls(self) -> None:
        """A call more is 480, for callers and callees of that domain; the end of one makes room."""
        world = World(by_domain=Domains(calls={DOMAIN: 1}))
        alice, bob, carol = (world.registered(user) for user in ("alice", "bob", "carol"))
        core = Phone(world, "core", world.udp_flow((CORE, 5060)))
        first = alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        for caller in (carol, core):
            caller.take()
            caller.ask(caller.build("INVITE", bob.aor))
            self.assertEqual(caller.statuses()[-1], 480)
        bob.answer(arrived, 486)
        alice.acknowledge(first, [each for each in alice.take() if isinstance(each, Response)][-1])
        carol.invite(bob.aor)
        self.assertEqual(len(bob.requests("INVITE")), 1)

    def test_calls_that_end(self) -> None:
        """BYE makes room; a call whose end nobody saw counts for four hours."""
        world = World(by_domain=Domains(calls={DOMAIN: 1}))
        alice, bob, carol = (world.registered(user) for user in ("alice", "bob", "carol"))
        for ends in (True, False):
            invite = alice.invite(bob.aor)
            accepted = bob.answer(bob.requests("INVITE")[0], 200)
            dialog = alice.dialog(invite, accepted)
            dialog.send("ACK")
            if ends:
                dialog.send("BYE")
        carol.invite(bob.aor)
        self.assertEqual(carol.statuses()[-1], 480)
        world.clock.pump([300] * 48)
        for phone in (alice, bob, carol):
            phone.register()
        carol.invite(bob.aor)
        self.assertNotIn(480, carol.statuses())
        self.assertEqual(world.element.core.calls.count, 1)

    def test_a_call_that_comes_by_again(self) -> None:
        """Through another proxy: it is the same call."""
        world = World(by_domain=Domains(calls={DOMAIN: 1}))
        world.registered("bob")
        core = Phone(world, "core", world.udp_flow((CORE, 5060)))
        for _ in range(2):
            core.send(core.build("INVITE", f"sip:bob@{DOMAIN}", Call_ID="same"))
            self.assertNotIn(480, core.statuses())
