"""What a key may do: permissions are `resource:verb`, a role is a set of them.

A key has a role, and may have scopes that narrow it. `operator` stands above the organizations: it sees refusals that
belong to nobody, keeps organizations, and may act for any of them.
"""

from __future__ import annotations

from typing import Literal, get_args

Permission = Literal[
    "trunks:read",
    "trunks:write",
    "agents:read",
    "agents:write",
    "phone_numbers:read",
    "phone_numbers:create",
    "phone_numbers:write",
    "calls:read",
    "calls:write",
    "routes:read",
    "keys:read",
    "keys:write",
    "organizations:read",
    "organizations:write",
    "status:read",
    "refusals:read",
    "audit:read",
    "bans:read",
    "bans:write",
    "verifications:read",
    "verifications:write",
    "connections:read",
    "connections:write",
    "webhooks:read",
    "webhooks:write",
]
"""Every permission there is."""

PERMISSIONS: frozenset[str] = frozenset(get_args(Permission))

READ = frozenset(
    {
        "trunks:read",
        "agents:read",
        "phone_numbers:read",
        "calls:read",
        "routes:read",
        "organizations:read",
        "connections:read",
        "webhooks:read",
    }
)
"""What `viewer` may."""

_MANAGE = frozenset({"agents:write", "phone_numbers:create", "phone_numbers:write", "calls:write"})
_ADMINISTER = frozenset(
    {
        "trunks:write",
        "keys:read",
        "keys:write",
        "status:read",
        "audit:read",
        "connections:write",
        "webhooks:write",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "viewer": READ,
    "agent_manager": READ | _MANAGE,
    "admin": READ | _MANAGE | _ADMINISTER,
    "operator": PERMISSIONS,
}


def granted(role: str, scopes: tuple[str, ...]) -> frozenset[str]:
    """What a key with this role and these scopes may do."""
    allowed = ROLES[role]
    return allowed.intersection(scopes) if scopes else allowed
