"""The element: everything in memory, messages in and out."""
