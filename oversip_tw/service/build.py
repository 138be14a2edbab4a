"""Everything made and joined, in one function: no globals, and nothing is wired a second time."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from oversip_tw.auth.networks import Networks
from oversip_tw.auth.trust import Role, Trust
from oversip_tw.config import Config, Listen, Mistake
from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Address, Flow, Listener, Log
from oversip_tw.logic import EdgeLogic
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.presence import settings as presence
from oversip_tw.proxy.user_rules import Rules
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.replica import Replica
from oversip_tw.server.assembly import Settings, Surroundings, assemble
from oversip_tw.server.element import Element
from oversip_tw.service import settings
from oversip_tw.service.admin_token import NoToken, admitted, token_mistakes
from oversip_tw.service.bridge import FromThread
from oversip_tw.service.hooks import HooksError, load_hooks
from oversip_tw.service.ice import TurnCredentials, with_ice
from oversip_tw.service.identifiers import Identifiers
from oversip_tw.service.kicked import close_unbound
from oversip_tw.service.proofs import Proving, WrongFile, proving
from oversip_tw.service.proofs import mistakes as proof_mistakes
from oversip_tw.service.stores import Stores, node_name, open_stores, user_file_mistakes
from oversip_tw.service.tls_files import certificate_mistakes, client_tls
from oversip_tw.service.user_rules import configured, rule_mistakes
from oversip_tw.sip.errors import SIPError
from oversip_tw.store.ports import BindingStore, Users
from oversip_tw.transaction.wheel import TimerWheel
from oversip_tw.transport.client_tls import ClientTls
from oversip_tw.transport.connector import Connector
from oversip_tw.transport.dns import HOSTS_FILE, DnsLookups, dns_lookups
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.listener import BoundListener
from oversip_tw.transport.listeners import Listeners
from oversip_tw.transport.proxied import IsProxy
from oversip_tw.transport.route import is_local
from oversip_tw.transport.stream import Streams
from oversip_tw.transport.tls import CertificateError
from oversip_tw.transport.websocket import WebSocketFactory
from oversip_tw.web import phone_page
from oversip_tw.web.api import Guard


class Nobody:
    """A `Receiver` before there is an element. No transport is open then."""

    def flow_opened(self, flow: Flow) -> None: ...

    def received(self, data: bytes, flow: Flow) -> None: ...

    def malformed(self, error: SIPError, flow: Flow) -> None: ...

    def flow_lost(self, flow: Flow, reason: str) -> None: ...

    def unreachable(self, peer: Address) -> None: ...


class StartUpError(Exception):
    """The server cannot be started; the text is the one line that says why."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running server is made of."""

    config: Config
    log: Log
    element: Element
    trust: Trust
    location: MemoryLocation
    stores: Stores
    flows: FlowTable
    streams: Streams
    listeners: Listeners
    connector: Connector
    lookups: DnsLookups
    hooks: Hooks
    proving: Proving
    #: None: there is no ``[turn]``
    turn: TurnCredentials | None
    from_thread: FromThread
    #: the digest algorithms that a listener offers
    offers: dict[Listener, tuple[str, ...]]
    #: the factories of all WebSocket listeners
    websockets: list[WebSocketFactory]
    #: makes the factory of a WebSocket listener
    websocket: Callable[[Listen, BoundListener], WebSocketFactory]
    #: lets people in at the admin port
    guard: Guard

    @property
    def users(self) -> Users:
        """Whoever says who the users are."""
        return self.stores.users

    @property
    def store(self) -> BindingStore | None:
        """What keeps the bindings; None: memory alone does."""
        return self.stores.bindings


