"""Recommenders by name, found by entry point and imported only when asked for."""

from __future__ import annotations

import inspect
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from armlift.errors import DataFileError, ParameterError
from armlift.recommenders.base import Recommender, read_description

GROUP = "armlift.recommenders"
"""Entry-point group in which a distribution names its recommenders."""


def available_recommenders() -> tuple[str, ...]:
    """Names of all installed recommenders, sorted.

    Example:
        >>> "popularity" in available_recommenders()
        True
    """
    return tuple(sorted(_installed()))


def create_recommender(name: str, **params: object) -> Recommender:
    """Make an unfitted recommender.

    Args:
        name: One of `available_recommenders`.
        **params: Its hyper-parameters; the defaults where left out.

    Returns:
        The recommender.

    Raises:
        ParameterError: No such recommender, no such hyper-parameter, a value out of its bound, or an
            entry point that leads to no recommender.

    Example:
        >>> create_recommender("popularity", half_life_days=365).params
        {'half_life_days': 365.0}
    """
    installed = _installed()
    if name not in installed:
        raise ParameterError(
            "recommender",
            name,
            f"one of {', '.join(sorted(installed))}",
            f"Choose one of these, or install the package that names it in entry-point group {GROUP}.",
        )
    kind = _load(installed[name])
    accepted = inspect.signature(kind).parameters
    for param, value in params.items():
        if param not in accepted:
            raise ParameterError(
                f"{name}.{param}",
                value,
                f"a hyper-parameter among {', '.join(accepted) or 'none'}",
                "Correct the name, or leave it out.",
            )
    return kind(**params)


def load_recommender(path: Path | str) -> Recommender:
    """Read a saved recommender of whichever installed class.

    Args:
        path: Folder given to `Recommender.save`.

    Returns:
        The fitted recommender.

    Raises:
        DataFileError: The folder holds no recommender, or one that is not installed.
    """
    # Only installed recommenders: importing whatever a file names would let the file run code.
    wanted = read_description(path).recommender
    for entry in _installed().values():
        if entry.value == wanted:
            return _load(entry).load(path)
    raise DataFileError(f"{path} holds a {wanted}, which is not installed. Install the package that has it.")


def _installed() -> dict[str, EntryPoint]:
    """Installed recommenders by name; all packages are looked through once for each change of the places."""
    return _installed_in(tuple((place, _changed(place)) for place in sys.path))


def _changed(place: str) -> int:
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _installed_in(_places: tuple[tuple[str, int], ...]) -> dict[str, EntryPoint]:
    installed: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = installed.setdefault(entry.name, entry)
        # An editable installation may show the same entry twice; two packages must not share a name.
        if other.value != entry.value:
            raise ParameterError(
                f"entry point {entry.name} of group {GROUP}",
                f"{other.value} and {entry.value}",
                "one recommender for a name",
                "Rename one of them, or uninstall its package.",
            )
    return installed


def _load(entry: EntryPoint) -> type[Recommender]:
    where = f"entry point {entry.name} of group {GROUP}"
    try:
        kind = entry.load()
    except (ImportError, AttributeError) as error:
        raise ParameterError(
            where, entry.value, "an importable class", f"Repair its package: {error}."
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Recommender)):
        raise ParameterError(
            where, entry.value, "a subclass of armlift.recommenders.Recommender", "Repair its package."
        )
    return kind
