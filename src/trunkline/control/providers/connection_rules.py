"""What a VoIP connection may be: its credentials by their shape, its SIP side, how it is set up, what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.errors import Invalid
from trunkline.control.ports import NumberProvider
from trunkline.control.providers.accounts import TITLES
from trunkline.model.connection import SETUP_METHODS, SipConfig
from trunkline.model.secret import Secret

MASK = "•••"
SETTINGS = ("trunk_sid", "connection_id", "voice_url")
"""Ids at the provider that may be said instead of being found out."""
_LONGEST_CREDENTIAL = 500
_MOST_CREDENTIALS = 10


class SipWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the SIP side shall be, as far as is said: unset leaves a value, None puts its default back."""

    domain: str | UnsetType | None = UNSET
    port: int | UnsetType | None = UNSET
    transport: str | UnsetType | None = UNSET
    networks: tuple[str, ...] | UnsetType | None = UNSET
    username: str | UnsetType | None = UNSET
    password: Secret | UnsetType | None = UNSET
    trunk_sid: str | UnsetType | None = UNSET
    connection_id: str | UnsetType | None = UNSET
    voice_url: str | UnsetType | None = UNSET


class ConnectionWanted(msgspec.Struct, frozen=True, kw_only=True):
    provider: str | UnsetType = UNSET
    setup_method: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    credentials: dict[str, Secret] | UnsetType = UNSET
    sip_config: SipWanted | UnsetType = UNSET
    evidence_id: str | UnsetType = UNSET


def check_credentials(client: NumberProvider, provider: str, credentials: Mapping[str, Secret]) -> None:
    """Raises `Invalid` when the credentials cannot be, by their shape alone."""
    known = dict(client.fields)
    if len(credentials) > _MOST_CREDENTIALS:
        fields.refuse("credentials", "These are too many credentials.")
    for name, secret in credentials.items():
        if name not in known:
            raise Invalid("unknown_field", f"{provider} takes {', '.join(known)}.", field=f"credentials.{name[:50]}")
        text = secret.reveal()
        # It goes into headers, paths and forms.
        if not text or len(text) > _LONGEST_CREDENTIAL or not text.isprintable() or not text.isascii():
            raise Invalid("invalid_credentials", f"{name} is empty or malformed.", field=f"credentials.{name}")
    for name, needed in known.items():
        if needed and name not in credentials:
            raise Invalid("missing_required_field", f"{provider} needs {name}.", field=f"credentials.{name}")
    wrong = client.wrong(credentials)
    if wrong is not None:
        raise Invalid("invalid_credentials", wrong[1], field=f"credentials.{wrong[0]}")


def inferred(provider: str, account_name: str | None) -> str:
    text = "" if account_name is None else "".join([c for c in account_name if c.isprintable()]).strip()
    return text[:100] or TITLES[provider]


def method_of(provider: str, given: str | UnsetType) -> str:
    allowed = SETUP_METHODS[provider]
    if given is UNSET:
        return allowed[0]
    if given not in allowed:
        fields.refuse("setup_method", f"{provider} is set up by {' or '.join(allowed)}.", given)
    return given


def configured(config: SipConfig, wanted: SipWanted | UnsetType) -> SipConfig:
    """The SIP side with what is said. Raises `Invalid`."""
    if wanted is UNSET:
        return config
    changes: dict[str, Any] = {}
    settings = dict(config.settings)
    for field, value in fields.said(wanted):
        name = f"sip_config.{field}"
        if field in SETTINGS:
            settings.pop(field, None)
            if value is not None:
                settings[field] = fields.web_uri(value, name) if field == "voice_url" else _plain_id(value, name)
        elif value is None:
            changes[field] = {"transport": "udp", "networks": ()}.get(field)
        elif field == "password":
            # A masked value sent back leaves the stored one.
            if value.reveal() != MASK:
                changes[field] = Secret(fields.line(_LONGEST_CREDENTIAL)(value.reveal(), name))
        else:
            changes[field] = _CHECKS[field](value, name)
    return structs.replace(config, **changes, settings=settings)


def _plain_id(text: str, field: str) -> str:
    """An id at a provider: it goes into paths."""
    if not 1 <= len(text) <= 64 or not fields.plain(text, "-_"):
        fields.refuse(field, "An id is 1 to 64 letters, digits, `-` and `_`.", text)
    return text


_CHECKS: dict[str, Any] = {
    "domain": fields.host,
    "port": fields.port,
    "transport": fields.transport,
    "networks": fields.networks,
    "username": fields.line(200),
}
