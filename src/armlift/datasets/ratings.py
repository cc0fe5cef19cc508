"""Fast reading of rating files, from 100 thousand to tens of millions of rows."""

from __future__ import annotations

import io
import itertools
import re
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from armlift.datasets.published import PublishedFiles, TableFile
from armlift.datasets.schema import Reject
from armlift.datasets.sources import RatingScale
from armlift.datasets.validation import Rows, check_ratings
from armlift.errors import DataFileError

RATING_COLUMNS = ("user_id", "item_id", "rating", "timestamp")

# Stands in for separators of several bytes, which the fast parser does not know.
UNIT_SEPARATOR = b"\x1f"

_WHOLE = ("a whole number", rb" *-?\d{1,18} *")
_DECIMAL = ("a number", rb" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})? *")
_FIELDS = (_WHOLE, _WHOLE, _DECIMAL, _WHOLE)


class CheckedRatings(NamedTuple):
    """Ratings of a file that meet all rules, and the others.

    Attributes:
        ratings: As in `Dataset.ratings`.
        rejected: Rows left out, by line.
    """

    ratings: pd.DataFrame
    rejected: list[Reject]


def read_ratings(
    files: PublishedFiles,
    file: TableFile,
    scale: RatingScale,
    item_ids: npt.NDArray[np.int64],
    user_ids: npt.NDArray[np.int64] | None,
) -> CheckedRatings:
    """Read and check the ratings of a set.

    Args:
        files: The files of the set.
        file: The rating file among them.
        scale: Ratings the set allows.
        item_ids: The items of the set, shape (items,), unique.
        user_ids: The users of the set, shape (users,), unique; None when the set does not list them.

    Raises:
        DataFileError: The file is missing, empty or of another format.
    """
    rows = _parse_whole(files, file) or _parse_good_lines(files, file)
    malformed, rows.rejected = rows.rejected, []
    check_ratings(rows, scale, item_ids, user_ids)
    broken = _with_published_values(rows.rejected, files, file)
    return CheckedRatings(_in_order(rows.frame), sorted(malformed + broken, key=lambda reject: reject.line))


def _parse_whole(files: PublishedFiles, file: TableFile) -> Rows | None:
    """Parse the file in one go; None when some line is not four numbers."""
    with files.open(file.name) as stream:
        first = 1
        if file.header is not None:
            files.check_header(file, stream.readline())
            first = 2
        separator = file.separator.encode()
        parsed: IO[bytes] = stream
        if len(separator) > 1:
            content = stream.read()
            if UNIT_SEPARATOR in content:
                return None
            parsed = io.BytesIO(content.replace(separator, UNIT_SEPARATOR))
            separator = UNIT_SEPARATOR
        frame = _parse_numbers(parsed, separator)
    if frame is not None:
        frame.index = pd.RangeIndex(first, first + len(frame))
        return Rows(files.label(file.name), frame)
    return None


def _parse_numbers(stream: IO[bytes], separator: bytes) -> pd.DataFrame | None:
    """Parse lines of four numbers; None when a line is anything else, an empty line included."""
    import pyarrow as pa
    import pyarrow.csv

    types = dict(zip(RATING_COLUMNS, (pa.int64(), pa.int64(), pa.float64(), pa.int64()), strict=True))
    try:
        table = pyarrow.csv.read_csv(
            stream,
            pyarrow.csv.ReadOptions(column_names=list(types)),
            pyarrow.csv.ParseOptions(
                delimiter=separator.decode(), quote_char=False, ignore_empty_lines=False
            ),
            pyarrow.csv.ConvertOptions(column_types=types, null_values=[], check_utf8=False),
        )
    except pa.ArrowInvalid:
        return None
    # Frees each column of the one table while the other is built: half the peak memory.
    return table.to_pandas(split_blocks=True, self_destruct=True)  # type: ignore[no-any-return]


