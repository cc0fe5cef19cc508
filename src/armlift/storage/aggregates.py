"""Sums of live traffic by day, and the windows that are cut from them for the tracking store.

The sums grow in the transactions that write decisions and events, as the counters do. A cut reads them all
in one statement, which sees whole transactions only, and keeps what was added since the last cut. So each row
is in exactly one window, however late and in whatever order transactions commit, and the windows add up to
the sums. A window is kept until it was exported: it never changes, whatever is deleted from the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from re import fullmatch
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from armlift.experiments.live_window import LiveDesign, LiveRun, LiveSums, LiveWindow
from armlift.experiments.log_rows import Decision, Event
from armlift.storage.database import Database
from armlift.storage.schema import day_counters, experiments, exports, live_runs, live_windows

LIVE = "live"
"""Session batch of real traffic."""

_SIMULATED = "simulated"  # session batch of simulated users whose context names none
_MICROSECONDS_A_DAY = 86_400_000_000
_EXPORT = "mlflow"
_COUNTS = tuple(name for name, start in LiveSums._field_defaults.items() if isinstance(start, int))

_watermark = select(exports.c.watermark).where(exports.c.name == _EXPORT)


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def session_batch(row: Decision | Event) -> str:
    """Which simulated sessions a row comes from: `session_batch` in its context; `live` for real traffic."""
    return _named_batch(row.context) if row.simulated else LIVE


@lru_cache(maxsize=1024)
def _named_batch(context: str) -> str:
    document = json.loads(context)
    name = document.get("session_batch") if isinstance(document, dict) else None
    # It becomes part of a run's name: a short word, and never what real traffic is called.
    fits = isinstance(name, str) and name != LIVE and fullmatch(r"[A-Za-z0-9][\w.:-]{0,63}", name)
    return str(name) if fits else _SIMULATED


def day_of(ts: int) -> str:
    """Day of a time in microseconds, UTC.

    Example:
        >>> day_of(1_700_000_000_000_000)
        '2023-11-14'
    """
    return _day(ts // _MICROSECONDS_A_DAY)


@lru_cache(maxsize=1024)
def _day(number: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)).date().isoformat()


class LiveAggregates:
    """Windows of live traffic for the tracking store, and what is remembered of their export.

    Everything is exact with any number of exporters at once; the lease only saves them double work.

    Args:
        database: The store of live traffic.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, holder: str, seconds: float, now: int) -> bool:
        """Take or prolong the right to export.

        Args:
            holder: Who asks; unique to a process.
            seconds: For how long.
            now: Time, microseconds UTC.

        Returns:
            Whether it is granted: nobody else has it.
        """
        with self._database.begin() as connection:
            _know_export(connection)
            free = or_(
                exports.c.lease_holder.is_(None),
                exports.c.lease_holder == holder,
                exports.c.lease_until_ts <= now,
            )
            taken = connection.execute(
                update(exports)
                .where(exports.c.name == _EXPORT, free)
                .values(lease_holder=holder, lease_until_ts=now + round(seconds * 1e6))
            )
        return taken.rowcount == 1

    def release(self, holder: str) -> None:
        """Give the right to export back, if it is still held."""
        held = and_(exports.c.name == _EXPORT, exports.c.lease_holder == holder)
        with self._database.begin() as connection:
            connection.execute(update(exports).where(held).values(lease_holder=None, lease_until_ts=None))

    def cut(self, now: int) -> int:
        """End the present window of every run that something was added to.

        Args:
            now: Time, microseconds UTC.

        Returns:
            Windows cut; none if another process cut meanwhile.
        """
        with self._database.read() as connection:
            last = connection.execute(_watermark).scalar_one_or_none()
            changed = _changed(connection)
        if not changed:
            return 0
        # Times ascend even if clocks don't: MLflow takes an equal value at an equal time for a repetition.
        ts = max(now, (last or 0) + 1000)
        windows, runs = zip(*(_cut(run, ts, arms, before) for run, arms, before in changed), strict=True)
        with self._database.begin() as connection:
            _know_export(connection)
            unmoved = and_(exports.c.name == _EXPORT, exports.c.watermark == (last or 0))
            if connection.execute(update(exports).where(unmoved).values(watermark=ts)).rowcount == 0:
                return 0
            connection.execute(live_windows.insert(), windows)
            insert = _insert(connection, live_runs)
            kept = {name: insert.excluded[name] for name in ("changes", "totals", "closed")}
            connection.execute(insert.on_conflict_do_update(index_elements=LiveRun._fields, set_=kept), runs)
        return len(windows)

    def windows(self, limit: int) -> Sequence[LiveWindow]:
        """Windows that wait for their export, the oldest first.

        Args:
            limit: At most so many.
        """
        oldest = select(live_windows).order_by(live_windows.c.number).limit(limit)
        with self._database.read() as connection:
            return [_window(row) for row in connection.execute(oldest)]

    def waiting(self) -> int:
        """Number of windows that wait for their export."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(live_windows)).scalar_one()

    def exported(self, windows: Iterable[LiveWindow]) -> None:
        """Forget windows that the tracking store has.

        Args:
            windows: From `windows`.
        """
        numbers = [window.number for window in windows]
        with self._database.begin() as connection:
            connection.execute(delete(live_windows).where(live_windows.c.number.in_(numbers)))

    def run_id(self, run: LiveRun) -> str | None:
        """Id of a run in the tracking store; None if none is kept."""
        with self._database.read() as connection:
            return connection.execute(select(live_runs.c.run_id).where(_is(run))).scalar_one_or_none()

    def keep_run_id(self, run: LiveRun, run_id: str, instead_of: str | None = None) -> str:
        """Keep the id of a run in the tracking store.

        Args:
            run: Which run.
            run_id: Its id.
            instead_of: The id that was kept until now.

        Returns:
            The id that stands: another one if another process was faster.
        """
        with self._database.begin() as connection:
            unmoved = and_(_is(run), live_runs.c.run_id.is_not_distinct_from(instead_of))
            connection.execute(update(live_runs).where(unmoved).values(run_id=run_id))
            return str(connection.execute(select(live_runs.c.run_id).where(_is(run))).scalar_one())

    def design(self, run: LiveRun) -> LiveDesign:
        """How a run's strategy was meant to work, by the brief of its experiment."""
        columns = select(experiments.c.brief, experiments.c.brief_hash)
        with self._database.read() as connection:
            row = connection.execute(
                columns.where(experiments.c.experiment_id == run.experiment_id)
            ).one_or_none()
        return _design(run, *row) if row else LiveDesign(run.experiment_id, dict(run._asdict()))

    def open_runs(self, now: int) -> Mapping[LiveRun, str]:
        """Runs of earlier days that are still open although all their windows were exported, with their ids.

        Args:
            now: Time, microseconds UTC; runs of its day and later ones are left out.
        """
        key = tuple_(*(live_runs.c[name] for name in LiveRun._fields))
        waiting = select(*(live_windows.c[name] for name in LiveRun._fields))
        over = select(live_runs).where(
            live_runs.c.day < day_of(now),
            live_runs.c.closed.is_(False),
            live_runs.c.run_id.is_not(None),
            key.not_in(waiting),
        )
        with self._database.read() as connection:
            return {LiveRun(*row[:4]): row.run_id for row in connection.execute(over)}

    def close_run(self, run: LiveRun) -> None:
        """Remember that a run was closed in the tracking store; what arrives later opens it again."""
        with self._database.begin() as connection:
            connection.execute(update(live_runs).where(_is(run)).values(closed=True))


