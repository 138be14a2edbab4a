"""Which Contact is which binding, and the flows they follow: RFC 5626."""

from __future__ import annotations

from oversip_tw.registrar.changes import Change
from tests.registrar.phones import ALICE, UUID, Phone, RegistrarCase, contacts


class Outbound(RegistrarCase):
    """RFC 5626 §6."""

    def test_answer(self) -> None:
        """A phone with reg-id and ``outbound`` is told that flows are kept, and how to keep its own alive."""
        answer = self.register(Phone("alice", UUID, 1).register(), self.connect())
        self.assertEqual((answer.get("Require"), answer.get("Flow-Timer")), ("outbound", "120"))
        udp = self.register(Phone("bob", UUID, 1).register(), self.connect("udp"))
        self.assertEqual(udp.get("Flow-Timer"), "25")

    def test_without(self) -> None:
        """Without ``outbound`` a reg-id does not count; without an instance neither."""
        for phone in (Phone("alice", UUID, 1, supported="gruu"), Phone("bob", None, 1)):
            answer = self.register(phone.register(), self.connect())
            self.assertEqual((answer.get("Require"), answer.get("Flow-Timer")), (None, None))
            self.assertIsNone(self.lookup(phone.aor)[0].reg_id)
            self.assertEqual(answer.contacts[0].param("reg-id"), "1")

    def test_no_flow_timer(self) -> None:
        """0 in the configuration: none is said."""
        self.settle(flow_timer=0)
        self.assertIsNone(self.register(Phone("alice", UUID, 1).register(), self.connect()).get("Flow-Timer"))

    def test_two_flows(self) -> None:
        """One instance with two reg-ids on two flows has two bindings, and the newest is its GRUU's."""
        one, two = Phone("alice", UUID, 1), Phone("alice", UUID, 2)
        self.register(one.register(), self.connect())
        self.clock.advance(1)
        self.register(two.register(), self.connect())
        self.assertEqual(len(self.lookup()), 2)
        found = self.location.by_gruu(ALICE, UUID)
        assert found is not None
        self.assertEqual(found.contact, two.contact)

    def test_one_flow(self) -> None:
        """Two names of one instance on one and the same flow are one binding, or it would get each call twice."""
        flow = self.connect()
        for reg_id in (1, 2, None):
            self.register(Phone("alice", UUID, reg_id).register(), flow)
            self.assertEqual([binding.reg_id for binding in self.lookup()], [reg_id])

    def test_reload(self) -> None:
        """A page that was reloaded with the same instance has a new Contact: it replaces, and never piles up."""
        for reg_id in (1, None):
            for _ in range(3):
                phone = Phone("alice", UUID, reg_id)
                answer = self.register(phone.register(), self.connect())
                self.assertEqual(
                    [text for text, b in zip(contacts(answer), self.bindings(), strict=True) if b.reg_id == reg_id],
                    [phone.contact],
                )

    def test_one_contact_with_reg_id(self) -> None:
        """More than one Contact with reg-id is 400, unless all but one go."""
        phone = Phone("alice", UUID, 1)
        texts = [f"<sip:a@192.0.2.1>{phone.params}", f"<sip:b@192.0.2.1>{phone.params.replace('reg-id=1', 'reg-id=2')}"]
        self.assertEqual(self.refused(phone.register(contacts=texts), self.connect()).status, 400)
        texts[1] += ";expires=0"
        self.assertEqual(self.register(phone.register(contacts=texts), self.connect()).status, 200)

    def test_same_phone_twice(self) -> None:
        """The same Contact twice in one REGISTER: the later counts."""
        answer = self.register(
            Phone().register(contacts=["<sip:a@192.0.2.1>;q=0.1", "<sip:a@192.0.2.1>;q=0.9"]), self.connect()
        )
        self.assertEqual([contact.param("q") for contact in answer.contacts], ["0.9"])

    def test_439(self) -> None:
        """Behind a proxy that says nothing of ``ob`` flows are of no use: 439; without reg-id that is no matter."""
        phone = Phone("alice", UUID, 1)
        self.assertEqual(self.refused(phone.register(), None, ["<sip:edge.example.com;lr>"]).status, 439)
        behind = phone.register()
        behind.prepend("Via", "SIP/2.0/UDP proxy.example.com;branch=z9hG4bKp")
        self.assertEqual(self.refused(behind).status, 439)
        self.assertEqual(self.register(Phone("bob").register(), None, ["<sip:edge.example.com;lr>"]).status, 200)

    def test_path(self) -> None:
        """The Path is kept as it came, given back, and is the way; the proxy next to the phone stands last in it."""
        path = ["<sip:inner.example.com;lr>", "<sip:token@edge.example.com;lr;ob>"]
        answer = self.register(Phone("alice", UUID, 1).register(), self.connect("tls"), path)
        self.assertEqual(answer.values("Path"), path)
        self.assertEqual((answer.get("Require"), answer.get("Flow-Timer")), ("outbound", None))
        (binding,) = self.lookup()
        self.assertEqual((binding.path, binding.flow_id, binding.secure), (tuple(path), b"", True))
        self.assertEqual(self.returned, [])


