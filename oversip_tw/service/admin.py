"""What those who run the server may look at and change: its health, its numbers, and the API."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.error import CannotListenError

from oversip_tw.interfaces import Clock, Log
from oversip_tw.promise import spawn
from oversip_tw.service.api import SCHEMAS, TABLE, Context
from oversip_tw.service.build import Parts, StartUpError
from oversip_tw.transport.port import os_text
from oversip_tw.web import Health, LimitedSite, Metrics, Reading
from oversip_tw.web.api import Api

#: a part of what health tells: calls go on without it, and the next server has the same
_STORE = "store"


def open_admin(parts: Parts, reactor: Any) -> Any:
    """The admin port, open; None where none is configured. Raises StartUpError."""
    wanted = parts.config.admin
    if wanted.port is None:
        return None
    site = LimitedSite(_api(parts, reactor), reactor)
    try:
        return reactor.listenTCP(wanted.port, site, interface=wanted.address)
    except CannotListenError as error:
        place, why = f"{wanted.address}:{wanted.port}", os_text(error.socketError)
        raise StartUpError(f"cannot listen on admin {place}: {why}") from None


def _api(parts: Parts, reactor: Any) -> Api:
    core, strangers = parts.element.core, Strangers(parts.log, reactor)

    def works() -> dict[str, bool]:
        return {"accepting": not parts.element.draining, _STORE: parts.stores.work}

    def changed(peer: str, method: str, path: str, status: int) -> None:
        core.log.info(
            "admin: {method} {path} from {peer}: {status}", method=method, path=path, peer=peer, status=status
        )

    return Api(
        TABLE,
        SCHEMAS,
        {"/health": Health(works, spared=[_STORE]), "/metrics": Metrics(readings(parts))},
        Context(parts),
        parts.guard,
        reactor,
        spawn,
        core.unexpected,
        changed,
        strangers.refused,
    )


class Strangers:
    """Tells in the log of those who show a token that is none: a line a second at most."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._quiet_until = 0.0

    def refused(self, peer: str) -> None:
        """Somebody was not let in."""
        now = self._clock.seconds()
        if now >= self._quiet_until:
            self._quiet_until = now + 1
            self._log.warn("admin: wrong token from {peer}", peer=peer)


def readings(parts: Parts) -> list[Reading]:
    """Every number there is, read when it is asked for."""
    element, core = parts.element, parts.element.core
    counters, transactions = element.counters, core.transactions

    def gauge(name: str, help: str, value: Any) -> Reading:
        return Reading(f"oversip_{name}", help, value)

    def count(name: str, help: str, value: Any, labels: tuple[str, ...] = ()) -> Reading:
        return Reading(f"oversip_{name}", help, value, True, labels)

    return [
        gauge("bindings", "Bindings of registered phones.", lambda: parts.location.count),
        gauge("users", "Users in the store.", lambda: parts.users.known or 0),
        gauge("store_up", "1 while the store answers, else 0.", lambda: float(parts.stores.work)),
        gauge("transactions", "Transactions that stand.", lambda: transactions.count),
        gauge("connections", "Connections that others opened.", lambda: parts.streams.connections.count),
        gauge("websockets", "Open WebSockets.", lambda: sum(each.open for each in parts.websockets)),
        gauge("next_hop_connections", "Connections to next hops.", lambda: parts.connector.count),
        gauge("waiting", "Requests that wait for a client to come back.", lambda: core.waiting.count),
        gauge("timers", "Timers that stand.", lambda: core.wheel.count),
        count("messages_received", "SIP messages that came in.", lambda: counters.received),
        count("messages_unreadable", "Messages that were no SIP.", lambda: counters.unreadable),
        count("messages_absorbed", "Repetitions, ACKs and CANCELs of transactions.", lambda: transactions.absorbed),
        count("strays", "Responses that belong to nothing.", lambda: counters.strays),
        count("refused", "Requests refused without a transaction.", lambda: counters.refused),
        count("overloaded", "Requests refused at the limit of transactions.", lambda: transactions.refused),
        count("connections_refused", "Connections refused at a limit.", lambda: parts.streams.connections.refused),
        count(
            "websockets_accepted", "WebSockets ever opened.", lambda: sum(each.accepted for each in parts.websockets)
        ),
        count(
            "handshakes_refused",
            "WebSocket handshakes refused, by HTTP status.",
            lambda: _labelled(each.refusals for each in parts.websockets),
            ("status",),
        ),
        count(
            "websockets_closed",
            "WebSockets that we closed, by close code.",
            lambda: _labelled(each.closes for each in parts.websockets),
            ("code",),
        ),
    ]


def _labelled(counters: Any) -> dict[tuple[str, ...], float]:
    total: Counter[int] = sum(counters, Counter())
    return {(str(key),): float(number) for key, number in total.items()}
