"""Which phone a URI means: a GRUU, or a phone's Contact, as far as that Contact can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Target
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.gruu import named_instance
from oversip_tw.registrar.temporary import Named, is_temporary
from oversip_tw.sip.uri import Uri

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core


def phone_named(core: Core, gruu: Uri) -> Named | None:
    """The phone that ``gruu``, a GRUU of ours, names; None: it is a temporary one that never was, or has died."""
    instance = named_instance(gruu)
    if instance:
        return Named(core.ours.user(gruu), instance)
    named = core.temporary.named(gruu, core.location.by_key)
    if named is not None and named.ended:
        other = core.location.by_gruu(named.aor, named.instance)
        return named if other is not None and named.fits(other) else None
    return named


def shown(core: Core, uri: Uri) -> Uri:
    """``uri``, which is a phone's, as that phone knows it: in the place of a temporary GRUU, which names nobody, the
    Contact that it stands for (RFC 5627 §5.5)."""
    if not (is_temporary(uri) and core.ours.owns(uri)):
        return uri
    phone = phone_named(core, uri)
    binding = None if phone is None else core.location.by_gruu(phone.aor, phone.instance)
    return uri if binding is None else binding.target


def phones_at(core: Core, uri: Uri) -> Sequence[Binding]:
    """The bindings that have this Contact.

    A Contact is what its user says: it must not draw in what is for another user, a trunk or a stranger. So it counts
    when it names no place at all, the phone's own address, or one of a private network that is not known as somebody's.
    """
    return [binding for binding in core.location.by_contact(uri) if _is_believed(core, binding)] if uri.is_sip else ()


def _is_believed(core: Core, binding: Binding) -> bool:
    contact = binding.target
    host = contact.host
    if host.endswith(".invalid"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if host == Uri.parse(binding.aor).host or core.trusts(Target("udp", host, contact.port or 5060)):
        return False
    flow = core.flows.find(binding.flow_id)
    return not address.is_global or (flow is not None and flow.peer[0] == host)
