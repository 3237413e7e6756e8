"""What a trunk lets through in a session description."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Encryption = Literal["disable", "allow", "require"]


class Policy(NamedTuple):
    """The default lets everything through untouched."""

    codecs: tuple[str, ...] = ()
    """Names of voice codecs that may be used, best first; empty: whatever the ends agree on, in their own order."""
    encryption: Encryption = "allow"
    """`disable`: RTP must be plain. `require`: media must be SRTP."""
    closed: bool = False
    """No codec is left at all: the trunks of the two legs share none."""

    def meet(self, other: Policy) -> Policy:
        """What both allow, in the order of this one: direct media must suit the trunks of both its ends.

        `disable` against `require` leaves nothing, and `closed` says so.
        """
        if other == OPEN:
            return self
        if self == OPEN:
            return other
        codecs, closed = self.codecs, self.closed or other.closed
        if other.codecs:
            codecs = tuple(name for name in codecs if name in other.codecs) if codecs else other.codecs
            closed = closed or not codecs
        encryption = self.encryption
        if encryption == "allow":
            encryption = other.encryption
        elif other.encryption not in ("allow", encryption):
            closed = True
        return Policy(codecs, encryption, closed)


OPEN: Final = Policy()
