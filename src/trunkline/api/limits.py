"""Budgets as HTTP shows them: so many requests an hour for each key, and the headers of the budget an endpoint spends.

The import budget belongs to the numbers service, because only what was imported spends it; here it is shown.
"""

from __future__ import annotations

from trunkline.control.window import Budget, Windows

HOUR = 3600.0
CODES = frozenset({"rate_limit_exceeded", "import_limit_exceeded"})
"""Refusals for a budget that is spent, whose headers say when it is whole again."""


def general(limit: int) -> Windows:
    return Windows(limit, HOUR)


def headers(budget: Budget, wall: float) -> dict[str, str]:
    """The X-RateLimit headers; `wall` is Unix seconds now."""
    return {
        "X-RateLimit-Limit": str(budget.limit),
        "X-RateLimit-Remaining": str(budget.remaining),
        "X-RateLimit-Reset": str(budget.reset_at(wall)),
    }
