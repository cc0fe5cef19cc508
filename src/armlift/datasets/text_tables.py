"""Reading of small text tables row by row, with every quirk accounted for."""

from __future__ import annotations

import csv

import pandas as pd

from armlift.datasets.published import PublishedFiles, TableFile
from armlift.datasets.schema import Reject
from armlift.datasets.validation import Rows
from armlift.errors import DataFileError


def read_rows(files: PublishedFiles, file: TableFile) -> Rows:
    """Read a small table as text; empty lines are no rows.

    Raises:
        DataFileError: The file is missing, empty or of another format or encoding.
    """
    content = files.read(file.name)
    label = files.label(file.name)
    first = 1
    if file.header is not None:
        files.check_header(file, content.split(b"\n", 1)[0])
        first = 2
    # Not splitlines: it would also break at characters that occur inside titles.
    lines = _decode(content, file.encoding, label).split("\n")
    numbers, records, rejected = [], [], []
    for number, line in enumerate(lines[first - 1 :], start=first):
        text = line.removesuffix("\r")
        if not text.strip():
            continue
        fields = _split(text, file.separator)
        if len(fields) == len(file.columns):
            numbers.append(number)
            records.append(fields)
        else:
            reason = (
                f"{len(fields)} fields instead of {len(file.columns)}" if fields else "quotes do not match"
            )
            remedy = f"Separate the fields by {file.separator!r}."
            rejected.append(Reject(label, number, "", text, reason, remedy))
    if not records and not rejected:
        raise DataFileError(f"{label}: holds no rows. Check that the file is complete.")
    frame = pd.DataFrame(
        records, index=pd.Index(numbers, dtype="int64"), columns=list(file.columns), dtype="str"
    )
    return Rows(label, frame, rejected)


def check_ids(rows: Rows, column: str) -> None:
    """Reject rows whose id is not a whole number from 0 on, or is that of an earlier row."""
    check_whole_numbers(rows, column)
    repeated = rows.frame[column].astype("int64").duplicated()
    rows.reject(repeated, column, "an earlier row has this id", "Keep one row per id.")


def check_whole_numbers(rows: Rows, column: str) -> None:
    """Reject rows whose field is not a whole number from 0 on."""
    whole = rows.frame[column].str.fullmatch(r"\s*[0-9]{1,18}\s*")
    rows.reject(~whole.astype(bool), column, "not a whole number from 0 on", "Give such a number.")


def _split(text: str, separator: str) -> list[str]:
    """Split a line; only comma-separated files quote. Empty when the quotes do not match."""
    if separator != "," or '"' not in text:
        return text.split(separator)
    try:
        # One line at a time: an unclosed quote must not swallow the lines after it.
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return []


def _decode(content: bytes, encoding: str, label: str) -> str:
    """Decode a file, and refuse one that is evidently in the other encoding."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding == "latin-1":
            return content.decode(encoding)
        line = content.count(b"\n", 0, error.start) + 1
        raise DataFileError(
            f"{label} line {line}: byte 0x{content[error.start]:02x} is not {encoding}. "
            f"Convert the file to {encoding}."
        ) from error
    # Accents in Latin-1 practically never form valid UTF-8, so text that does was converted.
    if encoding == "latin-1" and not text.isascii():
        raise DataFileError(
            f"{label}: is UTF-8, but the publisher's file is Latin-1. Use the file as published."
        )
    return text
