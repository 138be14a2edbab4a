"""Registrars that give no Path back: the way in the Contact."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse
from tests.edge.behind import EdgeWorld
from tests.server.world import DOMAIN, Phone


class ContactCase(SynchronousTestCase):
    """A core that sees a Contact of ours and sends requests there."""

    return_by = "param"

    def setUp(self) -> None:
        self.world = EdgeWorld(return_by=self.return_by)
        self.core = self.world.core

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def called(self, phone: Phone) -> Request:
        """The core calls what it has registered; the INVITE at the phone."""
        invite = self.core.towards(phone)
        self.core.send(invite)
        [arrived] = phone.requests("INVITE")
        return arrived

    def contact_seen(self, phone: Phone) -> str:
        arrived, _ = self.core.receives_register(phone)
        self.core.accept(arrived)
        phone.take()
        return str(arrived.contacts[0].uri)

    def check_all(self) -> None:
        """Register, be called, come back: the same Contact at the core, the phone's own everywhere else."""
        alice = self.world.phone("alice")
        arrived, sent = self.core.receives_register(alice)
        self.assertFalse(arrived.has("Path"))
        seen = str(arrived.contacts[0].uri)
        self.core.accept(arrived)
        [answer] = alice.take()
        self.assertEqual(sent.get("Contact"), answer.get("Contact"))
        invite = self.called(alice)
        self.assertEqual(alice.contact, str(invite.uri))
        alice.answer(invite, 486)
        self.assertEqual([100, 486], self.core.statuses())
        self.world.lose(alice.flow)
        alice.flow = self.world.connect("ws")
        self.assertEqual(seen, self.contact_seen(alice))
        self.called(alice)


    def check_spellings(self) -> None:
        """However a Contact is written, the URI in it changes and nothing else, and comes back as it was."""
        alice = self.world.phone("alice")
        uri = alice.contact.partition(";")[0]
        instance = f'+sip.instance="<{alice.instance}>"'
        for contact in (
            f"{uri};{instance};reg-id=1",
            f'"<sip:x@y>" <{uri}>;{instance}',
            f'"a \\"<b>" <{uri}>',
            f"Alice <{uri}>;x",
        ):
            arrived, _ = self.core.receives_register(alice, Contact=contact)
            [seen] = arrived.contacts
            self.assertRegex(str(seen.uri), "ovc[A-Za-z0-9_-]{20}")
            self.assertEqual(NameAddr.parse(contact).params, seen.params)
            self.assertEqual(NameAddr.parse(contact).display_name, seen.display_name)
            self.core.accept(arrived)
            self.assertEqual(f"<{uri}>{contact[len(uri):]}" if contact.startswith(uri) else contact,
                             alice.take()[-1].get("Contact"))  # fmt: skip


