"""Digest authentication from challenge to answer (A1-A7, A12, A13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.authenticator import _DUMMY_HA1, MAX_CREDENTIALS, Authenticator, Settings
from oversip_tw.auth.challenge import Challenge
from oversip_tw.auth.digest import ha1, response
from oversip_tw.auth.floods import Logins
from oversip_tw.auth.floods import Settings as FloodSettings
from oversip_tw.auth.nonce import Nonces
from oversip_tw.auth.nonce import Settings as NonceSettings
from oversip_tw.promise import Promise, spawn
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse
from oversip_tw.store.passwords import digests
from oversip_tw.store.users import KnownUsers
from oversip_tw.testing import Clock
from tests.auth.answers import answer, challenge_params, hexhash, request, written

REALM = "example.com"
PASSWORD = "secret"
ADDRESS = "192.0.2.1"
ALL = ("MD5", "SHA-256", "SHA-512-256")


class MemoryUsers:
    """Everybody's password is "secret"; counts what it is asked, and waits while ``promise`` is set."""

    def __init__(self, *names: str) -> None:
        self.names = names or ("alice", "bob")
        self.asked: list[tuple[str, str, str]] = []
        self.promise: Promise[None] | None = None
        #: who has that userhash
        self.name_of: Callable[[str, str, str], str | None] | None = None

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        self.asked.append((user, domain, algorithm))
        if self.promise is not None:
            await self.promise
        return ha1(algorithm, user, domain, PASSWORD) if user in self.names and domain == REALM else None


class Case(SynchronousTestCase):
    """An authenticator with users in memory."""

    algorithms: tuple[str, ...] = ("MD5",)
    users_class = MemoryUsers

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.users = self.users_class()
        self.nonces = Nonces(b"n" * 32, self.clock.seconds)
        self.logins = Logins(FloodSettings(), self.clock.seconds)
        self.throttled: list[tuple[str, ...]] = []
        self.authenticator = Authenticator(
            Settings(self.algorithms), self.users, self.nonces, self.logins, lambda *who: self.throttled.append(who)
        )

    def check(
        self,
        message: Request,
        realm: str = REALM,
        proxy: bool = False,
        address: str | None = ADDRESS,
        established: Sequence[str] = (),
        algorithms: Sequence[str] | None = None,
    ) -> str:
        """The user, or the SIPError raised."""
        users: list[str] = []
        errors: list[BaseException] = []

        async def run() -> None:
            users.append(await self.authenticator.check(message, realm, proxy, address, established, algorithms))

        spawn(run(), errors.append)
        if errors:
            raise errors[0]
        return users[0]

    def challenges(self, message: Request, **how: object) -> list[str]:
        """The challenges that ``message`` gets."""
        error = self.assertRaises(Challenge, self.check, message, **how)
        return [value for _, value in error.headers]

    def challenge(self, **how: object) -> str:
        """A fresh challenge."""
        return self.challenges(request(), **how)[0]

    def refused(self, message: Request, stale: bool = False, failures: int = 0, **how: object) -> None:
        """``message`` is challenged again, counts so many failures, and is stale or not."""
        before = self.authenticator.failures
        for value in self.challenges(message, **how):
            self.assertEqual("stale" in challenge_params(value), stale)
        self.assertEqual(self.authenticator.failures - before, failures)


class ChallengeTests(Case):
    """What is asked for."""

    def test_registrar(self) -> None:
        """By default 401 with one challenge, MD5 and qop=auth alone, which every client understands."""
        error = self.assertRaises(Challenge, self.check, request())
        self.assertEqual((error.status, len(error.headers), error.headers[0][0]), (401, 1, "WWW-Authenticate"))
        params = challenge_params(error.headers[0][1])
        nonce = params.pop("nonce")
        self.assertEqual(params, {"realm": REALM, "algorithm": "MD5", "qop": "auth"})
        self.assertTrue(self.nonces.use(nonce, REALM, 1))

    def test_proxy(self) -> None:
        """A proxy says 407 and reads Proxy-Authorization alone."""
        error = self.assertRaises(Challenge, self.check, request(method="INVITE"), proxy=True)
        self.assertEqual((error.status, error.headers[0][0]), (407, "Proxy-Authenticate"))
        credentials = answer(error.headers[0][1], method="INVITE")
        self.refused(request(credentials, method="INVITE"), proxy=True)
        fine = request(credentials, method="INVITE", header="Proxy-Authorization")
        self.assertEqual(self.check(fine, proxy=True), "alice")

    def test_offer(self) -> None:
        """Several algorithms are several challenges in their order, with one nonce; a listener may have its own."""
        values = self.challenges(request(), algorithms=("MD5", "SHA-256"))
        params = [challenge_params(value) for value in values]
        self.assertEqual([each["algorithm"] for each in params], ["MD5", "SHA-256"])
        self.assertEqual(len({each["nonce"] for each in params}), 1)

    def test_configuration(self) -> None:
        """No algorithm, or one that nobody knows, is a mistake."""
        for algorithms in ((), ("MD5", "SHA-1")):
            self.assertRaises(ValueError, Authenticator, Settings(algorithms), self.users, self.nonces)


