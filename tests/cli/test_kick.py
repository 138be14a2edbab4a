"""``oversip kick``: the running server is asked over HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from twisted.trial import unittest

from tests.cli.terminal import Terminal

TOKEN = "T9mS2xWn4Qe7LbVc0dRk"


class Asked(BaseHTTPRequestHandler):
    """Answers what its server says, and keeps what it was asked."""

    server: Answering

    def do_POST(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization") or ""))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


class Answering(HTTPServer):
    """What stands for the server."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked: list[tuple[str, str]] = []
        self.status = 200
        self.body = b'{"removed": 2, "closed": 1}'


class Kick(unittest.SynchronousTestCase):
    """One command at a time."""

    def setUp(self) -> None:
        self.server = Answering()
        self.addCleanup(self.server.server_close)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def kick(self, *words: str, admin: str = "") -> int:
        port = self.server.server_address[1]
        text = admin or f'[admin]\nport = {port}\ntoken = "{TOKEN}"\n'
        self.terminal = Terminal(self.mktemp(), f'domains = ["example.org"]\n{text}')
        return self.terminal.type("kick", "-c", str(self.terminal.file), *words)

    def test_done(self) -> None:
        """Name and reason as a URL says them, with the token."""
        self.assertEqual(0, self.kick("a/b", "--reason", "good bye"))
        self.assertEqual("ended 2 bindings of a/b@example.org, closed 1 connections\n", self.terminal.out)
        path = "/api/users/a%2Fb%40example.org/kick?reason=good%20bye"
        self.assertEqual([(path, f"Bearer {TOKEN}")], self.server.asked)

    def test_refused(self) -> None:
        """What the server says is wrong is the one line."""
        problem = {"title": "Bad Request", "detail": "a parameter is wrong", "errors": [{"detail": "too long"}]}
        said = json.dumps(problem).encode()
        for body, told in ((said, "a parameter is wrong: too long"), (b"<html>", "answered 400")):
            self.server.status, self.server.body = 400, body
            self.assertEqual(1, self.kick("bob"))
            self.assertIn(told, self.terminal.err)
            self.assertEqual(1, self.terminal.err.count("\n"))

    def test_nobody_to_ask(self) -> None:
        """No port is configured, nobody listens there, or the token is missing."""
        for admin, told in (
            ("[admin]\n", "by the port that [admin] port names: there is none"),
            ("[admin]\nport = 0\n", "there is none"),
            ("[admin]\nport = 1\n", "no server answers at http://127.0.0.1:1"),
            ('[admin]\naddress = "::"\nport = 1\ntoken = "T9mS2xWn4Qe7LbVc0dRk"\n', "no server answers at http://[::1]:1"),
            ('[admin]\nport = 1\ntoken_file = "/dev/null"\n', "each line of /dev/null must be"),
        ):
            self.assertEqual(1, self.kick("bob", admin=admin))
            self.assertIn(told, self.terminal.err)
            self.assertEqual(1, self.terminal.err.count("\n"))
