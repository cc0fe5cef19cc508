"""A live store with some hours of traffic, written as the router writes it, only faster."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import update

from armlift.experiments.allocation import Assignment, LiveExperiment, Sums, live_experiment
from armlift.experiments.brief import Brief, load_brief
from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.storage import Database, ExperimentStore, migrate, open_database
from armlift.storage.ledger import Entry, commit
from armlift.storage.schema import experiments

SECOND = 1_000_000
HOUR = 3600 * SECOND
BRIEFS = Path(__file__).parents[1] / "conf/base/briefs"
_DEVICES = ("mobile", "mobile", "desktop")
_CHANNELS = ("search", "mail", "direct")


def films() -> Brief:
    """A fixed split beside Thompson sampling, two arms and a third, with a guardrail."""
    return _changed(
        load_brief(BRIEFS / "movielens.yml"),
        id="films",
        variants=[{"id": name, "description": ""} for name in ("popularity", "svd", "lightgbm")],
    )


def shop() -> Brief:
    """Versions of a product page, with purchases and revenue."""
    return load_brief(BRIEFS / "product_page.yml")


def _changed(brief: Brief, **fields: object) -> Brief:
    return Brief.model_validate(brief.model_dump(mode="json") | fields)


class Traffic:
    """Visitors of one experiment, from some hours ago until now.

    Args:
        database: The store.
        brief: The experiment; it is created and started.
        hours: How long ago it was started.
        seed: Of everything random.
    """

    def __init__(self, database: Database, brief: Brief, *, hours: float = 3.0, seed: int = 0) -> None:
        self._database, self.brief = database, brief
        self._rng = random.Random(seed)
        self._number = 0
        self._version = 0
        self._kept: dict[str, Assignment] = {}
        self._sums: dict[str, dict[str, list[float]]] = {}
        ExperimentStore(database).create(brief, who="tests", why="to have something to look at", start=True)
        start = time.time_ns() // 1000 - round(hours * HOUR)
        with database.begin() as connection:
            mine = experiments.c.experiment_id == brief.id
            connection.execute(
                update(experiments).where(mine).values(created_ts=start - HOUR, started_ts=start)
            )

    def visit(self, n: int, *, since: float = 3.0, until: float = 0.0) -> None:
        """Let visitors come, evenly spread over hours ago.

        Args:
            n: Decisions.
            since: When the first one comes, hours ago.
            until: When the last one comes, hours ago.
        """
        now = time.time_ns() // 1000
        batches = max(1, min(24, n // 20))
        for batch in range(batches):
            live = self._live()
            entries: list[Entry] = []
            for step in range(batch * n // batches, (batch + 1) * n // batches):
                ago = since + (until - since) * step / max(n - 1, 1)
                entries += self._visitor(live, now - round(ago * HOUR))
            with self._database.begin() as connection:
                commit(connection, entries)
            self._version += 1

    def _live(self) -> LiveExperiment:
        known = {
            strategy: [self._learned(strategy, arm) for arm in self.brief.arms] for strategy in self._sums
        }
        versions = {strategy.id: self._version for strategy in self.brief.strategies}
        return live_experiment(self.brief, "running", None, versions, known)

    def _learned(self, strategy: str, arm: str) -> Sums:
        decisions, rewards, total = self._sums[strategy].get(arm, (0, 0, 0))
        return Sums(int(decisions), int(rewards), total, total)

    def _visitor(self, live: LiveExperiment, ts: int) -> Iterator[Entry]:
        draw, self._number = self._rng, self._number + 1
        user = f"user_{draw.randrange(400)}"
        device, channel = draw.choice(_DEVICES), draw.choice(_CHANNELS)
        context: dict[str, Any] = {"device": device, "channel": channel, "category": "smartphone"}
        strategy = live.strategy_of(user)
        assignment = strategy.assign(user, draw.random())
        if strategy.adaptive:
            assignment = self._kept.setdefault(user, assignment)
        bot = draw.random() < 0.03
        decision = Decision(
            f"{self.brief.id[:5]:0>5}{self._number:021d}",
            ts,
            self.brief.id,
            *assignment,
            user,
            f"session_{user}_{ts // HOUR}",
            json.dumps(context),
            False,
            bot,
            "headless" if bot else "",
        )
        yield decision
        yield self._event(decision, "impression", device, channel)
        click_rate = 0.08 + 0.03 * self.brief.arms.index(decision.arm_id)
        clicked = draw.random() < click_rate
        if clicked:
            yield self._event(decision, "click_detail", device, channel)
            if draw.random() < 0.5:
                yield self._event(decision, "add_to_cart", device, channel)
            if draw.random() < 0.3:
                yield self._event(
                    decision, "purchase", device, channel, revenue=float(draw.choice((399, 599)))
                )
        row = self._event(decision, "reward", device, channel)
        yield Reward(
            decision, row._replace(event_id=f"{decision.decision_id}-r", reward=float(clicked)), not bot
        )
        if not bot:
            sums = self._sums.setdefault(decision.strategy_id, {}).setdefault(decision.arm_id, [0, 0, 0])
            sums[0], sums[1], sums[2] = sums[0] + 1, sums[1] + 1, sums[2] + clicked

    def _event(self, of: Decision, kind: str, device: str, channel: str, **fields: Any) -> Event:
        ts = of.ts + SECOND
        return Event(
            f"{of.decision_id}-{kind}",
            of.decision_id,
            ts,
            ts,
            *of[2:9],
            "item_1",
            0,
            kind,
            device=device,
            channel=channel,
            bot_flag=of.bot_flag,
            flag_reasons=of.flag_reasons,
            **fields,
        )


def store_in(root: Path) -> Database:
    """Make an empty store where a project in this folder looks for it."""
    database = open_database(f"sqlite:///{root / 'data/live/armlift.db'}", exclusive=False)
    migrate(database)
    return database
