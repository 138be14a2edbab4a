"""SIP text to values and back (RFC 3261 §7, §19, §20, §25): no clock, no socket."""
