"""What all tests share: the original rating files, a browser, the settings of property tests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings

CI = os.environ.get("CI") == "true"

# A loaded machine is slow, not wrong; in CI the same examples are drawn every time.
settings.register_profile(
    "armlift", deadline=None, derandomize=CI, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("armlift")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--at-length",
        action="store_true",
        help="100,000 hostile requests, 1,000,000 decisions, 100 drawn calls an operation; not a tenth",
    )


@pytest.fixture(scope="session")
def at_length(request: pytest.FixtureRequest) -> bool:
    """Whether the longest tests take their whole time."""
    return bool(request.config.getoption("--at-length"))


def do_without(reason: str) -> NoReturn:
    """Skip the test; in CI, where nothing may be missing, fail it."""
    if CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def movielens_small() -> Path:
    """Folder of the original MovieLens latest-small files."""
    root = os.environ.get("ARMLIFT_TEST_DATA")
    if not root:
        do_without("ARMLIFT_TEST_DATA is not set: name the folder that holds ml-latest-small")
    folder = Path(root) / "ml-latest-small"
    if not folder.is_dir():
        do_without(f"{folder} is not a folder: ARMLIFT_TEST_DATA must hold ml-latest-small")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that Playwright can drive."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    do_without("no chromium on the PATH: on Debian, `apt install chromium`")


POSTGRESQL = os.environ.get("ARMLIFT_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'live' / 'armlift.db'}"


@contextmanager
def postgresql_schema() -> Iterator[tuple[psycopg.Connection, str]]:
    """A connection, and the name of an empty schema that is dropped afterwards."""
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        do_without(f"no PostgreSQL for ARMLIFT_TEST_POSTGRESQL: {error}")
    name = f"armlift_{uuid4().hex}"
    with server:
        server.execute(f"CREATE SCHEMA {name}")
        yield server, name
        server.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """URL of an empty PostgreSQL schema of the test's own."""
    with postgresql_schema() as (_, name):
        yield f"{POSTGRESQL}?options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty store, of one kind and then of the other."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One complete MLflow database; creating it takes 2 to 9 s, copying it nothing."""
    from armlift.tracking import ensure_store

    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        ensure_store(root)
    return root / "mlflow.db"


@pytest.fixture
def sketched_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pipelines make their charts without rendering them, which takes half their time in a tiny world.

    For tests that ask about something else: what figures look like is asked where the main job is, and the
    evaluation.
    """
    from PIL import Image

    from armlift.reporting.rendering import Fragment

    monkeypatch.setattr("armlift.reporting.render_png", lambda _: Image.new("RGB", (16, 9)))
    monkeypatch.setattr("armlift.reporting.render_html", lambda _: "<!doctype html>")
    for page in ("page", "evaluation_page"):
        monkeypatch.setattr(f"armlift.reporting.{page}.fragment", lambda _: Fragment((), "", False))
