"""The element: takes a message from a flow and walks it through the rooms (RFC 3261 §16, order: see `Element`)."""

from oversip_tw.server.element import Element

__all__ = ["Element"]
