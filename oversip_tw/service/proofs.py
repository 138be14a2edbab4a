"""What proves users besides passwords, made from the configuration: tokens, cookies, credentials with an end."""

# mypy: allow-untyped-calls

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import BrowserLikePolicyForHTTPS

from oversip_tw.auth.ephemeral import Ephemeral
from oversip_tw.config import Config, Mistake
from oversip_tw.interfaces import Log
from oversip_tw.tokens.cookie import SignedCookies
from oversip_tw.tokens.handshakes import Handshakes
from oversip_tw.tokens.handshakes import Settings as HandshakeSettings
from oversip_tw.tokens.secrets import BadSecrets, read_secrets

try:
    from oversip_tw.tokens.keys import BadKey, Key, read_keys
    from oversip_tw.tokens.remote import RemoteKeys, agent
    from oversip_tw.tokens.verifier import Settings as TokenSettings
    from oversip_tw.tokens.verifier import Verifier
except ImportError:
    READY = False
else:
    READY = True

#: what is missing then
_NO_PYJWT = "needs PyJWT: pip install 'oversip-tw[jwt]'"


class WrongFile(Exception):
    """A file of keys or secrets is none; ``mistake`` says which and why."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


@dataclass(frozen=True, slots=True)
class Proving:
    """All of them; None is what is not configured."""

    bearers: Verifier | None = None
    remote: RemoteKeys | None = None
    cookies: SignedCookies | None = None
    handshakes: Handshakes | None = None
    ephemeral: Ephemeral | None = None

    def handed(self) -> dict[str, Any]:
        """What `Surroundings` of an element take of it."""
        return {"bearers": self.bearers, "handshakes": self.handshakes, "ephemeral": self.ephemeral}

    def reread(self, config: Config) -> None:
        """Take over what the files say now. Raises WrongFile, and then nothing has changed."""
        keys, cookie, ephemeral = _keys(config), _secrets(config, "cookie"), _secrets(config, "ephemeral")
        if self.bearers is not None:
            self.bearers.use(keys)
        if self.cookies is not None:
            self.cookies.use(cookie)
        if self.ephemeral is not None:
            self.ephemeral.use(ephemeral)


def proving(config: Config, reactor: Any, log: Log) -> Proving:
    """What ``config`` describes; `RemoteKeys` wait for their start. Raises WrongFile."""
    wall = time.time
    remote = bearers = cookies = handshakes = ephemeral = None
    given = config.jwt
    if given is not None:
        keys = _keys(config)
        if given.jwks is not None:
            policy = _policy(given.jwks_authorities)
            remote = RemoteKeys(given.jwks, agent(reactor, policy), reactor, log, given.jwks_refresh)
        settings = TokenSettings(
            config.domains, given.audience, given.issuer, given.algorithms, given.claim, given.leeway,
            config.auth.plain_tokens,
        )  # fmt: skip
        bearers = Verifier(settings, keys, remote, wall)
    if config.cookie is not None:
        cookies = SignedCookies(_secrets(config, "cookie"), config.domains, wall)
    if bearers is not None or cookies is not None or config.auth.handshake == "required":
        handshakes = Handshakes(_handshakes(config), bearers, cookies, wall)
    if config.ephemeral is not None:
        ephemeral = Ephemeral(_secrets(config, "ephemeral"), wall, config.ephemeral.hash)
    return Proving(bearers, remote, cookies, handshakes, ephemeral)


def mistakes(config: Config) -> list[Mistake]:
    """What is wrong with the files that ``config`` names."""
    found = []
    authorities = None if config.jwt is None else config.jwt.jwks_authorities
    reads: list[Callable[[], object]] = [partial(_keys, config), partial(_policy, authorities)]
    reads += [partial(_secrets, config, name) for name in ("cookie", "ephemeral", "turn")]
    for read in reads:
        try:
            read()
        except WrongFile as wrong:
            found.append(wrong.mistake)
    return found


def _handshakes(config: Config) -> HandshakeSettings:
    token, cookie = config.jwt, config.cookie
    return HandshakeSettings(
        query="" if token is None else token.query or "",
        query_life=60.0 if token is None else token.query_life,
        token_cookie="" if token is None else token.cookie or "",
        signed_cookie="" if cookie is None else cookie.name,
        required=config.auth.handshake == "required",
        plain=config.auth.plain_tokens,
    )


def _keys(config: Config) -> list[Key]:
    given, found = config.jwt, []
    if given is None:
        return []
    if not READY:
        raise WrongFile(Mistake("jwt", _NO_PYJWT))
    for number, file in enumerate(given.keys, 1):
        try:
            found += read_keys(file)
        except BadKey as error:
            raise WrongFile(Mistake(f"jwt.keys[{number}]", str(error))) from None
    if given.keys and not any(set(key.algorithms) & set(given.algorithms) for key in found):
        raise WrongFile(Mistake("jwt.algorithms", "none of them goes with the keys"))
    return found


def _secrets(config: Config, section: str) -> tuple[bytes, ...]:
    given = getattr(config, section)
    if given is None:
        return ()
    try:
        return read_secrets(given.secrets)
    except BadSecrets as error:
        raise WrongFile(Mistake(f"{section}.secrets", str(error))) from None


def turn_secret(config: Config) -> bytes:
    """What TURN credentials are made with. Raises WrongFile."""
    return _secrets(config, "turn")[0]


def _policy(authorities: str | None) -> BrowserLikePolicyForHTTPS | None:
    if authorities is None:
        return None
    try:
        with open(authorities, "rb") as file:
            blocks = file.read().split(b"-----BEGIN CERTIFICATE-----")[1:]
        root = [Certificate.loadPEM(b"-----BEGIN CERTIFICATE-----" + block) for block in blocks]
    except Exception:
        root = []
    if not root:
        raise WrongFile(Mistake("jwt.jwks_authorities", f"{authorities}: no certificate in it"))
    return BrowserLikePolicyForHTTPS(trustRootFromCertificates(root))
