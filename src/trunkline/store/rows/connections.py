"""VoIP connections in the database, and the evidence that an account's credentials were tested. Credentials and the
SIP side are sealed whole."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import msgspec
from msgspec import structs
from sqlalchemy import Row, delete, insert, select, update

from trunkline.model.connection import Connection, SipConfig
from trunkline.model.secret import Secret
from trunkline.store.database.database import Session
from trunkline.store.database.errors import WrongKey
from trunkline.store.database.outside import CONNECTIONS, EVIDENCE
from trunkline.store.database.seal import Seal

_MAP = msgspec.json.Decoder(dict[str, str])


class Evidence(NamedTuple):
    """That credentials were good, once, for one use."""

    id: str
    organization_id: str
    provider: str
    credentials: dict[str, Secret]
    account_name: str | None
    tested_at: float
    expires_at: float
    used_at: float | None = None


class Connections:
    __slots__ = ("_seal", "_session")

    def __init__(self, session: Session, seal: Seal) -> None:
        self._session = session
        self._seal = seal

    async def all(self) -> list[Connection]:
        rows = await self._session.rows(select(CONNECTIONS).order_by(CONNECTIONS.c.serial))
        return [self._connection(row) for row in rows]

    async def insert(self, connection: Connection) -> None:
        """Raises `Conflict("serial")` when another process was quicker."""
        await self._session.execute(insert(CONNECTIONS).values(**self._row(connection)))

    async def update(self, connection: Connection) -> bool:
        statement = update(CONNECTIONS).where(CONNECTIONS.c.id == connection.id)
        return (await self._session.execute(statement.values(self._row(connection)))).rowcount > 0

    async def delete(self, id_: str) -> bool:
        return (await self._session.execute(delete(CONNECTIONS).where(CONNECTIONS.c.id == id_))).rowcount > 0

    async def reseal(self) -> int:
        """Seal all with the first key of the key file, evidence too; how many there were. Evidence that no key opens is
        of no use any more, and is left."""
        found = await self.all()
        for connection in found:
            await self.update(connection)
        kept = await self._session.rows(select(EVIDENCE.c.id, EVIDENCE.c.credentials))
        for row in kept:
            with contextlib.suppress(WrongKey):
                statement = update(EVIDENCE).where(EVIDENCE.c.id == row.id)
                await self._session.execute(statement.values(credentials=self._seal.renew(row.credentials)))
        return len(found) + len(kept)

    async def keep_evidence(self, evidence: Evidence) -> None:
        """Keep it, and drop what is of no use any more: it holds credentials."""
        row = evidence._asdict()
        row["credentials"] = self._shut(evidence.credentials)
        await self._session.execute(delete(EVIDENCE).where(EVIDENCE.c.expires_at < evidence.tested_at - 3600))
        await self._session.execute(insert(EVIDENCE).values(**row))

    async def evidence(self, id_: str) -> Evidence | None:
        row = await self._session.first(select(EVIDENCE).where(EVIDENCE.c.id == id_))
        if row is None:
            return None
        fields = dict(row._mapping)
        fields["credentials"] = self._opened(fields["credentials"])
        return Evidence(**fields)

    async def use_evidence(self, id_: str, wall: float) -> bool:
        """Use it up; False when it was used before. Of two at one time, one gets True."""
        statement = update(EVIDENCE).where(
            EVIDENCE.c.id == id_, EVIDENCE.c.used_at.is_(None), EVIDENCE.c.expires_at > wall
        )
        # What it held is not needed any more.
        used = await self._session.execute(statement.values(used_at=wall, credentials=self._shut({})))
        return used.rowcount > 0

    def _row(self, connection: Connection) -> dict[str, Any]:
        row = structs.asdict(connection)
        row["credentials"] = self._shut(connection.credentials)
        config = structs.asdict(connection.sip_config)
        config["password"] = None if config["password"] is None else config["password"].reveal()
        row["sip_config"] = self._seal.shut(Secret(msgspec.json.encode(config).decode()))
        return row

    def _connection(self, row: Row[Any]) -> Connection:
        fields = dict(row._mapping)
        fields["credentials"] = self._opened(fields["credentials"])
        config = msgspec.json.decode(self._seal.open_token(fields["sip_config"]).reveal())
        password = config.pop("password")
        networks = tuple(config.pop("networks"))
        fields["sip_config"] = SipConfig(
            **config, networks=networks, password=None if password is None else Secret(password)
        )
        return Connection(**fields)

    def _shut(self, credentials: dict[str, Secret]) -> str:
        plain = {name: secret.reveal() for name, secret in credentials.items()}
        return self._seal.shut(Secret(msgspec.json.encode(plain).decode()))

    def _opened(self, token: str) -> dict[str, Secret]:
        return {name: Secret(text) for name, text in _MAP.decode(self._seal.open_token(token).reveal()).items()}
