"""The store and the engine as services ask them: where they do not answer, the request is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from trunkline.control.errors import Unavailable
from trunkline.store.database import errors as store_errors


@contextlib.contextmanager
def store_answers(beside: str = "") -> Iterator[None]:
    """The store is asked inside. Raises `Unavailable` when it does not answer; `beside` says what became of the request
    then."""
    try:
        yield
    except store_errors.Unavailable:
        raise Unavailable("store_unavailable", f"The database does not answer now{beside}.") from None


@contextlib.contextmanager
def engine_answers() -> Iterator[None]:
    """The engine is asked inside. Raises `Unavailable` when it does not answer."""
    try:
        yield
    except ConnectionError:
        raise Unavailable("engine_unavailable", "The engine does not answer now.") from None
