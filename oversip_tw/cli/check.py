"""``oversip check``: is this configuration good, with everything it names?"""

from __future__ import annotations

from oversip_tw.config import Config, ConfigError
from oversip_tw.service import mistakes


def check(settings: Config, file: str | None) -> int:
    """Say that ``settings`` are good, or raise ConfigError for what only shows when it is used: certificates, hooks."""
    found = mistakes(settings)
    if found:
        raise ConfigError(found, file or "")
    print(f"{file or 'the built-in configuration'}: good")
    return 0
