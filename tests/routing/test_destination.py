from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.routing.destination import countries, country_of, emergency, special_rate, written


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12025550100", "US"),
        ("+18765551234", "JM"),
        ("+18760001234", "JM"),
        ("+14165550100", "CA"),
        ("+442071234567", "GB"),
        ("+447700900123", "GB"),
        ("+33140000000", "FR"),
        ("+88213000000", None),
        ("+881612345678", None),
        ("+999123456789", None),
    ],
)
def test_the_country_of_a_number(number: str, country: str | None) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    ("number", "special"),
    [
        ("+19005551234", True),
        ("+449098790000", True),
        ("+447012345678", True),
        ("+12025550100", False),
        ("+18005550100", False),
        ("+442071234567", False),
    ],
)
def test_numbers_of_special_rates(number: str, special: bool) -> None:
    assert special_rate(number) is special


@pytest.mark.parametrize(
    ("digits", "country", "is_one"),
    [
        ("911", "US", True),
        ("911", "us", True),
        ("112", "DE", True),
        ("110", "DE", True),
        ("110", "US", False),
        ("999", "GB", True),
        ("000", "AU", True),
        ("112", None, True),
        ("110", None, False),
        ("+12025550100", "US", False),
        ("100", "DE", False),
        ("", "US", False),
    ],
)
def test_emergency_numbers_are_their_countrys(digits: str, country: str | None, is_one: bool) -> None:
    assert emergency(digits, country) is is_one


@pytest.mark.parametrize(
    ("number", "form", "country", "text"),
    [
        ("+442071234567", "e164", "GB", "+442071234567"),
        ("+442071234567", "plain", "GB", "442071234567"),
        ("+442071234567", "national", "GB", "02071234567"),
        ("+442071234567", "national", "US", "011442071234567"),
        ("+12025550100", "national", "US", "12025550100"),
        ("+12025550100", "national", "GB", "0012025550100"),
        ("+12025550100", "national", None, "12025550100"),
    ],
)
def test_a_number_is_written_as_a_peer_wants_it(number: str, form: Any, country: str | None, text: str) -> None:
    assert written(number, form, country) == text


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(["US", "GB", "DE", "IT", None]))
def test_any_number_has_an_answer(number: str, country: str | None) -> None:
    assert country_of(number) in {*countries(), None}
    assert isinstance(special_rate(number), bool)
    assert written(number, "national", country).strip("0123456789") == ""
