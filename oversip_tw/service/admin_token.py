"""The bearer token of the admin port, from the configuration or from a file."""

from __future__ import annotations

from pathlib import Path

from oversip_tw.config import Config, Mistake
from oversip_tw.config.admin import LEAST_TOKEN, bearer


class NoToken(Exception):
    """The file holds none; the text says so."""


def token_of(config: Config) -> str:
    """What has to be shown; "": nothing. Raises NoToken."""
    admin = config.admin
    if admin.token_file is None:
        return admin.token or ""
    try:
        line = Path(admin.token_file).read_text("ascii", "replace").partition("\n")[0].strip()
    except OSError as error:
        raise NoToken(f"cannot read {admin.token_file}: {error.strerror}") from None
    if bearer(line) is None:
        raise NoToken(f"the first line of {admin.token_file} must be at least {LEAST_TOKEN} letters, digits or -._~+/")
    return line


def token_mistakes(config: Config) -> list[Mistake]:
    """A file that holds no token."""
    try:
        token_of(config)
    except NoToken as error:
        return [Mistake("admin.token_file", str(error))]
    return []
