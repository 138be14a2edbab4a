"""What web applications give to their users in the place of a password: signed tokens and cookies (RFC 8898)."""
