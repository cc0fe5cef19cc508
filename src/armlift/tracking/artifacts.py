"""Figures and pages of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from armlift.tracking.client import tracking_client

if TYPE_CHECKING:
    from PIL.Image import Image


def log_images(run_id: str, images: Mapping[str, Image]) -> None:
    """Log images as `figures/<name>.png`.

    Args:
        run_id: Run to log to.
        images: Images by name.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client, TemporaryDirectory() as folder:
        for name, image in images.items():
            image.save(Path(folder) / f"{name}.png")
        client.log_artifacts(run_id, folder, "figures")


def log_pages(run_id: str, pages: Mapping[str, str]) -> None:
    """Log HTML pages as `figures/<name>.html`.

    Args:
        run_id: Run to log to.
        pages: HTML by name.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        for name, page in pages.items():
            client.log_text(run_id, page, f"figures/{name}.html")


def log_summary(run_id: str, page: str) -> None:
    """Log the summary of a run as `summary.html`, beside its figures.

    Args:
        run_id: Run to log to.
        page: HTML.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        client.log_text(run_id, page, "summary.html")
