"""Digest authentication of requests: who is the user, or which challenge goes out (RFC 3261 §22, RFC 8760)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from oversip_tw.auth.challenge import Challenge
from oversip_tw.auth.digest import ALGORITHMS, hashed, response
from oversip_tw.auth.floods import Logins
from oversip_tw.auth.nonce import Nonces
from oversip_tw.auth.users import Ha1Now, Users
from oversip_tw.sip.credentials import Credentials
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri

#: credentials of our realm looked at in one request: nobody needs more than one per algorithm, and each costs a look-up
MAX_CREDENTIALS = 4

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
    ) -> None:
        """``throttled`` hears once of each source that begins to be throttled: what fail2ban reads. ``ours``: whether
        a URI names this server or one of its domains. ``phone_of``: whether a URI is the Contact of that user."""
        if not settings.algorithms or not ALGORITHMS.keys() >= set(settings.algorithms):
            raise ValueError(f"digest algorithms: one or more of {', '.join(ALGORITHMS)}")
        self.settings = settings
        #: how many digests were computed, for known and unknown users alike (A5)
        self.digests = 0
        #: how many credentials were wrong
        self.failures = 0
        self._users = users
        self._ha1_now: Ha1Now | None = getattr(users, "ha1_now", None)
        self._nonces = nonces
        self._logins = logins
        self._throttled = throttled
        self._ours = ours
        self._phone_of = phone_of

    @property
    def throttling(self) -> bool:
        """Somebody is throttled: `check` wants to know who is ``established``."""
        return self._logins is not None and self._logins.throttling

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
        stale, throttling = False, self.throttling
        for params in self._eligible(request, realm, proxy, offered):
            user = params["username"]
            if throttling:
                self._refuse_throttled(address, user, established)
            ha1 = await self._users.ha1(user, realm, _algorithm(params))
            verdict = self._judge(params, ha1, request.method, realm, address)
            if verdict is _Verdict.RIGHT:
                return user
            stale = stale or verdict is _Verdict.STALE
        raise Challenge(realm, self._nonces, offered, proxy, stale)

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
        stale, throttling = False, self.throttling
        for params in self._eligible(request, realm, proxy, offered):
            user = params["username"]
            if throttling:
                self._refuse_throttled(address, user, established)
            verdict = self._judge(params, ha1_now(user, realm, _algorithm(params)), request.method, realm, address)
            if verdict is _Verdict.RIGHT:
                return user
            stale = stale or verdict is _Verdict.STALE
        raise Challenge(realm, self._nonces, offered, proxy, stale)

    def _judge(
        self, params: dict[str, str], ha1: str | None, method: str, realm: str, address: str | None
    ) -> _Verdict:
        """Of credentials for a user with that ``ha1``; a failure is counted."""
        algorithm = _algorithm(params)
        self.digests += 1
        expected = response(
            algorithm,
            _DUMMY_HA1[algorithm] if ha1 is None else ha1,
            params["nonce"],
            params["nc"],
            params["cnonce"],
            method,
            params["uri"],
        )
        given = params["response"].lower().encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(expected.encode("ascii"), given) or ha1 is None:
            self._count_failure(address, params["username"], realm)
            return _Verdict.WRONG
        # The digest comes first: only who knows the password learns that a nonce is stale, or makes us remember one.
        fresh = self._nonces.use(params["nonce"], realm, int(params["nc"], 16))
        return _Verdict.RIGHT if fresh else _Verdict.STALE

    def _eligible(self, request: Request, realm: str, proxy: bool, offered: Sequence[str]) -> list[dict[str, str]]:
        """The credentials that answer a challenge of ours; any others are as if they were not there."""
        found: list[dict[str, str]] = []
        for text in request.get_all("Proxy-Authorization" if proxy else "Authorization"):
            params = _digest_params(text, realm)
            if params is not None and _algorithm(params) in offered and self._names(params["uri"], request.uri):
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


def _digest_params(text: str, realm: str) -> dict[str, str] | None:
    """The parameters of digest credentials for ``realm``, if they are complete and of the one form that we offer."""
    try:
        credentials = Credentials.parse(text)
    except ParseError:
        return None
    params = credentials.params
    if not credentials.is_digest or params.get("realm") != realm:
        return None
    if not params.keys() >= _REQUIRED or params.get("qop", "").lower() != "auth":
        return None
    # A colon in the name would move the border to the realm in the hash, and begin a password in a SIP URI.
    return params if ":" not in params["username"] and _NC.fullmatch(params["nc"]) is not None else None


def _algorithm(params: dict[str, str]) -> str:
    return params.get("algorithm", "MD5").upper()
