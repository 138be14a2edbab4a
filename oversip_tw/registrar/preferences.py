"""What a caller prefers among the phones of a user (RFC 3841)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from oversip_tw.registrar.features import Features, features_of, meet
from oversip_tw.sip import grammar
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request

_ALL: Final = frozenset({"accept-contact", "reject-contact", "request-disposition"})
#: nobody asks for more, and each value is compared with each of every phone
MOST_PREDICATES: Final = 16
MOST_VALUES: Final = 64

_VALUE: Final = re.compile(rf"\*((?>(?:[ \t]*{grammar.generic_param.pattern})*))[ \t]*", re.ASCII)


class _Predicate:
    """One value of Accept-Contact or Reject-Contact."""

    __slots__ = ("explicit", "features", "required")

    def __init__(self, features: Features, required: bool, explicit: bool) -> None:
        self.features: Final = features
        self.required: Final = required
        self.explicit: Final = explicit

    def known_in(self, features: Features) -> int:
        """How many of its tags a phone speaks of."""
        return sum([tag in features for tag in self.features])

    def matches(self, features: Features) -> bool:
        """Nothing that a phone says of itself contradicts it."""
        for tag, values in self.features.items():  # noqa: SIM110 - a generator costs more when compiled
            if tag in features and not meet(values, features[tag]):
                return False
        return True


class Preferences:
    """Those of one request."""

    __slots__ = ("_accepted", "_dispositions", "_rejected")

    def __init__(
        self, accepted: Sequence[_Predicate], rejected: Sequence[_Predicate], dispositions: frozenset[str]
    ) -> None:
        self._accepted = accepted
        self._rejected = rejected
        self._dispositions = dispositions

    def score(self, params: str) -> float | None:
        """How well a phone with these Contact parameters fits, 0.0 to 1.0; None: it is not to be called (§7.2.4).

        One that says nothing of itself is none's business.
        """
        features = features_of(params)
        if not features:
            return 1.0
        for each in self._rejected:
            if each.features and each.known_in(features) == len(each.features) and each.matches(features):
                return None
        scores = []
        for each in self._accepted:
            fits = each.matches(features)
            known, all_ = each.known_in(features), len(each.features)
            if each.explicit and known < all_:
                fits = False
            if each.required and not fits:
                return None
            scores.append(0.0 if not fits else known / all_ if all_ else 1.0)
        return sum(scores) / len(scores) if scores else 1.0

    @property
    def one_alone(self) -> bool:
        """Only the best phone is to be called (no-fork)."""
        return "no-fork" in self._dispositions

    @property
    def sequential(self) -> bool:
        """One phone after another is to be called."""
        return "sequential" in self._dispositions

    @property
    def parallel(self) -> bool:
        """All phones are to be called at once, whatever their users prefer."""
        return "parallel" in self._dispositions


def preferences_of(request: Request) -> Preferences | None:
    """Those that ``request`` states; None: it states none. Raises SIPError (400) for what cannot be read."""
    if not request.may_have(_ALL):
        return None
    accepted = _predicates(request, "Accept-Contact")
    rejected = _predicates(request, "Reject-Contact")
    return Preferences(accepted, rejected, _dispositions(request))


def keeps_ringing(request: Request) -> bool:
    """Who rings when somebody has picked up is not to be stopped (no-cancel)."""
    return request.may_have(_ALL) and "no-cancel" in _dispositions(request)


def _dispositions(request: Request) -> frozenset[str]:
    return frozenset([value.strip().lower() for value in request.values("Request-Disposition")])


def _predicates(request: Request, name: str) -> list[_Predicate]:
    values = request.values(name)
    if len(values) > MOST_PREDICATES:
        raise SIPError(400, f"Too Many Values Of {name}")
    predicates = [_predicate(value, name) for value in values]
    if sum([len(asked) for each in predicates for asked in each.features.values()]) > MOST_VALUES:
        raise SIPError(400, f"Too Many Features In {name}")
    return predicates


def _predicate(text: str, name: str) -> _Predicate:
    found = _VALUE.fullmatch(text)
    if found is None:
        raise SIPError(400, f"Bad {name}")
    params = found[1]
    flags = {each.lower() for each, _ in grammar.generic_param.findall(params)}
    return _Predicate(features_of(params), "require" in flags, "explicit" in flags)
