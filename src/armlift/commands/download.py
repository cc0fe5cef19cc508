"""`armlift download`: fetch a data set from its publisher."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/raw"),
    show_default=True,
    help="Folder for the archive and the unpacked files.",
)
@click.option("--yes", is_flag=True, help="Accept the publisher's terms without being asked.")
@click.option("--base-url", help="Folder URL of a mirror, instead of the publisher's.")
def download(name: str, to: Path, yes: bool, base_url: str | None) -> None:
    """Fetch, check and unpack the MovieLens set NAME.

    NAME is ml-100k, ml-1m, ml-10m, ml-latest-small, ml-20m, ml-25m or ml-32m. An interrupted download
    goes on where it stopped when the same command runs again.
    """
    from armlift.datasets.download import download as fetch
    from armlift.datasets.download import find_download
    from armlift.datasets.sources import PUBLISHER_URL, published_source

    source = published_source(name)
    base_url = base_url or PUBLISHER_URL
    present = find_download(name, to, base_url=base_url)
    if present is not None:
        click.echo(f"{name} is already in {present.folder}, complete and checked.")
    else:
        click.echo(source.terms)
        if source.size is not None:
            click.echo(f"The archive takes {source.size / 1e6:.0f} MB.")
        if not yes:
            click.confirm("Do you accept these terms?", default=False, abort=True)
        with _progress_bar(name) as progress:
            present = fetch(name, to, base_url=base_url, progress=progress)
        click.echo(f"{name} is in {present.folder}, checked.")
    params = shlex.quote(f"--params=data.source={name},data.path={present.folder}")
    click.echo(f"Next: kedro run --pipeline=simulate {params}")


@contextmanager
def _progress_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar on a terminal; elsewhere only its last state, so that logs stay short."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)
