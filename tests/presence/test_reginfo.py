"""The document of RFC 3680, read by somebody else's parser."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.presence.reginfo import document
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.temporary import TemporaryGruus

NAMES = {"r": "urn:ietf:params:xml:ns:reginfo", "gr": "urn:ietf:params:xml:ns:gruuinfo"}
AOR = "sip:alice@example.com"


def binding(number: int = 1, **fields: object) -> Binding:
    """One of alice's."""
    made = Binding(AOR, f"sip:a{number}@h.invalid;transport=ws", ";+sip.ice", key=bytes([number]), expires_at=1600.5)
    made.call_id, made.cseq = "c", 1
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def read(text: str | None) -> ElementTree.Element:
    """The registration of a document."""
    assert text is not None
    [registration] = ElementTree.fromstring(text.encode()).findall("r:registration", NAMES)
    return registration


class DocumentTests(SynchronousTestCase):
    """Full and partial."""

    def test_full(self) -> None:
        """Everything that is there."""
        uuid = "urn:uuid:0c67446d-f1a1-4f11-b5f2-6c0f3f6d0d52"
        phone = binding(params=f';+sip.ice;audio="x";+sip.instance="<{uuid}>"', instance=uuid, q=0.5)
        text = document(AOR, 7, [phone, binding(2)], None, {}, 1000.0)
        assert text is not None
        root = ElementTree.fromstring(text.encode())
        self.assertEqual((root.get("version"), root.get("state")), ("7", "full"))
        registration = read(text)
        self.assertEqual((registration.get("aor"), registration.get("state")), (AOR, "active"))
        first, second = registration.findall("r:contact", NAMES)
        attributes = {"id": "01", "state": "active", "event": "registered", "expires": "600", "q": "0.5"}
        self.assertEqual(first.attrib, {**attributes, "callid": "c", "cseq": "1"})
        self.assertEqual(first.findtext("r:uri", namespaces=NAMES), phone.contact)
        params = {each.get("name"): each.text for each in first.findall("r:unknown-param", NAMES)}
        self.assertEqual(params, {"+sip.ice": None, "audio": '"x"', "+sip.instance": f'"<{uuid}>"'})
        [gruu] = first.findall("gr:pub-gruu", NAMES)
        self.assertEqual(gruu.get("uri"), f"{AOR};gr={uuid}")
        self.assertEqual(second.findall("gr:pub-gruu", NAMES), [])

    def test_temporary_gruus(self) -> None:
        """The newest one and the first CSeq whose one is good (RFC 5628), where phones get any."""
        gruus = TemporaryGruus((b"k" * 32,))
        phone = binding(instance="urn:x", key=b"k" * 8, first_cseq=1)
        [element] = read(document(AOR, 0, [phone, binding(2)], None, {}, 0, gruus)).iter(f"{{{NAMES['gr']}}}temp-gruu")
        self.assertEqual(element.attrib, {"uri": gruus.gruu(AOR, phone), "first-cseq": "1"})
        self.assertNotIn("temp-gruu", document(AOR, 0, [phone], None, {}, 0) or "")
        self.assertNotIn("temp-gruu", document(AOR, 1, [], {phone.key: phone}, {}, 0, gruus) or "")

    def test_nobody(self) -> None:
        """No phone: not yet, or not any more."""
        self.assertEqual(read(document(AOR, 0, [], None, {}, 0)).get("state"), "init")
        self.assertEqual(read(document(AOR, 1, [], {b"\1": binding()}, {}, 0)).get("state"), "terminated")

    def test_partial(self) -> None:
        """What has changed, and nothing else."""
        stays, refreshed, new = binding(1), binding(2, cseq=2), binding(4)
        moved = binding(3, contact="sip:other@h.invalid")
        told = {each.key: each for each in (binding(1), binding(2), binding(3), binding(5))}
        registration = read(document(AOR, 1, [stays, refreshed, moved, new], told, {b"\5": Change.KICKED}, 1000.0))
        found = [(each.get("id"), each.get("event"), each.get("state")) for each in registration]
        self.assertEqual(
            found,
            [
                ("02", "refreshed", "active"),
                ("03", "refreshed", "active"),
                ("04", "registered", "active"),
                ("05", "deactivated", "terminated"),
            ],
        )
        self.assertIsNone(document(AOR, 1, [stays], {stays.key: stays}, {}, 1000.0))

    def test_ends(self) -> None:
        """Each has its word."""
        for change, word in (
            (Change.REMOVED, "unregistered"),
            (Change.EXPIRED, "expired"),
            (Change.FLOW_LOST, "expired"),
            (Change.REPLACED, "deactivated"),
            (Change.KICKED, "deactivated"),
        ):
            [contact] = read(document(AOR, 1, [], {b"\1": binding()}, {b"\1": change}, 0))
            self.assertEqual((contact.get("event"), contact.get("expires")), (word, "0"))
        [contact] = read(document(AOR, 1, [], {b"\1": binding()}, {}, 0))
        self.assertEqual(contact.get("event"), "unregistered")

    def test_unreadable_parameters(self) -> None:
        """They are left out."""
        [contact] = read(document(AOR, 0, [binding(params=';="')], None, {}, 0))
        self.assertEqual(contact.findall("r:unknown-param", NAMES), [])

    @given(st.text(max_size=20), st.binary(max_size=20))
    @settings(max_examples=100, deadline=None)
    def test_any_text(self, text: str, octets: bytes) -> None:
        """Whatever a phone calls itself: it is well-formed XML, and says what can be said in XML."""
        for value in (text, octets.decode("utf-8", "surrogateescape"), text.replace("a", "]]>&<'\"")):
            made = document(AOR, 0, [binding(contact=f"sip:{value}@h", call_id=value, params="")], None, {}, 0)
            assert made is not None
            [contact] = ElementTree.fromstring(made.encode()).iter(f"{{{NAMES['r']}}}contact")
            if value.isprintable():
                self.assertEqual(contact.get("callid"), value)
                self.assertEqual(contact.findtext("r:uri", namespaces=NAMES), f"sip:{value}@h")
