"""How many users a domain may have yet (``max_users``)."""

from __future__ import annotations

from oversip_tw.config import Config
from oversip_tw.store.ports import Accounts


class Room:
    """Counts those of domains that have a limit, from what ``opened`` holds now."""

    def __init__(self, settings: Config, opened: Accounts) -> None:
        self._limits = {each.name: each.max_users for each in settings.domain if each.max_users}
        self._names: dict[str, set[str]] = {domain: set() for domain in self._limits}
        for name, domain in opened.names() if self._limits else ():
            if domain in self._names:
                self._names[domain].add(name)

    def take(self, name: str, domain: str) -> None:
        """A user comes, or is there already. Raises ValueError where that is one too many."""
        names = self._names.get(domain)
        if names is None or name in names:
            return
        if len(names) >= self._limits[domain]:
            raise ValueError(f"{domain} has {len(names)} users and may have no more (max_users)")
        names.add(name)
