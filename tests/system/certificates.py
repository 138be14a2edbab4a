"""A certificate authority for the run, made fresh each time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import trustme

from .processes import Folder


class Authority:
    """Issues certificates; ``pem`` is what a client has to trust."""

    def __init__(self) -> None:
        self._folder = Folder("certificates")
        self._authority = trustme.CA()
        self.pem = self._folder.path / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.pem))

    @cache  # noqa: B019 - one authority lives as long as the run
    def issue(self, *names: str) -> tuple[Path, Path]:
        """Certificate chain and key, as files, for these names and addresses."""
        issued = self._authority.issue_cert(*names)
        chain = self._folder.path / f"{names[0]}.pem"
        key = self._folder.path / f"{names[0]}.key"
        chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return chain, key


@cache
def authority() -> Authority:
    """The one of this run."""
    return Authority()
