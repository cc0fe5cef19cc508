"""Times as the store has them, microseconds since 1970, UTC, and as everybody else has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from armlift.errors import ParameterError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime, name: str) -> int:
    """Give a time as the store has it.

    Raises:
        ParameterError: It has no time zone.
    """
    if moment.tzinfo is None:
        raise ParameterError(name, moment, "a time with its time zone", "Use datetime.now(UTC).")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(ts: int) -> datetime:
    """Give a time of the store as one with its time zone, UTC."""
    return _EPOCH + timedelta(microseconds=ts)
