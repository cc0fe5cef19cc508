"""Reading of single rating files that somebody drops, CSV or Parquet, by the rules of the published sets."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from armlift.datasets.published import PublishedFiles, TableFile
from armlift.datasets.ratings import RATING_COLUMNS, CheckedRatings, read_ratings
from armlift.datasets.schema import Reject
from armlift.datasets.sources import HALF_STARS
from armlift.datasets.validation import Rows, check_ratings
from armlift.errors import DataFileError

RATING_HEADERS: Final = (",".join(RATING_COLUMNS), "userId,movieId,rating,timestamp")
"""First lines by which a CSV file is known as one of ratings."""

_INDEX = "__index_level_"


def header_of(file: Path) -> tuple[str, ...]:
    """Give the column names of a CSV or Parquet file.

    Args:
        file: The file; what it is, its ending says.

    Raises:
        DataFileError: It is of another format, or damaged, or empty.

    Example:
        >>> header_of(Path("ratings.txt"))
        Traceback (most recent call last):
        armlift.errors.DataFileError: ratings.txt: must end in .csv or .parquet. Convert it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    ending = file.suffix.lower()
    try:
        if ending == ".parquet":
            return tuple(name for name in pq.read_schema(file).names if not name.startswith(_INDEX))
        if ending == ".csv":
            with file.open(encoding="utf-8-sig") as stream:
                first = stream.readline().strip()
            if first:
                return tuple(name.strip().strip('"') for name in first.split(","))
            raise DataFileError(f"{file}: empty file. Write a header and rows.")
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataFileError(f"{file}: cannot be read ({error}). Write it again.") from error
    raise DataFileError(f"{file}: must end in .csv or .parquet. Convert it.")


def read_arrived_ratings(file: Path, item_ids: npt.NDArray[np.int64]) -> CheckedRatings:
    """Read and check a file of ratings.

    Args:
        file: CSV with the header `user_id,item_id,rating,timestamp` or MovieLens's, times in seconds since
            1970; or Parquet with these columns, times in seconds or as timestamps.
        item_ids: The items that are known, shape (items,), unique.

    Raises:
        DataFileError: It is of another format, or damaged.
    """
    header = header_of(file)
    if file.suffix.lower() == ".csv":
        written = ",".join(header)
        table = TableFile(file.name, ",", RATING_COLUMNS, "utf-8", written)
        files = PublishedFiles(file.parent, None, "the inbox")
        return read_ratings(files, table, HALF_STARS, item_ids, None)
    rows = _parquet_rows(file, header)
    check_ratings(rows, HALF_STARS, item_ids, None)
    seconds = rows.frame["timestamp"].to_numpy(np.int64)
    times = pd.Series(pd.to_datetime(seconds, unit="s", utc=True), rows.frame.index).dt.as_unit("us")
    ratings = rows.frame.assign(timestamp=times)
    ratings = ratings.sort_values(["timestamp", "user_id", "item_id"], ignore_index=True)
    return CheckedRatings(ratings, sorted(rows.rejected, key=lambda reject: reject.line))


def parquet_columns(file: Path, header: tuple[str, ...]) -> pd.DataFrame:
    """Read columns of a Parquet file as they are, without what pandas may have made of an index.

    Args:
        file: The file.
        header: From `header_of`.
    """
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.read_table(file, columns=list(header)).to_pandas(ignore_metadata=True)
    return frame


def is_ratings(header: tuple[str, ...]) -> bool:
    """Whether a file with these columns holds ratings.

    Example:
        >>> is_ratings(("userId", "movieId", "rating", "timestamp")), is_ratings(("event_type", "ts"))
        (True, False)
    """
    return ",".join(header) in RATING_HEADERS or set(RATING_COLUMNS) <= set(header)


def _parquet_rows(file: Path, header: tuple[str, ...]) -> Rows:
    """Rows as numbers, `timestamp` in seconds; the line of a row is its number, from 1."""
    frame = parquet_columns(file, header)
    frame = frame.rename(columns={"userId": "user_id", "movieId": "item_id"})[list(RATING_COLUMNS)]
    if pd.api.types.is_datetime64_any_dtype(frame["timestamp"]):
        times = pd.to_datetime(frame["timestamp"], utc=True).dt.as_unit("s")
        frame = frame.assign(timestamp=times.astype("int64").where(times.notna()))
    rows = Rows(str(file), frame.set_axis(pd.RangeIndex(1, len(frame) + 1)))
    for column in RATING_COLUMNS:
        numbers = pd.to_numeric(rows.frame[column], errors="coerce")
        whole = column == "rating"
        bad = numbers.isna() if whole else numbers.isna() | (numbers % 1 != 0)
        kind = "a number" if whole else "a whole number"
        rows.reject(bad, column, f"not {kind}", f"Give {kind}.")
        kept = numbers.loc[rows.frame.index]
        rows.frame = rows.frame.assign(**{column: kept.astype("float64" if whole else "int64")})
    return rows


def whole_file_reject(file: Path, error: DataFileError) -> Reject:
    """A file that cannot be read at all, as one rejected row."""
    return Reject(str(file), 1, "", "", str(error), "Mend the file and drop it again.")
