import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from armlift.errors import DataError, DataFileError, ParameterError
from armlift.storage import (
    NEW_USER,
    ServedModel,
    SlateSnapshots,
    items_by_popularity,
    read_slates,
    slate_versions,
    write_slates,
)

ARMS = {"champion": ServedModel("svd", 3), "PolicyA": ServedModel("popularity", 1)}


def table(first_item=100, users=(NEW_USER, 2, 7), length=3, arms=tuple(ARMS)):
    """Slates whose items say whose they are: first_item + 10 for each user + position."""
    rows = [
        (arm, user, position, first_item + 1000 * a + 10 * u + position)
        for a, arm in enumerate(arms)
        for u, user in enumerate(users)
        for position in range(length)
    ]
    return pd.DataFrame(rows, columns=["arm", "user_id", "position", "item_id"])


def catalogue(*slates):
    """Every item of some slates; the higher its id, the more popular."""
    ids = np.sort(pd.concat(slates)["item_id"].unique())[::-1]
    return pd.DataFrame(
        {
            "item_id": ids,
            "title": [f"Film {i}" for i in ids],
            "year": pd.array([1999] * len(ids), dtype="Int64"),
        }
    ).assign(genres="Drama|War")


def write(folder, slates, arms, **kwargs):
    return write_slates(folder, slates, catalogue(table(), slates), arms, **kwargs)


def test_every_user_gets_the_slate_of_the_arm_and_strangers_that_of_a_new_user(tmp_path):
    write(tmp_path, table().sample(frac=1, random_state=0), ARMS)
    slates = SlateSnapshots(tmp_path).current()
    assert slates.slate("champion", 2) == (110, 111, 112)
    assert slates.slate("PolicyA", 7) == (1120, 1121, 1122)
    assert slates.slate("champion", 1) == slates.slate("champion", 99) == (100, 101, 102)
    with pytest.raises(ParameterError, match="arm = 'svd': must satisfy one of"):
        slates.slate("svd", 2)


def test_a_reader_notices_a_new_version_and_reads_an_old_one_once(tmp_path):
    snapshots = SlateSnapshots(tmp_path)
    with pytest.raises(DataFileError, match="armlift slates rebuild"):
        snapshots.current()
    write(tmp_path, table(100), ARMS)
    first = snapshots.current()
    assert snapshots.current() is first
    manifest = write(tmp_path, table(500), ARMS)
    assert (manifest.version, manifest.length, manifest.arms) == (2, 3, ARMS)
    assert snapshots.current().slate("champion", 2) == (510, 511, 512)
    assert snapshots.current().manifest == manifest
    assert first.slate("champion", 2) == (110, 111, 112)


def test_old_versions_go_and_leftovers_too(tmp_path):
    (tmp_path / "unfinished-00000009").mkdir()
    for _ in range(5):
        write(tmp_path, table(), ARMS, keep=2)
    assert slate_versions(tmp_path) == (4, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000004", "00000005", "writer.lock"]


@pytest.mark.parametrize("damage", ["changed", "cut", "missing", "manifest", "items"])
def test_a_damaged_version_is_passed_over(tmp_path, damage, caplog):
    write(tmp_path, table(100), ARMS)
    write(tmp_path, table(500), ARMS)
    name = {"manifest": "manifest.json", "items": "items.parquet"}.get(damage, "slates.parquet")
    file = tmp_path / "00000002" / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "changed":
        file.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    else:
        file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataFileError, match="Run `armlift slates rebuild`"):
        read_slates(tmp_path / "00000002")
    snapshots = SlateSnapshots(tmp_path)
    assert snapshots.current().manifest.version == 1
    assert snapshots.current().manifest.version == 1
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        table().iloc[:0],
        table().iloc[1:],
        table().iloc[:-1],
        table(users=(2, 7)),
        table(arms=("champion",)),
        pd.concat([table(), table()]),
        pd.concat([table(), table().head(3).assign(position=[3, 4, 5])]),
    ],
    ids=["empty", "no first", "no last", "no new user", "an arm missing", "twice", "one longer"],
)
def test_incomplete_slates_are_refused(tmp_path, wrong):
    with pytest.raises(DataError, match="rows are not one slate of"):
        write(tmp_path, wrong, ARMS)
    assert slate_versions(tmp_path) == ()


def test_an_item_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"Items \[100\] in the slates of champion, .* svd \(version 3\)"):
        write_slates(tmp_path, table(), catalogue(table()).query("item_id > 100"), ARMS)


