"""What Dagster shows of a data set that a Kedro run wrote: size, first rows or a picture, version."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_defs.project import KedroProject

ROWS_SHOWN = 5
PICTURE_WIDTH = 640  # pixels: enough to recognise a chart, little enough for the event log
TEXT_SHOWN = 2_000  # characters
_BLOCK = 1 << 20
_CHANCE = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\bp\d{4,}\b")
"""Ids that Bokeh makes up for the elements of a page."""


def kinds_of(entry: Mapping[str, Any]) -> set[str]:
    """What a data set is, from its entry in the catalog: the ending of its files.

    Example:
        >>> kinds_of({"type": "pandas.ParquetDataset", "filepath": "data/processed/ratings.parquet"})
        {'parquet'}
    """
    place = str(entry.get("filename_suffix") or entry.get("filepath", ""))
    ending = place.rpartition(".")[2] if "." in place else "folder"
    return {{"pkl": "pickle", "yml": "yaml", "txt": "text"}.get(ending, ending)}


def content_hash(project: KedroProject, name: str) -> str:
    """Hash what a data set holds: equal for equal content, whenever it was written.

    Args:
        project: The Kedro project.
        name: Data set of its catalog.

    Returns:
        16 hexadecimal digits; 16 zeros for a data set without files.
    """
    place = project.path(name)
    files = [] if place is None else list(_files(_newest(place)))
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode())
        with file.open("rb") as stream:
            if file.suffix == ".html":
                digest.update(_CHANCE.sub(b"", stream.read()))
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()[:16] if files else "0" * 16


def shown(project: KedroProject, name: str) -> dict[str, Any]:
    """Describe what a data set holds now, for the metadata of its asset.

    Args:
        project: The Kedro project.
        name: Data set of its catalog.

    Returns:
        Metadata by name: place and size always; rows, columns and the first rows of a table; the first
        picture of a folder of pictures; the beginning of a text.
    """
    place = project.path(name)
    if place is None or not place.exists():
        return {}
    files = list(_files(_newest(place)))
    size = sum(file.stat().st_size for file in files)
    about: dict[str, Any] = {
        "path": dg.MetadataValue.path(str(place)),
        "files": len(files),
        "bytes": size,
    }
    if place.suffix == ".parquet":
        return about | _table(place)
    if place.is_file() and place.suffix in (".json", ".yml", ".txt"):
        text = place.read_text(encoding="utf-8")[:TEXT_SHOWN]
        return about | {"preview": dg.MetadataValue.md(f"```\n{text}\n```")}
    pictures = [file for file in files if file.suffix == ".png"]
    if pictures:
        about["preview"] = dg.MetadataValue.md(_picture(pictures[0]))
    return about


def _newest(place: Path) -> Path:
    """The newest version in a folder of versions, which are named by numbers; any other place itself."""
    versions = [folder for folder in place.iterdir() if folder.name.isdigit()] if place.is_dir() else []
    return max(versions, default=place, key=lambda folder: int(folder.name))


def _files(place: Path) -> Iterator[Path]:
    """The files of a data set in a fixed order, but for hidden ones and a manifest, which holds a time."""
    if place.is_file():
        yield place
    else:
        files = (file for file in place.rglob("*") if file.is_file() and file.name[0] != ".")
        yield from sorted(file for file in files if file.name != "manifest.json")


def _table(file: Path) -> dict[str, Any]:
    """Rows, columns and the first rows, of which no more than a batch is read."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as table:
        schema = table.schema_arrow
        columns = [dg.TableColumn(field.name, str(field.type).removeprefix("large_")) for field in schema]
        rows = table.metadata.num_rows
        head = next(table.iter_batches(ROWS_SHOWN), None)
    preview = [] if head is None else head.to_pylist()
    return {
        "dagster/row_count": rows,
        "dagster/column_schema": dg.TableSchema(columns),
        "preview": dg.MetadataValue.md(_markdown([each.name for each in columns], preview)),
    }


def _markdown(columns: list[str], rows: list[dict[str, Any]]) -> str:
    def line(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    shown_rows = [[_cell(row[column]) for column in columns] for row in rows]
    return "\n".join([line(columns), line(["---"] * len(columns)), *map(line, shown_rows)])


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")[:60]


def _picture(file: Path) -> str:
    from PIL import Image

    with Image.open(file) as image:
        small = image.convert("RGB")
        small.thumbnail((PICTURE_WIDTH, PICTURE_WIDTH))
    stream = BytesIO()
    small.save(stream, "PNG", optimize=True)
    return f"![{file.stem}](data:image/png;base64,{b64encode(stream.getvalue()).decode()})"
