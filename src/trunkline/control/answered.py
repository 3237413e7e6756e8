"""The store as services ask it: what it does not answer is a refusal of the request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from trunkline.control.errors import Unavailable
from trunkline.store.database import errors as store_errors


@contextlib.contextmanager
def answered(beside: str = "") -> Iterator[None]:
    """The store is asked inside. Raises `Unavailable` when it does not answer; `beside` says what became of the request
    then."""
    try:
        yield
    except store_errors.Unavailable:
        raise Unavailable("store_unavailable", f"The database does not answer now{beside}.") from None