def build(config: Config, reactor: Any, log: Log, hooks: Hooks | None = None) -> Parts:
    """All parts of the server that ``config`` describes, none of them started. Raises StartUpError.

    ``reactor`` is also the clock: `monotonic` makes it one that clock steps do not disturb. ``hooks`` stand for those
    that the configuration names.
    """
    rules = _rules(config)
    hooks = _hooks(config, hooks)
    proofs = _proving(config, reactor, log)
    guard = _guard(config)
    from_thread = FromThread(reactor)
    stores = _stores(config, reactor, from_thread, log)
    store = stores.bindings
    flows = FlowTable()
    trust = Trust(settings.trusted(config))
    offers: dict[Listener, tuple[str, ...]] = {}
    streams = _streams(config, reactor, flows, trust, log)

    def is_proxy(transport: str, peer: Address) -> bool:
        return trust.role_of(transport, peer) is Role.PROXY

    listeners = Listeners(reactor, streams, is_proxy)
    connector = Connector(reactor, streams, listeners.bound, listeners.udp, _client_tls(config))
    lookups = dns_lookups(reactor, config.dns.servers, HOSTS_FILE if config.dns.hosts else None)
    element = assemble(
        Surroundings(
            clock=reactor,
            wall=time.time,
            log=log,
            new_id=Identifiers(),
            chance=random.random,
            flows=flows,
            connector=connector,
            lookups=lookups,
            users=stores.users,
            store=store,
            hooks=hooks,
            is_local=is_local,
            **proofs.handed(),
        ),
        _element_settings(config, store, trust, offers),
    )
    _report(streams, element)
    websockets: list[WebSocketFactory] = []
    turn = None if config.turn is None else _turn(config, proofs, element)

    def websocket(listen: Listen, listener: BoundListener) -> WebSocketFactory:
        factory = _websocket(config, listen, listener, reactor, element, streams, is_proxy, turn)
        websockets.append(factory)
        return factory

    location = _following(element, rules, stores, reactor, flows)
    return Parts(
        config, log, element, trust, location, stores, flows, streams, listeners, connector, lookups, hooks,
        proofs, turn, from_thread, offers, websockets, websocket, guard,
    )  # fmt: skip


def _report(streams: Streams, element: Element) -> None:
    """Transports report to the element, which sends by the connector, which shares what transports share."""
    streams.receiver, streams.admit = element, element.pings.admit
    streams.tls_accepted, streams.tls_connected = element.tls_accepted, element.tls_connected


def _following(
    element: Element,
    rules: tuple[Mapping[str, Rules], Mapping[str, Rules]],
    stores: Stores,
    reactor: Any,
    flows: FlowTable,
) -> MemoryLocation:
    """The location, which hears of other servers; and the rules of users know those of the configuration, and those in
    the store as they come and go."""
    element.core.rules.configure(*rules)
    if stores.rules is not None:
        stores.rules.rules.follow(element.core.rules.store)
    location = element.core.location
    assert isinstance(location, MemoryLocation)
    if stores.follow is not None:

        def left(binding: Binding) -> None:
            close_unbound(location, flows, [binding], "ended at another server")

        def moved(binding: Binding) -> None:
            element.resuming.came_elsewhere(binding.flow_id, binding.key, None)

        stores.follow(Replica(location, reactor, left, moved))
    return location


def _websocket(
    config: Config,
    listen: Listen,
    listener: BoundListener,
    reactor: Any,
    element: Element,
    streams: Streams,
    is_proxy: IsProxy,
    turn: TurnCredentials | None,
) -> WebSocketFactory:
    """What one ws or wss listener listens with."""
    ice = "" if config.turn is None else config.turn.path
    page = phone_page(settings.page_domain(config), ice=ice) if listen.page else None
    return WebSocketFactory(
        element,
        streams.flows,
        listener,
        reactor,
        settings.websockets(config, listen, type(element.hooking.hooks) is not Hooks),
        page if turn is None else with_ice(page, listen, config, turn),
        element.connecting,
        partial(is_proxy, listen.transport),
        streams.connections,
        on_tls=element.tls_accepted if listen.transport == "wss" else None,
    )