def _parse_good_lines(files: PublishedFiles, file: TableFile) -> Rows:
    """Parse the lines that are four numbers, reject the others and pass over empty ones."""
    content = files.read(file.name)
    label = files.label(file.name)
    separator = file.separator.encode()
    begin, first = 0, 1
    if file.header is not None:
        begin, first = content.find(b"\n") + 1 or len(content), 2
    good = re.escape(separator).join(pattern for _, pattern in _FIELDS) + rb"\r?"
    others = [
        match
        for match in re.compile(rb"^(?!%b$).*$" % good, re.MULTILINE).finditer(content, begin)
        if match.start() < len(content)
    ]
    line_ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == ord("\n"))
    other_lines = np.searchsorted(line_ends, [match.start() for match in others]) + 1
    last = len(line_ends) + (not content.endswith(b"\n"))
    lines = np.setdiff1d(np.arange(first, last + 1), other_lines, assume_unique=True)
    rejected = [
        _malformed(label, int(line), match[0].removesuffix(b"\r"), separator)
        for line, match in zip(other_lines, others, strict=True)
        if match[0].strip()
    ]
    if not len(lines):
        if not rejected:
            raise DataFileError(f"{label}: holds no ratings. Check that the file is complete.")
        return Rows(label, pd.DataFrame(0, index=pd.Index(lines), columns=list(RATING_COLUMNS)), rejected)

    starts = [begin, *(match.end() + 1 for match in others)]
    ends = [*(match.start() for match in others), len(content)]
    kept = b"".join(content[start:end] for start, end in zip(starts, ends, strict=True))
    frame = _parse_numbers(io.BytesIO(kept.replace(separator, UNIT_SEPARATOR)), UNIT_SEPARATOR)
    if frame is None:
        raise DataFileError(f"{label}: holds numbers that cannot be read. Check that these are ratings.")
    frame.index = pd.Index(lines)
    return Rows(label, frame, rejected)


def _malformed(label: str, line: int, text: bytes, separator: bytes) -> Reject:
    """Say what keeps a line from being four numbers."""
    fields = text.split(separator)
    if len(fields) != len(_FIELDS):
        reason = f"{len(fields)} fields instead of {len(_FIELDS)}"
        remedy = f"Separate the fields by {separator.decode()!r}."
        return Reject(label, line, "", text.decode(errors="replace"), reason, remedy)
    return next(
        Reject(label, line, column, value.decode(errors="replace"), f"not {kind}", f"Give {kind}.")
        for column, (kind, pattern), value in zip(RATING_COLUMNS, _FIELDS, fields, strict=True)
        if not re.fullmatch(pattern, value)
    )


def _with_published_values(rejected: list[Reject], files: PublishedFiles, file: TableFile) -> list[Reject]:
    """Replace the parsed value of each rejected row by the text in the file."""
    wanted = {reject.line for reject in rejected}
    if not wanted:
        return []
    with files.open(file.name) as stream, io.TextIOWrapper(stream, "utf-8", errors="replace") as text:
        texts = {
            line: row.rstrip("\n").split(file.separator)
            for line, row in enumerate(itertools.islice(text, max(wanted)), start=1)
            if line in wanted
        }
    return [
        reject._replace(value=texts[reject.line][RATING_COLUMNS.index(reject.column)].strip())
        for reject in rejected
    ]


def _in_order(parsed: pd.DataFrame) -> pd.DataFrame:
    """Sort ratings by (timestamp, user, item) and turn seconds into times."""
    # One key for the pair and two sorts: twice as fast as np.lexsort over three columns.
    users, items = (pd.factorize(parsed[name], sort=True)[0] for name in ("user_id", "item_id"))
    by_pair = np.argsort(users.astype(np.int64) * (items.max(initial=0) + 1) + items)
    seconds = parsed["timestamp"].to_numpy()
    order = by_pair[np.argsort(seconds[by_pair], kind="stable")]
    times = seconds[order].astype("datetime64[s]").astype("datetime64[us]")
    return pd.DataFrame(
        {
            "user_id": parsed["user_id"].to_numpy()[order],
            "item_id": parsed["item_id"].to_numpy()[order],
            "rating": parsed["rating"].to_numpy()[order].astype(np.float64),
            "timestamp": pd.DatetimeIndex(times).tz_localize("UTC"),
        }
    )
