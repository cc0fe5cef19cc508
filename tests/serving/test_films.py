import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from armlift.errors import UnknownExperiment
from armlift.serving.decisions import Caller
from armlift.serving.films import PAGE_SIZE, Films, Page
from armlift.serving.schemas import Ingested, Item

ITEMS = {number: Item(number, f"Film {number}", 2000, ["Drama"]) for number in range(1, 26)}


class Shelf:
    def item(self, item_id: int) -> Item | None:
        return ITEMS.get(item_id)

    def by_popularity(self) -> list[Item]:
        return list(ITEMS.values())


class Decisions:
    """Shows everybody films 20 to 24, and one that nobody knows; decides nothing where nothing runs."""

    def __init__(self, *, running: bool = True) -> None:
        self.running = running
        self.asked: list[tuple[Any, ...]] = []

    async def choose(self, user_id: str, caller: Caller, *, session_id: str) -> Any:
        if not self.running:
            raise UnknownExperiment("")
        self.asked.append((user_id, caller, session_id))
        return SimpleNamespace(token="d1.signed", slate=SimpleNamespace(item_ids=(20, 21, 22, 999, 23, 24)))


class Rewards:
    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def ingest(self, events: Any, caller: Caller) -> Ingested:
        self.taken.append((events, caller))
        return Ingested(len(events), 0, 0, [])


def ask(decisions: Decisions, *shown: int) -> Page:
    films = Films(decisions, Rewards(), Shelf())  # type: ignore[arg-type]
    return asyncio.run(
        films.recommend("u", session_id="s", agent="Firefox", address="192.0.2.1", shown=shown)
    )


def test_the_first_page_is_a_decision_made_for_a_browser() -> None:
    decisions = Decisions()
    page = ask(decisions)
    assert page.decision_id == "d1.signed"
    assert [item.item_id for item in page.items] == [20, 21, 22, 23, 24]
    assert (page.first_position, page.has_more) == (0, True)
    assert decisions.asked == [("u", Caller("Firefox", "192.0.2.1", is_backend=False), "s")]


def test_what_follows_is_popular_not_shown_yet_and_no_decision() -> None:
    decisions = Decisions()
    shown = [20, 21, 1, 3]
    page = ask(decisions, *shown)
    assert [item.item_id for item in page.items] == [2, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert (page.decision_id, page.first_position, page.has_more) == (None, 4, True)
    assert decisions.asked == []


@pytest.mark.parametrize(
    ("shown", "left", "has_more"), [(15, 10, False), (14, 10, True), (24, 1, False), (25, 0, False)]
)
def test_pages_end_where_the_films_do(shown: int, left: int, has_more: bool) -> None:
    page = ask(Decisions(), *range(1, shown + 1))
    assert (len(page.items), page.has_more) == (left, has_more)


def test_without_a_running_experiment_the_popular_films_are_shown() -> None:
    page = ask(Decisions(running=False))
    assert page.decision_id is None
    assert [item.item_id for item in page.items] == list(range(1, PAGE_SIZE + 1))


def test_events_come_from_a_browser() -> None:
    rewards = Rewards()
    films = Films(Decisions(), rewards, Shelf())  # type: ignore[arg-type]
    asyncio.run(films.ingest([{"event_type": "like"}], agent="Firefox", address="192.0.2.1"))
    assert rewards.taken == [([{"event_type": "like"}], Caller("Firefox", "192.0.2.1", is_backend=False))]
