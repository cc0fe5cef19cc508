"""`armlift slates`: what live traffic is shown."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/live/slates"),
    show_default=True,
    help="Where the versions are.",
)


@click.group()
def slates() -> None:
    """The slates that live traffic is shown, in versions."""


@slates.command()
@click.option("--length", type=click.IntRange(min=1), default=10, show_default=True, help="Items in a slate.")
@click.option("--keep", type=int, default=3, show_default=True, help="Versions that stay.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/processed"),
    show_default=True,
    help="Where the tables of items and ratings are.",
)
@_FOLDER
def rebuild(length: int, keep: int, data: Path, folder: Path) -> None:
    """Write a new version from the registry.

    The arms are the aliases, and the newest version of every recommender by its name; each is asked for every
    user of its training history. A running router takes the new version by itself.
    """
    import pandas as pd

    from armlift import tracking
    from armlift.errors import DataFileError
    from armlift.storage import NEW_USER, items_by_popularity, write_slates

    try:
        items, ratings = (pd.read_parquet(data / f"{name}.parquet") for name in ("items", "ratings"))
    except OSError as error:
        raise DataFileError(
            f"{data} holds no items and ratings: {error}. Run `kedro run --pipelines=data`."
        ) from error
    tracking.use_store(Path.cwd())
    made = tracking.alias_slates(length, NEW_USER)
    manifest = write_slates(folder, made.table, items_by_popularity(items, ratings), made.arms, keep=keep)
    click.echo(f"Version {manifest.version} in {folder}: {len(made.table) // length} slates.")
    for arm, source in manifest.arms.items():
        click.echo(f"  {arm:<12} {source}")


@slates.command(name="list")
@_FOLDER
def list_versions(folder: Path) -> None:
    """Show the versions, the newest last; a damaged one is an error."""
    from armlift.storage import read_slates, slate_versions

    for number in slate_versions(folder):
        manifest = read_slates(folder / f"{number:08d}").manifest
        arms = ", ".join(f"{arm} = {source}" for arm, source in manifest.arms.items())
        click.echo(f"{number}  {manifest.created}  {arms}")