def _know_export(connection: Connection) -> None:
    insert = _insert(connection, exports).values(name=_EXPORT)
    connection.execute(insert.on_conflict_do_nothing())


def _is(run: LiveRun) -> Any:
    return and_(*(live_runs.c[name] == value for name, value in run._asdict().items()))


def _changed(
    connection: Connection,
) -> list[tuple[LiveRun, dict[str, LiveSums], dict[str, LiveSums]]]:
    """Runs with sums beyond those of their last cut: the sums now and then, by arm, in one statement."""
    key = [day_counters.c[name] for name in LiveRun._fields]
    changes = func.sum(sum((day_counters.c[name] for name in _COUNTS[1:]), day_counters.c[_COUNTS[0]]))
    runs = select(*key, changes.label("changes")).group_by(*key).subquery()

    def same(table: Any) -> Any:
        return and_(*(runs.c[name] == table.c[name] for name in LiveRun._fields))

    rows = connection.execute(
        select(day_counters, live_runs.c.totals)
        .join_from(runs, day_counters, same(day_counters))
        .outerjoin(live_runs, same(live_runs))
        .where(runs.c.changes != func.coalesce(live_runs.c.changes, 0))
        .order_by(*key, day_counters.c.arm_id)
    )
    found: dict[LiveRun, tuple[dict[str, LiveSums], dict[str, LiveSums]]] = {}
    for row in rows:
        run = LiveRun(*row[:4])
        if run not in found:
            found[run] = ({}, _read(json.loads(row.totals or "{}")))
        found[run][0][row.arm_id] = LiveSums(*row[5:-1])
    return [(run, arms, before) for run, (arms, before) in found.items()]


def _cut(
    run: LiveRun, ts: int, arms: Mapping[str, LiveSums], before: Mapping[str, LiveSums]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows of the window and of its run."""
    change = {arm: total.since(before.get(arm, LiveSums())) for arm, total in arms.items()}
    window = {"ts": ts, "sums": json.dumps({"change": change, "total": arms})}
    counts = sum(getattr(total, name) for total in arms.values() for name in _COUNTS)
    kept = {"changes": counts, "totals": json.dumps(arms), "closed": False}
    return run._asdict() | window, run._asdict() | kept


def _window(row: Any) -> LiveWindow:
    sums = json.loads(row.sums)
    return LiveWindow(row.number, LiveRun(*row[1:5]), row.ts, _read(sums["change"]), _read(sums["total"]))


def _read(arms: Mapping[str, Sequence[Any]]) -> dict[str, LiveSums]:
    return {arm: LiveSums(*sums) for arm, sums in arms.items()}


def _design(run: LiveRun, brief: str, brief_hash: str) -> LiveDesign:
    document = json.loads(brief)
    arms = [variant["id"] for variant in document["variants"]]
    strategy: dict[str, Any] = next(
        (part for part in document["strategies"] if part["id"] == run.strategy_id), {}
    )
    weights = strategy.get("weights") or dict.fromkeys(arms, 1 / len(arms))
    parameters = {
        **run._asdict(),
        "brief_hash": brief_hash,
        "arms": ",".join(arms),
        "control": document["control"],
        "allocation": strategy.get("allocation"),
        "share": strategy.get("share"),
        **(
            {f"weights.{arm}": weight for arm, weight in weights.items()}
            if strategy.get("allocation") == "fixed"
            else {"floor": strategy.get("floor")}
        ),
        "primary_metric": document["primary_metric"]["id"],
        "reward_event": document.get("reward_event") or "update",
        "stopping_rule": document["stopping_rule"],
    }
    return LiveDesign(document.get("tracking_experiment") or document["id"], parameters)
