"""The HTTP side: the phone page, health, metrics."""
