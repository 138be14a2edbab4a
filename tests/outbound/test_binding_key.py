"""Binding keys: the same binding has the same, another has another."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.outbound.binding_key import binding_key

SECRET = b"s" * 32
AOR = "sip:alice@example.com"
INSTANCE = "<urn:uuid:1>"
CONTACT = "sip:x@a.invalid;transport=ws"


class BindingKeyTests(SynchronousTestCase):
    """Which differences count."""

    def test_instance(self) -> None:
        """With instance and reg-id the Contact does not matter: a reload has a new one and the same key."""
        key = binding_key(SECRET, AOR, INSTANCE, 1, CONTACT)
        self.assertEqual(len(key), 8)
        self.assertEqual(key, binding_key(SECRET, AOR, INSTANCE, 1, "sip:y@b.invalid"))

    def test_contact(self) -> None:
        """Without either of them the Contact makes the binding (RFC 5626 §6)."""
        for instance, reg_id in ((None, None), (INSTANCE, None), (None, 1)):
            key = binding_key(SECRET, AOR, instance, reg_id, CONTACT)
            self.assertEqual(key, binding_key(SECRET, AOR, None, None, CONTACT))
            self.assertNotEqual(key, binding_key(SECRET, AOR, instance, reg_id, "sip:y@b.invalid"))

    def test_different(self) -> None:
        """R12: another AoR, instance, reg-id or secret is another key, and fields do not run into each other."""
        keys = {
            binding_key(SECRET, AOR, INSTANCE, 1, CONTACT),
            binding_key(SECRET, "sip:bob@example.com", INSTANCE, 1, CONTACT),
            binding_key(SECRET, AOR, "<urn:uuid:2>", 1, CONTACT),
            binding_key(SECRET, AOR, INSTANCE, 2, CONTACT),
            binding_key(b"t" * 32, AOR, INSTANCE, 1, CONTACT),
            binding_key(SECRET, AOR, None, None, CONTACT),
            binding_key(SECRET, AOR, None, None, INSTANCE),
            binding_key(SECRET, AOR + INSTANCE, "", 1, CONTACT),
            binding_key(SECRET, AOR, INSTANCE + "1", 1, CONTACT),
        }
        self.assertEqual(len(keys), 9)

    def test_odd_text(self) -> None:
        """Octets that were no UTF-8 on the wire are hashed as they came."""
        self.assertNotEqual(
            binding_key(SECRET, "sip:\udcff@example.com", None, None, CONTACT),
            binding_key(SECRET, "sip:\udcfe@example.com", None, None, CONTACT),
        )
