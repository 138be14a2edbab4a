"""The tests of oversip_tw: one folder a room; system/ uses real sockets and real clients."""

from hypothesis import settings

# A machine under load is no defect: nothing here asserts how long something takes.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
