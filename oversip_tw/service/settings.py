"""From the configuration to the settings that each room defines for itself."""

from __future__ import annotations

from oversip_tw.auth import authenticator, floods, nonce
from oversip_tw.auth.challenge import BEARER
from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.config import Config, Listen
from oversip_tw.config.domains import aor
from oversip_tw.config.values import host_and_port, transport_of
from oversip_tw.edge import settings as edges
from oversip_tw.outbound import waiting
from oversip_tw.proxy import settings as proxy
from oversip_tw.registrar import settings as registrar
from oversip_tw.registrar.aliases import Aliases
from oversip_tw.resolve import settings as resolve
from oversip_tw.server import nat_pings as pings
from oversip_tw.server import pace as paces
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.timers import Timers
from oversip_tw.transport import websocket
from oversip_tw.transport.client_tls import ClientTlsSettings
from oversip_tw.transport.limits import possible_connections
from oversip_tw.transport.listener import CertificateFiles, ClientCertificates, ListenerSpec
from oversip_tw.transport.stream import StreamSettings

#: pages that may open a WebSocket where the configuration does not say: the listener's own, if it has one
SAME_ORIGIN = ("same-origin",)


def listener(listen: Listen) -> ListenerSpec:
    """One place to listen."""
    return ListenerSpec(
        listen.transport,
        listen.address,
        listen.bound_port,
        listen.advertised or "",
        tuple(CertificateFiles(*files) for files in zip(listen.certificate, listen.key, strict=True)),
        ClientCertificates(listen.client_certificate, listen.authorities or ""),
        listen.proxy_protocol,
    )


def client_tls(config: Config) -> dict[str, ClientTlsSettings]:
    """TLS towards next hops, by the names of their profiles; "" is for all that name none."""
    found = {
        profile.name: ClientTlsSettings(
            profile.verify,
            profile.authorities or "",
            CertificateFiles(profile.certificate, profile.key) if profile.certificate and profile.key else None,
        )
        for profile in config.profile
    }
    return {"": found.get("default", ClientTlsSettings()), **found}


def message_limits(config: Config) -> Limits:
    """How much a message may hold."""
    limits = config.limits
    return Limits(
        message=limits.message,
        head=limits.head,
        headers=limits.headers,
        vias=limits.vias,
        routes=limits.routes,
        contacts=limits.contacts,
        uri=limits.uri,
        line=limits.header_line,
    )


def streams(config: Config) -> StreamSettings:
    """Deadlines and queues of TCP and TLS."""
    limits, timers = config.limits, config.timers
    return StreamSettings(
        silent=limits.first_message,
        handshake=limits.tls_handshake,
        slow_message=limits.slow_message,
        queue=limits.write_queue,
        stalled=limits.write_stall,
        connect=timers.connect,
        idle=timers.idle,
        unacknowledged=timers.unacknowledged,
    )


def websockets(config: Config, listen: Listen, hooks: bool = False) -> websocket.Settings:
    """What one WebSocket listener accepts. ``hooks``: there are some, which may look at handshakes later."""
    limits, timers = config.limits, config.timers
    origins = listen.origins if listen.origins is not None else SAME_ORIGIN if listen.page else ()
    return websocket.Settings(
        paths=listen.path,
        origins=origins,
        # Programs and phones send no Origin; where nobody wrote a list, they may come.
        allow_missing_origin=listen.origins is None,
        head_size=limits.http_head,
        head_fields=limits.http_headers,
        head_timeout=limits.websocket_handshake,
        message_size=limits.message,
        frames=limits.frames_per_message,
        control_frames=limits.control_frames,
        ping_interval=timers.ping,
        pong_timeout=timers.pong,
        write_queue=limits.write_queue,
        write_timeout=limits.write_stall,
        keep_handshake=hooks,
    )


def timers(config: Config) -> Timers:
    """The transaction timers."""
    given = config.timers
    return Timers(t1=given.t1, t2=given.t2, t4=given.t4)


