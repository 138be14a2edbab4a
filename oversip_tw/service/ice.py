"""Who gets credentials for the TURN server, and which: `[turn]` joined with all that proves users."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.web.resource import Resource

from oversip_tw.auth.authenticator import Authenticator
from oversip_tw.auth.challenge import BEARER, Challenge
from oversip_tw.auth.ephemeral import made
from oversip_tw.config import Config, Listen
from oversip_tw.interfaces import NotProven
from oversip_tw.proxy.ours import Ours
from oversip_tw.service import settings
from oversip_tw.service.proofs import Proving, turn_secret
from oversip_tw.sip.accounts import aor_of
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri
from oversip_tw.transport.websocket.origin import Origins
from oversip_tw.web import Asking, Ice, Unproven


class TurnCredentials:
    """Credentials by coturn's REST scheme: the name bears their end, the password is an HMAC of it."""

    def __init__(self, config: Config, proving: Proving, authenticator: Authenticator, ours: Ours) -> None:
        """``ours``: whose users they are. Raises WrongFile."""
        assert config.turn is not None
        self._config = config
        self._turn = config.turn
        self._proving = proving
        self._authenticator = authenticator
        self._ours = ours
        self._realms = settings.by_domain(config).realms
        self._secret = turn_secret(config)

    def use(self, secret: bytes) -> None:
        """Make them with another secret from now on."""
        self._secret = secret

    async def servers(self, listen: Listen, asking: Asking, wall: Callable[[], float] = time.time) -> dict[str, Any]:
        """What whoever asks may put into RTCPeerConnection. Raises Unproven."""
        if not (asking.secure or self._config.auth.plain_tokens):
            raise Unproven(403, "Use https")
        aor = self._ours.user(Uri.parse(await self._user(listen, asking)))
        name = f"{int(wall()) + self._turn.life}:{aor.partition(':')[2]}"
        password = made(self._secret, name)
        server = {"urls": list(self._turn.uris), "username": name, "credential": password}
        return {"iceServers": [server], "username": name, "credential": password, "ttl": self._turn.life}

    async def _user(self, listen: Listen, asking: Asking) -> str:
        scheme, _, token = asking.authorization.partition(" ")
        domains = self._config.domains
        domain = asking.domain if asking.domain in domains else domains[0]
        realm = self._realms.get(domain, domain)
        if scheme.lower() == "bearer":
            return await self._by_token(token.strip(), asking, realm, listen)
        if not asking.authorization and self._proving.handshakes is not None:
            proof = await self._proving.handshakes.by_cookie(asking.cookie)
            if proof is not None:
                return proof.user
        try:
            name = await self._authenticator.check_http(
                asking.authorization, "GET", asking.target, realm, asking.peer[0], self._offered(listen)
            )
            return aor_of(name, domain)
        except Challenge as challenge:
            # A browser that sends its cookies would ask the user for a password.
            headers = () if asking.cookie and not asking.authorization else challenge.headers
            raise Unproven(401 if headers else 403, "Who Are You?", headers) from None
        except SIPError as refusal:
            raise Unproven(refusal.status, refusal.reason) from None

    async def _by_token(self, token: str, asking: Asking, realm: str, listen: Listen) -> str:
        if self._proving.bearers is None:
            raise Unproven(401, "Who Are You?", self._challenge(realm, listen))
        try:
            return (await self._proving.bearers.verify(token, asking.secure)).user
        except NotProven as refusal:
            raise Unproven(401, str(refusal), self._challenge(realm, listen, "invalid_token")) from None
        except SIPError as refusal:
            raise Unproven(refusal.status, refusal.reason, refusal.headers) from None

    def _challenge(self, realm: str, listen: Listen, error: str = "") -> tuple[tuple[str, str], ...]:
        return self._authenticator.challenge(realm, False, False, self._offered(listen), error).headers

    def _offered(self, listen: Listen) -> tuple[str, ...]:
        """Digest as on that listener, and Bearer wherever tokens count."""
        algorithms = tuple(each for each in settings.challenges_of(self._config, listen) if each != BEARER)
        return algorithms if self._proving.bearers is None else (*algorithms, BEARER)


def with_ice(page: Resource | None, listen: Listen, config: Config, credentials: TurnCredentials) -> Resource:
    """``page``, or an empty place, with the credentials beside it."""
    assert config.turn is not None
    web = settings.websockets(config, listen)
    origins = Origins(web.origins, web.allow_missing_origin)
    root = Resource() if page is None else page  # type: ignore[no-untyped-call]
    ice = Ice(lambda asking: credentials.servers(listen, asking), origins.allow)
    root.putChild(config.turn.path[1:].encode("ascii"), ice)
    return root
