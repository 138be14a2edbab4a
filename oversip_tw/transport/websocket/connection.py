"""An open WebSocket: Autobahn's frames, our limits (RFC 6455 §5-§7)."""

# mypy: allow-untyped-calls

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats, WebSocketProtocol
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from oversip_tw.transport.backlog import unsent
from oversip_tw.transport.websocket.flow import WebSocketFlow
from oversip_tw.transport.websocket.frames import close_payload
from oversip_tw.transport.websocket.whole import message_frame, whole_message

if TYPE_CHECKING:
    from oversip_tw.transport.websocket.factory import WebSocketFactory

NORMAL, GOING_AWAY, POLICY_VIOLATION, MESSAGE_TOO_BIG = 1000, 1001, 1008, 1009

#: keep-alive of RFC 5626 §4.4.1, as SIP.js sends it
_PING, _PONG = b"\r\n\r\n", b"\r\n"
#: Autobahn cuts what it has consumed off its buffer frame by frame; small pieces keep a flood of tiny frames linear
_PIECE = 16_384


class _Silence:
    """Autobahn's log: nothing in it that `Receiver.flow_lost` or the factory's counters do not tell."""

    def debug(self, *args: object, **kw: object) -> None: ...

    info = warn = error = debug


class Connection(WebSocketServerProtocol):
    """Frames of one client, from the 101 to the end. The opening handshake has been made by `Front`."""

    # Autobahn copies its options to each connection unless they stand on the class.
    CONFIG_ATTRS = []
    log = _Silence()
    logOctets = logFrames = trackTimings = False
    utf8validateIncoming = applyMask = True
    requireMaskedClientFrames = True
    maskServerFrames = False
    # Sizes, timers and pings are watched here and by the factory, for all connections together.
    maxFramePayloadSize = maxMessagePayloadSize = autoFragmentSize = 0
    openHandshakeTimeout = closeHandshakeTimeout = autoPingInterval = 0
    autoPingRestartOnAnyTraffic = False
    # Stop reading where a rule was broken; what is sent then is decided in _fail_connection.
    failByDrop = True
    echoCloseCodeReason = False
    websocket_version = 13
    # Nobody reads it; Autobahn insists on counting what comes by its way.
    trafficStats = TrafficStats()
    #: a connection, or TLS or PROXY around one
    transport: Any
    message_data: Any
    #: what each connection begins with, beside what Autobahn lets it begin with: see _begin_alike
    state = WebSocketProtocol.STATE_OPEN
    current_frame: Any = None
    inside_message = False
    _awaits_pong = _leaving = False
    _frames = _controls = _written = 0
    _second = 0.0

    def __init__(self, flow: WebSocketFlow, factory: WebSocketFactory, host: str) -> None:
        # Not Autobahn's: it makes futures and details that nobody here asks for.
        self.factory = factory
        self.flow: WebSocketFlow | None = flow
        #: for whom it counts as one connection
        self.host = host

    # -- opening

    def connectionMade(self) -> None:
        """The 101 has been written: the WebSocket is open, and what it begins with stands on the class."""

    @cached_property
    def utf8validator(self) -> Any:  # type: ignore[override]
        """For text that comes in pieces, as most connections never send any."""
        return Utf8Validator()

    # -- receiving

    def dataReceived(self, data: bytes) -> None:
        """Octets from the client; any of them shows that it lives."""
        if self._awaits_pong:
            self._awaits_pong = False
            self.factory.pongs.stop(self)
        if not self.data and self.current_frame is None and not self.inside_message:
            data = self._common(data)
        for start in range(0, len(data), _PIECE):
            self.data += data[start : start + _PIECE] if len(data) > _PIECE else data
            self.consumeData()

    def _common(self, data: bytes) -> bytes:
        """Messages in one whole frame each, as long as there is nothing else; gives what is left for Autobahn."""
        start, size, most = 0, len(data), self.factory.settings.message_size
        while start < size and self.state == self.STATE_OPEN:
            whole = whole_message(data, start, most)
            if whole is None:
                break
            message, start = whole
            self._receive(message)
        return data[start:] if start else data

    def consumeData(self) -> None:
        """Take frames from the buffer until it holds no whole one or the connection has ended."""
        while self.state in (self.STATE_OPEN, self.STATE_CLOSING) and not self.failedByMe:
            if not self.processData():
                return
        self.data = b""

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._frames = 0

    def onMessageFrameBegin(self, length: int) -> None:
        """A data frame's header: F9 and F10 are decided before anything of the frame is kept."""
        self.frame_data = []
        self._frames += 1
        self.message_data_total_length += length
        if self.message_data_total_length > self.factory.settings.message_size:
            self._fail_connection(MESSAGE_TOO_BIG, "message too big")
        elif self._frames > self.factory.settings.frames:
            self._fail_connection(POLICY_VIOLATION, "too many frames")

    def onMessageEnd(self) -> None:
        """The last frame of a message has come."""
        message, self.message_data = b"".join(self.message_data), None
        self._receive(message)

    def _receive(self, message: bytes) -> None:
        """One whole message, which should be one SIP message (RFC 7118 §5)."""
        flow = self.flow
        if flow is None or flow.closed or self.state != self.STATE_OPEN:
            self._bears_with()  # it has not read our close yet; nobody waits for that for ever
            return
        if len(message) <= len(_PING) and not message.strip(b"\r\n"):
            if self._bears_with() and message == _PING:
                self.send(_PONG)
            return
        try:
            self.factory.receiver.received(message, flow)
        except Exception:
            # Receivers do not raise; should one do, the other messages of this client are not to suffer.
            self.factory.log.failure("receiving on {flow}", flow=flow)

    def processControlFrame(self) -> bool:
        """A whole ping, pong or close."""
        return self._bears_with() and bool(super().processControlFrame())

    def _bears_with(self) -> bool:
        """One more of what carries nothing, control frames, empty messages, CRLFs, whatever comes after the end, is not
        too many (F11)."""
        now = self.factory.clock.seconds()
        if now - self._second >= 1.0:
            self._second = now
            self._controls = 0
        self._controls += 1
        if self._controls <= self.factory.settings.control_frames:
            return True
        self._fail_connection(POLICY_VIOLATION, "too many control frames")
        return False

    def onCloseFrame(self, code: Any, reasonRaw: Any) -> bool:
        """The client closes, or answers our close."""
        stop = super().onCloseFrame(code, reasonRaw)
        if self.flow is not None and not self.failedByMe:
            self._lost(f"closed by the client ({NORMAL if code is None else code})")
        return bool(stop)

    # -- sending

    def send(self, data: bytes) -> None:
        """One message. The flow has looked whether the connection is open."""
        if self.state != self.STATE_OPEN:
            return
        octets = message_frame(data)
        self._written += len(octets)
        self.transport.write(octets)
        waiting = unsent(self.transport)
        if waiting > len(octets):
            self._backed_up(waiting)

    def _backed_up(self, waiting: int) -> None:
        """Some of what was sent before still waits (F19)."""
        if waiting > self.factory.settings.write_queue:
            self._abort("does not read")
        elif self not in self.factory.stalls:
            self._left = self._written - waiting
            self.factory.stalls.start(self)

    def look_for_progress(self) -> None:
        """`Settings.write_timeout` has passed since octets began to pile up: has any of them left meanwhile?"""
        waiting = unsent(self.transport)
        if not waiting:
            return
        left = self._written - waiting
        if left <= self._left:
            self._abort("does not read")
        else:
            self._left = left
            self.factory.stalls.start(self)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """What Autobahn sends: control frames."""
        self.transport.write(data)

    def probe(self) -> None:
        """Ping; `Settings.pong_timeout` later somebody has answered, or the connection is cut."""
        if self.state == self.STATE_OPEN and not self._awaits_pong:
            self._awaits_pong = True
            self.factory.pongs.start(self)
            self.sendPing()

    def ping_due(self) -> None:
        """Another `Settings.ping_interval` has passed."""
        if self.state == self.STATE_OPEN:
            self.probe()
            self.factory.pings.start(self)

    def pong_missed(self) -> None:
        """The client, or the way to it, is dead."""
        self._abort("no answer to a ping")

    # -- closing

    def finish(self, code: int, reason: str) -> None:
        """Begin the closing handshake (RFC 6455 §7.1.2); the flow's user has asked for it."""
        self._close(code, reason)

    def _close(self, code: int, reason: str) -> None:
        if self.state == self.STATE_OPEN:
            self.factory.closed(code)
            self.sendCloseFrame(*close_payload(code, reason))
            self.factory.closing.start(self)

    def _fail_connection(self, code: int = GOING_AWAY, reason: str = "going away") -> None:
        """A rule was broken (RFC 6455 §7.1.7): say so, and throw away what comes until the client has read it."""
        if self.state == self.STATE_OPEN:
            self._close(code, reason)
            self._lost(f"{reason} ({code})")
        elif self.state == self.STATE_CLOSING:
            self.dropConnection()
        self.failedByMe = True

    def dropConnection(self, abort: bool = False) -> None:
        """Both close frames have passed, or one and then nonsense."""
        if self.state != self.STATE_CLOSED:
            self.state = self.STATE_CLOSED
            self._leave()

    def _leave(self) -> None:
        """Under TLS this waits for the client, so a deadline stays armed."""
        self._leaving = True
        self.factory.closing.start(self)
        self.transport.loseConnection()

    def close_late(self) -> None:
        """`Settings.close_timeout` has passed: first leave in order, the next time in haste."""
        if self._leaving:
            self.transport.abortConnection()
        else:
            self._leave()

    def _abort(self, reason: str) -> None:
        self.state = self.STATE_CLOSED
        self._lost(reason)
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.state = self.STATE_CLOSED
        self.factory.left(self)
        self._lost("closed" if reason.check(ConnectionDone) else reason.getErrorMessage())
        self.data = b""

    def _lost(self, reason: str) -> None:
        """Report the end of the flow, once."""
        flow, self.flow = self.flow, None
        if flow is not None:
            flow.closed = True
            flow.wire = None
            self.factory.lost(flow, reason)


def _begin_alike() -> None:
    """Put the plain values that Autobahn gives every connection onto the class: 60 attributes less for each."""

    class First:
        isServer = True

    first: Any = Connection.__new__(Connection)
    first.factory = First
    WebSocketProtocol._connectionMade(first)
    for name, value in vars(first).items():
        if (value is None or type(value) in (bool, int, bytes)) and name not in vars(Connection):
            setattr(Connection, name, value)


_begin_alike()
