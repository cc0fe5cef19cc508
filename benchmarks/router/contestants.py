"""The servers that are compared: the router, with and without its middleware, and two to measure it by."""

import json
import secrets
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.servers import Server

from armlift.storage import create_key, open_database
from armlift.storage.migrations import migrate

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
BIN = Path(sys.executable).parent
PORTS = {"router": 8401, "without middleware": 8402, "bare": 8403, "in-request": 8404}


@dataclass(frozen=True)
class Contestants:
    """The servers, not yet started.

    Attributes:
        router: `armlift serve`, keys required, on a SQLite store of its own.
        without_middleware: The same router without its middleware, on another store.
        bare: Bare Litestar on the same server with the same options; needs the answer's file.
        in_request: The in-request design.
        key: API key of the router.
        store: SQLite file of the router.
        answer: File for an answer of `/choose`, which `bare` returns.
    """

    router: Server
    without_middleware: Server
    bare: Server
    in_request: Server
    key: str
    store: Path
    answer: Path


def contestants(folder: Path) -> Contestants:
    """Prepare the servers.

    Args:
        folder: Empty folder for their stores and logs.
    """
    store, answer = folder / "router.db", folder / "answer.json"
    shared = {
        "MODE": "development",
        "ARMLIFT_ROOT": str(PROJECT),
        "ARMLIFT_API_KEYS": "on",
        "ARMLIFT_SECRET": secrets.token_urlsafe(32),
        "ARMLIFT_USER_SECRET": secrets.token_urlsafe(32),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
    }
    of_router = shared | {"DATABASE_URL": f"sqlite:///{store}"}
    without = shared | {"DATABASE_URL": f"sqlite:///{folder / 'without_middleware.db'}"}
    # What `armlift serve` sets, so that the servers differ in the application alone.
    granian = [str(BIN / "granian"), "--interface", "asgi", "--ws", "--log-level", "warning"]
    granian += ["--working-dir", str(HERE)]

    def server(name: str, command: list[str], ready: str, environment: dict[str, str], cwd: Path) -> Server:
        return Server(name, command, PORTS[name], ready, cwd, folder / f"{PORTS[name]}.log", environment)

    def port(name: str) -> list[str]:
        return ["--port", str(PORTS[name])]

    return Contestants(
        router=server(
            "router", [str(BIN / "armlift"), "serve", *port("router")], "/health/ready", of_router, PROJECT
        ),
        without_middleware=server(
            "without middleware",
            [*granian, "--factory", *port("without middleware"), "without_middleware:app"],
            "/health/ready",
            without,
            PROJECT,
        ),
        bare=server(
            "bare",
            [*granian, *port("bare"), "bare_litestar:app"],
            "/",
            {"BENCHMARK_ANSWER": str(answer)},
            PROJECT,
        ),
        in_request=server(
            "in-request",
            [str(BIN / "uvicorn"), "--app-dir", str(HERE), *port("in-request"), "in_request_design:app"],
            "/choose?user_id=1",
            {"MLFLOW_TRACKING_URI": "sqlite:///in_request.db"},
            folder,
        ),
        key=_new_key(of_router),
        store=store,
        answer=answer,
    )


def ask(server: Server, path: str, key: str) -> bytes:
    """Get one answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={"X-API-Key": key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return bytes(answer.read())


def update_body(user_id: str, answer: dict[str, Any], number: int) -> str:
    """Body of `/update` for an answer of `/choose`: a click for every third."""
    return json.dumps(
        {
            "user_id": user_id,
            "arm": answer["arm"],
            "item_id": str(answer["items"][0]["item_id"]),
            "reward": float(number % 3 == 0),
            "ts": "2030-01-01T00:00:00Z",
            "meta": {},
            "decision_id": answer["decision_id"],
        }
    )


def _new_key(environment: dict[str, str]) -> str:
    with open_database(environment["DATABASE_URL"], exclusive=True) as database:
        migrate(database)
        return create_key(
            database,
            environment["ARMLIFT_USER_SECRET"],
            "benchmark",
            ("decide", "reward", "read"),
            who="benchmark",
        )[1]
