"""Subscriptions to what happens to registrations (RFC 6665, RFC 3680)."""
