"""Keeping an eye on the core: where it sends from, as its names resolve, and whether it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oversip_tw.edge.edge import Edge
from oversip_tw.interfaces import Running, Target
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.probes import PATIENCE
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.wheel import Timer

#: seconds until the next look-up after one that failed
RETRY = 10.0

#: hears where the core may send from
Learn = Callable[[Sequence[Target]], None]


class Watch:
    """Looks the core up again whenever an answer has lived its time, and asks each of its addresses by OPTIONS."""

    def __init__(self, core: Core, edge: Edge, learn: Learn) -> None:
        self._core = core
        self._edge = edge
        self._learn = learn
        self._looking: Running | None = None
        self._refreshing: Timer | None = None
        self._probing: Timer | None = None
        #: the addresses that are known, the last ones kept while nobody answers
        self.targets: tuple[Target, ...] = ()
        #: of these names
        self._uris: tuple[Uri, ...] = ()

    def start(self) -> None:
        """Begin. What is an address is known at once."""
        self._refresh()
        self._probe_later()

    def stop(self) -> None:
        """Look and ask no more."""
        for timer in (self._refreshing, self._probing):
            if timer is not None:
                timer.cancel()
        self._refreshing = self._probing = None
        # a look-up by former settings that ended late would teach us where a former core is
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()

    def again(self) -> None:
        """The settings have changed. Another core is trusted in the place of the old one as soon as it is found."""
        self.stop()
        if self._uris != self._edge.core.uris:
            self.targets = ()
        self.start()

    # -- where it is ------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self._refreshing = None
        self._looking = self._core.spawn(self._look_up(), self._failed)

    async def _look_up(self) -> None:
        core, hop = self._core, self._edge.core
        self._uris = hop.uris
        found: list[Target] = []
        seconds = 3600.0
        failed = False
        for uri in hop.uris:
            try:
                targets, good_for = await core.resolver.addresses(uri, hop.profile.resolve)
            except SIPError as error:
                failed = True
                core.log.warn("the core {uri} cannot be looked up: {reason}", uri=uri, reason=error.reason)
                continue
            found += targets
            seconds = min(seconds, good_for)
        if failed:
            found += [target for target in self.targets if target not in found]
            seconds = RETRY
        if found:
            self.targets = tuple(found)
            self._learn(self.targets)
        self._refreshing = core.wheel.after(seconds, self._refresh)

    def _failed(self, error: BaseException) -> None:
        self._core.unexpected(error)
        self._refreshing = self._core.wheel.after(RETRY, self._refresh)

    # -- whether it lives -------------------------------------------------------------------------------------------

    def _probe_later(self) -> None:
        if self._edge.settings.probe:
            self._probing = self._core.wheel.after(self._edge.settings.probe, self._probe)

    def _probe(self) -> None:
        self._probe_later()
        for target in self.targets:
            self._core.probes.ask(target, lambda alive, target=target: self._found(target, alive))  # type: ignore[misc]

    def _found(self, target: Target, alive: bool) -> None:
        health, settings = self._core.health, self._edge.settings
        was_down = health.is_down(target)
        if alive:
            health.up(target)
        elif settings.core.profile.down_for:
            health.down(target, settings.probe + 2 * PATIENCE, "no answer to OPTIONS")
        if alive == was_down:
            self._core.log.warn(
                "the core at {transport} {address} port {port} {state}",
                transport=target.transport,
                address=target.address,
                port=target.port,
                state="answers again" if alive else "does not answer",
            )
