"""The composition root: a configuration becomes a running server."""

from oversip_tw.service.build import StartUpError, mistakes
from oversip_tw.service.clock import monotonic
from oversip_tw.service.polling import lean
from oversip_tw.service.server import Server

__all__ = ["Server", "StartUpError", "lean", "mistakes", "monotonic"]
