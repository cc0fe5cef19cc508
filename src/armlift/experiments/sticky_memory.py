"""Which arm a bandit gave a user: remembered in bounded memory, the rest is the store's."""

from __future__ import annotations

from collections import OrderedDict
from zlib import crc32

from armlift.experiments.allocation import Assignment

_BITS = 24


class StickyMemory:
    """The assignments used last, and traces of all others: who left none is surely new.

    The traces are a Bloom filter (Bloom, 1970) of 2 MB: it takes 1 in 500 new users for a known one after a
    million users, and 1 in 7 after four million. That costs a look into the store, and no mistake.

    Args:
        limit: Assignments that are kept; one takes about 400 bytes.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._assignments: OrderedDict[tuple[str, str], Assignment] = OrderedDict()
        self._traces = bytearray(1 << (_BITS - 3))
        self._saw_all = True

    def is_new(self, experiment_id: str, user_key: str) -> bool:
        """Whether a user surely was never assigned."""
        if not self._saw_all:
            return False
        traces = self._traces
        return any(not traces[bit >> 3] & 1 << (bit & 7) for bit in _trace(experiment_id, user_key))

    @property
    def limit(self) -> int:
        """Assignments that are kept."""
        return self._limit

    def __len__(self) -> int:
        return len(self._assignments)

    def leave_out(self) -> None:
        """Note that the store holds assignments that never were in here."""
        self._saw_all = False

    def find(self, experiment_id: str, user_key: str) -> Assignment | None:
        """Give a user's assignment, if it is in here."""
        key = (experiment_id, user_key)
        found = self._assignments.get(key)
        if found is not None:
            self._assignments.move_to_end(key)
        return found

    def keep(self, experiment_id: str, user_key: str, assignment: Assignment) -> None:
        """Remember an assignment; the one that was used longest ago may have to go."""
        self._assignments[experiment_id, user_key] = assignment
        for bit in _trace(experiment_id, user_key):
            self._traces[bit >> 3] |= 1 << (bit & 7)
        if len(self._assignments) > self._limit:
            self._assignments.popitem(last=False)

    def forget(self, user_key: str) -> None:
        """Forget a user."""
        for key in [key for key in self._assignments if key[1] == user_key]:
            del self._assignments[key]


def _trace(experiment_id: str, user_key: str) -> tuple[int, int, int, int]:
    """Four bits of the filter: the key is a hash already, and the experiment turns it."""
    hashed = int(user_key, 16) ^ crc32(experiment_id.encode()) * 0x1000000010000000100000001
    mask = (1 << _BITS) - 1
    return hashed & mask, hashed >> 32 & mask, hashed >> 64 & mask, hashed >> 96 & mask
