"""The documentation of the API at `/docs`: Swagger UI, served from the installed package and no other host.

Litestar's own page loads Swagger UI from a content delivery network and starts it by a script in the page.
Here files and start script come from this server, so that a strict content policy holds.
"""

from __future__ import annotations

from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from litestar import Request, Router
from litestar.datastructures import CacheControlHeader
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin

from armlift.serving.middleware import ANYBODY
from armlift.serving.static_files import static_files

PATH: Final = "/docs"

# Swagger UI's style sheet has its icons as data addresses; styles that it sets by script need no permission.
DOCS_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_DAY_SECONDS: Final = 86_400
_START: Final = Path(__file__).parent / "static"

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" href="{path}/assets/favicon-32x32.png">
<link rel="stylesheet" href="{path}/assets/swagger-ui.css">
<script src="{path}/assets/swagger-ui-bundle.js" defer></script>
<script src="{path}/start/api_docs.js" defer></script>
</head>
<body>
<main id="operations" data-schema="{path}/openapi.json"></main>
</body>
</html>
"""


class LocalSwaggerUI(OpenAPIRenderPlugin):
    """Swagger UI from the files of the package flask-swagger-ui, of which nothing else is used."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Render the page; it fetches the schema itself.

        Args:
            request: Request for it.
            openapi_schema: The schema, of which the title is used.
        """
        return _PAGE.format(title=escape(openapi_schema["info"]["title"]), path=PATH).encode()

    def receive_router(self, router: Router) -> None:
        """Serve the files beside the page.

        Args:
            router: Router of the documentation.
        """
        keep = CacheControlHeader(max_age=_DAY_SECONDS)
        router.register(static_files("/assets", _swagger_files(), name="docs", cache_control=keep))
        router.register(static_files("/start", _START, name="docs-start", cache_control=keep))


def api_documentation(title: str, version: str, **details: Any) -> OpenAPIConfig:
    """Give what Litestar takes as `openapi_config`: the page at `/docs`, the schema at `/docs/openapi.json`.

    Args:
        title: Name of the API.
        version: Its version.
        **details: Other fields of `OpenAPIConfig`, such as `description` or `components`.
    """
    router = Router(
        PATH,
        route_handlers=[],
        include_in_schema=False,
        opt={"scope": ANYBODY},
        response_headers=DOCS_HEADERS,
    )
    return OpenAPIConfig(
        title=title, version=version, render_plugins=[LocalSwaggerUI()], openapi_router=router, **details
    )


def _swagger_files() -> Path:
    """Folder of the files, found without an import of the package, which would load Flask."""
    package = find_spec("flask_swagger_ui")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("flask-swagger-ui is not installed: pip install -e .")
    return Path(package.submodule_search_locations[0]) / "dist"
