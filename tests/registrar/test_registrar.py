"""The registrar as phones see it: RFC 3261 §10."""

from __future__ import annotations

from oversip_tw.registrar.changes import Change
from tests.registrar.phones import ALICE, Phone, RegistrarCase, contacts


class Bindings(RegistrarCase):
    """Adding, refreshing, fetching and removing."""

    def test_one_phone(self) -> None:
        """The 200 holds the phone's own Contact as it came, with the seconds it has; the binding is the flow's."""
        flow = self.connect()
        phone = Phone()
        answer = self.register(phone.register(expires=600), flow)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.to_tag, "tag")
        self.assertEqual(answer.get("Contact"), f"<{phone.contact}>;+sip.ice;expires=600")
        (binding,) = self.lookup()
        self.assertEqual(
            (binding.aor, binding.contact, binding.flow_id, binding.node, binding.secure),
            (ALICE, phone.contact, flow.id, "n1", True),
        )
        self.assertEqual(self.changes, [Change.ADDED])

    def test_refresh(self) -> None:
        """The same Contact again is the same binding, with a new lease."""
        flow, phone = self.connect(), Phone()
        self.register(phone.register(), flow)
        self.clock.advance(500)
        self.register(phone.register(), flow)
        self.clock.advance(500)
        self.assertEqual(len(self.lookup()), 1)
        self.assertEqual(self.changes, [Change.ADDED, Change.REFRESHED])

    def test_several_phones(self) -> None:
        """Each phone of a user has its binding; all stand in the 200, highest q first, then the newest."""
        flow = self.connect()
        low, old, new = Phone(), Phone(), Phone()
        self.register(low.register(contacts=[f"<{low.contact}>;q=0.2"]), flow)
        self.register(old.register(), flow)
        self.clock.advance(1)
        answer = self.register(new.register(), flow)
        self.assertEqual(contacts(answer), [new.contact, old.contact, low.contact])
        self.assertEqual(answer.contacts[2].param("q"), "0.2")
        self.assertEqual([binding.contact for binding in self.lookup()], contacts(answer))

    def test_several_contacts(self) -> None:
        """One REGISTER may bring several Contacts, each with its own expiry, in one line or in more."""
        answer = self.register(
            Phone().register(contacts=["<sip:a@192.0.2.1>;expires=100, sip:b@192.0.2.1", "<sip:c@192.0.2.1;x>;q=0.5"]),
            self.connect("udp"),
        )
        self.assertEqual(
            sorted((contact.uri.user, contact.param("expires")) for contact in answer.contacts),
            [("a", "100"), ("b", "600"), ("c", "600")],
        )

    def test_fetch(self) -> None:
        """Without Contact nothing changes, and the answer says what there is and how long it has left."""
        phone = Phone()
        self.register(phone.register(), self.connect())
        self.clock.advance(100.5)
        answer = self.register(Phone().register(contacts=[], expires=0))
        self.assertEqual(answer.contacts[0].param("expires"), "500")
        self.assertEqual(self.changes, [Change.ADDED])

    def test_remove(self) -> None:
        """Expires 0, as header or as parameter of the Contact, ends the binding it names and no other."""
        flow, one, two = self.connect(), Phone(), Phone()
        self.register(one.register(), flow)
        self.register(two.register(), flow)
        answer = self.register(one.register(expires=0), flow)
        self.assertEqual(contacts(answer), [two.contact])
        answer = self.register(two.register(contacts=[f"<{two.contact}>;expires=0"]), flow)
        self.assertEqual(contacts(answer), [])
        self.assertEqual(self.changes[2:], [Change.REMOVED, Change.REMOVED])

    def test_remove_unknown(self) -> None:
        """To end what is not there is no mistake."""
        self.assertEqual(self.register(Phone().register(expires=0), self.connect()).status, 200)
        self.assertEqual(self.heard, [])

    def test_remove_all(self) -> None:
        """``Contact: *`` with Expires 0 ends all bindings of the user, and of nobody else."""
        flow = self.connect()
        phone = Phone()
        self.register(phone.register(), flow)
        self.register(Phone().register(), flow)
        self.register(Phone("bob").register(), flow)
        self.assertEqual(contacts(self.register(phone.register(expires=0, contacts=["*"]), flow)), [])
        self.assertEqual(len(self.lookup("sip:bob@example.com")), 1)

    def test_expiry(self) -> None:
        """A binding is gone to the second."""
        self.register(Phone().register(expires=60), self.connect())
        self.clock.advance(59.9)
        self.assertEqual(len(self.lookup()), 1)
        self.clock.advance(0.1)
        self.assertEqual(self.lookup(), [])

    def test_user_letter_case(self) -> None:
        """alice and Alice are two users (RFC 3261 §19.1.4); %61lice is alice."""
        flow = self.connect()
        self.register(Phone("alice").register(), flow)
        self.register(Phone("Alice").register(), flow)
        self.assertEqual(len(self.lookup("sip:alice@example.com")), 1)
        self.assertEqual(len(contacts(self.register(Phone("%61lice").register(), flow))), 2)

    def test_phone_that_is_its_own_way(self) -> None:
        """Behind a trusted hop without Path there is no flow: the binding goes by its Contact."""
        self.register(Phone(contact="sip:alice@192.0.2.9:5070", supported="").register())
        (binding,) = self.lookup()
        self.assertEqual((binding.flow_id, binding.path, binding.secure), (b"", (), False))


class TortureMessages(RegistrarCase):
    """What RFC 4475 has in store for registrars."""

    def test_escnull(self) -> None:
        """Escaped NULs are part of a name: two bindings, both listed whole."""
        phone = Phone("null-%00-null")
        texts = ["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"]
        answer = self.register(phone.register(contacts=texts), self.connect())
        self.assertEqual(
            sorted(contacts(answer)), ["sip:%00%00@host5.example.com", "sip:%00@host5.example.com"]
        )

    def test_cparam01(self) -> None:
        """Without brackets an unknown parameter is the Contact's: it is given back and is not in the Request-URI."""
        request = Phone().register(contacts=["sip:+19725552222@gw1.example.net;unknownparam"])
        answer = self.register(request, self.connect())
        self.assertEqual(answer.get("Contact"), "<sip:+19725552222@gw1.example.net>;unknownparam;expires=600")
        self.assertEqual(self.lookup()[0].target.text, "sip:+19725552222@gw1.example.net")

    def test_cparam02(self) -> None:
        """Within brackets it is the URI's: it is in the Request-URI too."""
        self.register(Phone().register(contacts=["<sip:+19725552222@gw1.example.net;unknownparam>"]), self.connect())
        self.assertEqual(self.lookup()[0].target.text, "sip:+19725552222@gw1.example.net;unknownparam")

    def test_regescrt(self) -> None:
        """Headers in a Contact are given back, and neither obeyed nor sent on."""
        text = "sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        answer = self.register(Phone("user").register(contacts=[f"<{text}>"]), self.connect())
        self.assertEqual(contacts(answer), [text])
        (binding,) = self.lookup("sip:user@example.com")
        self.assertEqual(binding.target.text, "sip:user@example.com")

    def test_regbadct(self) -> None:
        """The same without brackets is 400."""
        text = "sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        self.assertEqual(self.refused(Phone("user").register(contacts=[text]), self.connect()).status, 400)
