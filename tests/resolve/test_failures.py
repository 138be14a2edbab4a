"""Name servers that fail, are slow, or say odd things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from oversip_tw.interfaces import NaptrRecord, SrvRecord, Target
from oversip_tw.promise import Promise
from oversip_tw.resolve.questions import Questions
from oversip_tw.resolve.settings import Settings
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import Clock, FakeLookups
from tests.resolve.looking import IP, SlowLookups, Tests


class FailureTests(Tests):
    def test_k5_nobody_knows(self) -> None:
        """SERVFAIL or silence of the name servers is 500, not 404."""
        for broken in (["_sip._udp.example.org"], ["example.org"]):
            lookups = FakeLookups(broken=broken)
            self.assertEqual(self.refused("sip:example.org;transport=udp", lookups), 500)

    def test_naptr_unknown_to_the_name_server(self) -> None:
        """A name server that cannot do NAPTR does not keep us from SRV."""
        lookups = FakeLookups(
            srv={"_sip._tcp.example.org": [SrvRecord(1, 0, 5070, "h.example.org")]},
            a={"h.example.org": [IP]},
            broken=["example.org"],
        )
        self.assertEqual(self.resolve("sip:example.org", lookups), [Target("tcp", IP, 5070)])

    def test_what_is_known_is_used(self) -> None:
        """One server of two, one transport of two, one family of two that cannot be looked up: the other is used."""
        lookups = FakeLookups(
            srv={
                "_sip._tcp.example.org": [
                    SrvRecord(1, 0, 5070, "broken.example.org"),
                    SrvRecord(2, 0, 5070, "h.example.org"),
                ]
            },
            a={"h.example.org": [IP]},
            broken=["broken.example.org", "_sip._udp.example.org"],
        )
        self.assertEqual(self.resolve("sip:example.org", lookups), [Target("tcp", IP, 5070)])

    def ended_after(self, lookups: FakeLookups, text: str = "sip:example.org", **options: Any) -> tuple[float, Any]:
        """Seconds that the look-up took, and what came of it; no timer stays."""
        task, came = self.begin(text, lookups, Settings(**options))
        began = self.clock.seconds()
        while not task.done:
            self.clock.advance(min(call.getTime() for call in self.clock.getDelayedCalls()) - self.clock.seconds())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        result = came[0]
        took = round(self.clock.seconds() - began, 1)
        return took, (result.status, result.code) if isinstance(result, SIPError) else result

    def test_k5_budget(self) -> None:
        """When nobody answers the look-up ends after 4 s, at whatever question it is, with 500."""
        records = {
            "srv": {"_sip._udp.example.org": [SrvRecord(1, 0, 5060, "h.example.org")]},
            "a": {"h.example.org": [IP]},
        }
        for silent in (["h.example.org"], ["_sip._udp.example.org"]):
            with self.subTest(silent=silent):
                came = self.ended_after(SlowLookups(silent, **records), "sip:example.org;transport=udp")
                self.assertEqual(came, (4.0, (500, "lookup_failed")))
        silent = ["naptr example.org", "_sip._udp.example.org", "_sip._tcp.example.org"]
        self.assertEqual(self.ended_after(SlowLookups(silent)), (4.0, (500, "lookup_failed")))
        self.assertEqual(self.ended_after(SlowLookups(silent), budget=1.0), (1.0, (500, "lookup_failed")))

    def test_k5_one_server_cannot_be_looked_up(self) -> None:
        """One server of two whose name gets no answer costs a second, in whichever place it stands."""
        lookups = SlowLookups(
            ["slow.example.org"],
            srv={
                "_sip._udp.example.org": [
                    SrvRecord(1, 0, 5060, "slow.example.org"),
                    SrvRecord(2, 0, 5060, "h.example.org"),
                ]
            },
            a={"h.example.org": [IP], "slow.example.org": ["192.0.2.2"]},
        )
        came = self.ended_after(lookups, "sip:example.org;transport=udp")
        self.assertEqual(came, (1.0, [Target("udp", IP, 5060)]))

    def test_k5_one_family_is_silent(self) -> None:
        """When one address family is known the other one gets 0.3 s, also when it is the favoured one."""

        class NoAaaa(FakeLookups):
            async def aaaa(self, name: str) -> Sequence[str]:
                return await Promise[Sequence[str]]()

        for families in (("ipv4", "ipv6"), ("ipv6", "ipv4")):
            came = self.ended_after(NoAaaa(a={"example.org": [IP]}), "sip:example.org:5060", families=families)
            self.assertEqual(came, (0.3, [Target("udp", IP, 5060)]))
        # no address at all is no reason to hurry
        self.assertEqual(self.ended_after(NoAaaa(), "sip:example.org:5060"), (4.0, (500, "lookup_failed")))

    def test_k5_naptr_is_silent(self) -> None:
        """Where NAPTR questions are dropped on the way the other records are found all the same, after 1.6 s."""
        lookups = SlowLookups(["naptr example.org"], a={"example.org": [IP]})
        self.assertEqual(self.ended_after(lookups), (1.6, [Target("udp", IP, 5060)]))

    def test_k5_one_service_is_silent(self) -> None:
        """Where one transport's SRV records are known the others get a second."""
        lookups = SlowLookups(
            ["_sip._udp.example.org"],
            srv={"_sip._tcp.example.org": [SrvRecord(1, 0, 5070, "h.example.org")]},
            a={"h.example.org": [IP]},
        )
        self.assertEqual(self.ended_after(lookups), (1.0, [Target("tcp", IP, 5070)]))

    def test_late_questions_get_no_more_grace(self) -> None:
        """An answer that is there before the last question is put: the grace begins with the question."""
        clock, given = Clock(), []
        questions = Questions(clock, 4.0)
        group = questions.group(0.5)

        async def known() -> str:
            return "known"

        async def never() -> str:
            return await Promise[str]()

        questions.ask(known(), group)
        self.assertEqual(clock.getDelayedCalls(), [])
        late = questions.ask(never(), group)
        late.when_done(lambda: given.append(clock.seconds()))
        clock.advance(0.5)
        self.assertEqual(given, [0.5])
        questions.close()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_nothing_is_asked_after_the_budget(self) -> None:
        """A question that is put when time is up fails at once and is never asked."""
        clock = Clock()
        questions = Questions(clock, 1.0)

        async def never() -> str:
            return await Promise[str]()

        questions.ask(never())
        clock.advance(1)
        late = questions.ask(never())
        self.assertTrue(late.done)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_answer_within_the_budget(self) -> None:
        """An answer that takes its time is waited for, and the deadline goes."""
        later: Promise[None] = Promise()

        class Later(FakeLookups):
            async def a(self, name: str) -> Sequence[str]:
                await later
                return await super().a(name)

        task, came = self.begin("sip:example.org:5060", Later(a={"example.org": [IP]}), Settings())
        self.clock.advance(2)
        later.resolve(None)
        self.assertEqual((came, task.done), ([[Target("udp", IP, 5060)]], True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """A look-up that nobody wants any more gives up its questions and its timer."""
        task, came = self.begin("sip:example.org:5060", SlowLookups(["example.org"]), Settings())
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        task.cancel()
        self.assertEqual((came, task.done, self.clock.getDelayedCalls()), ([], True, []))

    @settings(max_examples=100)
    @given(
        st.lists(st.builds(NaptrRecord, st.integers(0, 3), st.integers(0, 3), st.sampled_from("sSau"),
                           st.sampled_from(("SIP+D2U", "SIP+D2T", "SIPS+D2T", "x")),
                           st.sampled_from(("u.example", "t.example", "", ".", "a..b", "!^.*$!sip:x!")))),
        st.lists(st.builds(SrvRecord, st.integers(0, 2), st.integers(0, 65535), st.integers(0, 65535),
                           st.sampled_from(("h.example", ".", "", "é", "x" * 300, "192.0.2.4")))),
        st.lists(st.sampled_from((IP, "", "x", "2001:db8::1"))),
        st.floats(0, 1, exclude_max=True),
    )  # fmt: skip
    def test_p15_whatever_name_servers_say(
        self, naptrs: list[NaptrRecord], srvs: list[SrvRecord], addresses: list[str], chance: float
    ) -> None:
        """No record, however odd, makes anything but targets or a SIPError."""
        self.chance = chance
        names = ("u.example", "t.example", "_sip._udp.example.org", "_sip._tcp.example.org", "_sips._tcp.example.org")
        lookups = FakeLookups(
            {"example.org": naptrs}, dict.fromkeys(names, srvs), {"h.example": addresses, "example.org": addresses}
        )
        for text in ("sip:example.org", "sips:example.org", "sip:example.org;transport=tcp"):
            try:
                targets = self.resolve(text, lookups)
            except SIPError as error:
                self.assertEqual(error.status, 404)
                continue
            self.assertTrue(targets)
            self.assertEqual(len(set(targets)), len(targets))
            if text.startswith("sips"):
                self.assertEqual({target.transport for target in targets}, {"tls"})
