"""``oversip run``: the server in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from oversip_tw.cli.failure import Failure
from oversip_tw.config import Config
from oversip_tw.service import Server, StartUpError, lean, logs, monotonic


def run(
    settings: Config, announcement: str = "", reactor: Any = None, reread: Callable[[], Config] | None = None
) -> int:
    """Serve until SIGTERM, SIGINT or `reactor.stop`; print ``announcement`` once every listener is open.

    ``reread`` reads the configuration again, for SIGHUP.

    Raises Failure when the server cannot be started.
    """
    if reactor is None:
        from twisted.internet import reactor as default

        reactor = default
    logs.to_stream(sys.stderr, settings.log.level)
    server = Server(settings, lean(monotonic(reactor)), reread=reread)
    try:
        server.startService()
    except StartUpError as error:
        raise Failure(str(error)) from None
    if announcement:
        print(announcement, flush=True)
    reactor.addSystemEventTrigger("before", "shutdown", server.stopService)
    reactor.run()
    return 0
