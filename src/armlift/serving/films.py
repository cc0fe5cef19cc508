"""What the card application shows: the films of a visitor's slate, then what else is popular."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from armlift.errors import UnknownExperiment
from armlift.serving.decisions import Caller, Decisions
from armlift.serving.rewards import Rewards
from armlift.serving.schemas import Ingested, Item

PAGE_SIZE: Final = 10
"""Films that follow at a time."""


class Page(NamedTuple):
    """Films to show next.

    Attributes:
        decision_id: Signed id of the decision they come from; None if they come from none.
        items: The films, the best first.
        first_position: Place of the first of them among all that the visitor was shown, from 0.
        has_more: Whether others can follow.
    """

    decision_id: str | None
    items: Sequence[Item]
    first_position: int = 0
    has_more: bool = True


class FilmShelf(Protocol):
    """What is known of films."""

    def item(self, item_id: int) -> Item | None:
        """Give a film, if it is known."""
        ...

    def by_popularity(self) -> Iterable[Item]:
        """Give all films, the most popular first."""
        ...


class Films:
    """The card application's view of the router.

    A visitor's first films are a slate: one decision. What follows on "more" is popular, the same for
    everybody and no arm's doing, so it carries no decision, and a click on it is no arm's reward.

    Args:
        decisions: Decides.
        rewards: Takes events.
        shelf: Knows the films.
    """

    def __init__(self, decisions: Decisions, rewards: Rewards, shelf: FilmShelf) -> None:
        self._decisions, self._rewards, self._shelf = decisions, rewards, shelf

    async def recommend(
        self, user_id: str, *, session_id: str, agent: str, address: str, shown: Collection[int]
    ) -> Page:
        """Choose what a visitor sees next; where no experiment runs, what is popular.

        Args:
            user_id: The visitor's random id.
            session_id: Random id of the browser's session.
            agent: User agent.
            address: Address of the other end.
            shown: Films that the page shows already; without any, a decision is made.
        """
        if shown:
            return self._popular(shown)
        try:
            decided = await self._decisions.choose(user_id, Caller(agent, address), session_id=session_id)
        except UnknownExperiment:
            return self._popular(shown)
        found = [self._shelf.item(item_id) for item_id in decided.slate.item_ids]
        return Page(decided.token, [item for item in found if item is not None])

    def item(self, item_id: int) -> Item | None:
        """Give a film, if it is known."""
        return self._shelf.item(item_id)

    async def ingest(self, events: Sequence[dict[str, Any]], *, agent: str, address: str) -> Ingested:
        """Store events; when this returns, the accepted ones are on disk.

        Args:
            events: Each an `EventBody`.
            agent: User agent.
            address: Address of the other end.

        Raises:
            StoreUnavailable: None of them was stored.
        """
        return await self._rewards.ingest(events, Caller(agent, address))

    def _popular(self, shown: Collection[int]) -> Page:
        seen, items = set(shown), list[Item]()
        for item in self._shelf.by_popularity():
            if item.item_id in seen:
                continue
            if len(items) == PAGE_SIZE:
                return Page(None, items, len(seen))
            items.append(item)
        return Page(None, items, len(seen), has_more=False)
