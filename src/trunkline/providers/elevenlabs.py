"""ElevenLabs: numbers of Conversational AI, reached over its SIP trunking.

Shapes as in its public documentation (`/v1/convai/phone-numbers`); no document lies here to hold them to. A number is
looked for before it is made, so that one whose answer was lost is changed and not made twice.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.providers.rest import Reply, Rest, read
from trunkline.providers.values import Credentials, EngineNumber, ProviderError
from trunkline.sip.flow import host_port

_ENCRYPTION = {"disable": "disabled", "allow": "allowed", "require": "required"}
_PATH = "/v1/convai/phone-numbers"


class _Number(msgspec.Struct):
    phone_number_id: str
    phone_number: str | None = None


class ElevenLabs:
    name = "elevenlabs"

    def __init__(self, rest: Rest, base: str) -> None:
        self._rest = rest
        self._base = base

    async def check(self, credentials: Credentials) -> None:
        """Whether the key is good. Raises `ProviderError`."""
        await self._send(credentials, "GET", _PATH)

    async def put(self, credentials: Credentials, number: EngineNumber) -> str | None:
        """Tell it of the number, or of what changed; its id there. Raises `ProviderError`."""
        known = number.resource_id or await self._known(credentials, number.e164)
        body = _body(number)
        if known is not None:
            try:
                await self._send(credentials, "PATCH", f"{_PATH}/{known}", json=body, safe=True)
            except ProviderError as error:
                if error.status != 404:
                    raise
            else:
                return known
        made = {"provider": "sip_trunk", "phone_number": number.e164, **body}
        reply = await self._send(credentials, "POST", _PATH, json=made)
        return read(self.name, reply, _Number, changed=True).phone_number_id

    async def remove(self, credentials: Credentials, resource_id: str) -> None:
        try:
            await self._send(credentials, "DELETE", f"{_PATH}/{resource_id}", safe=True)
        except ProviderError as error:
            if error.status != 404:
                raise

    async def _known(self, credentials: Credentials, e164: str) -> str | None:
        found = read(self.name, await self._send(credentials, "GET", _PATH), list[_Number])
        return next((each.phone_number_id for each in found if each.phone_number == e164), None)

    async def _send(self, credentials: Credentials, method: str, path: str, **more: Any) -> Reply:
        key = credentials["api_key"]
        return await self._rest.send(
            self.name,
            method,
            self._base + path,
            headers={"xi-api-key": key.reveal()},
            hide=list(credentials.values()),
            words=_words,
            **more,
        )


def _body(number: EngineNumber) -> dict[str, Any]:
    body: dict[str, Any] = {"label": number.label}
    if number.agent_id is not None:
        body["agent_id"] = number.agent_id
    encryption = _ENCRYPTION[number.media_encryption]
    digest = None
    if number.username is not None and number.password is not None:
        digest = {"username": number.username, "password": number.password.reveal()}
    inbound: dict[str, Any] = {"media_encryption": encryption}
    if digest is not None:
        inbound["credentials"] = digest
    body["inbound_trunk_config"] = inbound
    if number.endpoint is not None:
        body["outbound_trunk_config"] = {
            "address": host_port((number.endpoint.host, number.endpoint.port)),
            "transport": number.endpoint.transport,
            "media_encryption": encryption,
        }
        if digest is not None:
            body["outbound_trunk_config"]["credentials"] = digest
    return body


def _words(error: Any) -> str | None:
    detail = error["detail"]
    if isinstance(detail, dict):
        return str(detail.get("message") or detail["status"])
    if isinstance(detail, list):
        return str(detail[0]["msg"])
    return str(detail)
