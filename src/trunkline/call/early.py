"""What a request inside an early dialog is told (RFC 3261 §12, RFC 3311 §5.2): nothing crosses before the answer.

None of it may be 481: who asked would take that for the end of the dialog (§12.2.1.2).
"""

from __future__ import annotations

from trunkline.call.gate import KNOWN
from trunkline.call.user_agent import ALLOW

MOST_FORKS = 32
"""Early dialogs of one INVITE that are kept apart, and answers to it that are ended one by one; more is no fork."""


def told(method: str) -> tuple[int, str]:
    """Status and header lines for any request but a BYE."""
    if method == "OPTIONS":
        return 200, ALLOW
    if method in ("INVITE", "UPDATE", "INFO"):
        return 500, "Retry-After: 5\r\n"
    return 405 if method in KNOWN else 501, ALLOW
