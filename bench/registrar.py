"""Our server for the measurement, as a program around it starts it: users in memory, and phones that nobody challenges.

    python -m bench.registrar CONFIGURATION USERS PREFIX

Everything but these two is the product as `oversip run` starts it. A server whose store is memory has no users of its
own; they are given to it here. A WebSocket whose URL says `?user=NAME` is that user's without digest: as behind a hook
that looks at a token (etc/examples/jwt_at_the_handshake.py), here one that believes everybody.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qs

from twisted.internet import reactor as installed

from oversip_tw import config
from oversip_tw.hooks import Flow, HandshakeRequest, Hooks
from oversip_tw.service import Server, logs, monotonic
from oversip_tw.store.passwords import digests
from oversip_tw.store.users import KnownUsers


class Believing(Hooks):
    """The user is who the handshake says."""

    domain = ""

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        for name in parse_qs(handshake.query).get("user", ()):
            flow.identity = f"sip:{name}@{self.domain}"


def main() -> None:
    settings = config.load(sys.argv[1])
    count, prefix = int(sys.argv[2]), sys.argv[3]
    reactor: Any = installed
    logs.to_stream(sys.stderr, settings.log.level)
    hooks = None
    if settings.edge is None:
        hooks = Believing()
        hooks.domain = settings.domains[0]

    def ready() -> None:
        domain, users = settings.domains[0], server.parts.users
        assert isinstance(users, KnownUsers)
        for number in range(count):
            name = f"{prefix}{number}"
            users.set(name, domain, digests(name, domain, f"secret{number}"))
        print("ready", flush=True)

    server = Server(settings, monotonic(reactor), ready, hooks=hooks)
    server.startService()
    reactor.addSystemEventTrigger("before", "shutdown", server.stopService)
    reactor.run()


if __name__ == "__main__":
    main()
