"""The pages for those who run the server: on a listener of their own, loopback unless configured otherwise."""

# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from oversip_tw.web.health import Health
from oversip_tw.web.metrics import Metrics


class _QuietSite(Site):
    displayTracebacks = False

    def log(self, request: Request) -> None:
        """No access log: a scrape every 15 s is no news."""


def admin_site(health: Health, metrics: Metrics) -> Site:
    """``/health`` and ``/metrics``, for ``reactor.listenTCP``."""
    root = Resource()
    root.putChild(b"health", health)
    root.putChild(b"metrics", metrics)
    return _QuietSite(root, timeout=15)
