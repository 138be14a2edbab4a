"""Files of secrets that are shared with others: one on each line, all of them good, the first one in use."""

from __future__ import annotations

from pathlib import Path

#: octets; the output of `openssl rand -hex 16` is 32
LEAST = 16


class BadSecrets(ValueError):
    """There are none, or none to trust; the text says why, and never what they are."""


def read_secrets(file: str) -> tuple[bytes, ...]:
    """The secrets in ``file``; empty lines and those that begin with "#" say nothing. Raises BadSecrets."""
    try:
        lines = Path(file).read_bytes().splitlines()
    except OSError as error:
        raise BadSecrets(f"cannot read {file}: {error.strerror}") from None
    found = tuple(stripped for line in lines if (stripped := line.strip()) and not stripped.startswith(b"#"))
    if not found:
        raise BadSecrets(f"{file}: no secret in it")
    if any(len(each) < LEAST for each in found):
        raise BadSecrets(f"{file}: a secret has to be {LEAST} octets or longer")
    return found
