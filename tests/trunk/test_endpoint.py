from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.model.ids import mint
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Transport
from trunkline.sip.uri import parse_uri
from trunkline.trunk.endpoint import endpoint, named

ID = mint(1_700_000_000.0, bytes(range(10)))


@pytest.mark.parametrize(
    "uri",
    [
        f"sip:+12025550100@{ID}.sip.example.com",
        f"sip:+12025550100@{ID.upper()}.SIP.example.com:5061;transport=tls",
        f"sip:+12025550100@192.0.2.1;trunk={ID}",
        f"sip:+12025550100@192.0.2.1;trunk=trunk_{ID}",
        f"sip:+12025550100@192.0.2.1;Trunk=sip_{ID}",
        f"sip:+12025550100;tgrp={ID};trunk-context=sip.example.com@192.0.2.1",
        f"tel:+12025550100;tgrp={ID};trunk-context=sip.example.com",
    ],
)
def test_a_request_uri_names_its_trunk(uri: str) -> None:
    assert named(parse_uri(uri), "sip.example.com") == ID


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+12025550100@sip.example.com",
        "sip:+12025550100@west.sip.example.com",
        f"sip:+12025550100@{ID}.other.example.com",
        f"sip:+12025550100@a.{ID}.sip.example.com",
        f"sip:+12025550100@{ID}",
        "sip:+12025550100@192.0.2.1;trunk",
        "sip:+12025550100@192.0.2.1;trunk=west",
        "sip:+12025550100;tgrp=west@192.0.2.1",
        f"sip:{ID}@192.0.2.1",
    ],
)
def test_other_uris_name_none(uri: str) -> None:
    assert named(parse_uri(uri), "sip.example.com") is None
    assert named(parse_uri(uri), "") is None


@given(
    st.binary(min_size=10, max_size=10),
    st.sampled_from(["sip.example.com", "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "localhost"]),
    st.sampled_from(["udp", "tcp", "tls"]),
    st.sampled_from([None, 5080]),
)
def test_every_endpoint_names_its_trunk_back(
    chance: bytes, domain: str, transport: Transport, port: int | None
) -> None:
    trunk = Trunk(id=mint(1_700_000_000.0, chance), organization_id="o", name="t", transport=transport)
    uri = parse_uri(endpoint(trunk, domain, port))
    assert named(uri, domain) == trunk.id
    assert uri.port == port
    assert uri.transport == (None if transport == "udp" else transport)
