"""Flows, signed flow tokens and who came back where (RFC 5626, RFC 3327)."""
