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
@_FOLDER
def rebuild(length: int, keep: int, folder: Path) -> None:
    """Write a new version from the registry's aliases.

    Every recommender with an alias is asked for every user of its training history. A running router takes
    the new version by itself.
    """
    from armlift import tracking
    from armlift.storage import NEW_USER, write_slates

    tracking.use_store(Path.cwd())
    made = tracking.alias_slates(length, NEW_USER)
    manifest = write_slates(folder, made.table, made.arms, keep=keep)
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
