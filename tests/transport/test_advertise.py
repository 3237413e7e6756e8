"""The self-check warns of addresses that the outside cannot reach, and of nothing else."""

from __future__ import annotations

import pytest

from trunkline.sip.flow import Address
from trunkline.transport.advertise import warnings
from trunkline.transport.listener import Listener


def listener(address: str, external: Address | None = None) -> Listener:
    return Listener("udp", (address, 5060), external or (address, 5060))


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("10.1.2.3", "private"),
        ("172.16.0.9", "private"),
        ("192.168.1.1", "private"),
        ("100.64.3.4", "shared (RFC 6598)"),
        ("169.254.1.1", "link-local"),
        ("fd00::2", "private"),
        ("fe80::1", "link-local"),
    ],
)
def test_an_inner_address_is_warned_of(host: str, kind: str) -> None:
    (sentence,) = warnings([listener(host), listener("127.0.0.1"), listener("8.8.8.8")])
    where = f"[{host}]:5060" if ":" in host else f"{host}:5060"
    assert sentence.startswith(f"udp {where} advertises the {kind} address {host} in Via and Contact")
    assert "external_address" in sentence


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "8.8.8.8", "2606:4700::1111"])
def test_loopback_and_public_addresses_are_fine(host: str) -> None:
    assert warnings([listener(host)]) == ()


def test_an_external_address_settles_it_unless_it_is_an_inner_one_itself() -> None:
    assert warnings([listener("10.1.2.3", ("sip.example.com", 5060))]) == ()
    assert warnings([listener("10.1.2.3", ("8.8.8.8", 5060))]) == ()
    assert len(warnings([listener("10.1.2.3", ("192.168.0.1", 5060))])) == 1
    assert len(warnings([listener("10.1.2.3", ("127.0.0.1", 5060))])) == 1


def test_an_address_that_only_calls_out_is_not_warned_of_again() -> None:
    inner = Listener("tls", ("10.1.2.3", 5061), ("10.1.2.3", 5061), accepts=False)
    assert warnings([inner]) == ()
