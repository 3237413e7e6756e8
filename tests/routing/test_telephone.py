from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.routing.telephone import (
    E164,
    LONGEST,
    Party,
    _national,
    canonical,
    party,
    party_of_address,
    plain,
    plain_address,
    with_plus,
)


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+14155550100", None, "+14155550100"),
        ("+14155550100", "DE", "+14155550100"),
        # The documents' own numbers are not valid ones, and are taken.
        ("+15555551234", None, "+15555551234"),
        ("+1 (415) 555-0100", None, "+14155550100"),
        ("+1-415-555.0100", None, "+14155550100"),
        ("+44 (0)20 7123 4567", None, "+442071234567"),
        ("004420 7123 4567", None, "+442071234567"),
        ("01144 20 7123 4567", None, "+442071234567"),
        ("011442071234567", "US", "+442071234567"),
        ("00442071234567", "DE", "+442071234567"),
        # A carrier's 00 in a country that dials 011 itself.
        ("00442071234567", "US", "+442071234567"),
        ("4155550100", "US", "+14155550100"),
        ("14155550100", "US", "+14155550100"),
        ("(555) 555-1234", "us", "+15555551234"),
        ("020 7123 4567", "GB", "+442071234567"),
        ("442071234567", "GB", "+442071234567"),
        ("030 901820", "DE", "+4930901820"),
        # In Italy the zero belongs to the number.
        ("06 698 12345", "IT", "+390669812345"),
        # In Japan 010 dials abroad and 011 is Sapporo.
        ("0112345678", "JP", "+81112345678"),
        ("010 1 415 555 2671", "JP", "+14155552671"),
        # Without a country, a full number without its plus is taken when a dial plan has it.
        ("442071234567", None, "+442071234567"),
        ("14155552671", None, "+14155552671"),
    ],
)
def test_what_is_written_in_many_ways_is_one_number(text: str, country: str | None, number: str) -> None:
    assert canonical(text, country) == number


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("", None),
        ("alice", None),
        ("alice", "US"),
        ("100", "US"),
        ("911", "US"),
        ("112", "DE"),
        ("1234", "DE"),
        ("12345", "DE"),
        ("5550100", "US"),
        ("*72", "US"),
        ("#31#4155550100", "US"),
        ("+", None),
        ("+0123456789", None),
        ("+123456", None),
        ("+1234567890123456", None),
        ("++14155550100", None),
        ("1+4155550100", "US"),
        ("4155550100", None),
        ("13912345678", None),
        ("0012", None),
        ("4155550100", "XX"),
        ("4155550100x22", "US"),
        ("٤١٥٥٥٥٠١٠٠", "US"),
        ("+1" * LONGEST, None),
        ("0" * 100_000, "US"),
    ],
)
def test_short_codes_extensions_and_names_are_no_numbers(text: str, country: str | None) -> None:
    assert canonical(text, country) is None


@given(st.text(max_size=80), st.sampled_from([None, "US", "GB", "JP", "BR", "ZZ", ""]))
def test_any_text_gives_a_canonical_number_or_none(text: str, country: str | None) -> None:
    number = canonical(text, country)
    assert number is None or E164.fullmatch(number)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from([None, "US", "GB"]))
def test_a_canonical_number_stays_as_it_is(number: str, country: str | None) -> None:
    assert canonical(number, country) == number
    assert canonical(f"{number[:3]}-({number[3:5]}) {number[5:]}", country) == number


@given(st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True))
def test_a_canonical_number_is_read_back_from_how_it_is_dialled(number: str) -> None:
    assert canonical("011" + number[1:]) == number
    assert canonical("00" + number[1:]) == number