class Flows(RegistrarCase):
    """Bindings follow their phone from flow to flow."""

    def test_came_back(self) -> None:
        """A phone that comes back on another connection takes its binding with it; the old connection is pinged."""
        old, phone = self.connect(), Phone("alice", UUID, 1)
        self.register(phone.register(), old)
        new = self.connect()
        self.register(phone.register(), new)
        (binding,) = self.lookup()
        self.assertEqual(binding.flow_id, new.id)
        self.assertEqual(self.returned, [(binding.key, old), (binding.key, new)])
        self.assertEqual(self.moved, [(old.id, binding.key, new)])
        self.assertEqual((old.pings, new.pings, old.closed), (1, 0, False))

    def test_old_connection_closes_late(self) -> None:
        """The end of the connection that was left behind does not touch the binding."""
        old, phone = self.connect(), Phone("alice", UUID, 1)
        self.register(phone.register(), old)
        self.register(phone.register(), self.connect())
        self.disconnect(old)
        self.assertEqual(len(self.lookup()), 1)

    def test_closed_connection(self) -> None:
        """With its connection a binding goes, at once; the key still tells who it was."""
        flow, phone = self.connect(), Phone("alice", UUID, 1)
        self.register(phone.register(), flow)
        (binding,) = self.lookup()
        self.disconnect(flow)
        self.assertEqual(self.bindings(), [])
        known = self.location.by_key(binding.key)
        assert known is not None
        self.assertTrue(known.ended)
        self.assertEqual((known.aor, known.instance), (ALICE, UUID))
        self.assertEqual(self.changes, [Change.ADDED, Change.FLOW_LOST])

    def test_udp_phone_moves(self) -> None:
        """A UDP phone behind a NAT that gave it another port is reached there; nobody is pinged."""
        phone = Phone("alice", contact="sip:alice@10.0.0.1:5060")
        before, after = self.connect("udp", 1111), self.connect("udp", 2222)
        self.register(phone.register(), before)
        self.register(phone.register(), after)
        self.assertEqual([binding.flow_id for binding in self.lookup()], [after.id])
        self.assertEqual(before.pings, 0)

    def test_R5_contact_hosts(self) -> None:
        """Whatever address a Contact names is stored as given: the way is the flow."""
        flow = self.connect("udp")
        for host in ("0.0.0.0", "127.0.0.1:5060", "[::]", "169.254.1.1", "224.0.0.1", "255.255.255.255"):
            phone = Phone("alice", contact=f"sip:alice@{host}")
            self.register(phone.register(), flow)
            self.assertIn((phone.contact, flow.id), [(b.contact, b.flow_id) for b in self.lookup()])

    def test_contact_equality(self) -> None:
        """RFC 3261 §10.2.4: Contacts are compared as URIs; a phone without an instance is its Contact."""
        flow = self.connect()
        for text, count in (
            ("sip:%61lice@HOST.example.com;x=1", 1),
            ("sip:alice@host.example.com;X=1", 1),
            ("sip:alice@host.example.com:5060;x=1", 2),
            ("sip:ALICE@host.example.com;x=1", 3),
            ("sip:alice@host.example.com;x=1;transport=tcp", 4),
        ):
            answer = self.register(Phone(contact=text).register(), flow)
            self.assertEqual(len(answer.contacts), count, text)
            self.assertIn(text, contacts(answer))

    def test_instance_added_later(self) -> None:
        """The same Contact, first without and then with an instance, is one phone."""
        flow = self.connect()
        self.register(Phone(contact="sip:x@h.invalid").register(), flow)
        self.register(Phone("alice", UUID, 1, contact="sip:x@h.invalid").register(), flow)
        self.assertEqual([binding.instance for binding in self.lookup()], [UUID])
        self.register(Phone(contact="sip:x@h.invalid").register(expires=0), flow)
        self.assertEqual(self.bindings(), [])
