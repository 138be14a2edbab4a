"""Requests and responses (RFC 3261 §7): the bytes they came as, and typed values of what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oversip_tw.sip import fields, grammar
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.head import Head, checked, head_of
from oversip_tw.sip.layout import Layout, layout_of
from oversip_tw.sip.scan import add_fields, wire
from oversip_tw.sip.status import phrase
from oversip_tw.sip.uri import Uri
from oversip_tw.sip.via import Via

#: key -> the attribute that remembers what was read from it
_REMEMBERED: Final = {
    "via": "_via",
    "from": "_from",
    "to": "_to",
    "call-id": "_call_id",
    "cseq": "_cseq",
    "max-forwards": "_max_forwards",
    "content-length": "_content_length",
}
ABSENT: Final = -1


class Message(Head):
    """What requests and responses have in common. Typed attributes raise ParseError for a value that is none.

    What the parser has let through has a readable top Via, From, To, Call-ID, CSeq, Max-Forwards and Content-Length.
    """

    __slots__ = ("_body", "_call_id", "_content_length", "_cseq", "_from", "_max_forwards", "_to", "_via")

    def __init__(self, lines: list[str | None], layout: Layout, body: bytes) -> None:
        self._lines = lines
        self._layout = layout
        self._above = None
        self._below = None
        self._body = body
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._call_id: str | None = None
        self._cseq: tuple[int, str] | None = None
        # None: not read yet
        self._max_forwards: int | None = None
        self._content_length: int | None = None

    def _changed(self, key: str) -> None:
        attribute = _REMEMBERED.get(key)
        if attribute is not None:
            setattr(self, attribute, None)

    def _needed(self, key: str) -> str:
        value = self._first(key)
        if value is None:
            raise ParseError(fields.MISSING[key])
        return value

    @property
    def body(self) -> bytes:
        """The body. Assigning it sets Content-Length too."""
        return self._body

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body
        self.set("Content-Length", str(len(body)))

    @property
    def via(self) -> Via:
        """The topmost Via."""
        via = self._via
        if via is None:
            via = self._via = Via.parse(fields.first_of(self._needed("via")))
        return via

    def push_via(self, via: Via) -> None:
        """Put ``via`` above all others; it is not read a second time."""
        text = via.text
        if "\n" in text or "\r" in text:
            checked("Via", text)
        line = ("via", text, f"Via: {text}")
        if self._above is None:
            self._above = [line]
        else:
            self._above.append(line)
        self._via = via

    def pop_via(self) -> bool:
        """Take the topmost Via off. False: no other one is left. Raises ParseError."""
        slots = self._layout.vias
        if len(slots) > 1 and self._plain_slot("via") == slots[0]:
            self._lines[slots[0]] = self._via = None
            if self._lines[slots[1]] is not None:
                return True
        else:
            self.remove_first("Via")
        return self.has("Via")

    def replace_via(self, via: Via) -> None:
        """Put ``via`` in the place of the topmost Via; it is not read a second time."""
        slot = self._plain_slot("via")
        if slot:
            self._lines[slot] = f"{self._layout.starts[slot]} {via.text}"
        else:
            self.replace_first("Via", via.text)
        self._via = via

    @property
    def vias(self) -> list[Via]:
        """All Via values, topmost first."""
        return [Via.parse(value) for value in self.values("via")]

    @property
    def from_(self) -> NameAddr:
        address = self._from
        if address is None:
            address = self._from = NameAddr.parse(self._needed("from"))
        return address

    @property
    def to(self) -> NameAddr:
        address = self._to
        if address is None:
            address = self._to = NameAddr.parse(self._needed("to"))
        return address

    @property
    def from_tag(self) -> str | None:
        return self.from_.tag

    @property
    def to_tag(self) -> str | None:
        return self.to.tag

    @property
    def call_id(self) -> str:
        call_id = self._call_id
        if call_id is None:
            call_id = self._call_id = fields.read_call_id(self._needed("call-id"))
        return call_id

    @property
    def cseq(self) -> int:
        """The number of CSeq."""
        cseq = self._cseq
        if cseq is None:
            cseq = self._cseq = fields.read_cseq(self._needed("cseq"))
        return cseq[0]

    @property
    def cseq_method(self) -> str:
        cseq = self._cseq
        if cseq is None:
            cseq = self._cseq = fields.read_cseq(self._needed("cseq"))
        return cseq[1]

    @property
    def content_length(self) -> int | None:
        """What Content-Length says; None: there is none."""
        length = self._content_length
        if length is None:
            text = self._first("content-length")
            length = self._content_length = ABSENT if text is None else fields.read_content_length(text)
        return None if length == ABSENT else length

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact values but ``*``. Raises ParseError for an empty one too."""
        return [NameAddr.parse(value) for value in self._contact_values() if value != "*"]

    @property
    def contact_star(self) -> bool:
        """There is a ``Contact: *``, perhaps besides others, which would be wrong."""
        return "*" in self._contact_values()

    def _contact_values(self) -> list[str]:
        found = []
        for field in self.get_all("contact"):
            members = grammar.split_list(field)
            if not members:
                raise ParseError("Empty Contact")
            found += members
        return found

    @property
    def expires(self) -> int | None:
        """The seconds of Expires; None if there is none or it is no number below 2**32 (RFC 3261 §20.19)."""
        text = self._first("expires")
        return None if text is None else grammar.number(text, 2**32 - 1)

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire; lines that were not edited as they came."""
        return wire(self._all_lines(), self._body)

    def _copy_to(self, other: Message) -> None:
        self._copy_edits(other)
        other._via = self._via
        other._from = self._from
        other._to = self._to
        other._call_id = self._call_id
        other._cseq = self._cseq
        other._max_forwards = self._max_forwards
        other._content_length = self._content_length

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._lines[0]!r}>"


class Request(Message):
    """A request. ``uri`` may be assigned a `Uri` or a text, ``max_forwards`` a number, or None to take it off."""

    __slots__ = ("_uri", "method")

    def __init__(self, lines: list[str | None], layout: Layout, body: bytes, method: str, uri: Uri | None) -> None:
        Message.__init__(self, lines, layout, body)
        self.method = method
        self._uri = uri

    @staticmethod
    def build(method: str, uri: Uri | str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Request:
        """A request of ours; Content-Length is added. Raises ValueError, ParseError."""
        uri = uri if isinstance(uri, Uri) else Uri.parse(uri)
        if grammar.token.fullmatch(method) is None:
            raise ValueError("a method is a token")
        lines, layout = head_of(f"{method} {uri.text} SIP/2.0", fields.with_content_length(headers, body))
        return Request(lines, layout, body, method, uri)

    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        uri = self._uri
        if uri is None:
            uri = self._uri = Uri.parse(str(self._lines[0]).split(" ")[1])
        return uri

    @uri.setter
    def uri(self, uri: Uri | str) -> None:
        uri = uri if isinstance(uri, Uri) else Uri.parse(uri)
        self._uri = uri
        self._lines[0] = f"{self.method} {uri.text} SIP/2.0"

    @property
    def max_forwards(self) -> int | None:
        """None: there is none."""
        hops = self._max_forwards
        if hops is None:
            text = self._first("max-forwards")
            hops = self._max_forwards = ABSENT if text is None else fields.read_max_forwards(text)
        return None if hops == ABSENT else hops

    @max_forwards.setter
    def max_forwards(self, hops: int | None) -> None:
        if hops is None:
            self.remove("Max-Forwards")
            return
        slot = self._layout.max_forwards
        if slot and self._lines[slot] is not None:  # the parser lets no second one in
            self._lines[slot] = f"{self._layout.starts[slot]} {hops}"
        else:
            self.set("Max-Forwards", str(hops))
        self._max_forwards = hops

    @property
    def routes(self) -> list[NameAddr]:
        """All Route values, topmost first."""
        return [NameAddr.parse(value) for value in self.values("route")]

    @property
    def in_dialog(self) -> bool:
        """The To bears a tag."""
        return self.to.tag is not None

    def copy(self) -> Request:
        """The same request; edits of one do not show in the other."""
        other = Request(self._lines.copy(), self._layout, self._body, self.method, self._uri)
        self._copy_to(other)
        return other

    def response(
        self, status: int, reason: str = "", to_tag: str | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> Response:
        """An answer (RFC 3261 §8.2.6): Via, From, To, Call-ID, CSeq, for 100 also Timestamp, and ``headers``.

        ``to_tag`` goes into the To if that has none and the status is above 100. A damaged request lends what it has.
        Raises ValueError for a reason or a header that is none.
        """
        lines: list[str | None] = [_status_line(status, reason)]
        tag = f";tag={to_tag}" if to_tag and status > 100 and self.to_tag is None else ""
        starts = None if self._copy_lines(lines, tag) else self._copy_fields(lines, tag)
        if status == 100 and self.has("Timestamp"):
            headers = [*headers, ("Timestamp", self.get("Timestamp") or "")]
        names = add_fields(lines, headers)
        if names is None:
            raise ValueError("a header field value holds no CR or LF")
        lines.append("Content-Length: 0")
        if starts is None:
            layout = self._layout.answers.get(names) or self._layout.answer(names)
        else:
            starts += [f"{name}:" for name in names if checked(name, "")]
            layout = layout_of([*starts, "Content-Length:"])
        return Response(lines, layout, b"", status, reason or phrase(status))

    def _copy_lines(self, lines: list[str | None], tag: str) -> bool:
        """Append what a response takes over, with ``tag`` behind the To. False: nothing, as the request was edited."""
        if self._above or self._below:
            return False
        layout, ours = self._layout, self._lines
        for slot in layout.copied:
            line = ours[slot]
            if not line:
                del lines[1:]
                return False
            lines.append(line)
        if tag and layout.to_copied:
            lines[layout.to_copied] = f"{ours[layout.to]}{tag}"
        return True

    def _copy_fields(self, lines: list[str | None], tag: str) -> list[str]:
        """The same for a request that was edited; gives what the lines begin with."""
        starts = []
        for key in fields.COPIED:
            for start, line in self._fields(key):
                lines.append(line + tag if key == "to" else line)
                starts.append(start)
                if key != "via":  # a damaged request may have two
                    break
        return starts


def _status_line(status: int, reason: str) -> str:
    if not reason and (line := _usual_lines.get(status)):
        return line
    if not 100 <= status <= 699 or "\r" in reason or "\n" in reason:
        raise ValueError("not a status line")
    line = f"SIP/2.0 {status} {reason or phrase(status)}"
    if not reason:
        _usual_lines[status] = line
    return line


#: status -> the status line with its usual reason
_usual_lines: Final[dict[int, str]] = {}


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(self, lines: list[str | None], layout: Layout, body: bytes, status: int, reason: str) -> None:
        Message.__init__(self, lines, layout, body)
        self.status = status
        self.reason = reason

    @staticmethod
    def build(status: int, reason: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Response:
        """A response of ours; Content-Length is added. Raises ValueError."""
        lines, layout = head_of(_status_line(status, reason), fields.with_content_length(headers, body))
        return Response(lines, layout, body, status, reason or phrase(status))

    def copy(self) -> Response:
        """The same response; edits of one do not show in the other."""
        other = Response(self._lines.copy(), self._layout, self._body, self.status, self.reason)
        self._copy_to(other)
        return other
