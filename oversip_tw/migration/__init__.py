"""From OverSIP's configuration to ours: `translate` reads ``oversip.conf`` and ``proxies.conf`` and writes TOML.

The keys of both files stand in two tables, `server_keys` and `profile_keys`: what each may be (OverSIP's own limits),
its default, where it goes, or what to do where it cannot go.
"""

from oversip_tw.migration.notes import Note, Refused
from oversip_tw.migration.translation import Translation, translate

__all__ = ["Note", "Refused", "Translation", "translate"]
