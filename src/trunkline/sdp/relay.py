"""What becomes of a session description that crosses from one leg to the other (RFC 3264).

The ends talk to each other directly: their c= lines, ports, keys and candidates stay. Removed is only what a trunk does
not allow, and always so that what remains is consistent: an m= line never loses its place or its last format, and an
a=rtpmap or a=fmtp goes with its format.

A section that may not be used gets port 0, in an answer (RFC 3264 §6) and in an offer too (§5.1, §8.2 permit it there):
if the offer kept the port, the answerer would open media that the answer then has to deny the offerer. A list of codecs
names voice codecs only, so with one, video, text and fax are not allowed either. Without a list they pass.

The answer's formats are those that its offer had on that leg. A trunk that asks for plain RTP also loses the keys of
opportunistic SRTP (RFC 8643), for with them "RTP/AVP" would be encrypted after all.
"""

from __future__ import annotations

from typing import Final

from trunkline.sdp.codec import COMFORT_NOISE, TELEPHONE_EVENT, Codec, identify, spoken_name
from trunkline.sdp.description import Description
from trunkline.sdp.media import Media
from trunkline.sdp.policy import OPEN, Policy
from trunkline.sdp.refusal import Refusal, listed, refuse, refuse_answer

_BOUND: Final = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=imageattr:")
"""Attributes whose value begins with a payload type."""
_KEYING: Final = ("a=crypto:", "a=fingerprint:", "a=key-mgmt:", "a=zrtp-hash:", "a=setup:")


def cross_offer(offer: Description, policy: Policy) -> Description | Refusal:
    """The offer as the other leg may see it, or why none of its media may be used."""
    if policy == OPEN:
        return offer
    sections = [_restrict(section, policy, None) for section in offer.media]
    if not any(section.port for section in sections) and any(section.port for section in offer.media):
        return _explain(offer, policy)
    return _with_media(offer, sections, policy)


def cross_answer(answer: Description, offer: Description, policy: Policy) -> Description | Refusal:
    """The answer as the offerer may see it. `offer` is what the answerer was sent.

    An answerer that forgot the sections it does not know has rejected them: they are added with port 0, because the
    offerer tells answers from each other by their place.
    """
    if len(answer.media) > len(offer.media):
        return refuse_answer("The answer has more media sections than its offer")
    sections: list[Media] = []
    for asked, section in zip(offer.media, answer.media, strict=False):
        if asked.kind != section.kind:
            return refuse_answer(f"The answer has {section.kind[:32]} where {asked.kind[:32]} was offered")
        if policy != OPEN:
            section = _restrict(section, policy, asked)
        sections.append(section)
    if policy != OPEN and not any(section.port for section in sections):
        if any(section.port for section in answer.media):
            return refuse_answer(f"The answer uses nothing of what was offered ({spoken(offer.media)})")
    if len(answer.media) < len(offer.media):
        return _completed(answer, sections, offer)
    return answer if policy == OPEN else _with_media(answer, sections, policy)


def padded(offer: Description, before: Description) -> Description:
    """The offer with the sections at its end that the session had `before` and it has not, switched off: no session
    loses a section (RFC 3264 §8)."""
    return _completed(offer, offer.media, before)


def cut(answer: Description, count: int) -> Description:
    """The answer without the sections behind the first `count`, which its offerer never had."""
    sections = answer.media[:count]
    sections[-1] = Media([*_without_empty(sections[-1].lines), ""])
    return Description(answer.session, sections, answer.end, answer.origin_at)


def _restrict(section: Media, policy: Policy, asked: Media | None) -> Media:
    if section.port == 0:
        return section
    if policy.closed or (asked is not None and asked.port == 0):
        return _rejected(section)
    if policy.encryption == "require" and not section.secure:
        return _rejected(section)
    if policy.encryption == "disable" and section.secure:
        return _rejected(section)
    formats = section.formats
    if policy.codecs:
        if section.kind != "audio" or not section.rtp:
            return _rejected(section)
        formats = _allowed(section, policy.codecs, asked)
        if not formats:
            return _rejected(section)
    return _rewritten(section, formats, bare=policy.encryption == "disable", bound=bool(policy.codecs))


def _allowed(section: Media, codecs: tuple[str, ...], asked: Media | None) -> list[str]:
    """The section's formats that may stay, in the trunk's order; its companions after them; empty when no voice is."""
    encodings = section.encodings()
    offered: dict[str, Codec | None] | None = None
    if asked is not None:
        agreed = asked.encodings()
        offered = {number: identify(number, agreed.get(number)) for number in asked.formats}
        for number, encoding in agreed.items():
            # Some answerers leave out the rtpmap they were offered; a dynamic number then means what it meant there.
            encodings.setdefault(number, encoding)
    voices: dict[str, list[str]] = {}
    companions: list[str] = []
    for number in dict.fromkeys(section.formats):
        codec = identify(number, encodings.get(number))
        if codec is None or (offered is not None and offered.get(number) is not codec):
            continue
        if codec is TELEPHONE_EVENT or codec is COMFORT_NOISE:
            companions.append(number)
        elif codec.name in codecs:
            voices.setdefault(codec.name, []).append(number)
    if not voices:
        return []
    return [number for name in codecs for number in voices.get(name, ())] + companions


