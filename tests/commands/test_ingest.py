"""Files that are dropped: checked, kept by day, each content once."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from shutil import copytree
from signal import SIGKILL

import pandas as pd
import pytest
from click.testing import CliRunner

from armlift.__main__ import main
from armlift.commands.ingest import export_csv, ingest_files
from armlift.datasets.ingested import ingested_events, ingested_ratings
from armlift.environment import RouterSettings
from armlift.errors import DataError

HEADER = "user_id,item_id,rating,timestamp\n"
DAY, NEXT = date(2026, 11, 18), date(2026, 11, 19)
SECOND = 1_795_000_000  # on that day


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data/processed").mkdir(parents=True)
    pd.DataFrame({"item_id": [1, 2, 3]}).to_parquet(tmp_path / "data/processed/items.parquet")
    (tmp_path / "inbox").mkdir()
    return tmp_path


def _drop(root, name, *lines, header=HEADER):
    (root / "inbox" / name).write_text(header + "".join(f"{line}\n" for line in lines), "utf-8")


def _ingest(root, day=None):
    settings = RouterSettings.from_environment(root, {})
    return ingest_files(settings, root, root / "inbox", root / "kept", day=day)


def _tables(root):
    """Every table that was kept, by its place; bytes, so that the same means the same."""
    return {
        str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("kept/*/*/*.parquet"))
    }


def test_ratings_are_kept_by_day_and_a_file_counts_once(root):
    _drop(root, "a.csv", f"7,1,4,{SECOND}", f"7,2,3.5,{SECOND + 86_400}")
    report = _ingest(root)
    assert [(file.kind, file.rows, file.rejected) for file in report.files] == [("ratings", 2, 0)]
    assert report.files[0].days == {str(DAY): 1, str(NEXT): 1}
    (root / "inbox" / "copy.csv").write_bytes((root / "inbox" / "a.csv").read_bytes())
    again = _ingest(root)
    assert (again.files, again.known) == ((), 2)
    assert ingested_ratings(root / "kept")["rating"].tolist() == [4.0, 3.5]
    assert ingested_ratings(root / "kept", NEXT)["item_id"].tolist() == [2]


def test_bad_rows_are_kept_apart_with_a_remedy(root):
    _drop(root, "a.csv", f"7,1,9,{SECOND}", "7,x,4,1", f"7,99,4,{SECOND}", f"8,1,4,{SECOND}")
    report = _ingest(root)
    assert (report.files[0].rows, report.files[0].rejected) == (1, 3)
    rejects = pd.read_parquet(next((root / "kept/rejects").glob("*.parquet")))
    assert rejects["line"].tolist() == [2, 3, 4]
    assert rejects["column"].tolist() == ["rating", "item_id", "item_id"]
    assert rejects["value"].tolist() == ["9", "x", "99"]
    assert (rejects["reason"] != "").all()
    assert (rejects["remedy"] != "").all()


@pytest.mark.parametrize("content", ["hello\n1\n", "", "event_type,user_id\nclick,7\n", "\x00\xff"])
def test_a_file_that_cannot_be_read_stops_no_other(root, content):
    (root / "inbox" / "bad.csv").write_text(content, "latin-1")
    _drop(root, "good.csv", f"7,1,4,{SECOND}")
    report = _ingest(root)
    assert [file.kind for file in report.files] == ["unreadable", "ratings"]
    assert _ingest(root).known == 2
    rejects = pd.read_parquet(root / "kept/rejects" / f"{report.files[0].content}.parquet")
    assert rejects.loc[0, "reason"]


def test_parquet_is_read_like_csv(root):
    table = pd.DataFrame(
        {"user_id": [7, 7], "item_id": [1, 2], "rating": [4.0, 9.0], "timestamp": [SECOND] * 2}
    )
    table.sample(frac=1.0, random_state=1).to_parquet(root / "inbox/a.parquet")
    moments = table.assign(user_id=8, timestamp=pd.to_datetime(table["timestamp"], unit="s", utc=True))
    moments.to_parquet(root / "inbox/b.parquet")
    report = _ingest(root)
    assert [(file.rows, file.rejected) for file in report.files] == [(1, 1), (1, 1)]
    kept = ingested_ratings(root / "kept")
    assert kept["user_id"].tolist() == [7, 8]
    assert kept["timestamp"].tolist() == [pd.Timestamp(SECOND, unit="s", tz="UTC")] * 2


def test_events_are_kept_in_our_words_and_without_the_user(root):
    header = "type,user_id,ts,product_id,price\n"
    row = "conversion,ann-from-seoul,2026-11-18T10:00:00+00:00,31,9.50"
    _drop(
        root,
        "a.csv",
        row,
        f"click,bob,{SECOND},31,",
        "jump,ann,1,1,1",
        f"view,ann,{SECOND},1,x",
        header=header,
    )
    _drop(root, "b.csv", row, f"like,bob,{SECOND},31,", header=header)  # overlaps
    report = _ingest(root)
    assert [(file.kind, file.rows, file.rejected) for file in report.files] == [
        ("events", 2, 2),
        ("events", 2, 0),
    ]
    events = ingested_events(root / "kept", DAY)
    assert sorted(events["event_type"]) == ["click_detail", "like", "purchase"]
    assert events["user_key"].str.fullmatch("[0-9a-f]{32}").all()
    assert events["user_key"].nunique() == 2
    assert events.loc[events["event_type"] == "purchase", "price"].tolist() == [9.5]
    stored = b"".join(_tables(root).values())
    assert b"seoul" not in stored
    assert b"bob" not in stored


def test_a_day_that_is_done_again_gives_the_same(root):
    _drop(root, "a.csv", f"7,1,4,{SECOND}", f"7,2,3.5,{SECOND + 86_400}")
    _drop(root, "b.csv", f"7,1,5,{SECOND + 60}", f"8,3,1,{SECOND}")
    _ingest(root)
    before = _tables(root)
    next((root / f"kept/ratings/day={DAY}").glob("*.parquet")).unlink()
    report = _ingest(root, DAY)
    assert (report.day_rows, _tables(root)) == (2, before)
    assert _ingest(root, date(2020, 1, 1)).day_rows == 0
    assert ingested_ratings(root / "kept", DAY)["rating"].tolist() == [1.0, 5.0]  # the later one of a pair


def test_files_that_are_still_being_written_wait(root):
    for name in (".hidden.csv", "a.csv.partial", "b.tmp"):
        _drop(root, name, f"7,1,4,{SECOND}")
    assert _ingest(root).files == ()


def test_without_items_ratings_wait_and_nothing_is_marked(root):
    _drop(root, "a.csv", f"7,1,4,{SECOND}")
    (root / "data/processed/items.parquet").unlink()
    with pytest.raises(DataError, match=r"items\.parquet is missing"):
        _ingest(root)
    assert not (root / "kept").exists()


def test_an_inbox_that_is_not_there_is_empty(tmp_path):
    assert _ingest(tmp_path).files == ()


KILLED = """
import os, signal, sys
from pathlib import Path
from armlift.commands import ingest
from armlift.environment import RouterSettings

