"""What a trunk may be: how a wanted change is applied to one, and what one must have to be of use."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.errors import Invalid
from trunkline.control.routing import pem
from trunkline.model.secret import Secret
from trunkline.model.trunk import Range, TlsProfile, Trunk

DEFAULTS: dict[str, dict[str, Any]] = {
    "elevenlabs": {"host": "sip.rtc.elevenlabs.io", "port": 5061, "transport": "tls"},
    "openai": {"host": "sip.api.openai.com", "port": None, "transport": "tls"},
}
"""Where known engines are reached."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "elevenlabs": ("username", "password"),
    "openai": ("project_id", "api_key", "webhook_secret"),
}
"""Credentials without which an engine cannot be reached."""

SETTINGS = ("project_id", "api_key", "webhook_secret")
"""Credentials beyond the digest pair."""


class TlsWanted(msgspec.Struct, frozen=True, kw_only=True):
    verify: bool | UnsetType | None = UNSET
    server_name: str | UnsetType | None = UNSET
    ca_bundle: str | UnsetType | None = UNSET
    certificate: str | UnsetType | None = UNSET
    private_key: Secret | UnsetType | None = UNSET


class TrunkWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a trunk shall be, as far as is said: unset leaves a value, None puts its default back."""

    name: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    role: str | UnsetType | None = UNSET
    host: str | UnsetType | None = UNSET
    port: int | UnsetType | None = UNSET
    transport: str | UnsetType | None = UNSET
    outbound_proxy: str | UnsetType | None = UNSET
    tls: TlsWanted | UnsetType | None = UNSET
    networks: tuple[str, ...] | UnsetType | None = UNSET
    username: Secret | UnsetType | None = UNSET
    password: Secret | UnsetType | None = UNSET
    project_id: Secret | UnsetType | None = UNSET
    api_key: Secret | UnsetType | None = UNSET
    webhook_secret: Secret | UnsetType | None = UNSET
    client_certificate: str | UnsetType | None = UNSET
    challenge: bool | UnsetType | None = UNSET
    register: bool | UnsetType | None = UNSET
    register_expires: int | UnsetType | None = UNSET
    register_aor: str | UnsetType | None = UNSET
    accepts_registration: bool | UnsetType | None = UNSET
    keepalive: float | UnsetType | None = UNSET
    realm: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET
    codecs: tuple[str, ...] | UnsetType | None = UNSET
    media_encryption: str | UnsetType | None = UNSET
    max_concurrent_calls: int | UnsetType | None = UNSET
    full_status: int | UnsetType | None = UNSET
    calls_per_second: float | UnsetType | None = UNSET
    trust_identity: bool | UnsetType | None = UNSET
    identity: str | UnsetType | None = UNSET
    nat: bool | UnsetType | None = UNSET
    allow_refer: bool | UnsetType | None = UNSET
    send_refer: bool | UnsetType | None = UNSET
    tcp_fallback: bool | UnsetType | None = UNSET
    outbound: bool | UnsetType | None = UNSET
    outbound_priority: int | UnsetType | None = UNSET
    prefixes: tuple[str, ...] | UnsetType | None = UNSET
    dial_format: str | UnsetType | None = UNSET
    caller_format: str | UnsetType | None = UNSET
    caller_header: str | UnsetType | None = UNSET
    default_caller: str | UnsetType | None = UNSET
    ranges: tuple[Range, ...] | UnsetType | None = UNSET
    """Their agents by any of their ids."""
    ring_after: float | UnsetType | None = UNSET
    probe: bool | UnsetType | None = UNSET
    probe_interval: float | UnsetType | None = UNSET
    probe_misses: int | UnsetType | None = UNSET
    probe_hits: int | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET


def applied(trunk: Trunk, wanted: TrunkWanted) -> Trunk:
    """The trunk with what is wanted. Raises `Invalid` for a value that cannot be."""
    changes: dict[str, Any] = {}
    settings = dict(trunk.settings)
    for field, value in fields.said(wanted):
        if field in SETTINGS:
            if value is None:
                settings.pop(field, None)
            else:
                settings[field] = _credential(value, field)
        elif field == "provider":
            continue
        elif field == "tls":
            changes["tls"] = TlsProfile() if value is None else _tls(trunk.tls, value)
        elif value is None:
            changes[field] = DEFAULTS.get(trunk.provider, {}).get(field, _DEFAULT[field])
        else:
            check = _CHECKS.get(field)
            changes[field] = value if check is None else check(value, field)
    return structs.replace(trunk, **changes, settings=settings)


def _credential(value: Secret, field: str) -> Secret:
    text = value.reveal()
    # What goes into a header or a request line must not be able to end it.
    if not text or len(text) > 500 or not text.isprintable() or (field == "project_id" and not fields.plain(text)):
        raise Invalid("invalid_credentials", f"{field} is empty or malformed.", field=field)
    return value


def _user(value: Secret, field: str) -> str:
    return _credential(value, field).reveal()


def _tls(profile: TlsProfile, wanted: TlsWanted) -> TlsProfile:
    changes: dict[str, Any] = {}
    for field, value in fields.said(wanted):
        if field == "verify":
            value = value is not False
        elif field == "server_name" and value is not None:
            value = fields.host(value, "tls.server_name")
        elif field in ("ca_bundle", "certificate") and value is not None:
            value = pem.certificates(value, f"tls.{field}")
        elif field == "private_key" and value is not None:
            value = pem.private_key(value, "tls.private_key")
        changes[field] = value
    changed = structs.replace(profile, **changes)
    if (changed.certificate is None) != (changed.private_key is None):
        absent = "certificate" if changed.certificate is None else "private_key"
        raise Invalid("missing_required_field", f"tls.{absent} is required beside the other.", field=f"tls.{absent}")
    if changed.certificate is not None and changed.private_key is not None and changed != profile:
        pem.pair(changed.certificate, changed.private_key, "tls.private_key")
    return changed


def whole(trunk: Trunk) -> None:
    """Raises `Invalid` when what it lacks leaves it without use."""
    for field in REQUIRED.get(trunk.provider, ()):
        held = trunk.settings.get(field) if field in SETTINGS else getattr(trunk, field)
        if held is None:
            raise Invalid("missing_required_field", f"{trunk.provider} needs {field}.", field=field)
    if (trunk.username is None) != (trunk.password is None):
        absent = "username" if trunk.username is None else "password"
        raise Invalid("missing_required_field", f"{absent} is required beside the other.", field=absent)
    proves = trunk.client_certificate or ((trunk.challenge or trunk.accepts_registration) and trunk.username)
    if trunk.host is None and not trunk.networks and not proves:
        raise Invalid(
            "missing_required_field",
            "Say where the peer is (server), where its calls come from (networks), or that it authenticates (challenge "
            "or accepts_registration, with credentials; or a client_certificate).",
            field="host",
        )
    if trunk.client_certificate is not None and trunk.transport != "tls":
        fields.refuse("client_certificate", "A certificate is shown over TLS alone: set transport to tls.")
    if "national" in (trunk.dial_format, trunk.caller_format) and trunk.country is None:
        raise Invalid(
            "missing_required_field", "National numbers need the country they are dialled in.", field="country"
        )
    if trunk.challenge and trunk.username is None:
        raise Invalid("missing_required_field", "challenge needs credentials.", field="username")
    if trunk.accepts_registration and trunk.username is None:
        raise Invalid("missing_required_field", "accepts_registration needs credentials.", field="username")
    if trunk.register and (trunk.host is None or trunk.username is None):
        raise Invalid(
            "missing_required_field",
            "register needs a server and credentials.",
            field="host" if trunk.host is None else "username",
        )
    if trunk.default_caller is not None and not trunk.dials_out:
        fields.refuse(
            "default_caller", "Only a trunk on the agents' side (role agent) dials out.", trunk.default_caller
        )
    if trunk.ranges and trunk.dials_out:
        fields.refuse("ranges", "Only a carrier brings numbers: this trunk is on the agents' side.")
    if trunk.probe and trunk.host is None:
        raise Invalid("missing_required_field", "probe needs a server.", field="host")


def _status(value: int, field: str) -> int:
    if value not in (503, 486):
        fields.refuse(field, "A full trunk answers 503 or 486.", value)
    return value


_CHECKS: dict[str, Any] = {
    "name": fields.name,
    "host": fields.host,
    "port": fields.port,
    "transport": fields.transport,
    "outbound_proxy": fields.sip_uri,
    "networks": fields.networks,
    "username": _user,
    "password": _credential,
    "client_certificate": fields.certificate_name,
    "register_expires": fields.count(60, 86_400),
    "register_aor": fields.sip_uri,
    "keepalive": fields.interval,
    "realm": fields.line(200),
    "country": fields.country,
    "codecs": fields.codecs,
    "media_encryption": fields.media_encryption,
    "max_concurrent_calls": fields.count(1, 1_000_000),
    "full_status": _status,
    "calls_per_second": fields.rate,
    "role": fields.word("carrier", "agent"),
    "outbound_priority": fields.count(0, 10_000),
    "prefixes": fields.prefixes,
    "dial_format": fields.word("e164", "plain", "national"),
    "caller_format": fields.word("e164", "plain", "national"),
    "caller_header": fields.word("from", "pai", "ppi", "rpid"),
    "default_caller": fields.e164,
    "ranges": fields.ranges,
    "identity": fields.word("off", "verify", "require"),
    "ring_after": fields.seconds(0, 60),
    "probe_interval": fields.seconds(5, 3600),
    "probe_misses": fields.count(1, 20),
    "probe_hits": fields.count(1, 20),
}

_DEFAULT: dict[str, Any] = {
    field.name: field.default for field in structs.fields(Trunk) if field.default is not msgspec.NODEFAULT
}
