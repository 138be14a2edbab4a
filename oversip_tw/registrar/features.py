"""Media feature tags (RFC 3840): what a phone says it can do, and what somebody asks for, as sets of values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from oversip_tw.sip import grammar

#: tags that are written without a "+" (RFC 3840 §9, RFC 4235, RFC 4569, RFC 5688)
BASE_TAGS: Final = frozenset(
    {
        "actor", "application", "audio", "automata", "class", "control", "data", "description", "duplex", "events",
        "extensions", "image", "isfocus", "language", "message", "methods", "mobility", "priority", "schemes", "text",
        "type", "video",
    }
)  # fmt: skip
#: values of one tag that are looked at: nobody has more, and each is compared with each
MOST_VALUES: Final = 32

_MEMO: Final = 4096  # phones and requests
_MEMO_TEXT: Final = 512  # characters of one that is worth remembering

_NUMBER: Final = r"[+\-]?[0-9]{1,15}(?:\.[0-9]{0,15})?"
_NUMERIC: Final = re.compile(rf"(<=|>=|=)?({_NUMBER})(?::({_NUMBER}))?", re.ASCII)
_INFINITE: Final = float("inf")


class Values:
    """One value of a tag, or all but it: a word, a string, or a range of numbers."""

    __slots__ = ("high", "low", "negated", "word")

    def __init__(self, word: str, negated: bool = False, low: float = 0.0, high: float = 0.0) -> None:
        #: "": numbers from ``low`` to ``high``
        self.word: Final = word
        self.negated: Final = negated
        self.low: Final = low
        self.high: Final = high

    def meets(self, other: Values) -> bool:
        """There is a value that both allow."""
        if self.negated and other.negated:
            return True  # what neither names
        if other.negated:
            return not other._holds_all_of(self)
        if self.negated:
            return not self._holds_all_of(other)
        if self.word or other.word:
            return self.word == other.word
        return self.low <= other.high and other.low <= self.high

    def _holds_all_of(self, other: Values) -> bool:
        """What is named here leaves nothing of ``other``."""
        if self.word or other.word:
            return self.word == other.word
        return self.low <= other.low and other.high <= self.high


#: by tag, the values of which any will do
Features = Mapping[str, Sequence[Values]]

_YES: Final = (Values("true"),)


def meet(asked: Sequence[Values], known: Sequence[Values]) -> bool:
    """Some value is allowed by both."""
    return any(one.meets(other) for one in asked for other in known)


def features_of(params: str) -> Features:
    """The feature tags among ``params``, those of a Contact, Accept-Contact or Reject-Contact, each with its ";"."""
    return _remembered(params) if len(params) <= _MEMO_TEXT else _read(params)


def _read(params: str) -> Features:
    found: dict[str, Sequence[Values]] = {}
    for name, value in grammar.generic_param.findall(params):
        tag = name.lower()
        if tag in BASE_TAGS or tag[0] == "+":
            # the tags that RFC 3840 registers may be written in their long form as well
            found[tag.removeprefix("+sip.") if tag.removeprefix("+sip.") in BASE_TAGS else tag] = _values(value)
    return found


#: a phone says the same of itself for every call
_remembered = lru_cache(_MEMO)(_read)


def _values(text: str) -> Sequence[Values]:
    if not text:
        return _YES
    inner = grammar.unquote(text)
    if inner[:1] == "<":
        return (Values(inner),)  # a string, letter by letter, of which there is one alone
    return [_value(each.strip().lower()) for each in inner.split(",")[:MOST_VALUES]]


def _value(text: str) -> Values:
    negated = text[:1] == "!"
    text = text[1:] if negated else text
    if text in ("true", "false") and negated:
        return Values("false" if text == "true" else "true")
    found = _NUMERIC.fullmatch(text[1:]) if text[:1] == "#" else None
    if found is None:
        return Values(text or "true", negated)
    relation, first, last = found.groups()
    low = high = float(first)
    if last is not None:
        high = float(last)
    elif relation == "<=":
        low = -_INFINITE
    elif relation == ">=":
        high = _INFINITE
    return Values("", negated, low, high)
