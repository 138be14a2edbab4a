"""Which Contact is which binding (RFC 3261 §10.2.4, RFC 5626 §6, RFC 5627 §5)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.contact import Wish
from oversip_tw.registrar.gruu import same_instance
from oversip_tw.sip.uri import Uri


def meant_by(wish: Wish, bindings: Sequence[Binding], flow_id: bytes) -> list[Binding]:
    """The bindings of the user that ``wish``, which came by ``flow_id``, takes the place of or removes.

    More than one when a phone was known under two names: it must not be called twice for one call.
    """
    if wish.instance is not None:
        return [binding for binding in bindings if _same_phone(wish, binding, flow_id)]
    # A phone without an instance goes by its Contact. It may end what it said with one, as tools do that clean up.
    return [
        binding
        for binding in bindings
        if (binding.instance is None or wish.expires == 0 or _same_flow(binding, flow_id))
        and same_contact(wish.uri, binding)
    ]


def _same_phone(wish: Wish, binding: Binding, flow_id: bytes) -> bool:
    if binding.instance is None:
        return same_contact(wish.uri, binding)
    # Two reg-ids are two flows: on one flow the later counts, or the phone would get each call twice.
    return same_instance(wish.instance, binding.instance) and (
        wish.reg_id == binding.reg_id or _same_flow(binding, flow_id)
    )


def _same_flow(binding: Binding, flow_id: bytes) -> bool:
    return flow_id != b"" and binding.flow_id == flow_id


def same_contact(uri: Uri, binding: Binding) -> bool:
    """Whether ``binding`` has that Contact, by the rules for URIs (RFC 3261 §19.1.4)."""
    return uri.text == binding.contact or uri.equivalent(Uri.parse(binding.contact))
