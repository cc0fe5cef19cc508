"""Rows of the log for the tests of the store."""

import time

from sqlalchemy import Table, func, insert, select

from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.storage.database import Database
from armlift.storage.schema import counters, experiments, strategies

NOW = time.time_ns() // 1000


def decision(number: int, **fields: object) -> Decision:
    given = Decision(
        f"{number:026d}", NOW, "movies", "bandit", f"arm_{number % 2}", 0.25, 3, f"user_{number}", "s"
    )
    return given._replace(**fields)  # type: ignore[arg-type]


def event(of: Decision, event_type: str, event_id: str, **fields: object) -> Event:
    row = Event(
        event_id,
        of.decision_id,
        of.ts,
        of.ts + 5,
        of.experiment_id,
        of.strategy_id,
        of.arm_id,
        of.propensity,
        of.allocation_version,
        of.user_key,
        of.session_id,
        "item",
        0,
        event_type,
    )
    return row._replace(**fields)  # type: ignore[arg-type]


def reward(of: Decision, value: float, *, counted: bool = True, **fields: object) -> Reward:
    return Reward(of, event(of, "reward", f"{of.decision_id}-r", reward=value, **fields), counted)


def running_experiment(database: Database) -> None:
    """Put in an experiment `movies` with one strategy, `bandit`."""
    with database.begin() as connection:
        connection.execute(
            insert(experiments).values(
                experiment_id="movies", brief="{}", brief_hash="", state="running", created_ts=NOW
            )
        )
        connection.execute(
            insert(strategies).values(
                experiment_id="movies", strategy_id="bandit", position=0, allocation="thompson", share=1.0
            )
        )


def sums(database: Database, arm: str = "arm_1") -> dict[str, float]:
    """Counters of an arm that are not zero."""
    with database.read() as connection:
        row = connection.execute(select(counters).where(counters.c.arm_id == arm)).mappings().one_or_none()
    return {name: value for name, value in (row or {}).items() if not isinstance(value, str) and value}


def rows_of(database: Database, table: Table) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()