@pytest.mark.parametrize(
    ("uri", "country", "number"),
    [
        ("sip:+14155550100@192.0.2.1", None, "+14155550100"),
        ("sips:+14155550100@example.com:5061;transport=tls", None, "+14155550100"),
        ("SIP:+14155550100@example.com", None, "+14155550100"),
        ("sip:+1-415-555-0100@example.com;user=phone", None, "+14155550100"),
        ("sip:%2B14155550100@example.com", None, "+14155550100"),
        ("sip:+1%34155550100@example.com", None, "+14155550100"),
        ("sip:+14155550100;npdi;rn=+14155559999@example.com", None, "+14155550100"),
        ("sip:+14155550100;tgrp=west;trunk-context=example.com@example.com;user=phone", None, "+14155550100"),
        ("sip:4155550100;phone-context=+1@example.com;user=phone", None, "+14155550100"),
        ("sip:02071234567;phone-context=+44@example.com;user=phone", "US", "+442071234567"),
        ("sip:4155550100;phone-context=example.com@example.com;user=phone", "US", "+14155550100"),
        ("sip:4155550100@example.com", "US", "+14155550100"),
        ("tel:+1-415-555-0100", None, "+14155550100"),
        ("tel:+14155550100;npdi", None, "+14155550100"),
        ("tel:4155550100;phone-context=+1", None, "+14155550100"),
        ("sip:+14155550100:secret@example.com", None, "+14155550100"),
    ],
)
def test_a_uri_names_its_number(uri: str, country: str | None, number: str) -> None:
    found = party(uri)
    assert found is not None
    assert found.number(country) == number


def test_the_usual_shapes_are_read_without_parsing_and_read_the_same() -> None:
    uri = "sip:+14155550100@192.0.2.1:5060"
    assert plain(uri) == "+14155550100"
    for value in (f"<{uri}>;tag=a", f'"Alice" <{uri}>;tag=a', f"Alice <{uri}>"):
        found = party_of_address(value)
        assert found is not None
        assert plain_address(value) == "+14155550100" == found.number(None)


@given(st.text(max_size=60))
def test_the_shortcut_never_reads_what_the_parser_reads_otherwise(text: str) -> None:
    number = plain(text)
    found = party(text)
    if number is not None and found is not None:
        assert found.number(None) == number


@pytest.mark.parametrize(
    "value",
    [
        '"<sip:+14155550100@example.com>" <sip:+12025550100@example.com>',
        r'"a\"<sip:+14155550100@example.com>" <sip:+12025550100@example.com>',
    ],
)
def test_a_display_name_cannot_pose_as_the_uri(value: str) -> None:
    found = party_of_address(value)
    assert found is not None
    assert found.number(None) == "+12025550100"
    assert plain_address(value) in (None, "+12025550100")


@pytest.mark.parametrize("uri", ["sip:", "mailto:a@b", "http://example.com", "+14155550100", "sip:a@b@c", "tel:"])
def test_what_is_no_telephone_uri_names_nobody(uri: str) -> None:
    assert party(uri) is None
    assert plain(uri) is None


@pytest.mark.parametrize(
    ("uri", "anonymous"),
    [
        ("sip:anonymous@anonymous.invalid", True),
        ("sip:Anonymous@192.0.2.1", True),
        ("sip:c8oqz84zk7z@anonymous.invalid", True),
        ("sip:restricted@192.0.2.1", True),
        ("sip:unavailable@192.0.2.1", True),
        ("sip:anonym@192.0.2.1", False),
        ("sip:+14155550100@192.0.2.1", False),
    ],
)
def test_callers_who_withhold_their_number_are_known(uri: str, anonymous: bool) -> None:
    found = party(uri)
    assert found is not None
    assert found.anonymous is anonymous


def test_a_missing_plus_is_put_back_only_where_asked() -> None:
    assert with_plus("14155550100") == "+14155550100"
    assert with_plus("04155550100") is None
    assert with_plus("alice") is None
    assert Party("14155550100").number("DE") != "+14155550100"


def test_a_context_as_long_as_a_message_is_not_remembered() -> None:
    """Strangers write it too, and what is read is kept."""
    before = _national.cache_info().currsize
    for digit in "123456789":
        assert Party("5550100", context=f"+{digit * 60_000}").number("US") is None
    assert _national.cache_info().currsize <= before + 1
