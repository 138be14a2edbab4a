"""The bearer tokens of the admin port, from the configuration and from a file."""

from __future__ import annotations

from pathlib import Path

from oversip_tw.config import Config, Mistake
from oversip_tw.config.admin import LEAST_TOKEN, bearer


class NoToken(Exception):
    """The file holds none; the text says so."""


def tokens_of(config: Config) -> tuple[str, ...]:
    """One of these has to be shown; none: nothing has to. Raises NoToken."""
    admin = config.admin
    given = (admin.token,) if admin.token is not None else ()
    if admin.token_file is None:
        return given
    try:
        lines = Path(admin.token_file).read_text("ascii", "replace").split()
    except OSError as error:
        raise NoToken(f"cannot read {admin.token_file}: {error.strerror}") from None
    if not lines or None in map(bearer, lines):
        raise NoToken(f"each line of {admin.token_file} must be at least {LEAST_TOKEN} letters, digits or -._~+/")
    return (*given, *lines)


def admitted(config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `Guard.use` takes. Raises NoToken."""
    return tokens_of(config), (config.admin.address, *config.admin.hosts)


def token_mistakes(config: Config) -> list[Mistake]:
    """A file that holds no token."""
    try:
        tokens_of(config)
    except NoToken as error:
        return [Mistake("admin.token_file", str(error))]
    return []
