from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from armlift.datasets.fingerprint import fingerprint
from armlift.errors import DataError

Tables = dict[str, pd.DataFrame]


def _tables() -> Tables:
    return {
        "ratings": pd.DataFrame(
            {
                "user_id": [1, 2, 2],
                "item_id": [10, 10, 11],
                "rating": [0.5, np.nan, 5.0],
                "timestamp": pd.to_datetime([1, 1, 2], unit="s", utc=True).as_unit("us"),
            }
        ),
        "items": pd.DataFrame(
            {
                "item_id": [10, 11],
                "title": ["Élan", None],
                "year": pd.array([1999, None], dtype="Int64"),
                "rated": [True, False],
            }
        ).astype({"title": "str"}),
    }


def _with(table: str, **columns: object) -> Callable[[Tables], Tables]:
    return lambda tables: {**tables, table: tables[table].assign(**columns)}


CHANGES = {
    "a value": _with("ratings", rating=[0.5, np.nan, 4.5]),
    "a title": _with("items", title=["Elan", None]),
    "a null filled with the filler": _with("ratings", rating=[0.5, 0.0, 5.0]),
    "a missing title filled": _with("items", title=["Élan", ""]),
    "a missing year filled": _with("items", year=pd.array([1999, 0], dtype="Int64")),
    "a null moved": _with("items", title=[None, "Élan"]),
    "a second": _with("ratings", timestamp=pd.to_datetime([1, 1, 3], unit="s", utc=True).as_unit("us")),
    "a time zone dropped": _with("ratings", timestamp=pd.to_datetime([1, 1, 2], unit="s").as_unit("us")),
    "an integer as float": _with("ratings", user_id=[1.0, 2.0, 2.0]),
    "a narrower integer": _with("ratings", user_id=np.array([1, 2, 2], dtype=np.int32)),
    "a number as text": _with("ratings", user_id=["1", "2", "2"]),
    "a boolean as integer": _with("items", rated=[1, 0]),
    "a column added": _with("items", genres=["", ""]),
    "a column renamed": lambda t: {**t, "items": t["items"].rename(columns={"title": "name"})},
    "two columns exchanged": lambda t: {
        **t,
        "ratings": t["ratings"].rename(columns={"user_id": "item_id", "item_id": "user_id"}),
    },
    "a row dropped": lambda t: {**t, "ratings": t["ratings"].iloc[:2]},
    "rows in another order": lambda t: {**t, "ratings": t["ratings"].iloc[::-1]},
    "a table renamed": lambda t: {"films": t["items"], "ratings": t["ratings"]},
    "a table dropped": lambda t: {"ratings": t["ratings"]},
    "an empty table added": lambda t: {**t, "users": pd.DataFrame()},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_content_changes_it(change: Callable[[Tables], Tables]) -> None:
    assert fingerprint(change(_tables())) != fingerprint(_tables())


SAME = {
    "order of tables": lambda t: dict(reversed(t.items())),
    "order of columns": lambda t: {name: table.iloc[:, ::-1] for name, table in t.items()},
    "index": lambda t: {name: table.set_axis(range(7, 7 + len(table))) for name, table in t.items()},
    "object strings": lambda t: _with("items", title=t["items"]["title"].astype(object))(t),
    "None and NaN": _with("items", title=pd.Series(["Élan", np.nan], dtype=object)),
    "Python strings": lambda t: _with("items", title=t["items"]["title"].astype("string[python]"))(t),
    "Arrow strings": lambda t: _with("items", title=t["items"]["title"].astype(pd.ArrowDtype(pa.string())))(
        t
    ),
    "categories": lambda t: _with("items", title=t["items"]["title"].astype("category"))(t),
    "nullable integers": lambda t: _with("ratings", user_id=t["ratings"]["user_id"].astype("Int64"))(t),
    "nullable floats": lambda t: _with("ratings", rating=t["ratings"]["rating"].astype("Float64"))(t),
    "nullable booleans": lambda t: _with("items", rated=t["items"]["rated"].astype("boolean"))(t),
    "Arrow booleans": lambda t: _with("items", rated=t["items"]["rated"].astype("bool[pyarrow]"))(t),
    "Arrow timestamps": lambda t: _with(
        "ratings", timestamp=t["ratings"]["timestamp"].astype(pd.ArrowDtype(pa.timestamp("us", "UTC")))
    )(t),
    "big-endian": lambda t: _with("ratings", rating=t["ratings"]["rating"].to_numpy().astype(">f8"))(t),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_how_the_content_is_held_does_not_matter(change: Callable[[Tables], Tables]) -> None:
    assert fingerprint(change(_tables())) == fingerprint(_tables())


def test_parquet_round_trip_keeps_it(tmp_path: Path) -> None:
    read = {}
    for name, table in _tables().items():
        table.to_parquet(tmp_path / f"{name}.parquet")
        read[name] = pd.read_parquet(tmp_path / f"{name}.parquet")
    assert fingerprint(read) == fingerprint(_tables())


def test_an_empty_table_survives_parquet(tmp_path: Path) -> None:
    empty = {name: table.iloc[:0] for name, table in _tables().items()}
    for name, table in empty.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    assert fingerprint(
        {name: pd.read_parquet(tmp_path / f"{name}.parquet") for name in empty}
    ) == fingerprint(empty)


def test_the_bytes_are_fixed() -> None:
    """A value written down: another process, platform or version of pandas must find the same."""
    assert fingerprint(_tables()) == "228fe2ceb1fc636569446968aa6942975855155a918db4c8d403f9cfdb665cb0"


@pytest.mark.parametrize(
    ("one", "other"),
    [(["ab", "c"], ["a", "bc"]), (["", "a"], ["a", ""]), (["é", "e"], ["e", "é"]), (["a\n"], ["a"])],
)
def test_text_is_told_apart_by_where_values_end(one: list[str], other: list[str]) -> None:
    assert fingerprint({"t": pd.DataFrame({"x": one})}) != fingerprint({"t": pd.DataFrame({"x": other})})


@pytest.mark.parametrize(
    "column",
    [pd.to_timedelta([1], unit="s"), pd.Series([1], dtype=object), pd.Series([[1]]), pd.Categorical([1])],
    ids=["timedelta", "object", "list", "category of numbers"],
)
def test_other_types_are_refused_by_name(column: object) -> None:
    with pytest.raises(DataError, match="table items, column odd: type"):
        fingerprint({"items": pd.DataFrame({"odd": column})})
