"""Where users and bindings are kept, and with whom they are shared."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.values import (
    Choice,
    Count,
    HostPort,
    Name,
    NewFile,
    Seconds,
    SipUri,
    Span,
    Text,
    host_and_port,
    transport_of,
)

#: the first word of a URL, by kind of store
_SCHEMES = {
    "postgresql": ("postgresql", "postgres"),
    "redis": ("redis", "rediss"),
    "http": ("http", "https"),
}


def _url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return text if parts.scheme in sum(_SCHEMES.values(), ()) and text.isprintable() and " " not in text else None


Url = Annotated[str, Text('a URL such as "redis://127.0.0.1:6379/0"', _url, secret=True)]
#: of another server, which it is shown to
Secret = Annotated[str, Text("a name", lambda text: text or None, secret=True)]


def _wrong_url(kind: str, url: str | None) -> Iterator[str]:
    schemes = _SCHEMES.get(kind)
    if schemes is None:
        return
    if url is None:
        yield f'url is missing: kind "{kind}" needs one, {schemes[0]}://...'
    elif urlsplit(url).scheme not in schemes:
        yield f'url: kind "{kind}" needs one that begins with {" or ".join(f"{each}://" for each in schemes)}'


@frozen
class Store:
    """Where users and bindings are kept."""

    kind: Annotated[str, Choice(("sqlite", "memory", "postgresql", "redis"))] = field(
        default="sqlite",
        metadata=about(
            '"sqlite" is a file; "memory" forgets everything when the server stops, its users too; "postgresql" is for '
            'one server; "redis" (or Valkey) is shared by all servers of `[[node]]`.'
        ),
    )
    path: NewFile | None = field(
        default=None, metadata=about("The SQLite file. Default: `oversip.sqlite` in `state_dir`.", "oversip.sqlite")
    )
    url: Url | None = field(
        default=None,
        metadata=about(
            "Where PostgreSQL or Redis is: `postgresql://user:password@host:port/database`, "
            "`redis://:password@host:port/number`, `rediss://` for TLS.",
            "redis://127.0.0.1:6379/0",
        ),
    )
    commit_delay: Span = field(
        default=0.01,
        metadata=about("Changes this soon after a commit wait for each other, to reach the disk together; seconds."),
    )
    prefix: Name = field(default="oversip", metadata=about("What the names of all keys in Redis begin with."))
    sentinels: tuple[HostPort, ...] = field(
        default=(),
        metadata=about(
            "Redis Sentinels that know where Redis is; of `url` its password and number count then.",
            ["192.0.2.1:26379", "192.0.2.2:26379"],
        ),
    )
    sentinel_name: Name = field(default="mymaster", metadata=about("What the Sentinels call it."))
    lease: Seconds = field(
        default=15.0,
        metadata=about(
            "How long the bindings of a server that is gone stay with the other servers, and how long those of the "
            "others stay while Redis is away without a word of them."
        ),
    )

    def __attrs_post_init__(self) -> None:
        known_to_others = self.url is None and self.sentinels
        wrong = () if known_to_others else tuple(_wrong_url(self.kind, self.url))
        if wrong:
            raise Wrong(*wrong)


@frozen
class Users:
    """Who the users are, where the store does not say so."""

    kind: Annotated[str, Choice(("store", "sqlite", "postgresql", "redis", "htdigest", "http"))] = field(
        default="store",
        metadata=about(
            'Where they come from: "store", a "sqlite", "postgresql" or "redis" other than that, a file as "htdigest" '
            'writes it, or a web application that is asked by "http".'
        ),
    )
    path: NewFile | None = field(
        default=None,
        metadata=about("The SQLite or htdigest file; it is read again when it changes.", "/etc/oversip/users.htdigest"),
    )
    url: Url | None = field(
        default=None,
        metadata=about(
            "Where PostgreSQL or Redis is, or what is asked: `GET URL?user=NAME&domain=DOMAIN` gives 404, or 200 with "
            '`{"MD5": "HA1 in hexadecimal"}`.',
            "http://127.0.0.1:8000/sip-users",
        ),
    )
    token: Secret | None = field(
        default=None, metadata=about("Sent to the web application as `Authorization: Bearer`.", "a-long-secret")
    )
    timeout: Seconds = field(
        default=3.0, metadata=about("How long the web application is waited for; then the phone gets 503.")
    )
    found_for: Span = field(default=60.0, metadata=about("How long its answer is remembered."))
    missing_for: Span = field(default=10.0, metadata=about("How long it is remembered that a user is unknown."))
    remembered: Count = field(default=10_000, metadata=about("Users whose answers are remembered at most."))

    def __attrs_post_init__(self) -> None:
        wrong = list(_wrong_url(self.kind, self.url))
        if self.kind in ("sqlite", "htdigest") and self.path is None:
            wrong.append(f'path is missing: kind "{self.kind}" needs a file')
        if wrong:
            raise Wrong(*wrong)


@frozen
class Node:
    """A server that shares a store with this one. Each may have the same list: its own entry is passed over.

    They trust each other by address, and pass requests to each other for the phones that they hold.
    """

    id: Name = field(metadata=about("Its `node_id`.", "2"))
    uri: SipUri = field(
        metadata=about(
            "Where the others reach it, by IP address and transport; TCP takes what is too long for UDP.",
            "sip:192.0.2.2:5060;transport=tcp",
        )
    )

    def __attrs_post_init__(self) -> None:
        try:
            ip_address(host_and_port(self.uri)[0])
        except ValueError:
            raise Wrong("uri must name an IP address: the others are trusted by it") from None
        if transport_of(self.uri) not in ("udp", "tcp", "tls"):
            raise Wrong('uri must have a transport of "udp", "tcp" or "tls"')


def wrong_nodes(nodes: tuple[Node, ...], own: str | None, store: Store) -> Iterator[str]:
    """What does not fit together."""
    names = [node.id for node in nodes]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f'two nodes have the id "{name}"'
    if nodes and store.kind != "redis":
        yield 'node: servers share a store of kind "redis"'
    if nodes and own is None:
        yield "node_id is missing: which of the nodes is this?"
    if own is not None and len(own.encode()) > 64:
        yield "node_id: 64 octets at most"
