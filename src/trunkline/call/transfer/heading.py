"""Where a transfer of a call may lead: a destination, and, where it is a telephone, by which carriers. Whether the
organization may call it is decided as for any outbound call from the call's number."""

from __future__ import annotations

from trunkline.call.b2bua.bridge import Seat
from trunkline.call.b2bua.call import Call
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.departure import Objection, outward
from trunkline.call.decision.refusals import CAUSES
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.transfer.destination import Asker, Destination, Unreachable, find
from trunkline.routing.destination import country_of
from trunkline.routing.ranges import outbound_number
from trunkline.sip.uri import Uri


class Headings:
    """Over the live table."""

    __slots__ = ("_admission", "_arrival", "_domain", "_table", "_ua")

    def __init__(self, ua: UserAgent, arrival: Arrival) -> None:
        self._ua = ua
        self._arrival = arrival
        self._table = arrival.table
        self._admission = arrival.admission
        self._domain = arrival.policy.domain

    def find(
        self, call: Call, seat: Seat, target: Uri, uris: bool, now: float, ring_timeout: float = 30.0
    ) -> Destination | Unreachable:
        """Where `target` leads, said by the party in `seat`. `uris`: whether it may name more than numbers.
        `ring_timeout`: seconds that a URI nobody here knows may ring."""
        country = seat.trunk.country if seat.trunk is not None else None
        arrival = self._arrival
        bound = arrival.contacts.bindings.of
        asker = Asker(call.ledger.organization_id, country, uris, ring_timeout, arrival.silent, arrival.chance, bound)
        return self._carried(call, find(self._table, self._hosts(seat), asker, target), country, now)

    def _carried(
        self, call: Call, found: Destination | Unreachable, country: str | None, now: float
    ) -> Destination | Unreachable:
        """The destination with the carriers that reach it, when it is a telephone."""
        if isinstance(found, Unreachable) or not found.telephone:
            return found
        ledger = call.ledger
        organization = self._table.organizations.get(ledger.organization_id)
        number = self._table.numbers.get(ledger.number_id or "")
        if ledger.number_id is None and ledger.phone_number is not None:
            number = outbound_number(ledger.phone_number, ledger.organization_id, self._table)
        if organization is None or number is None:
            return Unreachable(403, "caller-not-owned", "The call has no number that could call out.")
        home = country or country_of(number.e164)
        going = outward(organization, number, found.telephone, home, self._table, self._admission, now, None)
        if isinstance(going, Objection):
            cause = CAUSES[going.cause]
            return Unreachable(cause.status, going.cause, f"{going.detail} {going.mend or cause.mend}")
        rules = organization.outbound if found.telephone[0] == "+" else None
        return found._replace(candidates=going, rules=rules)

    def _hosts(self, seat: Seat) -> set[str]:
        """The names and addresses that are this edge's own."""
        found = {address[0] for address in self._ua.advertised.values()}
        if self._domain:
            found.add(self._domain)
        session = seat.party.session
        if session is not None:
            found.update((session.dialog.flow.local[0], self._ua.origin(session.dialog.flow)))
        return found
