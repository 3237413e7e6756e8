"""The API as clients meet it: a real server on a free port, over a real database and a small engine."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from multidict import CIMultiDictProxy
from yarl import URL

from tests.control.conftest import Clock, clock, engine, services, store
from tests.control.engine import Engine
from tests.secrets import leaks, secrets
from tests.watch import WATCH
from trunkline.api import app, server
from trunkline.call.decision.refusals import Refused
from trunkline.control.access.keys import KeyWanted
from trunkline.control.services import Services
from trunkline.model.key import Role

__all__ = ["Clock", "Engine", "clock", "engine", "services", "store"]


def status(engine: Engine, number: str) -> int | None:
    """What an INVITE to the number is refused with now; None when it is routed."""
    verdict = engine.invite(number)
    return verdict.status if isinstance(verdict, Refused) else None


class Answer(NamedTuple):
    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.json["error"]["code"])

    @property
    def details(self) -> dict[str, Any]:
        found = self.json["error"]["details"]
        assert isinstance(found, dict)
        return found


class Client:
    """A caller with one key, or with none."""

    def __init__(
        self, session: aiohttp.ClientSession, base: str, key: str | None, seen: list[bytes], told: set[str]
    ) -> None:
        self._session = session
        self.base = base
        self.key = key
        self.organization_id: str | None = None
        """Of the key, where a test made it."""
        self.seen = seen
        """Every answer's body, shared by all clients of a test."""
        self.told = told
        """Every secret that was sent, shared alike."""

    async def __call__(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}
        body = raw
        for secret in secrets(json):
            self.told.add(secret)
            WATCH.tell(secret)
        if json is not None:
            body = msgspec.json.encode(json)
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self._session.request(
            method, URL(self.base + path, encoded=True), data=body, headers=sent
        ) as answer:
            content = await answer.read()
            self.seen.append(content)
            return Answer(answer.status, answer.headers, content)

    def with_key(self, key: str | None) -> Client:
        return Client(self._session, self.base, key, self.seen, self.told)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self("GET", path, **more)

    async def post(self, path: str, json: object = None, **more: Any) -> Answer:
        return await self("POST", path, json, **more)

    async def put(self, path: str, json: object = None, **more: Any) -> Answer:
        return await self("PUT", path, json, **more)

    async def patch(self, path: str, json: object = None, **more: Any) -> Answer:
        return await self("PATCH", path, json, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self("DELETE", path, **more)


@pytest.fixture
def options() -> app.Options:
    return app.Options()


@pytest.fixture
async def anybody(services: Services, options: app.Options, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Client]:
    """A client without a key. No secret that any client sends is answered or logged."""
    running = await server.start(app.build(services, options), services, "127.0.0.1", 0)
    host, port = running.addresses[0]
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        client = Client(session, f"http://{host}:{port}", None, [], set())
        yield client
    await running.stop()
    shown = [(secret, body) for body in client.seen for secret in CREDENTIALS if secret in body]
    assert shown == [], "a credential was answered"
    places = {f"answer {index}": body.decode() for index, body in enumerate(client.seen)} | {"log": caplog.text}
    assert leaks(client.told, places) == []


@pytest.fixture
async def organization(services: Services) -> str:
    return (await services.organizations.create("Acme")).id


class Keys:
    """Makes clients with keys of a role."""

    def __init__(self, services: Services, anybody: Client) -> None:
        self._services = services
        self._anybody = anybody

    async def __call__(self, organization_id: str | None, role: Role = "admin", **more: Any) -> Client:
        wanted = KeyWanted(name=f"A test's {role}", role=role, **more)
        _, text = await self._services.keys.create(None, organization_id, wanted)
        made = self._anybody.with_key(text)
        made.organization_id = organization_id
        return made


@pytest.fixture
def client(services: Services, anybody: Client) -> Keys:
    return Keys(services, anybody)


@pytest.fixture
async def admin(client: Keys, organization: str) -> Client:
    """An admin of the organization."""
    return await client(organization, "admin")


@pytest.fixture
async def operator(client: Keys, organization: str) -> Client:
    return await client(organization, "operator")


GENERIC: dict[str, Any] = {
    "name": "Custom SIP Provider",
    "provider": "generic",
    "credentials": {"username": "sip_username", "password": "sip_password"},
    "config": {"server": "sip.example.com", "port": 5060, "transport": "tcp"},
}
"""Seed documents' examples, as written."""

CREDENTIALS = (
    b"sip_username",
    b"sip_password",
    b"your_elevenlabs_username",
    b"your_elevenlabs_password",
    b"proj_abc123",
    b"sk-proj-xyz789",
    b"whsec_def456",
)
"""All credentials of the examples: looked for in every answer of every test."""

ELEVENLABS: dict[str, Any] = {
    "name": "Production ElevenLabs",
    "provider": "elevenlabs",
    "credentials": {"username": "your_elevenlabs_username", "password": "your_elevenlabs_password"},
    "config": {"server": "sip.rtc.elevenlabs.io", "port": 5061, "transport": "tls"},
}

OPENAI: dict[str, Any] = {
    "name": "Production OpenAI",
    "provider": "openai",
    "credentials": {"project_id": "proj_abc123", "api_key": "sk-proj-xyz789", "webhook_secret": "whsec_def456"},
}


@pytest.fixture
async def trunk(admin: Client) -> str:
    """A carrier's trunk that accepts this machine."""
    answer = await admin.post(
        "/v1/sip/trunks", {"name": "Carrier", "provider": "generic", "config": {"networks": ["127.0.0.0/8"]}}
    )
    assert answer.status == 201, answer.raw
    return str(answer.json["id"])


@pytest.fixture
async def echo(admin: Client) -> str:
    answer = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"})
    assert answer.status == 201, answer.raw
    return str(answer.json["id"])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"
