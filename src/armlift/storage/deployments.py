"""What live traffic is shown, and since when: items, models, and which model each arm was given."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select

from armlift.storage.database import Database
from armlift.storage.interval_marks import insert_or_merge
from armlift.storage.schema import deployments, items, models
from armlift.storage.slates import Manifest, SlateSnapshot

_ITEMS_AT_ONCE = 2_000  # rewards wait for their commit meanwhile


class Deployment(NamedTuple):
    """An arm was given a model.

    Attributes:
        ts: When a router first showed it, microseconds UTC.
        arm_id: The arm.
        model_name: Recommender.
        model_version: Its version in the registry.
        slates_version: Number and hash of the slates, such as `3-98fcb76ebc88`.
    """

    ts: int
    arm_id: str
    model_name: str
    model_version: int
    slates_version: str


def slates_name(manifest: Manifest) -> str:
    """Name a version of the slates for good: in another folder numbers begin anew."""
    return f"{manifest.version}-{manifest.sha256[:12]}"


def record_deployment(database: Database, slates: SlateSnapshot, ts: int) -> None:
    """Note that slates are served from now on. What was noted before, by whichever router, stays.

    Args:
        database: The store.
        slates: What is served.
        ts: Now, microseconds UTC.
    """
    name, arms = slates_name(slates.manifest), slates.manifest.arms
    rows = [
        {"item_id": item_id, "title": title, "year": year, "genres": genres}
        for item_id, title, year, genres in sorted(  # in one order, so that no two routers wait in a circle
            (str(number), title, year, "|".join(genres))
            for number, title, year, genres in zip(*slates.items, strict=True)
        )
    ]
    for start in range(0, len(rows), _ITEMS_AT_ONCE):
        with database.begin() as connection:
            insert = insert_or_merge(connection, items)
            changed = {each: insert.excluded[each] for each in ("title", "year", "genres")}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["item_id"], set_=changed),
                rows[start : start + _ITEMS_AT_ONCE],
            )
    known = [
        {"name": model.name, "version": model.version, "source": f"slates {name}", "created_ts": ts}
        for model in sorted(set(arms.values()))
    ]
    served = [Deployment(ts, arm, *model, name)._asdict() for arm, model in sorted(arms.items())]
    with database.begin() as connection:
        connection.execute(insert_or_merge(connection, models).on_conflict_do_nothing(), known)
        connection.execute(insert_or_merge(connection, deployments).on_conflict_do_nothing(), served)


def deployments_of(database: Database) -> tuple[Deployment, ...]:
    """Read which model each arm was given, oldest first.

    Args:
        database: The store.
    """
    columns = [deployments.c[name] for name in Deployment._fields]
    query = select(*columns).order_by(deployments.c.ts, deployments.c.arm_id)
    with database.read() as connection:
        return tuple(Deployment(*row) for row in connection.execute(query))