def bindings(config: Config) -> registrar.Settings:
    """What the registrar grants."""
    given = config.registrar
    return registrar.Settings(
        domains=frozenset(config.domains),
        min_expires=given.min_expires,
        max_expires=given.max_expires,
        default_expires=given.default_expires,
        spread_for=given.spread_for,
        max_bindings=given.max_bindings,
        max_contacts=config.limits.contacts,
        when_full="refuse" if given.when_full == "refuse" else "replace",
        flow_timer=given.flow_timer,
        flow_timer_udp=given.flow_timer_udp,
        temporary_gruus=given.temporary_gruu,
        service_route=tuple(f"<{uri}>" for uri in service_route(config)),
    )


def service_route(config: Config) -> tuple[Uri, ...]:
    """The Routes that users are given, loose routers all."""
    given = (Uri.parse(uri) for uri in config.registrar.service_route)
    return tuple(uri if uri.has_param("lr") else uri.replace(params=(*uri.params, ("lr", None))) for uri in given)


def by_domain(config: Config) -> registrar.Domains:
    """What differs between the domains."""
    first = config.domains[0] if config.domains else ""
    aliases = {aor(name, first): aor(each.user, first) for each in config.alias for name in each.names}
    return registrar.Domains(
        realms={each.name: each.realm for each in config.domain if each.realm not in (None, each.name)},
        registrations={each.name: each.max_registrations for each in config.domain if each.max_registrations},
        bindings={each.name: each.max_bindings for each in config.domain if each.max_bindings},
        calls={each.name: each.max_calls for each in config.domain if each.max_calls},
        aliases=Aliases(aliases),
    )


def remembering(config: Config, node: str = "") -> registrar.Remembering:
    """What the location remembers of what is over. ``node``: our name, where others share the store."""
    return registrar.Remembering(lost_for=config.registrar.lost_for, node=node)


def resuming(config: Config) -> waiting.Settings:
    """How long requests wait for a client that comes back."""
    return waiting.Settings(resume=config.timers.resume, resume_bye=config.timers.resume_bye)


def pace(config: Config) -> paces.Settings:
    """How many clients may come at once."""
    return paces.Settings(most=config.limits.arrivals, exempt=config.limits.exempt)


def nat_pings(config: Config) -> pings.Settings:
    """How phones on UDP are asked whether they are there."""
    given = config.registrar
    return pings.Settings(given.nat_ping, given.nat_ping_interval, given.nat_ping_misses)


def challenges(config: Config) -> authenticator.Settings:
    """What is offered to whoever has to prove who they are."""
    auth = config.auth
    authz_server = "" if config.jwt is None else config.jwt.authz_server or ""
    return authenticator.Settings(auth.algorithms, auth.qop, auth.userhash, authz_server)


def challenges_of(config: Config, listen: Listen) -> tuple[str, ...]:
    """The same on one listener."""
    safe = listen.transport in ("tls", "wss") or (config.auth.plain_tokens and listen.transport in ("tcp", "ws"))
    bearer = (BEARER,) if config.jwt is not None and config.jwt.challenge and safe else ()
    return (*dict.fromkeys((*config.auth.algorithms, *listen.algorithms)), *bearer)


def nonces(config: Config) -> nonce.Settings:
    """How long a nonce serves, and how often."""
    auth = config.auth
    return nonce.Settings(life=auth.nonce_life, window=auth.nonce_window, once=auth.nonce_once)


def flood_limits(config: Config) -> floods.Settings:
    """How often anybody may knock."""
    limits, auth = config.limits, config.auth
    return floods.Settings(
        pings=limits.probes,
        ping_window=limits.probe_window,
        ping_silence=limits.probe_silence,
        login_failures=auth.failures,
        login_failures_per_address=auth.failures_per_address,
        login_window=auth.failure_window,
        login_throttle=auth.hold_off,
        exempt=limits.exempt,
    )


