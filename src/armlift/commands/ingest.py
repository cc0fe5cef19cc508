"""`armlift ingest`: rating and event files from a drop folder, checked, kept by day, each once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from armlift.datasets.schema import Reject
    from armlift.environment import RouterSettings

ITEMS = Path("data", "processed", "items.parquet")

_UNFINISHED = (".partial", ".tmp", ".crdownload", ".part")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileReport:
    """What became of a file.

    Attributes:
        file: Its name.
        content: Hash of its content, by which it is known.
        kind: `ratings`, `events`, or `unreadable`.
        rows: Rows that were taken.
        rejected: Rows that were not; they are kept with reason and remedy.
        days: Rows by the day they are about, ISO 8601.
    """

    file: str
    content: str
    kind: str
    rows: int
    rejected: int
    days: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        files: Files that were taken in, or whose part of the day asked for was written again.
        known: Files that were taken in before and were left alone.
        day_rows: Rows of the day asked for, over all files that were ever taken in; None without a day.
    """

    files: tuple[FileReport, ...]
    known: int
    day_rows: int | None = None


@click.command()
@click.option("--inbox", type=click.Path(file_okay=False, path_type=Path), help="Drop folder.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Write this day's tables again, too.")
@click.option(
    "--export",
    "target",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what was ingested, of the day or of all days, as CSV into this folder instead.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def ingest(inbox: Path | None, day: datetime | None, target: Path | None, as_json: bool) -> None:
    """Take in new rating and event files.

    CSV and Parquet files in the drop folder are checked row by row and kept as Parquet by day below
    data/ingested/. A file is known by its content: the same file again changes nothing. Rows that break a
    rule are kept apart with their line, the reason and a remedy.
    """
    from armlift.commands.orchestration import load_orchestration
    from armlift.environment import RouterSettings

    root = Path.cwd()
    parameters = load_orchestration(root).ingest
    folder, of_day = root / parameters.folder, day.date() if day else None
    if target is not None:
        for file, rows in export_csv(folder, target, of_day).items():
            click.echo(f"{file}: {rows} rows")
        return
    settings = RouterSettings.from_environment(root)
    report = ingest_files(settings, root, inbox or root / parameters.inbox, folder, day=of_day)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
        return
    for line in in_words(report):
        click.echo(line)


def ingest_files(
    settings: RouterSettings, root: Path, inbox: Path, folder: Path, *, day: date | None = None
) -> IngestReport:
    """Take in the files of a drop folder that are new.

    Tables are written under names made from a file's content, and the file is marked as known after them:
    killed at any moment, the next ingest writes the same files again and marks them.

    Args:
        settings: Whose secret makes keys of users' ids.
        root: Root of the project.
        inbox: The drop folder; without one there is nothing to do.
        folder: Where ingested tables are kept.
        day: Day whose tables are written again from the files that are still there.

    Raises:
        DataError: There are ratings, and the items that they are checked against are missing.
    """
    from armlift.datasets.ingested import ingested_events, ingested_ratings

    reports, known = [], 0
    for file in _arrived(inbox):
        content = _hash(file)
        mark = folder / "files" / f"{content}.json"
        before = json.loads(mark.read_text("utf-8")) if mark.is_file() else None
        if before is not None and (day is None or str(day) not in before["days"]):
            known += 1
            continue
        reports.append(_take_in(settings, root, file, content, folder))
    rows = None
    if day is not None:
        rows = len(ingested_ratings(folder, day)) + len(ingested_events(folder, day))
    return IngestReport(tuple(reports), known, rows)


def export_csv(folder: Path, target: Path, day: date | None = None) -> dict[Path, int]:
    """Write what was ingested as CSV; ratings in the layout that an ingest takes.

    Users of events are keyed hashes, in the column `user_key`.

    Args:
        folder: Where ingested tables are kept.
        target: Folder for `ratings.csv` and `events.csv`.
        day: Of this day alone; None for all.

    Returns:
        Rows by file.
    """
    from armlift.datasets.ingested import ingested_events, ingested_ratings

    target.mkdir(parents=True, exist_ok=True)
    ratings, events = ingested_ratings(folder, day), ingested_events(folder, day)
    seconds = ratings["timestamp"].dt.as_unit("s").astype("int64")
    written = {target / "ratings.csv": len(ratings), target / "events.csv": len(events)}
    ratings.assign(timestamp=seconds).to_csv(target / "ratings.csv", index=False, lineterminator="\n")
    events.to_csv(target / "events.csv", index=False, lineterminator="\n")
    return written


def in_words(report: IngestReport) -> Iterator[str]:
    """Say what an ingest did, a line for each file."""
    for file in report.files:
        rejected = f", {file.rejected} rows rejected" if file.rejected else ""
        yield f"{file.file}: {file.rows} {file.kind} of {len(file.days)} days{rejected}"
    if not report.files:
        yield f"Nothing new; {report.known} files are known."


def _take_in(settings: RouterSettings, root: Path, file: Path, content: str, folder: Path) -> FileReport:
    kind, table, rejected = _read(settings, root, file)
    days: dict[str, int] = {}
    if len(table):
        times = table["timestamp" if kind == "ratings" else "ts"]
        for of_day, rows in table.groupby(times.dt.strftime("%Y-%m-%d"), sort=True):
            place = folder / kind / f"day={of_day}" / f"{content}.parquet"
            _write_table(place, rows)
            days[str(of_day)] = len(rows)
    if rejected:
        from armlift.datasets.schema import reject_table

        _write_table(folder / "rejects" / f"{content}.parquet", reject_table(rejected))
    report = FileReport(file.name, content, kind, len(table), len(rejected), days)
    text = json.dumps(asdict(report), indent=2)
    _write(folder / "files" / f"{content}.json", lambda partial: partial.write_text(text, "utf-8"))
    return report


def _read(settings: RouterSettings, root: Path, file: Path) -> tuple[str, pd.DataFrame, list[Reject]]:
    import pandas as pd

    from armlift.datasets.arrived import header_of, is_ratings, read_arrived_ratings, whole_file_reject
    from armlift.errors import DataFileError
    from armlift.experiments.event_files import read_event_file
    from armlift.experiments.signing import load_secrets

    try:
        if is_ratings(header_of(file)):
            return "ratings", *read_arrived_ratings(file, _items(root / ITEMS))
        return "events", *read_event_file(file, load_secrets(root, settings.mode).user_key)
    except DataFileError as error:
        return "unreadable", pd.DataFrame(), [whole_file_reject(file, error)]


def _items(file: Path) -> npt.NDArray[np.int64]:
    import pandas as pd

    from armlift.errors import DataError

    if not file.is_file():
        raise DataError(
            f"{file} is missing, and ratings are checked against its items. Run: kedro run --pipelines=data"
        )
    ids: npt.NDArray[np.int64] = pd.read_parquet(file, columns=["item_id"])["item_id"].to_numpy()
    return ids


def _arrived(inbox: Path) -> list[Path]:
    """Files in the order of their names, without those that are still being written."""
    if not inbox.is_dir():
        return []
    files = (file for file in inbox.iterdir() if file.is_file())
    return sorted(file for file in files if file.name[0] != "." and file.suffix not in _UNFINISHED)


def _hash(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:24]


def _write_table(place: Path, table: pd.DataFrame) -> None:
    _write(place, lambda partial: table.to_parquet(partial, index=False))


def _write(place: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole or not at all, and on disk before anything that says that it is there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.partial")
    write(partial)
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(place)
