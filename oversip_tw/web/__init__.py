"""The HTTP side: the browser phone's page, health and metrics."""

from oversip_tw.web.health import Check, Health
from oversip_tw.web.ice import Asking, Ice, Unproven
from oversip_tw.web.limited import LimitedSite
from oversip_tw.web.metrics import Metrics, Reading, Value
from oversip_tw.web.page import is_built, phone_page

__all__ = [
    "Asking",
    "Check",
    "Health",
    "Ice",
    "LimitedSite",
    "Metrics",
    "Reading",
    "Unproven",
    "Value",
    "is_built",
    "phone_page",
]
