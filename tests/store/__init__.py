"""Tests of oversip_tw.store."""
