"""Which pages may open a WebSocket (RFC 6455 §4.2.2, §10.2; RFC 6454)."""

from __future__ import annotations

import re

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/:\[\]@?#\s]+)(?::([0-9]{1,5}))?", re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}


def normal(origin: str) -> str | None:
    """``origin`` in lower case and with its port written out; None if it is none."""
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    return f"{scheme}://{host}:{(port or '').lstrip('0') or _DEFAULT_PORTS.get(scheme, '')}"


class Origins:
    """An allow-list; see `Settings.origins` for what may stand in it. Raises ValueError for anything else."""

    __slots__ = ("_any", "_missing", "_null", "_same", "_set")

    def __init__(self, listed: tuple[str, ...], allow_missing: bool) -> None:
        self._any = not listed or "*" in listed
        self._null = "null" in listed
        self._same = "same-origin" in listed
        self._missing = allow_missing
        self._set = set()
        for text in listed:
            if text not in ("*", "null", "same-origin"):
                origin = normal(text)
                if origin is None:
                    raise ValueError(f"{text!r} is no origin: write https://host or https://host:port")
                self._set.add(origin)

    def allow(self, origin: str | None, host: str, secure: bool) -> bool:
        """May a page of ``origin`` open a WebSocket to us, whom it called ``host`` over TLS or not?"""
        if self._any:
            return True
        if origin is None:
            return self._missing
        if origin == "null":
            return self._null
        found = normal(origin)
        if found is None:
            return False
        return found in self._set or (self._same and found == normal(f"{'https' if secure else 'http'}://{host}"))
