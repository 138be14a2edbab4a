"""Undoing the mask of payloads that are not short, by the C code that comes with Autobahn (NVX) where it was built.

Autobahn's own way to it makes an object with two buffers for each frame, which takes longer than the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oversip_tw.transport.websocket import frames

#: below this many octets Python is as quick
SHORT = 128

#: gives the payload between two places in what was read, with its mask right before it
Unmask = Callable[[bytes, int, int], bytes]


def _by_nvx(ffi: Any, lib: Any) -> Unmask:
    begin_mask, end_mask, apply_mask = lib.nvx_xormask_new, lib.nvx_xormask_free, lib.nvx_xormask_process
    octets_of, kind = ffi.from_buffer, ffi.typeof("uint8_t[]")

    def unmask(data: bytes, begin: int, end: int) -> bytes:
        payload = bytearray(data[begin:end])
        mask = begin_mask(data[begin - 4 : begin])
        apply_mask(mask, octets_of(kind, payload), end - begin)
        end_mask(mask)
        return bytes(payload)

    return unmask


def quickest() -> Unmask:
    """For payloads of `SHORT` octets and more. NVX from within is Autobahn's own affair: it has to prove itself."""
    try:
        # Without NVX there is no such module.
        from _nvx_xormasker import ffi, lib  # type: ignore[import-not-found]

        unmask = _by_nvx(ffi, lib)
        proof = bytes(range(200))
        if unmask(proof, 5, 200) == frames.unmask(proof, 5, 200):
            return unmask
    except Exception:
        pass
    return frames.unmask


#: `quickest`, found once
unmask_long = quickest()
