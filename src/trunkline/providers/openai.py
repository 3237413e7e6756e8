"""OpenAI: a project is provisioned as a whole, numbers are not known there. Calls are accepted or rejected by REST
after its webhook told of them: the Realtime API, and its successor of live sessions.

Shapes as in its public documentation; no document lies here to hold them to.
"""

from __future__ import annotations

from typing import Any

from trunkline.providers.rest import Reply, Rest
from trunkline.providers.values import Credentials, EngineNumber


class OpenAi:
    name = "openai"

    def __init__(self, rest: Rest, base: str) -> None:
        self._rest = rest
        self._base = base

    async def check(self, credentials: Credentials) -> None:
        """Whether the key is good in the project. Raises `ProviderError`."""
        await self._send(credentials, "GET", "/v1/models")

    async def put(self, credentials: Credentials, number: EngineNumber) -> str | None:
        await self.check(credentials)
        return None

    async def remove(self, credentials: Credentials, resource_id: str) -> None:
        return

    async def accept(self, credentials: Credentials, path: str, session: dict[str, Any]) -> None:
        """Accept a call. `path`: the call's, as `/v1/realtime/calls/rtc_…`. Its answer 200 means that OpenAI rings the
        SIP leg, so it may be asked twice. Raises `ProviderError`."""
        await self._send(credentials, "POST", f"{path}/accept", json=session, safe=True)

    async def reject(self, credentials: Credentials, path: str, status: int) -> None:
        await self._send(credentials, "POST", f"{path}/reject", json={"status_code": status}, safe=True)

    async def _send(self, credentials: Credentials, method: str, path: str, **more: Any) -> Reply:
        headers = {"Authorization": f"Bearer {credentials['api_key'].reveal()}"}
        if "project_id" in credentials:
            headers["OpenAI-Project"] = credentials["project_id"].reveal()
        return await self._rest.send(
            self.name,
            method,
            self._base + path,
            headers=headers,
            hide=list(credentials.values()),
            words=_words,
            **more,
        )


def _words(error: Any) -> str | None:
    return str(error["error"]["message"])
