"""Debian's coturn on loopback, which takes the credentials that our server makes."""

from __future__ import annotations

import re

from .processes import Child, Folder, free_port, program


class Coturn:
    """One TURN server; ``secret`` is what it shares with ours."""

    def __init__(self, secret: str) -> None:
        folder = Folder("coturn")
        self.port = free_port()
        relays = free_port(count=20)
        command = [
            program("turnserver"), "-n", "--listening-ip=127.0.0.1", f"--listening-port={self.port}",
            "--relay-ip=127.0.0.1", f"--min-port={relays}", f"--max-port={relays + 19}",
            "--use-auth-secret", f"--static-auth-secret={secret}", "--realm=phones.test", f"--userdb={folder.path}/db",
            f"--pidfile={folder.path}/pid", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers",
            "--fingerprint", "--log-file=stdout", "--simple-log", "--verbose",
        ]  # fmt: skip
        self.child = Child("coturn", command, folder)
        self.child.expect("DB connection success", 10)

    @property
    def uri(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    def allocations(self) -> list[str]:
        """The names for which a relay was made so far."""
        return re.findall(r"user <([^>]*)>: incoming packet ALLOCATE processed, success", self.child.output())

    def close(self) -> None:
        self.child.stop()
