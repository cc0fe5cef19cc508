"""A brief that is being written: what of it is sound, and what is wrong with which field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from armlift.errors import BriefError, Fault
from armlift.experiments.brief import Brief, load_brief

LONGEST = 64 * 1024
"""Letters of a brief; the router takes no longer one."""


@dataclass(frozen=True)
class Draft:
    """A text, read as a brief.

    Attributes:
        brief: The brief; None if it has faults.
        faults: What is wrong, by field; none if it is empty or sound.
    """

    brief: Brief | None = None
    faults: tuple[Fault, ...] = ()


def read_draft(text: str) -> Draft:
    """Read a text as a brief, YAML or JSON.

    Example:
        >>> read_draft("id: 7").faults[0].field
        'id'
        >>> read_draft("  ")
        Draft(brief=None, faults=())
    """
    if not text.strip():
        return Draft()
    if len(text) > LONGEST:
        return Draft(faults=(Fault("", f"has {len(text):,} letters; at most {LONGEST:,} are taken"),))
    suffix = ".json" if text.lstrip().startswith("{") else ".yml"
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"brief{suffix}"
        file.write_text(text, "utf-8")
        try:
            return Draft(load_brief(file))
        except BriefError as error:
            return Draft(faults=error.faults)


def examples(root: Path) -> dict[str, Path]:
    """The briefs of a project by name.

    Args:
        root: Root of the project.
    """
    return {file.stem: file for file in sorted((root / "conf/base/briefs").glob("*.yml"))}
