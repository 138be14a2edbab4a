"""Who may use the admin port: whoever has the token; without one, programs of this machine, and no page of the web."""

# mypy: allow-untyped-calls

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from ipaddress import ip_address

from twisted.web.http import Request

from oversip_tw.web.api.problems import Problem

_BEARER = re.compile(rb"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::[0-9]*)?")
#: what browsers say of a request that a page has made (Fetch Metadata); an address that was typed is "none"
_BY_A_PAGE = (b"same-origin", b"same-site", b"cross-site")


class Guard:
    """Lets requests in, or raises Problem."""

    def __init__(self, tokens: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        """``tokens``: one of them has to be shown; none: nothing has to.

        ``hosts``: how the port may be called then, beside loopback's names: a page whose name was made to lead here
        (DNS rebinding) calls it by that.
        """
        self.use(tokens, hosts)

    def use(self, tokens: Iterable[str], hosts: Iterable[str]) -> None:
        """Let these count from now on."""
        self._tokens = [token.encode() for token in tokens]
        self._hosts = {host.lower() for host in hosts}

    def admit(self, request: Request, open: bool = False) -> None:
        """Raises Problem 400, 401 or 403. ``open``: without a token too."""
        for name in (b"Host", b"Authorization"):
            if len(request.requestHeaders.getRawHeaders(name, ())) > 1:
                # whoever stands between may have looked at the other one
                raise Problem(400, f"{name.decode()} is there twice")
        page = request.getHeader(b"Origin") is not None or request.getHeader(b"Sec-Fetch-Site") in _BY_A_PAGE
        if page:
            raise Problem(403, "pages of the web have no business here")
        if not self._tokens:
            self._check_host(request.getHeader(b"Host"))
        elif not open and not self._shows_token(request.getHeader(b"Authorization")):
            raise Problem(401, "a bearer token is needed", headers={"WWW-Authenticate": 'Bearer realm="oversip"'})

    def _shows_token(self, header: bytes | None) -> bool:
        shown = _BEARER.fullmatch(header or b"")
        return any(hmac.compare_digest(shown[1] if shown else b"", token) for token in self._tokens)

    def _check_host(self, header: bytes | None) -> None:
        if header is None:
            return  # HTTP/1.0, which no browser speaks
        match = _HOST.fullmatch(header)
        host = match[1].decode("latin-1").lower() if match else ""
        if host == "localhost" or host in self._hosts:
            return
        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            address = None
        if address is None or not (address.is_loopback or str(address) in self._hosts):
            raise Problem(403, "this port is not known by that name")
