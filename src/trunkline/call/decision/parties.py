"""Who calls, and what was dialled: the two telephone numbers of an INVITE, in canonical form.

What was dialled stands in the Request-URI. A trunk that registers, or whose carrier routes by user, is called by its
own user name there, and the number is in P-Called-Party-ID (RFC 7315 §4.2), To, or Diversion (RFC 5806).

Who calls stands in From, or, from a trunk whose word is trusted, in P-Asserted-Identity (RFC 3325) or its forerunner
Remote-Party-ID; a caller who asked for privacy (RFC 3323) is nobody to us as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from trunkline.call.decision.privacy import asserted, withheld
from trunkline.call.decision.suspects import first
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.routing.ranges import number_in, outbound_number
from trunkline.routing.table import Table
from trunkline.routing.telephone import Party, party_of_address, plain, plain_address, with_plus
from trunkline.routing.telephone import party as read_party
from trunkline.sip.grammar import split_commas
from trunkline.sip.message import Request

_CALLED: Final = ("P-Called-Party-ID", "To", "Diversion")


class Dialled(NamedTuple):
    text: str
    """E.164 where it is a number, else the user part as it came."""
    number: Number | None
    """Ours; None when nobody has it."""
    header: str = "Request-URI"
    """Where it stood."""


def dialled(request: Request, table: Table, sources: Mapping[str, int], contact: str | None = None) -> Dialled:
    """What the INVITE asks for. `sources`: the trunks it may be from, for their countries and user names. `contact`:
    the trunk whose Contact is asked for, which says nothing of the number."""
    e164 = plain(request.uri) if contact is None else None
    if e164 is not None:
        # A pilot number is a user name too.
        if not table.with_user(e164) and not table.with_user(e164[1:]):
            return Dialled(e164, table.number(e164))
        asked = Party(e164)
    else:
        found = read_party(request.uri)
        if found is None:
            return Dialled(request.uri, None)
        asked = found
    suspects = first(table, sources) if contact is None else (table.trunks[contact],)
    countries, own = _dialling(asked, suspects)
    beside: Dialled | None = None
    if own or contact is not None or not asked.user:
        for header in _CALLED:
            for value in request.headers(header)[:1]:
                other = party_of_address(split_commas(value)[0]) if value else None
                if other is not None and other.user != asked.user:
                    read = _look_up(other, countries, table)
                    if read.number is not None:
                        return read._replace(header=header)
                    if beside is None and any(number_in(trunk, read.text) is not None for trunk in suspects):
                        beside = read._replace(header=header)
    read = _look_up(asked, countries, table)
    return read if beside is None or read.number is not None else beside


def _dialling(asked: Party, suspects: Iterable[Trunk]) -> tuple[list[str | None], bool]:
    """The countries that the suspects' national numbers are read in, and whether the user asked for is one of them."""
    countries: dict[str | None, None] = {}
    own = False
    for trunk in suspects:
        if trunk.country:
            countries[trunk.country] = None
        if trunk.username and asked.user.removeprefix("+") == trunk.username.removeprefix("+"):
            own = True
        own = own or asked.user == trunk.id
    return list(countries)[:8] or [None], own


def _look_up(asked: Party, countries: list[str | None], table: Table) -> Dialled:
    text: str | None = None
    for country in countries:
        e164 = asked.number(country)
        if e164 is not None:
            number = table.number(e164)
            if number is not None:
                return Dialled(e164, number)
            text = text or e164
    # Some carriers leave the plus out. Whether that is meant, our own numbers tell.
    full = with_plus(asked.user)
    number = table.number(full) if full is not None else None
    if full is not None and number is not None:
        return Dialled(full, number)
    return Dialled(text or asked.user, None)


def caller(request: Request, trunk: Trunk) -> str | None:
    """Who calls: E.164 where it is a number, else the user as it came; None when it is withheld."""
    if withheld(request, trunk.trust_identity):
        return None
    if trunk.trust_identity:
        said = [_named(value, trunk.country) for value in asserted(request)]
        # A name may stand beside the number, in either order (RFC 3325 §9.1).
        who = next((one for one in said if one is not None and one[0] == "+"), None)
        who = who or next((one for one in said if one is not None), None)
        if who is not None:
            return who
    return _named(request.header("From") or "", trunk.country)


class Calling(NamedTuple):
    """Who calls out."""

    text: str | None
    """As `caller` gives it, but for a number that is ours and written without its plus."""
    number: Number | None
    """Ours; None when nobody has it."""
    private: bool
    """Whether the callee must not be shown it: Privacy (RFC 3323), or an anonymous From beside an asserted number."""


def calling(request: Request, trunk: Trunk, table: Table) -> Calling:
    """Whose number an agent's side calls from: P-Asserted-Identity, Remote-Party-ID where it is trusted, else From."""
    said = [request.header("From") or ""]
    private = withheld(request, trunk.trust_identity)
    if trunk.trust_identity or trunk.default_caller is not None:
        found = party_of_address(said[0])
        private = private or (found is not None and found.anonymous)
    if trunk.trust_identity:
        said[:0] = asserted(request)
    text: str | None = None
    for value in said:
        who = _named(value, trunk.country)
        e164 = who if who is None or who[0] == "+" else with_plus(who)
        number = table.number(e164) if e164 is not None else None
        if number is None and e164 is not None:
            number = outbound_number(e164, trunk.organization_id, table)
        if number is not None:
            return Calling(e164, number, private)
        text = text or who
    # A phone says its own name, or nothing: what its trunk calls out as stands for it.
    if trunk.default_caller is not None:
        return Calling(trunk.default_caller, table.number(trunk.default_caller), private)
    return Calling(text, None, private)


def destination(request: Request, trunk: Trunk, country: str | None) -> str:
    """What an agent's side dials: E.164 where it is a number to somebody in `country`, else the user part as it is."""
    e164 = plain(request.uri)
    if e164 is not None:
        return e164
    asked = read_party(request.uri)
    if asked is None or asked.user in (trunk.username, trunk.id):
        # Who is called by its own name says in To whom it wants.
        asked = party_of_address(request.header("To") or "") or asked
    if asked is None:
        return ""
    return asked.number(country) or asked.user


def _named(value: str, country: str | None) -> str | None:
    e164 = plain_address(value)
    if e164 is not None:
        return e164
    found = party_of_address(value)
    if found is None or found.anonymous:
        return None
    return found.number(country) or found.user or None
