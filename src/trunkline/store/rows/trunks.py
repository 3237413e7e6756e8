"""Trunks in the database. The password, the provider settings and the TLS private key are sealed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, delete, insert, select, update

from trunkline.model.secret import Secret
from trunkline.model.trunk import Codec, Range, TlsProfile, Trunk
from trunkline.store.database.database import Session
from trunkline.store.database.seal import Seal
from trunkline.store.database.tables import TRUNKS

_ENCODER = msgspec.json.Encoder()
_RANGES = msgspec.json.Decoder(tuple[Range, ...])
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_CODECS = msgspec.json.Decoder(tuple[Codec, ...])
_MAP = msgspec.json.Decoder(dict[str, Any])
_TOKENS = msgspec.json.Decoder(dict[str, str])


class Trunks:
    __slots__ = ("_seal", "_session")

    def __init__(self, session: Session, seal: Seal) -> None:
        self._session = session
        self._seal = seal

    async def everything(self, *, sandbox: bool = False) -> list[Trunk]:
        """All outside the sandboxes, or all in them."""
        statement = select(TRUNKS).where(TRUNKS.c.sandbox == sandbox).order_by(TRUNKS.c.id)
        return [self._trunk(row) for row in await self._session.rows(statement)]

    async def insert(self, trunk: Trunk, *, sandbox: bool = False) -> None:
        """Raises `Conflict("name")` when the organization has a trunk of that name, `Conflict("reference")` when
        there is no such organization."""
        await self._session.execute(insert(TRUNKS).values(**self._row(trunk), sandbox=sandbox))

    async def update(self, trunk: Trunk) -> bool:
        """Put the record in place of the one with its id; False when there is none. Raises `Conflict("name")`."""
        statement = update(TRUNKS).where(TRUNKS.c.id == trunk.id)
        return (await self._session.execute(statement.values(self._row(trunk)))).rowcount > 0

    async def delete(self, id_: str) -> bool:
        """Raises `Conflict("reference")` while a number or an agent refers to it."""
        return (await self._session.execute(delete(TRUNKS).where(TRUNKS.c.id == id_))).rowcount > 0

    async def reseal(self) -> int:
        """Seal every credential with the first key of the key file; how many trunks were rewritten."""
        rows = await self._session.rows(select(TRUNKS))
        for row in rows:
            trunk = self._trunk(row)
            await self.update(trunk)
        return len(rows)

    def _row(self, trunk: Trunk) -> dict[str, Any]:
        shut = self._seal.shut
        row = structs.asdict(trunk)
        tls = structs.asdict(trunk.tls)
        if trunk.tls.private_key is not None:
            tls["private_key"] = shut(trunk.tls.private_key)
        row["tls"] = _text(tls)
        row["networks"] = _text(trunk.networks)
        row["codecs"] = _text(trunk.codecs)
        row["prefixes"] = _text(trunk.prefixes)
        row["ranges"] = _text(trunk.ranges)
        row["password"] = None if trunk.password is None else shut(trunk.password)
        row["settings"] = _text({name: shut(value) for name, value in trunk.settings.items()})
        return row

    def _trunk(self, row: Row[Any]) -> Trunk:
        opened = self._seal.open_token
        fields = dict(row._mapping)
        del fields["sandbox"]
        tls = _MAP.decode(fields["tls"])
        key: Secret | None = None if tls["private_key"] is None else opened(tls["private_key"])
        fields["tls"] = TlsProfile(**{**tls, "private_key": key})
        fields["networks"] = _TEXTS.decode(fields["networks"])
        fields["codecs"] = _CODECS.decode(fields["codecs"])
        fields["prefixes"] = _TEXTS.decode(fields["prefixes"])
        fields["ranges"] = _RANGES.decode(fields["ranges"])
        fields["password"] = None if fields["password"] is None else opened(fields["password"])
        fields["settings"] = {name: opened(token) for name, token in _TOKENS.decode(fields["settings"]).items()}
        return Trunk(**fields)


def _text(value: object) -> str:
    return _ENCODER.encode(value).decode()
