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
    from armlift.storage import NEW_USER, ServedModel, items_by_popularity, write_slates

    try:
        items, ratings = (pd.read_parquet(data / f"{name}.parquet") for name in ("items", "ratings"))
    except OSError as error:
        raise DataFileError(
            f"{data} holds no items and ratings: {error}. Run `kedro run --pipelines=data`."
        ) from error
    tracking.use_store(Path.cwd())
    made = tracking.alias_slates(length, NEW_USER)
    arms = {arm: ServedModel(model.recommender, model.number) for arm, model in made.arms.items()}
    manifest = write_slates(folder, made.table, items_by_popularity(items, ratings), arms, keep=keep)
    click.echo(f"Version {manifest.version} in {folder}: {len(made.table) // length} slates.")
    for arm, model in manifest.arms.items():
        click.echo(f"  {arm:<12} {model}")


@slates.command(name="list")
@_FOLDER
def list_versions(folder: Path) -> None:
    """Show the versions, the newest last, and since when each was served; a damaged one is an error."""
    from armlift.storage import read_slates, slate_versions, slates_name

    since = _served_since()
    for number in slate_versions(folder):
        manifest = read_slates(folder / f"{number:08d}").manifest
        arms = ", ".join(f"{arm} = {model}" for arm, model in manifest.arms.items())
        served = since.get(slates_name(manifest))
        click.echo(
            f"{number}  {manifest.created}  {f'served since {served}' if served else 'not served'}  {arms}"
        )


def _served_since() -> dict[str, str]:
    """When each version of the slates was first served, ISO 8601, by its name; nothing without a store."""
    from armlift.commands.live_store import opened
    from armlift.environment import RouterSettings
    from armlift.errors import LiveError
    from armlift.storage import deployments_of
    from armlift.storage.monitoring_rows import monitored_store
    from armlift.storage.times import moment_of

    url = RouterSettings.from_environment(Path.cwd()).database_url
    if not monitored_store(url):
        return {}
    try:
        with opened(url, exclusive=False) as database:
            noted = deployments_of(database)
    except LiveError as error:  # the versions are files, and there without the store
        click.echo(f"Since when they are served is not known: {error}", err=True)
        return {}
    return {row.slates_version: moment_of(row.ts).isoformat(timespec="seconds") for row in noted}
