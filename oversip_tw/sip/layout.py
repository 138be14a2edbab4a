"""Where in a head is what: worked out once for each sequence of header field names, then looked up.

One user agent always sends the same names in the same order. All that follows from the names alone is kept here: where
a field stands, where its value begins, and what is wrong with the names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from oversip_tw.sip import grammar, names

#: What each line after the start line begins with: the name up to and including the colon. Where that is missing, all
#: up to the next colon: no name, as it has a line end in it.
line_starts = re.compile(r"\n([^:]*+:?+)").findall

_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length")
_NEEDED = ("via", "from", "to", "call-id", "cseq")

_MEMO = 1024  # layouts
_ANSWERS = 8  # layouts of responses for one of a request
_MEMO_TEXT = 2048  # characters of all names together; what needs more is not worth remembering
#: what the lines begin with, put together -> layout; none in which a line has no colon. For whoever wants to save a
#: call; `layout_called` knows what is not in here
known: Final[dict[str, Layout]] = {}


class Layout:
    """Index 0 is the start line: header fields count from 1. Shared by all messages with these names: never changed."""

    __slots__ = (
        "_has",
        "answers",
        "call_id",
        "contacts",
        "content_length",
        "copied",
        "cseq",
        "folded",
        "from_",
        "keys",
        "max_forwards",
        "places",
        "problem",
        "routes",
        "size",
        "slots",
        "starts",
        "to",
        "to_copied",
        "values",
        "via",
        "vias",
    )

    def __init__(self, starts: Sequence[str]) -> None:
        #: what each line begins with, name and colon; "" for the start line
        self.starts = ("", *starts)
        #: where each line's value begins
        self.values = tuple(map(len, self.starts))
        #: a line continues the one before it; then nothing else here is right
        self.folded = any(start[:1] in (" ", "\t") for start in starts)
        #: each line's key
        self.keys = tuple(names.key(start.rstrip(":").rstrip(" \t")) for start in self.starts)
        #: how many header fields there are
        self.size = len(starts)
        #: key -> lines that have it
        self.slots: dict[str, list[int]] = {}
        for line, key in enumerate(self.keys[1:], 1):
            self.slots.setdefault(key, []).append(line)
        #: whether any of some keys is there, for those that were asked for
        self._has: dict[frozenset[str], bool] = {}
        # The first line of what every message needs, 0 if there is none; and how many of what is limited.
        self.via = self._first("via")
        self.from_ = self._first("from")
        self.to = self._first("to")
        self.call_id = self._first("call-id")
        self.cseq = self._first("cseq")
        self.max_forwards = self._first("max-forwards")
        self.content_length = self._first("content-length")
        #: line and where its value begins, of what is read of every message; the start line stands for what is missing
        needed = self.via, self.from_, self.to, self.call_id, self.cseq
        self.places = tuple([(slot, self.values[slot]) for slot in (*needed, self.max_forwards, self.content_length)])
        # lists, as a compiled walk over one is a plain loop
        self.vias = self.slots.get("via", [])
        self.routes = self.slots.get("route", [])
        self.contacts = self.slots.get("contact", [])
        #: the lines that a response takes from its request, in their order: Via, From, To, Call-ID, CSeq (RFC 3261
        #: §8.2.6.2)
        self.copied = (*self.vias, *filter(None, (self.from_, self.to, self.call_id, self.cseq)))
        #: where the To stands in such a response, its start line being 0; 0: there is none
        self.to_copied = self.copied.index(self.to) + 1 if self.to else 0
        #: names of other headers in such a response -> its layout
        self.answers: dict[tuple[str, ...], Layout] = {}
        #: why no message may have these names; "" if it may
        self.problem = self._problem()

    def has_any(self, keys: frozenset[str]) -> bool:
        """Some line has one of ``keys``. Whoever asks does so with the same few sets, always."""
        known = self._has.get(keys)
        if known is None:
            known = self._has[keys] = not keys.isdisjoint(self.slots)
        return known

    def answer(self, headers: Sequence[str]) -> Layout:
        """The layout of a response that has ``headers`` and Content-Length besides what it copies.

        Raises ValueError for what is no name.
        """
        for name in headers:
            names.checked_key(name)
        ours = [f"{name}:" for name in (*headers, "Content-Length")]
        found = layout_of([*[self.starts[slot] for slot in self.copied], *ours])
        if len(self.answers) >= _ANSWERS:
            self.answers.clear()
        self.answers[tuple(headers)] = found
        return found

    def _first(self, key: str) -> int:
        return self.slots[key][0] if key in self.slots else 0

    def _problem(self) -> str:
        for start in self.starts[1:]:
            # RFC 3261 §25.1 HCOLON: space and tab before the colon, nothing else.
            if start[-1:] != ":" or grammar.token.fullmatch(start[:-1].rstrip(" \t")) is None:
                return "Bad Header Name"
        for key in _SINGLE:
            if len(self.slots.get(key, ())) > 1:
                return f"Duplicate {names.usual(key)}"
        for key in _NEEDED:
            if key not in self.slots:
                return f"Missing {names.usual(key)}"
        return ""


def layout_of(starts: Sequence[str]) -> Layout:
    """The layout of a head whose header lines begin with ``starts``."""
    called = "".join(starts)
    # A colon ends each beginning, or it has none: then the text does not tell where the next one begins.
    return layout_called(called) if called.count(":") == len(starts) else Layout(starts)


def layout_called(called: str) -> Layout:
    """The layout of a head whose header lines begin with the parts of ``called``, each of which ends in a colon."""
    layout = known.get(called)
    if layout is None:
        layout = Layout([f"{name}:" for name in called.split(":")[:-1]])
        if not layout.folded and len(called) <= _MEMO_TEXT:
            if len(known) >= _MEMO:
                known.clear()
            known[called] = layout
    return layout
