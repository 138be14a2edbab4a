"""Tests of oversip_tw.registrar."""
