"""SIP over UDP (RFC 3261 §18), all but the socket: flows, STUN and CRLF keep-alives on the same port, order.

No Twisted in here; udp.py has the sockets.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from mypy_extensions import mypyc_attr

from oversip_tw.interfaces import Address, Flow, Log, Receiver
from oversip_tw.transport import stun
from oversip_tw.transport.flow import UdpFlow
from oversip_tw.transport.listener import BoundListener, ListenerSpec

#: (host, port), and for IPv6 flow label and scope behind it
SocketAddress = tuple[str | int, ...]
Datagram = tuple[bytes, SocketAddress]
Admit = Callable[[Flow], bool]

#: UDP flows remembered per listener; a forgotten one is made again in 3 us
FLOWS = 16384

PING = b"\r\n\r\n"
PONG = b"\r\n"


@mypyc_attr(allow_interpreted_subclasses=True)
class UdpListener:
    """Everything about UDP but the socket: what arrives, what leaves, the flows.

    ``admit`` says whether a keep-alive or STUN request on that flow is answered (F3). ``sendto``, and ``send_many``
    where `arrived_together` is called, are set by whoever opens the socket, and unset by `closed`.
    """

    def __init__(self, spec: ListenerSpec, receiver: Receiver, log: Log, admit: Admit = lambda flow: True) -> None:
        self.listener = BoundListener(spec)
        self.sendto: Callable[[bytes, Any], object] = _closed
        #: sends from the front; how many left. Raises for the first alone; `sendto` has the last word on that one.
        self.send_many: Callable[[list[Datagram]], int] = _closed_to_many
        #: what leaves when the datagrams that came together have been looked at; None: all leaves at once
        self._waiting: list[Datagram] | None = None
        #: datagrams that the kernel did not take
        self.unsent = 0
        self.keep_alives = 0
        self._receiver = receiver
        self._log = log
        self._admit = admit
        self._flows: dict[SocketAddress, UdpFlow] = {}

    def flow(self, peer: Address) -> UdpFlow:
        """The flow to ``peer``; equal to the one its datagrams come in on."""
        return self._flows.get(peer) or self._new_flow(peer)

    def _new_flow(self, address: SocketAddress) -> UdpFlow:
        if len(self._flows) >= FLOWS:
            self._flows.clear()
        flow = self._flows[address] = UdpFlow(self, self.listener, address)
        return flow

    def arrived(self, data: bytes, address: SocketAddress) -> None:
        """One datagram. Nothing that goes wrong with it gets out of here."""
        try:
            flow = self._flows.get(address) or self._new_flow(address)
            # SIP begins with a letter; STUN, CRLF and the NULs some phones send stand below.
            if data and data[0] > 0x20:
                self._receiver.received(data, flow)
            else:
                self._not_plain(data, flow)
        except Exception:
            self._log.error("bug while handling a datagram from {peer}\n{trace}", peer=address, trace=_trace())

    def arrived_together(self, datagrams: list[Datagram]) -> None:
        """What one system call brought. What is sent meanwhile leaves together at the end, in order; with a single
        datagram there is nothing to wait for."""
        if len(datagrams) == 1:
            self.arrived(*datagrams[0])
            return
        arrived = self.arrived
        self._collect()
        try:
            for data, address in datagrams:
                arrived(data, address)
                if self._waiting is None:
                    # closed from within
                    return
        finally:
            try:
                self.flush()
            finally:
                self._waiting = None

    def _collect(self) -> None:
        # apart, so that a type checker (and compiler) does not take it for there until the end of the batch
        self._waiting = []

    def _not_plain(self, data: bytes, flow: UdpFlow) -> None:
        if stun.looks_like_stun(data):
            self._keep_alive(stun.answer(data, flow.peer), flow)
            return
        message = data.lstrip(b"\r\n")
        if message.strip(b"\0 \t\r\n"):
            # RFC 3261 §7.5: empty lines before a message are ignored.
            self._receiver.received(message, flow)
        elif data.startswith(PING):
            self._keep_alive(PONG, flow)

    def _keep_alive(self, answer: bytes | None, flow: UdpFlow) -> None:
        if answer is not None and self._admit(flow):
            self.keep_alives += 1
            flow.send(answer)

    def write(self, data: bytes, address: SocketAddress) -> None:
        """Send one datagram. What the kernel refuses is lost, as datagrams may be; a transaction sends it again."""
        if self._waiting is not None:
            self._waiting.append((data, address))
            return
        try:
            self.sendto(data, address)
        except OSError:
            self.network_errors()
            self._last_try(data, address)
        except OverflowError:
            # A port beyond 65535, whoever wrote it.
            self.unsent += 1

    def _last_try(self, data: bytes, address: SocketAddress) -> None:
        """An error that came back for an earlier datagram is told to the next one that leaves: that one is tried
        once more, after the news."""
        try:
            self.sendto(data, address)
        except (OSError, OverflowError):
            self.unsent += 1

    def flush(self) -> None:
        """Send what waits. What is sent on the news of an error joins the end; who closes on them sends all of it."""
        waiting = self._waiting
        while waiting:
            try:
                del waiting[: self.send_many(waiting)]
            except Exception:
                self.network_errors()
                if waiting:
                    self._last_try_of_many(*waiting.pop(0))

    def _last_try_of_many(self, data: bytes, address: SocketAddress) -> None:
        try:
            self._last_try(data, address)
        except Exception:
            # Who sent it is no longer there to be told.
            self._log.error("bug in a datagram for {peer}\n{trace}", peer=address, trace=_trace())

    def closed(self) -> None:
        """The socket is about to be closed: what waits leaves, all that comes later is lost."""
        self.flush()
        self._waiting = None
        self.sendto = _closed
        self.send_many = _closed_to_many

    def network_errors(self) -> None:
        """Read what came back for datagrams of ours; nothing can be learnt without a socket."""

    def unreachable(self, peers: list[Address]) -> None:
        for peer in peers:
            try:
                self._receiver.unreachable(peer)
            except Exception:
                self._log.error("bug while handling an ICMP error for {peer}\n{trace}", peer=peer, trace=_trace())


def _closed(data: bytes, address: SocketAddress) -> None:
    raise OSError("not open")


def _closed_to_many(datagrams: list[Datagram]) -> int:
    raise OSError("not open")


def _trace() -> str:
    return traceback.format_exc()
