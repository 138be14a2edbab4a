"""The log: one line per event, which nothing that came from outside can break or colour."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)

#: control characters, as Python writes them in a string
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))}
_VISIBLE |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}

#: fields whose lines are ours: tracebacks
_MANY_LINES = frozenset({"trace"})


class SafeLog:
    """`oversip_tw.interfaces.Log` over twisted.logger; control characters in its fields are made visible (P7)."""

    def __init__(self, namespace: str = "oversip", level: str = "info") -> None:
        self._logger = Logger(namespace=namespace)
        self._least = LogLevel.lookupByName(level)

    def info(self, format: str, **fields: object) -> None:
        self._emit(LogLevel.info, format, fields)

    def warn(self, format: str, **fields: object) -> None:
        self._emit(LogLevel.warn, format, fields)

    def error(self, format: str, **fields: object) -> None:
        self._emit(LogLevel.error, format, fields)

    def _emit(self, level: Any, format: str, fields: dict[str, object]) -> None:
        if level >= self._least:
            self._logger.emit(level, format, **{name: visible(name, value) for name, value in fields.items()})


def visible(name: str, value: object) -> object:
    """``value`` of the field ``name`` as it may stand in a log line; numbers stay numbers."""
    if isinstance(value, int | float) or value is None or name in _MANY_LINES:
        return value
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "backslashreplace").decode().translate(_VISIBLE)


def to_stream(stream: TextIO = sys.stderr, level: str = "info") -> None:
    """Begin to write everything that is logged to ``stream``: date, level and text."""

    def write(event: LogEvent) -> None:
        stream.write(eventAsText(event, includeSystem=False) + "\n")
        stream.flush()

    # Twisted's own chatter (ports that open and close) says nothing that we do not say better.
    least = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    least.setLogLevelForNamespace("oversip", LogLevel.lookupByName(level))
    observer: ILogObserver = FilteringLogObserver(write, [least])  # type: ignore[arg-type]
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
