"""Messages of one frame each, in and out: in C where that was built (`_frames`), else by `frames`: both do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from oversip_tw.transport.websocket import frames
from oversip_tw.transport.websocket.unmasking import SHORT, unmask_long

native: Any
try:
    from oversip_tw.transport.websocket import _frames as native
except ImportError:  # pragma: no cover - whether it was built
    native = None

_WHOLE_TEXT: Final = 0x80 | frames.TEXT


def _whole_message(data: bytes, start: int, most: int) -> tuple[bytes, int] | None:
    """The message in the frame at ``start``, and where the frame ends; None for a frame that is not common
    (`frames.message_at`), and for text that is no UTF-8."""
    begin, end = frames.message_at(data, start, most)
    if not end:
        return None
    message = frames.unmask(data, begin, end) if end - begin < SHORT else unmask_long(data, begin, end)
    return None if data[start] == _WHOLE_TEXT and not frames.is_utf8(message) else (message, end)


whole_message: Final[Callable[[bytes, int, int], tuple[bytes, int] | None]] = (
    native.whole_message if native else _whole_message
)
#: `frames.message_frame`
message_frame: Final[Callable[[bytes], bytes]] = native.message_frame if native else frames.message_frame
