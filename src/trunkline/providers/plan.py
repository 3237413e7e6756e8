"""What a number says of itself by the world's numbering plan: its country, and whether its calls cost the caller
nothing. The library that knows is imported on first use."""

from __future__ import annotations

from functools import lru_cache

_NORTH_AMERICAN = frozenset({"800", "833", "844", "855", "866", "877", "888"})


@lru_cache(maxsize=4096)
def country_of(e164: str) -> str | None:
    """ISO 3166-1 alpha-2; for a number that no plan has given out yet, the first country with its code."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    if region is None and parsed.country_code is not None:
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
    return None if region in (None, "ZZ", "001") else str(region)


@lru_cache(maxsize=4096)
def is_toll_free(e164: str) -> bool:
    if e164.startswith("+1"):
        return e164[2:5] in _NORTH_AMERICAN
    import phonenumbers

    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.TOLL_FREE)


def calling_code(country: str) -> str:
    """The country's calling code, as `44`; empty when there is none."""
    import phonenumbers

    code = phonenumbers.country_code_for_region(country)
    return str(code) if code else ""
