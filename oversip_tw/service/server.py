"""The server as a Twisted service: start, reload, and an end in order."""

# mypy: allow-untyped-calls

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from oversip_tw import __version__, native
from oversip_tw.config import Config
from oversip_tw.hooks import Hooks
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.service import settings
from oversip_tw.service.admin import open_admin
from oversip_tw.service.bridge import deferred
from oversip_tw.service.build import Parts, StartUpError, build
from oversip_tw.service.hooks import HooksError, initialise
from oversip_tw.service.logs import SafeLog
from oversip_tw.service.process import on_signal, open_more_files, settle_memory
from oversip_tw.service.reload import Refused, reload
from oversip_tw.service.watchdog import Watchdog
from oversip_tw.transport.listener import ListenError
from oversip_tw.web import is_built

#: seconds between two looks whether the last transaction has ended
_LOOK = 0.1


class Server(Service):
    """One OverSIP server. ``parts`` are there from `startService` on, for programs around it and for tests."""

    name = "oversip"
    parts: Parts

    def __init__(
        self,
        config: Config,
        reactor: Any,
        announce: Callable[[], None] | None = None,
        reread: Callable[[], Config] | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        """``announce`` is called once every listener is open; by default it writes "ready" to standard error.
        ``reread`` reads the configuration again, for SIGHUP; None: it came from no file. ``hooks`` stand for those
        that the configuration names; SIGHUP leaves them as they are."""
        self._hooks = hooks
        self._config = self._with_hooks(config)
        self._reread = None if reread is None else lambda: self._with_hooks(reread())
        self._reactor = reactor
        self._announce = announce or _say_ready
        self._undo_signals: list[Callable[[], None]] = []
        self._hurry = False
        self._admin: Any = None

    def _with_hooks(self, config: Config) -> Config:
        return config if self._hooks is None else attrs.evolve(config, hooks=None)

    def startService(self) -> None:
        """Open everything, or raise StartUpError with nothing left open. Blocks while the store is read."""
        open_more_files()
        log = SafeLog("oversip", self._config.log.level)
        self.parts = parts = build(self._config, self._reactor, log, self._hooks)
        self._watchdog = Watchdog(self._reactor, log, parts.element.pace.late)
        try:
            parts.from_thread.wait(parts.location.load())
            initialise(parts.hooks)
            self._listen()
        except (StoreFailed, ListenError, StartUpError, HooksError) as error:
            parts.lookups.close()
            parts.from_thread.wait(parts.stores.close())
            raise StartUpError(str(error)) from None
        super().startService()
        parts.location.start()
        if parts.proving.remote is not None:
            parts.proving.remote.start()
        self._watchdog.start()
        parts.stores.start()
        for each in (parts.element.watch, parts.element.nat_pings):
            if each is not None:
                each.start()
        self._undo_signals.append(on_signal(signal.SIGUSR1, lambda: self._reactor.callFromThread(self._user_reload)))
        self._undo_signals.append(on_signal(signal.SIGHUP, lambda: self._reactor.callFromThread(self.reload)))
        parts.element.hooking.tell(lambda: parts.hooks.on_start(parts.element.core))
        self._greet()
        settle_memory()
        self._announce()

    def _listen(self) -> None:
        """Open all listeners or none. Raises ListenError."""
        parts = self.parts
        try:
            for listen in self._config.listen:
                bound = parts.listeners.open(settings.listener(listen), partial(parts.websocket, listen))
                parts.element.listens(bound)
                parts.offers[bound] = settings.challenges_of(self._config, listen)
            self._admin = open_admin(parts, self._reactor)
        except (ListenError, StartUpError):
            parts.listeners.close_ports()
            raise

    def _greet(self) -> None:
        """Where we are reached, and what a newcomer may have overlooked."""
        parts, log = self.parts, self.parts.log
        log.info("oversip {version}, {build}", version=__version__, build=native.name())
        for listen, bound in zip(self._config.listen, parts.listeners.bound, strict=True):
            log.info(
                "listening: {transport} {address} port {port}{advertised}",
                transport=bound.transport,
                address=bound.address,
                port=bound.port,
                advertised=f", advertised as {bound.sent_by}" if listen.advertised else "",
            )
            if listen.websocket and not listen.page and listen.origins is None:
                log.warn(
                    "any page of the web may connect to {transport} port {port}: list yours under listen.origins",
                    transport=bound.transport,
                    port=bound.port,
                )
        if any(listen.page for listen in self._config.listen) and not is_built():
            log.warn("the phone page is not built: make page (needs Node.js 18 or newer with npm)")
        if self._admin is not None:
            place = self._admin.getHost()
            log.info("listening: admin {address} port {port}", address=place.host, port=place.port)
        if self._config.edge is not None:
            log.info("edge of {core}", core=", ".join(self._config.edge.core))
        elif parts.users.known == 0:
            log.warn(
                "no users yet: oversip user add NAME@{domain} (with the same -c FILE as here)",
                domain=self._config.domains[0],
            )

    def _user_reload(self) -> None:
        hooking = self.parts.element.hooking
        hooking.tell(hooking.hooks.on_user_reload)

    def reload(self) -> None:
        """SIGHUP: read profiles, routes, trusted peers, the edge, hooks, users, tokens and certificates again, all or
        nothing.
        What is wrong is logged; nobody is disconnected, and no call ends."""
        log = self.parts.log
        if self.parts.element.draining:
            log.warn("nothing was changed: the server is about to end")
            return
        try:
            self._config, waiting = reload(self.parts, self._config, self._reread)
        except Refused as refused:
            for line in refused.lines:
                log.error("nothing was changed: {line}", line=line)
            return
        except Exception as error:
            self.parts.element.core.unexpected(error)
            return
        for name in waiting:
            log.warn("{name}: what has changed there waits for the next start", name=name)
        log.info("configuration and certificates read again")

    def stopService(self) -> Deferred[None]:
        """End in order: no new work, running transactions finish, connections close (WebSockets: 1001), store last.

        A second SIGTERM or SIGINT ends the wait for transactions.
        """
        super().stopService()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._undo_signals.append(on_signal(number, self._hasten))
        return deferred(self._stop())

    def _hasten(self) -> None:
        self._hurry = True

    async def _stop(self) -> None:
        parts = self.parts
        parts.element.draining = True
        await parts.listeners.stop_accepting()
        await self._drain()
        for each in (parts.element.watch, parts.element.nat_pings):
            if each is not None:
                each.stop()
        await parts.element.hooking.finish(parts.element.hooking.hooks.on_stop)
        await parts.listeners.stop()
        if self._admin is not None:
            await self._admin.stopListening()
        parts.connector.close()
        parts.lookups.close()
        if parts.proving.remote is not None:
            parts.proving.remote.stop()
        parts.location.stop()
        self._watchdog.stop()
        await parts.stores.close()
        # Nothing is left that they could be for, and in a program around us the reactor runs on.
        for wheel in (parts.element.core.wheel, parts.streams.wheel):
            wheel.stop()
        for undo in reversed(self._undo_signals):
            undo()
        self._undo_signals.clear()

    async def _drain(self) -> None:
        """Let running transactions finish, as long as the configuration allows."""
        transactions = self.parts.element.core.transactions
        until = self._reactor.seconds() + self._config.timers.drain
        self.parts.log.info("ending" if transactions.idle else "ending once what is under way has finished")
        while not transactions.idle and not self._hurry and self._reactor.seconds() < until:
            await deferLater(self._reactor, _LOOK)


def _say_ready() -> None:
    # twistd turns sys.stderr into its log
    print("ready", file=sys.__stderr__, flush=True)
