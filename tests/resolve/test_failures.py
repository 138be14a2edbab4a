"""Name servers that fail, are slow, or say odd things."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from oversip_tw.interfaces import NaptrRecord, SrvRecord, Target
from oversip_tw.promise import Promise
from oversip_tw.resolve.settings import Settings
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import FakeLookups
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

    def test_k5_budget(self) -> None:
        """After 4 s the look-up ends: with what is known, else 500; and no timer stays."""
        records = {
            "srv": {"_sip._udp.example.org": [
                SrvRecord(1, 0, 5060, "slow.example.org"), SrvRecord(2, 0, 5060, "h.example.org")
            ]},
            "a": {"h.example.org": [IP], "slow.example.org": ["192.0.2.2"]},
        }  # fmt: skip
        for silent, expected in (
            (["slow.example.org"], [Target("udp", IP, 5060)]),
            (["slow.example.org", "h.example.org"], 500),
            (["_sip._udp.example.org"], 500),
        ):
            with self.subTest(silent=silent):
                lookups = SlowLookups(silent, **records)
                task, came = self.begin("sip:example.org;transport=udp", lookups, Settings())
                self.clock.advance(3.9)
                self.assertFalse(task.done)
                self.clock.advance(0.1)
                [result] = came
                self.assertEqual(result.status if isinstance(result, SIPError) else result, expected)
                self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_k5_budget_is_for_all_questions(self) -> None:
        """The first question takes all the time: nothing more is asked."""
        lookups = SlowLookups(["naptr example.org"], a={"example.org": [IP]})
        _, came = self.begin("sip:example.org", lookups, Settings(budget=1.0))
        self.clock.advance(1)
        self.assertEqual((came[0].status, lookups.asked, self.clock.getDelayedCalls()), (500, [], []))

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
