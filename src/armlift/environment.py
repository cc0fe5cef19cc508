"""Settings from environment variables, and what follows from them.

| variable | means | default |
|---|---|---|
| `MODE` | where it runs: `development`, `docker` or `kubernetes` | `development` |
| `HOST` | address that the router listens on | `127.0.0.1` |
| `PORT` | its port | `8000` |
| `API_BASE_URL` | where others reach the router | HOST and PORT |
| `DATABASE_URL` | the router's store, SQLite or PostgreSQL | SQLite, `data/live/armlift.db` in the root |
| `ARMLIFT_SECRET` | what signs decisions, comma-separated, newest first | made and kept in development |
| `ARMLIFT_USER_SECRET` | what makes users' keys | made and kept in development |
| `ARMLIFT_API_KEYS` | `on` or `off`: do requests need an API key | on; off on this machine |
| `ARMLIFT_API_KEY` | the key that the commands show a router | none |
| `ARMLIFT_REQUIRE_DECISION_ID` | `on` or `off`: do rewards need a decision id | on; off on this machine |
| `ARMLIFT_ALLOWED_HOSTS` | host names that requests may address, comma-separated | loopback, API_BASE_URL's |
| `ARMLIFT_ALLOWED_ORIGINS` | origins whose pages may call, comma-separated | none |
| `ARMLIFT_RATE_LIMIT` | requests a second for each key; 0 for no limit | 1000; 0 on this machine |
| `ARMLIFT_EXPORT_SECONDS` | seconds within which live traffic reaches MLflow | 60 |
| `ARMLIFT_RETENTION_DAYS` | days for which decisions and events are kept | 365 |
| `ARMLIFT_NOTIFY_URLS` | services that are told of alarms, separated by spaces | none |
| `ARMLIFT_DAGSTER_URL` | where people reach Dagster, for the links in alarms | its host and port |
| `DASHBOARD_HOST` | address that the dashboard listens on | `127.0.0.1` |
| `DASHBOARD_PORT` | its port | `5006` |
| `DASHBOARD_ALLOWED_HOSTS` | host names by which browsers reach it | loopback, DASHBOARD_HOST |
| `DASHBOARD_USERS` | file with those who may sign in by password | none |
| `DASHBOARD_OAUTH_PROVIDER` | who else signs people in, such as `github` or `okta` | none |
| `DASHBOARD_OAUTH_KEY` | what the provider knows the dashboard by | none |
| `DASHBOARD_OAUTH_SECRET` | its secret | none |
| `DASHBOARD_OAUTH_REDIRECT_URI` | where the provider sends people back to | the address asked for |
| `DASHBOARD_OPERATORS` | who of those signed in by a provider may change experiments | none |
| `DASHBOARD_SECRET` | what signs the dashboard's cookies | made anew at each start |
| `MLFLOW_TRACKING_URI` | where MLflow keeps its runs | SQLite, `mlflow.db` in the root |

"On this machine" is the mode development on a loopback HOST; anywhere else `off` is refused. A dashboard that
other machines reach needs DASHBOARD_USERS or DASHBOARD_OAUTH_PROVIDER. An empty variable counts as absent.
Kedro, the commands, the router and the MLflow UI all ask here, and so meet in one store. The two secrets are
read by `experiments.signing.load_secrets`: no settings hold them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from armlift.errors import ParameterError
from armlift.variables import Variables

Mode = Literal["development", "docker", "kubernetes"]
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """How the router runs; `from_environment` makes and checks it.

    Attributes:
        mode: Where it runs.
        host: Address it listens on.
        port: Its port.
        database_url: Its store; a SQLite path in it is absolute.
        api_base_url: Where others reach it, without a slash at the end.
        keys_required: Whether requests need an API key.
        require_decision_id: Whether rewards need a decision id.
        allowed_hosts: Host names that requests may address, as `Host` has them but without ports;
            `*` stands for any.
        allowed_origins: Origins whose pages may call.
        rate_limit: Requests a second for each key; 0 for no limit.
        export_seconds: Seconds within which live traffic reaches MLflow.
        retention_days: Days for which decisions and events are kept.
    """

    mode: Mode
    host: str
    port: int
    database_url: str = field(repr=False)  # it may hold a password
    api_base_url: str
    keys_required: bool
    require_decision_id: bool
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    rate_limit: float
    export_seconds: float
    retention_days: int

    @property
    def loopback(self) -> bool:
        """Whether this machine alone can reach the router."""
        return self.host in LOOPBACK

    @classmethod
    def from_environment(cls, root: Path, environ: Mapping[str, str] = os.environ) -> RouterSettings:
        """Read the settings.

        Args:
            root: Root of the project; a relative SQLite path starts here.
            environ: The environment.

        Raises:
            ParameterError: A variable lies outside its bound.

        Example:
            >>> RouterSettings.from_environment(Path("/srv"), {"PORT": "8001"}).api_base_url
            'http://127.0.0.1:8001'
        """
        given = Variables(environ)
        mode = given.choice("MODE", get_args(Mode), "development")
        host = given.host("HOST", "127.0.0.1")
        port = given.number("PORT", int, 8000, at_least=1, at_most=65_535)
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        url = given.url("API_BASE_URL", f"http://{f'[{reached}]' if ':' in reached else reached}:{port}")
        here = mode == "development" and host in LOOPBACK
        return cls(
            mode=mode,
            host=host,
            port=port,
            database_url=_database(given, "DATABASE_URL", root),
            api_base_url=url,
            keys_required=given.switch("ARMLIFT_API_KEYS", may_be_off=here),
            require_decision_id=given.switch("ARMLIFT_REQUIRE_DECISION_ID", may_be_off=here),
            allowed_hosts=given.hosts("ARMLIFT_ALLOWED_HOSTS", (*LOOPBACK, str(urlsplit(url).hostname))),
            allowed_origins=given.origins("ARMLIFT_ALLOWED_ORIGINS"),
            rate_limit=given.number("ARMLIFT_RATE_LIMIT", float, 0.0 if here else 1000.0, at_least=0.0),
            export_seconds=given.number("ARMLIFT_EXPORT_SECONDS", float, 60.0, at_least=1.0, at_most=3600.0),
            retention_days=given.number("ARMLIFT_RETENTION_DAYS", int, 365, at_least=1, at_most=3650),
        )


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """How the dashboard runs; `from_environment` makes and checks it.

    Attributes:
        host: Address it listens on.
        port: Its port.
        allowed_hosts: Host names by which browsers reach it, without ports; `*` stands for any.
        users: File with those who may sign in by password; None without one.
        oauth_provider: Who else signs people in; empty without one.
        oauth_key: What the provider knows the dashboard by.
        oauth_secret: Its secret.
        oauth_redirect_uri: Where the provider sends people back to; empty for the address asked for.
        operators: Who of those signed in by a provider may change experiments.
        secret: What signs cookies; empty for one that is made at each start.
    """

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    users: Path | None
    oauth_provider: str
    oauth_key: str
    oauth_secret: str = field(repr=False)
    oauth_redirect_uri: str
    operators: tuple[str, ...]
    secret: str = field(repr=False)

    @property
    def signed_in(self) -> bool:
        """Whether people have to sign in; else whoever reaches it is an operator."""
        return self.users is not None or bool(self.oauth_provider)

    @classmethod
    def from_environment(cls, root: Path, environ: Mapping[str, str] = os.environ) -> DashboardSettings:
        """Read the settings.

        Args:
            root: Root of the project; relative paths start here.
            environ: The environment.

        Raises:
            ParameterError: A variable lies outside its bound, or other machines could reach a dashboard that
                asks nobody to sign in.

        Example:
            >>> DashboardSettings.from_environment(Path("/srv"), {}).port
            5006
        """
        given = Variables(environ)
        host = given.host("DASHBOARD_HOST", "127.0.0.1")
        users, provider = given.text("DASHBOARD_USERS"), given.text("DASHBOARD_OAUTH_PROVIDER")
        if host not in LOOPBACK and not users and not provider:
            raise ParameterError(
                "DASHBOARD_HOST",
                host,
                f"one of {', '.join(LOOPBACK)}, unless people sign in",
                "Add a user with `python -m dashboard add-user NAME --role operator` and set DASHBOARD_USERS "
                "to that file, or set DASHBOARD_OAUTH_PROVIDER.",
            )
        for name in ("DASHBOARD_OAUTH_KEY", "DASHBOARD_OAUTH_SECRET"):
            if provider and not given.text(name):
                raise ParameterError(name, "", "set with DASHBOARD_OAUTH_PROVIDER", f"{provider} gives it.")
        return cls(
            host=host,
            port=given.number("DASHBOARD_PORT", int, 5006, at_least=1, at_most=65_535),
            allowed_hosts=given.hosts("DASHBOARD_ALLOWED_HOSTS", (*LOOPBACK, host)),
            users=root.resolve() / users if users else None,
            oauth_provider=provider,
            oauth_key=given.text("DASHBOARD_OAUTH_KEY"),
            oauth_secret=given.text("DASHBOARD_OAUTH_SECRET"),
            oauth_redirect_uri=given.text("DASHBOARD_OAUTH_REDIRECT_URI"),
            operators=given.list("DASHBOARD_OPERATORS"),
            secret=given.text("DASHBOARD_SECRET"),
        )


def notify_urls(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Give the services that are told of alarms, as `notifications.notify` takes them.

    Spaces separate them, as a URL may hold commas. They hold secrets: no message may show one.

    Args:
        environ: The environment.

    Example:
        >>> len(notify_urls({"ARMLIFT_NOTIFY_URLS": "json://hooks.example/alarm mailto://me:pw@mail.example"}))
        2
    """
    return tuple(environ.get("ARMLIFT_NOTIFY_URLS", "").split())