def _element_settings(
    config: Config, store: BindingStore | None, trust: Trust, offers: Mapping[Listener, tuple[str, ...]]
) -> Settings:
    """What the element is told. Its secrets and its name outlive the process where there is a store."""
    return Settings(
        domains=config.domains,
        aliases=config.aliases,
        node=node_name(config, store),
        nodes={node.id: node.uri for node in config.node},
        keys=store.secrets("flows") if store is not None else (os.urandom(32),),
        trust=trust,
        limits=settings.message_limits(config),
        timers=settings.timers(config),
        transactions=config.limits.transactions,
        proxy=settings.routing(config),
        registrar=settings.bindings(config),
        location=settings.remembering(config, node_name(config, store) if config.store.kind == "redis" else ""),
        by_domain=settings.by_domain(config),
        waiting=settings.resuming(config),
        pace=settings.pace(config),
        nat_pings=settings.nat_pings(config),
        algorithms=offers.get,
        authentication=settings.challenges(config),
        nonces=settings.nonces(config),
        floods=settings.flood_limits(config),
        events=presence.Settings() if config.registrar.reg_event else None,
        trace=config.log.messages,
        edge=settings.edge(config),
        certificates=config.auth.certificates,
    )


def mistakes(config: Config) -> list[Mistake]:
    """What is wrong with a configuration that reads well: certificates that are none, rules that lead nowhere,
    no token, no users, hooks that cannot be loaded."""
    found = [*certificate_mistakes(config), *proof_mistakes(config), *rule_mistakes(config), *token_mistakes(config)]
    found += user_file_mistakes(config)
    try:
        _hooks(config)
    except StartUpError as error:
        found.append(Mistake("hooks", str(error)))
    return found


def _proving(config: Config, reactor: Any, log: Log) -> Proving:
    try:
        return proving(config, reactor, log)
    except WrongFile as wrong:
        raise StartUpError(str(wrong)) from None


def _guard(config: Config) -> Guard:
    try:
        return Guard(*admitted(config))
    except NoToken as error:
        raise StartUpError(str(error)) from None


def _turn(config: Config, proofs: Proving, element: Element) -> TurnCredentials:
    try:
        return TurnCredentials(config, proofs, element.authenticator, element.core.ours)
    except WrongFile as wrong:
        raise StartUpError(str(wrong)) from None


def _client_tls(config: Config) -> dict[str, ClientTls]:
    try:
        return client_tls(config)
    except CertificateError as error:
        raise StartUpError(str(error)) from None


def _rules(config: Config) -> tuple[Mapping[str, Rules], Mapping[str, Rules]]:
    wrong = rule_mistakes(config)
    if wrong:
        raise StartUpError(str(wrong[0]))
    return configured(config)


def _hooks(config: Config, given: Hooks | None = None) -> Hooks:
    try:
        return make_hooks(config) if given is None else _fitting(given, config)
    except HooksError as error:
        raise StartUpError(str(error)) from None


def make_hooks(config: Config) -> Hooks:
    """The hooks that ``config`` names. Raises HooksError."""
    return _fitting(load_hooks(config.hooks) if config.hooks else Hooks(), config)


def _fitting(hooks: Hooks, config: Config) -> Hooks:
    if isinstance(hooks, EdgeLogic) and config.edge is None:
        raise HooksError(f"{config.hooks or type(hooks).__name__} is the logic of an edge: it needs an [edge] section")
    return hooks


def _stores(config: Config, reactor: Any, from_thread: FromThread, log: Log) -> Stores:
    try:
        return open_stores(config, reactor, from_thread, log)
    except StoreFailed as error:
        raise StartUpError(str(error)) from None


def _streams(config: Config, reactor: Any, flows: FlowTable, trust: Trust, log: Log) -> Streams:
    """What TCP, TLS and WebSocket share. Reports to nobody yet."""
    exempt = Networks(config.limits.exempt)

    def has_no_limit(address: str) -> bool:
        peer: Address = (address, 0)
        return address in exempt or any(
            trust.role_of(transport, peer) is not None for transport in ("tcp", "tls", "ws", "wss")
        )

    return Streams(
        Nobody(),
        flows,
        TimerWheel(reactor, failed=lambda error: log.error("timer: {error!r}", error=error)),
        log,
        settings.streams(config),
        settings.message_limits(config),
        ConnectionLimits(config.limits.connections_per_address, settings.connections(config), has_no_limit),
    )
