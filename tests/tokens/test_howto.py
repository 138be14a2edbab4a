"""What docs/howto/tokens.md tells a web application to do."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.ephemeral import Ephemeral, made, user_in
from oversip_tw.tokens.cookie import SignedCookies

ROOT = Path(__file__).parents[2]


def snippet(name: str, document: str = "docs/howto/tokens.md") -> str:
    """The code that stands behind ``<!-- snippet: NAME -->``."""
    [found] = re.findall(rf"<!-- snippet: {name} -->\n```\w+\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return str(found)


def functions(name: str) -> dict[str, Any]:
    """What a snippet in Python defines."""
    defined: dict[str, Any] = {}
    exec(snippet(name), defined)
    return defined


class HowTo(SynchronousTestCase):
    """Copied and pasted."""

    def test_cookie(self) -> None:
        """The cookie counts, for whatever user."""
        cookie = functions("cookie")["cookie"]
        reader = SignedCookies((b"a secret of cookies",), ("example.com",), time.time)
        for user, aor in (("alice", "sip:alice@example.com"), ("Jürgen; x", "sip:J%C3%BCrgen;%20x@example.com")):
            self.assertEqual(reader.read(cookie(b"a secret of cookies", user)).user, aor)
        self.assertEqual(reader.read(cookie(b"a secret of cookies", "bob@example.com")).user, "sip:bob@example.com")

    def test_ephemeral(self) -> None:
        """Name and password fit."""
        secret = b"an ephemeral secret"
        name, password = functions("ephemeral")["credentials"](secret, "alice")
        self.assertEqual((user_in(name, "example.com"), password), ("alice", made(secret, name)))
        self.assertFalse(Ephemeral((secret,), time.time).over(name))
