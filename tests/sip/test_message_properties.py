"""What holds for every message, whatever is in it."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.framing import KEEPALIVE, StreamFramer
from oversip_tw.sip.message import Message, Request
from oversip_tw.sip.parser import Framing, parse
from tests.sip.samples import BYE, INVITE, OK, messages
from tests.torture.messages import RFC4475, RFC5118

CORPUS = [INVITE, BYE, OK, *RFC4475.values(), *RFC5118.values()]
FRAMINGS: tuple[Framing, ...] = ("datagram", "stream", "websocket")
_MARKS = [b"\r\n", b"\r\n ", b'"', b"<", b">", b",", b";", b":", b"(", b"\\", b"\xff", b"\0", b"\r", b"\n"]
_framing = st.sampled_from(FRAMINGS)
_name = st.sampled_from(["Via", "v", "Route", "record-route", "X-New", "Subject", "Max-Forwards", "To", "l"])
_edit = st.tuples(
    st.sampled_from(["set", "prepend", "append", "remove", "remove_first", "replace_first"]),
    _name,
    st.sampled_from(["7", "<sip:a@b>", "SIP/2.0/UDP h;branch=z9hG4bKx", "a, b"]),
)


def _header_lines(data: bytes) -> list[bytes]:
    """Header lines, each with what continues it."""
    lines: list[bytes] = []
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        if line[:1] in (b" ", b"\t"):
            lines[-1] += b"\r\n" + line
        else:
            lines.append(line)
    return lines


def _named(line: bytes) -> str:
    name = line.partition(b":")[0].strip(b" \t").decode().lower()
    return {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "m": "contact"}.get(name, name)


def edit(message: Message, operation: str, name: str, value: str) -> None:
    arguments = (name,) if operation.startswith("remove") else (name, value)
    getattr(message, operation)(*arguments)


def mutated(draw: Callable[..., Any]) -> bytes:
    """A message of the corpus with some of its octets replaced, cut out or put in."""
    data = bytearray(draw(st.sampled_from(CORPUS)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        new = draw(st.one_of(st.binary(max_size=3), st.sampled_from(_MARKS)))
        data[at : at + draw(st.integers(0, 3))] = new
    return bytes(data)


def read_everything(message: Message) -> None:
    """Read each typed value: ParseError may come of each, nothing else."""
    names = ["via", "vias", "from_", "to", "from_tag", "to_tag", "call_id", "cseq", "cseq_method", "content_length"]
    names += ["contacts", "contact_star", "expires", "body", "headers", "uri", "max_forwards", "routes", "in_dialog"]
    for name in names:
        if isinstance(message, Request) or hasattr(type(message), name):
            try:
                getattr(message, name)
            except ParseError:
                continue
    for name in message.headers:
        try:
            message.values(name)
        except ParseError:
            continue


class Properties(SynchronousTestCase):
    @settings(max_examples=60, deadline=None)
    @given(messages())
    def test_p14_round_trip(self, data: bytes) -> None:
        """P14: what is right leaves byte for byte as it came, again and again, on every transport."""
        for framing in FRAMINGS:
            self.assertEqual(parse(data, framing=framing).to_bytes(), data)

    @settings(max_examples=60, deadline=None)
    @given(messages(), st.lists(_edit, min_size=1, max_size=5))
    def test_p14_edits_leave_other_lines_alone(self, data: bytes, edits: list[tuple[str, str, str]]) -> None:
        """P14: lines whose names nobody named keep their octets and their order."""
        message = parse(data)
        for step in edits:
            edit(message, *step)
        touched = {_named(name.encode()) for _, name, _ in edits}
        before, after = _header_lines(data), _header_lines(message.to_bytes())
        self.assertEqual(
            [line for line in before if _named(line) not in touched],
            [line for line in after if _named(line) not in touched],
        )
        self.assertEqual(message.to_bytes().partition(b"\r\n\r\n")[2], data.partition(b"\r\n\r\n")[2])

    @settings(max_examples=60, deadline=None)
    @given(messages(), st.lists(_edit, min_size=1, max_size=5))
    def test_what_is_read_is_what_is_written(self, data: bytes, edits: list[tuple[str, str, str]]) -> None:
        """After any edits the message shows the fields that a reader of its bytes sees."""
        message = parse(data)
        for step in edits:
            edit(message, *step)
        lines = _header_lines(message.to_bytes())
        for name in ("Via", "Route", "Record-Route", "X-New", "Subject", "Max-Forwards", "To", "Content-Length"):
            written = [line.partition(b":")[2] for line in lines if _named(line) == name.lower()]
            unfolded = [b" ".join(part.strip(b" \t") for part in value.split(b"\r\n")).strip() for value in written]
            self.assertEqual([value.encode() for value in message.get_all(name)], unfolded)
            self.assertEqual(message.has(name), bool(unfolded))
            self.assertEqual(message.get(name), message.get_all(name)[0] if unfolded else None)
            self.assertEqual(name in message.headers, name in list(message.headers))

    @settings(max_examples=50, deadline=None)
    @given(messages(), st.lists(_edit, max_size=4), st.lists(_edit, min_size=1, max_size=4), st.booleans())
    def test_copies_are_islands(
        self, data: bytes, first: list[tuple[str, str, str]], then: list[tuple[str, str, str]], other: bool
    ) -> None:
        """An edit of a message never shows in its copy, nor the other way round."""
        message = parse(data)
        for step in first:
            edit(message, *step)
        copy = message.copy()
        self.assertEqual(copy.to_bytes(), message.to_bytes())
        changed, kept = (copy, message) if other else (message, copy)
        as_it_was = kept.to_bytes()
        for step in then:
            edit(changed, *step)
        self.assertEqual(kept.to_bytes(), as_it_was)

    @settings(max_examples=150, deadline=None)
    @given(st.data(), _framing)
    def test_nothing_but_parse_errors(self, data: st.DataObject, framing: Framing) -> None:
        """Mutated messages are read, or refused with ParseError; what is refused can be answered without a slip."""
        octets = mutated(data.draw)
        try:
            message = parse(octets, framing=framing)
        except ParseError as error:
            if error.request is not None:
                answer_as_the_server_does(error.request, error)
            return
        read_everything(message)
        again = message.to_bytes()
        self.assertEqual(parse(again).to_bytes(), again)

    @settings(max_examples=50, deadline=None)
    @given(st.binary(max_size=200), _framing)
    def test_noise(self, octets: bytes, framing: Framing) -> None:
        """Noise is refused with ParseError too, as it is and behind a line that looks like SIP."""
        for data in (octets, b"INVITE sip:a SIP/2.0\r\n" + octets + b"\r\n\r\n", b"SIP/2.0 200 OK\r\n" + octets):
            try:
                read_everything(parse(data, framing=framing))
            except ParseError as error:
                if error.request is not None:
                    answer_as_the_server_does(error.request, error)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from([INVITE, BYE, OK, KEEPALIVE]), max_size=4), st.data())
    def test_any_split_of_a_stream(self, pieces: list[bytes], data: st.DataObject) -> None:
        """However a stream is cut into reads, the same messages come out of it."""
        stream = b"".join(pieces)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        framer = StreamFramer()
        found = []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            found += framer.feed(stream[start:end])
        self.assertEqual(found, pieces)
        self.assertFalse(framer.waiting)

    @settings(max_examples=50, deadline=None)
    @given(st.data(), st.integers(1, 40))
    def test_a_stream_that_breaks(self, data: st.DataObject, size: int) -> None:
        """A mutated stream gives the same messages and ends the same way for any size of reads."""
        stream = mutated(data.draw) + BYE
        self.assertEqual(fed(stream, len(stream)), fed(stream, size))


def fed(stream: bytes, size: int) -> list[object]:
    """What comes out of ``stream``, read by ``size`` octets; for an error its status."""
    framer = StreamFramer()
    found: list[object] = []
    try:
        for at in range(0, len(stream), size):
            found += framer.feed(stream[at : at + size])
    except ParseError as error:
        if error.request is not None:
            answer_as_the_server_does(error.request, error)
        return [*found, error.status, error.reason]
    return [*found, framer.waiting]


def answer_as_the_server_does(request: Request, error: ParseError) -> None:
    """Note the source in the topmost Via and answer: nothing in that may raise."""
    via = request.via
    port = 5099 if via.rport is not None else None
    request.replace_first("Via", via.replace_params(received="192.0.2.7", rport=port).text)
    assert request.via.received == "192.0.2.7"
    assert (request.via.branch, request.call_id, request.from_tag) is not None
    read_everything(request)
    assert request.response(error.status, error.reason, "tag", error.headers).to_bytes()
