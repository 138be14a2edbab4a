"""Tokens in requests and in handshakes, and credentials that bear their end, before the whole element."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.challenge import BEARER
from oversip_tw.auth.ephemeral import Ephemeral, made, user_in
from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Flow, HandshakeRequest, NotProven, Proof, TlsPeer
from oversip_tw.promise import spawn
from oversip_tw.registrar.aliases import Aliases
from oversip_tw.registrar.settings import Domains
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.testing import MemoryFlow, MemoryHandshake
from tests.auth.answers import answer
from tests.server.world import Dialog, Phone, World, call

#: the world's wall clock at its beginning
NOW = 1_700_001_000
SECRETS = (b"a new secret of ours", b"the one before that")


class Tokens:
    """Tokens are "USER until SECONDS" here, in the subprotocol's place too."""

    def __init__(self) -> None:
        self.read = 0

    async def verify(self, token: str, secure: bool) -> Proof:
        self.read += 1
        user, _, until = token.partition("-")
        if not secure or not until.isdigit() or int(until) <= self.world.clock.seconds() + 1_700_000_000:
            raise NotProven("Bad Token")
        return Proof(f"sip:{user}@example.com", float(until))

    async def prove(self, handshake: HandshakeRequest, flow: Flow) -> Proof | None:
        return await self.verify(handshake.query, flow.secure) if handshake.query else None

    world: World


class Case(SynchronousTestCase):
    """An element that reads them."""

    hooks: Hooks | None = None
    by_domain = Domains()

    def setUp(self) -> None:
        self.tokens = Tokens()
        self.ephemeral = Ephemeral(SECRETS, lambda: self.world.clock.seconds() + 1_700_000_000)
        self.world = self.tokens.world = World(
            self.hooks,
            given={"bearers": self.tokens, "handshakes": self.tokens, "ephemeral": self.ephemeral},
            told={"algorithms": lambda listener: ("MD5", BEARER) if listener.transport == "wss" else None},
            by_domain=self.by_domain,
        )

    def connect(self, query: str = "", flow: MemoryFlow | None = None) -> MemoryFlow:
        """A WebSocket whose handshake says so. Raises what refuses it."""
        flow = flow or MemoryFlow("wss", ("127.0.0.1", 45000), self.world.wss, receiver=self.world.element)
        errors: list[BaseException] = []
        spawn(self.world.element.connecting(MemoryHandshake("/ws", query), flow), errors.append)
        if errors:
            raise errors[0]
        self.world.flows.add(flow)
        self.world.element.flow_opened(flow)
        return flow

    def phone(self, user: str, query: str = "") -> Phone:
        return Phone(self.world, user, self.connect(query))

    def answered(self, phone: Phone, request: Request) -> Response:
        """The first final answer, without another try."""
        phone.take()
        phone.send(request)
        return next(each for each in phone.take() if isinstance(each, Response) and each.status >= 200)

    def registering(self, phone: Phone, **headers: str) -> Response:
        contact = f"<{phone.contact}>;expires=600"
        defaults = {"Contact": contact, "To": f"<{phone.aor}>"}
        return self.answered(phone, phone.build("REGISTER", "sip:example.com", **(defaults | headers)))


