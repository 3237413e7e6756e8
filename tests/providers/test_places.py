"""Where numbers were given out, held to the library's own geocoder over its whole data."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trunkline.providers.places import place_of


@pytest.mark.parametrize(
    ("e164", "place"),
    [
        ("+13035559876", "Colorado"),
        ("+12012001234", "Jersey City, NJ"),
        ("+442079460000", "London"),
        ("+41446681800", "Zurich"),
        ("+4930123456", "Berlin"),
        ("+18005550100", None),
        ("+447700900123", None),
        ("+999123456789", None),
        ("+1", None),
        ("anonymous", None),
    ],
)
def test_places(e164: str, place: str | None) -> None:
    assert place_of(e164) == place


def test_it_says_what_the_geocoder_says() -> None:
    """In a process of its own: the geocoder's data take 100 MB."""
    numbers = [f"+1{area}2001234" for area in range(201, 990, 7)]
    numbers += ["+33142685300", "+390667101", "+81335811111", "+862162345678", "+551132345678", "+61293744000"]
    program = (
        "import sys, phonenumbers\nfrom phonenumbers import geocoder\n"
        "for text in sys.argv[1:]:\n    number = phonenumbers.parse(text)\n"
        "    known = phonenumbers.is_number_geographical(number)\n"
        "    names = geocoder.description_for_valid_number(number, 'en') if known else ''\n    print(names)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, *numbers], capture_output=True, text=True, check=True)
    said = [line or None for line in run.stdout.splitlines()]
    ours = [place_of(number) for number in numbers]
    # Where no prefix has a place, the geocoder names the country: that is no place.
    differing = [(number, a, b) for number, a, b in zip(numbers, said, ours, strict=True) if a != b and b is not None]
    assert differing == []
    assert sum(place is not None for place in ours) > 50
