"""The port for those who run the server: ``[admin]``."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.values import Domain, IPAddress, Port, ReadableFile, Text

#: a token that is shorter can be guessed
LEAST_TOKEN = 16


def bearer(text: str) -> str | None:
    """``text`` if it can be a bearer token (RFC 6750 §2.1), and nobody guesses it."""
    good = len(text) >= LEAST_TOKEN and text.isascii() and text.rstrip("=").translate(_TOKEN).isalnum()
    return text if good else None


_TOKEN = str.maketrans("-._~+/", "aaaaaa")
Token = Annotated[str, Text(f"at least {LEAST_TOKEN} letters, digits or -._~+/", bearer, secret=True)]


@frozen
class Admin:
    """A port for those who run the server: the API (see its reference), `/health` and `/metrics` (Prometheus).

    On loopback every program of this machine may use it, unless there is a token; anywhere else there has to be one,
    which all but `/health` asks for. Nothing is encrypted there: over a network put it behind a proxy with TLS.
    """

    address: IPAddress = field(default="127.0.0.1", metadata=about("The address to bind; keep it away from strangers."))
    port: Port | None = field(
        default=None, metadata=about("The port; 0 takes a free one. Default: no such port.", 9090)
    )
    token: Token | None = field(
        default=None,
        metadata=about("The bearer token that has to be shown. Better kept in a file.", "T9mS2xWn4Qe7LbVc0dRk"),
    )
    token_file: ReadableFile | None = field(
        default=None, metadata=about("A file of tokens, one a line; each of them is good.", "admin.tokens")
    )
    hosts: tuple[Domain, ...] = field(
        default=(),
        metadata=about(
            "Further names that the port is called by (the Host of a request) where there is no token: those of "
            "loopback and the address itself always do.",
            ["sip.internal.example"],
        ),
    )

    def __attrs_post_init__(self) -> None:
        free = self.token is None and self.token_file is None
        if self.port is not None and free and not ip_address(self.address).is_loopback:
            raise Wrong(f"{self.address} is not loopback: it needs token or token_file")
