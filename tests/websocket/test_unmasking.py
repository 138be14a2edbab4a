"""oversip_tw.transport.websocket.unmasking"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.websocket import frames, unmasking


class UnmaskTest(SynchronousTestCase):
    def test_nvx_is_used(self) -> None:
        """Autobahn's C code is as expected: else long messages cost ten times as much, and nobody would notice."""
        self.assertIsNot(unmasking.unmask_long, frames.unmask)

    @given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.binary(max_size=20))
    def test_octet_by_octet(self, payload: bytes, mask: bytes, after: bytes) -> None:
        """Both ways give what RFC 6455 §5.3 says, whatever stands after the payload."""
        plain = bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))
        data = b"\x81\xfe" + mask + payload + after
        for unmask in (frames.unmask, unmasking.unmask_long):
            self.assertEqual(unmask(data, 6, 6 + len(payload)), plain)

    def test_without_nvx(self) -> None:
        """No such module, one that looks different, one that works differently: Python does it."""
        different: Any = SimpleNamespace(ffi=None, lib=None)
        wrong: Any = SimpleNamespace(
            ffi=SimpleNamespace(from_buffer=lambda kind, octets: octets, typeof=str),
            lib=SimpleNamespace(nvx_xormask_new=bytes, nvx_xormask_free=bytes, nvx_xormask_process=lambda *args: None),
        )
        there = sys.modules["_nvx_xormasker"]
        self.addCleanup(sys.modules.__setitem__, "_nvx_xormasker", there)
        for module in (None, different, wrong):
            sys.modules["_nvx_xormasker"] = module
            self.assertIs(unmasking.quickest(), frames.unmask)
