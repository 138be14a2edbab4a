"""From a URI to ordered targets (RFC 3263)."""