class ConnectionTests(Case):
    """What the handshake has proven."""

    def test_not_challenged(self) -> None:
        """Nothing is asked of the connection any more: REGISTER, INVITE, MESSAGE."""
        phone, bob = self.phone("alice", f"alice-{NOW + 60}"), self.world.registered("bob")
        self.assertEqual(self.registering(phone).status, 200)
        phone.send(phone.build("MESSAGE", bob.aor))
        self.assertEqual(len(bob.requests("MESSAGE")), 1)
        phone.send(phone.build("INVITE", bob.aor))
        self.assertEqual(len(bob.requests("INVITE")), 1)
        self.assertEqual(self.tokens.read, 1)

    def test_no_other_identity(self) -> None:
        """Nobody else speaks on it, with whatever credentials or token."""
        phone = self.phone("bob", f"alice-{NOW + 60}")
        self.assertEqual(self.registering(phone).status, 403)
        token = {"Authorization": f"Bearer bob-{NOW + 60}"}
        self.assertEqual(self.registering(phone, **token).status, 403)
        for method in ("INVITE", "MESSAGE", "SUBSCRIBE"):
            self.assertEqual(self.answered(phone, phone.build(method, "sip:carol@example.com")).status, 403)
        alice = Phone(self.world, "alice", phone.flow)
        self.assertEqual(self.registering(alice, To="<sip:bob@example.com>").status, 403)

    def test_bad_token(self) -> None:
        """T8: a token that is wrong or over opens no connection."""
        for query in ("x", f"alice-{NOW}"):
            error = self.assertRaises(SIPError, self.connect, query)
            self.assertEqual((error.status, error.headers), (401, (("WWW-Authenticate", "Bearer"),)))
        self.assertEqual(self.world.left(), {})

    def test_expired(self) -> None:
        """When the token is over, the next request out of dialog has to prove the same user again, by whatever there
        is; nobody else will do."""
        phone = self.phone("alice", f"alice-{NOW + 60}")
        self.assertEqual(self.registering(phone).status, 200)
        self.world.clock.advance(61)
        self.assertEqual(self.registering(phone).status, 401)
        self.assertEqual(self.answered(phone, phone.build("MESSAGE", "sip:bob@example.com")).status, 407)
        bob = Phone(self.world, "bob", phone.flow)
        self.assertEqual(bob.register().status, 403)
        self.assertEqual(self.registering(bob, Authorization=f"Bearer bob-{NOW + 600}").status, 403)
        self.assertEqual(phone.register().status, 200)
        self.assertEqual(self.registering(phone).status, 401)

    def test_renewed(self) -> None:
        """A fresh token makes the connection good again, before its end and after; a worse one takes nothing away."""
        phone = self.phone("alice", f"alice-{NOW + 60}")
        self.world.clock.advance(61)
        self.assertEqual(self.registering(phone, Authorization=f"Bearer alice-{NOW + 120}").status, 200)
        self.assertEqual(self.registering(phone).status, 200)
        self.assertEqual(self.registering(phone, Authorization=f"Bearer alice-{NOW + 600}").status, 200)
        self.world.clock.advance(400)
        self.assertEqual(self.registering(phone).status, 200)
        self.assertEqual(self.registering(phone, Authorization="Bearer x").status, 200)
        self.world.clock.advance(200)
        self.assertEqual(self.registering(phone).status, 401)

    def test_calls_go_on(self) -> None:
        """The end of a token ends no call: what is in a dialog passes."""
        phone, bob = self.phone("alice", f"alice-{NOW + 60}"), self.world.registered("bob")
        self.assertEqual(self.registering(phone).status, 200)
        mine, theirs = call(phone, bob)
        self.world.clock.advance(61)
        assert isinstance(mine, Dialog)
        mine.send("INFO")
        [info] = bob.requests("INFO")
        bob.answer(info, 200)
        theirs.send("BYE")
        self.assertEqual(len(phone.requests("BYE")), 1)

    def test_nothing_left(self) -> None:
        """Who leaves takes the timer along."""
        phone = self.phone("alice", f"alice-{NOW + 60_000}")
        self.assertEqual(self.world.left(), {"timers": 1})
        self.world.lose(phone.flow)
        self.assertEqual(self.world.left(), {})
        other = self.phone("alice", f"alice-{NOW + 60}")
        self.world.clock.advance(61)
        self.world.lose(other.flow)
        self.assertEqual(self.world.element._proofs.over, set())

    def test_certificate_of_another(self) -> None:
        """A certificate and a token that name two users open no connection."""
        flow = MemoryFlow("wss", ("127.0.0.1", 45000), self.world.wss, receiver=self.world.element)
        flow.identity = "sip:bob@example.com"
        self.assertEqual(self.assertRaises(SIPError, self.connect, f"alice-{NOW + 60}", flow).status, 403)


class Judge(Hooks):
    """Looks at who comes."""

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        if flow.identity == "sip:carol@example.com":
            raise SIPError(403, "Not Today")
        if flow.identity == "sip:bob@example.com":
            flow.identity = None


class HookTests(Case):
    """A hook that knows better."""

    hooks = Judge()

    def test_hook(self) -> None:
        """It sees whom the token has proven, may refuse him, and may take it back."""
        self.assertEqual(self.assertRaises(SIPError, self.connect, f"carol-{NOW + 60}").status, 403)
        self.assertEqual(self.registering(self.phone("alice", f"alice-{NOW + 60}")).status, 200)
        self.assertEqual(self.registering(self.phone("bob", f"bob-{NOW + 60}")).status, 401)


