"""The configuration file as a whole, every option with its default and its meaning.

The reference in docs/reference/configuration.md and etc/oversip.toml are made from these classes (`make reference`); a
test keeps them equal. A default of None is made up at start-up, as the text of the option says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.admin import Admin
from oversip_tw.config.domains import Alias, DomainSection, mistakes
from oversip_tw.config.edge import Edge
from oversip_tw.config.errors import Wrong
from oversip_tw.config.listen import Listen
from oversip_tw.config.peers import Profile, Route, Trusted
from oversip_tw.config.proofs import Cookie, Ephemeral, Jwt, Turn
from oversip_tw.config.resources import Limits, Timers
from oversip_tw.config.store import Node, Store, Users, wrong_nodes
from oversip_tw.config.user_rules import UserRules
from oversip_tw.config.values import (
    Amount,
    Choice,
    ClassName,
    Count,
    Domain,
    IPAddress,
    Name,
    NewFile,
    Seconds,
    SipUri,
    Span,
    Whole,
    WholeSeconds,
    host_and_port,
    ways_to,
)

Algorithm = Annotated[str, Choice(("MD5", "SHA-256", "SHA-512-256"))]
Qop = Annotated[str, Choice(("auth", "auth-int"))]


@frozen
class Registrar:
    """How users are registered (RFC 3261 §10)."""

    min_expires: WholeSeconds = field(
        default=60, metadata=about("A shorter life of a binding is refused: 423 with Min-Expires.")
    )
    max_expires: WholeSeconds = field(default=3600, metadata=about("A longer life of a binding is cut down to this."))
    default_expires: WholeSeconds = field(
        default=3600, metadata=about("How long a binding lives whose phone does not say.")
    )
    spread_for: Span = field(
        default=300.0,
        metadata=about(
            "How long after a start phones are granted a shorter life than they ask for, by chance down to a half, so "
            "that those which come back together do not refresh together. 0: not at all."
        ),
    )
    max_bindings: Count = field(default=10, metadata=about("Bindings of one user at a time."))
    when_full: Annotated[str, Choice(("replace", "refuse"))] = field(
        default="replace",
        metadata=about('One binding too many: "replace" a dead one, else the oldest; or "refuse" it with 403.'),
    )
    lost_for: Seconds = field(
        default=120.0,
        metadata=about(
            "How long a WebSocket, TCP or TLS binding that was loaded at start-up waits for its phone to come back."
        ),
    )
    flow_timer: WholeSeconds = field(
        default=120,
        metadata=about(
            "Flow-Timer for phones with `outbound` on TCP and TLS: how often they should send a keep-alive."
        ),
    )
    flow_timer_udp: WholeSeconds = field(
        default=25, metadata=about("The same on UDP: NATs forget a mapping after 30 s.")
    )
    reg_event: bool = field(
        default=True,
        metadata=about(
            "Tell users, and trusted peers, what becomes of registrations when they subscribe to it (event package "
            "`reg`, RFC 3680). `false`: such requests go to the user's phones."
        ),
    )
    service_route: tuple[SipUri, ...] = field(
        default=(),
        metadata=about(
            "Service-Route (RFC 3608): proxies that requests of our users are to visit on their way out, in this "
            "order. It stands in the 200 of each REGISTER, and users may send it as their Route.",
            ["sip:services.example.org"],
        ),
    )
    temporary_gruu: bool = field(
        default=True,
        metadata=about(
            "Give phones that ask for `gruu` temporary ones too (RFC 5627), to be called back by without saying who "
            "they are."
        ),
    )

    nat_ping: Annotated[str, Choice(("off", "options", "crlf"))] = field(
        default="off",
        metadata=about(
            'How phones on UDP are kept reachable behind NATs, at an edge too: "options" asks each by an OPTIONS, '
            'which it answers; "crlf" sends an empty line that it skips; "off": they see to it themselves (RFC 5626).'
        ),
    )
    nat_ping_interval: Seconds = field(
        default=25.0, metadata=about("How often; the phones are spread evenly over that time.")
    )
    nat_ping_misses: Amount = field(
        default=3,
        metadata=about("OPTIONS in a row that a phone leaves unanswered before it is unregistered; 0: never."),
    )

    def __attrs_post_init__(self) -> None:
        if not self.min_expires <= self.default_expires <= self.max_expires:
            raise Wrong("must hold min_expires <= default_expires <= max_expires")


@frozen
class Auth:
    """Who has to prove who they are, and how."""

    algorithms: tuple[Algorithm, ...] = field(
        default=("MD5",),
        metadata=about(
            "The digest algorithms to offer, in this order. Browser phones read only the first and know only MD5."
        ),
    )
    qop: tuple[Qop, ...] = field(
        default=("auth",),
        metadata=about(
            'What credentials protect: "auth" the request\'s method and URI, "auth-int" its body too. JsSIP takes '
            '"auth-int" wherever it is offered.'
        ),
    )
    userhash: bool = field(
        default=False, metadata=about("Let phones hash the user's name in their credentials (RFC 7616 §3.4.4).")
    )
    inbound: Annotated[str, Choice(("closed", "open"))] = field(
        default="closed",
        metadata=about('Calls of foreign domains to our users: "closed" to all but trusted peers, or "open".'),
    )
    outbound: Annotated[str, Choice(("deny", "open"))] = field(
        default="deny",
        metadata=about('Calls of our users to foreign domains that no `[[route]]` names: "deny" (403) or "open".'),
    )
    nonce_life: Seconds = field(
        default=300.0, metadata=about("How long a nonce is good for; phones then take a new one by themselves.")
    )
    nonce_window: Annotated[int, Whole(1, 65536)] = field(
        default=1024,
        metadata=about("How far behind the highest count of a nonce (nc) a request may still arrive, on UDP say."),
    )
    nonce_once: bool = field(
        default=False,
        metadata=about("A nonce is good for one request; phones take a new one by themselves for the next."),
    )
    certificates: bool = field(
        default=False,
        metadata=about(
            "On listeners with `client_certificate` and `authorities`: a certificate whose subjectAltName holds the "
            "URI sip:NAME@DOMAIN of one of our users proves the connection to be his."
        ),
    )
    handshake: Annotated[str, Choice(("optional", "required"))] = field(
        default="optional",
        metadata=about(
            'WebSockets: "required" answers 401 to whoever shows no good token, cookie or certificate on coming in.'
        ),
    )
    plain_tokens: bool = field(
        default=False,
        metadata=about(
            "Take tokens and cookies, and give TURN credentials, over connections without TLS too, where others can "
            "read them."
        ),
    )
    failures: Count = field(
        default=10, metadata=about("Wrong passwords of one user from one address, per `failure_window`.")
    )
    failures_per_address: Count = field(default=30, metadata=about("The same for all users of one address."))
    failure_window: Seconds = field(default=60.0, metadata=about("The time they are counted over."))
    hold_off: Seconds = field(default=300.0, metadata=about("How long logins from there are refused then."))

    def __attrs_post_init__(self) -> None:
        if not self.algorithms:
            raise Wrong("algorithms must name at least one")
        if not self.qop:
            raise Wrong("qop must name at least one")


@frozen
class Dns:
    """How names are looked up."""

    servers: tuple[IPAddress, ...] = field(
        default=(), metadata=about("Name servers. Default: those of /etc/resolv.conf.", ["192.0.2.53"])
    )
    hosts: bool = field(default=True, metadata=about("Read /etc/hosts first."))


@frozen
class Logs:
    """What is written to the log (standard error, or twistd's log)."""

    messages: bool = field(
        default=False, metadata=about("Write every SIP message, with credentials blacked out. Slow.")
    )
    level: Annotated[str, Choice(("debug", "info", "warn", "error"))] = field(
        default="info", metadata=about("The least important lines to write.")
    )


@frozen
class Config:
    """Everything the server can be told. Relative file names start at the folder of the configuration file."""

    domains: tuple[Domain, ...] = field(
        default=(), metadata=about("The domains whose users are ours. Default: the host name.", ["example.org"])
    )
    aliases: tuple[Domain, ...] = field(
        default=(),
        metadata=about("Further names that a Route or a Request-URI may call this server by.", ["sip.example.org"]),
    )
    state_dir: NewFile | None = field(
        default=None,
        metadata=about(
            "Where keys and the store live. Default: `/var/lib/oversip` for root, else `$XDG_STATE_HOME/oversip`.",
            "/var/lib/oversip",
        ),
    )
    node_id: Name | None = field(
        default=None,
        metadata=about(
            "What this server is called among those that share a store with it, in `[[node]]` and in tokens. Default: "
            'a name that is made up once, and "1" where Redis is the store.',
            "1",
        ),
    )
    hooks: ClassName | None = field(
        default=None, metadata=about('Your own code: "module:Class", see the reference of hooks.', "my_hooks:Hooks")
    )
    listen: tuple[Listen, ...] = ()
    domain: tuple[DomainSection, ...] = ()
    alias: tuple[Alias, ...] = ()
    edge: Edge | None = None
    store: Store = field(factory=Store)
    users: Users = field(factory=Users)
    node: tuple[Node, ...] = ()
    registrar: Registrar = field(factory=Registrar)
    auth: Auth = field(factory=Auth)
    jwt: Jwt | None = None
    cookie: Cookie | None = None
    ephemeral: Ephemeral | None = None
    turn: Turn | None = None
    trusted: tuple[Trusted, ...] = ()
    route: tuple[Route, ...] = ()
    user_rules: tuple[UserRules, ...] = ()
    profile: tuple[Profile, ...] = ()
    limits: Limits = field(factory=Limits)
    timers: Timers = field(factory=Timers)
    dns: Dns = field(factory=Dns)
    log: Logs = field(factory=Logs)
    admin: Admin = field(factory=Admin)

    def __attrs_post_init__(self) -> None:
        wrong = [
            *self._same_places(),
            *self._closed_to_all(),
            *self._wrong_routes(),
            *self._circles(),
            *self._no_way_out(),
            *self._wrong_domains(),
            *self._proofs_of_nobody(),
            *self._hashes_of_nobody(),
            *wrong_nodes(self.node, self.node_id, self.store),
        ]
        if wrong:
            raise Wrong(*wrong)

    @property
    def all_domains(self) -> tuple[str, ...]:
        """Those of `domains` and those that have a section."""
        return tuple(dict.fromkeys((*self.domains, *(each.name for each in self.domain))))

    def realm_of(self, domain: str) -> str:
        """What is part of the password's digest of each user of ``domain``."""
        return next((each.realm for each in self.domain if each.name == domain and each.realm), domain)

    def max_users_of(self, domain: str) -> int:
        """How many users ``domain`` may have; 0: no limit."""
        return next((each.max_users for each in self.domain if each.name == domain), 0)

    def _wrong_domains(self) -> Iterator[str]:
        if self.edge is not None and (self.domain or self.alias):
            yield "an edge has no users: [[domain]] and [[alias]] are the core's business"
        yield from mistakes(self.domain, self.alias, self.all_domains)

    def _same_places(self) -> Iterator[str]:
        """Listeners that cannot both be opened."""
        seen: dict[tuple[bool, str, int], int] = {}
        for number, listen in enumerate(self.listen, 1):
            place = (listen.transport == "udp", listen.address, listen.bound_port)
            if listen.bound_port and place in seen:
                yield f"listen[{number}]: {listen.address} port {listen.bound_port} is taken by listen[{seen[place]}]"
            seen.setdefault(place, number)
        taken = seen.get((False, self.admin.address, self.admin.port or 0))
        if self.admin.port and taken:
            yield f"admin.port: {self.admin.address} port {self.admin.port} is taken by listen[{taken}]"

    def _closed_to_all(self) -> Iterator[str]:
        """Listeners for proxies of ours, where nobody is one."""
        known = {
            transport
            for each in self.trusted
            if each.role == "proxy"
            for transport in each.transports or ("udp", "tcp", "tls")
        }
        for number, listen in enumerate(self.listen, 1):
            if listen.proxy_protocol and listen.transport not in known:
                yield (
                    f'listen[{number}].proxy_protocol: no [[trusted]] with role "proxy" is for transport '
                    f'"{listen.transport}" (ws and wss have to be named)'
                )

    def _proofs_of_nobody(self) -> Iterator[str]:
        """Ways to prove who one is that would open a door to others, or open none."""
        sections = {"jwt": self.jwt, "cookie": self.cookie, "ephemeral": self.ephemeral, "turn": self.turn}
        if self.edge is not None:
            yield from (f"{name}: the core of an [edge] asks its users itself" for name, it in sections.items() if it)
        if self.cookie is not None or (self.jwt is not None and self.jwt.cookie is not None):
            for number, listen in enumerate(self.listen, 1):
                anybody = listen.origins is None and not listen.page
                if listen.websocket and (anybody or "*" in (listen.origins or ())):
                    yield f"listen[{number}].origins: cookies count, so every page of the web could be its user's phone"
        files = [it.secrets for it in (self.cookie, self.ephemeral, self.turn) if it is not None]
        if len(set(files)) < len(files):
            # what is given out for TURN would else be a password
            yield "[cookie], [ephemeral] and [turn] need secrets of their own each"

    def _hashes_of_nobody(self) -> Iterator[str]:
        if self.auth.userhash and self.users.kind == "http":
            yield 'auth.userhash: users.kind "http" is asked by name, and a hash tells none'

    def _circles(self) -> Iterator[str]:
        """Next hops that are this very server, as far as the file tells."""
        places = {(listen.address, listen.bound_port) for listen in self.listen}
        for path, hop, _ in self._hops():
            if host_and_port(hop) in places:
                yield f"{path}: {hop} is one of our own listeners"

    def _no_way_out(self) -> Iterator[str]:
        """Next hops that none of the listeners can reach."""
        spoken = {listen.transport for listen in self.listen} or {"udp", "tcp"}
        for path, hop, profile in self._hops():
            ways = ways_to(hop, profile.transports)
            if spoken.isdisjoint(ways):
                words = " or ".join(f'"{way}"' for way in ways)
                yield f"{path}: {hop} needs a [[listen]] with transport {words}, whose address we then say"

    def _hops(self) -> Iterator[tuple[str, str, Profile]]:
        """All next hops in the file: where they stand, what stands there, and the profile that holds for them."""
        named = {profile.name: profile for profile in self.profile}
        default = named.get("default", Profile("default"))
        for number, route in enumerate(self.route, 1):
            yield f"route[{number}].next_hop", route.next_hop, named.get(route.profile or "default", default)
        if self.edge is not None:
            for number, core in enumerate(self.edge.core, 1):
                yield f"edge.core[{number}]", core, named.get(self.edge.profile or "core", default)

    def _wrong_routes(self) -> Iterator[str]:
        names = [profile.name for profile in self.profile]
        if self.edge is not None and self.edge.profile is not None and self.edge.profile not in names:
            yield f'edge.profile: no profile is named "{self.edge.profile}"'
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f'two profiles are named "{name}"'
        for number, route in enumerate(self.route, 1):
            if route.profile is not None and route.profile not in names:
                yield f'route[{number}].profile: no profile is named "{route.profile}"'
            for domain in route.domains:
                if domain in self.all_domains:
                    yield f"route[{number}].domains: {domain} is one of our own domains"
