"""The proxy core (RFC 3261 §16)."""
