"""Which of several answers is the best."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy.best import Outcome, add_challenges, best
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response


class BestTests(SynchronousTestCase):
    """RFC 3261 §16.7 step 6."""

    def best(self, *statuses: int) -> int:
        return best([Outcome(status) for status in statuses]).status

    def test_classes(self) -> None:
        """6xx before all, then the lowest class."""
        self.assertEqual(603, self.best(404, 603, 302))
        self.assertEqual(302, self.best(500, 404, 302))
        self.assertEqual(404, self.best(500, 404))

    def test_within_4xx(self) -> None:
        """What tells the caller what to do, then what a user said, then who was not there, silence last."""
        for status in (401, 407, 415, 420, 484):
            self.assertEqual(status, self.best(486, 480, status))
        self.assertEqual(486, self.best(408, 480, 430, 481, 482, 486))
        self.assertEqual(480, self.best(408, 480))

    def test_first_of_equals(self) -> None:
        """The first that came."""
        self.assertEqual(486, self.best(486, 487))

    def test_challenges_are_collected(self) -> None:
        """§16.7 step 7: the caller may answer all of them at once."""
        answers = [
            Response.build(401, "", [("WWW-Authenticate", 'Digest realm="a"')]),
            Response.build(407, "", [("Proxy-Authenticate", 'Digest realm="b"')]),
            Response.build(486, "", []),
        ]
        outcomes = [Outcome(answer.status, answer) for answer in answers]
        add_challenges(answers[0], outcomes)
        self.assertEqual(['Digest realm="b"'], answers[0].get_all("Proxy-Authenticate"))
        add_challenges(answers[2], outcomes)
        self.assertFalse(answers[2].has("Proxy-Authenticate"))

    def test_outcome_of_an_error(self) -> None:
        """Its headers, reason phrase and code go along."""
        error = SIPError(480, "Away", [("Warning", "x")], code="no_dns")
        self.assertEqual(Outcome(480, None, (("Warning", "x"),), "Away", "no_dns"), Outcome.of(error))
