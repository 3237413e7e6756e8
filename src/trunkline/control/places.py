"""Where phone numbers belong, from the numbering plans alone: nothing is asked of anybody."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import geocoder


@lru_cache(maxsize=4096)
def country_of(e164: str) -> str | None:
    """ISO 3166 alpha-2; None when the number is of no country, or of a plan that several share and does not tell."""
    number = _parsed(e164)
    if number is None:
        return None
    regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
    region = phonenumbers.region_code_for_number(number)
    if region is None and regions:
        # Numbers that are not given out yet are still numbers of the plan's main country.
        region = regions[0]
    return None if region in (None, "001") else str(region)


@lru_cache(maxsize=4096)
def place_of(e164: str) -> str | None:
    """Where a number was given out, in English, as `Denver, CO`; None when its plan does not tell."""
    number = _parsed(e164)
    if number is None:
        return None
    return geocoder.description_for_number(number, "en") or None


def _parsed(e164: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return None
