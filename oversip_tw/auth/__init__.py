"""Who may say what: digest, trust, limits (RFC 3261 §22, RFC 7616, RFC 8760)."""
