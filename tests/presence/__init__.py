"""Subscriptions to registrations."""
