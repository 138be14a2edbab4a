"""Digest authentication of requests: who is the user, or which challenge goes out (RFC 3261 §22, RFC 8760)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from oversip_tw.auth.challenge import Challenge
from oversip_tw.auth.digest import ALGORITHMS, ha1, hashed, response, response_over
from oversip_tw.auth.ephemeral import Ephemeral, user_in
from oversip_tw.auth.floods import Logins
from oversip_tw.auth.nonce import Nonces
from oversip_tw.auth.users import Ha1Now, NameOf, Users
from oversip_tw.sip.credentials import Credentials
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri

#: credentials of our realm looked at in one request: nobody needs more than one per algorithm, and each costs a look-up
MAX_CREDENTIALS = 4

#: what ``qop`` may be
QOP = ("auth", "auth-int")

_NC = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_REQUIRED = frozenset({"username", "nonce", "uri", "response", "cnonce", "nc"})

#: what an unknown user's digest is compared with: as much work as for a known one, and never right
_DUMMY_HA1 = {algorithm: hashed(algorithm, "") for algorithm in ALGORITHMS}

#: address, user and realm of a guess that begins a throttle
Throttled = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is offered."""

    #: in the order of the challenges; clients that know MD5 alone read only the first (browsers) or refuse any other
    algorithms: tuple[str, ...] = ("MD5",)
    #: of `QOP`, as they stand in the challenge; browsers take auth-int where it is there
    qop: tuple[str, ...] = ("auth",)
    #: a user's name may come hashed (RFC 7616 §3.4.4)
    userhash: bool = False
    #: where tokens are got, an https: URI that stands in the challenge (RFC 8898 §4); "": it does not say
    authz_server: str = ""


class _Verdict(Enum):
    RIGHT = 1
    STALE = 2
    WRONG = 3


