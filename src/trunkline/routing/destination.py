"""What a telephone number leads to: its country, whether it is of a special rate, whether it is an emergency's, and how
it is dialled. All of it is phonenumbers' knowledge, imported on first use; the answers are kept.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from trunkline.model.trunk import NumberFormat

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

REMEMBERED: Final = 8192
_SHORT = re.compile(r"[0-9]{2,6}")
"""Digits that may be an emergency number with or without something behind it."""
_NOT_DIGITS = re.compile(r"[^0-9+]+")


@lru_cache(maxsize=REMEMBERED)
def country_of(e164: str) -> str | None:
    """ISO 3166 alpha-2 of a number; None for satellites, international networks and what no plan knows.

    Countries with one calling code are told apart for numbers that are not valid too: who dials +1 876 dials Jamaica.
    """
    import phonenumbers

    number = _parsed(e164)
    if number is None:
        return None
    region = phonenumbers.region_code_for_number(number)
    if region is None:
        national = phonenumbers.national_significant_number(number)
        regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
        for each in regions:
            metadata = phonenumbers.PhoneMetadata.metadata_for_region(each, None)
            leading = metadata.leading_digits if metadata is not None else None
            if leading and re.match(leading, national):
                region = each
                break
        else:
            region = regions[0] if regions else None
    return None if region in (None, "001", "ZZ") else region


@lru_cache(maxsize=REMEMBERED)
def special_rate(e164: str) -> bool:
    """Whether calling it costs more than a call: premium rate, shared cost, personal and pager numbers."""
    import phonenumbers
    from phonenumbers import PhoneNumberType

    number = _parsed(e164)
    return number is not None and phonenumbers.number_type(number) in (
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
    )


def emergency(digits: str, country: str | None) -> bool:
    """Whether these digits, dialled in a country, reach its emergency services; without a country, those of any that
    dials 112, 911 or 999."""
    # What is too long to be one is not remembered: it may be as long as a message.
    return _SHORT.fullmatch(digits) is not None and _emergency(digits, country)


@lru_cache(maxsize=REMEMBERED)
def _emergency(digits: str, country: str | None) -> bool:
    if country is None:
        return digits in ("112", "911", "999")
    from phonenumbers import shortnumberinfo

    return shortnumberinfo.connects_to_emergency_number(digits, country.upper())


@lru_cache(maxsize=REMEMBERED)
def written(e164: str, form: NumberFormat, country: str | None) -> str:
    """A number as a peer wants it. `national`: as somebody in `country` dials it, abroad with the international prefix;
    like `plain` where there is none."""
    if form == "e164":
        return e164
    if form == "national" and country is not None:
        import phonenumbers

        number = _parsed(e164)
        if number is not None:
            text = phonenumbers.format_out_of_country_calling_number(number, country.upper())
            return _NOT_DIGITS.sub("", text)
    return e164[1:]


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """All the countries there are, as ISO 3166 alpha-2."""
    import phonenumbers

    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def warm() -> None:
    """Load what takes files to load, before a call needs it."""
    country_of("+12025550100")
    emergency("911", "US")


def _parsed(e164: str) -> PhoneNumber | None:
    import phonenumbers

    try:
        return phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
