"""What is ours: the domains we serve and the addresses under which we are reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address

from oversip_tw.interfaces import Listener
from oversip_tw.registrar.aliases import Aliases
from oversip_tw.resolve.names import is_address
from oversip_tw.sip.uri import Uri, host_port

#: the port that a URI means when it names none (RFC 3261 §19.1.2, RFC 7118 §5.2.1)
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}


class Ours:
    """Answers whether a URI names this element or one of its domains (RFC 3261 §16.4 and §16.5)."""

    def __init__(
        self,
        domains: Iterable[str],
        aliases: Iterable[str] = (),
        is_local: Callable[[str], bool] = lambda address: False,
        users: Aliases | None = None,
        realms: Iterable[str] = (),
    ) -> None:
        """``aliases`` are further names of our listeners' addresses: a host, without port. ``is_local``: an IP address
        is one of this machine's, which are all ours where a listener takes all of a family (0.0.0.0, ::). ``users``:
        further names of users. ``realms``: those of domains, where they are not called by their names."""
        names = [domain.lower() for domain in domains]
        self.domains = frozenset(names)
        #: what credentials for us say, lower-case
        self.realms = self.domains.union([realm.lower() for realm in realms])
        #: further names of users
        self.aliases = users or Aliases()
        self._default = names[0] if names else ""
        self._names = self.domains | {alias.lower() for alias in aliases}
        #: what our own Via headers name
        self.sent_bys: set[str] = set()
        self._ports: set[int] = set()
        self._places: set[str] = set()
        self._is_local = is_local
        #: ports of listeners that take all addresses of a family: True for IPv6
        self._everywhere: set[tuple[bool, int]] = set()

    def listens(self, listener: Listener) -> None:
        """Count ``listener``'s address, the bound and the advertised one, among ours."""
        advertised = listener.sent_by.lower()
        if ":" not in advertised.rpartition("]")[2]:
            advertised = f"{advertised}:{DEFAULT_PORTS[listener.transport]}"
        self.sent_bys.add(advertised)
        self._places.update((advertised, host_port(listener.address, listener.port)))
        self._ports.update((listener.port, int(advertised.rpartition(":")[2])))
        if ip_address(listener.address).is_unspecified:
            self._everywhere.add((":" in listener.address, listener.port))

    def is_domain(self, host: str) -> bool:
        """``host`` (lower-case) is a domain whose users we know."""
        return host in self.domains

    def is_place(self, uri: Uri) -> bool:
        """``uri`` names a listener of ours by address and port, or one of our names with one of our ports or none."""
        port = uri.port
        if uri.host in self._names and (port is None or port in self._ports):
            return True
        if port is None:
            port = 5061 if uri.secure else DEFAULT_PORTS.get(uri.transport or "udp", 5060)
        return self._is_ours(uri.host, port)

    def listens_at(self, address: str, port: int) -> bool:
        """A message to there would come back to us."""
        return port in self._ports and self._is_ours(address, port)

    def _is_ours(self, host: str, port: int) -> bool:
        if host_port(host, port) in self._places:
            return True
        return (":" in host, port) in self._everywhere and is_address(host) and self._is_local(host)

    @property
    def has_aliases(self) -> bool:
        """Some users have further names: `user` need not be asked where there are none and the domain is ours."""
        return not self.aliases.empty

    def user(self, uri: Uri) -> str:
        """The AoR that ``uri``, which is ours, means: a user at one of our addresses is one of our first domain."""
        aor = uri.aor
        if uri.host not in self.domains and self._default:
            aor = Uri.build("sip", uri.user, self._default).aor
        return aor if self.aliases.empty else self.aliases.user_of(aor)

    def owns(self, uri: Uri) -> bool:
        """A request for ``uri`` is for us or for one of our users (§16.5)."""
        return uri.is_sip and self.is_place(uri)
