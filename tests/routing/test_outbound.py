from __future__ import annotations

from typing import Any

import pytest

from trunkline.model.number import Number
from trunkline.model.organization import Organization, OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.routing.outbound import MOST, Carrier, NotDialled, carriers, forbidden

CALLING, DIALLED = "+12025550100", "+13035559876"


def _trunk(id: str, **fields: Any) -> Trunk:
    return Trunk(id=id, **{"organization_id": "o", "name": id, "host": f"{id}.example.com", **fields})


def _out(
    *trunks: Trunk, own: str | None = "a", default: str | None = None, dialled: str = DIALLED, **how: Any
) -> tuple[Carrier, ...] | NotDialled:
    organization = Organization(id="o", name="o", default_trunk_id=default)
    number = Number(id="n", organization_id="o", e164=CALLING, trunk_id=own)
    table = {trunk.id: trunk for trunk in trunks}
    owned = [trunk.id for trunk in trunks if trunk.organization_id == "o"]
    return carriers(organization, number, dialled, table, owned, **how)


def _ids(found: tuple[Carrier, ...] | NotDialled) -> list[str]:
    assert not isinstance(found, NotDialled), found
    return [carrier.trunk.id for carrier in found]


def test_the_numbers_own_carrier_comes_first_and_the_others_by_priority() -> None:
    table = (
        _trunk("a", outbound_priority=900),
        _trunk("b", outbound_priority=20),
        _trunk("c", outbound_priority=10),
        _trunk("d", outbound_priority=10),
        _trunk("off", enabled=False),
        _trunk("in", outbound=False),
        _trunk("pbx", role="agent"),
        _trunk("e", provider="elevenlabs"),
        _trunk("x", organization_id="p"),
        _trunk("nowhere", host=None),
    )
    assert _ids(_out(*table)) == ["a", "c", "d", "b"]
    assert _ids(_out(*[_trunk(f"{n:02}") for n in range(20)], own="07")) == [
        "07",
        *[f"{n:02}" for n in range(MOST - 1)],
    ]


@pytest.mark.parametrize("own", ["e", None])
def test_a_number_on_no_carrier_calls_out_by_the_default_trunk_or_not_at_all(own: str | None) -> None:
    table = (_trunk("e", provider="openai"), _trunk("b"), _trunk("c"))
    assert _ids(_out(*table, own=own, default="c")) == ["c", "b"]
    for default in (None, "e", "gone"):
        refused = _out(*table, own=own, default=default)
        assert isinstance(refused, NotDialled)
        assert refused.cause == "number-not-backed"
        assert "default_trunk_id" in refused.mend


def test_a_carrier_carries_its_prefixes_only() -> None:
    table = (_trunk("a", prefixes=("+44", "+1303")), _trunk("b", prefixes=("+33",)), _trunk("c"))
    assert _ids(_out(*table)) == ["a", "c"]
    assert _ids(_out(*table, dialled="+33140000000")) == ["b", "c"]
    refused = _out(_trunk("a", prefixes=("+44",)))
    assert isinstance(refused, NotDialled)
    assert (refused.cause, refused.detail) == ("no-carrier", "Trunk a does not carry +13035559876.")


@pytest.mark.parametrize(
    ("fields", "uri"),
    [
        ({}, "sip:+13035559876@a.example.com"),
        ({"dial_format": "plain", "port": 5070}, "sip:13035559876@a.example.com:5070"),
        ({"dial_format": "national", "country": "GB"}, "sip:0013035559876@a.example.com"),
        ({"transport": "tls"}, "sip:+13035559876@a.example.com;transport=tls"),
    ],
)
def test_the_number_is_dialled_as_the_carrier_wants(fields: dict[str, Any], uri: str) -> None:
    found = _out(_trunk("a", **fields))
    assert not isinstance(found, NotDialled)
    assert found[0].uri == uri


def test_an_emergency_number_goes_out_as_it_is_past_prefixes_and_full_trunks() -> None:
    found = _out(_trunk("a", prefixes=("+44",), max_concurrent_calls=0), dialled="911", emergency=True)
    assert not isinstance(found, NotDialled)
    assert found[0].uri == "sip:911@a.example.com"
    assert found[0].trunk.max_concurrent_calls is None


@pytest.mark.parametrize(
    ("rules", "dialled", "cause"),
    [
        ({}, "+13035559876", None),
        ({}, "+442071234567", "destination-not-allowed"),
        ({}, "+18765551234", "destination-not-allowed"),
        ({}, "+19005551234", "premium-not-allowed"),
        ({}, "+881612345678", "destination-not-allowed"),
        ({"premium": True}, "+19005551234", None),
        ({"allow": ("GB",)}, "+442071234567", None),
        ({"allow": ("GB",)}, "+13035559876", "destination-not-allowed"),
        ({"allow": ("+4420", "US")}, "+442071234567", None),
        ({"allow": ("+4420", "US")}, "+441312345678", "destination-not-allowed"),
        ({"allow": ("+8816",)}, "+881612345678", None),
        ({"allow": ("+1",)}, "+19005551234", "premium-not-allowed"),
    ],
)
def test_what_may_be_called(rules: dict[str, Any], dialled: str, cause: str | None) -> None:
    refused = forbidden(OutboundRules(**rules), CALLING, dialled)
    assert (refused.cause if refused is not None else None) == cause


def test_a_number_of_no_country_calls_nobody_by_default() -> None:
    refused = forbidden(OutboundRules(), "+881612345678", "+13035559876")
    assert refused is not None
    assert "nowhere" in refused.detail
