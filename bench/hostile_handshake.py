"""Figure 6: a hundred hostile WebSocket handshakes at once, and what a phone that is connected notices (F7).

    python -m bench.hostile_handshake

Starts the server on loopback. A victim sends an OPTIONS every 5 ms over its WebSocket and takes the time to each
answer: alone before and after, and while a hundred connections send heads without end, at the pace of a network and
wave after wave, or once all that loopback can carry. Exits 1 if the victim's 99th percentile doubles, an attacker costs
more than 5 ms of CPU, or one is not closed or told anything but 431 (400 for a head that ends). Wants a machine with
nothing else to do.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.cost import Cost
from bench.wires import WebSocketWire
from tests.system.server import Server

ATTACKERS = 100
#: seconds of each measurement, and between two questions of the victim
SECONDS, PAUSE = 5.0, 0.005
MOST_CPU, MOST_SLOWER = 0.005, 2.0
_REFUSED = (b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")
_START = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"

#: what is sent, octets at a time, seconds between two of those (0: one wave alone)
ATTACKS = {
    "a line without end": (_START + b"X: " + b"a" * 40_000, 1460, 0.05),
    "fields without end": (_START + b"X: a\r\n" * 8_000, 1460, 0.05),
    "empty fields, small pieces": (_START + b"a:\r\n" * 300, 16, 0.02),
    "CR without end": (_START + b"\r" * 40_000, 1460, 0.05),
    "spaces, then a wrong octet": (_START + b"X:" + b" " * 15_000 + b"\x01\r\n\r\n", 1460, 0.05),
    "all at one time": (_START + b"X: " + b"a" * 40_000, 40_100, 0.0),
}


@dataclass
class Attacker:
    """One connection."""

    socket: socket.socket
    left: bytes
    answer: bytes = b""
    closed: bool = False
    due: float = 0.0


@dataclass
class Answers:
    """Seconds that each answer took."""

    times: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def options(name: str, number: int) -> bytes:
    """An OPTIONS to the server itself."""
    return (
        f"OPTIONS sip:phones.test SIP/2.0\r\nVia: SIP/2.0/WS {name};branch=z9hG4bK{os.urandom(6).hex()}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:x@phones.test>;tag=1\r\nTo: <sip:phones.test>\r\n"
        f"Call-ID: {name}\r\nCSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def ask(wire: WebSocketWire, until: float) -> Answers:
    """Send OPTIONS after OPTIONS, and wait for the answer of each."""
    answers = Answers()
    number = 0
    while time.monotonic() < until:
        number += 1
        wire.send(options(wire.sent_by, number))
        started = time.monotonic()
        wait = selectors.DefaultSelector()
        wait.register(wire.socket, selectors.EVENT_READ)
        while not any(b" 200 " in message for message in wire.messages()):
            if not wait.select(5):
                raise SystemExit("the victim is not answered")
        wait.close()
        answers.times.append(time.monotonic() - started)
        time.sleep(PAUSE)
    return answers


def wave(address: tuple[str, int], attack: str) -> Iterator[Attacker]:
    """A hundred connections that send ``attack``, each until it is closed."""
    data, size, pause = ATTACKS[attack]
    watch = selectors.DefaultSelector()
    attackers = []
    for number in range(ATTACKERS):
        one = socket.create_connection(address, 5)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setblocking(False)
        attacker = Attacker(one, data, due=time.monotonic() + 0.1 + pause * number / ATTACKERS)
        watch.register(one, selectors.EVENT_READ, attacker)
        attackers.append(attacker)
    end = time.monotonic() + 10
    while not all(attacker.closed for attacker in attackers) and time.monotonic() < end:
        now = time.monotonic()
        for attacker in attackers:
            if not attacker.closed and attacker.left and attacker.due <= now:
                try:
                    sent = attacker.socket.send(attacker.left[:size])
                except (BlockingIOError, ConnectionError):
                    sent = 0
                attacker.left = attacker.left[sent:]
                attacker.due = now + pause
        for key, _ in watch.select(0.001):
            _read(key.data, watch)
    yield from attackers


def _read(attacker: Attacker, watch: selectors.BaseSelector) -> None:
    try:
        data = attacker.socket.recv(4096)
    except BlockingIOError:
        return
    except ConnectionError:
        data = b""
    attacker.answer += data
    if not data:
        attacker.closed = True
        watch.unregister(attacker.socket)
        attacker.socket.close()


def attack(address: tuple[str, int], name: str, seconds: float) -> None:
    """Waves for so long; prints how many connections there were, were closed, and heard why (a reset may be faster)."""
    count = closed = refused = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for attacker in wave(address, name):
            count += 1
            refused += attacker.answer.startswith(_REFUSED)
            closed += attacker.closed and (not attacker.answer or attacker.answer.startswith(_REFUSED))
        time.sleep(0.2 if ATTACKS[name][2] else seconds)
    print(count, closed, refused)


def measure(server: Server) -> bool:
    """Every attack; True: all figures hold."""
    address = (server.address, server.ws_port)
    session = server.child.process.pid
    wire = WebSocketWire(address, "/ws")
    ask(wire, time.monotonic() + 1)
    before = Cost.of(session)
    idle = ask(wire, time.monotonic() + SECONDS)
    each = (Cost.of(session) - before).seconds / len(idle.times)
    under_attack = {}
    for name in ATTACKS:
        before = Cost.of(session)
        # in a process of its own, so that the victim's clock does not wait for the attackers' code
        command = [sys.executable, "-m", "bench.hostile_handshake", str(address[1]), name, str(SECONDS)]
        attacking = subprocess.Popen(command, stdout=subprocess.PIPE)
        time.sleep(0.5)
        answers = ask(wire, time.monotonic() + SECONDS - 0.5)
        count, closed, refused = map(int, attacking.communicate(timeout=60)[0].split())
        cost = ((Cost.of(session) - before).seconds - each * len(answers.times)) / count
        under_attack[name] = answers, count, closed, refused, cost
    again = ask(wire, time.monotonic() + SECONDS)
    alone = max(idle.percentile(0.99), again.percentile(0.99))
    print(f"alone: p50 {idle.percentile(0.5) * 1000:.2f} ms, p99 {alone * 1000:.2f} ms")
    good = True
    for name, (answers, count, closed, refused, cost) in under_attack.items():
        slower = answers.percentile(0.99) / alone
        held = cost <= MOST_CPU and slower < MOST_SLOWER and closed == count
        good = good and held
        print(
            f"{name}: {count} connections, {closed} closed ({refused} read the refusal), {cost * 1000:.2f} ms CPU; "
            f"victim p50 {answers.percentile(0.5) * 1000:.2f} ms, p99 {answers.percentile(0.99) * 1000:.2f} ms, "
            f"{slower:.1f} times, worst {max(answers.times) * 1000:.1f} ms{'' if held else ': BEYOND THE BAR'}"
        )
    return good


def main() -> int:
    if len(sys.argv) > 1:
        attack(("127.0.0.1", int(sys.argv[1])), sys.argv[2], float(sys.argv[3]))
        return 0
    server = Server('[limits]\nexempt = ["127.0.0.0/8"]\n', users=0, log_messages=False)
    try:
        return 0 if measure(server) else 1
    finally:
        server.child.stop()


if __name__ == "__main__":
    sys.exit(main())
