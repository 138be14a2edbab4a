"""The notifier of the reg package (RFC 3680, RFC 6665 §4.2): who watches whom, and what they are told when.

A NOTIFY follows each SUBSCRIBE at once, with everything; changes follow as they come, but not faster than every few
seconds, with what has changed. One is on its way at a time: the next waits for its answer. What a subscriber does not
take ends its subscription.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from oversip_tw.interfaces import NewId, Spawn
from oversip_tw.presence.event import check_accept
from oversip_tw.presence.reginfo import document
from oversip_tw.presence.settings import Settings
from oversip_tw.presence.subscription import Subscription
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.temporary import TemporaryGruus
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.transaction.wheel import TimerWheel

#: begins the user part of each Contact of ours
PREFIX = "ovs"


class Away(Exception):
    """The subscriber has lost its connection, and may come back: then everything is told anew."""


class Send(Protocol):
    """Sends a NOTIFY of a subscription."""

    async def __call__(self, subscription: Subscription, state: str, body: bytes) -> int:
        """The status of the answer, 408 when there is none. Raises Away."""


class Notifier:
    """Keeps the subscriptions."""

    def __init__(
        self,
        bindings: Callable[[str], Awaitable[Sequence[Binding]]],
        send: Send,
        wheel: TimerWheel,
        spawn: Spawn,
        failed: Callable[[BaseException], None],
        new_id: NewId,
        heeds: Callable[[bool], None],
        settings: Settings,
        temporary: TemporaryGruus | None = None,
    ) -> None:
        """``bindings``: those of an AoR. ``heeds`` hears whether `changed` wants to be called: there is a subscription.
        ``failed`` hears of defects. ``temporary``: None: nobody has GRUUs of that kind."""
        self._bindings = bindings
        self._send = send
        self._wheel = wheel
        self._spawn = spawn
        self._failed = failed
        self._new_id = new_id
        self._heeds = heeds
        self._settings = settings
        self._temporary = temporary
        self._by_name: dict[str, Subscription] = {}
        self._by_aor: dict[str, list[Subscription]] = {}

    @property
    def count(self) -> int:
        """How many subscriptions there are."""
        return len(self._by_name)

    # -- from subscribers

    def subscribe(self, request: Request, aor: str, user: str | None) -> Subscription:
        """Open a subscription of ``user`` (None: a trusted source) to ``aor``; follow it up with `begin` when it has
        its answer.

        Raises SIPError: 400, 403 or 503 for one too many, 406, 423.
        """
        check_accept(request)
        seconds = self._lifetime(request)
        watching = self._by_aor.get(aor, [])
        if len(watching) >= self._settings.limit_per_user:
            raise SIPError(403, "Too Many Subscriptions")
        if self.count >= self._settings.limit:
            raise SIPError(503, headers=[("Retry-After", "60")])
        new = Subscription(request, aor, user, PREFIX + self._new_id(), self._new_id())
        self._by_name[new.name] = new
        self._by_aor.setdefault(aor, []).append(new)
        self._heeds(True)
        self._live(new, seconds)
        return new

    def refresh(self, request: Request, user: str | None) -> Subscription:
        """A further SUBSCRIBE, to a Contact of ours. Raises SIPError: as `subscribe`, 403 for that of another user, 481
        for a subscription that is none any more."""
        known = self._by_name.get(request.uri.user or "")
        if known is None or known.call_id != request.call_id or known.expiry is None:
            raise SIPError(481)
        if known.user != user:
            raise SIPError(403)
        check_accept(request)
        seconds = self._lifetime(request)
        known.take(request)
        self._live(known, seconds)
        return known

    def begin(self, subscription: Subscription) -> None:
        """The SUBSCRIBE is answered: tell everything."""
        subscription.told = None
        subscription.not_before = 0.0
        self._due(subscription)

    def seconds_left(self, subscription: Subscription) -> int:
        """How long it lives yet, rounded up: never less than what was granted a moment ago."""
        return max(0, -int((self._wheel.now() - subscription.expires_at) // 1))

    def _lifetime(self, request: Request) -> int:
        settings = self._settings
        asked = request.expires
        seconds = settings.default_expires if asked is None else min(asked, settings.max_expires)
        if 0 < seconds < settings.min_expires:
            raise SIPError(423, headers=[("Min-Expires", str(settings.min_expires))])
        return seconds

    def _live(self, subscription: Subscription, seconds: int) -> None:
        if subscription.expiry is not None:
            subscription.expiry.cancel()
            subscription.expiry = None
        subscription.expires_at = self._wheel.now() + seconds
        if seconds:
            subscription.ends_because = ""
            subscription.expiry = self._wheel.after(seconds, lambda: self._expired(subscription))
        else:
            subscription.ends_because = "timeout"

    def _expired(self, subscription: Subscription) -> None:
        subscription.expiry = None
        subscription.ends_because = "timeout"
        subscription.not_before = 0.0
        self._due(subscription)

    # -- from the registrar

    def changed(self, change: Change, binding: Binding) -> None:
        """An `OnChange`."""
        watching = self._by_aor.get(binding.aor)
        if watching is None:
            return
        key = binding.key
        for subscription in watching:
            if change is Change.ADDED or change is Change.REFRESHED:
                subscription.ends.pop(key, None)
            elif subscription.told is not None and key in subscription.told:
                subscription.ends[key] = change
            self._due(subscription)

    # -- telling

    def _due(self, subscription: Subscription) -> None:
        subscription.due = True
        if subscription.busy:
            return
        wait = subscription.not_before - self._wheel.now()
        if subscription.pause is not None:
            if wait > 0:
                return
            subscription.pause.cancel()
            subscription.pause = None
        if wait > 0:
            subscription.pause = self._wheel.after(wait, lambda: self._paused(subscription))
        else:
            self._spawn(self._tell(subscription), self._failed)

    def _paused(self, subscription: Subscription) -> None:
        subscription.pause = None
        self._due(subscription)

    async def _tell(self, subscription: Subscription) -> None:
        subscription.busy = True
        subscription.due = False
        try:
            goes_on = await self._notify(subscription)
        finally:
            subscription.busy = False
        if not goes_on:
            self._end(subscription)
        elif subscription.due:
            self._due(subscription)

    async def _notify(self, subscription: Subscription) -> bool:
        """Send what there is to be told. False: the subscription is over."""
        bindings = await self._bindings(subscription.aor)
        ending = subscription.ends_because
        told = None if ending else subscription.told
        now = self._wheel.now()
        version, ends = subscription.version, subscription.ends
        text = document(subscription.aor, version, bindings, told, ends, now, self._temporary)
        if text is None:
            return True
        subscription.version += 1
        state = f"terminated;reason={ending}" if ending else f"active;expires={self.seconds_left(subscription)}"
        subscription.told = {binding.key: binding for binding in bindings}
        subscription.ends = {}
        subscription.not_before = now + self._settings.interval
        try:
            status = await self._send(subscription, state, text.encode())
        except Away:
            subscription.told = None
            subscription.not_before = 0.0
            return not ending
        return 200 <= status < 300 and not ending

    def _end(self, subscription: Subscription) -> None:
        subscription.stop()
        if self._by_name.pop(subscription.name, None) is None:
            return
        watching = self._by_aor[subscription.aor]
        watching.remove(subscription)
        if not watching:
            del self._by_aor[subscription.aor]
        if not self._by_name:
            self._heeds(False)
