"""Every machine in every state gets every input, in every order that Hypothesis thinks of."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction import invite_client, invite_server, non_invite_client, non_invite_server
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.server import ServerTransaction
from tests.transaction.parties import Caller, Element, request, said

STATUSES = (100, 180, 200, 302, 404, 486, 603)
WAITS = (0.0, 0.1, 0.6, 3.6, 5.1, 32.2)
TRANSPORTS = st.sampled_from([("udp", True), ("udp", False), ("tcp", True), ("tcp", False)])

#: what may follow what (RFC 3261 Figures 5 to 8 with RFC 6026); everything may end
INVITE_CLIENT = {
    "Calling": {"Proceeding", "Completed", "Accepted"},
    "Proceeding": {"Completed", "Accepted"},
    "Completed": set(),
    "Accepted": set(),
}
INVITE_SERVER = {
    "Proceeding": {"Completed", "Accepted"},
    "Completed": {"Confirmed"},
    "Confirmed": set(),
    "Accepted": set(),
}
NON_INVITE = {"Trying": {"Proceeding", "Completed"}, "Proceeding": {"Completed"}, "Completed": set()}


class Run:
    """One machine, and the inputs by name."""

    def __init__(self, method: str, transport: str, client_flow: bool) -> None:
        self.clock = Clock()
        self.element = Element(self.clock, client_flow=client_flow)
        self.flow = MemoryFlow(transport, receiver=self.element, accepted=client_flow)
        self.message = request(method)
        self.transaction: ServerTransaction | ClientTransaction

    @property
    def state(self) -> str:
        return str(self.transaction.state.value)  # type: ignore[union-attr]

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def inputs(self) -> dict[str, Callable[[], None]]:
        found: dict[str, Callable[[], None]] = {
            f"wait {seconds}": lambda seconds=seconds: self.wait(seconds)  # type: ignore[misc]
            for seconds in WAITS
        }
        found["lost"] = self.flow.lose
        found["unreachable"] = lambda: self.element.transactions.unreachable(self.flow.peer)
        found["terminate"] = lambda: self.transaction.terminate()
        return found


class ClientRun(Run):
    def __init__(self, method: str, transport: str, client_flow: bool) -> None:
        super().__init__(method, transport, client_flow)
        self.caller = Caller()
        self.transaction: ClientTransaction = self.element.transactions.call(self.message, self.flow, self.caller)

    def inputs(self) -> dict[str, Callable[[], None]]:
        found = super().inputs()
        for status in STATUSES:
            response = self.message.response(status, to_tag="b").to_bytes()
            found[f"answer {status}"] = lambda response=response: self.flow.receive(response)  # type: ignore[misc]
            parsed = self.message.response(status, to_tag="b")
            found[f"direct {status}"] = lambda parsed=parsed: self.transaction.answered(parsed)  # type: ignore[misc]
        found["cancel"] = self.transaction.cancel
        return found


class ServerRun(Run):
    def __init__(self, method: str, transport: str, client_flow: bool) -> None:
        super().__init__(method, transport, client_flow)
        self.flow.receive(self.message.to_bytes())
        self.transaction: ServerTransaction = self.element.served[0]

    def inputs(self) -> dict[str, Callable[[], None]]:
        found = super().inputs()
        for status in STATUSES:
            response = self.message.response(status, to_tag="b")
            found[f"respond {status}"] = lambda response=response: self.transaction.respond(response)  # type: ignore[misc]
        found["abandon"] = self.transaction.abandon
        found["direct"] = self.transaction.received
        for method in ("ACK", "CANCEL"):
            data = request(method, to_tag="b").to_bytes()
            found[method] = lambda data=data: self.flow.receive(data)  # type: ignore[misc]
        if self.transaction.final_sent or self.message.method == "INVITE":
            found["again"] = self._again
        return found

    def _again(self) -> None:
        if self.state != "Terminated":
            self.flow.receive(self.message.to_bytes())


class EveryStateTests(SynchronousTestCase):
    def check(self, run: Run, inputs: list[str], follows: dict[str, set[str]]) -> None:
        """No input raises; states follow each other as in the figure; what has ended leaves nothing behind."""
        known = run.inputs()
        for name in inputs:
            before = run.state
            known[name]()
            after = run.state
            if after not in (before, "Terminated"):
                steps = follows[before] | {last for step in follows[before] for last in follows[step]}
                self.assertIn(after, steps, (before, name))
        run.clock.pump([33.0, 33.0, 33.0])
        run.transaction.terminate()
        transactions = run.element.transactions
        self.assertEqual((transactions.count, run.element.wheel.count), (0, 0))
        self.assertEqual((transactions._on_flow, transactions._to_peer), ({}, {}))
        self.assertEqual(run.clock.getDelayedCalls(), [])
        self.assertEqual(len(run.element.served), isinstance(run, ServerRun))

    def sequences(self, run: Run) -> st.SearchStrategy[list[str]]:
        return st.lists(st.sampled_from(sorted(run.inputs())), max_size=8)

    @settings(max_examples=150, deadline=None)
    @given(st.data(), TRANSPORTS)
    def test_invite_client(self, data: st.DataObject, transport: tuple[str, bool]) -> None:
        """The user hears at most one refusal or failure; ACKs leave for refusals alone; one CANCEL at most."""
        run = ClientRun("INVITE", *transport)
        self.check(run, data.draw(self.sequences(run)), INVITE_CLIENT)
        ends = [one for one in run.caller.told if one[0] not in "12"]
        self.assertLessEqual(len(ends), 1, run.caller.told)
        if "200" in run.caller.told:
            self.assertEqual(ends, [])
        sent = said(run.flow.sent)
        if "ACK" in sent:
            self.assertTrue(any(one[0] in "3456" for one in run.caller.told))
        if not run.flow.reliable:
            return
        self.assertLessEqual(sent.count("CANCEL"), 1)
        self.assertEqual(sent.count("INVITE"), 1)

    @settings(max_examples=150, deadline=None)
    @given(st.data(), TRANSPORTS)
    def test_non_invite_client(self, data: st.DataObject, transport: tuple[str, bool]) -> None:
        """The user hears of exactly one end, or of none when it ended the transaction itself."""
        run = ClientRun("OPTIONS", *transport)
        self.check(run, data.draw(self.sequences(run)), NON_INVITE)
        ends = [one for one in run.caller.told if one[0] != "1"]
        self.assertLessEqual(len(ends), 1, run.caller.told)

    @settings(max_examples=150, deadline=None)
    @given(st.data(), TRANSPORTS)
    def test_invite_server(self, data: st.DataObject, transport: tuple[str, bool]) -> None:
        """One kind of final response leaves, none before it is said; failure and CANCEL are heard of once."""
        run = ServerRun("INVITE", *transport)
        inputs = data.draw(self.sequences(run))
        self.check(run, inputs, INVITE_SERVER)
        finals = {one for one in said(run.flow.sent) if one[0] != "1"}
        allowed = {name.split()[1] for name in inputs if name.startswith("respond")} | {"200", "481"}
        self.assertLessEqual(finals, allowed)
        self.assertLessEqual(len(finals - {"200", "481"}), 1)
        self.assertLessEqual(run.element.user.told.count("failed"), 1)
        self.assertLessEqual(run.element.user.told.count("cancelled"), 1)

    @settings(max_examples=150, deadline=None)
    @given(st.data(), TRANSPORTS)
    def test_non_invite_server(self, data: st.DataObject, transport: tuple[str, bool]) -> None:
        """One final response at most, whatever is handed in, and no provisional one but 100."""
        run = ServerRun("OPTIONS", *transport)
        self.check(run, data.draw(self.sequences(run)), NON_INVITE)
        statuses = set(said(run.flow.sent)) - {"481"}
        self.assertLessEqual(len(statuses - {"100"}), 1)
        self.assertNotIn("180", statuses)

    def test_every_state_and_every_input_once(self) -> None:
        """The whole product, without chance: into each state by its shortest way, then each input."""
        ways: list[tuple[type[ClientRun | ServerRun], str, dict[str, list[str]], dict[str, set[str]], type]] = [
            (ClientRun, "INVITE", {
                "Calling": [], "Proceeding": ["answer 180"], "Completed": ["answer 486"], "Accepted": ["answer 200"],
                "Terminated": ["terminate"],
            }, INVITE_CLIENT, invite_client.State),
            (ClientRun, "OPTIONS", {
                "Trying": [], "Proceeding": ["answer 100"], "Completed": ["answer 404"], "Terminated": ["terminate"],
            }, NON_INVITE, non_invite_client.State),
            (ServerRun, "INVITE", {
                "Proceeding": [], "Completed": ["respond 486"], "Confirmed": ["respond 486", "ACK"],
                "Accepted": ["respond 200"], "Terminated": ["terminate"],
            }, INVITE_SERVER, invite_server.State),
            (ServerRun, "OPTIONS", {
                "Trying": [], "Proceeding": ["wait 3.6"], "Completed": ["respond 200"], "Terminated": ["terminate"],
            }, NON_INVITE, non_invite_server.State),
        ]  # fmt: skip
        for kind, method, into, follows, states in ways:
            self.assertEqual(set(into), {state.value for state in states})
            for state, way in into.items():
                for name in kind(method, "udp", True).inputs():
                    run = kind(method, "udp", True)
                    known = run.inputs()
                    for step in way:
                        known[step]()
                    self.assertEqual(run.state, state)
                    self.check(run, [name], follows)
