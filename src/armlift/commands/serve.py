"""`armlift serve`: run the live router."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import click

_EXPORT_AFTER = 1 / 3  # of the time within which traffic is to reach MLflow
_STOP_SECONDS = 10


@click.command()
@click.option("--host", help="Address to listen on.  [default: HOST, or 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port.  [default: PORT, or 8000]")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes; SQLite allows one.",
)
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Run the live router: decisions at /choose, rewards at /update, documentation at /docs.

    Its settings are environment variables, listed in .env.example. Without any, it listens on this machine
    only and keeps its log in data/live/armlift.db.
    """
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from armlift.commands.addresses import require_free
    from armlift.environment import RouterSettings
    from armlift.errors import ParameterError

    if host:
        os.environ["HOST"] = host
    if port:
        os.environ["PORT"] = str(port)
    root = Path.cwd()
    os.environ["ARMLIFT_ROOT"] = str(root)
    settings = RouterSettings.from_environment(root)
    if workers > 1 and settings.database_url.startswith("sqlite"):
        raise ParameterError(
            "--workers", workers, "1 on SQLite", "Set DATABASE_URL to a PostgreSQL database for more."
        )
    require_free(settings.host, settings.port)
    click.echo(f"armlift router at http://{settings.host}:{settings.port}, documentation at /docs")
    server = Granian(
        "armlift.serving.app:app_from_environment",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=workers,
        factory=True,
        websockets=True,
        log_level=LogLevels.warning,
        respawn_failed_workers=workers > 1,
        workers_kill_timeout=_STOP_SECONDS,
    )
    stopping = threading.Event()
    export = threading.Thread(
        target=_export, args=(stopping, settings.export_seconds), name="export", daemon=True
    )
    export.start()
    try:
        server.serve()
    finally:
        stopping.set()
        export.join()


def _export(stopping: threading.Event, within_seconds: float) -> None:
    """Keep the export to MLflow running; it starts late, for the router is waited for and it is not."""
    if stopping.wait(_EXPORT_AFTER * within_seconds):
        return
    from armlift.commands.exporter_process import ExporterProcess

    exporter = ExporterProcess([sys.executable, "-m", "armlift", "export-live"])
    exporter.start()
    stopping.wait()
    exporter.stop()
