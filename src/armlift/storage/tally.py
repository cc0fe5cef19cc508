"""What a transaction adds to the counters: those that strategies learn from, and the sums by day."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TypeVar

from sqlalchemy import Table
from sqlalchemy.engine.interfaces import DBAPICursor

from armlift.experiments.live_window import LiveSums
from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.storage.aggregates import day_of, session_batch
from armlift.storage.bulk_insert import BulkInsert
from armlift.storage.database import Dialect
from armlift.storage.schema import counters, day_counters

_DAY_US = 86_400_000_000
_PLACE = {name: place for place, name in enumerate(LiveSums._fields)}
_DECISIONS, _EXCLUDED = _PLACE["decisions"], _PLACE["excluded"]
_REWARDS, _TOTAL, _SQUARES = _PLACE["rewards"], _PLACE["reward_total"], _PLACE["reward_squares"]
_REVENUE, _PROPENSITY = _PLACE["revenue"], _PLACE["propensity_total"]
_OF_EVENT = {
    "impression": _PLACE["impressions"],
    "click_detail": _PLACE["clicks"],
    "add_to_cart": _PLACE["add_to_carts"],
    "purchase": _PLACE["purchases"],
    "like": _PLACE["likes"],
    "dislike": _PLACE["dislikes"],
}
_NOTHING = (0,) * len(LiveSums._fields)

Sums = list[float]
Key = TypeVar("Key", bound=tuple[str, ...])


class Tally:
    """Sums over the rows that one transaction inserts."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str, int, str], tuple[int, Decision | Event, Sums]] = {}
        self._rewarded: set[tuple[str, str]] = set()

    def decisions(self, rows: Iterable[Decision]) -> None:
        """Count decisions; flagged ones as excluded only."""
        for row in rows:
            sums = self._sums(row, row.ts)
            if row.bot_flag:
                sums[_EXCLUDED] += 1
            else:
                sums[_DECISIONS] += 1
                sums[_PROPENSITY] += row.propensity

    def event(self, row: Event) -> None:
        """Count an event of a known strategy, never as a reward."""
        place = _OF_EVENT.get(row.event_type)
        if place is None or not row.strategy_id or not row.arm_id:
            return
        sums = self._sums(row, row.ts_server)
        if row.bot_flag:
            sums[_EXCLUDED] += 1
        else:
            sums[place] += 1
            if row.event_type == "purchase":
                sums[_REVENUE] += row.revenue or 0.0

    def reward(self, reward: Reward) -> None:
        """Count a reward; as excluded only, if it is not to be counted."""
        if reward.counted and not reward.event.bot_flag and reward.event.reward is not None:
            self.rewards(reward.decision, reward.event.ts_server, 1, reward.event.reward)
        else:
            self._sums(reward.decision, reward.event.ts_server)[_EXCLUDED] += 1

    def rewards(self, decision: Decision, ts: int, number: int, value: float) -> None:
        """Count equal rewards.

        Args:
            decision: One of the decisions they are for.
            ts: When they arrived, microseconds UTC.
            number: How many they are.
            value: What each of them is.
        """
        sums = self._sums(decision, ts)
        sums[_REWARDS] += number
        sums[_TOTAL] += number * value
        sums[_SQUARES] += number * value * value
        self._rewarded.add((decision.experiment_id, decision.strategy_id))

    def write(self, cursor: DBAPICursor, dialect: Dialect) -> None:
        """Raise counters, sums by day and the versions of the strategies that got rewards, in this order.

        Args:
            cursor: The driver's, in the transaction that inserts the rows.
            dialect: Kind of store.
        """
        if not self._groups:
            return
        by_arm: dict[tuple[str, str, str], Sums] = {}
        by_day: dict[tuple[str, str, str, str, str], Sums] = {}
        for (experiment, strategy, arm, _, _), (ts, row, sums) in self._groups.items():
            _add(by_arm, (experiment, strategy, arm), sums[:-1])
            _add(by_day, (experiment, strategy, day_of(ts), session_batch(row), arm), sums)
        _raise(counters, dialect).run(cursor, [(*key, *by_arm[key]) for key in sorted(by_arm)])
        _raise(day_counters, dialect).run(cursor, [(*key, *by_day[key]) for key in sorted(by_day)])
        place = "%s" if dialect == "postgresql" else "?"
        for strategy_key in sorted(self._rewarded):
            cursor.execute(
                "UPDATE strategies SET version = version + 1"
                f" WHERE experiment_id = {place} AND strategy_id = {place}",
                strategy_key,
            )

    def _sums(self, row: Decision | Event, ts: int) -> Sums:
        """Sums of all rows like this one: same arm, same day, same session batch."""
        key = (
            row.experiment_id,
            row.strategy_id,
            row.arm_id,
            ts // _DAY_US,
            row.context if row.simulated else "",
        )
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = (ts, row, list(_NOTHING))
        return group[2]


def _add(sums: dict[Key, Sums], key: Key, change: Sums) -> None:
    known = sums.get(key)
    sums[key] = change if known is None else [a + b for a, b in zip(known, change, strict=True)]


@cache
def _raise(table: Table, dialect: Dialect) -> BulkInsert:
    keys = [column.name for column in table.primary_key]
    raised = ", ".join(
        f"{name} = {table.name}.{name} + excluded.{name}" for name in table.columns.keys()[len(keys) :]
    )
    return BulkInsert(table, dialect, f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {raised}")
