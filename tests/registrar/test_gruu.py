"""Public GRUUs: RFC 5627."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from oversip_tw.registrar.gruu import named_instance, pub_gruu, same_instance, without_instance
from oversip_tw.sip.uri import Uri
from tests.registrar.phones import ALICE, DOMAIN, OTHER_UUID, UUID, Phone, RegistrarCase, contacts


class Gruus(RegistrarCase):
    """RFC 5627."""

    def test_given(self) -> None:
        """A phone with an instance that supports gruu gets a public one, with the user as it was written."""
        phone = Phone("aLicE", UUID)
        answer = self.register(phone.register(), self.connect())
        self.assertEqual(answer.contacts[0].param("pub-gruu"), f"sip:aLicE@{DOMAIN};gr={UUID}")

    def test_not_asked_for(self) -> None:
        """Without the option tag, or without an instance, there is none."""
        plain = Phone("alice", UUID, supported="path")
        self.assertFalse(self.register(plain.register(), self.connect()).contacts[0].has_param("pub-gruu"))
        self.assertFalse(self.register(Phone("bob").register(), self.connect()).contacts[0].has_param("pub-gruu"))

    def test_not_kept(self) -> None:
        """What a phone says about GRUUs is ours to say."""
        phone = Phone("alice", UUID)
        text = f'<{phone.contact}>;pub-gruu="sip:bob@{DOMAIN};gr=x";+sip.instance="<{UUID}>"'
        answer = self.register(phone.register(contacts=[text]), self.connect())
        self.assertEqual(answer.contacts[0].param("pub-gruu"), f"sip:alice@{DOMAIN};gr={UUID}")

    def test_found(self) -> None:
        """The instance is found by its name in any letter case, for its own user alone."""
        self.register(Phone("alice", UUID).register(), self.connect())
        found = self.location.by_gruu(ALICE, UUID.upper().replace("URN:UUID", "urn:uuid"))
        self.assertEqual(found, self.lookup()[0])
        self.assertIsNone(self.location.by_gruu("sip:bob@example.com", UUID))

    def test_gruu_as_contact(self) -> None:
        """A phone that calls itself by its GRUU refreshes its binding, which keeps its Contact as target."""
        flow, phone = self.connect(), Phone("alice", UUID, 1)
        self.register(phone.register(), flow)
        again = self.connect()
        answer = self.register(phone.register(contacts=[f"<sip:alice@{DOMAIN};gr={UUID}>{phone.params}"]), again)
        self.assertEqual(contacts(answer), [phone.contact])
        (binding,) = self.lookup()
        self.assertEqual((binding.contact, binding.flow_id, binding.cseq), (phone.contact, again.id, 2))

    def test_gruu_as_contact_without_parameters(self) -> None:
        """The GRUU says which instance it is: nothing else has to."""
        flow, phone = self.connect(), Phone("alice", UUID, 1)
        self.register(phone.register(), flow)
        self.register(phone.register(contacts=[f"<sip:alice@{DOMAIN};gr={UUID}>"]), flow)
        (binding,) = self.lookup()
        self.assertEqual((binding.contact, binding.params), (phone.contact, phone.params))
        self.register(phone.register(expires=0, contacts=[f"<sip:alice@{DOMAIN};gr={UUID}>"]), flow)
        self.assertEqual(self.bindings(), [])

    def test_gruu_as_contact_after_a_break(self) -> None:
        """A phone whose connection broke, and its binding with it, may come back by its GRUU."""
        flow, phone = self.connect(), Phone("alice", UUID, 1)
        self.register(phone.register(), flow)
        self.disconnect(flow)
        self.assertEqual(self.bindings(), [])
        again = phone.register(contacts=[f"<sip:alice@{DOMAIN};gr={UUID}>{phone.params}"])
        self.assertEqual(contacts(self.register(again, self.connect())), [phone.contact])

    def test_gruu_of_nobody(self) -> None:
        """A GRUU of the user that names no known instance is 403, one that names two of them too."""
        for text in (
            f"<sip:alice@{DOMAIN};gr={UUID}>",
            f"<sip:alice@{DOMAIN};gr>",
            f'<sip:alice@{DOMAIN};gr={UUID}>;reg-id=1;+sip.instance="<{UUID}>"',
            f'<sip:alice@{DOMAIN};gr={UUID}>;+sip.instance="<{OTHER_UUID}>"',
        ):
            self.assertEqual(self.refused(Phone().register(contacts=[text]), self.connect()).status, 403, text)
        self.assertEqual(self.register(Phone().register(0, contacts=[f"<sip:alice@{DOMAIN};gr=x>"])).status, 200)


class Spelling(unittest.SynchronousTestCase):
    """Instances inside URIs."""

    @given(st.text(min_size=1, max_size=30).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
    @settings(max_examples=100, deadline=None)
    def test_round_trip(self, instance: str) -> None:
        """Whatever an instance is called, its GRUU is a URI that names it."""
        uri = Uri.parse(pub_gruu("sip:alice@example.com", instance))
        self.assertEqual(named_instance(uri), instance)
        self.assertEqual(uri.aor, ALICE)

    def test_named(self) -> None:
        """No gr is no GRUU; a gr without value names nobody."""
        self.assertIsNone(named_instance(Uri.parse("sip:alice@example.com")))
        self.assertEqual(named_instance(Uri.parse("sip:alice@example.com;gr")), "")

    def test_same(self) -> None:
        """UUIDs in any letter case, other URNs to the letter; none is the same as none."""
        self.assertTrue(same_instance(UUID, UUID.upper()))
        self.assertFalse(same_instance("urn:imei:a", "urn:imei:A"))
        self.assertFalse(same_instance(None, None))

    def test_base(self) -> None:
        """A GRUU keeps scheme and user of the To, and drops port and parameters."""
        self.assertEqual(without_instance(Uri.parse("sips:A%6c@Example.com:5061;x=y")), "sips:A%6c@example.com")
        self.assertEqual(without_instance(Uri.parse("sip:a@[::1]")), "sip:a@[::1]")
