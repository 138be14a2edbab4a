"""Fuzzing (figure 2): hostile input for everything that reads what strangers send. ``python -m fuzz --help``."""
