"""Tests of oversip_tw.transport: in memory, but for what only a kernel can prove (tests/system/test_sockets_*)."""
