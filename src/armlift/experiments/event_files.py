"""Reading of event files that somebody drops: their words become the log's, and users keyed hashes."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd

from armlift.datasets.arrived import header_of, parquet_columns
from armlift.datasets.published import PublishedFiles, TableFile
from armlift.datasets.schema import Reject
from armlift.datasets.text_tables import read_rows
from armlift.datasets.validation import Rows
from armlift.errors import DataFileError
from armlift.experiments.event_words import EVENT_WORDS, FIELD_WORDS
from armlift.experiments.log_rows import EVENT_TYPES

TEXTS: Final = ("event_id", "experiment_id", "arm_id", "session_id", "item_id", "device", "channel")
NUMBERS: Final = {"price": "Float64", "quantity": "Int64", "revenue": "Float64", "position": "Int64"}
NEEDED: Final = ("event_type", "user_id", "ts")
COLUMNS: Final = ("event_id", "ts", "event_type", "user_key", *TEXTS[1:], *NUMBERS)
"""Columns of the table that comes out."""

_EARLIEST, _LATEST = pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")


class CheckedEvents(NamedTuple):
    """Events of a file that meet all rules, and the others.

    Attributes:
        events: One row each, the columns `COLUMNS`.
        rejected: Rows left out, by line.
    """

    events: pd.DataFrame
    rejected: list[Reject]


def read_event_file(file: Path, user_key: Callable[[str], str]) -> CheckedEvents:
    """Read and check a file of events.

    Args:
        file: CSV with a header, or Parquet; `event_type`, `user_id` and `ts` are needed (ISO 8601 or seconds
            since 1970), names and types may be the product page's.
        user_key: Gives the keyed hash of a user's id; the id itself is not kept.

    Raises:
        DataFileError: It is of another format, or a column is missing or unknown.
    """
    header = header_of(file)
    ours = [FIELD_WORDS.get(name, name) for name in header]
    _check_columns(file, ours)
    rows = _rows(file, header, ours)
    types = rows.frame["event_type"].map(lambda word: EVENT_WORDS.get(word, word))
    allowed = [kind for kind in EVENT_TYPES if kind != "reward"]
    rows.reject(~types.isin(allowed), "event_type", "not an event", f"Give one of {', '.join(allowed)}.")
    empty = rows.frame["user_id"].str.strip() == ""
    rows.reject(empty, "user_id", "no user", "Say whose event it is.")
    times = _times(rows.frame["ts"])
    wrong = ~times.between(_EARLIEST, _LATEST)
    rows.reject(
        wrong, "ts", "not a time from 2000 to 2099", "Give ISO 8601, or seconds since 1970-01-01 UTC."
    )
    numbers = {name: _number(rows, name) for name in NUMBERS if name in ours}
    left = rows.frame.index
    events = pd.DataFrame({"ts": times.loc[left], "event_type": types.loc[left]}, index=left)
    events["user_key"] = rows.frame["user_id"].map(user_key).astype("str")
    for name in TEXTS:
        events[name] = rows.frame[name] if name in ours else ""
    for name, kind in NUMBERS.items():
        values = numbers[name].loc[left] if name in numbers else pd.Series(pd.NA, index=left)
        events[name] = values.astype(kind)  # type: ignore[call-overload]
    events["event_id"] = [_event_id(*row) for row in zip(*(events[name] for name in _IDENTITY), strict=True)]
    repeated = events["event_id"].duplicated()
    rows.frame = rows.frame.assign(event_id=events["event_id"])
    rows.reject(repeated, "event_id", "an earlier row is the same event", "Keep one row for each event.")
    kept = events.loc[~repeated, list(COLUMNS)].reset_index(drop=True)
    return CheckedEvents(kept, sorted(rows.rejected, key=lambda reject: reject.line))


_IDENTITY = ("event_id", "user_key", "event_type", "session_id", "item_id", "position", "ts")


def _check_columns(file: Path, columns: list[str]) -> None:
    known = (*NEEDED, *TEXTS, *NUMBERS)
    missing = [name for name in NEEDED if name not in columns]
    strange = [name for name in columns if name not in known]
    if missing or strange or len(set(columns)) < len(columns):
        what = (
            f"{missing[0]} is missing" if missing else f"{(strange or columns)[0]} is unknown or twice there"
        )
        raise DataFileError(
            f"{file}: column {what}. Give {', '.join(NEEDED)}, and of {', '.join(known[3:])}."
        )


def _rows(file: Path, header: tuple[str, ...], columns: list[str]) -> Rows:
    """Rows as texts, missing ones empty."""
    if file.suffix.lower() == ".csv":
        table = TableFile(file.name, ",", tuple(columns), "utf-8")
        rows = read_rows(PublishedFiles(file.parent, None, "the inbox"), table)
        rows.frame = rows.frame.drop(index=1)  # the header, whatever quotes it has
        return rows
    frame = parquet_columns(file, header).set_axis(columns, axis=1)
    texts = frame.astype("str").where(frame.notna(), "").astype("str")
    return Rows(str(file), texts.set_axis(pd.RangeIndex(1, len(texts) + 1)))


def _times(texts: pd.Series) -> pd.Series:
    seconds = pd.to_numeric(texts, errors="coerce")
    as_number = pd.to_datetime(seconds, unit="s", utc=True, errors="coerce")
    as_text = pd.to_datetime(texts.mask(seconds.notna()), utc=True, errors="coerce", format="ISO8601")
    return as_number.fillna(as_text).dt.as_unit("us")


def _number(rows: Rows, column: str) -> pd.Series:
    """A column as numbers; rows with anything else in it, or below 0, are rejected."""
    is_whole = NUMBERS[column] == "Int64"
    numbers = pd.to_numeric(rows.frame[column].replace("", None), errors="coerce")
    given = rows.frame[column] != ""
    bad = given & (numbers.isna() | ~numbers.between(0, 1e12) | (is_whole & (numbers % 1 != 0)))
    kind = "a whole number from 0 on" if is_whole else "a number from 0 on"
    rows.reject(bad, column, f"not {kind}", f"Give {kind}, or leave it out.")
    return numbers


def _event_id(stated: str, user_key: str, *rest: object) -> str:
    """The same event gets the same id, in whatever file it comes."""
    parts = ("sent", user_key, stated) if stated else ("made", user_key, *map(str, rest))
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
