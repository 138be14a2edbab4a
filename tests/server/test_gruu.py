"""GRUUs at work (RFC 5627): called, as Contact of calls, referred to; and who is told what."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.uri import Uri
from tests.server.world import DOMAIN, Phone, World, call


def gruus(phone: Phone, keep: bool = False, **headers: str) -> tuple[str, str]:
    """The public and the temporary GRUU of ``phone``, which registers for that."""
    answer = phone.register(keep=keep, **headers)
    own = next(each for each in answer.contacts if phone.instance in (each.param("+sip.instance") or ""))
    return own.param("pub-gruu") or "", own.param("temp-gruu") or ""


class GruuTests(SynchronousTestCase):
    """Alice has two phones, bob calls one of them."""

    def setUp(self) -> None:
        self.world = World()
        self.alice, self.other = self.world.registered("alice"), self.world.registered("alice")
        self.bob = self.world.registered("bob")
        self.public, self.temporary = gruus(self.alice)
        self.other.take()

    def test_target(self) -> None:
        """Either kind reaches that very phone, which is called by its Contact (§5.5)."""
        for gruu in (self.public, self.temporary):
            invite = self.bob.invite(gruu)
            [arrived] = self.alice.requests("INVITE")
            self.assertEqual(arrived.uri.text, self.alice.contact)
            self.assertEqual(self.other.requests("INVITE"), [])
            self.alice.answer(arrived, 486)
            self.bob.cancel(invite)
            self.bob.take()

    def test_away(self) -> None:
        """The phone is not there, though another one of its user is: 480, for either kind."""
        self.world.lose(self.alice.flow)
        for gruu in (self.public, self.temporary):
            self.bob.invite(gruu)
            self.assertEqual(self.bob.statuses()[-1], 480)
        self.assertEqual(self.other.requests("INVITE"), [])

    def test_never_was(self) -> None:
        """404: made up, of a user who is none, or of a registration that is over."""
        dead = self.temporary
        self.alice.register(Call_ID="anew", CSeq="500 REGISTER")
        for gruu in (dead, f"sip:ovg{'A' * 40}@{DOMAIN};gr", f"sip:ghost@{DOMAIN};gr=urn:x", f"sip:alice@{DOMAIN};gr"):
            self.bob.invite(gruu)
            self.assertEqual(self.bob.statuses()[-1], 404, gruu)

    def test_unregistered(self) -> None:
        """The temporary one of a phone that has unregistered is 404 for ever; its public one is good again."""
        _, old = gruus(self.alice, Call_ID="same", CSeq="3 REGISTER")
        self.alice.register(Call_ID="same", CSeq="5 REGISTER", expires=0)
        for gruu, status in ((old, 404), (self.public, 480)):
            self.bob.invite(gruu)
            self.assertEqual(self.bob.statuses()[-1], status)
        self.alice.register(Call_ID="same", CSeq="7 REGISTER")
        self.alice.take()
        self.bob.invite(old)
        self.assertEqual((self.bob.statuses()[-1], self.alice.requests("INVITE")), (404, []))
        self.bob.invite(self.public)
        self.assertEqual(len(self.alice.requests("INVITE")), 1)

    def test_A4_strangers(self) -> None:
        """Whoever may call but is nobody known hears 480 whatever is wrong."""
        world = World(inbound="open")
        alice = world.registered("alice")
        _, temporary = gruus(alice)
        world.lose(alice.flow)
        stranger = world.phone("mallory", "udp")
        for gruu in (temporary, f"sip:ovg{'A' * 40}@{DOMAIN};gr"):
            stranger.send(stranger.build("INVITE", gruu, From="<sip:mallory@example.net>;tag=x"))
            self.assertEqual(stranger.statuses()[-1], 480)

    def test_as_contact_of_a_call(self) -> None:
        """An anonymous caller is known to the callee by its temporary GRUU: requests to it reach the caller, as its
        Contact, in the dialog and out of it."""
        invite = self.alice.invite(
            self.bob.aor, From="<sip:anonymous@anonymous.invalid>;tag=a", Contact=f"<{self.temporary}>"
        )
        [arrived] = self.bob.requests("INVITE")
        self.assertNotIn("alice", str(arrived.contacts[0]) + (arrived.get("From") or ""))
        accepted = self.bob.answer(arrived, 200)
        side = self.bob.dialog(arrived, accepted, callee=True)
        self.assertEqual(side.target, self.temporary)
        side.send("BYE")
        [bye] = self.alice.requests("BYE")
        self.assertEqual(bye.uri.text, self.alice.contact)
        self.bob.send(self.bob.build("MESSAGE", self.temporary))
        self.assertEqual(invite.method, "INVITE")

    def test_dialog_after_a_reconnection(self) -> None:
        """The dialog finds the phone on its new connection; its old temporary GRUU is still its own."""
        self.alice.invite(self.bob.aor, Contact=f"<{self.temporary}>")
        [arrived] = self.bob.requests("INVITE")
        accepted = self.bob.answer(arrived, 200)
        side = self.bob.dialog(arrived, accepted, callee=True)
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        side.send("BYE")
        [bye] = self.alice.requests("BYE")
        # The new REGISTER had a Call-ID of its own: nobody but the dialog may know the phone by that name now.
        self.assertEqual(bye.uri.text, self.temporary)

    def test_caller_of_several_bindings(self) -> None:
        """A caller is known by the GRUU in its Contact where several bindings are on its flow."""
        flow = self.alice.flow
        extra = Phone(self.world, "alice", flow)
        extra.register()
        _, temporary = gruus(extra)
        extra.invite(self.bob.aor, Contact=f"<{temporary}>")
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 486)
        extra.invite(self.bob.aor, Contact=f"<sip:ovg{'A' * 40}@{DOMAIN};gr>")
        self.assertEqual(len(self.bob.requests("INVITE")), 1)

    def test_dead_name_in_a_dialog(self) -> None:
        """With no token that names the side it goes to, a GRUU that names nobody is 480."""
        dialog, _ = call(self.bob, self.alice)
        # only our own side's Route: what remains is the remote target
        dialog.routes = dialog.routes[:1]
        for target, status in ((f"sip:ovg{'A' * 40}@{DOMAIN};gr", 480), (f"sip:alice@{DOMAIN};gr=urn:none", 480)):
            dialog.target = target
            dialog.send("INFO")
            self.assertEqual(self.bob.statuses(), [status])
        for gruu in (self.public, self.temporary):
            dialog.target = gruu
            dialog.send("INFO")
            [info] = self.alice.requests("INFO")
            self.assertEqual(info.uri.text, gruu if gruu == self.public else self.alice.contact)
            self.alice.answer(info, 200)
            self.bob.take()

    def test_refer_to(self) -> None:
        """A transfer refers to the very phone: Replaces reaches it and no other (RFC 5589 §7)."""
        carol = self.world.registered("carol")
        dialog, _ = call(self.bob, carol)
        dialog.send("REFER", Refer_To=f"<{self.temporary}?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>")
        [refer] = carol.requests("REFER")
        target = Uri.parse((refer.get("Refer-To") or "").strip("<>")).replace(headers="")
        carol.invite(target.text, Replaces="1;to-tag=2;from-tag=3")
        self.assertEqual(len(self.alice.requests("INVITE")), 1)
        self.assertEqual(self.other.requests("INVITE"), [])
