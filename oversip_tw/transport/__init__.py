"""Twisted adapters: sockets to flows."""