class AnswerTests(Case):
    """Credentials that count."""

    def test_right(self) -> None:
        """A right answer names its user, again and again with rising counts."""
        challenge = self.challenge()
        for nc in (1, 2, 3):
            self.assertEqual(self.check(request(answer(challenge, nc=nc))), "alice")
        self.assertEqual(self.check(request(answer(challenge, "bob", nc=4))), "bob")

    def test_algorithms(self) -> None:
        """Each algorithm on offer is accepted, in any letter case."""
        for challenge in self.challenges(request(), algorithms=ALL):
            nc = 1 + ALL.index(challenge_params(challenge)["algorithm"])
            self.assertEqual(self.check(request(answer(challenge, nc=nc)), algorithms=ALL), "alice")
        lower = answer(self.challenge(), over={"algorithm": "md5"})
        self.assertEqual(self.check(request(lower)), "alice")

    def test_no_algorithm_is_md5(self) -> None:
        """Clients that name no algorithm mean MD5 (RFC 7616 §3.4)."""
        self.assertEqual(self.check(request(answer(self.challenge(), over={"algorithm": None}))), "alice")

    def test_odd_user_names(self) -> None:
        """Quotes, backslashes, blanks and octets that are no UTF-8 in a user name are just characters."""
        names = ('a"b', "a\\b", " a ", "ä€", "\udcff", "%41", "a@example.com", "' OR 1=1 --")
        self.users.names = names
        for name in names:
            self.assertEqual(self.check(request(answer(self.challenge(), name))), name)
        self.assertEqual([user for user, _, _ in self.users.asked], list(names))

    def test_over_the_wire(self) -> None:
        """The same through the parser, folded and with an upper-case response."""
        credentials = answer(self.challenge())
        name, _, digest = credentials.rpartition('response="')
        octets = request(name + 'response="' + digest.upper()).to_bytes()
        message = parse(octets.replace(b", nonce", b",\r\n\t nonce"))
        assert isinstance(message, Request)
        self.assertEqual(self.check(message), "alice")

    def test_several_credentials(self) -> None:
        """A13: any that verifies counts, wherever it stands among those of others and wrong ones."""
        challenge = self.challenge()
        foreign = answer(challenge, over={"realm": "example.org"})
        wrong = answer(challenge, password="wrong")
        right = answer(challenge)
        self.assertEqual(self.check(request(foreign, "Bearer abc", "Basic", "?", wrong, right)), "alice")
        self.assertEqual(self.authenticator.failures, 1)

    def test_credentials_looked_at(self) -> None:
        """A13: no more than a few of our realm cost a look-up."""
        challenge = self.challenge()
        wrong = [answer(challenge, f"user{n}") for n in range(50)]
        self.refused(request(*wrong, answer(challenge)), failures=MAX_CREDENTIALS)
        self.assertEqual(len(self.users.asked), MAX_CREDENTIALS)

    def test_uri_of_the_request(self) -> None:
        """The digest URI may differ from the Request-URI in port and parameters, which clients leave out or add."""
        for uri in ("sip:example.com;transport=ws", "sip:example.com:5060", "sip:EXAMPLE.com", "sips:example.com"):
            credentials = answer(self.challenge(), over={"uri": uri})
            self.assertEqual(self.check(request(credentials)), "alice")
        credentials = answer(self.challenge(), over={"uri": "tel:+1555"}, method="INVITE")
        self.assertEqual(self.check(request(credentials, method="INVITE", uri="tel:+1555")), "alice")


