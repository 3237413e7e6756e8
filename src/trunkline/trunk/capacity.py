"""How many calls at once: for each trunk, and for all of them, the set of the calls that are there.

A set of call ids, not a counter: adding twice is adding once, releasing what is not held does nothing, so no order of
events can leak a place or free another call's. Calls are released in one place, where they end.
"""

from __future__ import annotations


class Capacity:
    """The places that calls hold. A limit is passed in when asked: it may change while calls are up, and lowering it
    ends none of them."""

    __slots__ = ("_calls", "_held")

    def __init__(self) -> None:
        self._held: dict[str, set[str]] = {}
        """Call ids by trunk id."""
        self._calls: dict[str, tuple[str, ...]] = {}
        """The trunks on which a call holds a place, by call id."""

    def full(self, trunk_id: str, limit: int | None) -> bool:
        """Whether one more call would be over the limit; None is no limit."""
        return limit is not None and len(self._held.get(trunk_id, ())) >= limit

    def hold(self, trunk_id: str, call_id: str) -> None:
        """The call takes a place on this trunk, whether or not it is full: ask first, in the same turn."""
        held = self._held.setdefault(trunk_id, set())
        if call_id not in held:
            held.add(call_id)
            self._calls[call_id] = (*self._calls.get(call_id, ()), trunk_id)

    def release(self, call_id: str) -> None:
        """The call has ended and gives back all its places."""
        for trunk_id in self._calls.pop(call_id, ()):
            self._drop(trunk_id, call_id)

    def leave(self, trunk_id: str, call_id: str) -> None:
        """The call goes on without this trunk: an attempt to reach an agent by it is over."""
        trunks = self._calls.get(call_id, ())
        if trunk_id in trunks:
            self._drop(trunk_id, call_id)
            left = tuple([other for other in trunks if other != trunk_id])
            if left:
                self._calls[call_id] = left
            else:
                del self._calls[call_id]

    def _drop(self, trunk_id: str, call_id: str) -> None:
        held = self._held[trunk_id]
        held.remove(call_id)
        if not held:
            del self._held[trunk_id]

    def holds(self, trunk_id: str, call_id: str) -> bool:
        """Whether the call has its place on this trunk already."""
        return call_id in self._held.get(trunk_id, ())

    def used(self, trunk_id: str) -> int:
        """Calls that hold a place on this trunk."""
        return len(self._held.get(trunk_id, ()))

    def __len__(self) -> int:
        """Calls that hold a place anywhere."""
        return len(self._calls)
