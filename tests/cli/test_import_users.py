"""``oversip user import``: what Kamailio and Asterisk know of their users."""

from __future__ import annotations

import contextlib
from hashlib import md5, sha256

from twisted.trial import unittest

from oversip_tw.store.database import open_database
from tests.cli.terminal import Terminal


def ha1(name: str, realm: str, password: str = "secret") -> str:
    return md5(f"{name}:{realm}:{password}".encode()).hexdigest()


class Importing(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.terminal = Terminal(self.mktemp())

    def take(self, text: str | bytes, source: str, *words: str) -> int:
        file = self.terminal.folder / "users"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.terminal.user("import", "--from", source, *words, str(file))

    def stored(self) -> dict[tuple[str, str], tuple[bytes | None, ...]]:
        with contextlib.closing(open_database(self.terminal.folder / "state" / "oversip.sqlite")) as database:
            rows = database.execute("SELECT name, domain, md5, sha_256, sha_512_256 FROM users").fetchall()
        return {(name, domain): tuple(digests) for name, domain, *digests in rows}

    def test_kamailio(self) -> None:
        """HA1 is kept; where there is a password alone, all digests are made of it."""
        alice = ha1("alice", "example.org")
        carol = sha256(b"carol:example.org:secret").hexdigest()
        status = self.take(
            "id,username,domain,password,ha1,ha1b\n"
            f'"1","alice","example.org","","{alice}","x"\n'
            f"2,bob,Example.NET,secret,,\n3,carol,example.org,,{carol},\n",
            "kamailio",
        )
        self.assertEqual((status, self.terminal.err), (0, ""))
        self.assertEqual(self.terminal.out, "imported 3, left as they were 0, could not be imported 0\n")
        stored = self.stored()
        self.assertEqual(stored["alice", "example.org"], (bytes.fromhex(alice), None, None))
        self.assertEqual(stored["carol", "example.org"], (None, bytes.fromhex(carol), None))
        self.assertEqual(stored["bob", "example.net"][0], bytes.fromhex(ha1("bob", "example.net")))
        self.assertTrue(all(stored["bob", "example.net"]))

    def test_passwords_are_taken_as_they_are(self) -> None:
        """Quotes and backslashes as `mysql --batch` has them, blanks at the ends, what looks like a line end."""
        rows = [("a", '"open', '"open'), ("b", "back\\\\slash\\t", "back\\slash\t"), ("c", " x\x85 ", " x\x85 ")]
        text = "username\tdomain\tpassword\tha1\n" + "".join(f"{name}\t\t{told}\tNULL\n" for name, told, _ in rows)
        self.assertEqual((self.take(text, "kamailio"), self.terminal.err), (0, ""))
        for name, _, password in rows:
            self.assertEqual(self.stored()[name, "example.org"][0], bytes.fromhex(ha1(name, "example.org", password)))

    def test_no_csv(self) -> None:
        """A quote that never ends is one line."""
        self.assertEqual(self.take('username,password,ha1\na,"' + "x" * 140_000, "kamailio"), 1)
        self.assertIn("field larger", self.terminal.err)

    def test_comments_of_asterisk(self) -> None:
        """Who is commented out is nobody; a semicolon may be escaped; a section may go on elsewhere."""
        text = (
            ";-- gone\n[old]\ntype=auth\nusername=old\npassword=x\n;-- within --;\n--;\n[a];--- no block\ntype=auth\n"
            "username=a ;-- here --;\npassword=se\\;cret ; of a\n[b]\ntype=auth\nusername=b\n[b](+)\n"
            "password=se-c-ret\n"
        )
        self.assertEqual((self.take(text, "asterisk"), self.terminal.err), (0, ""))
        self.assertEqual({name for name, _ in self.stored()}, {"a", "b"})
        for name, password in (("a", "se;cret"), ("b", "se-c-ret")):
            self.assertEqual(self.stored()[name, "example.org"][0], bytes.fromhex(ha1(name, "example.org", password)))

    def test_full_domain(self) -> None:
        """Who is one too many is listed; who is there already is not."""
        self.terminal = Terminal(self.mktemp(), '[[domain]]\nname = "example.org"\nmax_users = 2\n')
        for names, told in (("ab", "imported 2, left as they were 0"), ("bcd", "imported 0, left as they were 1")):
            rows = "".join(f"1,{name},example.org,secret,,\n" for name in names)
            self.take(f"id,username,domain,password,ha1,ha1b\n{rows}", "kamailio")
            self.assertIn(told, self.terminal.out)
        self.assertEqual(self.terminal.err.count("may have no more"), 2)

    def test_kamailio_as_mysql_writes_it(self) -> None:
        """Tabs, NULL, and no domain: that of the command, else the first."""
        digest = ha1("alice", "example.net")
        text = f"username\tha1\tpassword\nalice\t{digest}\tNULL\n"
        self.assertEqual(self.take(text, "kamailio", "--domain", "example.net"), 0)
        self.assertEqual(self.stored(), {("alice", "example.net"): (bytes.fromhex(digest), None, None)})
        self.assertEqual(self.take(text, "kamailio"), 0)
        self.assertIn(("alice", "example.org"), self.stored())

    def test_again(self) -> None:
        """Who is there stays as he is, unless told otherwise."""
        self.take("username,password\nalice,one\n", "kamailio")
        before = self.stored()
        self.assertEqual(self.take("username,password\nalice,two\nbob,two\n", "kamailio"), 0)
        self.assertEqual(self.terminal.out, "imported 1, left as they were 1, could not be imported 0\n")
        self.assertEqual(self.stored()["alice", "example.org"], before["alice", "example.org"])
        self.take("username,password\nalice,two\n", "kamailio", "--replace")
        self.assertEqual(self.stored()["alice", "example.org"][0], bytes.fromhex(ha1("alice", "example.org", "two")))

    def test_asterisk_table(self) -> None:
        """Passwords and HA1 of our realm are taken over; HA1 of another realm cannot be."""
        good, other = ha1("bob", "example.org"), ha1("carol", "asterisk")
        text = (
            "id;auth_type;md5_cred;password;realm;username\n"
            "alice;userpass;;secret;;alice\n"
            f"bob;md5;{good.upper()};;example.org;bob\n"
            f"carol;md5;{other};;;carol\n"
            "dave;google_oauth;;;;dave\n"
            "eve;md5;xyz;;;eve\n"
            "frank;userpass;;;;frank\n"
        )
        self.assertEqual(self.take(text, "asterisk"), 1)
        self.assertEqual(self.terminal.out, "imported 2, left as they were 0, could not be imported 4\n")
        self.assertEqual(self.stored()["bob", "example.org"], (bytes.fromhex(good), None, None))
        told = self.terminal.err.splitlines()
        self.assertEqual(len(told), 4)
        self.assertIn("users:4: carol: its HA1 is for the realm asterisk, not for example.org", told[0])

    def test_asterisk_file(self) -> None:
        """pjsip.conf: sections of type auth, with templates and comments; everything else is passed over."""
        digest = ha1("200", "example.org")
        text = f"""
[transport-udp]
type=transport
[auth-template](!)
type = auth
auth_type = userpass   ; the usual
[100](auth-template)
username=100
password => secret
[200]
type=auth
auth_type=digest
username=200
realm=example.org
password_digest=MD5:{digest},SHA-256:{"0" * 64},SHA-1:00
[300]
type=endpoint
auth=300
"""
        self.assertEqual(self.take(text, "asterisk"), 0)
        stored = self.stored()
        self.assertEqual(sorted(stored), [("100", "example.org"), ("200", "example.org")])
        self.assertEqual(stored["200", "example.org"], (bytes.fromhex(digest), bytes(32), None))

    def test_A18_rows(self) -> None:
        """A18: whatever stands in a row is a value; what is no name or no HA1 is refused with its line, the rest is
        taken."""
        text = (
            "username,domain,ha1,password\n"
            "x'; DROP TABLE users; --,example.org,,secret\n"
            "a:b,example.org,,secret\n"
            "o'neil,example.org,,secret\n"
            f"bob,example.org,{'g' * 32},\n"
            "carol,example.org,,\n"
            "dave,elsewhere.example,,secret\n"
            ",example.org,,secret\n"
            "short\n"
            "e\x1b[31mve,example.org,,secret\n"
        )
        self.assertEqual(self.take(text, "kamailio"), 1)
        self.assertEqual(sorted(self.stored()), [("o'neil", "example.org")])
        self.assertEqual(len(self.terminal.err.splitlines()), 8)
        self.assertNotIn("\x1b", self.terminal.err)

    def test_refused(self) -> None:
        """What is no such file is one line."""
        for text, source, words, told in (
            ("a,b\n1,2\n", "kamailio", (), "no export of subscriber"),
            ("", "kamailio", (), "no export of subscriber"),
            ("username\nalice\n", "asterisk", (), "no export of ps_auths"),
            (b"username\n\xff\n", "kamailio", (), "it is not UTF-8"),
            ("username,password\na,b\n", "kamailio", ("--domain", "x.example"), "x.example is not one of our domains"),
        ):
            self.assertEqual(self.take(text, source, *words), 1)
            self.assertIn(told, self.terminal.err)
            self.assertEqual(len(self.terminal.err.splitlines()), 1)
        self.assertEqual(self.terminal.user("import", "--from", "kamailio", "/nowhere/users"), 1)
        self.assertIn("cannot read /nowhere/users", self.terminal.err)

    def test_many(self) -> None:
        """More than fit into one transaction."""
        rows = "".join(f"user{number},secret\n" for number in range(1234))
        self.assertEqual(self.take(f"username,password\n{rows}", "kamailio"), 0)
        self.assertEqual(len(self.stored()), 1234)
