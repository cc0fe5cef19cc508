"""The router itself, as `armlift serve` starts it, in a folder of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.routers import RouterProcess

from armlift.experiments.signing import DecisionSigner, Secrets
from armlift.storage import create_key, open_database
from armlift.storage.migrations import migrate

PROJECT = Path(__file__).parents[2]
ARMLIFT = Path(sys.executable).with_name("armlift")
BRIEF = Path("conf/base/briefs/movielens.yml")
SECRETS = Secrets(("signs the decisions of a chaos test only",), "hashes the users of a chaos test only")


@dataclass(frozen=True)
class Installation:
    """Routers on one store.

    Attributes:
        routers: Not yet started.
        key: API key for decisions and rewards.
    """

    routers: Sequence[RouterProcess]
    key: str


def install(folder: Path, store_url: str, ports: Sequence[int]) -> Installation:
    """Prepare routers that share a store, with the example brief and an API key.

    Args:
        folder: Empty folder.
        store_url: Their store.
        ports: One for each router.
    """
    (folder / BRIEF).parent.mkdir(parents=True)
    shutil.copy(PROJECT / BRIEF, folder / BRIEF)
    environment = {
        "MODE": "development",
        "DATABASE_URL": store_url,
        "ARMLIFT_SECRET": SECRETS.signing[0],
        "ARMLIFT_USER_SECRET": SECRETS.users,
        "ARMLIFT_API_KEYS": "on",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
    }
    with open_database(store_url, exclusive=True) as database:
        migrate(database)
        _, key = create_key(database, SECRETS.users, "chaos", ("decide", "reward"), who="test")
    routers = [
        RouterProcess(
            [str(ARMLIFT), "serve", "--port", str(port)], port, environment, folder / f"router-{port}.log"
        )
        for port in ports
    ]
    return Installation(routers, key)


def decision_id_of(token: str) -> str:
    """Read a decision's id out of its signed form."""
    return DecisionSigner(SECRETS).verify(token).decision_id
