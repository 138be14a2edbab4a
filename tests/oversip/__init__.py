"""The thirty acceptance checks of OverSIP's inventory: whoever moves over loses nothing.

Each test method bears the number of its check. Where we do something else on purpose its docstring says so, and the
conformance page lists it.
"""
