"""The typed configuration: a TOML file becomes frozen values, or a list of everything that is wrong with it."""

from oversip_tw.config.edge import Edge
from oversip_tw.config.errors import ConfigError, Mistake
from oversip_tw.config.listen import Listen
from oversip_tw.config.peers import Profile, Route, Trusted
from oversip_tw.config.proofs import Cookie, Ephemeral, Jwt, Turn
from oversip_tw.config.reading import default, host_name, load, loads
from oversip_tw.config.resources import Limits, Timers
from oversip_tw.config.sections import Auth, Config, Dns, Logs, Registrar
from oversip_tw.config.store import Node, Store, Users

__all__ = [
    "Auth",
    "Config",
    "ConfigError",
    "Cookie",
    "Dns",
    "Edge",
    "Ephemeral",
    "Jwt",
    "Limits",
    "Listen",
    "Logs",
    "Mistake",
    "Node",
    "Profile",
    "Registrar",
    "Route",
    "Store",
    "Timers",
    "Trusted",
    "Turn",
    "Users",
    "default",
    "host_name",
    "load",
    "loads",
]
