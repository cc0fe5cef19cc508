"""What a database refuses, in words for the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from armlift.errors import LiveError
from armlift.storage.database import Database


@contextmanager
def refusals_in_words(database: Database) -> Iterator[None]:
    """Turn what the driver raises into an error that names the store.

    Args:
        database: The store that is used inside.

    Raises:
        LiveError: The database refused, or is away.
    """
    try:
        yield
    except DBAPIError as error:
        raise LiveError(
            f"{database.name} cannot be used: {error.orig}. Check it and DATABASE_URL, then try again."
        ) from error
