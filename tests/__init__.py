"""The tests of oversip_tw: one folder a room; system/ uses real sockets and real clients."""
