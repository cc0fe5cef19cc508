"""The errors armlift raises on purpose.

ArmliftError
├── ParameterError          a value outside its bound
├── DataError               the data cannot be used
│   ├── DataFileError       a file is missing, truncated or not in the expected format
│   └── BadRowsError        rows of a file break the schema and `data.on_bad_rows` is `raise`
├── DownloadError           a data set could not be fetched, checked or unpacked
├── BriefError              an experiment brief has faults, listed by field
├── NotFittedError          a recommender was asked before `fit`
├── WorldError              no simulation world can be built from this data
├── SimulationError         a simulation contradicts itself
└── TrackingError           the MLflow store cannot be used
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ArmliftError(Exception):
    """Root of all errors that armlift raises on purpose."""


class ParameterError(ArmliftError, ValueError):
    """A parameter lies outside its bound.

    Args:
        name: Parameter as the user writes it, such as `world.click_rate`.
        value: The offending value.
        bound: What is allowed, such as `0 < click_rate < 1`.
        remedy: What to do about it.
    """

    def __init__(self, name: str, value: object, bound: str, remedy: str) -> None:
        super().__init__(f"{name} = {value!r}: must satisfy {bound}. {remedy}")
        self.name, self.value, self.bound, self.remedy = name, value, bound, remedy


class DataError(ArmliftError):
    """The data cannot be used."""


class DataFileError(DataError):
    """A file is missing, truncated or not in the expected format."""


class BadRowsError(DataError):
    """Rows of a file break the schema and bad rows are not to be dropped."""


class DownloadError(ArmliftError):
    """A data set could not be fetched, checked or unpacked."""


class Fault(NamedTuple):
    """One thing that is wrong with a document.

    Attributes:
        field: Where, such as `strategies[0].share`; empty where it is the document as a whole.
        message: What is wrong and what to write instead.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class BriefError(ArmliftError):
    """An experiment brief has faults.

    Args:
        faults: All of them.
        source: Name of the file, if it came from one.
    """

    def __init__(self, faults: Sequence[Fault], source: str = "brief") -> None:
        number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n  ".join([f"{source} has {number}:", *map(str, faults)]))
        self.faults, self.source = tuple(faults), source


class NotFittedError(ArmliftError):
    """A recommender was asked before `fit`."""


class WorldError(ArmliftError):
    """No simulation world can be built from this data."""


class SimulationError(ArmliftError):
    """A simulation contradicts itself: a fault of armlift, not of its input."""


class TrackingError(ArmliftError):
    """The MLflow store cannot be used."""