class BearerTests(Case):
    """RFC 8898: a token in a request proves that request."""

    def test_register_and_call(self) -> None:
        """In Authorization or Proxy-Authorization, whatever is asked for; it proves no connection, and goes nowhere."""
        phone, bob = self.phone("alice"), self.world.registered("bob")
        token = f"Bearer alice-{NOW + 60}"
        self.assertEqual(self.registering(phone, Authorization=token).status, 200)
        for header in ("Authorization", "Proxy_Authorization"):
            phone.send(phone.build("MESSAGE", bob.aor, **{header: token}))
            [message] = bob.requests("MESSAGE")
            self.assertNotIn(b"Bearer", message.to_bytes())
        self.assertEqual(self.registering(phone).status, 401)

    def test_challenge(self) -> None:
        """Bearer stands behind Digest where it is offered, and says what was wrong with the token."""
        phone = self.phone("alice")
        plain = self.registering(phone).get_all("WWW-Authenticate")
        self.assertTrue(plain[0].startswith("Digest "))
        self.assertEqual(plain[1:], ['Bearer realm="example.com"'])
        wrong = self.registering(phone, Authorization="Bearer x")
        self.assertEqual((wrong.status, wrong.get_all("WWW-Authenticate")[1]),
                         (401, 'Bearer realm="example.com", error="invalid_token"'))  # fmt: skip
        elsewhere = self.registering(self.world.phone("alice", "udp"), Authorization=f"Bearer alice-{NOW + 60}")
        self.assertEqual((elsewhere.status, len(elsewhere.get_all("WWW-Authenticate"))), (401, 1))

    def test_of_another(self) -> None:
        """A8, A9: the token is another's."""
        phone = self.phone("bob")
        token = f"Bearer alice-{NOW + 60}"
        self.assertEqual(self.registering(phone, Authorization=token).status, 403)
        message = phone.build("MESSAGE", "sip:carol@example.com", Authorization=token)
        self.assertEqual(self.answered(phone, message).status, 403)

    def test_anonymous(self) -> None:
        """Who hides the name in From is still the token's user."""
        phone, bob = self.phone("alice"), self.world.registered("bob")
        hidden = {"From": "<sip:anonymous@anonymous.invalid>;tag=1", "Authorization": f"Bearer alice-{NOW + 60}"}
        phone.send(phone.build("MESSAGE", bob.aor, **hidden))
        self.assertEqual(len(bob.requests("MESSAGE")), 1)


class EphemeralTests(Case):
    """The scheme of coturn's REST API, by digest."""

    def register(self, name: str, password: str, user: str = "alice") -> Response:
        phone = self.phone(user)
        challenge = self.registering(phone).get("WWW-Authenticate") or ""
        credentials = answer(challenge, name, password, over={"uri": "sip:example.com"})
        return self.registering(phone, Authorization=credentials)

    def test_right(self) -> None:
        """Each secret counts, with a domain in the name and without; the user need not be in any store."""
        for secret in SECRETS:
            for user in ("alice", "alice@example.com", "alice@EXAMPLE.com"):
                name = f"{NOW + 60}:{user}"
                self.assertEqual(self.register(name, made(secret, name)).status, 200)
        name = f"{NOW + 60}:dave"
        self.assertEqual(self.register(name, made(SECRETS[0], name), "dave").status, 200)

    def test_of_openssl(self) -> None:
        """As `echo -n NAME | openssl dgst -sha1 -hmac SECRET -binary | base64` makes it."""
        self.assertEqual(made(b"north", "1433895918:ninefingers"), "jy8hTxmOO7UtEKXqSkSlvakPVYA=")

    def test_over(self) -> None:
        """What was right once says so: 403, and counts as no failure."""
        name = f"{NOW}:alice"
        answered = self.register(name, made(SECRETS[0], name))
        self.assertEqual((answered.status, answered.reason), (403, "Credentials Expired"))
        self.assertEqual(self.world.element.authenticator.failures, 0)

    def test_wrong(self) -> None:
        """Other secrets, other names, another end; of another user 403."""
        name = f"{NOW + 60}:alice"
        for user, password in (
            (name, made(b"a secret of nobody's", name)),
            (name, "wonderland"),
            (f"{NOW + 61}:alice", made(SECRETS[0], name)),
            (name, made(SECRETS[0], name, "sha256")),
        ):
            self.assertEqual(self.register(user, password).status, 401)
        for user in ("alice@example.org", "x@alice@example.com", "", "a:b"):
            odd = f"{NOW + 60}:{user}"
            self.assertEqual(self.register(odd, made(SECRETS[0], odd)).status, 401)
        self.assertEqual(self.register("soon:alice", made(SECRETS[0], "soon:alice")).status, 401)
        self.assertEqual(self.register(name, made(SECRETS[0], name), "bob").status, 403)

    def test_a7_guessed(self) -> None:
        """A7: guesses count against the user, whatever end they bear."""
        for number in range(10):
            self.register(f"{NOW + number}:alice", "guess")
        self.assertEqual(self.register(f"{NOW + 60}:alice", made(SECRETS[0], f"{NOW + 60}:alice")).status, 403)

    def test_secrets(self) -> None:
        """They may be exchanged; without any nobody is let in."""
        name = f"{NOW + 60}:alice"
        self.ephemeral.use(())
        self.assertEqual(self.register(name, made(b"", name)).status, 401)
        self.assertRaises(ValueError, Ephemeral, (), lambda: 0.0, "md5")
        self.assertEqual(user_in("1:alice", "example.com"), "alice")


