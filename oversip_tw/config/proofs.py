"""What proves a user besides a password: ``[jwt]``, ``[cookie]``, ``[ephemeral]``; and ``[turn]`` for the proven."""

from __future__ import annotations

import re
from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.values import Choice, HttpPath, Name, ReadableFile, Seconds, Span, Text, WholeSeconds

_URL = re.compile(r"https://[!-~]+|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?(?:/[!-~]*)?")
_TURN = re.compile(
    r"(?:turns?|stuns?):(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]{1,5})?(?:\?transport=(?:udp|tcp))?", re.ASCII
)
#: RFC 9110 §5.6.2, as the name of a cookie or of a parameter
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)


def _matching(pattern: re.Pattern[str], text: str) -> str | None:
    return text if pattern.fullmatch(text) and '"' not in text else None


Url = Annotated[
    str, Text("an https URL (http for this very machine alone)", lambda text: _matching(_URL, text))
]
TurnUri = Annotated[
    str, Text('such as "turn:turn.example.org:3478?transport=udp" (RFC 7065)', lambda text: _matching(_TURN, text))
]
Token = Annotated[str, Text("a name without spaces", lambda text: _matching(_TOKEN, text))]
JwtAlgorithm = Annotated[
    str,
    Choice(
        (
            "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
            "EdDSA",
        )
    ),
]  # fmt: skip


@frozen
class Jwt:
    """JSON Web Tokens in the place of passwords, as a web application or its identity provider signs them (RFC 8898).

    A token in the handshake of a WebSocket proves the connection; one in `Authorization: Bearer` proves that request.
    It has to name its audience, its issuer and its end. In a handshake it stands beside "sip" in the list of
    subprotocols, as `bearer.TOKEN`, which is never answered, in the URL, or in a cookie.
    """

    keys: tuple[ReadableFile, ...] = field(
        default=(),
        metadata=about(
            "Files with the keys to verify by: public keys or certificates in PEM, a JWK or JWK Set, or a shared "
            "secret of 32 bytes or more. SIGHUP reads them again.",
            ["jwt.pem"],
        ),
    )
    jwks: Url | None = field(
        default=None,
        metadata=about(
            "Where a JWK Set is fetched from. When that fails the keys from before stay.",
            "https://login.example.org/.well-known/jwks.json",
        ),
    )
    jwks_refresh: Seconds = field(
        default=3600.0,
        metadata=about(
            "How often it is fetched; a token with a key that is new fetches it too, twice a minute at most."
        ),
    )
    jwks_authorities: ReadableFile | None = field(
        default=None,
        metadata=about(
            "PEM file of the authorities that its certificate is checked against. Default: the system's.", "ca.pem"
        ),
    )
    algorithms: tuple[JwtAlgorithm, ...] = field(
        default=("RS256", "ES256", "EdDSA"),
        metadata=about("The algorithms that count; HS256 and its like only ever with a shared secret."),
    )
    audience: tuple[Name, ...] = field(
        default=(), metadata=about("What `aud` has to name, one of these.", ["sip.example.org"])
    )
    issuer: tuple[Name, ...] = field(
        default=(), metadata=about("What `iss` has to be, one of these.", ["https://login.example.org"])
    )
    claim: Name = field(
        default="sub",
        metadata=about(
            'The claim that is the user: "alice", of the first of `domains`, "alice@example.org" or '
            '"sip:alice@example.org".'
        ),
    )
    leeway: Span = field(default=10.0, metadata=about("How far the clocks may differ; seconds."))
    query: Token | None = field(
        default=None, metadata=about("The parameter of the WebSocket's URL that may hold a token.", "token")
    )
    query_life: Seconds = field(
        default=60.0,
        metadata=about("How long a token in a URL may have left: proxies and browsers write URLs down."),
    )
    cookie: Token | None = field(
        default=None,
        metadata=about("The cookie that may hold a token; every ws and wss listener needs `origins` then.", "session"),
    )
    challenge: bool = field(
        default=False,
        metadata=about("Offer Bearer after Digest in challenges, on connections with TLS."),
    )
    authz_server: Url | None = field(
        default=None,
        metadata=about("Where tokens are got; stands in that challenge.", "https://login.example.org/authorize"),
    )

    def __attrs_post_init__(self) -> None:
        if not (self.keys or self.jwks):
            raise Wrong("needs keys or jwks")
        if not (self.audience and self.issuer and self.algorithms):
            raise Wrong("audience, issuer and algorithms must name at least one each")
        if self.authz_server is not None and not self.challenge:
            raise Wrong("authz_server is of use with challenge = true")


@frozen
class Cookie:
    """A cookie that your web application signs with a secret that it shares with us; it proves the connection.

    `EXPIRY:USER:MAC`, as the how-to on tokens says. Every ws and wss listener needs `origins`.
    """

    secrets: ReadableFile = field(
        metadata=about(
            "File with the secrets, one on each line, all of them good. SIGHUP reads it again.", "cookie.secrets"
        )
    )
    name: Token = field(default="oversip", metadata=about("What the cookie is called."))


@frozen
class Ephemeral:
    """Passwords with an end, by the scheme of coturn's REST API: the name is `EXPIRY:USER`, the password HMAC of it.

    Phones log in with them as with any other name and password, wherever they come from.
    """

    secrets: ReadableFile = field(
        metadata=about(
            "File with the secrets, one on each line, all of them good. SIGHUP reads it again.", "ephemeral.secrets"
        )
    )
    hash: Annotated[str, Choice(("sha1", "sha256"))] = field(
        default="sha1", metadata=about("What the HMAC hashes with; coturn's is sha1.")
    )


@frozen
class Turn:
    """Short-lived credentials of a TURN server for whoever proves who they are: `GET /ice` on ws and wss listeners.

    coturn takes them with `use-auth-secret` and the same secret.
    """

    uris: tuple[TurnUri, ...] = field(
        metadata=about("The TURN (and STUN) servers.", ["turn:turn.example.org:3478?transport=udp"])
    )
    secrets: ReadableFile = field(
        metadata=about(
            "File with coturn's `static-auth-secret`; of several lines the first is used. SIGHUP reads it again.",
            "turn.secrets",
        )
    )
    life: WholeSeconds = field(default=3600, metadata=about("How long credentials are good for; seconds."))
    path: HttpPath = field(default="/ice", metadata=about("Where they are got."))

    def __attrs_post_init__(self) -> None:
        if not self.uris:
            raise Wrong("uris must name at least one")
        if self.path.count("/") != 1 or len(self.path) < 2:
            raise Wrong('path must be "/" and one name')
