"""A SIP proxy and registrar on Twisted: the server that lets browsers be phones."""

__version__ = "0.1.0"
