"""Attacks on the process: kill -9, signals, broken files, too few file descriptors. Each has a server of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

from .case import SystemCase
from .certificates import authority
from .processes import Child, Folder, free_port, poll
from .raw_phone import ask, credentials, first, name, register, request, respond
from .server import ROOT, Server, User
from .sockets import Received, Udp, WebSocket


class ProcessCase(SystemCase):
    """A test that may do with its server as it likes."""

    def own(self, **options: object) -> Server:
        """A server that ends with the test, by it or after it; its log is looked into at the end (figure 34)."""
        self.server = server = Server(**options)  # type: ignore[arg-type]
        for word in ("Traceback", "Unhandled"):
            self.addCleanup(lambda word=word: self.assertNotIn(word, server.child.output()))
        self.addCleanup(lambda: server.child.kill())
        return server

    def setUp(self) -> None: ...

    def udp(self) -> Udp:
        found = Udp(("127.0.0.1", self.server.port))
        self.addCleanup(found.close)
        return found

    def ws(self) -> WebSocket:
        found = WebSocket(("127.0.0.1", self.server.ws_port), path="/ws")
        self.addCleanup(found.close)
        return found


class KillTests(ProcessCase):
    """kill -9."""

    def test_K9_kill_in_a_storm_of_registers(self) -> None:
        """K9: killed while phones register as fast as they can, nothing that was answered 200 is lost."""
        server = self.own(users=30)
        acknowledged: set[str] = set()
        users = [server.user() for _ in range(30)]

        def storm(some: list[User]) -> None:
            phone = Udp(("127.0.0.1", server.port))
            try:
                for number in range(1000):
                    user = some[number % len(some)]
                    contact = f"sip:{name()}@127.0.0.1:{phone.local[1]}"
                    answer = register(phone, user, Contact=f"<{contact}>")
                    if answer.status == 200 and number < 8 * len(some):  # ten bindings each, at most
                        acknowledged.add(contact)
            except (OSError, AssertionError):
                return
            finally:
                phone.close()

        threads = [threading.Thread(target=storm, args=(users[start::3],)) for start in range(3)]
        for thread in threads:
            thread.start()
        poll(lambda: len(acknowledged) > 60, 20, "sixty registrations")
        server.child.kill()
        for thread in threads:
            thread.join()
        server.start()
        command = [sys.executable, "-m", "oversip_tw", "bindings", "-c", str(server.config)]
        listing = Child("bindings", command, server.folder, {"PYTHONPATH": str(ROOT)})
        self.assertEqual(0, listing.wait(20))
        listed = listing.output()
        self.assertEqual(set(), {contact for contact in acknowledged if contact not in listed})

    def test_A2_nonce_of_before(self) -> None:
        """A2: credentials over a nonce of the killed process are stale, not wrong: no phone asks for a password."""
        server = self.own(users=1)
        user, phone = server.user(), self.udp()
        uri = f"sip:{user.domain}"
        same = {"From": f"<{user.uri}>;tag=1", "To": f"<{user.uri}>", "Call_ID": name()}
        phone.send(request("REGISTER", uri, phone, **same))
        challenge = first(phone)
        server.child.kill()
        server.start()
        phone.send(request("REGISTER", uri, phone, **same | credentials(user, "REGISTER", uri, challenge)))
        again = first(phone)
        self.assertIn("stale=true", again.get("WWW-Authenticate"))
        phone.send(request("REGISTER", uri, phone, **same | credentials(user, "REGISTER", uri, again)))
        self.assertEqual(200, first(phone).status)


class SignalTests(ProcessCase):
    """SIGTERM and SIGHUP."""

    def test_orderly_end(self) -> None:
        """SIGTERM: what rings may be answered, nothing new begins, WebSockets get 1001, the exit status is 0."""
        server = self.own(users=2)
        alice, bob = server.user(), server.user()
        caller, callee, idle = self.ws(), self.ws(), self.ws()
        register(caller, alice)
        register(callee, bob)
        calling = threading.Thread(target=lambda: statuses.append(ask(caller, alice, "INVITE", bob.uri).status))
        statuses: list[int] = []
        calling.start()
        invite = first(callee)
        self.assertEqual("INVITE", invite.method)
        os.kill(server.child.process.pid, signal.SIGTERM)
        stranger = self.udp()

        def refused() -> bool:
            stranger.send(request("INVITE", bob.uri, stranger, From=f"<{alice.uri}>;tag=1"))
            answer = stranger.answer(0.3)
            return answer is not None and answer.status == 503

        poll(refused, 5, "503 for what is new")
        callee.send(respond(invite, 486))
        self.assertEqual("ACK", first(callee).method)
        calling.join()
        self.assertEqual([486], statuses)
        self.assertEqual(0, server.child.wait(15))
        idle.receive(2)
        self.assertEqual(1001, idle.code)

    def test_T3_garbage_on_reload(self) -> None:
        """T3: SIGHUP with a certificate that is none keeps the old one; with a new one nobody is disconnected."""
        server = self.own(users=1)
        chain, key = _own_certificate(server)
        server.child.stop()
        server.start()
        context = _trusting()
        stays = WebSocket(("127.0.0.1", server.wss_port), context, path="/ws")
        self.addCleanup(stays.close)
        before = self._certificate()
        good = chain.read_bytes()
        for broken in (b"garbage", good[:-300], b""):
            chain.write_bytes(broken)
            self._reload("nothing was changed")
            self.assertEqual(before, self._certificate())
        other, other_key = authority().issue("localhost", "127.0.0.1", "other.test")
        shutil.copy(other, chain)
        shutil.copy(other_key, key)
        self._reload("configuration and certificates read again")
        self.assertNotEqual(before, self._certificate())
        self.assertEqual(200, register(stays, server.user()).status)

    def _reload(self, expected: str) -> None:
        since = self.server.child.size()
        os.kill(self.server.child.process.pid, signal.SIGHUP)
        self.server.child.expect(expected, 5, since)

    def _certificate(self) -> bytes | None:
        plain = socket.create_connection(("127.0.0.1", self.server.tls_port), 5)
        with _trusting().wrap_socket(plain, server_hostname="localhost") as wrapped:
            return wrapped.getpeercert(binary_form=True)


class StartTests(ProcessCase):
    """A start that cannot succeed."""

    def test_one_line(self) -> None:
        """Whatever is wrong on the machine is one line that names it, exit status 1, and nothing is left running."""
        folder = Folder("start")
        port = free_port()
        taken = socket.create_server(("127.0.0.1", port))
        self.addCleanup(taken.close)
        folder.write("file", b"")
        folder.write("corrupt/oversip.sqlite", os.urandom(5000))
        for state, said in (
            (folder.path / "good", f"tcp 127.0.0.1:{port}"),
            (folder.path / "file", str(folder.path / "file")),
            (folder.path / "file" / "below", str(folder.path / "file")),
            (folder.path / "corrupt", "corrupt/oversip.sqlite"),
            (Path("/proc/nowhere"), "/proc/nowhere"),
        ):
            listen = "".join(f'[[listen]]\ntransport = "{kind}"\nport = {port}\n' for kind in ("udp", "tcp"))
            config = folder.write("oversip.toml", f'domains = ["a.test"]\nstate_dir = "{state}"\n{listen}')
            command = [sys.executable, "-m", "oversip_tw", "run", "-c", str(config)]
            child = Child(f"start-{name()}", command, folder, {"PYTHONPATH": str(ROOT)})
            self.assertEqual(1, child.wait(20), child.output())
            lines = child.output().splitlines()
            self.assertEqual(1, len(lines), lines)
            self.assertIn(said, lines[0])


class DescriptorTests(ProcessCase):
    """`ulimit -n` is small."""

    def test_K2_more_clients_than_descriptors(self) -> None:
        """K2: with 80 descriptors 300 connections neither stop UDP nor burn the processor, and leave no mark."""
        server = self.own(users=1)
        server.child.stop()
        command = ["sh", "-c", f'ulimit -n 80; exec "{sys.executable}" -m oversip_tw run -c "{server.config}"']
        server.child = Child("oversip", command, server.folder, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"})
        server.child.expect("ready", 20, server.child.size())
        user = server.user()
        many = []
        for number in range(300):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", (server.port, server.ws_port)[number % 2]))
            many.append(one)
        self.assertEqual(200, register(self.udp(), user).status)
        before = _cpu(server)
        time.sleep(1)
        self.assertLess(_cpu(server) - before, 0.5)
        for one in many:
            one.close()

        def served() -> Received | None:
            phone = self.ws()
            return register(phone, user) if phone.status == 101 else None

        self.assertEqual(200, poll(served, 10, "a WebSocket").status)
        self.assertLess(len(server.child.output().split("file descriptors")), 8)


def _own_certificate(server: Server) -> tuple[Path, Path]:
    """Give ``server`` files of its own, which a test may break."""
    issued = authority().issue("localhost", "127.0.0.1")
    text = server.config.read_text()
    copies = []
    for file in issued:
        copy = server.folder.path / f"own-{file.name}"
        shutil.copy(file, copy)
        text = text.replace(str(file), str(copy))
        copies.append(copy)
    server.config.write_text(text)
    return copies[0], copies[1]


def _cpu(server: Server) -> float:
    """Seconds of processor time that it has used."""
    with open(f"/proc/{server.child.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority().pem))
