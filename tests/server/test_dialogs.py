"""Dialogs of all kinds: events, transfers, early ones, GRUUs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Response
from tests.server.world import DOMAIN, Dialog, World, call


class Dialogs(SynchronousTestCase):
    """alice, bob and carol are registered."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")
        self.carol = self.world.registered("carol")

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())


class EventTests(Dialogs):
    """SUBSCRIBE and NOTIFY (RFC 6665)."""

    def subscribe(self) -> tuple[Dialog, Dialog]:
        """alice subscribes to bob, whose NOTIFY arrives before his 200."""
        self.alice.ask(self.alice.build("SUBSCRIBE", self.bob.aor, Event="dialog"))
        [arrived] = self.bob.requests("SUBSCRIBE")
        self.assertEqual(2, len(arrived.values("Record-Route")))
        extra = {"Record_Route": ", ".join(arrived.values("Record-Route")), "Contact": f"<{self.bob.contact}>"}
        # What bob's side of the dialog looks like, from the 200 that is yet to be sent.
        ok = arrived.response(200, to_tag="notifier")
        for name, value in extra.items():
            ok.append(name.replace("_", "-"), value)
        theirs = self.bob.dialog(arrived, ok, callee=True)
        self.alice.take()
        theirs.send("NOTIFY", Event="dialog", Subscription_State="active")
        [notify] = self.alice.requests("NOTIFY")
        self.alice.answer(notify, 200)
        self.bob.send(ok)
        [accepted] = [each for each in self.alice.take() if isinstance(each, Response)]
        self.assertEqual(200, accepted.status)
        self.notify = notify
        return Dialog(self.alice, arrived, accepted, callee=False), theirs

    def test_both_ways(self) -> None:
        """NOTIFY comes through before the 200; refreshes and further NOTIFYs find their ways."""
        mine, theirs = self.subscribe()
        mine.send("SUBSCRIBE", Event="dialog")
        [refresh] = self.bob.requests("SUBSCRIBE")
        self.assertFalse(refresh.has("Record-Route"))
        theirs.send("NOTIFY", Event="dialog")
        self.assertEqual(1, len(self.alice.requests("NOTIFY")))

    def test_every_notify_is_recorded(self) -> None:
        """NOTIFY bears Record-Routes in dialog too; a subscriber that knows the dialog by it alone gets back."""
        mine, _ = self.subscribe()
        self.assertEqual(2, len(self.notify.values("Record-Route")))
        mine.routes = self.notify.values("Record-Route")
        mine.send("SUBSCRIBE", Event="dialog")
        self.assertEqual(1, len(self.bob.requests("SUBSCRIBE")))

    def test_carry_over_by_a_notify(self) -> None:
        """The tokens in a NOTIFY know whose they are: the notifier may reconnect."""
        mine, _ = self.subscribe()
        mine.routes = self.notify.values("Record-Route")
        self.world.lose(self.bob.flow)
        self.world.comes_back(self.bob)
        mine.send("SUBSCRIBE", Event="dialog")
        self.assertEqual(1, len(self.bob.requests("SUBSCRIBE")))

    def test_notifier_loses_its_connection(self) -> None:
        """The subscriber's refresh waits for the notifier to come back."""
        mine, _ = self.subscribe()
        self.world.lose(self.bob.flow)
        mine.send("SUBSCRIBE", Event="dialog")
        self.world.comes_back(self.bob)
        self.assertEqual(1, len(self.bob.requests("SUBSCRIBE")))


class TransferTests(Dialogs):
    """REFER, in a dialog and out of one."""

    def test_in_a_dialog(self) -> None:
        """bob refers alice to carol; her NOTIFYs come back, and the INVITE with Replaces reaches carol."""
        mine, theirs = call(self.alice, self.bob)
        theirs.send("REFER", Refer_To=f"<sip:carol@{DOMAIN}?Replaces=x>")
        [refer] = self.alice.requests("REFER")
        self.assertEqual(f"<sip:carol@{DOMAIN}?Replaces=x>", refer.get("Refer-To"))
        self.alice.answer(refer, 202)
        mine.send("NOTIFY", Event="refer", Subscription_State="active")
        self.assertEqual(1, len(self.bob.requests("NOTIFY")))
        self.alice.invite(self.carol.aor, Replaces="x", Referred_By=f"<{self.bob.aor}>")
        self.assertEqual("x", self.carol.requests("INVITE")[0].get("Replaces"))

    def test_out_of_a_dialog(self) -> None:
        """A REFER of its own is recorded, so that NOTIFYs come back by it."""
        self.alice.ask(self.alice.build("REFER", self.bob.aor, Refer_To=f"<{self.carol.aor}>"))
        [refer] = self.bob.requests("REFER")
        self.assertEqual(2, len(refer.values("Record-Route")))


