"""What can be asked and changed over HTTP while the server runs."""

from oversip_tw.service.api.context import Context
from oversip_tw.service.api.schemas import SCHEMAS
from oversip_tw.service.api.table import TABLE, openapi

__all__ = ["SCHEMAS", "TABLE", "Context", "openapi"]