write, number = ingest._write, 0

def killing(*arguments):
    global number
    number += 1
    if number == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)

ingest._write = killing
root = Path.cwd()
ingest.ingest_files(RouterSettings.from_environment(root, {}), root, root / "inbox", root / "kept")
"""


@pytest.mark.parametrize(  # between two days; between the tables and the mark
    "step", [pytest.param(2, marks=pytest.mark.slow), 4]
)
def test_a_kill_between_writing_and_marking_doubles_nothing(root, step):
    _drop(root, "a.csv", f"7,1,4,{SECOND}", f"7,2,3.5,{SECOND + 86_400}", "x")
    command = [sys.executable, "-c", KILLED, str(step)]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    assert subprocess.run(command, cwd=root, env=kept, check=False, timeout=60).returncode == -SIGKILL
    assert not list(root.rglob("kept/files/*.json"))
    report = _ingest(root)
    assert [(file.rows, file.rejected) for file in report.files] == [(2, 1)]
    assert len(ingested_ratings(root / "kept")) == 2
    assert [Path(place).parent.name for place in _tables(root)] == [f"day={DAY}", f"day={NEXT}"]


def test_what_was_exported_can_be_ingested(root):
    _drop(root, "a.csv", f"7,1,4,{SECOND}", f"7,2,3.5,{SECOND + 86_400}")
    _ingest(root)
    assert export_csv(root / "kept", root / "out") == {
        root / "out/ratings.csv": 2,
        root / "out/events.csv": 0,
    }
    before = ingested_ratings(root / "kept")
    (root / "inbox" / "back.csv").write_bytes((root / "out/ratings.csv").read_bytes())
    assert [file.rows for file in _ingest(root).files] in ([2], [])
    pd.testing.assert_frame_equal(ingested_ratings(root / "kept"), before)


def test_the_command(root, monkeypatch):
    copytree(Path(__file__).parents[2] / "conf", root / "conf")
    monkeypatch.chdir(root)
    _drop(root, "a.csv", f"7,1,4,{SECOND}")
    done = CliRunner().invoke(main, ["ingest", "--inbox", "inbox", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["files"][0]["rows"] == 1
    assert (
        CliRunner().invoke(main, ["ingest", "--inbox", "inbox"]).output == "Nothing new; 1 files are known.\n"
    )
    assert "1 rows" in CliRunner().invoke(main, ["ingest", "--export", "out", "--day", str(DAY)]).output
