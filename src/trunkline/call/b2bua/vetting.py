"""Whether somebody vouches for a call's caller, as its trunk wants to know (RFC 8224): the certificate is asked for,
and the call waits for it, not for long.

A call of a trunk that does not ask has nothing of this.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua.search import Nobody
from trunkline.call.decision.privacy import asserted
from trunkline.call.leg.asking import Outs
from trunkline.call.outputs import Fetch, Observed
from trunkline.identity import diversion
from trunkline.identity.passport import Flaw, Passport, Said, digits, read
from trunkline.identity.verify import NONE, UNTRUSTING, Judgement, Verifier, flawed, passed
from trunkline.model.trunk import Trunk
from trunkline.routing.telephone import party_of_address
from trunkline.sip.grammar import split_commas
from trunkline.sip.message import Request

_MOST: Final = 4
"""Identity headers that are looked at."""
_UNREACHED: Final = Flaw(436, "its certificate could not be had")
_PHRASES: Final = {
    403: "Stale Date",
    428: "Use Identity Header",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
}


class Vetting:
    """That of one call, until it is judged."""

    __slots__ = ("_call", "_callee", "_checked", "_destinations", "_origins", "_request", "_trunk", "_verifier", "_way")

    def __init__(self, call: str, verifier: Verifier, trunk: Trunk, request: Request, callee: str) -> None:
        """`request`: the INVITE that came by `trunk`. `callee`: the number called, E.164."""
        self._call = call
        self._verifier = verifier
        self._trunk = trunk
        self._request = request
        self._callee = callee
        self._way: tuple[Passport, ...] = ()
        """The caller's token, and those of the diversions after it."""
        self._checked = 0
        """How many of them stand."""
        self._origins: frozenset[str] = frozenset()
        self._destinations: frozenset[str] = frozenset()

    @property
    def patience(self) -> float:
        """Seconds that the call waits."""
        return self._verifier.timeout

    def begin(self, wall: float) -> Judgement | Outs:
        """Read the token. What is known without its certificate, or the question for it."""
        request, trunk = self._request, self._trunk
        values = [value for line in request.headers("Identity")[:_MOST] for value in split_commas(line)][:_MOST]
        if not values:
            return NONE
        origins = _digits(_callers(request, trunk), trunk.country)
        asked = _digits([request.header("To") or ""], trunk.country)
        self._origins, self._destinations = frozenset(origins), frozenset([digits(self._callee), *asked])
        said = Said("".join(origins[:1]), "".join(asked), _date(request.header("Date")))
        found = [read(value, said) for value in values]
        # Kinds that are not spoken are to be passed over (RFC 8224 §6.2), and a diversion vouches for nobody alone.
        spoken = [one for one in found if isinstance(one, Flaw) or one.kind in ("shaken", "")]
        if not spoken:
            return NONE
        diversions = [one for one in found if isinstance(one, Passport) and one.kind == diversion.KIND]
        first: Flaw | None = None
        # Of several the one that is about this call: who diverts it may sign anew.
        for own in spoken:
            way = diversion.way(own, diversions, self._destinations) if isinstance(own, Passport) else ()
            doubt = own if isinstance(own, Flaw) else diversion.doubt(way, wall, self._origins, self._destinations)
            if doubt is None:
                self._way = way
                break
            first = first or doubt
        else:
            assert first is not None
            return flawed(first)
        if not self._verifier.trusts:
            return UNTRUSTING
        return [Fetch(self._call, self._way[0].url)]

    def fetched(self, pem: bytes | None, wall: float) -> Judgement | Outs:
        """A certificate came, or will not. What is known then, or the question for the next."""
        if pem is None or not self._way:
            return flawed(_UNREACHED)
        flaw = diversion.doubt(self._way, wall, self._origins, self._destinations)
        flaw = flaw or self._verifier.doubt(self._way[self._checked], pem, wall)
        if flaw is not None:
            return flawed(flaw)
        self._checked += 1
        if self._checked < len(self._way):
            return [Fetch(self._call, self._way[self._checked].url)]
        return passed(self._way[0])

    def refuses(self, judgement: Judgement) -> bool:
        """Whether the call is to be refused for it."""
        return self._trunk.identity == "require" and judgement.status != 0

    def observed(self, judgement: Judgement) -> Observed:
        """For the counts."""
        trunk = self._trunk
        return Observed("identity", "", judgement.verstat, judgement.status, trunk.organization_id, trunk.id)


def headers(judgement: Judgement, brand: str) -> tuple[tuple[str, str], ...]:
    """What an agent is told of it."""
    told = [(f"X-{brand}-Verstat", str(judgement.verstat))]
    if judgement.attestation:
        told.append((f"X-{brand}-Attestation", judgement.attestation))
    return tuple(told)


def nobody(judgement: Judgement) -> Nobody:
    """The end of a call that nobody vouches for, where somebody must, with its Reason (RFC 9410 §4)."""
    words = _PHRASES[judgement.status]
    reason = f'Reason: STIR;cause={judgement.status};text="{words}"\r\n'
    detail = f"The caller's identity is required: {judgement.reason}."
    return Nobody(judgement.status, words, reason, "failed", "identity", "edge", detail)


def _callers(request: Request, trunk: Trunk) -> list[str]:
    """The addresses of who calls, privacy or not: as a trusted trunk asserts them, else From."""
    return (asserted(request) if trunk.trust_identity else []) or [request.header("From") or ""]


def _digits(addresses: list[str], country: str | None) -> list[str]:
    found = []
    for address in addresses:
        party = party_of_address(address)
        if party is not None:
            number = digits(party.number(country) or party.user)
            if number:
                found.append(number)
    return found


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date(value: str | None) -> int | None:
    """Unix seconds of a Date header (§20.17); None when there is none."""
    words = (value or "").split()
    if len(words) != 6 or words[5] != "GMT" or words[2] not in _MONTHS:
        return None
    clock = words[4].split(":")
    numbers = [words[1], words[3], *clock]
    if len(clock) != 3 or not all(number.isdecimal() and number.isascii() and len(number) <= 4 for number in numbers):
        return None
    day, year, hour, minute, second = map(int, numbers)
    month = _MONTHS.index(words[2]) + 1
    # Days since 1970 of a date in the Gregorian calendar, the year beginning in March.
    shifted = year - (month <= 2)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + of_year - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second
