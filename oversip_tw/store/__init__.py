"""Backends that keep users and bindings."""
