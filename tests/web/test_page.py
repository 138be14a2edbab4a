"""oversip_tw.web.page"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.web.page import STATIC, is_built, phone_page
from tests.web.site import ask


class PageTest(SynchronousTestCase):
    def setUp(self) -> None:
        """The committed files, with a bundle as the build makes it or without."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        for file in STATIC.glob("*.*"):
            (self.folder / file.name).write_bytes(file.read_bytes())

    def build(self) -> None:
        bundle = self.folder / "bundle"
        bundle.mkdir()
        (bundle / "phone.js").write_text("console.log('phone')\n" * 100)
        (bundle / "style.css").write_text("a {}")
        (bundle / "licences.txt").write_text("MIT")

    def test_built(self) -> None:
        """The page, its script, style, icon and licences are there, each with its type."""
        self.build()
        self.assertTrue(is_built(self.folder))
        page = phone_page("example.com", self.folder)
        start = ask(page, "/")
        self.assertEqual((start.status, start.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        for path, kind in (
            ("/bundle/phone.js", "text/javascript; charset=utf-8"),
            ("/bundle/style.css", "text/css; charset=utf-8"),
            ("/bundle/licences.txt", "text/plain; charset=utf-8"),
            ("/favicon.svg", "image/svg+xml"),
            ("/phone.json", "application/json"),
        ):
            answer = ask(page, path)
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, kind), path)
        self.assertEqual(json.loads(ask(page, "/phone.json").body), {"domain": "example.com"})
        page = phone_page("example.com", ice="/ice")
        self.assertEqual(json.loads(ask(page, "/phone.json").body), {"domain": "example.com", "ice": "/ice"})

    def test_all_that_the_page_names_is_served(self) -> None:
        """Every src and href of the committed page leads somewhere."""
        self.build()
        page = phone_page("", self.folder)
        for path in re.findall(r'(?:src|href)="([^"]+)"', ask(page, "/").body.decode()):
            self.assertEqual(ask(page, path).status, 200, path)

    def test_not_built(self) -> None:
        """Without the bundle the server runs, and the page says how to get the phone."""
        self.assertFalse(is_built(self.folder))
        page = phone_page("", self.folder)
        answer = ask(page, "/")
        self.assertEqual(answer.status, 503)
        self.assertIn(b"make page", answer.body)
        self.assertIn(b"Node.js", answer.body)
        self.assertEqual(ask(page, "/missing.css").status, 200)
        self.assertEqual(ask(page, "/bundle/phone.js").status, 404)

    def test_nothing_else_is_served(self) -> None:
        """No listing, no way out of the folder, no sources."""
        self.build()
        page = phone_page("", self.folder)
        for path in (
            "/bundle",
            "/bundle/",
            "/index.html",
            "/..%2fpage.py",
            "/bundle/..%2f..%2fpage.py",
            "/phone.js/x",
            "/x",
        ):
            self.assertEqual(ask(page, path).status, 404, path)
        self.assertEqual(ask(page, "/bundle/phone.js/more").status, 404)
        self.assertEqual(ask(page, "/", "POST").status, 405)

    def test_strict_policy(self) -> None:
        """Scripts and styles from here alone, nothing inline, no frames; and the page keeps to it."""
        self.build()
        answer = ask(phone_page("", self.folder), "/", Host="sip.example.com:8443")
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        self.assertEqual(policy["default-src"], "'none'")
        self.assertEqual((policy["script-src"], policy["style-src"]), ("'self'", "'self'"))
        self.assertEqual(policy["frame-ancestors"], "'none'")
        self.assertEqual(policy["connect-src"], "'self' ws://sip.example.com:8443 wss://sip.example.com:8443")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertNotRegex(answer.body.decode(), r"<style|style=|<script(?![^>]*\bsrc=)| on[a-z]+=")

    def test_P7_host_header_cannot_widen_the_policy(self) -> None:
        """A Host that is no host is left out of it."""
        self.build()
        for host in ("a; script-src *", "a b", "*", "[::1]:x", "a\xff"):
            answer = ask(phone_page("", self.folder), "/", Host=host)
            self.assertIn("connect-src 'self';", answer.headers["Content-Security-Policy"], host)
        answer = ask(phone_page("", self.folder), "/", Host="[::1]:8443")
        self.assertIn("wss://[::1]:8443;", answer.headers["Content-Security-Policy"])

    def test_compressed_where_it_pays(self) -> None:
        """gzip for who takes it; the short and the unwilling get it plain."""
        self.build()
        page = phone_page("", self.folder)
        answer = ask(page, "/bundle/phone.js", Accept_Encoding="gzip, br")
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        plain = ask(page, "/bundle/phone.js").body
        self.assertEqual(gzip.decompress(answer.body), plain)
        self.assertEqual(ask(page, "/bundle/phone.js", Accept_Encoding="gzip;q=0, br").body, plain)
        self.assertNotIn("Content-Encoding", ask(page, "/bundle/style.css", Accept_Encoding="gzip").headers)

    def test_asked_again(self) -> None:
        """The browser asks each time whether its copy is still good, and hears 304."""
        self.build()
        page = phone_page("", self.folder)
        first = ask(page, "/bundle/phone.js")
        self.assertEqual(first.headers["Cache-Control"], "no-cache")
        again = ask(page, "/bundle/phone.js", If_None_Match=first.headers["ETag"])
        self.assertEqual((again.status, again.body), (304, b""))

    def test_head(self) -> None:
        """HEAD gives the headers alone."""
        self.build()
        answer = ask(phone_page("", self.folder), "/", "HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
