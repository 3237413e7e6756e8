"""A number and the SIP trunk that it comes by, made together or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, structs

from trunkline.control import fields
from trunkline.control.configuration.state import Draft, State
from trunkline.control.errors import Conflict, Invalid
from trunkline.control.routing.trunk_rules import TrunkWanted, applied, whole
from trunkline.control.routing.trunks import Trunks
from trunkline.model.number import Number
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.uri import UriError, parse_uri


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    e164: str
    supports_inbound: bool = False
    supports_outbound: bool = False
    trunk_name: str | None = None
    username: Secret | None = None
    password: Secret | None = None
    server: str | None = None
    room_name: str | None = None
    pin: Secret | None = None
    media_encryption: str = "allow"


class Importing:
    __slots__ = ("_state", "_trunks")

    def __init__(self, state: State, trunks: Trunks) -> None:
        self._state = state
        self._trunks = trunks

    async def by_trunk(self, organization_id: str, asked: Import) -> Number:
        """The number, on a carrier's trunk made for it; one of the same name and settings is used again, and one of the
        same name and others leaves it the name with a number behind. Raises `Invalid` and `Conflict`."""
        e164 = fields.phone_number(asked.e164, "e164")
        wall = self._state.wall()
        room = None if asked.room_name is None else fields.line(200)(asked.room_name, "room_name")
        pin = None if asked.pin is None else Secret(fields.pin(asked.pin.reveal()))
        if asked.supports_outbound and asked.server is None:
            raise Invalid("missing_required_field", "sip_server_address is required for outbound calls.", field="host")
        if asked.server is None and asked.username is None:
            message = "Give sip_server_address, or sip_username and sip_password: by one of them its calls are known."
            raise Invalid("missing_required_field", message, field="host")
        async with self._state.change() as draft:
            if self._state.catalogue.number_called(e164, organization_id) is not None:
                raise Conflict(
                    "phone_number_exists",
                    "Phone number already exists in the system.",
                    field="e164",
                    provided=e164,
                )
            trunk = self._trunk(draft, organization_id, asked)
            number = Number(
                id=self._state.mint(),
                organization_id=organization_id,
                e164=e164,
                trunk_id=trunk.id,
                supports_inbound=asked.supports_inbound,
                supports_outbound=asked.supports_outbound,
                room_name=room,
                inbound_pin=pin,
                created_at=wall,
                updated_at=wall,
            )
            draft.put(number)
        return number

    def _trunk(self, draft: Draft, organization_id: str, asked: Import) -> Trunk:
        wall = self._state.wall()
        name = fields.name(asked.trunk_name or f"SIP {asked.e164}")
        blank = Trunk(
            id=self._state.mint(), organization_id=organization_id, name=name, created_at=wall, updated_at=wall
        )
        # A peer that has no address is known by its credentials alone: it has to show them.
        challenge = asked.server is None and asked.username is not None
        wanted = TrunkWanted(
            username=UNSET if asked.username is None else asked.username,
            password=UNSET if asked.password is None else asked.password,
            challenge=True if challenge else UNSET,
            media_encryption=asked.media_encryption,
            **_place(asked.server),
        )
        trunk = applied(blank, wanted)
        whole(trunk)
        known = {each.name: each for each in self._state.catalogue.trunks_of(organization_id)}
        for suffix in range(1, len(known) + 2):
            trunk = structs.replace(trunk, name=name if suffix == 1 else f"{name[:95]} {suffix}")
            there = known.get(trunk.name)
            if there is None:
                break
            if _same(there, trunk):
                return there
        self._trunks.alone(trunk)
        draft.put(trunk)
        return trunk


def _same(one: Trunk, other: Trunk) -> bool:
    """Whether they are the same but for when they were made, and what was learnt since."""
    return structs.replace(
        one,
        id=other.id,
        created_at=other.created_at,
        updated_at=other.updated_at,
        reprovision_required=False,
        credentials_changed_at=None,
    ) == structs.replace(other, reprovision_required=False, credentials_changed_at=None)


def _place(server: str | None) -> dict[str, Any]:
    """A host, a host and a port, or a SIP URI, as the parts of a trunk."""
    if server is None:
        return {}
    text = server if server.lower().startswith(("sip:", "sips:")) else f"sip:{server}"
    try:
        uri = parse_uri(text)
    except UriError:
        fields.refuse("host", "This is a host, a host and a port, or a SIP URI.", server)
    if uri.user is not None or uri.headers is not None:
        fields.refuse("host", "This names a server, no user: credentials are fields of their own.", server)
    place: dict[str, Any] = {"host": uri.host, "port": UNSET if uri.port is None else uri.port}
    named = next((value for name, value in uri.params if name == "transport"), None)
    if uri.scheme == "sips":
        place["transport"] = "tls"
    elif named is not None:
        place["transport"] = fields.transport(named, "host")
    return place