class NamesTests(EphemeralTests):
    """Where the domain has a realm of its own, and alice is info as well: all of the above, and this."""

    by_domain = Domains(
        realms={"example.com": "The Realm"}, aliases=Aliases({"sip:info@example.com": "sip:alice@example.com"})
    )

    def test_alias_in_a_token(self) -> None:
        """A token of info is one of alice: at the handshake and in a request, for either name."""
        for name in ("alice", "info"):
            self.assertEqual(self.registering(self.phone(name, f"info-{NOW + 60}")).status, 200)
            bearer = {"Authorization": f"Bearer info-{NOW + 60}"}
            self.assertEqual(self.registering(self.phone(name), **bearer).status, 200)
        self.assertEqual(self.registering(self.phone("bob", f"info-{NOW + 60}")).status, 403)


class CertificateTests(SynchronousTestCase):
    """A client certificate that names a user."""

    def phone(
        self,
        users: tuple[str, ...],
        verified: bool | None = True,
        certificates: bool = True,
        by_domain: Domains | None = None,
    ) -> Phone:
        self.world = World(told={"certificates": certificates}, by_domain=by_domain)
        flow = MemoryFlow("wss", ("127.0.0.1", 45000), self.world.wss, receiver=self.world.element)
        flow.tls = TlsPeer((b"",), verified, "", (), users)
        self.assertIsNone(self.world.element.tls_accepted(flow, flow.tls))
        self.world.flows.add(flow)
        self.world.element.flow_opened(flow)
        return Phone(self.world, "alice", flow)

    def register(self, phone: Phone) -> int:
        request = phone.build("REGISTER", "sip:example.com", To=f"<{phone.aor}>", Contact=f"<{phone.contact}>")
        phone.send(request)
        [answer] = phone.statuses()
        return answer

    def test_user(self) -> None:
        """The connection is that user's, and no other's."""
        phone = self.phone(("sip:alice@example.com", "sip:alice@elsewhere.example"))
        self.assertEqual(self.register(phone), 200)
        self.assertEqual(self.register(Phone(self.world, "bob", phone.flow)), 403)

    def test_alias(self) -> None:
        """It may name the user by an alias, or by that as well."""
        aliases = Domains(aliases=Aliases({"sip:info@example.com": "sip:alice@example.com"}))
        for users in (("sip:info@example.com",), ("sip:alice@example.com", "sip:info@example.com")):
            self.assertEqual(self.register(self.phone(users, by_domain=aliases)), 200)

    def test_nobody(self) -> None:
        """Nobody vouches for it, it names somebody else's user or several, or certificates prove nobody here."""
        for how in (
            {"verified": False},
            {"verified": None},
            {"users": ()},
            {"users": ("sip:alice@example.org",)},
            {"users": ("sip:alice@example.com", "sip:bob@example.com")},
            {"certificates": False},
        ):
            phone = self.phone(**{"users": ("sip:alice@example.com",), **how})  # type: ignore[arg-type]
            self.assertEqual(self.register(phone), 401)

    def test_trunk(self) -> None:
        """A peer that is trusted by its certificate calls without credentials; the same name without it is nobody."""
        trusted = (TrustedSource((), Role.TRUNK, None, frozenset({"wss"}), "sip.provider.example"),)
        self.world = World(trusted=trusted)
        bob = self.world.registered("bob")
        for verified, calls in ((True, 1), (False, 0)):
            flow = MemoryFlow("wss", ("192.0.2.9", 45000), self.world.wss, receiver=self.world.element)
            flow.tls = TlsPeer((b"",), verified, "", ("sip.provider.example",))
            self.world.flows.add(flow)
            trunk = Phone(self.world, "+1555", flow)
            trunk.send(trunk.build("MESSAGE", bob.aor, From="<sip:+1555@sip.provider.example>;tag=1"))
            self.assertEqual(len(bob.requests("MESSAGE")), calls)
