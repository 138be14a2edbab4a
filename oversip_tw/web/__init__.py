"""The HTTP side: the browser phone's page, health and metrics."""

from oversip_tw.web.admin import admin_site
from oversip_tw.web.health import Check, Health
from oversip_tw.web.ice import Asking, Ice, Unproven
from oversip_tw.web.metrics import Metrics, Reading, Value
from oversip_tw.web.page import is_built, phone_page

__all__ = [
    "Asking",
    "Check",
    "Health",
    "Ice",
    "Metrics",
    "Reading",
    "Unproven",
    "Value",
    "admin_site",
    "is_built",
    "phone_page",
]
