"""A session description that outlives the session it was made for: when one party of a call is exchanged for another,
what the party that stays said last is offered to the new one, and compared with what it says then."""

from __future__ import annotations

from trunkline.sdp.codec import identify
from trunkline.sdp.description import Description
from trunkline.sdp.errors import SdpError
from trunkline.sdp.media import DIRECTIONS, Media

_KEYS = ("a=crypto:", "a=fingerprint:", "a=setup:", "a=ice-ufrag:", "a=ice-pwd:")


def as_offer(description: Description, answered: bool) -> Description:
    """The description as an offer to somebody else. `answered`: it was an answer, so its directions say what the party
    before asked for (a hold, before a transfer) and not what this one wants: both ways."""
    if not answered:
        return description
    session = [line for line in description.session if line.rstrip() not in DIRECTIONS]
    at = next(index for index, line in enumerate(session) if line.startswith("o="))
    return Description(session, [_both_ways(section) for section in description.media], description.end, at)


def same_media(told: Description, now: Description) -> bool:
    """Whether who was told the first and is spoken to as the second says would be heard: the same addresses, ports,
    profiles, keys and directions, and a voice codec that was told, by the same number."""
    if len(told.media) != len(now.media):
        return False
    return all(_same(told, before, now, after) for before, after in zip(told.media, now.media, strict=True))


def _same(told: Description, before: Media, now: Description, after: Media) -> bool:
    if before.port != after.port or before.protocol != after.protocol:
        return False
    if not after.port:
        return True
    try:
        if told.connection_of(before) != now.connection_of(after):
            return False
    except SdpError:
        return False
    if told.direction(before) != now.direction(after) or _keys(told, before) != _keys(now, after):
        return False
    if not before.rtp:
        return before.formats == after.formats
    first = after.formats[0]
    if first not in before.formats:
        return False
    meant, means = before.encodings().get(first), after.encodings().get(first)
    return (meant or "").lower() == (means or "").lower() or identify(first, meant) is identify(first, means)


def _keys(description: Description, section: Media) -> list[str]:
    return [line.strip() for line in (*description.session, *section.lines) if line.startswith(_KEYS)]


def _both_ways(section: Media) -> Media:
    if not section.port or section.direction in (None, "sendrecv"):
        return section
    end = "\r" if section.lines[0].endswith("\r") else ""
    lines = [f"a=sendrecv{end}" if line.rstrip() in DIRECTIONS else line for line in section.lines]
    return Media(lines)
