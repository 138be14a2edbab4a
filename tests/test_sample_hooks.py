"""etc/sample_hooks.py, the example of the reference, at work in an element."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.trial import unittest

from oversip_tw.service.hooks import load_hooks
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response
from oversip_tw.testing import MemoryHandshake
from tests.server.world import World

ETC = str(Path(__file__).resolve().parent.parent / "etc")


class SampleHooks(unittest.SynchronousTestCase):
    """Each hook of the sample does what its text says."""

    def setUp(self) -> None:
        self.patch(sys, "path", [*sys.path, ETC])
        self.hooks = load_hooks("sample_hooks:SampleHooks")
        self.world = World(hooks=self.hooks)
        self.hooks.on_start(self.world.element.core)
        self.alice, self.bob = self.world.registered("alice"), self.world.registered("bob")

    def tearDown(self) -> None:
        self.assertEqual(self.world.errors(), [])

    def test_closed(self) -> None:
        """A closed number is refused with the status that the hook raised."""
        self.alice.invite("sip:fax@example.com")
        self.assertEqual(self.alice.statuses(), [100, 603])

    def test_tenant(self) -> None:
        """What the handshake told goes into requests from that connection."""
        self.alice.flow.variables["tenant"] = "acme"
        self.alice.invite(self.bob.aor)
        (invite,) = self.bob.requests("INVITE")
        self.assertEqual(invite.get("X-Tenant"), "acme")

    def test_handshake(self) -> None:
        """A browser that names no tenant is refused, one that does is remembered."""
        with self.assertRaises(SIPError) as refused:
            self.hooks.on_connect(MemoryHandshake("/ws"), self.alice.flow)
        self.assertEqual(refused.exception.status, 403)
        self.hooks.on_connect(MemoryHandshake("/ws", "a=1&tenant=acme&b=2"), self.alice.flow)
        self.assertEqual(self.alice.flow.variables["tenant"], "acme")

    def test_register(self) -> None:
        """A phone with an unwanted name cannot register."""
        self.assertEqual(self.world.phone("carol").register(User_Agent="OldPhone/1").status, 403)

    def test_response(self) -> None:
        """Responses leave without User-Agent."""
        self.alice.invite(self.bob.aor)
        (invite,) = self.bob.requests("INVITE")
        self.bob.answer(invite, 486, User_Agent="Bob's Phone")
        *_, busy = self.alice.take()
        assert isinstance(busy, Response)
        self.assertEqual((busy.status, busy.has("User-Agent")), (486, False))

    def test_disconnect(self) -> None:
        """A line of log when somebody leaves."""
        self.alice.flow.variables["tenant"] = "acme"
        self.world.lose(self.alice.flow)
        self.assertTrue(any("of acme left" in text for _, text in self.world.log.lines), self.world.log.lines)
