"""oversip_tw.service.user_rules: what the configuration says of users' calls."""

from __future__ import annotations

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw import config
from oversip_tw.proxy.user_rules import Rules
from oversip_tw.service import mistakes
from oversip_tw.service.user_rules import configured
from tests.service.rewriting import UDP, Rewriting

HEAD = 'domains = ["example.org", "two.example.org"]\n'


def loaded(text: str) -> config.Config:
    return config.loads(HEAD + text)


def wrong(text: str) -> list[str]:
    """All that is wrong with it, whenever that shows."""
    try:
        return [str(mistake) for mistake in mistakes(loaded(text))]
    except config.ConfigError as error:
        return error.lines()


class Configured(SynchronousTestCase):
    def test_users_and_domains(self) -> None:
        """Users by AoR, domains by name; bare names are of the domain whose rule it is."""
        users, domains = configured(
            loaded(
                """
                [[user_rules]]
                user = "alice"
                forward_busy = "bob"
                ring_timeout = 7
                [[user_rules]]
                user = "carol@two.example.org"
                forward_no_answer = "bob"
                forward_unregistered = ""
                [[user_rules]]
                user = "*@Two.Example.org"
                forward_unregistered = "sip:box@example.org;x=1"
                """
            )
        )
        self.assertEqual(
            {
                "sip:alice@example.org": Rules("sip:bob@example.org", None, None, 7.0),
                "sip:carol@two.example.org": Rules(None, "sip:bob@two.example.org", "", None),
            },
            users,
        )
        self.assertEqual({"two.example.org": Rules(None, None, "sip:box@example.org;x=1", None)}, domains)

    def test_mistakes(self) -> None:
        """Each with its path."""
        rule = "[[user_rules]]\n"
        for text, words in (
            (rule + 'forward_busy = "bob"', "user_rules[1].user: is missing"),
            (rule + 'user = "a@else.example"', "user_rules[1]: else.example is not one of our domains"),
            (rule + 'user = "*@else.example"', "user_rules[1]: else.example is not one of our domains"),
            (rule + 'user = "a"\n' + rule + 'user = "a@example.org"', "user_rules[2]: there are two for a@example.org"),
            (rule + 'user = "a"\nforward_busy = "a"', "user_rules[1].forward_busy: leads back to the same user"),
            (
                rule + 'user = "a"\nforward_no_answer = "x@far.example"',
                "user_rules[1].forward_no_answer: far.example is a foreign domain",
            ),
            (rule + 'user = "sip:a@example.org"', "user_rules[1].user: must be"),
            (rule + 'user = "a"\nforward_busy = "tel:+1555"', "user_rules[1].forward_busy: must be a user"),
            (rule + 'user = "a"\nring_timeout = 0', "user_rules[1].ring_timeout: must be seconds"),
        ):
            found = wrong(text)
            self.assertEqual(1, len(found), found)
            self.assertIn(words, found[0])

    def test_ways_abroad(self) -> None:
        """A [[route]] for the domain or for all, or outbound = "open"."""
        rule = '[[user_rules]]\nuser = "a"\nforward_busy = "x@far.example"\n'
        route = '[[route]]\nnext_hop = "192.0.2.1;transport=udp"\ndomains = '
        for way in (f'{route}["far.example"]', f'{route}["*"]', '[auth]\noutbound = "open"'):
            self.assertEqual([], wrong(rule + way))

    def test_edge(self) -> None:
        """An edge has no users."""
        [found] = wrong('[edge]\ncore = "192.0.2.1"\n[[user_rules]]\nuser = "a"\nforward_busy = "b"')
        self.assertIn("this is an edge", found)


class Reload(Rewriting):
    """SIGHUP."""

    async def _reload(self) -> None:
        self.write(f'{UDP}[[user_rules]]\nuser = "a"\nforward_busy = "b"\n')
        server = self.start()
        rules = server.parts.element.core.rules
        self.assertEqual("sip:b@example.org", rules.of("sip:a@example.org").forward_busy)
        self.write(f'{UDP}[[user_rules]]\nuser = "a"\nforward_busy = "c"\n')
        await self.hang_up()
        self.assertEqual("sip:c@example.org", rules.of("sip:a@example.org").forward_busy)
        self.write(f'{UDP}[[user_rules]]\nuser = "a"\nforward_busy = "a"\n')
        level, line = await self.hang_up()
        self.assertEqual("error", level)
        self.assertIn("leads back to the same user", line)
        self.assertEqual("sip:c@example.org", rules.of("sip:a@example.org").forward_busy)

    def test_reload(self) -> Deferred[None]:
        """Rules are read again, and wrong ones are refused."""
        return ensureDeferred(self._reload())
