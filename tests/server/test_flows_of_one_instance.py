"""One phone by several flows (RFC 5626 §5.3): never called on two of them at one time."""

from __future__ import annotations

from tests.server.test_forking import Forking
from tests.server.world import Phone


class FlowsOfOneInstanceTests(Forking):
    """RFC 5626 §5.3: one phone by several flows gets a request once."""

    def setUp(self) -> None:
        super().setUp()
        self.first = self.world.registered("bob")
        self.second = self.world.phone("bob")
        self.second.instance = self.first.instance
        contact = f'<{self.second.contact}>;+sip.instance="<{self.first.instance}>";reg-id=2;expires=600'
        self.assertEqual(200, self.second.register(Contact=contact).status)

    def test_one_at_a_time(self) -> None:
        """Only one flow rings; when that one fails the other does, and the caller hears nothing of it."""
        self.alice.invite(self.first.aor)
        rang, other = (self.first, self.second) if self.first.flow.sent[-1][:6] == b"INVITE" else (
            self.second, self.first)  # fmt: skip
        self.assertEqual([], other.requests("INVITE"))
        self.world.lose(rang.flow)
        other.answer(other.requests("INVITE")[0], 200)
        self.assertEqual([100, 200], self.alice.statuses())

    def test_430_from_beyond(self) -> None:
        """430 and 408 of a flow try the next one; 486 does not."""
        for status, expected in ((430, 1), (408, 1), (486, 0)):
            self.alice.take()
            self.alice.invite(self.first.aor)
            rang = [phone for phone in (self.first, self.second) if phone.flow.sent[-1][:6] == b"INVITE"]
            [arrived] = rang[0].requests("INVITE")
            other = self.second if rang[0] is self.first else self.first
            rang[0].answer(arrived, status)
            came = other.requests("INVITE")
            self.assertEqual(expected, len(came), status)
            for each in came:
                other.answer(each, 486)

    def rang(self, method: str = "INVITE") -> Phone:
        """The one phone to which a request has gone."""
        phones = [phone for phone in (self.first, self.second) if phone.flow.sent[-1].startswith(method.encode())]
        self.assertEqual(1, len(phones))
        return phones[0]

    def test_silence(self) -> None:
        """Timer F on one flow: the request goes on the other, as long as anybody waits for its answer."""
        self.alice.ask(self.alice.build("MESSAGE", self.first.aor))
        silent = self.rang("MESSAGE")
        other = self.second if silent is self.first else self.first
        self.world.clock.pump([1] * 31)
        self.assertEqual([], other.requests("MESSAGE"))
        self.world.clock.pump([1] * 2)
        other.answer(other.requests("MESSAGE")[0], 200)
        self.assertEqual([100, 200], self.alice.statuses())

    def test_silence_of_an_invite(self) -> None:
        """Nobody waits for Timer B: a flow on which not even a 100 comes within 4 s is left for the other one. If the
        phone is there after all, it is sent a CANCEL."""
        for late in (False, True):
            self.alice.take()
            self.alice.invite(self.first.aor)
            silent, other = self.first, self.second
            came = silent.requests("INVITE")
            if not came:
                silent, other = other, silent
                came = silent.requests("INVITE")
            [first] = came
            self.world.clock.pump([1] * 3)
            self.assertEqual([], other.requests("INVITE"))
            self.world.clock.pump([1] * 2)
            [arrived] = other.requests("INVITE")
            if late:
                silent.answer(first, 180)
                self.assertEqual(1, len(silent.requests("CANCEL")))
                silent.answer(first, 487)
            other.answer(arrived, 200)
            self.assertEqual([100, 200], self.alice.statuses())

    def test_silence_of_the_last_flow(self) -> None:
        """There is no other: it has Timer B."""
        self.world.lose(self.first.flow)
        self.alice.invite(self.first.aor)
        self.world.clock.pump([1] * 30)
        self.assertEqual([100], self.alice.statuses())
        self.second.answer(self.second.requests("INVITE")[0], 200)

    def test_none_left(self) -> None:
        """All flows are tried, one after another; when none is left the call waits for the phone to come back, and is
        480 when it does not."""
        self.alice.invite(self.first.aor)
        first = self.rang()
        other = self.second if first is self.first else self.first
        self.world.lose(first.flow)
        self.world.lose(other.flow)
        self.world.clock.pump([1] * 9)
        self.assertEqual([100, 480], self.alice.statuses())

    def test_by_gruu(self) -> None:
        """A GRUU names the phone, not one flow of it; the case of a UUID's letters is none of its name."""
        third = self.world.phone("bob")
        third.instance = (self.first.instance or "").replace("urn:uuid", "URN:UUID").upper()
        contact = f'<{third.contact}>;+sip.instance="<{third.instance}>";reg-id=3;expires=600'
        self.assertEqual(200, third.register(Contact=contact).status)
        phones = [self.first, self.second, third]
        self.alice.invite(f"{self.first.aor};gr={self.first.instance}")
        for _ in range(3):
            [rang] = [phone for phone in phones if phone.flow.sent[-1].startswith(b"INVITE")]
            phones.remove(rang)
            rang.answer(rang.requests("INVITE")[0], 430 if phones else 200)
        self.assertEqual([100, 200], self.alice.statuses())
