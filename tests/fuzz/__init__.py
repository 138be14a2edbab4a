"""Tests of the fuzzer itself, and its seeds as regression tests."""
