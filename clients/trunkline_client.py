"""A client of Trunkline's API in one file, without dependencies: copy it to where it is needed. Python 3.9 or later.

    client = Trunkline(api_key="trunkline_live_…", base_url="https://edge.example.com")
    for number in client.telephony.numbers.search(area_code="415", capabilities=["voice", "sms"], limit=5):
        print(number.phone_number, number.monthly_cost_usd)
    trunk = client.trunks.create(name="My trunk", provider="elevenlabs", credentials={"username": "u", "password": "p"})
    phone = client.phone_numbers.import_number(phone_number="+12125551234", trunk_id=trunk.id, agent_id="agent_abc123")
    client.phone_numbers.provision(phone.id)
    calls = client.calls.list(phone_number="+12125551234", start_date="2024-01-15")

Arguments are the fields of the API's documents, in snake_case on every surface; so are the answers' attributes. What is
left out is not sent; None is. Lists are lists, with the rest of their answer in `.envelope`.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

__all__ = ["Page", "Record", "Trunkline", "TrunklineError"]

_FREE = frozenset({"metadata", "dispatch_metadata_template", "address", "settings", "headers", "changes"})
"""Fields whose own keys are the caller's, and are left as they are."""


class TrunklineError(Exception):
    """A request that was refused, or found nobody to answer it (status 0)."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        said = body if isinstance(body, dict) else {}
        # The numbers surface says it flat, the import surface has its sentence outside.
        error = said["error"] if isinstance(said.get("error"), dict) else {}
        self.status = status
        self.code = str(error.get("code") or said.get("code") or "")
        self.message = str(error.get("message") or said.get("message") or said.get("error") or body or "")
        self.details = error.get("details") or said.get("details") or {}
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.request_id = self.headers.get("x-request-id")
        super().__init__(f"{status} {self.code}: {self.message} (request {self.request_id})")


class Record(dict):  # type: ignore[type-arg]
    """An object of an answer: its fields are attributes as well."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Page(list):  # type: ignore[type-arg]
    """A list of an answer."""

    envelope: Record
    """What else the answer says: its page, and how many there are in all."""


class Trunkline:
    def __init__(
        self, api_key: str, base_url: str = "http://127.0.0.1:8080", organization_id: str | None = None,
        timeout: float = 60.0,
    ) -> None:  # fmt: skip
        self._headers = {"Authorization": f"Bearer {api_key}", "User-Agent": "trunkline-client"}
        if organization_id is not None:
            self._headers["X-Organization-Id"] = organization_id
        self._base, self._timeout = base_url.rstrip("/"), timeout
        self.trunks = _Resource(
            self, "/v1/sip/trunks", "list create get update delete", provision="POST /{}/provision",
            reprovision_all="POST /{}/reprovision-all",
        )  # fmt: skip
        self.phone_numbers = _Resource(
            self, "/v1/phone-numbers", "list get update delete", import_number="POST /import",
            bulk_import="POST /bulk-import", provision="POST /{}/provision", verify_voip="POST /{}/verify-voip",
        )  # fmt: skip
        self.agents = _Resource(self, "/v1/agents", "list create get update delete")
        self.calls = _Resource(
            self, "/v1/calls", "list create get", hangup="POST /{}/hangup", transfer="POST /{}/transfer"
        )
        self.webhooks = _Resource(self, "/v1/webhooks", "list create get update delete")
        self.voip_connections = _Resource(
            self, "/v1/voip-connections", "list create get update delete", test="POST /test",
            suggest_name="POST /suggest-name", available_numbers="GET /{}/available-numbers",
            import_numbers="POST /{}/import-numbers",
        )  # fmt: skip
        self.telephony = _Telephony(self)

    def request(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """Any request of the API, as its documents write it. Raises `TrunklineError`."""
        headers, data = dict(self._headers), None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        asked = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        request = urllib.request.Request(asked, data, headers, method=method)  # noqa: S310 - where it leads is the caller's
        try:
            try:
                with urllib.request.urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                    text = answer.read()
            except urllib.error.HTTPError as error:
                raise TrunklineError(error.code, _read(error.read()), dict(error.headers)) from None
        except (OSError, http.client.HTTPException) as error:
            # Nobody there, nobody in time, or a connection that broke off.
            raise TrunklineError(0, str(getattr(error, "reason", error)) or type(error).__name__, {}) from None
        return _read(text) if text else None


class _Telephony:
    def __init__(self, client: Trunkline) -> None:
        self.numbers = _Resource(
            client, "/api/v1/telephony/numbers", "list get", camel=True, search="GET /search", pricing="GET /pricing",
            provision="POST", assign="POST /{number_id}/assign/{agent_id}", unassign="POST /{}/unassign",
            release="DELETE /{}", stats="GET /{}/stats",
        )  # fmt: skip
        self.sip_trunks = _Resource(
            client, "/api/v1/telephony/sip-trunks", "list create get update delete", camel=True, test="POST /{}/test"
        )


_USUAL = {"list": "GET", "create": "POST", "get": "GET /{}", "update": "PATCH /{}", "delete": "DELETE /{}"}


class _Resource:
    """A resource's operations, each a method: what stands in its path first, then its query or body by name."""

    def __init__(self, client: Trunkline, base: str, usual: str, camel: bool = False, **others: str) -> None:
        self._client, self._base, self._camel = client, base, camel
        self._operations = {**{name: _USUAL[name] for name in usual.split()}, **others}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in self._operations:
            raise AttributeError(name)
        method, _, path = self._operations[name].partition(" ")

        def operation(*ids: Any, **fields: Any) -> Any:
            left = list(ids)

            def placed(match: re.Match[str]) -> str:
                named = match[1] in fields
                if not named and not left:
                    raise TypeError(f"{name}() needs what stands in {path}")
                return quote(str(fields.pop(match[1]) if named else left.pop(0)), safe="")

            where = self._base + re.sub(r"\{(\w*)\}", placed, path)
            if left:
                raise TypeError(f"{name}() takes its fields by name")
            sent = _renamed(fields, _camel) if self._camel else fields
            if method in ("GET", "DELETE"):
                found = self._client.request(method, where, {key: _query(value) for key, value in sent.items()})
            else:
                found = self._client.request(method, where, None, sent)
            return _shown(_renamed(found, _snake) if self._camel else found)

        return operation

    def __dir__(self) -> list[str]:
        return sorted(self._operations)


def _read(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode("utf-8", "replace")


def _query(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            rename(key): each if _snake(key) in _FREE else _renamed(each, rename) for key, each in value.items()
        }  # fmt: skip
    return [_renamed(each, rename) for each in value] if isinstance(value, list) else value


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if not isinstance(value, dict):
        return value
    record = Record({key: _shown(each) for key, each in value.items()})
    # A list is what was asked for; what is around it says which part of it this is.
    for name in ("data", "numbers"):
        if isinstance(record.get(name), list):
            page = Page(record.pop(name))
            page.envelope = record
            return page
    return record