class ParamTests(ContactCase):
    """`return = "param"`."""

    def test_all(self) -> None:
        """ov-ob once, gone in the R-URI and in the 200."""
        self.check_all()

    def test_spellings(self) -> None:
        """With and without brackets, in quotes too."""
        self.check_spellings()

    def test_too_long(self) -> None:
        """What could not be read again is refused, and not registered to nobody's use."""
        alice = self.world.phone("alice")
        contact = f"<sip:u@{alice.host};x={'y' * 800}>"
        alice.send(alice.build("REGISTER", f"sip:{DOMAIN}", Contact=contact, To=alice.aor))
        self.assertEqual(([400], []), (alice.statuses(), self.core.requests("REGISTER")))

    def test_what_the_core_sees(self) -> None:
        """The phone's Contact and a parameter behind it, whose other parameters are as they were."""
        alice = self.world.phone("alice")
        arrived, sent = self.core.receives_register(alice)
        [value] = arrived.values("Contact")
        self.assertRegex(value, rf"^<{alice.contact};ov-ob=ovc[A-Za-z0-9_-]+>;\+sip\.ice;")
        self.assertEqual(1, value.count("ov-ob="))
        self.assertEqual(sent.contacts[0].params, arrived.contacts[0].params)

    def test_core_writes_it_anew(self) -> None:
        """A registrar may order parameters as it likes and answer under any host: the phone gets its own back."""
        alice = self.world.phone("alice")
        arrived, _sent = self.core.receives_register(alice)
        token = arrived.contacts[0].uri.param("ov-ob")
        self.core.send(arrived.response(200, to_tag="c", headers=[
            ("Contact", f"<sip:someone@10.0.0.1:5070;x=y;ov-ob={token};transport=ws>;expires=500")]))  # fmt: skip
        [answer] = alice.take()
        self.assertEqual(f"<{alice.contact}>;expires=500", answer.get("Contact"))

    def test_p11_blanks(self) -> None:
        """P11: a Contact with thousands of blanks, in brackets or without, with a name or without, as any other."""
        blanks = " " * 3000
        for written in ("sip:a@b.invalid{};expires=60", "{}<sip:a@b.invalid>", 'A{}B <sip:a@b.invalid>;x="<y>"',
                        '"A"{}<sip:a@b.invalid>'):  # fmt: skip
            alice = self.world.phone("alice")
            alice.send(alice.build("REGISTER", f"sip:{DOMAIN}", To=f"<{alice.aor}>", Contact=written.format(blanks)))
            [flow] = self.world.dialled.values()  # too long for UDP
            [arrived] = [parse(data) for data in flow.take()]
            assert isinstance(arrived, Request)
            self.assertTrue(arrived.contacts[0].uri.has_param("ov-ob"), written)

    def test_several_and_star_pass(self) -> None:
        """Two Contacts, and *, go as they are."""
        alice = self.world.phone("alice")
        two = "<sip:a@a.invalid>;expires=60, <sip:b@b.invalid>;expires=60"
        arrived, _ = self.core.receives_register(alice, Contact=two)
        self.assertEqual(two, arrived.get("Contact"))
        arrived, _ = self.core.receives_register(alice, Contact="*", Expires="0")
        self.assertEqual("*", arrived.get("Contact"))

    def test_altered_token(self) -> None:
        """One that we did not make: 403, and nothing leaves."""
        alice = self.world.phone("alice")
        seen = self.contact_seen(alice)
        request = self.core.build("INVITE", seen[:-1] + ("A" if seen[-1] != "A" else "B"))
        self.core.send(request)
        self.assertEqual([], alice.requests("INVITE"))
        self.assertEqual([100, 403], self.core.statuses())

    def test_stranger_with_a_true_token(self) -> None:
        """Whoever has seen the Contact gets no further than to the core."""
        alice = self.world.phone("alice")
        seen = self.contact_seen(alice)
        stranger = self.world.phone("zoe", "udp")
        stranger.send(stranger.build("MESSAGE", seen))
        self.assertEqual([], alice.requests("MESSAGE"))
        self.assertEqual(1, len(self.core.requests("MESSAGE")))

    def test_phone_that_is_gone(self) -> None:
        """430 to the core."""
        alice = self.world.phone("alice")
        self.contact_seen(alice)
        self.world.lose(alice.flow)
        self.core.send(self.core.towards(alice))
        self.assertEqual([100, 430], self.core.statuses())


class WholeTests(ContactCase):
    """`return = "contact"`."""

    return_by = "contact"

    def test_all(self) -> None:
        """A Contact of ours that the core can route; the phone never sees it."""
        self.check_all()

    def test_what_the_core_sees(self) -> None:
        """Our address on the side of the core, by the transport it is reached by."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice)
        self.assertRegex(str(arrived.contacts[0].uri), r"^sip:ovc[A-Za-z0-9_-]+@127\.0\.0\.1:5060;transport=udp$")

    def test_under_another_host(self) -> None:
        """The user part alone counts: a core that writes its own domain behind it finds the phone."""
        alice = self.world.phone("alice")
        user = self.contact_seen(alice).partition("@")[0]
        self.core.send(self.core.build("MESSAGE", f"{user}@{DOMAIN}"))
        [message] = alice.requests("MESSAGE")
        self.assertEqual(alice.contact, str(message.uri))

    def test_dialog(self) -> None:
        """In-dialog requests to our Contact with our Route, ACK too, reach the phone by its own Contact."""
        alice = self.world.phone("alice")
        seen = self.contact_seen(alice)
        invite = self.core.towards(alice)
        self.core.send(invite)
        [arrived] = alice.requests("INVITE")
        alice.answer(arrived, 200)
        theirs = self.core.dialog(invite, self.core.take()[-1])
        theirs.target = seen
        for method in ("ACK", "INFO"):
            theirs.send(method)
            [inside] = alice.requests(method)
            self.assertEqual(alice.contact, str(inside.uri))

    def test_unregister(self) -> None:
        """The Contact that is taken back is the one that the core knows; then nobody is reached."""
        alice = self.world.phone("alice")
        seen = self.contact_seen(alice)
        arrived, _ = self.core.receives_register(alice, expires=0)
        self.assertEqual(seen, str(arrived.contacts[0].uri))
        self.core.send(arrived.response(200, to_tag="c"))
        self.core.send(self.core.build("INVITE", seen))
        self.assertEqual([100, 430], self.core.statuses())