class Authenticator:
    """Checks digest credentials. Keeps nothing but the replay windows of `Nonces` and the counts of `Logins`."""

    def __init__(
        self,
        settings: Settings,
        users: Users,
        nonces: Nonces,
        logins: Logins | None = None,
        throttled: Throttled = lambda address, user, realm: None,
        ours: Callable[[Uri], bool] = lambda uri: False,
        phone_of: Callable[[Uri, str], bool] = lambda uri, aor: False,
        ephemeral: Ephemeral | None = None,
        domains: Mapping[str, str] | None = None,
    ) -> None:
        """``throttled`` hears once of each source that begins to be throttled: what fail2ban reads. ``ours``: whether
        a URI names this server or one of its domains. ``phone_of``: whether a URI is the Contact of that user.
        ``ephemeral`` reads names that bear their end; None: there are none. ``domains``: by their realms, where they
        are not called by those."""
        if not settings.algorithms or not ALGORITHMS.keys() >= set(settings.algorithms):
            raise ValueError(f"digest algorithms: one or more of {', '.join(ALGORITHMS)}")
        if not settings.qop or not set(QOP) >= set(settings.qop):
            raise ValueError(f"qop: one or more of {', '.join(QOP)}")
        self.settings = settings
        self._qop = ",".join(settings.qop)
        #: the one that most credentials have, and whether they may have no other
        self._usual_qop = settings.qop[0]
        self._auth_alone = settings.qop == ("auth",)
        #: how many digests were computed, for known and unknown users alike (A5)
        self.digests = 0
        #: how many credentials were wrong
        self.failures = 0
        self._users = users
        self._ha1_now: Ha1Now | None = getattr(users, "ha1_now", None)
        self._name_of: NameOf | None = getattr(users, "name_of", None) if settings.userhash else None
        self._ephemeral = ephemeral
        self._domains = domains or {}
        #: every name is just a name
        self._plain = self._name_of is None and ephemeral is None
        self._nonces = nonces
        self._logins = logins
        self._throttled = throttled
        self._ours = ours
        self._phone_of = phone_of

    @property
    def throttling(self) -> bool:
        """Somebody is throttled: `check` wants to know who is ``established``."""
        return self._logins is not None and self._logins.throttling

    def rotate(self, secret: bytes) -> None:
        """Make nonces under another key from now on (`Nonces.rotate`); nobody is asked for a password for that."""
        self._nonces.rotate(secret)

    @property
    def at_once(self) -> bool:
        """The users are in memory: `check_now` will do."""
        return self._ha1_now is not None

    async def check(
        self,
        request: Request,
        realm: str,
        proxy: bool,
        address: str | None = None,
        established: Collection[str] = (),
        algorithms: Sequence[str] | None = None,
    ) -> str:
        """The user (name without domain) of ``realm`` whose credentials ``request`` bears.

        ``proxy``: 407 and Proxy-Authorization, else 401 and Authorization. ``address``: where the request comes from,
        for the throttle; None for exempt sources. ``established``: users of ``realm`` that this flow has authenticated
        already, whom no throttle touches. ``algorithms``: those of the listener, if not those of the settings.

        Raises `Challenge` (401 or 407) for everything but right credentials, SIPError 403 for throttled ones.
        """
        if self._ha1_now is not None:
            return self.check_now(request, realm, proxy, address, established, algorithms)
        offered = self.settings.algorithms if algorithms is None else algorithms
        stale, throttling, plain = False, self.throttling, self._plain
        for params in self._eligible(request, realm, proxy, offered):
            user = params["username"] if plain else self._user(params, realm)
            if throttling:
                self._refuse_throttled(address, user, established)
            algorithm = _algorithm(params)
            if plain or ":" not in params["username"]:
                known = await self._users.ha1(user, self._domains.get(realm, realm), algorithm)
                verdict = self._judge(params, algorithm, known, request.method, request, realm, address, user)
            else:
                verdict = self._judge_timed(params, algorithm, request.method, request, realm, address, user)
            if verdict is _Verdict.RIGHT:
                return user
            stale = stale or verdict is _Verdict.STALE
        raise self.challenge(realm, proxy, stale, offered)

    def check_now(
        self,
        request: Request,
        realm: str,
        proxy: bool,
        address: str | None = None,
        established: Collection[str] = (),
        algorithms: Sequence[str] | None = None,
    ) -> str:
        """As `check`, for users that need not be waited for (`at_once`)."""
        ha1_now = self._ha1_now
        assert ha1_now is not None
        offered = self.settings.algorithms if algorithms is None else algorithms
        stale, throttling, plain = False, self.throttling, self._plain
        for params in self._eligible(request, realm, proxy, offered):
            user = params["username"] if plain else self._user(params, realm)
            if throttling:
                self._refuse_throttled(address, user, established)
            algorithm = _algorithm(params)
            if plain or ":" not in params["username"]:
                known = ha1_now(user, self._domains.get(realm, realm), algorithm)
                verdict = self._judge(params, algorithm, known, request.method, request, realm, address, user)
            else:
                verdict = self._judge_timed(params, algorithm, request.method, request, realm, address, user)
            if verdict is _Verdict.RIGHT:
                return user
            stale = stale or verdict is _Verdict.STALE
        raise self.challenge(realm, proxy, stale, offered)

    async def check_http(
        self, credentials: str, method: str, target: str, realm: str, address: str | None, algorithms: Sequence[str]
    ) -> str:
        """The same for a request for a page (RFC 7616): ``credentials`` is its Authorization, "" where it has none."""
        stale = False
        params = _digest_params(credentials, realm, self._usual_qop, self.settings.qop)
        if params is not None and params["uri"] == target and _algorithm(params) in algorithms and self._reads(params):
            user, algorithm = self._user(params, realm), _algorithm(params)
            self._refuse_throttled(address, user, ())
            if ":" in params["username"]:
                verdict = self._judge_timed(params, algorithm, method, None, realm, address, user)
            else:
                known = await self._users.ha1(user, self._domains.get(realm, realm), algorithm)
                verdict = self._judge(params, algorithm, known, method, None, realm, address, user)
            if verdict is _Verdict.RIGHT:
                return user
            stale = verdict is _Verdict.STALE
        raise self.challenge(realm, False, stale, algorithms)

    def challenge(
        self, realm: str, proxy: bool, stale: bool, algorithms: Sequence[str] | None = None, error: str = ""
    ) -> Challenge:
        """What asks for credentials. ``algorithms``: as of `check`. ``error``: what is wrong with the token that was
        shown (RFC 6750 §3.1)."""
        offered = self.settings.algorithms if algorithms is None else algorithms
        bearer = [("authz_server", self.settings.authz_server)] if self.settings.authz_server else []
        if error:
            bearer.append(("error", error))
        return Challenge(realm, self._nonces, offered, proxy, stale, self._qop, self._name_of is not None, bearer)

    def _user(self, params: dict[str, str], realm: str) -> str:
        """Whose credentials these (eligible ones) claim to be."""
        user, domain = params["username"], self._domains.get(realm, realm)
        if ":" in user:
            return user_in(user, domain)
        if self._name_of is None or params.get("userhash", "").lower() != "true":
            return user
        # a hash that is nobody's stands for itself: for him there is as much to do (A5)
        return self._name_of(user.lower(), domain, realm) or user

    def _judge(
        self,
        params: dict[str, str],
        algorithm: str,
        ha1: str | None,
        method: str,
        request: Request | None,
        realm: str,
        address: str | None,
        user: str,
    ) -> _Verdict:
        """Of credentials for ``user`` with that ``ha1``; a failure is counted. ``request``: whose body counts."""
        right = self._is_right(params, algorithm, _DUMMY_HA1[algorithm] if ha1 is None else ha1, method, request)
        if not right or ha1 is None:
            self._count_failure(address, user, realm)
            return _Verdict.WRONG
        # The digest comes first: only who knows the password learns that a nonce is stale, or makes us remember one.
        fresh = self._nonces.use(params["nonce"], realm, int(params["nc"], 16))
        return _Verdict.RIGHT if fresh else _Verdict.STALE

    def _judge_timed(
        self,
        params: dict[str, str],
        algorithm: str,
        method: str,
        request: Request | None,
        realm: str,
        address: str | None,
        user: str,
    ) -> _Verdict:
        """The same where the name says until when the password is one. Raises SIPError (403) when that is past."""
        ephemeral, name = self._ephemeral, params["username"]
        assert ephemeral is not None  # or these credentials would not be eligible
        for password in ephemeral.passwords(name):
            right = self._is_right(params, algorithm, ha1(algorithm, name, realm, password), method, request)
            if right and user:
                if ephemeral.over(name):
                    raise SIPError(403, "Credentials Expired")
                fresh = self._nonces.use(params["nonce"], realm, int(params["nc"], 16))
                return _Verdict.RIGHT if fresh else _Verdict.STALE
        self._count_failure(address, user, realm)
        return _Verdict.WRONG

    def _is_right(
        self, params: dict[str, str], algorithm: str, ha1: str, method: str, request: Request | None
    ) -> bool:
        """Whether that password was known to whoever computed the response."""
        self.digests += 1
        nonce, nc, cnonce, uri = params["nonce"], params["nc"], params["cnonce"], params["uri"]
        if self._auth_alone or params["qop"].lower() == "auth":
            expected = response(algorithm, ha1, nonce, nc, cnonce, method, uri)
        else:
            body = b"" if request is None else request.body
            expected = response_over(body, algorithm, ha1, nonce, nc, cnonce, method, uri)
        given = params["response"].lower().encode("utf-8", "surrogateescape")
        return hmac.compare_digest(expected.encode("ascii"), given)

    def _reads(self, params: dict[str, str]) -> bool:
        """Whether the name in these credentials is one of a kind that counts here. Beside those that bear their end
        none has a colon: it would move the border to the realm in the hash, and begin a password in a SIP URI."""
        return self._ephemeral is not None or ":" not in params["username"]

    def _eligible(self, request: Request, realm: str, proxy: bool, offered: Sequence[str]) -> list[dict[str, str]]:
        """The credentials that answer a challenge of ours; any others are as if they were not there."""
        found: list[dict[str, str]] = []
        for text in request.get_all("Proxy-Authorization" if proxy else "Authorization"):
            params = _digest_params(text, realm, self._usual_qop, self.settings.qop)
            if params is None or (":" in params["username"] and not self._reads(params)):
                continue
            if _algorithm(params) in offered and self._names(params["uri"], request.uri):
                found.append(params)
                if len(found) == MAX_CREDENTIALS:
                    break
        return found

    def _names(self, digest_uri: str, request_uri: Uri) -> bool:
        """Whether credentials made for ``digest_uri`` are for this request (A12). User and host have to agree; port and
        parameters need not, which clients and hops on the way leave out or add. sipp names the server's address
        whatever it asks for: that will do as well. An edge asks for the user whose Contact a phone has called."""
        if digest_uri == request_uri.text:
            return True
        try:
            named = Uri.parse(digest_uri)
        except ParseError:
            return False
        if not (named.is_sip and request_uri.is_sip):
            return False
        if named.aor == request_uri.aor or (named.user is None and self._ours(named)):
            return True
        return self._phone_of(named, request_uri.aor)

    def _refuse_throttled(self, address: str | None, user: str, established: Collection[str]) -> None:
        logins = self._logins
        if address is None or logins is None or user in established:
            return
        if logins.throttled(address, user):
            raise SIPError(403, "Too Many Failed Logins")

    def _count_failure(self, address: str | None, user: str, realm: str) -> None:
        self.failures += 1
        if address is not None and self._logins is not None and self._logins.failed(address, user):
            self._throttled(address, user, realm)


def _digest_params(text: str, realm: str, usual: str, qop: Sequence[str]) -> dict[str, str] | None:
    """The parameters of digest credentials for ``realm``, if they are complete and of a form that we offer: of the
    ``usual`` ``qop``, or of any."""
    try:
        credentials = Credentials.parse(text)
    except ParseError:
        return None
    params = credentials.params
    if not credentials.is_digest or params.get("realm") != realm:
        return None
    if not params.keys() >= _REQUIRED:
        return None
    given = params.get("qop", "").lower()
    if given != usual and given not in qop:
        return None  # neither is ""
    return params if _NC.fullmatch(params["nc"]) is not None else None


def _algorithm(params: dict[str, str]) -> str:
    return params.get("algorithm", "MD5").upper()
