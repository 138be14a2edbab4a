"""An HTTP API from a table of operations: routing, checking, answers, and its OpenAPI document."""

from oversip_tw.web.api.guard import Guard
from oversip_tw.web.api.operations import Call, Operation, Parameter, Reply
from oversip_tw.web.api.problems import Problem
from oversip_tw.web.api.resource import Api

__all__ = ["Api", "Call", "Guard", "Operation", "Parameter", "Problem", "Reply"]
