"""Connections that break at every step of a call, on either side, over every pair of transports.

Whatever happens: no error is logged, both sides hear how their requests ended, and nothing stays behind.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Request
from tests.server.world import Dialog, Phone, World

TRANSPORTS = ("ws", "udp", "tcp")

#: a call with a hold in its middle; a call that is refused; one that is cancelled; one that the callee ends
ANSWERED = ("invite", "180", "200", "ack", "reinvite", "200", "ack", "info", "ok", "their info", "my ok")
SCRIPTS = (
    (*ANSWERED, "bye", "ok"),
    (*ANSWERED, "their bye", "my ok"),
    ("invite", "180", "486", "refusal ack"),
    ("invite", "cancel"),
    ("invite", "180", "cancel", "487", "refusal ack"),
    ("invite", "200", "ack", "their reinvite", "my 200", "their ack", "their bye", "my ok"),
    ("invite", "200", "bye", "ok"),
)


class Side:
    """One phone, what came to it and was not answered, and its side of the dialog."""

    def __init__(self, world: World, user: str, transport: str) -> None:
        self.world = world
        self.phone: Phone = world.registered(user, transport)
        self.dialog: Dialog | None = None
        self.came: list[Request] = []
        self.sent: Request | None = None
        self.gone = False

    def look(self) -> list[object]:
        new = self.phone.take()
        self.came += [each for each in new if isinstance(each, Request)]
        return list(new)

    def answer(self, method: str, status: int) -> None:
        self.look()
        for request in [each for each in self.came if each.method == method]:
            if self.gone:
                return
            self.came.remove(request)
            response = self.phone.answer(request, status)
            if method == "INVITE" and status == 200 and self.dialog is None:
                self.dialog = self.phone.dialog(request, response, callee=True)

    def send(self, method: str) -> None:
        if self.dialog is not None and not self.gone:
            self.sent = self.dialog.send(method)

    def lose(self, icmp: bool) -> None:
        self.look()
        self.gone = True
        if self.phone.flow.reliable:
            self.world.lose(self.phone.flow)
        elif icmp:
            for _ in range(3):
                self.world.element.unreachable(self.phone.flow.peer)

    def come_back(self) -> None:
        self.gone = False
        if self.phone.flow.reliable:
            self.phone.flow = self.world.connect(self.phone.flow.transport)
        self.phone.register(keep=True)
        self.look()


class Play:
    """alice calls bob by a script."""

    def __init__(self, caller: str, callee: str) -> None:
        self.world = World()
        self.alice, self.bob = Side(self.world, "alice", caller), Side(self.world, "bob", callee)
        self.invite: Request | None = None

    def do(self, step: str) -> None:
        alice, bob = self.alice, self.bob
        if step == "invite":
            self.invite = None if alice.gone else alice.phone.invite(bob.phone.aor)
        elif step in ("180", "200", "486", "487"):
            bob.answer("CANCEL", 200)
            bob.look()
            arrived = [each for each in bob.came if each.method == "INVITE"]
            bob.answer("INVITE", int(step))
            if step == "180":
                bob.came += arrived
            self.hear()
        elif step == "ack":
            self.hear()
            alice.send("ACK")
        elif step in ("refusal ack", "cancel"):
            self.refused_or_cancelled(step)
        elif step in ("reinvite", "their reinvite"):
            (alice if step == "reinvite" else bob).send("INVITE")
        elif step == "my 200":
            alice.answer("INVITE", 200)
        elif step == "their ack":
            bob.send("ACK")
        elif step in ("info", "bye"):
            self.hear()
            alice.send(step.upper())
        elif step in ("their info", "their bye"):
            bob.send(step[6:].upper())
        elif step in ("ok", "my ok"):
            for method in ("INFO", "BYE"):
                (bob if step == "ok" else alice).answer(method, 200)

    def refused_or_cancelled(self, step: str) -> None:
        if self.invite is None or self.alice.gone:
            return
        if step == "cancel":
            self.alice.phone.cancel(self.invite)
        else:
            for each in self.alice.look():
                if not isinstance(each, Request) and each.status >= 300:  # type: ignore[attr-defined]
                    self.alice.phone.acknowledge(self.invite, each)  # type: ignore[arg-type]

    def hear(self) -> None:
        """alice learns of her dialog from a 2xx."""
        for each in self.alice.look():
            if not isinstance(each, Request) and each.status == 200 and each.cseq_method == "INVITE":  # type: ignore[attr-defined]
                self.alice.dialog = self.alice.dialog or self.alice.phone.dialog(self.invite, each, False)  # type: ignore[arg-type]

    def seconds(self, number: int) -> None:
        self.world.clock.pump([1] * number)


class FlowLossTests(SynchronousTestCase):
    """Pains 14 and 30 of those who came before: a lost flow at every state, every transport pair."""

    def played(
        self, script: tuple[str, ...], caller: str, callee: str, at: int, who: str, back: int | None, icmp: bool
    ) -> Play:
        """``script``, in which ``who`` is lost before step ``at`` and is ``back`` after so many seconds."""
        play = Play(caller, callee)
        for number, step in enumerate(script):
            if number == at:
                for side in (play.alice, play.bob) if who == "both" else (getattr(play, who),):
                    side.lose(icmp)
                if back is not None:
                    play.seconds(back)
                    for side in (play.alice, play.bob):
                        if side.gone:
                            side.come_back()
            play.do(step)
        return play

    @settings(max_examples=150, deadline=None)
    @given(
        script=st.sampled_from(SCRIPTS),
        caller=st.sampled_from(TRANSPORTS),
        callee=st.sampled_from(TRANSPORTS),
        at=st.integers(0, 12),
        who=st.sampled_from(("alice", "bob", "both")),
        back=st.sampled_from((None, 0, 3, 10)),
        icmp=st.booleans(),
    )
    def test_t10_nothing_stays_and_nothing_breaks(
        self, script: tuple[str, ...], caller: str, callee: str, at: int, who: str, back: int | None, icmp: bool
    ) -> None:
        """T10: no error line, and after the timers' time no transaction, timer or wait is left."""
        play = self.played(script, caller, callee, at, who, back, icmp)
        # A BYE may wait for 31 s and then for its own timers; a callee on UDP that fell silent rings until Timer C.
        play.seconds(75 if "udp" not in (caller, callee) else 320)
        self.assertEqual({}, play.world.left())
        self.assertEqual([], play.world.errors())

    def test_t10_every_step_over_websockets(self) -> None:
        """T10: all scripts, all steps, either side, without coming back: the same."""
        for script in SCRIPTS:
            for at in range(len(script)):
                for who in ("alice", "bob", "both"):
                    play = self.played(script, "ws", "ws", at, who, None, False)
                    play.seconds(75)
                    self.assertEqual({}, play.world.left(), (script, at, who))
                    self.assertEqual([], play.world.errors(), (script, at, who))

    def test_call_survives_a_reconnection_at_every_step(self) -> None:
        """Either side loses its connection anywhere between INVITE and BYE and is back 3 s later: the BYE arrives."""
        script = SCRIPTS[0]
        for caller, callee in (("ws", "ws"), ("ws", "udp"), ("tcp", "ws"), ("udp", "ws")):
            for at in range(1, len(script) - 1):
                for who in ("alice", "bob", "both"):
                    play = self.played(script[:-1], caller, callee, at, who, 3, False)
                    play.bob.look()
                    byes = [each for each in play.bob.came if each.method == "BYE"]
                    self.assertTrue(byes, (caller, callee, script[at], who))
