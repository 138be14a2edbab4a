"""Bindings and the registrar (RFC 3261 §10, RFC 5626, RFC 5627)."""
