"""What was used of a nonce: each nonce count once (RFC 7616 §3.4, `nc`), in bounded memory.

Only counts that came with a right response are remembered, so nobody fills the memory who does not know a password. UDP
reorders: a count below the highest is taken too, if it lies within the window and was not seen, as IPsec does with its
sequence numbers (RFC 4303 §3.4.3). Credentials without a count (RFC 2069) may be used once for each nonce.

When there is no room the nonce that was first used longest ago goes, and with it every nonce that is not remembered and
not younger: their users are challenged again. So what was forgotten cannot come twice.
"""

from __future__ import annotations

_WINDOW = 32


class Replays:
    """Counts by nonce. `now` and `minted` are monotonic seconds."""

    __slots__ = ("_floor", "_lifetime", "_room", "_used")

    def __init__(self, lifetime: float, room: int = 10_000) -> None:
        """`lifetime`: seconds after which a nonce is no longer taken anyway. `room`: nonces that are remembered."""
        self._lifetime = lifetime
        self._room = room
        self._floor = -1.0
        """No nonce that is not remembered is taken unless it is younger."""
        self._used: dict[str, tuple[float, int, int]] = {}
        """When it was minted, its highest count, and which of the counts up to that were seen, the highest being bit
        0. The nonce first used longest ago is first."""

    def spend(self, nonce: str, minted: float, count: int, now: float) -> bool:
        """Use a count of a nonce that is known to be ours and in time. False when it was used before, or may have
        been."""
        used = self._used
        known = used.get(nonce)
        if known is None:
            self.expire(now)
            if minted <= self._floor:
                return False
            if len(used) >= self._room:
                oldest = next(iter(used))
                self._floor = max(self._floor, used.pop(oldest)[0])
                if minted <= self._floor:
                    return False
            used[nonce] = (minted, count, 1)
            return True
        minted, highest, seen = known
        ahead = count - highest
        if ahead > 0:
            shifted = seen << ahead if ahead < _WINDOW else 0
            used[nonce] = (minted, count, (shifted | 1) & ((1 << _WINDOW) - 1))
            return True
        behind = -ahead
        if behind >= _WINDOW or seen >> behind & 1:
            return False
        used[nonce] = (minted, highest, seen | 1 << behind)
        return True

    def expire(self, now: float) -> None:
        """Forget nonces at the old end whose lifetime is over."""
        used = self._used
        while used:
            nonce = next(iter(used))
            if now - used[nonce][0] <= self._lifetime:
                return
            del used[nonce]

    def __len__(self) -> int:
        return len(self._used)
