"""All of a REGISTER or nothing: order, and room for new bindings."""

from __future__ import annotations

from oversip_tw.registrar.changes import Change
from tests.registrar.phones import UUID, Phone, RegistrarCase, contacts


class Order(RegistrarCase):
    """CSeq within one Call-ID (§10.3 step 7)."""

    def test_R10_late_register(self) -> None:
        """A REGISTER that a later one overtook is 500 and changes nothing, also when it would remove."""
        flow, phone = self.connect(), Phone()
        late = phone.register(expires=0)
        everything = phone.register(expires=0, contacts=["*"])
        self.register(phone.register(), flow)
        self.assertEqual(self.refused(late, flow).status, 500)
        self.assertEqual(self.refused(everything, flow).status, 500)
        self.assertEqual(len(self.bindings()), 1)

    def test_R10_same_cseq(self) -> None:
        """The same CSeq again is no higher one."""
        flow, phone = self.connect(), Phone()
        request = phone.register()
        self.register(request, flow)
        self.assertEqual(self.refused(request, flow).status, 500)

    def test_R10_all_or_nothing(self) -> None:
        """One Contact out of order spoils the whole REGISTER: the others are not bound either."""
        flow, phone = self.connect(), Phone()
        late = phone.register(contacts=["<sip:new@192.0.2.1>", f"<{phone.contact}>"])
        self.register(phone.register(), flow)
        self.assertEqual(self.refused(late, flow).status, 500)
        self.assertEqual([binding.contact for binding in self.bindings()], [phone.contact])

    def test_new_call_id(self) -> None:
        """With another Call-ID the phone has started anew: its CSeq may be lower."""
        flow, phone = self.connect(), Phone()
        for _ in range(3):
            self.register(phone.register(), flow)
        phone.call_id, phone.cseq = "another", 0
        self.assertEqual(self.register(phone.register(), flow).status, 200)

    def test_R12_another_user(self) -> None:
        """What one user registers does not touch another one's binding of the same instance, reg-id and Contact."""
        flow = self.connect()
        alice = Phone("alice", UUID, 1, contact="sip:x@h.invalid")
        mallory = Phone("mallory", UUID, 1, contact="sip:x@h.invalid")
        self.register(alice.register(), flow)
        self.register(mallory.register(), self.connect())
        self.register(mallory.register(expires=0), flow)
        self.register(mallory.register(expires=0, contacts=["*"]), flow)
        self.assertEqual([binding.flow_id for binding in self.lookup()], [flow.id])


class Moved(RegistrarCase):
    """A phone that has a new address says so in one REGISTER: the new Contact, and the old one with expires 0."""

    def test_takes_back_its_old_contact(self) -> None:
        """The new one stays, whichever of the two comes first, with reg-id and without (pjsip writes the old last)."""
        for reg_id in (None, 1):
            flow, phone = self.connect(), Phone(instance=UUID, reg_id=reg_id)
            self.register(phone.register(), flow)
            for number in (0, 1):
                before, now = phone.contact, f"sip:alice@192.0.2.{number}"
                both = [f"<{now}>{phone.params}", f"<{before}>{phone.params};expires=0"]
                answer = self.register(phone.register(contacts=both if number else both[::-1]), flow)
                self.assertEqual(contacts(answer), [now])
                phone.contact = now
            self.assertEqual(len(self.bindings()), 1)
            self.register(phone.register(expires=0), flow)
            self.assertEqual(self.bindings(), [])

    def test_takes_back_what_it_says(self) -> None:
        """The very same Contact, first bound and then taken back, is gone: the later one counts."""
        flow, phone = self.connect(), Phone(instance=UUID, reg_id=1)
        own = f"<{phone.contact}>{phone.params}"
        self.assertEqual(contacts(self.register(phone.register(contacts=[own, f"{own};expires=0"]), flow)), [])


class Room(RegistrarCase):
    """How many bindings a user may have."""

    def fill(self, number: int = 10) -> list[Phone]:
        phones = []
        for _ in range(number):
            phones.append(Phone())
            self.register(phones[-1].register(), self.connect())
            self.clock.advance(1)
        return phones

    def test_F15_oldest_goes(self) -> None:
        """An eleventh binding takes the place of the oldest."""
        phones = self.fill()
        self.register(phones[0].register(), self.connect())
        answer = self.register(Phone().register(), self.connect())
        self.assertEqual(len(answer.contacts), 10)
        self.assertIn(phones[0].contact, contacts(answer))
        self.assertNotIn(phones[1].contact, contacts(answer))
        self.assertEqual(self.changes[-2:], [Change.REPLACED, Change.ADDED])

    def test_F15_dead_goes_first(self) -> None:
        """A binding whose connection is gone goes before any other."""
        phones = self.fill()
        (dead,) = [binding for binding in self.bindings() if binding.contact == phones[5].contact]
        flow = self.flows.find(dead.flow_id)
        assert flow is not None
        self.flows.remove(flow)
        answer = self.register(Phone().register(), self.connect())
        self.assertNotIn(phones[5].contact, contacts(answer))
        self.assertIn(phones[0].contact, contacts(answer))

    def test_F15_refuse(self) -> None:
        """Where the configuration says so, the eleventh is 403 while all others live, and refreshes go on."""
        self.settle(when_full="refuse", max_bindings=3)
        phones = self.fill(3)
        self.assertEqual(self.refused(Phone().register(), self.connect()).status, 403)
        self.assertEqual(self.register(phones[0].register(), self.connect()).status, 200)
        (dead,) = [binding for binding in self.bindings() if binding.contact == phones[2].contact]
        flow = self.flows.find(dead.flow_id)
        assert flow is not None
        self.flows.remove(flow)
        answer = self.register(Phone().register(), self.connect())
        self.assertNotIn(phones[2].contact, contacts(answer))

    def test_exchange(self) -> None:
        """One out, one in: a full user may trade a binding for another in one REGISTER."""
        phones = self.fill()
        answer = self.register(
            phones[9].register(contacts=[f"<{phones[9].contact}>;expires=0", "<sip:new@192.0.2.1>"]), self.connect()
        )
        self.assertIn("sip:new@192.0.2.1", contacts(answer))
        self.assertIn(phones[0].contact, contacts(answer))

    def test_domain_of_refusal(self) -> None:
        """Another user's bindings do not count."""
        self.fill()
        self.assertEqual(len(self.register(Phone("bob").register(), self.connect()).contacts), 1)
