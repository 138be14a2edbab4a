"""Attacks on authentication, A1 to A18, each against the whole element."""

from __future__ import annotations

import sys
from hashlib import md5

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.ephemeral import Ephemeral, made
from oversip_tw.interfaces import Proof
from oversip_tw.service.identifiers import Identifiers
from oversip_tw.sip.message import Request, Response
from oversip_tw.store.passwords import digests
from oversip_tw.store.users import KnownUsers
from tests.auth.answers import answer, challenge_params
from tests.server.world import CORE, DOMAIN, PASSWORDS, Phone, Users, UsersInMemory, World, call

METHODS = ("INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "INFO", "UNHEARDOF")


class Case(SynchronousTestCase):
    """alice, who knows her password, and bob, who is registered."""

    def setUp(self) -> None:
        self.use(World())

    def use(self, world: World) -> None:
        self.world = world
        self.bob = world.registered("bob")
        self.alice = world.phone("alice")

    @property
    def failures(self) -> int:
        return self.world.element.authenticator.failures

    def sent(self, phone: Phone, request: Request) -> Response:
        """The last answer to ``request``."""
        phone.take()
        phone.send(request)
        return next(each for each in reversed(phone.take()) if isinstance(each, Response))

    def register(self, phone: Phone, user: str = "alice", **headers: str) -> Request:
        aor = f"sip:{user}@{DOMAIN}"
        contact = f"<{phone.contact}>;expires=600"
        defaults = {"From": f"<{aor}>;tag=1", "To": f"<{aor}>", "Contact": contact}
        return phone.build("REGISTER", f"sip:{DOMAIN}", **(defaults | headers))

    def challenge(self, phone: Phone, **how: str) -> str:
        return self.sent(phone, self.register(phone, **how)).get("WWW-Authenticate") or ""

    def credentials(self, challenge: str, user: str = "alice", password: str = "wonderland", **how: object) -> str:
        """For a REGISTER, unless said otherwise."""
        over = {"uri": f"sip:{DOMAIN}", **how.pop("over", {})}  # type: ignore[dict-item]
        return answer(challenge, user, password, over=over, **how)  # type: ignore[arg-type]

    def bound(self, user: str = "alice") -> int:
        bindings = self.world.element.core.location.by_flow(self.alice.flow.id)
        return sum(binding.aor == f"sip:{user}@{DOMAIN}" for binding in bindings)


class Replays(Case):
    """Nonces."""

    def test_A1_replay(self) -> None:
        """A1: what was sent once is stale, does nothing again, and counts as no failure; a nonce serves 2^16 times."""
        challenge = self.challenge(self.alice)
        credentials = self.credentials(challenge)
        self.assertEqual(200, self.sent(self.alice, self.register(self.alice, Authorization=credentials)).status)
        gone = self.register(self.alice, Authorization=credentials, Contact=f"<{self.alice.contact}>;expires=0")
        again = self.sent(self.alice, gone)
        self.assertEqual((401, "true"), (again.status, challenge_params(again.get("WWW-Authenticate") or "")["stale"]))
        self.assertEqual((1, 0), (self.bound(), self.failures))
        for count in (2, 255, 256, 257, 65_535, 65_536, 65_537):
            credentials = self.credentials(challenge, nc=count)
            self.assertEqual(200, self.sent(self.alice, self.register(self.alice, Authorization=credentials)).status)
            self.assertEqual(401, self.sent(self.alice, self.register(self.alice, Authorization=credentials)).status)

    def test_A2_old_nonce(self) -> None:
        """A2: after 300 s, or with a nonce of a run before this one, stale and no failure: nobody is asked again."""
        old = self.challenge(self.alice)
        self.world.clock.advance(301)
        before = World()
        foreign = Case.challenge(self, before.phone("alice"))
        for challenge in (old, foreign):
            refused = self.sent(self.alice, self.register(self.alice, Authorization=self.credentials(challenge)))
            self.assertIn("stale=true", refused.get("WWW-Authenticate") or "")
        self.assertEqual(0, self.failures)

    def test_A3_forged_nonce(self) -> None:
        """A3: invented nonces are stale under a right digest alone, else plainly wrong."""
        challenge = self.challenge(self.alice)
        nonce = challenge_params(challenge)["nonce"]
        for forged in ("", "x", nonce[:-1] + ("A" if nonce[-1] != "A" else "B"), nonce.upper(), nonce * 2):
            for password, stale in (("wonderland", True), ("wrong", False)):
                credentials = self.credentials(challenge, password=password, over={"nonce": forged})
                refused = self.sent(self.alice, self.register(self.alice, Authorization=credentials))
                self.assertEqual((401, stale), (refused.status, "stale" in (refused.get("WWW-Authenticate") or "")))

    def test_A6_downgrade(self) -> None:
        """A6: MD5 where SHA-256 alone is offered, and credentials without qop, count for nothing."""
        self.use(World(told={"algorithms": lambda listener: ("SHA-256",) if listener.transport == "tcp" else None}))
        phone = self.world.phone("alice", "tcp")
        challenge = self.challenge(phone)
        self.assertEqual("SHA-256", challenge_params(challenge)["algorithm"])
        asked = self.world.users.asked
        for over in ({"algorithm": "MD5"}, {"algorithm": None}, {"qop": None}, {"algorithm": "MD5", "qop": None}):
            credentials = self.credentials(challenge, over=over)
            self.assertEqual(401, self.sent(phone, self.register(phone, Authorization=credentials)).status)
        self.assertEqual(asked, self.world.users.asked)


class Alike(Users):
    """A store whose own work is the same for everybody, so that ours shows."""

    def _ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        digest = md5(f"{user}:{domain}:{PASSWORDS.get(user)}".encode()).hexdigest()
        return digest if user in PASSWORDS else None


class AlikeAtOnce(Alike, UsersInMemory):
    """The same, in memory."""


class Enumeration(Case):
    """Who is a user is nobody's business."""

    def outline(self, response: Response) -> tuple[object, ...]:
        """First line, names of headers, and the challenge but for its nonce."""
        names = [line.partition(":")[0] for line in response.to_bytes().decode().split("\r\n")[1:]]
        challenge = response.get("WWW-Authenticate") or response.get("Proxy-Authenticate") or ""
        params = challenge_params(challenge) if challenge else {}
        return response.status, response.reason, names, {**params, "nonce": ""}

    def test_A4_by_the_answer(self) -> None:
        """A4: REGISTER, INVITE, OPTIONS and others for known users, absent ones and none get the same, before and after
        a wrong password."""
        for method in ("REGISTER", "INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE"):
            seen = []
            for user in ("bob", "alice", "nobody"):
                aor = f"sip:{user}@{DOMAIN}"
                phone = self.world.phone("x", "udp")
                uri = f"sip:{DOMAIN}" if method == "REGISTER" else aor
                request = phone.build(method, uri, From=f"<{aor}>;tag=1", To=f"<{aor}>")
                first = self.sent(phone, request)
                challenge = first.get("WWW-Authenticate") or first.get("Proxy-Authenticate") or ""
                header = "Authorization" if method == "REGISTER" else "Proxy_Authorization"
                wrong = answer(challenge, user, "wrong", method, over={"uri": uri})
                same = {"From": f"<{aor}>;tag=1", "To": f"<{aor}>", header: wrong}
                second = self.sent(phone, phone.build(method, uri, **same))
                seen.append((self.outline(first), self.outline(second)))
            self.assertEqual([seen[0]] * 3, seen, method)
        self.assertEqual([], self.bob.take())

    def work(self, user: str, number: int) -> tuple[int, int, int]:
        """What one wrong REGISTER costs: digests, look-ups, and calls of functions."""
        phone = self.world.phone("x", "udp")
        wrong = self.credentials(self.challenge(phone, user=user), user, f"wrong{number}")
        request = self.register(phone, user, Authorization=wrong).to_bytes()
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        authenticator, users = self.world.element.authenticator, self.world.users
        before = authenticator.digests, users.asked
        sys.setprofile(count)
        try:
            phone.flow.receive(request)
        finally:
            sys.setprofile(None)
        [refused] = phone.statuses()
        self.assertEqual(401, refused)
        return authenticator.digests - before[0], users.asked - before[1], calls

    def test_A5_by_the_time(self) -> None:
        """A5: the work is the same, to the call of a function, for somebody and for nobody; with a store that is asked
        each time as with one in memory."""
        for users in (AlikeAtOnce(), Alike()):
            self.use(World(users=users))
            self.work("alice", 0)
            self.work("nobody", 0)  # what is remembered of names is remembered of both
            # a memory of what was read last is emptied now and then, whoever's turn it is
            known, unknown = (min(self.work(user, number) for number in (1, 2, 3)) for user in ("alice", "nobody"))
            self.assertEqual(known, unknown)
            self.assertEqual((1, 1), known[:2])

    def test_A7_brute_force(self) -> None:
        """A7: after ten wrong passwords not even the right one counts from there, with one line for fail2ban; who is
        registered on a connection, trusted peers and other addresses never notice."""
        at_home = self.world.registered("alice")
        challenge = self.challenge(self.alice)
        for number in range(12):
            wrong = self.credentials(challenge, password=f"guess{number}")
            status = self.sent(self.alice, self.register(self.alice, Authorization=wrong)).status
            self.assertEqual(401 if number < 10 else 403, status)
        right = self.credentials(self.challenge(self.alice))
        self.assertEqual(403, self.sent(self.alice, self.register(self.alice, Authorization=right)).status)
        lines = [text for level, text in self.world.log.lines if level == "warn"]
        self.assertEqual([f"too many failed logins from 127.0.0.1 for alice@{DOMAIN}"], lines)
        self.assertEqual(200, at_home.register().status)
        elsewhere = Phone(self.world, "alice", self.world.connect("ws", ("192.0.2.5", 40000)))
        self.assertEqual(200, elsewhere.register().status)
        core = Phone(self.world, "alice", self.world.udp_flow((CORE, 5060)))
        self.assertEqual(200, self.sent(core, self.register(core)).status)


class Impersonation(Case):
    """In somebody else's name."""

    def test_A8_register_for_another(self) -> None:
        """A8: own credentials, another's address-of-record: 403."""
        phone = self.world.phone("alice")
        self.assertEqual(403, phone.register(To=f"<sip:bob@{DOMAIN}>").status)
        self.assertEqual(403, phone.register(To=f"<sip:nobody@{DOMAIN}>").status)

    def test_A9_from_of_another(self) -> None:
        """A9: own credentials, another's From: 403, whatever the method; trusted peers may."""
        for method in ("INVITE", "MESSAGE"):
            self.alice.ask(self.alice.build(method, self.bob.aor, From=f"<sip:carol@{DOMAIN}>;tag=x"))
            self.assertEqual([403], self.alice.statuses())
        self.assertEqual([], self.bob.take())
        core = Phone(self.world, "x", self.world.udp_flow((CORE, 5060)))
        core.send(core.build("MESSAGE", self.bob.aor, From=f"<sip:carol@{DOMAIN}>;tag=x"))
        self.assertEqual(1, len(self.bob.requests("MESSAGE")))

    def test_A10_without_credentials(self) -> None:
        """A10: every method out of dialog is challenged as INVITE is."""
        for method in METHODS:
            self.alice.send(self.alice.build(method, self.bob.aor))
            self.assertEqual([407], self.alice.statuses(), method)
        self.assertEqual([], self.bob.take())

    def test_A11_invented_to_tag(self) -> None:
        """A11: a To tag alone opens nothing: 403, and an ACK nothing at all."""
        for method in (*METHODS, "BYE", "UPDATE", "NOTIFY", "ACK"):
            self.alice.send(self.alice.build(method, self.bob.aor, To=f"<{self.bob.aor}>;tag=invented"))
            expected = [] if method == "ACK" else [407] if method == "PUBLISH" else [403]
            self.assertEqual(expected, self.alice.statuses(), method)
        self.assertEqual([], self.bob.take())

    def test_A17_third_party(self) -> None:
        """A17: neither CANCEL nor BYE of somebody who is no party to a call; our branches are 64 random bits."""
        invite = self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        carol = self.world.registered("carol")
        carol.cancel(invite)
        self.assertEqual([481], carol.statuses())
        self.assertEqual([], self.bob.take())
        self.bob.answer(arrived, 486)
        self.bob.take()
        dialog, _ = call(self.alice, self.bob)
        for routes in (dialog.routes, []):
            bye = dialog.build("BYE")
            bye.set("Via", carol.via())
            bye.remove("Route")
            for route in routes:
                bye.append("Route", route.replace("ovr", "ovq"))
            carol.send(bye)
            self.assertEqual([403], carol.statuses())
        self.assertEqual([], self.bob.take())
        made_up = {Identifiers()() for _ in range(1000)}
        self.assertEqual((1000, {16}), (len(made_up), {len(each) for each in made_up}))


class Credentials(Case):
    """What is said, and who hears it."""

    def test_A12_of_another_request(self) -> None:
        """A12: credentials for another method or another URI are 401; a swapped body shows with auth-int."""
        challenge = self.challenge(self.alice)
        for credentials in (
            self.credentials(challenge, method="INVITE"),
            self.credentials(challenge, over={"uri": self.bob.aor}),
            self.credentials(challenge, over={"uri": "sip:elsewhere.example"}),
        ):
            self.assertEqual(401, self.sent(self.alice, self.register(self.alice, Authorization=credentials)).status)
        self.assertEqual(0, self.bound())

    def test_A13_odd_headers(self) -> None:
        """A13: other schemes, missing parameters, several headers, kilobytes: 401 or 400, and the right one counts."""
        challenge = self.challenge(self.alice)
        params = challenge_params(self.credentials(challenge))
        odd = ["", "?", "Basic YTpi", "Bearer x", "Digest", 'Digest realm="', "Digest " + "a=b," * 2000]
        for left in set(params) - {"algorithm"}:
            odd.append("Digest " + ", ".join(f'{key}="{value}"' for key, value in params.items() if key != left))
        for value in odd:
            request = self.register(self.alice)
            request.append("Authorization", value)
            self.assertIn(self.sent(self.alice, request).status, (400, 401), value[:50])
        request = self.register(self.alice)
        for value in ("Basic YTpi", self.credentials(challenge, password="wrong"), self.credentials(challenge)):
            request.append("Authorization", value)
        self.assertEqual(200, self.sent(self.alice, request).status)
        self.assertEqual([], self.world.errors())

    def test_A14_not_forwarded(self) -> None:
        """A14: what was for us does not leave, nor does any Bearer; what is for others does."""
        self.alice.send(self.alice.build("MESSAGE", self.bob.aor))
        [challenge] = self.alice.take()
        assert isinstance(challenge, Response)
        message = self.alice.authorized(self.alice.build("MESSAGE", self.bob.aor), challenge)
        for header in ("Authorization", "Proxy-Authorization"):
            message.append(header, "Bearer abcdef")
            message.append(header, 'Digest realm="elsewhere.example", nonce="x"')
        self.alice.send(message)
        [arrived] = self.bob.requests("MESSAGE")
        kept = arrived.get_all("Authorization") + arrived.get_all("Proxy-Authorization")
        self.assertEqual(['Digest realm="elsewhere.example", nonce="x"'] * 2, kept)

    def test_A16_challenge_of_a_phone(self) -> None:
        """A16: a phone asks nobody for our users' credentials: its 401 and 407 become 403. The core's pass."""
        for status, header in ((401, "WWW_Authenticate"), (407, "Proxy_Authenticate")):
            self.alice.invite(self.bob.aor)
            [arrived] = self.bob.requests("INVITE")
            self.bob.answer(arrived, status, **{header: f'Digest realm="{DOMAIN}", nonce="x"'})
            refused = self.alice.take()[-1]
            assert isinstance(refused, Response)
            self.assertEqual((403, None, None), (refused.status, refused.get("WWW-Authenticate"),
                                                 refused.get("Proxy-Authenticate")))  # fmt: skip

    def test_A18_metacharacters(self) -> None:
        """A18: names and Call-IDs that mean something to a database are names and Call-IDs."""
        odd = ("' OR 1=1 --", "');DROP TABLE users;--", "*", "*)(uid=*", "%", "_", "\\0", "KEYS *", "${x}")
        users = KnownUsers()
        for name in ("alice", odd[-1]):
            users.set(name, DOMAIN, digests(name, DOMAIN, PASSWORDS["alice"]))
        world = World(users=users)  # type: ignore[arg-type]
        phone = world.phone("alice", "udp")
        for name in odd:
            for realm in (DOMAIN, name):
                challenge = self.challenge(phone, Call_ID="'%*{}<drop>")
                credentials = self.credentials(challenge, name, over={"realm": realm})
                status = self.sent(phone, self.register(phone, Authorization=credentials)).status
                expected = 403 if (name, realm) == (odd[-1], DOMAIN) else 401
                self.assertEqual(expected, status, name)
        self.assertEqual(([], 2), (world.errors(), len(users)))


class Tokens:
    """One token, which is right."""

    async def verify(self, token: str, secure: bool) -> Proof:
        return Proof(f"sip:alice@{DOMAIN}", 2e9)


class Secrets(Case):
    """What stands in the log."""

    def test_A15_nothing_secret_is_written(self) -> None:
        """A15: with every message traced: no password, HA1, response, token or cookie, neither in good requests nor in
        those that are refused, cannot be read, or meet a bug."""
        secret = b"a secret of ephemeral ones"
        name = "1900000000:alice"
        ephemeral, token = made(secret, name), "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlIG9mIGl0"
        self.use(World(trace=True, given={"bearers": Tokens(), "ephemeral": Ephemeral((secret,), lambda: 1.8e9)}))
        hidden = [PASSWORDS["alice"], PASSWORDS["bob"], ephemeral, secret.decode(), token, token.rpartition(".")[2]]
        hidden += [md5(f"alice:{DOMAIN}:{PASSWORDS['alice']}".encode()).hexdigest()]
        for user, password in (("alice", PASSWORDS["alice"]), ("alice", "wrong password"), (name, ephemeral)):
            credentials = self.credentials(self.challenge(self.alice), user, password)
            hidden += [challenge_params(credentials)["response"], password]
            self.sent(self.alice, self.register(self.alice, Authorization=credentials))
        for value in (f"Bearer {token}", f"bearer  {token}", f"Digest {token}", f"\tBearer\r\n {token}", token):
            lines = f"\r\nAuthorization: {value}\r\n\r\n".encode()
            raw = self.register(self.alice).to_bytes().replace(b"\r\n\r\n", lines)
            self.alice.flow.receive(raw)
            self.alice.flow.receive(raw.replace(b"CSeq: ", b"CSeq: x"))
            self.alice.flow.receive(raw.replace(b"REGISTER sip:", b"MESSAGE sip:bob@"))
        self.alice.flow.receive(self.register(self.alice, Contact="<sip:alice:wonderland@h.invalid>").to_bytes())
        self.world.element.core.broke(ValueError("a bug"), self.register(self.alice, Authorization=f"Bearer {token}"))
        written = "\n".join(text for _, text in self.world.log.lines)
        self.assertIn("REGISTER sip:", written)
        self.assertEqual([], [each for each in hidden if each in written])