def connections(config: Config) -> int:
    """How many connections there may be in all."""
    return config.limits.connections or possible_connections()


def trusted(config: Config) -> list[TrustedSource]:
    """Who is trusted by where it comes from."""
    sources = [
        TrustedSource(
            () if each.network is None else (each.network,),
            Role(each.role),
            each.port,
            frozenset(each.transports) or None,
            each.certificate or "",
        )
        for each in config.trusted
    ]
    sources += [_source(node.uri) for node in config.node if node.id != config.node_id]
    if config.edge is not None and config.edge.core_sources:
        sources.append(TrustedSource(config.edge.core_sources, Role.CORE))
    return sources


def _source(node: str) -> TrustedSource:
    """Where another server sends from: over UDP its own port, over TCP and TLS any."""
    (address, port), transport = host_and_port(node), transport_of(node)
    if transport == "udp":
        return TrustedSource((address,), Role.NODE, port, frozenset({"udp"}))
    return TrustedSource((address,), Role.NODE, None, frozenset({transport}))


def routing(config: Config) -> proxy.Settings:
    """Where requests go."""
    return proxy.Settings(
        domains=config.domains,
        outbound=config.auth.outbound,
        inbound=config.auth.inbound,
        next_hops=tuple(
            proxy.NextHop(frozenset(route.domains), (Uri.parse(route.next_hop),), profile(config, route.profile))
            for route in config.route
        ),
        max_breadth=config.limits.max_breadth,
        timer_c=config.timers.timer_c,
        profile=profile(config, None),
        profiles={each.name: profile(config, each.name) for each in config.profile},
        max_forwards_cap=0 if config.edge is None else config.edge.max_forwards_cap,
        edge=config.edge is not None,
        service_route=service_route(config),
        catch_all={
            each.name: Uri.parse(aor(each.catch_all, each.name)) for each in config.domain if each.catch_all is not None
        },
    )


def edge(config: Config) -> edges.Settings | None:
    """The core behind this server; None: its users are its own."""
    given = config.edge
    if given is None:
        return None
    hop = proxy.NextHop(
        frozenset({"*"}), tuple(Uri.parse(uri) for uri in given.core), profile(config, given.profile or "core")
    )
    return edges.Settings(
        core=hop,
        core_sources=given.core_sources,
        return_by=given.return_by,
        assert_identity=given.assert_identity,
        client_expires=given.client_expires,
        core_expires=given.core_expires,
        probe=given.probe,
        flow_timer=config.registrar.flow_timer,
        flow_timer_udp=config.registrar.flow_timer_udp,
    )


def page_domain(config: Config) -> str:
    """The domain that the phone page proposes: the core's, for whoever logs in through an edge."""
    return Uri.parse(config.edge.core[0]).host if config.edge is not None else config.domains[0]


def profile(config: Config, name: str | None) -> proxy.Profile:
    """The profile of that name; None is the one named "default", which need not be written."""
    named = {each.name: each for each in config.profile}
    given = named.get(name or "default") or named.get("default")
    times = config.timers
    if given is None:
        return proxy.Profile(resolve.Settings(budget=times.lookup), timers(config))
    return proxy.Profile(
        resolve=resolve.Settings(
            transports=given.transports,
            families=given.families,
            naptr=given.naptr,
            srv=given.srv,
            prefer_tcp=given.prefer_tcp,
            udp_max=given.udp_max,
            budget=times.lookup,
            dns=given.dns,
            own_order=given.own_order,
            tls=given.name,
        ),
        timers=Timers(t1=times.t1, t2=times.t2, t4=times.t4, b=given.timer_b, f=given.timer_f),
        failover=given.failover,
        failover_on_503=given.failover_on_503,
        timer_c=given.timer_c,
        down_for=given.down_for,
        record_route=given.record_route,
    )
