"""Which model each arm was given, and since when."""

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
from sqlalchemy import select

from armlift.storage import (
    NEW_USER,
    Database,
    Deployment,
    ServedModel,
    SlateSnapshot,
    SlateSnapshots,
    deployments_of,
    record_deployment,
    write_slates,
)
from armlift.storage.schema import items, models

SVD, ALS = ServedModel("svd", 3), ServedModel("als", 4)


def published(folder, arms, title="Alien"):
    """Slates of one film."""
    rows = [(arm, NEW_USER, 0, 7) for arm in arms]
    table = pd.DataFrame(rows, columns=["arm", "user_id", "position", "item_id"])
    films = pd.DataFrame(
        {"item_id": [7], "title": [title], "year": pd.array([None], "Int64"), "genres": ["War|Sci-Fi"]}
    )
    write_slates(folder, table, films, arms)
    return SlateSnapshots(folder).current()


def test_a_version_is_deployed_once_however_often_and_by_whomever(database: Database, tmp_path) -> None:
    slates: SlateSnapshot = published(tmp_path, {"champion": SVD, "svd": SVD, "als": ALS})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda ts: record_deployment(database, slates, ts), [5, 5, 5, 5]))
    record_deployment(database, slates, 9)
    name = f"1-{slates.manifest.sha256[:12]}"
    assert deployments_of(database) == (
        Deployment(5, "als", "als", 4, name),
        Deployment(5, "champion", "svd", 3, name),
        Deployment(5, "svd", "svd", 3, name),
    )
    with database.read() as connection:
        assert connection.execute(
            select(models.c.name, models.c.version, models.c.created_ts)
        ).fetchall() == [
            ("als", 4, 5),
            ("svd", 3, 5),
        ]
        assert connection.execute(select(items)).fetchall() == [("7", "Alien", None, "War|Sci-Fi")]


def test_a_new_version_is_another_deployment_and_renames_its_items(database: Database, tmp_path) -> None:
    record_deployment(database, published(tmp_path, {"champion": SVD}), 5)
    record_deployment(database, published(tmp_path, {"champion": ALS}, "Aliens"), 6)
    assert [(row.ts, row.model_name, row.slates_version[:2]) for row in deployments_of(database)] == [
        (5, "svd", "1-"),
        (6, "als", "2-"),
    ]
    with database.read() as connection:
        assert connection.execute(select(items.c.title)).scalars().all() == ["Aliens"]


def test_a_catalogue_of_many_items_is_kept_whole(database: Database, tmp_path) -> None:
    count = 5_001
    table = pd.DataFrame({"arm": "svd", "user_id": NEW_USER, "position": [0], "item_id": [1]})
    films = pd.DataFrame(
        {"item_id": range(count), "title": "x", "year": pd.array([1999] * count, "Int64"), "genres": ""}
    )
    write_slates(tmp_path, table, films, {"svd": SVD})
    record_deployment(database, SlateSnapshots(tmp_path).current(), 5)
    with database.read() as connection:
        assert len(connection.execute(select(items)).fetchall()) == count
