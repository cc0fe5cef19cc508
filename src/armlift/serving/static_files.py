"""Files that are served as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Request, Router
from litestar.exceptions import NotFoundException
from litestar.static_files import create_static_files_router

_LONGEST_NAME = 255  # bytes, on the usual file systems


def static_files(path: str, folder: Path, **options: Any) -> Router:
    """Serve the files of a folder; names that no file can have are not found, as any other that is missing.

    Args:
        path: Where, below the router that this is registered with.
        folder: The folder.
        **options: What `create_static_files_router` takes.
    """
    return create_static_files_router(path, [folder], before_request=_check_name, **options)


async def _check_name(request: Request[Any, Any, Any]) -> None:
    if len(request.url.path.encode("utf-8", "replace")) > _LONGEST_NAME:
        raise NotFoundException("There is no such file.")
