"""Checks 4 and 5: REGISTER through the edge, with Path and with a Contact of ours."""

from __future__ import annotations

from oversip_tw.sip.message import Request
from tests.edge.behind import EdgeWorld
from tests.oversip.edge_case import PROXY_OUT, EdgeCase
from tests.server.world import CORE


class PathTests(EdgeCase):
    """4: what the edge writes into a REGISTER."""

    def test_04_register_headers(self) -> None:
        """Our Via on top, two Path: our UDP side outside, the phone's connection with a token, `lr` and `ob` inside.

        Max-Forwards 70 becomes 69; with `max_forwards_cap`, as the import writes it, 10 as OverSIP had it.
        """
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice, Max_Forwards="70")
        self.assertEqual(69, arrived.max_forwards)
        self.assertEqual(("UDP", "127.0.0.1:5060"), (arrived.via.transport, arrived.via.sent_by))
        self.assertEqual(2, len(arrived.vias))
        outer, inner = arrived.values("Path")
        self.assertEqual("<sip:127.0.0.1:5060;transport=udp;lr>", outer)
        self.assertRegex(inner, r"^<sip:[\w-]{20,}@127\.0\.0\.1:8080;transport=ws;lr;ob>$")
        self.assertEqual(alice.contact, str(arrived.contacts[0].uri))
        self.use(EdgeWorld(profile=PROXY_OUT, max_forwards_cap=10))
        arrived, _ = self.core.receives_register(self.world.phone("alice"), Max_Forwards="70")
        self.assertEqual(10, arrived.max_forwards)

    def test_04_answer_to_the_register(self) -> None:
        """The phone's 200 has its one Via, and the Contact and expiry that the core granted."""
        alice = self.world.phone("alice")
        arrived, sent = self.core.receives_register(alice)
        self.core.send(arrived.response(200, to_tag="c", headers=[("Contact", f"<{alice.contact}>;expires=517")]))
        answer = self.final(alice)
        [via] = answer.vias
        self.assertEqual(sent.via.branch, via.branch)
        self.assertEqual(f"<{alice.contact}>;expires=517", answer.get("Contact"))

    def test_04_two_path_over_udp_too(self) -> None:
        """From a phone on UDP to a core on UDP they are two as well, one socket or not."""
        arrived, _ = self.core.receives_register(self.world.phone("alice", "udp"))
        outer, inner = arrived.values("Path")
        self.assertEqual("<sip:127.0.0.1:5060;transport=udp;lr>", outer)
        self.assertRegex(inner, r"^<sip:[\w-]{20,}@127\.0\.0\.1:5060;transport=udp;lr;ob>$")

    def test_04_path_of_others(self) -> None:
        """A Path that the phone brings along would lead the core astray: 403 (OverSIP passed it on)."""
        alice = self.world.phone("alice")
        alice.send(alice.build("REGISTER", "sip:example.com", To=f"<{alice.aor}>", Path="<sip:other.example;lr>"))
        self.assertEqual([403], alice.statuses())
        self.assertEqual([], self.core.take())


class ContactTests(EdgeCase):
    """5: registrars without Path, by `;ov-ob` in the Contact."""

    def setUp(self) -> None:
        self.use(EdgeWorld(profile=PROXY_OUT, return_by="param"))

    def test_05_mangled_contact(self) -> None:
        """The core sees the phone's Contact URI with one `;ov-ob=TOKEN` inside its brackets, and no Path of ours."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice)
        [value] = arrived.values("Contact")
        self.assertRegex(value, rf"^<{alice.contact};ov-ob=[\w-]+>;")
        self.assertEqual(1, value.count("ov-ob"))
        self.assertEqual([], arrived.values("Path"))

    def test_05_mangled_by_the_phone(self) -> None:
        """One `ov-ob` that the phone brought itself (OverSIP kept it) is replaced: what leaves is signed by us."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice, Contact=f"<{alice.contact};ov-ob=_MTI3LjAuMC4xXzUwOTA->")
        [value] = arrived.values("Contact")
        self.assertNotIn("_MTI3LjAuMC4xXzUwOTA-", value)
        self.assertEqual(1, value.count("ov-ob="))

    def test_05_answer_shows_the_original(self) -> None:
        """The phone's 200 has the very octets of its own Contact, in whatever odd way it wrote them."""
        alice = self.world.phone("alice")
        for odd in (
            f'"A. Lice" <sip:U%41b@{alice.host};transport=ws;X=y>;+sip.ice;expires=600',
            f'<sip:{alice.host};transport=WS;ob>;expires="600"',
            f"sip:u@{alice.host};expires=600;q=0.5",
        ):
            arrived, sent = self.core.receives_register(alice, Contact=odd)
            self.assertNotEqual(odd, arrived.get("Contact"))
            self.core.accept(arrived)
            answer = self.final(alice)
            self.assertEqual([sent.contacts[0].uri.text], [each.uri.text for each in answer.contacts])
            if odd.startswith(("<", '"')):
                self.assertEqual(odd, answer.get("Contact"))

    def test_05_star_and_two_contacts(self) -> None:
        """`*` and a REGISTER with two Contacts pass as they are, and so do their answers."""
        alice = self.world.phone("alice")
        two = "<sip:a@a.invalid>;expires=60, <sip:b@b.invalid>;expires=60"
        for contact, more in ((two, {}), ("*", {"Expires": "0"})):
            arrived, _ = self.core.receives_register(alice, Contact=contact, **more)
            self.assertEqual([contact], arrived.get_all("Contact"))
            self.core.send(arrived.response(200, to_tag="c"))
            self.assertEqual(200, self.final(alice).status)

    def test_05_contacts_of_others_in_the_answer(self) -> None:
        """Other phones of the user stand in the 200 as the registrar has them; ours among them are shown as theirs."""
        alice, other = self.world.phone("alice"), self.world.phone("alice")
        mangled: list[Request] = []
        for phone in (other, alice):
            arrived, _ = self.core.receives_register(phone)
            mangled.append(arrived)
        values = [each.get("Contact") or "" for each in mangled]
        third = f"<sip:desk@{CORE}:5090>;expires=60"
        self.core.send(arrived.response(200, to_tag="c", headers=[("Contact", value) for value in [*values, third]]))
        shown = [str(contact.uri) for contact in self.final(alice).contacts]
        self.assertEqual([other.contact, alice.contact, f"sip:desk@{CORE}:5090"], shown)
