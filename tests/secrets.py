"""Which words of a request are secrets: what tests send as such is looked for in all that comes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

NAMES = frozenset(
    {"password", "sip_password", "api_key", "api_secret", "auth_token", "webhook_secret", "secret", "private_key"}
)
SHORTEST = 8
"""Letters: a shorter word is found by chance."""


def secrets(body: object, within: bool = False) -> Iterator[str]:
    """Every secret in what is sent: what is named so, and everything under `credentials` but the name that goes with a
    password, which the store looks for."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name == "username":
                continue
            yield from secrets(value, within or name == "credentials" or name in NAMES)
    elif isinstance(body, list | tuple):
        for value in body:
            yield from secrets(value, within)
    elif within and isinstance(body, str) and len(body) >= SHORTEST:
        yield body


def leaks(sent: Iterable[str], places: dict[str, str]) -> list[tuple[str, str]]:
    """Each secret with the place where it came out; a text of lines is looked for line by line."""
    lines = {line for secret in sent for line in secret.splitlines() if len(line) >= SHORTEST and "-----" not in line}
    return [(line, place) for place, text in places.items() for line in sorted(lines) if line in text]
