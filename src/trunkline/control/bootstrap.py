"""First records: the demonstration that `make run` starts with, and a file of records for tests and loads.

Both may run at every start: what is there already is left as it is.
"""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from trunkline.control.access.keys import Keys, KeyWanted
from trunkline.control.breath import PART
from trunkline.control.configuration.catalogue import Record
from trunkline.control.errors import Invalid, Refusal
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.model.agent import Agent
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Transport

DEMO_NUMBER = "+12025550100"
KEY_FILE = "demo.key"
OPERATOR_KEY_FILE = "operator.key"
_ORGANIZATION = "Demo"
_NETWORKS = ("127.0.0.0/8", "::1/128")
_TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp", "tls")


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    organization_id: str
    number_id: str
    number: str
    key: Secret
    """An operator's key of the demonstration's organization."""


class Seed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records of the model; secrets are plain text in it."""

    organizations: tuple[Organization, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    agents: tuple[Agent, ...] = ()
    numbers: tuple[Number, ...] = ()


async def demo(services: Services, data_dir: Path) -> Demo | None:
    """An organization with trunks that accept this machine, the built-in echo agent, and a number that it answers.

    None when the number is somebody else's already: then this is no demonstration any more. The key's text is kept in
    `data_dir`/demo.key, readable by its owner alone; in the database there is only its hash.
    """
    state = services.state
    catalogue = state.catalogue
    number = catalogue.number_called(DEMO_NUMBER)
    if number is None:
        if catalogue.organizations:
            return None
        number = await _made(services)
    elif catalogue.organizations[number.organization_id].name != _ORGANIZATION:
        return None
    key = await _key(services.keys, number.organization_id, data_dir / KEY_FILE)
    return Demo(
        organization_id=number.organization_id,
        number_id=number.id,
        number=number.e164,
        key=key,
    )


async def operator_key(services: Services, data_dir: Path) -> Secret | None:
    """A first key, when there is none at all: without it nobody could make any. It is an operator's, of no
    organization, and kept in `data_dir`/operator.key, readable by its owner alone. None when there are keys."""
    if services.state.catalogue.keys:
        return None
    _, text = await services.keys.create(None, None, KeyWanted(name="First operator", role="operator"))
    await asyncio.to_thread(_write, data_dir / OPERATOR_KEY_FILE, text)
    return Secret(text)


async def _made(services: Services) -> Number:
    state = services.state
    wall = state.wall()
    stamps: Any = {"created_at": wall, "updated_at": wall}
    organization = Organization(id=state.mint(), name=_ORGANIZATION, **stamps)
    # A trunk has one transport, and a number's own trunk decides: so a trunk for each, and the number is on none.
    trunks = [
        Trunk(
            id=state.mint(),
            organization_id=organization.id,
            name=f"This machine by {transport.upper()}",
            transport=transport,
            networks=_NETWORKS,
            **stamps,
        )
        for transport in _TRANSPORTS
    ]
    agent = Agent(id=state.mint(), organization_id=organization.id, name="Echo", kind="echo", **stamps)
    number = Number(
        id=state.mint(),
        organization_id=organization.id,
        e164=DEMO_NUMBER,
        agent_id=agent.id,
        label="Demo",
        **stamps,
    )
    async with state.change() as draft:
        draft.put(organization, *trunks, agent, number)
    return number


async def _key(keys: Keys, organization_id: str, path: Path) -> Secret:
    """The key in the file while it is still good, else a new one, which then is in the file."""
    text = await asyncio.to_thread(_read, path)
    try:
        if text is not None and keys.identify(text, "127.0.0.1").organization_id == organization_id:
            return Secret(text)
    except Refusal:
        pass
    _, text = await keys.create(None, organization_id, KeyWanted(name="Demo", role="operator"))
    await asyncio.to_thread(_write, path, text)
    return Secret(text)


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text + "\n")


async def seed(services: Services, path: Path) -> int:
    """Put the records of a JSON file in, over those with their ids; how many were new or other than what was there.

    Ids in the file are ours, with or without prefix, or any words: of a word, an id is made that is the same each time.
    Raises `OSError`, `Invalid` when the file is no `Seed`, and `Conflict` as the store does.
    """
    try:
        given = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=Seed, dec_hook=_secret)
    except msgspec.DecodeError as error:
        raise Invalid("invalid_json", f"{path}: {error}") from None
    state = services.state
    wall = state.wall()
    records: list[Record] = [*given.organizations, *given.trunks, *given.agents, *given.numbers]
    changed = 0
    async with state.change(audited=False) as draft:
        for seen, given_record in enumerate(records, 1):
            if seen % PART == 0:
                await asyncio.sleep(0)
            record = _named(given_record)
            known = state.catalogue.known(record)
            created = record.created_at or (wall if known is None else known.created_at)
            updated = record.updated_at or (wall if known is None else known.updated_at)
            record = msgspec.structs.replace(record, created_at=created, updated_at=updated)
            if record != known:
                draft.put(record)
                changed += 1
    return changed


def _named(record: Record) -> Record:
    """The record with ids, and references by id, in the form of ours."""
    changes: dict[str, Any] = {}
    for field in ("id", "organization_id", "trunk_id", "agent_id", "default_trunk_id"):
        text = getattr(record, field, None)
        if text is not None:
            changes[field] = _id(text)
    if isinstance(record, Agent):
        changes["members"] = tuple(_id(text) for text in record.members)
        changes["steps"] = {_id(text): step for text, step in record.steps.items()}
    if isinstance(record, Trunk):
        changes["ranges"] = tuple([msgspec.structs.replace(one, agent_id=_id(one.agent_id)) for one in record.ranges])
    return msgspec.structs.replace(record, **changes)


def _id(text: str) -> str:
    return ids.bare(text) or ids.mint(0.0, sha256(text.encode()).digest())


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")
