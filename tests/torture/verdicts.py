"""What becomes of a torture message on each kind of transport."""

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.framing import KEEPALIVE, StreamFramer
from oversip_tw.sip.message import Message, Request, Response
from oversip_tw.sip.parser import Framing, parse
from tests.torture.messages import RFC4475

WAITS = "waits"  # a stream: the rest has yet to come
LOST = "lost"  # a stream: framing is lost, to be closed

#: what is wrong with these an answer has to repeat
_ECHOED = ("badaspec", "badbranch", "baddn", "insuf", "quotbal", "scalar02")

Outcome = Message | ParseError | str


def outcomes(data: bytes, framing: Framing) -> list[Outcome]:
    """Messages and errors in order; `WAITS` or `LOST` says what is left of a stream."""
    if framing != "stream":
        return [_parsed(data, framing)]
    framer = StreamFramer()
    found: list[Outcome] = []
    try:
        for piece in framer.feed(data):
            if piece is not KEEPALIVE:
                found.append(_parsed(piece, framing))
    except ParseError as error:
        return [*found, error, LOST]
    return [*found, WAITS] if framer.waiting else found


def _parsed(data: bytes, framing: Framing) -> Outcome:
    try:
        return parse(data, framing=framing)
    except ParseError as error:
        return error


class Torture(SynchronousTestCase):
    """Names are those of RFC 4475."""

    def accepted(self, name: str) -> Request | Response:
        """It passes everywhere and leaves as it came."""
        data = RFC4475[name]
        for framing in ("datagram", "websocket", "stream"):
            (message,) = outcomes(data, framing)
            self.assertIsInstance(message, Message, f"{framing}: {message!r}")
            self.assertEqual(message.to_bytes(), data, framing)
        return message

    def request(self, name: str) -> Request:
        message = self.accepted(name)
        self.assertIsInstance(message, Request)
        return message

    def response(self, name: str) -> Response:
        message = self.accepted(name)
        self.assertIsInstance(message, Response)
        return message

    def refused(self, name: str, status: int, *, stream: str = "") -> None:
        """Each kind of transport can answer it with ``status``; ``stream``: what else becomes of the stream."""
        for framing in ("datagram", "websocket", "stream"):
            self.refused_as(name, status, framing, stream if framing == "stream" else "")

    def refused_as(self, name: str, status: int, framing: Framing, stream: str = "") -> None:
        found = outcomes(RFC4475[name], framing)
        self.assertEqual([status], [error.status for error in found if isinstance(error, ParseError)], framing)
        self.assertEqual([stream] if stream else [], found[1:], framing)
        request = found[0].request
        self.assertIsNotNone(request, framing)
        answer = request.response(status, found[0].reason, "our-tag")
        read = outcomes(answer.to_bytes(), "datagram")[0]
        if name not in _ECHOED:
            self.assertIsInstance(read, Response, f"the answer to {name} is no SIP: {read!r}")
            self.assertEqual(read.via, request.via)
            self.assertEqual(read.to_tag, request.to_tag or "our-tag")

    def dropped(self, name: str) -> None:
        """Nobody acts on it and nobody is answered."""
        for framing in ("datagram", "websocket", "stream"):
            (error,) = outcomes(RFC4475[name], framing)
            self.assertIsInstance(error, ParseError, framing)
            self.assertIsNone(error.request, framing)
