"""What can go wrong with the store, in the few words that the floors above act upon.

A driver's error becomes one of these where a statement runs; an error that is none of them is a bug, and raises through
as it is.
"""

from __future__ import annotations

import re

from sqlalchemy import exc

from trunkline.store.database import tables

_SQLITE_UNIQUE = re.compile(r"UNIQUE constraint failed: (?:index '(?P<index>\w+)'|(?P<columns>[\w., ]+))")
_POSTGRES_UNIQUE = re.compile(r'violates unique constraint "(?P<index>\w+)"')
# Of PostgreSQL's classes of errors those that may pass: connection, authorization and database name, transaction taken
# back (a deadlock) or on a server that only reads, resources, locks, an operator's doing, the system.
_PASSING = ("08", "28", "3D", "25", "40", "53", "55", "57", "58", "XX")
_FOREIGN = re.compile(r"foreign key constraint", re.IGNORECASE)


class StoreError(Exception):
    """The root of the store's errors."""


class Conflict(StoreError):
    """What was written is taken already, or refers to (or is referred to by) another record."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field
        """The field whose value is taken (`name`, `e164`, `id`), or `reference` for a foreign key."""


class Unavailable(StoreError):
    """The database cannot be used now: locked, full, gone, not writable. The same request may succeed later."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Occupied(Unavailable):
    """The database has an edge already."""


class WrongKey(StoreError):
    """A credential cannot be opened with the keys at hand, or the key file is not usable."""


class SchemaMismatch(StoreError):
    """The database was made by a newer version of this program."""


def domain_error(error: exc.SQLAlchemyError) -> StoreError | None:
    """The domain error that a driver's error means; None when it is a bug of ours."""
    if isinstance(error, exc.IntegrityError):
        return _conflict(str(error.orig))
    if isinstance(error, exc.TimeoutError):
        return Unavailable("no database connection became free in time")
    if isinstance(error, exc.PendingRollbackError):
        return Unavailable("the connection to the database broke")
    if isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.InternalError)):
        return Unavailable(str(error.orig))
    if isinstance(error, exc.DBAPIError) and str(getattr(error.orig, "sqlstate", None)).startswith(_PASSING):
        return Unavailable(str(error.orig))
    if type(error) is exc.DatabaseError or (isinstance(error, exc.DBAPIError) and error.connection_invalidated):
        return Unavailable(str(error.orig))  # a damaged file, or no database at all; a connection that broke
    return None


def _conflict(text: str) -> Conflict | None:
    if match := _SQLITE_UNIQUE.search(text) or _POSTGRES_UNIQUE.search(text):
        parts = match.groupdict()
        if parts["index"]:
            return Conflict(tables.unique_field(parts["index"]))
        return Conflict(parts["columns"].rpartition(".")[2])
    return Conflict("reference") if _FOREIGN.search(text) else None
