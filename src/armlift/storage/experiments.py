"""Experiments in the store: their briefs, states and counters, and who changed what."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import cast

from sqlalchemy import Connection, and_, bindparam, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from armlift.errors import ParameterError, UnknownExperiment
from armlift.experiments.allocation import Sums, live_policy
from armlift.experiments.brief import Brief
from armlift.experiments.life_cycle import Action, State, next_state
from armlift.storage.audit import AuditRow, audit_rows, record
from armlift.storage.database import Database
from armlift.storage.experiment_rows import (
    Activity,
    CounterRow,
    ExperimentRow,
    LiveSnapshot,
    LiveState,
    StrategySums,
)
from armlift.storage.schema import arms, counters, decisions, events, experiments, strategies

_NEEDS_A_REASON = ("pause", "force")
_SEEN_LIVE = ("running", "hold", "completed")
_TIME_OF: Mapping[State, str] = {
    "running": "started_ts",
    "completed": "completed_ts",
    "archived": "archived_ts",
}


_ROW = select(
    experiments.c.brief,
    *(experiments.c[name] for name in ("brief_hash", "state", "winner", "revision")),
    *(experiments.c[name] for name in ("created_ts", "started_ts", "completed_ts", "archived_ts")),
).order_by(experiments.c.created_ts, experiments.c.experiment_id)

_LIVE = (
    select(
        experiments.c.experiment_id,
        experiments.c.state,
        experiments.c.winner,
        experiments.c.revision,
        strategies.c.strategy_id,
        strategies.c.version,
    )
    .join_from(experiments, strategies)
    .where(experiments.c.state.in_(_SEEN_LIVE))
    .order_by(experiments.c.started_ts, experiments.c.experiment_id, strategies.c.position)
)

_OF_STRATEGY = (strategies.c.experiment_id, strategies.c.strategy_id)
# The version comes from the same statement as the sums: then it is theirs, whatever is committed meanwhile.
_SUMS = (
    select(
        *_OF_STRATEGY,
        strategies.c.version,
        *(
            func.coalesce(counters.c[name], 0)
            for name in ("decisions", "rewards", "reward_total", "reward_squares")
        ),
    )
    .join_from(strategies, arms, arms.c.experiment_id == strategies.c.experiment_id)
    .outerjoin(
        counters,
        and_(
            counters.c.experiment_id == strategies.c.experiment_id,
            counters.c.strategy_id == strategies.c.strategy_id,
            counters.c.arm_id == arms.c.arm_id,
        ),
    )
    .where(tuple_(*_OF_STRATEGY).in_(bindparam("changed", expanding=True)))
    .order_by(*_OF_STRATEGY, arms.c.position)
)


class ExperimentStore:
    """The experiments of a store.

    Args:
        database: The store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, brief: Brief, *, who: str, why: str = "", start: bool = False) -> ExperimentRow:
        """Store a new experiment, as a draft.

        Args:
            brief: What is declared; it cannot be changed later.
            who: Name of who does it, for the audit log.
            why: Reason, for the audit log.
            start: Whether it is started in the same breath.

        Raises:
            ParameterError: There is an experiment with this id, or a strategy cannot run live.
        """
        for strategy in brief.strategies:
            live_policy(strategy)
        now = _now()
        try:
            with self._database.begin() as connection:
                _insert(connection, brief, now)
                made = AuditRow(now, brief.id, "create", "", "draft", who, why, brief.content_hash)
                record(connection, made)
                if start:
                    self._change(connection, brief.id, "start", who, why, None)
        except IntegrityError:
            raise ParameterError(
                "id",
                brief.id,
                "an id that no experiment of this store has",
                f"Choose another id in the brief, or look: armlift experiments show {brief.id}.",
            ) from None
        return self.row(brief.id)

    def change(
        self, experiment_id: str, action: Action, *, who: str, why: str = "", winner: str | None = None
    ) -> ExperimentRow:
        """Lead an experiment to its next state. Of two who do the same at once, one gets a `StateError`.

        Args:
            experiment_id: Experiment.
            action: What to do.
            who: Name of who does it, for the audit log.
            why: Reason, for the audit log; `pause` and `force` need one.
            winner: Arm that everybody gets from now on; for `force`, and only for it.

        Raises:
            UnknownExperiment: There is no such experiment.
            StateError: Its state does not allow the action.
            ParameterError: The reason is missing, or the winner is missing or not one of the arms.
        """
        if action in _NEEDS_A_REASON and not why.strip():
            raise ParameterError(
                "why", why, f"a reason for {action}", "Say it for the audit log: --why TEXT."
            )
        with self._database.begin() as connection:
            self._change(connection, experiment_id, action, who, why, winner)
        return self.row(experiment_id)

    def _change(
        self,
        connection: Connection,
        experiment_id: str,
        action: Action,
        who: str,
        why: str,
        winner: str | None,
    ) -> None:
        now = _now()
        # Whoever comes second waits here, and then sees the state that the first one left.
        row = connection.execute(
            select(experiments.c.state, experiments.c.brief_hash)
            .where(experiments.c.experiment_id == experiment_id)
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise UnknownExperiment(experiment_id, self._ids(connection))
        after = next_state(row.state, action)
        _check_winner(connection, experiment_id, action, winner)
        values: dict[str, object] = {"state": after, "revision": experiments.c.revision + 1}
        if action != "resume" and after in _TIME_OF:
            values[_TIME_OF[after]] = now
        if winner is not None:
            values["winner"] = winner
        this = experiments.c.experiment_id == experiment_id
        connection.execute(update(experiments).where(this).values(values))
        _raise_versions(connection, experiment_id)
        details = json.dumps({} if winner is None else {"winner": winner}, separators=(",", ":"))
        record(
            connection,
            AuditRow(now, experiment_id, action, row.state, after, who, why, row.brief_hash, details),
        )

    def rows(self) -> tuple[ExperimentRow, ...]:
        """Give all experiments, the oldest first."""
        with self._database.read() as connection:
            return tuple(_experiment(row) for row in connection.execute(_ROW))

    def row(self, experiment_id: str) -> ExperimentRow:
        """Give one experiment.

        Raises:
            UnknownExperiment: There is no such experiment.
        """
        with self._database.read() as connection:
            row = connection.execute(_ROW.where(experiments.c.experiment_id == experiment_id)).one_or_none()
            if row is None:
                raise UnknownExperiment(experiment_id, self._ids(connection))
        return _experiment(row)

    def live(self, known: Mapping[tuple[str, str], int]) -> LiveSnapshot:
        """Give what routers must know at once: one query, well below 1 ms, as long as nothing changes.

        Args:
            known: Version of each strategy that the caller has sums of, by experiment and strategy.
        """
        with self._database.read() as connection:
            rows = connection.execute(_LIVE).all()
            changed = [(row[0], row[4]) for row in rows if known.get((row[0], row[4])) != row[5]]
            sums = connection.execute(_SUMS, {"changed": changed}).all() if changed else ()
        return LiveSnapshot(
            tuple(
                LiveState(experiment, state, winner, revision, {row[4]: row[5] for row in versions})
                for (experiment, state, winner, revision), versions in groupby(rows, itemgetter(0, 1, 2, 3))
            ),
            {
                (experiment, strategy): StrategySums(version, tuple(Sums(*row[3:]) for row in by_arm))
                for (experiment, strategy, version), by_arm in groupby(sums, itemgetter(0, 1, 2))
            },
        )

    def counters(self, experiment_id: str | None = None) -> tuple[CounterRow, ...]:
        """Give what was counted, by experiment, strategy and arm.

        Args:
            experiment_id: Of this experiment; None for all. Arms that nobody was given yet are missing.
        """
        query = select(*(counters.c[name] for name in CounterRow._fields)).order_by(
            *(counters.c[name] for name in CounterRow._fields[:3])
        )
        if experiment_id is not None:
            query = query.where(counters.c.experiment_id == experiment_id)
        with self._database.read() as connection:
            return tuple(CounterRow(*row) for row in connection.execute(query))

    def activity(self, experiment_id: str) -> Activity:
        """Say when an experiment's last decision was made and its last reward came.

        The log is read backwards until one is found: at once while there is traffic, longer after a pause.

        Raises:
            UnknownExperiment: There is no such experiment.
        """
        started = self.row(experiment_id).started_ts
        if started is None:
            return Activity(None, None)
        decision = (
            select(decisions.c.ts)
            .where(decisions.c.experiment_id == experiment_id, decisions.c.ts >= started)
            .order_by(decisions.c.ts.desc())
            .limit(1)
        )
        reward = (
            select(events.c.ts_server)
            .where(events.c.experiment_id == experiment_id, events.c.ts_server >= started)
            .where(events.c.event_type == "reward")
            .order_by(events.c.ts_server.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            return Activity(connection.scalar(decision), connection.scalar(reward))

    def audit(self, experiment_id: str) -> tuple[AuditRow, ...]:
        """Give what was done to an experiment, by whom and why, oldest first."""
        return audit_rows(self._database, experiment_id)

    def _ids(self, connection: Connection) -> tuple[str, ...]:
        return tuple(connection.scalars(select(experiments.c.experiment_id).order_by("experiment_id")))


def _insert(connection: Connection, brief: Brief, now: int) -> None:
    connection.execute(
        insert(experiments),
        {
            "experiment_id": brief.id,
            "brief": brief.canonical_json,
            "brief_hash": brief.content_hash,
            "state": "draft",
            "created_ts": now,
        },
    )
    connection.execute(
        insert(strategies),
        [
            {
                "experiment_id": brief.id,
                "strategy_id": strategy.id,
                "position": position,
                "allocation": strategy.allocation,
                "share": strategy.share,
            }
            for position, strategy in enumerate(brief.strategies)
        ],
    )
    connection.execute(
        insert(arms),
        [
            {
                "experiment_id": brief.id,
                "arm_id": variant.id,
                "position": position,
                "label": variant.description or variant.id,
            }
            for position, variant in enumerate(brief.variants)
        ],
    )


def _check_winner(connection: Connection, experiment_id: str, action: Action, winner: str | None) -> None:
    if action != "force":
        if winner is not None:
            raise ParameterError("winner", winner, f"none for {action}", "Use force to name a winner.")
        return
    known = connection.scalars(
        select(arms.c.arm_id).where(arms.c.experiment_id == experiment_id).order_by(arms.c.position)
    ).all()
    if winner is None or winner not in known:
        raise ParameterError("winner", winner, f"one of {', '.join(known)}", "Name one of the arms.")


def _raise_versions(connection: Connection, experiment_id: str) -> None:
    """Raise the version of every strategy, locked in the order in which the ledger locks them."""
    this = strategies.c.experiment_id == experiment_id
    connection.execute(
        select(strategies.c.strategy_id).where(this).order_by(strategies.c.strategy_id).with_for_update()
    ).all()
    connection.execute(update(strategies).where(this).values(version=strategies.c.version + 1))


def _experiment(row: tuple[object, ...]) -> ExperimentRow:
    brief = Brief.model_validate_json(cast(str, row[0]))
    return ExperimentRow(brief.id, brief, *row[1:])  # type: ignore[arg-type]


def _now() -> int:
    return time.time_ns() // 1000
