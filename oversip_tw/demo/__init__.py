"""`make demo`: a server with a phone page, a certificate and two users, from nothing."""
