"""An operator's key that belongs to no organization, as a server's first key does: what it can only mean is found."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.conftest import Client, anybody, clock, engine, options, services, store
from trunkline.cli import main
from trunkline.control.access.keys import KeyWanted
from trunkline.control.services import Services

__all__ = ["anybody", "clock", "engine", "options", "services", "store"]


@pytest.fixture
async def first(services: Services) -> str:
    _, text = await services.keys.create(None, None, KeyWanted(name="First operator", role="operator"))
    return text


async def told(capsys: pytest.CaptureFixture[str], client: Client, key: str, *words: str) -> tuple[int, str, str]:
    given = ["keys", "list", "--url", client.base, "--key", key, *words]
    code = await asyncio.to_thread(main, given)
    said = capsys.readouterr()
    return code, said.out, said.err


async def test_without_any(capsys: pytest.CaptureFixture[str], anybody: Client, first: str) -> None:
    code, out, error = await told(capsys, anybody, first)
    assert (code, out) == (1, "")
    assert "there is no organization yet: make the first with POST /v1/organizations" in error


async def test_with_one_it_is_meant(
    capsys: pytest.CaptureFixture[str], services: Services, anybody: Client, first: str
) -> None:
    only = await services.organizations.create("Acme")
    await services.keys.create(None, only.id, KeyWanted(name="Theirs"))
    code, out, _ = await told(capsys, anybody, first)
    assert code == 0
    assert [line.split("\t")[1] for line in out.splitlines()] == ["Theirs"]


async def test_with_two_they_are_named(
    capsys: pytest.CaptureFixture[str], services: Services, anybody: Client, first: str
) -> None:
    one, two = [await services.organizations.create(name) for name in ("Acme", "Beta")]
    await services.keys.create(None, two.id, KeyWanted(name="Theirs"))
    code, _, error = await told(capsys, anybody, first)
    assert code == 1
    assert f"org_{one.id} (Acme)" in error
    assert f"org_{two.id} (Beta)" in error
    code, out, _ = await told(capsys, anybody, first, "--organization", f"org_{two.id}")
    assert (code, "Theirs" in out) == (0, True)


async def test_another_organization_stays_closed(
    capsys: pytest.CaptureFixture[str], services: Services, anybody: Client
) -> None:
    one, two = [await services.organizations.create(name) for name in ("Acme", "Beta")]
    _, key = await services.keys.create(None, one.id, KeyWanted(name="Ours"))
    code, out, error = await told(capsys, anybody, key, "--organization", f"org_{two.id}")
    assert (code, out) == (1, "")
    assert "This key does not act for that organization" in error
