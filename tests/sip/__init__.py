"""SIP text to values and back."""
