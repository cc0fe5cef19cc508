"""Sums over stretches of the log, as the ledger counted its rows, by bucket, arm and segment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql

from armlift.experiments.live_window import LiveSums
from armlift.storage.schema import decisions, events
from armlift.storage.settlement import DEFAULT_CHANNEL

BUCKET = 300_000_000
"""Width of the buckets of all traffic, microseconds."""

HOUR = 3_600_000_000
"""Width of the buckets of a segment, microseconds."""

SEGMENTS = ("category", "channel", "device", "visitor")
"""Names of the segments."""

OTHER = "other"
"""What stands for all values of a segment beyond the `VALUES_AN_HOUR` most frequent ones."""

VALUES_AN_HOUR = 50

_LONGEST_VALUE = 64
_COLUMN_OF = {
    "impression": "impressions",
    "click_detail": "clicks",
    "add_to_cart": "add_to_carts",
    "purchase": "purchases",
    "like": "likes",
    "dislike": "dislikes",
}


class BucketKey(NamedTuple):
    """What a row of sums is about, in the order of the table's key.

    Attributes:
        experiment_id: Experiment.
        segment: Empty for all traffic, or one of `SEGMENTS`.
        bucket_ts: Start of the bucket, microseconds UTC.
        segment_value: Value of the segment; empty for all traffic, and where it is unknown.
        strategy_id: Strategy.
        arm_id: Arm.
        simulated: Whether simulated users made it.
    """

    experiment_id: str
    segment: str
    bucket_ts: int
    segment_value: str
    strategy_id: str
    arm_id: str
    simulated: bool


Buckets = dict[BucketKey, LiveSums]


def log_sums(connection: Connection, start: int, end: int, segments: Iterable[str] = SEGMENTS) -> Buckets:
    """Sum the log over whole hours: decisions by the time they were made, events by their arrival.

    A row's segment is what the context of its decision says; else, of an event, its own column and then its
    own context. So a decision and what followed it are in one segment.

    Args:
        connection: In a transaction that sees one moment.
        start: Start of an hour, microseconds UTC.
        end: End of an hour, later.
        segments: Which segments to sum beside all traffic.

    Returns:
        Sums of buckets in which something happened.
    """
    found: Buckets = {}
    dialect = connection.dialect.name
    for query in (_decisions("", dialect), _events("", dialect)):
        _add(found, "", connection.execute(query, {"start": start, "end": end}))
    for segment in segments:
        by_value: Buckets = {}
        for query in (_decisions(segment, dialect), _events(segment, dialect)):
            _add(by_value, segment, connection.execute(query, {"start": start, "end": end}))
        found |= _frequent(by_value)
    return found


def _add(found: Buckets, segment: str, rows: Iterable[Any]) -> None:
    for experiment, strategy, arm, simulated, bucket, value, *sums in rows:
        key = BucketKey(experiment, segment, bucket, (value or "")[:_LONGEST_VALUE], strategy, arm, simulated)
        found[key] = merged(found[key], LiveSums._make(sums)) if key in found else LiveSums._make(sums)


def merged(one: LiveSums, other: LiveSums) -> LiveSums:
    """Add sums.

    Example:
        >>> merged(LiveSums(decisions=2), LiveSums(decisions=3, clicks=1))[:6]
        (5, 0, 0.0, 0.0, 0, 1)
    """
    return LiveSums(*(a + b for a, b in zip(one, other, strict=True)))  # type: ignore[arg-type]


def _frequent(buckets: Buckets) -> Buckets:
    """Keep the most frequent values of each experiment and hour: clients may send any number of them."""
    rows: dict[tuple[str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, sums in buckets.items():
        weight = sums.decisions + sums.rewards + sums.impressions + sums.clicks + sums.excluded
        rows[key.experiment_id, key.bucket_ts][key.segment_value] += weight
    rare = {
        (*place, value)
        for place, values in rows.items()
        if len(values) > VALUES_AN_HOUR
        for value in sorted(values, key=lambda value: (value != "", -values[value], value))[VALUES_AN_HOUR:]
    }
    if not rare:
        return buckets
    kept: Buckets = {}
    for key, sums in buckets.items():
        if (key.experiment_id, key.bucket_ts, key.segment_value) in rare:
            key = key._replace(segment_value=OTHER)
        kept[key] = merged(kept.get(key, LiveSums()), sums)
    return kept


@cache
def _decisions(segment: str, dialect: str) -> Any:
    counts = not_(decisions.c.bot_flag)
    sums = {
        "decisions": _number(counts),
        "excluded": _number(decisions.c.bot_flag),
        "propensity_total": _total(counts, decisions.c.propensity),
    }
    value = _field(decisions.c.context, segment, dialect) if segment else literal("")
    return _grouped(decisions, decisions.c.ts, segment, value, sums)


@cache
def _events(segment: str, dialect: str) -> Any:
    column = events.c
    is_reward = column.event_type == "reward"
    # What nobody verified is no reward: the ledger writes those under their decision's id.
    given = and_(is_reward, column.event_id.in_((column.decision_id + "-r", column.decision_id + "-l")))
    happened = and_(column.event_type.in_(_COLUMN_OF), column.strategy_id != "", column.arm_id != "")
    seen = not_(column.bot_flag)
    counts = and_(is_reward, seen, column.flag_reasons == "", column.reward.is_not(None))
    bought = and_(seen, column.event_type == "purchase")
    sums: dict[str, ColumnElement[Any]] = {
        name: _number(and_(seen, column.event_type == kind)) for kind, name in _COLUMN_OF.items()
    }
    sums |= {
        "rewards": _number(counts),
        "reward_total": _total(counts, column.reward),
        "reward_squares": _total(counts, column.reward * column.reward),
        "revenue": _total(bought, func.coalesce(column.revenue, 0.0)),
        "excluded": _number(or_(column.bot_flag, and_(is_reward, not_(counts)))),
    }
    value: ColumnElement[Any] = literal("")
    rows: FromClause = events
    if segment:
        rows = events.outerjoin(decisions, decisions.c.decision_id == column.decision_id)
        own = [_field(column.context, segment, dialect)]
        if segment in column:
            stated = func.nullif(column[segment], "")
            nobody = and_(is_reward, column[segment] == DEFAULT_CHANNEL)
            own.insert(0, case((nobody, None), else_=stated))
        value = func.coalesce(func.nullif(_field(decisions.c.context, segment, dialect), ""), *own)
    return _grouped(rows, column.ts_server, segment, value, sums).where(or_(given, happened))


def _grouped(
    rows: FromClause,
    ts: ColumnElement[int],
    segment: str,
    value: ColumnElement[Any],
    sums: dict[str, ColumnElement[Any]],
) -> Any:
    table = decisions if rows is decisions else events
    width = HOUR if segment else BUCKET
    bucket = ts - ts % literal(width, literal_execute=True)
    key = [table.c[name] for name in ("experiment_id", "strategy_id", "arm_id", "simulated")]
    columns = [sums.get(name, literal(start)).label(name) for name, start in LiveSums._field_defaults.items()]
    return (
        select(*key, bucket.label("bucket_ts"), value.label("segment_value"), *columns)
        .select_from(rows)
        .where(ts >= bindparam("start"), ts < bindparam("end"))
        .group_by(*key, "bucket_ts", "segment_value")
    )


def _number(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0), type_=Integer)


def _total(condition: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.sum(case((condition, value), else_=0.0), type_=Double)


def _field(context: ColumnElement[str], name: str, dialect: str) -> ColumnElement[Any]:
    """A member of a context, as text; none of what is no object."""
    if dialect == "sqlite":
        is_object: ColumnElement[Any] = and_(context != "{}", func.json_valid(context))
        member: ColumnElement[Any] = cast(func.json_extract(context, f"$.{name}"), Text)
    else:
        is_object = and_(context != "{}", context.like("{%"))
        member = cast(context, postgresql.JSON)[name].astext
    return case((is_object, member), else_=None)
