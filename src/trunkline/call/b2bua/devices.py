"""The devices of one agent, in the order to call them: as they asked for when they registered, but that one which was
silent, or could not be reached, a while ago comes last, like any address (`trunk.penalty`)."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.routing.outbound import Carrier
from trunkline.routing.select import Candidate
from trunkline.trunk.penalty import Penalties


def ordered(candidates: Sequence[Candidate | Carrier], penalties: Penalties, now: float) -> list[Candidate | Carrier]:
    """The same candidates; agents and carriers keep their places among each other."""
    found: list[Candidate | Carrier] = []
    devices: list[Candidate] = []
    for one in candidates:
        if isinstance(one, Candidate) and (devices or not one.alone):
            devices.append(one)
            if one.alone:
                found += _well_first(devices, penalties, now)
                devices = []
        else:
            found.append(one)
    return found + devices


def _well_first(devices: list[Candidate], penalties: Penalties, now: float) -> list[Candidate]:
    rests = [one.flow is not None and penalties.rests(one.flow, now) for one in devices]
    if not any(rests):
        return devices
    well = [one for one, rest in zip(devices, rests, strict=True) if not rest]
    both = well + [one for one, rest in zip(devices, rests, strict=True) if rest]
    return [*[one._replace(alone=False) for one in both[:-1]], both[-1]._replace(alone=True)]
