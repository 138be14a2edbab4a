"""Figure 23: does the time of an answer tell who is a user (A5)?

    python -m bench.enumeration [HOW_MANY]

Starts the server on loopback and sends REGISTERs with wrong passwords over UDP, for a user and for nobody by turns, one
after another. Prints the median of each and exits 1 when they differ by 5 % or more. That the *work* is the same is
asserted in tests/server/test_threats.py, by counting; this is what an attacker would see of it.
"""

from __future__ import annotations

import sys
import time
from statistics import median

from tests.system.raw_phone import credentials, first, name, request
from tests.system.server import Server, User
from tests.system.sockets import Udp

COUNT = 5_000
MOST = 0.05


def registers(user: User, phone: Udp, count: int) -> list[bytes]:
    """Whole messages, so that nothing but sending is timed."""
    uri = f"sip:{user.domain}"
    names = {"From": f"<{user.uri}>;tag=1", "To": f"<{user.uri}>"}
    phone.send(request("REGISTER", uri, phone, **names))
    answer = credentials(user, "REGISTER", uri, first(phone))
    return [request("REGISTER", uri, phone, Call_ID=name(), **names, **answer) for _ in range(count)]


def answered(phone: Udp, message: bytes) -> float:
    """Seconds from the request to its answer."""
    began = time.perf_counter()
    phone.send(message)
    received = phone.receive(5)
    took = time.perf_counter() - began
    assert received is not None
    assert received.startswith(b"SIP/2.0 401 "), received
    return took


def main(count: int = COUNT) -> int:
    server = Server(
        '[limits]\nexempt = ["127.0.0.1/32"]\n', users=0, log_messages=False, names=[("known-user", "good")]
    )
    try:
        phone = Udp((server.address, server.port))
        users = [User(user, server.domain, "wrong") for user in ("known-user", "unkno-user")]
        known, unknown = (registers(user, phone, count) for user in users)
        times: tuple[list[float], list[float]] = ([], [])
        for number, pair in enumerate(zip(known, unknown, strict=True)):
            order = (0, 1) if number % 2 else (1, 0)  # whoever comes first may find a colder cache
            for which in order:
                times[which].append(answered(phone, pair[which]))
    finally:
        server.stop()
    one, other = (median(each[count // 10 :]) * 1e6 for each in times)
    differ = abs(one - other) / min(one, other)
    good = differ < MOST
    print(
        f"{'ok  ' if good else 'FAIL'} {count} REGISTERs each: known {one:.1f} us, unknown {other:.1f} us, "
        f"they differ by {differ:.2%} (must be below {MOST:.0%})"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
