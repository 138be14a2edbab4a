"""How an option carries its own line of the reference."""

from __future__ import annotations

from typing import Any


def about(text: str, example: Any = None) -> dict[str, Any]:
    """Metadata of a field: what the reference says of it; ``example`` is shown where the default says too little."""
    return {"about": text, "example": example}
