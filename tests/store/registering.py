"""A process that registers and unregisters phones until it is killed, and says so only once it was told 200."""

from __future__ import annotations

import sys
from queue import SimpleQueue

from oversip_tw.outbound.flows import FlowTable
from oversip_tw.promise import spawn
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.registrar import Registrar
from oversip_tw.registrar.settings import Settings
from oversip_tw.store.sqlite import SqliteStore
from oversip_tw.testing import Clock, MemoryFlow
from tests.registrar.phones import DOMAIN, Phone

#: users that register at the same time
USERS = 50


def main(path: str) -> None:
    """User after user registers; every third stays, every third refreshes twice, every third leaves again."""
    calls: SimpleQueue[object] = SimpleQueue()
    clock = Clock()
    location = MemoryLocation(clock, lambda: 0.0, SqliteStore(path, clock, calls.put, 0.001))
    registrar = Registrar(
        location, Settings(domains=frozenset({DOMAIN})), clock, FlowTable(), lambda: "t", node="n", secret=b"s"
    )
    flow = MemoryFlow("udp")

    async def live(number: int) -> None:
        while True:
            phone = Phone(f"u{number}")
            for expires in ((600,), (600, 600, 600), (600, 0))[number % 3]:
                await registrar.register(phone.register(expires), phone.aor, flow)
                print(phone.aor, phone.cseq, expires, flush=True)
            number += USERS

    def failed(error: BaseException) -> None:
        raise error

    for number in range(USERS):
        spawn(live(number), failed)
    while True:
        calls.get()()  # type: ignore[operator]


if __name__ == "__main__":
    main(sys.argv[1])