class RefusalTests(Case):
    """Credentials that do not count."""

    def test_wrong_password(self) -> None:
        """A wrong password, and a right one of nobody, get the same challenge as no credentials."""
        self.refused(request(answer(self.challenge(), password="wrong")), failures=1)
        self.refused(request(answer(self.challenge(), "nobody")), failures=1)
        self.refused(request(answer(self.challenge(), "")), failures=1)

    def test_a1_replay(self) -> None:
        """A1: the same credentials once more are stale, though right; the nonce serves on with another count."""
        challenge = self.challenge()
        self.check(request(answer(challenge)))
        self.refused(request(answer(challenge)), stale=True)
        self.assertEqual(self.check(request(answer(challenge, nc=2))), "alice")

    def test_a1_two_at_once(self) -> None:
        """A1: of two equal requests that wait for the store together one alone is let through."""
        message = request(answer(self.challenge()))
        self.users.promise = Promise()
        ended: list[object] = []

        async def run() -> None:
            ended.append(await self.authenticator.check(message, REALM, False))

        for _ in range(2):
            spawn(run(), ended.append)
        self.assertEqual(ended, [])
        self.users.promise.resolve(None)
        self.assertEqual(ended[0], "alice")
        self.assertIsInstance(ended[1], Challenge)

    def test_a2_expired(self) -> None:
        """A2: a right digest over an expired nonce is stale and no failure; a wrong one is just wrong."""
        challenge = self.challenge()
        self.clock.advance(301)
        self.refused(request(answer(challenge)), stale=True)
        self.refused(request(answer(challenge, password="wrong")), failures=1)

    def test_a2_restart(self) -> None:
        """A2: after a restart the same holds: nobody is asked for a password again."""
        challenge = self.challenge()
        self.check(request(answer(challenge)))
        self.authenticator._nonces = Nonces(b"m" * 32, self.clock.seconds)
        self.refused(request(answer(challenge)), stale=True)
        self.refused(request(answer(challenge, password="wrong")), failures=1)

    def test_a3_nonce_not_ours(self) -> None:
        """A3: an invented nonce, or one of another realm of ours: stale only under a right digest."""
        elsewhere = challenge_params(self.challenge(realm="example.org"))["nonce"]
        for nonce in ("", "x", "A" * 28, elsewhere, "\udcff", "a:b"):
            credentials = answer(self.challenge(), over={"nonce": nonce})
            self.refused(request(credentials), stale=True)
            self.refused(request(answer(self.challenge(), password="wrong", over={"nonce": nonce})), failures=1)
        self.assertEqual(self.nonces.used, 0)

    def test_a6_algorithm_not_offered(self) -> None:
        """A6: an algorithm that is not on offer counts for nothing, in either direction."""
        for algorithm in ("SHA-256", "SHA-512-256", "MD5-sess", "AKAv1-MD5", "", "x"):
            self.refused(request(answer(self.challenge(), over={"algorithm": algorithm})))
        md5 = answer(self.challenge(algorithms=("SHA-256",)), over={"algorithm": "MD5"})
        self.refused(request(md5), algorithms=("SHA-256",))
        self.refused(request(answer(self.challenge(), over={"algorithm": None})), algorithms=("SHA-256",))
        self.assertEqual(self.users.asked, [])

    def test_a6_no_qop(self) -> None:
        """A6: no qop, as in RFC 2069, or one that was not offered, counts for nothing."""
        for qop in (None, "auth-int", "", "auth,auth-int"):
            self.refused(request(answer(self.challenge(), over={"qop": qop})))
        self.assertEqual(self.users.asked, [])

    def test_a12_another_request(self) -> None:
        """A12: credentials made for another method are wrong, those made for another URI count for nothing."""
        self.refused(request(answer(self.challenge(), method="INVITE")), failures=1)
        for uri in ("sip:bob@example.com", "sip:example.org", "tel:+1555", "nonsense", "", "*", "\udcff"):
            self.refused(request(answer(self.challenge(), over={"uri": uri})))
        self.refused(request(answer(self.challenge(), over={"uri": "tel:+1"}), uri="tel:+2"))

    def test_a13_missing_parameters(self) -> None:
        """A13: credentials without any one of the parameters count for nothing."""
        for name in ("username", "realm", "nonce", "uri", "response", "cnonce", "nc"):
            credentials = {**challenge_params(answer(self.challenge())), name: None}
            self.refused(request(written(credentials)))
        self.assertEqual(self.users.asked, [])

    def test_colon_in_user_name(self) -> None:
        """A user name holds no colon: "alice:x" would hash like another realm and read like alice with a password."""
        self.users.names = ("alice:x",)
        self.refused(request(answer(self.challenge(), "alice:x")))
        self.assertEqual(self.users.asked, [])

    def test_a13_bad_counts(self) -> None:
        """A13: a nonce count is eight hexadecimal digits and nothing else."""
        for nc in ("1", "0000000g", "+0000001", "0x000001", " 0000001", "000000001", "٠٠٠٠٠٠٠١"):
            self.refused(request(answer(self.challenge(), over={"nc": nc})))

    def test_a13_bad_responses(self) -> None:
        """A13: a response of any characters and any length is wrong, never an error."""
        for text in ("", "0", "ä" * 32, "\udcff", "0" * 33, "0" * 5000):
            self.refused(request(answer(self.challenge(), over={"response": text})), failures=1)

    def test_unknown_user_with_the_dummy(self) -> None:
        """The digest that the server computes for an unknown user is no key to anything, though right."""
        challenge = challenge_params(self.challenge())
        digest = response("MD5", _DUMMY_HA1["MD5"], challenge["nonce"], "00000001", "c", "REGISTER", "sip:example.com")
        credentials = {"username": "nobody", **challenge, "uri": "sip:example.com", "nc": "00000001", "cnonce": "c"}
        self.refused(request(written({**credentials, "response": digest})), failures=1)

    def test_a4_a5_unknown_user(self) -> None:
        """A4, A5: known and unknown users get the same answer by the same work: one look-up, one digest."""
        seen = []
        for user in ("alice", "nobody"):
            before = self.authenticator.digests
            error = self.assertRaises(Challenge, self.check, request(answer(self.challenge(), user, "wrong")))
            params = challenge_params(error.headers[0][1])
            params["nonce"] = ""
            seen.append((error.status, error.reason, error.headers[0][0], params, self.authenticator.digests - before))
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0][-1], 1)
        self.assertEqual([user for user, _, _ in self.users.asked], ["alice", "nobody"])

    def test_f1_no_state(self) -> None:
        """F1: no number of requests without or with wrong credentials makes a nonce take memory."""
        for _ in range(50):
            self.refused(request(answer(self.challenge(), password="wrong")), failures=1, address=None)
        self.assertEqual(self.nonces.used, 0)

    @settings(max_examples=150)
    @given(octets=st.lists(st.binary(max_size=60).map(lambda octets: octets.translate(None, b"\r\n\0")), max_size=3))
    def test_a13_any_header(self, octets: list[bytes]) -> None:
        """A13: whatever octets stand in Authorization, the request is challenged and nothing else escapes."""
        values = [each.decode("utf-8", "surrogateescape") for each in octets]
        head = request().to_bytes().split(b"\r\n\r\n")[0]
        lines = b"".join(b"\r\nAuthorization: Digest " + each for each in octets)
        for message in (request(*(f"Digest {value}" for value in values)), parse(head + lines + b"\r\n\r\n")):
            assert isinstance(message, Request)
            self.assertRaises(Challenge, self.check, message)

    @settings(max_examples=150)
    @given(
        params=st.dictionaries(
            st.sampled_from(["username", "realm", "nonce", "uri", "algorithm", "qop", "nc", "cnonce", "response"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=12)
            | st.sampled_from(["", "00000001", "sip:example.com", REALM, "auth", "MD5", "alice", "\udc80"]),
        )
    )
    def test_a13_any_parameters(self, params: dict[str, str]) -> None:
        """A13: whatever the parameters say, the request is challenged and nothing else escapes."""
        credentials = {**challenge_params(answer(self.challenge(), password="wrong")), **params}
        self.assertRaises(Challenge, self.check, request(written(credentials)), address=None)


class NewerFormsTests(Case):
    """auth-int, userhash and one-time nonces, each where it is configured."""

    def use(
        self, settings: Settings, nonces: NonceSettings | None = None, domains: Mapping[str, str] | None = None
    ) -> None:
        self.nonces = Nonces(b"n" * 32, self.clock.seconds, nonces)
        self.authenticator = Authenticator(settings, self.users, self.nonces, self.logins, domains=domains)

    def test_offer(self) -> None:
        """What is configured stands in every challenge, qop in its order; one nonce for all."""
        self.users.name_of = lambda *asked: None
        self.use(Settings(ALL[::-1], ("auth-int", "auth"), True))
        values = [challenge_params(value) for value in self.challenges(request())]
        self.assertEqual([each["algorithm"] for each in values], ["SHA-512-256", "SHA-256", "MD5"])
        self.assertEqual({(each["qop"], each["userhash"]) for each in values}, {("auth-int,auth", "true")})
        self.assertEqual(len({each["nonce"] for each in values}), 1)

    def test_nobody_to_ask(self) -> None:
        """Users that cannot be found by their hash: nobody is offered that."""
        self.use(Settings(userhash=True))
        self.assertNotIn("userhash", challenge_params(self.challenge()))

    def test_auth_int(self) -> None:
        """RFC 7616 §3.4.3: the body is part of what is proven, by each algorithm; without a body too."""
        self.use(Settings(ALL, ("auth", "auth-int")))
        for number, algorithm in enumerate(ALL, 1):
            for body in (b"", b"v=0\r\n", b"\xff\0"):
                challenge = self.challenges(request())[number - 1]
                credentials = answer(challenge, method="MESSAGE", over={"qop": "auth-int"}, body=body)
                message = request(credentials, method="MESSAGE")
                message.body = body
                self.assertEqual(self.check(message), "alice", algorithm)

    def test_a12_body_swapped(self) -> None:
        """A12: with auth-int another body is a wrong answer; with auth nobody looks."""
        self.use(Settings(qop=("auth", "auth-int")))
        for qop, refused in (("auth-int", True), ("auth", False)):
            message = request(answer(self.challenge(), method="MESSAGE", over={"qop": qop}), method="MESSAGE")
            message.body = b"another"
            if refused:
                self.refused(message, failures=1)
            else:
                self.assertEqual(self.check(message), "alice")

    def test_a6_qop_not_offered(self) -> None:
        """A6: with auth-int alone on offer, auth counts for nothing; without qop nothing ever counts."""
        self.use(Settings(qop=("auth-int",)))
        self.refused(request(answer(self.challenge(), over={"qop": "auth"})))
        for qop in (("auth",), ("auth-int",), ("auth", "auth-int"), ("auth-int", "auth")):
            self.use(Settings(qop=qop))
            for said in (None, "", "auth,auth-int"):
                self.refused(request(answer(self.challenge(), over={"qop": said})))
        self.assertEqual(self.users.asked, [])

    def test_userhash(self) -> None:
        """RFC 7616 §3.4.4: the name comes hashed, HA1 is over the name itself; who writes it plainly may."""
        hashes = {hexhash(algorithm, f"alice:{REALM}"): "alice" for algorithm in ALL}
        self.users.name_of = lambda hash, domain, realm: hashes.get(hash)
        self.use(Settings(ALL, userhash=True))
        for challenge in self.challenges(request()):
            algorithm = challenge_params(challenge)["algorithm"]
            for name in (hexhash(algorithm, f"alice:{REALM}"), hexhash(algorithm, f"alice:{REALM}").upper()):
                challenge = self.challenges(request())[ALL.index(algorithm)]
                credentials = answer(challenge, over={"userhash": "true"}, named=name)
                self.assertEqual(self.check(request(credentials)), "alice")
            self.assertEqual(self.check(request(answer(challenge, nc=2))), "alice")

    def test_userhash_of_a_realm(self) -> None:
        """A domain with a realm of its own: the hash is over that, and the user is looked for in the domain."""
        known = KnownUsers()
        known.set("alice", REALM, digests("alice", "The Realm", PASSWORD))
        self.users = known  # type: ignore[assignment]
        self.use(Settings(userhash=True), domains={"The Realm": REALM})
        challenge = self.challenge(realm="The Realm")
        credentials = answer(challenge, over={"userhash": "true"}, named=hexhash("MD5", "alice:The Realm"))
        self.assertEqual(self.check(request(credentials), "The Realm"), "alice")

    def test_a5_hash_of_nobody(self) -> None:
        """A5: the hash of a name that is nobody's costs one look-up and one digest, as that of somebody."""
        self.users.name_of = lambda hash, domain, realm: None
        self.use(Settings(userhash=True))
        credentials = answer(self.challenge(), over={"userhash": "true"}, named="0" * 32)
        before = self.authenticator.digests
        self.refused(request(credentials), failures=1)
        self.assertEqual((self.authenticator.digests - before, self.users.asked), (1, [("0" * 32, REALM, "MD5")]))

    def test_once(self) -> None:
        """A nonce that serves once: the next request with it is stale, whatever its count, and no failure."""
        self.use(Settings(), NonceSettings(once=True))
        challenge = self.challenge()
        self.assertEqual(self.check(request(answer(challenge))), "alice")
        self.refused(request(answer(challenge, nc=2)), stale=True)

    def test_key_rotation(self) -> None:
        """Nonces under the former keys serve on; under one that is forgotten they are stale, and nobody is asked for a
        password."""
        challenge = self.challenge()
        for nc in (1, 2, 3):
            self.assertEqual(self.check(request(answer(challenge, nc=nc))), "alice")
            self.authenticator.rotate(bytes([nc]) * 32)
        unused = self.challenge()
        self.assertEqual(self.check(request(answer(challenge, nc=4))), "alice")
        for nc in (5, 6, 7):
            self.authenticator.rotate(bytes([nc]) * 32)
        self.refused(request(answer(unused)), stale=True)
        self.refused(request(answer(unused, password="wrong")), failures=1)

    def test_configuration(self) -> None:
        """No qop, or one that nobody knows, is a mistake."""
        for qop in ((), ("auth", "auth-conf")):
            self.assertRaises(ValueError, self.use, Settings(qop=qop))


class ThrottleTests(Case):
    """A7: guessing of passwords."""

    def guess(self, times: int, user: str = "alice", address: str = ADDRESS) -> None:
        for _ in range(times):
            self.refused(request(answer(self.challenge(), user, "wrong")), failures=1, address=address)

    def test_a7_throttled(self) -> None:
        """After ten wrong passwords not even the right one counts, for 300 s; one line says so."""
        self.guess(10)
        self.assertEqual(self.throttled, [(ADDRESS, "alice", REALM)])
        asked = len(self.users.asked)
        for password in ("wrong", PASSWORD):
            error = self.assertRaises(SIPError, self.check, request(answer(self.challenge(), password=password)))
            self.assertEqual((error.status, error.headers), (403, ()))
        self.assertEqual((len(self.users.asked), len(self.throttled)), (asked, 1))
        self.assertEqual(self.check(request(answer(self.challenge(), "bob"))), "bob")
        self.assertEqual(self.check(request(answer(self.challenge())), address="192.0.2.2"), "alice")
        self.clock.advance(301)
        self.assertEqual(self.check(request(answer(self.challenge()))), "alice")

    def test_a7_unknown_users_count(self) -> None:
        """An unknown user is throttled like a known one, and thirty names throttle the address."""
        self.guess(10, "nobody")
        self.assertRaises(SIPError, self.check, request(answer(self.challenge(), "nobody")))
        for number in range(20):
            self.guess(1, f"user{number}")
        error = self.assertRaises(SIPError, self.check, request(answer(self.challenge(), "bob")))
        self.assertEqual(error.status, 403)

    def test_a7_established(self) -> None:
        """A user whom this flow has authenticated already is never throttled on it; others on it are."""
        for number in range(30):
            self.guess(1, f"user{number}")
        self.assertEqual(self.check(request(answer(self.challenge())), established=("alice",)), "alice")
        self.assertRaises(SIPError, self.check, request(answer(self.challenge(), "bob")), established=("alice",))

    def test_a7_exempt(self) -> None:
        """A source without address is neither counted nor throttled."""
        self.guess(10)
        self.assertEqual(self.check(request(answer(self.challenge())), address=None), "alice")

    def test_a7_what_is_no_failure(self) -> None:
        """Requests without credentials, stale ones and those that cannot be used never count."""
        stale = answer(self.challenge())
        self.clock.advance(301)
        for _ in range(40):
            self.refused(request())
            self.refused(request(stale), stale=True)
            self.refused(request(answer(self.challenge(), over={"qop": None})))
        self.assertEqual(self.throttled, [])
        self.assertEqual(self.check(request(answer(self.challenge()))), "alice")

    def test_without_logins(self) -> None:
        """The throttle can be left out."""
        authenticator = Authenticator(Settings(), self.users, self.nonces)
        self.authenticator = authenticator
        self.guess(50)
        self.assertEqual(self.check(request(answer(self.challenge()))), "alice")
