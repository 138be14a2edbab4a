"""What one REGISTER changes, worked out before anything is changed: all of it happens, or nothing (RFC 3261 §10.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.contact import Wish
from oversip_tw.registrar.identity import meant_by, same_contact
from oversip_tw.sip.errors import SIPError


def check_order(old: Binding, call_id: str, cseq: int) -> None:
    """Raises SIPError (500) for a REGISTER that came later than one that was sent after it (§10.3 step 7)."""
    if old.call_id == call_id and cseq <= old.cseq:
        raise SIPError(500, "CSeq Out Of Order")


class Plan:
    """Changes to ``bindings``, those of one AoR, that a REGISTER of that Call-ID and CSeq asks for."""

    __slots__ = ("_bindings", "_call_id", "_cseq", "_known", "_reasons", "put")

    def __init__(self, bindings: Sequence[Binding], call_id: str, cseq: int) -> None:
        self._bindings = bindings
        self._call_id = call_id
        self._cseq = cseq
        #: old bindings that go, by key, and why; REFRESHED when one of ``put`` is the same phone
        self._reasons: dict[bytes, tuple[Binding, Change]] = {}
        #: keys of those of ``put`` that were there before, by that or another name
        self._known: set[bytes] = set()
        #: new bindings by key
        self.put: dict[bytes, Binding] = {}

    def take(self, wish: Wish, binding: Binding) -> None:
        """Let ``binding``, which is what ``wish`` makes, take its place, or end what ``wish`` removes.

        Raises SIPError (500) for a REGISTER that came late: an older CSeq in the same Call-ID (§10.3 step 7).
        """
        meant = meant_by(wish, self._bindings, binding.flow_id)
        again = meant_by(wish, list(self.put.values()), b"") if self.put else ()
        if not wish.expires and any(not same_contact(wish.uri, new) for new in again):
            return  # a phone that moved: its new Contact has taken the place of the one it takes back here
        for old in meant:
            check_order(old, self._call_id, self._cseq)
            self._reasons[old.key] = (old, Change.REFRESHED if wish.expires else Change.REMOVED)
        for new in again:
            del self.put[new.key]  # the same phone twice in one REGISTER: the later one counts
        if wish.expires:
            self.put[binding.key] = binding
            if meant:
                self._known.add(binding.key)

    def remove(self, old: Binding) -> None:
        """End ``old``. Raises SIPError as `take`."""
        check_order(old, self._call_id, self._cseq)
        self._reasons[old.key] = (old, Change.REMOVED)

    @property
    def more(self) -> int:
        """How many bindings more than now there are then; 0 where there are fewer."""
        return max(0, len(self.put) - len(self.displaced))

    def make_room(self, most: int, refuse: bool, is_dead: Callable[[Binding], bool]) -> None:
        """End as many old bindings as are more than ``most`` then: dead ones first, then the oldest; ``refuse``: no
        living ones.

        Raises SIPError (403) when the REGISTER alone has too many, or when living ones would have to go and may not.
        """
        if len(self._bindings) + len(self.put) <= most:
            return
        staying = [old for old in self._bindings if old.key not in self._reasons]
        excess = len(staying) + len(self.put) - most
        if excess <= 0 or not self.put:
            return
        if excess > len(staying):
            raise SIPError(403, "Too Many Contacts")
        dead = {old.key for old in staying if is_dead(old)}
        staying.sort(key=lambda old: (old.key not in dead, old.updated_at))
        for old in staying[:excess]:
            if refuse and old.key not in dead:
                raise SIPError(403, "Too Many Bindings")
            self._reasons[old.key] = (old, Change.REPLACED)

    @property
    def dropped(self) -> list[Binding]:
        """The old bindings that end, those whose very key stays excepted."""
        return [old for key, (old, _) in self._reasons.items() if key not in self.put]

    @property
    def displaced(self) -> list[Binding]:
        """The old bindings that go because of ``put``."""
        return [old for old, change in self._reasons.values() if change is not Change.REMOVED]

    def changes(self) -> list[tuple[Change, Binding]]:
        """What happened to whom, for those who listen."""
        found: list[tuple[Change, Binding]] = []
        for old, change in self._reasons.values():
            if change is not Change.REFRESHED:
                found.append((change, old))
        for key, binding in self.put.items():
            found.append((Change.REFRESHED if key in self._known else Change.ADDED, binding))
        return found
