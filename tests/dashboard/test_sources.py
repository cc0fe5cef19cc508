import os

import pandas as pd
import pytest
from dashboard_sources import PROJECT, sources_of
from live_store import store_in

from armlift.errors import DataFileError, LiveError


def with_catalog(root):
    (root / "conf").symlink_to(PROJECT / "conf")
    return sources_of(root)


def test_no_store_is_made_by_looking(tmp_path):
    sources = sources_of(tmp_path)
    assert sources.readings is None
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_comes_later_is_found_and_one_that_is_replaced_is_opened_anew(tmp_path):
    sources = sources_of(tmp_path)
    assert sources.store() is None
    store_in(tmp_path).close()
    first = sources.store()
    assert first is sources.store()
    file = tmp_path / "data/live/armlift.db"
    copy = file.with_name("copy.db")
    copy.write_bytes(file.read_bytes())
    copy.replace(file)
    assert sources.store() is not first
    file.unlink()
    assert sources.store() is None


def test_what_the_store_refuses_is_said_in_words(tmp_path):
    file = tmp_path / "data/live/armlift.db"
    file.parent.mkdir(parents=True)
    file.touch()  # a store without tables
    sources = sources_of(tmp_path)
    with pytest.raises(LiveError, match=r"armlift\.db"), sources.reading() as store:
        store.readings.totals()
    sources.close()


def test_tables_are_those_of_the_catalog_and_kept_until_they_change(tmp_path):
    sources = with_catalog(tmp_path)
    assert sources.table("policy_trend") is None
    file = sources.path("policy_trend")
    assert file == tmp_path / "data/simulation/policy_trend.parquet"
    file.parent.mkdir(parents=True)
    pd.DataFrame({"a": [1]}).to_parquet(file)
    table = sources.table("policy_trend")
    assert sources.table("policy_trend") is table
    pd.DataFrame({"a": [1, 2]}).to_parquet(file)
    os.utime(file, ns=(1, 1))
    assert len(sources.table("policy_trend")) == 2


def test_what_is_no_table_is_named(tmp_path):
    sources = with_catalog(tmp_path)
    with pytest.raises(DataFileError, match="nonsense"):
        sources.table("nonsense")
    with pytest.raises(DataFileError, match="nonsense"):
        sources.path("nonsense")
    file = sources.path("policy_trend")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no parquet")
    with pytest.raises(DataFileError, match="Run its pipeline again"):
        sources.table("policy_trend")
