"""Whether an installed package works, from an empty folder: ``python smoke.py BIN``, BIN holding its console scripts.

Adds a user, starts the server each of the three ways, registers over UDP, looks at the page, ends it in order;
then an edge, and OverSIP's configuration translated.
Nothing but the standard library is used; exit status 0 means that all of it went well.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

CONFIGURATION = """
domains = ["smoke.test"]
state_dir = "state"
[[listen]]
transport = "udp"
port = 0
[[listen]]
transport = "tcp"
port = 0
[[listen]]
transport = "ws"
port = 0
page = true
"""

EDGE = """
state_dir = "edge"
[edge]
core = "sip:127.0.0.1"
[[listen]]
transport = "udp"
port = 0
[[listen]]
transport = "ws"
port = 0
page = true
"""


def main(bin: Path) -> None:
    """All of it; raises on the first thing that goes wrong."""
    folder = Path(tempfile.mkdtemp(prefix="oversip-smoke-"))
    os.chdir(folder)
    Path("oversip.toml").write_text(CONFIGURATION)
    config = ["-c", "oversip.toml"]
    run(bin / "oversip", "check", "oversip.toml")
    run(bin / "oversip", "user", "add", *config, "alice@smoke.test", "--password-stdin", stdin="secret\n")
    assert run(bin / "oversip", "user", "list", *config) == "alice@smoke.test\n"
    serve([bin / "oversip", "run", *config], bin)
    serve([bin / "python", "-m", "oversip_tw", "run", *config], bin)
    serve([bin / "twistd", "-n", "--pidfile=", "oversip", *config], bin)
    Path("edge.toml").write_text(EDGE)
    edge(bin)
    move(bin)
    Path("bad.toml").write_text("prot = 1\n")
    refused = subprocess.run([bin / "oversip", "run", "-c", "bad.toml"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1, refused
    assert refused.stderr == "bad.toml: prot: unknown; did you mean listen.port?\n", refused
    print("smoke: good")


def run(*command: object, stdin: str = "") -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def serve(command: list[object], bin: Path) -> None:
    """Start a server, use it, end it."""

    def use(ports: dict[str, int]) -> None:
        register(ports["udp"])
        assert "sip:alice@smoke.test" in run(bin / "oversip", "bindings", "-c", "oversip.toml")
        page(ports["ws"])

    while_it_runs(command, use)


def edge(bin: Path) -> None:
    """Start an edge; its core is nobody, which is for whoever registers to hear."""

    def use(ports: dict[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.settimeout(20)
            phone.connect(("127.0.0.1", ports["udp"]))
            answer = ask(phone, 1, "")
            assert answer.startswith("SIP/2.0 503 "), answer
        page(ports["ws"])

    while_it_runs([bin / "oversip", "run", "-c", "edge.toml"], use)


def move(bin: Path) -> None:
    """OverSIP's files become a configuration that is good."""
    Path("old").mkdir()
    Path("old/oversip.conf").write_text("sip:\n  local_domains: smoke.test\n")
    Path("old/proxies.conf").write_text("default_proxy:\n  timer_B: 4\n")
    run(bin / "oversip", "import-oversip", "old", "-o", "moved.toml", "--core", "sip:pbx.smoke.test")
    assert run(bin / "oversip", "check", "moved.toml") == "moved.toml: good\n"


def while_it_runs(command: list[object], use: Callable[[dict[str, int]], None]) -> None:
    """Start a server, ``use`` its ports, end it."""
    print("smoke:", *(getattr(word, "name", word) for word in command), flush=True)
    words = [str(word) for word in command]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(90, server.kill)
    watchdog.start()
    try:
        use(until_ready(server))
        server.send_signal(signal.SIGTERM)
        rest, _ = server.communicate(timeout=60)
        # twistd ends by the signal that ended it
        assert server.returncode in (0, -signal.SIGTERM), (server.returncode, rest)
        assert "Traceback" not in rest, rest
        assert "Unhandled" not in rest, rest
    finally:
        watchdog.cancel()
        server.kill()


def until_ready(server: subprocess.Popen[str]) -> dict[str, int]:
    """The ports that it got, once it said "ready"."""
    ports = {}
    said = []
    assert server.stdout is not None
    for line in server.stdout:
        said.append(line)
        if match := re.search(r"listening: (\w+) \S+ port (\d+)", line):
            ports[match[1]] = int(match[2])
        if line == "ready\n":
            return ports
    raise AssertionError("".join(said))


def register(port: int) -> None:
    """Register alice over UDP, challenge and all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(10)
        phone.connect(("127.0.0.1", port))
        challenge = ask(phone, 1, "")
        assert challenge.startswith("SIP/2.0 401 "), challenge
        found = re.search(r'nonce="([^"]+)"', challenge)
        assert found is not None, challenge
        ha1, ha2 = digest("alice:smoke.test:secret"), digest("REGISTER:sip:smoke.test")
        answer = digest(f"{ha1}:{found[1]}:00000001:c:auth:{ha2}")
        credentials = (
            f'Authorization: Digest username="alice", realm="smoke.test", nonce="{found[1]}", uri="sip:smoke.test", '
            f'response="{answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n'
        )
        accepted = ask(phone, 2, credentials)
        assert accepted.startswith("SIP/2.0 200 "), accepted


def digest(text: str) -> str:
    """MD5 in hex."""
    return hashlib.md5(text.encode()).hexdigest()


def ask(phone: socket.socket, cseq: int, credentials: str) -> str:
    """Send a REGISTER; its answer."""
    host, port = phone.getsockname()
    phone.send(
        (
            "REGISTER sip:smoke.test SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{os.urandom(8).hex()};rport\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:alice@smoke.test>;tag=1\r\nTo: <sip:alice@smoke.test>\r\n"
            f"Call-ID: smoke{port}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:alice@{host}:{port}>\r\nExpires: 600\r\n"
            f"{credentials}Content-Length: 0\r\n\r\n"
        ).encode()
    )
    return phone.recv(65536).decode()


def page(port: int) -> None:
    """The phone page, or the words that say how to get it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status in (200, 404, 503), answer.status
    assert body, "an empty page"
    connection.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