def dagster_url(environ: Mapping[str, str] = os.environ) -> str:
    """Give the address at which people reach Dagster, without a slash at the end.

    Args:
        environ: The environment; `python -m dagster_defs` puts its own host and port there.

    Raises:
        ParameterError: It is no address.
    """
    return Variables(environ).url("ARMLIFT_DAGSTER_URL", "http://127.0.0.1:3000")


def tracking_uri(root: Path) -> str:
    """Give the URI of the MLflow store.

    A SQLite path in it is absolute, whatever the current folder: MLflow stores artifact locations
    absolute, so a store that moves with the current folder would lose them.

    Args:
        root: Root of the project; a relative SQLite path starts here.

    Returns:
        The URI.
    """
    return _from_root(os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}mlflow.db", root)


def artifact_location(root: Path) -> str | None:
    """Give the folder in which MLflow keeps artifacts, as a URI.

    Args:
        root: Root of the project.

    Returns:
        `mlartifacts` in the root for a SQLite store, or None where a server decides.
    """
    return None if sqlite_file(tracking_uri(root)) is None else (root.resolve() / "mlartifacts").as_uri()


def sqlite_file(uri: str) -> Path | None:
    """Give the database file of a SQLite URI.

    Args:
        uri: URI of a store.

    Returns:
        The file, relative if the URI is; None for any other kind of store.

    Example:
        >>> sqlite_file("sqlite:///runs/mlflow.db").as_posix()
        'runs/mlflow.db'
        >>> sqlite_file("http://mlflow:5000") is None
        True
    """
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def _from_root(uri: str, root: Path) -> str:
    """The URI with a relative SQLite path made absolute."""
    file = sqlite_file(uri)
    return uri if file is None else f"{_SQLITE}{(root.resolve() / file).as_posix()}"


def _database(given: Variables, name: str, root: Path) -> str:
    text = given.text(name) or f"{_SQLITE}data/live/armlift.db"
    scheme = text.partition(":")[0]
    if scheme.partition("+")[0] == "postgresql":
        return text
    uri = _from_root(text, root)
    if not text.startswith(_SQLITE) or text in (_SQLITE, f"{_SQLITE}:memory:"):
        bound = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"  # the value may hold a password
        raise ParameterError(name, f"{scheme}:...", bound, "Leave it out for SQLite in data/live.")
    return uri