def test_a_version_knows_its_items_the_most_popular_first(tmp_path):
    items = catalogue(table()).assign(genres=["", *["Drama|War"] * 17])
    items.loc[1, "year"] = pd.NA
    write_slates(tmp_path, table(), items, ARMS)
    read = SlateSnapshots(tmp_path).current().items
    assert read.item_ids == sorted(table()["item_id"], reverse=True)
    assert (read.titles[0], read.years[:3]) == (f"Film {read.item_ids[0]}", [1999, None, 1999])
    assert read.genres[:2] == [[], ["Drama", "War"]]


def test_popularity_is_the_number_of_ratings():
    ratings = pd.DataFrame({"item_id": [3, 3, 3, 1, 1, 9]})
    ordered = items_by_popularity(pd.DataFrame({"item_id": [1, 2, 3]}), ratings)
    assert ordered["item_id"].tolist() == [3, 1, 2]


def test_a_version_must_be_kept(tmp_path):
    with pytest.raises(ParameterError, match="keep >= 1"):
        write(tmp_path, table(), ARMS, keep=0)


def test_writers_take_turns(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        manifests = list(pool.map(lambda _: write(tmp_path, table(), ARMS, keep=9), range(8)))
    assert sorted(manifest.version for manifest in manifests) == list(range(1, 9))


WRITER = """
import itertools, os, sys
from pathlib import Path
import numpy as np, pandas as pd
from armlift.storage import ServedModel, write_slates

for _ in sys.stdin:
    writer = os.fork()  # which takes no time, as importing pandas anew would
    if not writer:
        break
    os.waitpid(writer, 0)
    print("ended", flush=True)
else:
    sys.exit()
print(os.getpid(), flush=True)
users = np.arange(-1, 2000)
for number in itertools.count(1):
    slates = pd.DataFrame({"arm": "champion", "user_id": np.repeat(users, 10),
        "position": np.tile(np.arange(10), len(users)), "item_id": number})
    items = pd.DataFrame({"item_id": [number], "title": "", "year": pd.NA, "genres": ""})
    write_slates(Path(sys.argv[1]), slates, items, {"champion": ServedModel("svd", number)}, keep=2)
    if number == 1:
        print("first", flush=True)
"""


def check_killed_writers(folder, kills, seed):
    """Kill writers at random moments; meanwhile and afterwards every version read is whole."""
    snapshots, moments, seen = SlateSnapshots(folder), random.Random(seed), set()
    writers = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for number in range(kills):
        writers.stdin.write(b"\n")
        writers.stdin.flush()
        writer = int(writers.stdout.readline())
        assert writers.stdout.readline() == b"first\n"
        deadline = time.monotonic() + moments.uniform(0.0, 0.15)
        while time.monotonic() < deadline or len(seen) < 2 * (number + 1):  # the writer may be slow
            current = snapshots.current()
            seen.add(current.manifest.version)
            everything = [current.slate("champion", user) for user in (-1, 5, 1999, 5000)]
            assert everything == [(current.manifest.arms["champion"].version,) * 10] * 4
        os.kill(writer, signal.SIGKILL)
        assert writers.stdout.readline() == b"ended\n"
        for version in slate_versions(folder):
            whole = read_slates(folder / f"{version:08d}")
            assert whole.slate("champion", 1999) == (whole.manifest.arms["champion"].version,) * 10
    writers.communicate()
    assert len(seen) > kills  # readers met versions while they were being written
    write(folder, table(), ARMS, keep=2)
    assert not list(folder.glob("unfinished-*"))


def test_a_killed_writer_leaves_whole_versions_only(tmp_path):
    check_killed_writers(tmp_path, kills=3, seed=0)


@pytest.mark.slow
def test_many_killed_writers_leave_whole_versions_only(tmp_path):
    check_killed_writers(tmp_path, kills=25, seed=1)


def test_a_snapshot_of_a_small_service_is_read_whole(tmp_path):
    users = np.arange(-1, 20_000)
    slates = pd.DataFrame(
        {
            "arm": "champion",
            "user_id": np.repeat(users, 10),
            "position": np.tile(np.arange(10), len(users)),
            "item_id": np.repeat(users, 10) + 10,
        }
    )
    write(tmp_path, slates, {"champion": ServedModel("svd", 1)})
    current = SlateSnapshots(tmp_path).current()
    assert current.slate("champion", 17_003) == (17_013,) * 10
