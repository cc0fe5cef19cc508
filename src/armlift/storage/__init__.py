"""What live traffic reads and writes."""

from armlift.storage.slates import (
    NEW_USER,
    Manifest,
    SlateSnapshot,
    SlateSnapshots,
    read_slates,
    slate_versions,
    write_slates,
)

__all__ = [
    "NEW_USER",
    "Manifest",
    "SlateSnapshot",
    "SlateSnapshots",
    "read_slates",
    "slate_versions",
    "write_slates",
]
