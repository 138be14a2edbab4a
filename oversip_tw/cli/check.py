"""``oversip check``: is this configuration good, with everything it names?"""

from __future__ import annotations

from oversip_tw.config import Config, ConfigError
from oversip_tw.config.effective import effective
from oversip_tw.service import mistakes


def check(settings: Config, file: str | None, show: bool = False) -> int:
    """Say that ``settings`` are good, or raise ConfigError for what only shows when it is used: certificates, hooks.

    ``show``: print them instead, with everything that the file does not say.
    """
    found = mistakes(settings)
    if found:
        raise ConfigError(found, file or "")
    if show:
        print(effective(settings), end="")
        return 0
    print(f"{file or 'the built-in configuration'}: good")
    return 0