class EarlyDialogTests(Dialogs):
    """Requests before the 2xx, with several phones ringing."""

    def setUp(self) -> None:
        super().setUp()
        self.bob2 = self.world.registered("bob")
        self.invite = self.alice.invite(self.bob.aor, Supported="100rel")
        self.arrived = {phone: phone.requests("INVITE")[0] for phone in (self.bob, self.bob2)}
        self.early = {}
        for phone, arrived in self.arrived.items():
            phone.answer(arrived, 183, Require="100rel", RSeq="1")
        for phone, answer in zip(self.arrived, self.alice.take()[-2:], strict=True):
            self.early[phone] = self.alice.dialog(self.invite, answer)

    def test_prack_and_update(self) -> None:
        """Each early dialog's PRACK and UPDATE go to its own phone."""
        for phone, dialog in self.early.items():
            for method in ("PRACK", "UPDATE", "INFO"):
                dialog.send(method)
                self.assertEqual(1, len(phone.requests(method)), method)
        for phone in self.early:
            self.assertEqual([], phone.take())

    def test_update_of_the_callee(self) -> None:
        """UPDATE from a phone that rings reaches the caller."""
        for phone, arrived in self.arrived.items():
            theirs = phone.dialog(arrived, arrived.response(183, to_tag=f"t{phone.number}"), callee=True)
            theirs.routes = arrived.values("Record-Route")
            theirs.send("UPDATE")
            self.assertEqual(1, len(self.alice.requests("UPDATE")))

    def test_loser(self) -> None:
        """One answers: the early dialog of the other ends by CANCEL, that of the winner goes on."""
        self.bob.answer(self.arrived[self.bob], 200)
        self.assertEqual(1, len(self.bob2.requests("CANCEL")))
        self.early[self.bob].send("ACK")
        self.assertEqual(1, len(self.bob.requests("ACK")))


class GruuTests(Dialogs):
    """JsSIP calls itself by its GRUU as soon as it is given one (RFC 5627)."""

    def gruu(self, phone: object) -> str:
        return f"{phone.aor};gr={phone.instance}"  # type: ignore[attr-defined]

    def test_as_contact_of_both(self) -> None:
        """INVITE and 200 bear GRUUs: in-dialog requests have them as R-URI and arrive, after reconnecting too."""
        invite = self.alice.invite(self.bob.aor, Contact=f"<{self.gruu(self.alice)}>")
        [arrived] = self.bob.requests("INVITE")
        self.assertEqual(self.bob.contact, arrived.uri.text)
        response = arrived.response(200, to_tag="t", headers=[("Contact", f"<{self.gruu(self.bob)}>")])
        for route in arrived.get_all("Record-Route"):
            response.append("Record-Route", route)
        self.bob.send(response)
        accepted = self.alice.take()[-1]
        mine = self.alice.dialog(invite, accepted)
        theirs = self.bob.dialog(arrived, accepted, callee=True)
        for _ in range(2):
            mine.send("INFO")
            [info] = self.bob.requests("INFO")
            self.assertEqual(self.gruu(self.bob), info.uri.text)
            self.bob.answer(info, 200)
            theirs.send("INFO")
            [info] = self.alice.requests("INFO")
            self.alice.answer(info, 200)
            for phone in (self.alice, self.bob):
                self.world.lose(phone.flow)
                self.world.comes_back(phone)

    def test_out_of_dialog_with_two_phones(self) -> None:
        """A transfer to a GRUU reaches that phone alone, with its Contact as R-URI; a lost one is 480."""
        self.world.registered("bob")
        self.alice.invite(self.gruu(self.bob))
        self.assertEqual(self.bob.contact, self.bob.requests("INVITE")[0].uri.text)
        self.world.lose(self.bob.flow)
        self.alice.take()
        self.alice.invite(self.gruu(self.bob))
        self.assertEqual([100, 480], self.alice.statuses())


class ManyMethodsTests(Dialogs):
    """What passes in a dialog."""

    def test_all_methods_both_ways(self) -> None:
        """INFO, UPDATE, MESSAGE, REFER, PRACK, NOTIFY, and a method nobody knows."""
        dialogs = call(self.alice, self.bob)
        for dialog, other in zip(dialogs, (self.bob, self.alice), strict=True):
            for method in ("INFO", "UPDATE", "MESSAGE", "REFER", "PRACK", "NOTIFY", "SUBSCRIBE", "NEWMETHOD"):
                dialog.send(method)
                [arrived] = other.requests(method)
                other.answer(arrived, 200)
                self.assertEqual([200], dialog.phone.statuses(), method)

    def test_large_body_in_a_dialog(self) -> None:
        """A MESSAGE of 30 KiB, and its 200 with as much, pass byte for byte."""
        mine, _ = call(self.alice, self.bob)
        request = mine.build("MESSAGE")
        request.body = bytes(range(256)) * 120
        self.alice.send(request)
        [arrived] = self.bob.requests("MESSAGE")
        self.assertEqual(request.body, arrived.body)
        response = arrived.response(200)
        response.body = request.body
        self.bob.send(response)
        self.assertEqual(request.body, self.alice.take()[-1].body)

    def test_refused_reinvite_is_acknowledged_here(self) -> None:
        """An in-dialog INVITE that may not go where it wants is refused through a transaction: its ACK ends here."""
        mine, _ = call(self.alice, self.bob)
        mine.routes = mine.routes[:1]
        mine.target = "sip:victim@198.51.100.7:5060"
        invite = mine.send("INVITE")
        hundred, refused = self.alice.take()
        self.assertEqual([100, 403], [hundred.status, refused.status])
        self.alice.acknowledge(invite, refused)
        self.assertEqual([], self.bob.take())
        self.world.clock.pump([1] * 40)
        self.assertEqual({}, self.world.left())

    def test_register_is_never_in_dialog(self) -> None:
        """A To tag and our Routes do not make a REGISTER or PUBLISH pass unchallenged."""
        mine, _ = call(self.alice, self.bob)
        for method, status in (("REGISTER", 403), ("PUBLISH", 403)):
            mine.send(method)
            self.assertEqual([status], self.alice.statuses(), method)
        self.assertEqual([], self.bob.take())
