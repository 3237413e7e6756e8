"""The order in which SRV targets are tried (RFC 2782), as a function of the records and of chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import NamedTuple


class Srv(NamedTuple):
    """One SRV record."""

    priority: int
    """0 to 65535; lower first."""
    weight: int
    """0 to 65535: the share within a priority."""
    port: int
    target: str


def in_order(records: Iterable[Srv], chance: Callable[[], float]) -> list[Srv]:
    """Every record once, lower priorities first, drawn by weight within each. `chance` gives numbers in [0, 1)."""
    ordered: list[Srv] = []
    by_priority: dict[int, list[Srv]] = {}
    for record in records:
        by_priority.setdefault(record.priority, []).append(record)
    for priority in sorted(by_priority):
        # Those without weight stand first, so that they are drawn only by a zero: "a very small chance".
        rest = sorted(by_priority[priority], key=_weight)
        total = sum(record.weight for record in rest)
        while len(rest) > 1:
            drawn = int(chance() * (total + 1))
            running = accumulate(record.weight for record in rest)
            chosen = rest.pop(next(at for at, sum_so_far in enumerate(running) if sum_so_far >= drawn))
            total -= chosen.weight
            ordered.append(chosen)
        ordered += rest
    return ordered


def _weight(record: Srv) -> int:
    return 1 if record.weight else 0
