"""Figure 24: a million forged flow tokens and every single-bit flip of real ones; none may be accepted.

    python bench/token_forgery.py [HOW_MANY]

Prints one line and exits 1 if any was accepted. Takes about ten seconds a million.
"""

from __future__ import annotations

import os
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator

from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.outbound.flow_id import pack_udp, stream_id
from oversip_tw.outbound.token import BadToken, Tokens

CALL = ("3848276298220188511@atlanta.example.com", "9fxced76sl", "8321234356")
TOKEN_MAC = 16


def flips(text: str) -> Iterator[str]:
    """``text`` with each of its bits turned over."""
    for position, character in enumerate(text):
        for bit in range(8):
            yield text[:position] + chr(ord(character) ^ 1 << bit) + text[position + 1 :]


def forgeries(real: list[str], count: int) -> Iterator[str]:
    """Half of them real payloads under a random MAC, half random altogether; all well-shaped."""
    for number in range(count):
        text = real[number % len(real)]
        if number % 2:
            yield text[:-TOKEN_MAC] + urlsafe_b64encode(os.urandom(12)).decode()
        else:
            yield text[:3] + urlsafe_b64encode(os.urandom(42)).decode()[: len(text) - 3]


def accepted(tokens: Tokens, text: str) -> bool:
    """Whether ``text`` opens anything at all."""
    try:
        tokens.read_path(text)
    except BadToken:
        pass
    else:
        return True
    try:
        tokens.read_record_route(text, *CALL)
    except BadToken:
        return False
    return True


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    tokens = Tokens([os.urandom(32), os.urandom(32)], "node1")
    key = binding_key(os.urandom(32), "sip:alice@example.com", "<urn:uuid:1>", 1, "sip:x@y.invalid")
    real = []
    for flow in (stream_id(os.urandom(8)), pack_udp(("192.0.2.1", 5060), ("2001:db8::1", 40000))):
        real += [tokens.path(flow, key), tokens.record_route(flow, key, *CALL[:2])]
    assert all(accepted(tokens, text) for text in real)
    start = time.perf_counter()
    flipped = [text for each in real for text in flips(each)]
    wrong = sum(accepted(tokens, text) for text in flipped)
    wrong += sum(accepted(tokens, text) for text in forgeries(real, count))
    spent = time.perf_counter() - start
    print(f"{count} forgeries and {len(flipped)} bit flips: {wrong} accepted, {spent:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
