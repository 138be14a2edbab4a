"""Keys that outlive the process."""

from __future__ import annotations

from twisted.trial import unittest

from oversip_tw.store.database import open_database
from oversip_tw.store.secrets import rotate, secrets


class Keys(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()

    def test_made_once(self) -> None:
        """The first who asks makes it; everybody after gets the same, in another process too."""
        found = set()
        for _ in range(3):
            database = open_database(self.path)
            found.add(secrets(database, "tokens"))
            found.add(secrets(database, "tokens"))
            database.close()
        ((key,),) = found
        self.assertEqual(len(key), 32)

    def test_names(self) -> None:
        """Each name has its own, of its own length."""
        database = open_database(self.path)
        self.assertNotEqual(secrets(database, "tokens"), secrets(database, "nonces"))
        self.assertEqual(len(secrets(database, "node", 4)[0]), 4)
        database.close()

    def test_rotate(self) -> None:
        """A new one comes first, the former still counts, the one before does not."""
        database = open_database(self.path)
        (first,) = secrets(database, "tokens")
        secrets(database, "nonces")
        second, kept = rotate(database, "tokens")
        self.assertEqual(kept, first)
        third, kept = rotate(database, "tokens")
        self.assertEqual(kept, second)
        self.assertEqual(secrets(database, "tokens"), (third, second))
        self.assertEqual(len(secrets(database, "nonces")), 1)
        database.close()
