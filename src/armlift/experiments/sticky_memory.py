"""Which arm a bandit gave a user: remembered in bounded memory, the rest is the store's."""

from __future__ import annotations

from collections import OrderedDict

from armlift.experiments.allocation import Assignment


class StickyMemory:
    """The assignments used last.

    Args:
        limit: Assignments that are kept; one takes about 400 bytes.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._assignments: OrderedDict[tuple[str, str], Assignment] = OrderedDict()
        self._complete = True

    @property
    def is_complete(self) -> bool:
        """Whether whoever is not in here is new: nothing was left out so far."""
        return self._complete

    @property
    def limit(self) -> int:
        """Assignments that are kept."""
        return self._limit

    def __len__(self) -> int:
        return len(self._assignments)

    def leave_out(self) -> None:
        """Note that the store holds assignments that are not in here."""
        self._complete = False

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
        if len(self._assignments) > self._limit:
            self._assignments.popitem(last=False)
            self._complete = False

    def forget(self, user_key: str) -> None:
        """Forget a user."""
        for key in [key for key in self._assignments if key[1] == user_key]:
            del self._assignments[key]
