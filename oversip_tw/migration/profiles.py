"""``[[profile]]`` from ``proxies.conf``."""

from __future__ import annotations

from oversip_tw.migration.document import Row, Table
from oversip_tw.migration.key import Given, Values
from oversip_tw.migration.profile_keys import NAMES, PROFILE


def profile(name: str, values: Values, transports: list[str], families: list[str]) -> Table:
    """One profile, every option written: OverSIP's inherited from its code, ours inherit from "default".

    ``transports`` and ``families`` are those that OverSIP spoke; the others were dropped from each list.
    """
    composed = {
        "record_route": _record_route(values),
        "down_for": _down_for(values),
        "naptr": _naptr(values),
        "transports": _among(values["transport_preference"], transports),
        "families": _among(values["ip_type_preference"], families),
    }
    options = dict.fromkeys(key.to for key in PROFILE if key.to)
    rows = [composed.get(option) or _alone(option, values) for option in options]
    return Table("profile", many=True, rows=[Row("name", our_name(name), name), *rows])


def our_name(name: str) -> str:
    """What OverSIP's profile is called here."""
    return NAMES.get(name, name)


def _alone(option: str, values: Values) -> Row:
    """An option that one key says."""
    given = values[next(key.name for key in PROFILE if key.to == option)]
    return Row(option, given.value, str(given))


def _record_route(values: Values) -> Row:
    own, everything = values["do_record_routing"], values["record_route_all"]
    if not own.value:
        return Row("record_route", "none", str(own))
    return Row("record_route", "all" if everything.value else "dialogs", str(everything if everything.value else own))


def _down_for(values: Values) -> Row:
    used, time = values["use_blacklist"], values["blacklist_time"]
    return Row("down_for", time.value, str(time)) if used.value else Row("down_for", 0, str(used))


def _naptr(values: Values) -> Row:
    """Without SRV there was no NAPTR."""
    naptr, srv = values["use_naptr"], values["use_srv"]
    return Row("naptr", naptr.value and srv.value, str(naptr if srv.value else srv))


def _among(given: Given, spoken: list[str]) -> Row:
    """The list without what OverSIP did not speak; the whole of it if nothing would be left."""
    kept = [each for each in given.value if each in spoken] or list(given.value)
    dropped = [each for each in given.value if each not in kept]
    origin = f"{given}; {', '.join(dropped)} is off" if dropped else str(given)
    return Row(given.key.to, kept, origin)
