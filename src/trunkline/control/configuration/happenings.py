"""What a change of the configuration means to webhooks: a trunk that is other than it was, a number that came to work.

Decided in one place, from what was there and what comes in its place, so that no service can forget to tell. Calls are
told of where their rows are written (`store.events`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import structs

from trunkline.control.configuration.catalogue import Catalogue, Record
from trunkline.model.change import Removed
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.model.webhook import Event
from trunkline.store.events import event, moment

_COMING = (None, "provisioning", "failed")
"""Where a number comes from that is `active` for the first time, or again after a failure."""


def events_of(
    changes: Sequence[Record | Removed], catalogue: Catalogue, mint: Callable[[], str], wall: float
) -> Iterator[Event | None]:
    """In the order of the changes; of a record that is put twice, once. None for a record of which nothing is told: who
    asks may pause there."""
    if not catalogue.webhooks:
        return
    last = {change.id: change for change in changes if isinstance(change, Trunk | Number)}
    gone = {change.id for change in changes if isinstance(change, Removed)}
    for record in last.values():
        told = None
        if isinstance(record, Trunk):
            if record.id not in gone and _altered(catalogue.trunks.get(record.id), record):
                told = _trunk_updated(record, mint(), wall)
        elif record.id not in gone and record.state == "active":
            before = catalogue.numbers.get(record.id)
            if (None if before is None else before.state) in _COMING:
                told = _number_provisioned(record, catalogue, mint(), wall)
        yield told


def _altered(before: Trunk | None, after: Trunk) -> bool:
    return before is not None and structs.replace(before, updated_at=after.updated_at) != after


def _trunk_updated(trunk: Trunk, key: str, wall: float) -> Event:
    data = {
        "trunk_id": f"trunk_{trunk.id}",
        "name": trunk.name,
        "provider": trunk.provider,
        "status": "active" if trunk.enabled else "inactive",
        "reprovision_required": trunk.reprovision_required,
        "updated_at": moment(wall),
    }
    return event("trunk.updated", trunk.organization_id, trunk.id, wall, data, key)


def _number_provisioned(number: Number, catalogue: Catalogue, key: str, wall: float) -> Event:
    trunk = catalogue.trunks.get(number.trunk_id or "")
    data = {
        "phone_number_id": f"phone_{number.id}",
        "phone_number": number.e164,
        "status": number.state,
        "engine": trunk.provider if trunk is not None and trunk.engine else None,
        "trunk_id": None if number.trunk_id is None else f"trunk_{number.trunk_id}",
        "agent_id": None if number.agent_id is None else f"agent_{number.agent_id}",
        "provisioned_at": moment(wall if number.provisioned_at is None else number.provisioned_at),
    }
    return event("number.provisioned", number.organization_id, number.id, wall, data, key)
