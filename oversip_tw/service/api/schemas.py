"""What the API takes and gives, in JSON Schema."""

from __future__ import annotations

from typing import Any

from oversip_tw.proxy.user_rules import LEAST_RING_TIMEOUT, MOST_RING_TIMEOUT, MOST_TARGET

#: members of a page at most
MOST_PAGE = 1000

# No space, control, ":", "@", quote, backslash or angle bracket in a name; the domain may be an IPv6 address.
USER: dict[str, Any] = {
    "type": "string",
    "pattern": r'^[^\x00-\x20:@"\\<>\x7f]+(@[A-Za-z0-9.:\[\]_-]+)?$',
    "maxLength": 255,
    "examples": ["alice@example.org"],
}
FLOW_ID: dict[str, Any] = {"type": "string", "pattern": "^73[0-9a-f]{16}$"}
REASON: dict[str, Any] = {
    "type": "string",
    "pattern": "^[ -~]*$",
    "maxLength": 100,
    "default": "closed by the administrator",
}
_PASSWORD = {"type": "string", "minLength": 1, "maxLength": 1024, "format": "password", "writeOnly": True}
_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_PLACE = {
    "type": "object",
    "required": ["address", "port"],
    "properties": {"address": _TEXT, "port": _COUNT},
}
_MAYBE_PLACE = {**_PLACE, "type": ["object", "null"]}
_TARGET = {
    "type": ["string", "null"],
    "maxLength": MOST_TARGET,
    "description": 'A user (NAME, NAME@DOMAIN) or a SIP URI; "": to nowhere; null: nothing is said.',
    "examples": ["bob", "sip:voicemail@pbx.example.org"],
}
_SECONDS = {
    "type": ["number", "null"],
    "minimum": LEAST_RING_TIMEOUT,
    "maximum": MOST_RING_TIMEOUT,
    "description": "Seconds that the phones ring.",
}
_RULES = {
    "forward_busy": _TARGET,
    "forward_no_answer": _TARGET,
    "forward_unregistered": _TARGET,
    "ring_timeout": _SECONDS,
}
_SHOWN = {name: {"type": each["type"], "description": each["description"]} for name, each in _RULES.items()}
_NEXT = {"type": ["string", "null"], "description": "`after` of the next page; null: this is the last."}


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties, **more}


def _page(name: str, member: str) -> dict[str, Any]:
    return _object({name: {"type": "array", "items": {"$ref": f"#/components/schemas/{member}"}}, "next": _NEXT})


SCHEMAS: dict[str, dict[str, Any]] = {
    "NewUser": _object({"user": USER, "password": _PASSWORD}, additionalProperties=False),
    "Password": _object({"password": _PASSWORD}, additionalProperties=False),
    "NewRules": {"type": "object", "properties": _RULES, "additionalProperties": False},
    "User": _object({"user": _TEXT, "aor": _TEXT, "bindings": _COUNT}),
    "Users": _page("users", "UserName"),
    "UserName": _object({"user": _TEXT}),
    "Rules": _object({**_SHOWN, "effective": _object(_SHOWN, description="With what the configuration says.")}),
    "Binding": _object(
        {
            "aor": _TEXT,
            "contact": {**_TEXT, "description": "Without a password, if it had one."},
            "expires_in": {**_COUNT, "description": "Seconds."},
            "q": {"type": "number", "minimum": 0, "maximum": 1},
            "instance": {**_MAYBE, "description": "+sip.instance."},
            "reg_id": {"type": ["integer", "null"]},
            "user_agent": _TEXT,
            "path": {"type": "array", "items": _TEXT},
            "node": {**_TEXT, "description": "Which server its connection ends at."},
            "flow": {**_MAYBE, "description": "The connection; null: UDP, or by a Path."},
            "transport": {**_MAYBE, "description": "null: its connection is not here."},
            "peer": _MAYBE_PLACE,
            "lost": {"type": "boolean", "description": "Its connection ended with a former process."},
        }
    ),
    "Bindings": _page("bindings", "Binding"),
    "Kicked": _object(
        {
            "removed": {**_COUNT, "description": "Bindings."},
            "closed": {**_COUNT, "description": "Connections."},
        }
    ),
    "Flow": _object(
        {
            "id": _TEXT,
            "transport": {"type": "string", "enum": ["tcp", "tls", "ws", "wss"]},
            "peer": _PLACE,
            "local": _PLACE,
            "accepted": {"type": "boolean", "description": "The peer opened it; false: we did."},
            "secure": {"type": "boolean"},
            "identity": {**_MAYBE, "description": "The user that its handshake proved."},
            "aors": {"type": "array", "items": _TEXT, "description": "Who is registered by it."},
        }
    ),
    "Flows": _page("flows", "Flow"),
    "Health": _object(
        {
            "status": {"type": "string", "enum": ["ok", "degraded", "failing"]},
            "parts": {"type": "object", "additionalProperties": {"type": "boolean"}},
        }
    ),
    "Text": _TEXT,
    "Document": {"type": "object"},
}
