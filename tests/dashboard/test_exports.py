"""Tables of the log as files."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from dashboard.exports import FORMATS, as_file

AT = pd.Timestamp("2026-01-05 10:00:00.123456", tz="UTC")
LOG = pd.DataFrame(
    {
        "decided_at": pd.DatetimeIndex([AT, AT]),
        "arm_id": ["svd", "=cmd()"],
        "reward": [1.0, None],
        "context": ['{"device": "mobile"}', "-1"],
        "details": [{"who": "필립"}, None],
    },
    index=[7, 8],
)


def test_parquet_keeps_every_value_and_type():
    table = pd.read_parquet(as_file(LOG, "parquet"))
    assert table.columns.tolist() == LOG.columns.tolist()
    assert table["decided_at"].tolist() == [AT, AT]
    assert table["arm_id"].tolist() == ["svd", "=cmd()"]
    assert table["reward"].isna().tolist() == [False, True]
    assert json.loads(table["details"][0]) == {"who": "필립"}


def test_csv_has_times_with_zone_and_runs_nothing_in_a_spreadsheet():
    file = as_file(LOG, "csv")
    assert file.read().decode().count("\r\n") == 3
    file.seek(0)
    table = pd.read_csv(file)
    assert pd.to_datetime(table["decided_at"]).tolist() == [AT, AT]
    assert table["arm_id"].tolist() == ["svd", "'=cmd()"]
    assert table["context"].tolist() == ['{"device": "mobile"}', "'-1"]
    assert table["reward"].tolist()[0] == 1.0


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_table_is_a_file_with_its_columns(kind):
    file = as_file(LOG.iloc[:0], kind)
    table = pd.read_csv(file) if kind == "csv" else pd.read_parquet(file)
    assert table.empty
    assert table.columns.tolist() == LOG.columns.tolist()
