"""First records: the demonstration, and a file of records."""

from __future__ import annotations

import json
import stat
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.control.conftest import Clock, build
from tests.control.engine import Engine
from tests.databases import contents
from trunkline.call.decision.verdict import Admitted
from trunkline.control.bootstrap import DEMO_NUMBER, demo, operator_key, seed
from trunkline.control.errors import Invalid
from trunkline.control.routing.numbers import NumberWanted
from trunkline.control.routing.trunk_rules import TrunkWanted
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.sip.flow import Transport
from trunkline.store.store import Store


async def test_the_demo_answers_this_machine(store: Store, services: Services, engine: Engine, tmp_path: Path) -> None:
    made = await demo(services, tmp_path)
    assert made is not None
    transports: tuple[Transport, ...] = ("udp", "tcp", "tls")
    for source, transport in product(("127.0.0.1", "127.9.9.9", "::1"), transports):
        verdict = engine.invite(DEMO_NUMBER, source, transport)
        assert isinstance(verdict, Admitted)
        assert [each.agent.kind for each in verdict.candidates] == ["echo"]
    assert not isinstance(engine.invite(DEMO_NUMBER, "192.0.2.1"), Admitted)
    caller = services.keys.identify(made.key.reveal(), "127.0.0.1")
    assert (caller.organization_id, caller.role) == (made.organization_id, "operator")
    file = tmp_path / "demo.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == made.key.reveal() + "\n"
    assert made.key.reveal() not in await contents(store)


async def test_the_demo_is_made_once(
    store: Store, services: Services, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    first = await demo(services, tmp_path)
    again = build(store, Engine(), clock)
    await again.load()
    assert await demo(again, tmp_path) == first
    (tmp_path / "demo.key").unlink()
    renewed = await demo(again, tmp_path)
    assert renewed is not None
    assert first is not None
    assert renewed.key != first.key
    assert renewed.number_id == first.number_id
    (tmp_path / "demo.key").write_text("not a key")
    assert await demo(again, tmp_path) is not None


async def test_no_demo_among_real_organizations(services: Services, tmp_path: Path) -> None:
    await services.organizations.create("Acme")
    assert await demo(services, tmp_path) is None
    assert not (tmp_path / "demo.key").exists()


async def test_somebody_elses_number_is_no_demo(services: Services, tmp_path: Path) -> None:
    organization = (await services.organizations.create("Acme")).id
    trunk = await services.trunks.create(organization, TrunkWanted(name="T", host="a.example"))
    await services.numbers.import_(organization, NumberWanted(e164=DEMO_NUMBER, trunk_id=trunk.id))
    assert await demo(services, tmp_path) is None
    assert services.state.catalogue.keys == {}


async def test_a_first_key_is_made_once(services: Services, tmp_path: Path) -> None:
    key = await operator_key(services, tmp_path)
    assert key is not None
    caller = services.keys.identify(key.reveal(), "192.0.2.1")
    assert (caller.operator, caller.organization_id) == (True, None)
    assert stat.S_IMODE((tmp_path / "operator.key").stat().st_mode) == 0o600
    assert await operator_key(services, tmp_path) is None


SEED: dict[str, list[dict[str, Any]]] = {
    "organizations": [{"id": "load", "name": "Load"}],
    "trunks": [
        {
            "id": "trunk_load",
            "organization_id": "load",
            "name": "carrier",
            "networks": ["127.0.0.1/32"],
            "ranges": [{"prefix": "+1202777", "agent_id": "one"}],
            "username": "u",
            "password": "plain-in-the-file",
            "settings": {"api_key": "also-plain"},
        }
    ],
    "agents": [
        {"id": "one", "organization_id": "load", "name": "one", "kind": "sip", "uri": "sip:a@127.0.0.2"},
        {"id": "all", "organization_id": "load", "name": "all", "kind": "group", "members": ["one"]},
    ],
    "numbers": [
        {
            "id": f"n{n}",
            "organization_id": "load",
            "e164": f"+1202555{n:04}",
            "trunk_id": "trunk_load",
            "agent_id": "all",
        }
        for n in range(100)
    ],
}


async def test_a_seed_is_routed_at_once_and_again_changes_nothing(
    store: Store, services: Services, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(SEED))
    assert await seed(services, path) == 104
    verdict = engine.invite("+12025550042")
    assert isinstance(verdict, Admitted)
    assert verdict.trunk.password is not None
    assert verdict.trunk.password.reveal() == "plain-in-the-file"
    assert [each.uri for each in verdict.candidates] == ["sip:a@127.0.0.2"]
    assert ids.bare(verdict.number.id) == verdict.number.id
    ranged = engine.invite("+12027770001")
    assert isinstance(ranged, Admitted)
    assert [each.uri for each in ranged.candidates] == ["sip:a@127.0.0.2"]
    assert "plain-in-the-file" not in await contents(store)
    again = build(store, Engine(), clock)
    await again.load()
    clock.pass_(100)
    assert await seed(again, path) == 0
    path.write_text(json.dumps({**SEED, "numbers": [{**SEED["numbers"][0], "agent_id": None}]}))
    assert await seed(again, path) == 1


@pytest.mark.parametrize("text", ["", "{", '{"trunk":[]}', '{"numbers":[{"id":"x"}]}', '{"trunks":[{"id":1}]}', "[]"])
async def test_a_file_that_is_no_seed_is_refused_whole(services: Services, tmp_path: Path, text: str) -> None:
    path = tmp_path / "seed.json"
    path.write_text(text)
    with pytest.raises(Invalid, match=r"seed\.json"):
        await seed(services, path)
    assert services.state.catalogue.organizations == {}
