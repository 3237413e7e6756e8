"""The order in which the members of a weighted group are tried: drawn anew for each call, by their shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def drawn(members: Sequence[tuple[str, int]], chance: Callable[[], float] | None) -> list[str]:
    """Every member once. Each place goes to one of those left, in proportion to its weight; members of weight 0 come
    last, as they stand. `chance` gives numbers in [0, 1); without it the heaviest go first, which is what is most
    likely."""
    rest = [member for member in members if member[1] > 0]
    order: list[str] = []
    if chance is None:
        rest.sort(key=_falling)
        order += [id for id, _ in rest]
    else:
        total = sum([weight for _, weight in rest])
        while rest:
            mark = chance() * total
            at = 0
            while at < len(rest) - 1 and mark >= rest[at][1]:
                mark -= rest[at][1]
                at += 1
            id, weight = rest.pop(at)
            total -= weight
            order.append(id)
    return order + [id for id, weight in members if weight <= 0]


def _falling(member: tuple[str, int]) -> int:
    return -member[1]
