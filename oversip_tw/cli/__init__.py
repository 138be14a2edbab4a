"""The command line: ``oversip run|check|user|bindings``."""

from oversip_tw.cli.arguments import main

__all__ = ["main"]