def _rewritten(section: Media, formats: list[str], *, bare: bool, bound: bool) -> Media:
    """The section with these formats; without other formats' attributes when `bound`, without keys when `bare`."""
    lines = section.lines
    drop: tuple[str, ...] = _BOUND if bound else ()
    if bare:
        drop += _KEYING
    if drop:
        kept = set(formats)
        lines = [line for line in lines if not line.startswith(drop) or _stays(line, kept)]
    if formats is section.formats or formats == section.formats:
        return section if len(lines) == len(section.lines) else Media(lines)
    return Media([section.line(formats=formats), *lines[1:]])


def _stays(line: str, formats: set[str]) -> bool:
    if not line.startswith(_BOUND):
        return False
    number = line.partition(":")[2].split(None, 1)
    return bool(number) and (number[0] in formats or number[0] == "*")


def _rejected(section: Media) -> Media:
    # Bundle-only gives port 0 another meaning (RFC 9143 §6), so it goes.
    lines = [line for line in section.lines[1:] if line.rstrip() != "a=bundle-only"]
    return Media([section.line(port=0), *lines])


def _with_media(description: Description, media: list[Media], policy: Policy) -> Description:
    session = description.session
    gone = {
        new.attribute("mid") for old, new in zip(description.media, media, strict=True) if old.port and not new.port
    } - {None}
    if gone:
        session = [_ungrouped(line, gone) if line.startswith("a=group:BUNDLE") else line for line in session]
    if policy.encryption == "disable":
        session = [line for line in session if not line.startswith(_KEYING)]
    at = next(index for index, line in enumerate(session) if line.startswith("o="))
    return Description(session, media, description.end, at)


def _ungrouped(line: str, gone: set[str | None]) -> str:
    """A BUNDLE group without the sections that are rejected (RFC 9143 §7.3.3)."""
    end = "\r" if line.endswith("\r") else ""
    head, *members = line.split()
    return " ".join([head, *(member for member in members if member not in gone)]) + end


def _completed(answer: Description, media: list[Media], offer: Description) -> Description:
    """The answer with the offer's further sections rejected at its end."""
    session, sections = answer.session, list(media)
    if sections:
        tail = sections[-1].lines
        sections[-1] = Media(_without_empty(tail))
    else:
        session = _without_empty(session)
    end = "\r" if answer.end == "\n" and session[0].endswith("\r") else ""
    sections += [Media([asked.line(port=0).rstrip("\r") + end]) for asked in offer.media[len(media) :]]
    sections[-1] = Media([*sections[-1].lines, ""])
    return Description(session, sections, answer.end, answer.origin_at)


def _without_empty(lines: list[str]) -> list[str]:
    stop = len(lines)
    while stop > 1 and not lines[stop - 1].strip():
        stop -= 1
    return lines[:stop]


def _explain(offer: Description, policy: Policy) -> Refusal:
    """The refusal that names what the trunk allows and what was offered."""
    used = [section for section in offer.media if section.port]
    if policy.closed:
        return refuse(488, 305, "no-common-codec", "Incompatible media format: the two trunks of the call share none")
    if policy.encryption == "require" and not any(section.secure for section in used):
        return refuse(488, 302, "media-encryption", "Incompatible transport protocol: SRTP is required, "
                      f"offered {listed(section.protocol for section in used)}")  # fmt: skip
    if policy.encryption == "disable" and all(section.secure for section in used):
        return refuse(488, 302, "media-encryption", "Incompatible transport protocol: only RTP/AVP is allowed, "
                      f"offered {listed(section.protocol for section in used)}")  # fmt: skip
    if not any(section.kind == "audio" for section in used):
        return refuse(488, 304, "media-type", "Media type not available: only audio is allowed, "
                      f"offered {listed(section.kind for section in used)}")  # fmt: skip
    return refuse(488, 305, "no-common-codec", "Incompatible media format: "
                  f"allowed {listed(policy.codecs)}; offered {spoken(used)}")  # fmt: skip


def spoken(sections: list[Media]) -> str:
    """What these sections speak, in names for a person to read."""
    names: list[str] = []
    for section in sections:
        encodings = section.encodings() if section.rtp else {}
        names += [spoken_name(number, encodings.get(number)) if section.rtp else number for number in section.formats]
    return listed(names)
