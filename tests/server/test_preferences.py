"""Callers choose among the phones of a user (RFC 3841)."""

from __future__ import annotations

from tests.server.test_forking import Forking
from tests.server.world import DOMAIN, Phone


class PreferenceTests(Forking):
    """bob has phones that can do different things."""

    def setUp(self) -> None:
        super().setUp()
        self.desk = self.phone(';audio;mobility="fixed"')
        self.mobile = self.phone(';audio;video;mobility="mobile"')
        self.robot = self.phone(';audio;automata;class="business"', q="0.5")
        self.phones = [self.desk, self.mobile, self.robot]

    def phone(self, params: str, q: str = "1.0") -> Phone:
        phone = self.world.phone("bob")
        contact = f'<{phone.contact}>{params};+sip.instance="<{phone.instance}>";q={q};expires=600'
        self.assertEqual(200, phone.register(Contact=contact).status)
        return phone

    def rings(self, **headers: str) -> list[list[Phone]]:
        """Who is called, group by group, when each refuses."""
        self.alice.take()
        self.alice.invite(f"sip:bob@{DOMAIN}", **headers)
        groups: list[list[Phone]] = []
        while True:
            came = [(phone, request) for phone in self.phones for request in phone.requests("INVITE")]
            if not came:
                return groups
            groups.append([phone for phone, _ in came])
            for phone, request in came:
                phone.answer(request, 486)

    def test_none(self) -> None:
        """As the phones say themselves."""
        self.assertEqual(self.rings(), [[self.desk, self.mobile], [self.robot]])

    def test_accept(self) -> None:
        """Who fits better comes first among those of the same q; who must fit and does not is not called."""
        self.assertEqual(self.rings(Accept_Contact="*;video"), [[self.mobile], [self.desk], [self.robot]])
        strict = self.rings(Accept_Contact="*;video;require;explicit")
        self.assertEqual(strict, [[self.mobile]])

    def test_reject(self) -> None:
        """No machines."""
        self.assertEqual(self.rings(Reject_Contact="*;automata"), [[self.desk, self.mobile]])

    def test_nobody(self) -> None:
        """No phone is left: 480, though there are some."""
        self.assertEqual(self.rings(Accept_Contact='*;class="personal";require;explicit'), [])
        self.assertEqual(self.alice.statuses()[-1], 480)

    def test_unreadable(self) -> None:
        """400."""
        self.assertEqual(self.rings(Accept_Contact="video"), [])
        self.assertEqual(self.alice.statuses()[-1], 400)

    def test_disposition(self) -> None:
        """One alone, one after another, or all at once."""
        self.assertEqual([len(group) for group in self.rings(Request_Disposition="no-fork")], [1])
        self.assertEqual([len(group) for group in self.rings(Request_Disposition="sequential")], [1, 1, 1])
        self.assertEqual(self.rings(Request_Disposition="parallel"), [self.phones])
        self.assertEqual(self.rings(Request_Disposition="queue, fork"), [[self.desk, self.mobile], [self.robot]])
        best = self.rings(Accept_Contact="*;video", Request_Disposition="no-fork")
        self.assertEqual(best, [[self.mobile]])

    def test_no_cancel(self) -> None:
        """Who rings when somebody picks up goes on ringing, and may pick up too."""
        for disposition, cancels in (("no-cancel", 0), ("cancel", 1)):
            self.alice.take()
            self.alice.invite(f"sip:bob@{DOMAIN}", Request_Disposition=disposition)
            [first], [second] = self.desk.requests("INVITE"), self.mobile.requests("INVITE")
            self.mobile.answer(second, 180)
            self.desk.answer(first, 200)
            self.assertEqual(len(self.mobile.requests("CANCEL")), cancels)
            if not cancels:
                self.mobile.answer(second, 200)
                self.assertEqual(self.alice.statuses(), [100, 180, 200, 200])
            else:
                self.mobile.answer(second, 487)

    def test_one_instance_with_several_flows(self) -> None:
        """no-fork is about phones: all flows of the chosen one may be tried."""
        second = self.world.phone("bob")
        second.instance = self.mobile.instance
        contact = f'<{second.contact}>;video;+sip.instance="<{second.instance}>";reg-id=2;expires=600'
        second.register(Contact=contact)
        self.alice.invite(f"sip:bob@{DOMAIN}", Accept_Contact="*;video", Request_Disposition="no-fork")
        for phone in (second, self.mobile):
            if requests := phone.requests("INVITE"):
                phone.answer(requests[0], 430)
        self.assertEqual(self.desk.requests("INVITE"), [])
        self.assertEqual(len([*second.requests("INVITE"), *self.mobile.requests("INVITE")]), 0)
