from __future__ import annotations

import pytest

from trunkline.guard.source import source_named, source_of


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_a_host_is_one_source(host: str, source: str) -> None:
    assert source_of(host) == source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (" 192.0.2.7 ", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::1/64", "2001:db8::/64"),
        ("2001:db8::1/128", "2001:db8::/64"),
    ],
)
def test_an_operator_names_a_source(text: str, source: str) -> None:
    assert source_named(text) == source


@pytest.mark.parametrize("text", ["192.0.2.0/24", "2001:db8::/48", "scanner.example.com", "", "192.0.2.7:5060"])
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        source_named(text)
