"""`armlift keys`: who may use the live router."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from armlift.storage import ApiKey, Database

_SCOPES = ("decide", "reward", "read", "admin")
_WHO = click.option(
    "--who", default="command line", show_default=True, help="Name for the audit log; no personal data."
)
_WHY = click.option("--why", default="", help="Reason, for the audit log.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@click.group()
def keys() -> None:
    """The keys that the live router asks for.

    A running router notices new and revoked keys by itself.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(_SCOPES),
    multiple=True,
    required=True,
    help="What it may do, once or more: decide (/choose), reward (/update, /events), read, admin.",
)
@_WHY
@_WHO
@_JSON
def create(name: str, scopes: tuple[str, ...], why: str, who: str, as_json: bool) -> None:
    """Make a key for NAME, such as shop, and print it, this once.

    The store keeps a keyed hash of it: a lost key cannot be shown again.
    """
    import json

    from armlift.environment import RouterSettings
    from armlift.experiments.signing import load_secrets
    from armlift.storage import create_key

    root = Path.cwd()
    secrets = load_secrets(root, RouterSettings.from_environment(root).mode)
    with _store() as database:
        made, key = create_key(database, secrets.users, name, scopes, who=who, why=why)
    if as_json:
        click.echo(json.dumps({"key": key, **_record(made)}, indent=2, ensure_ascii=False))
        return
    click.echo(f"{made.name} may {', '.join(made.scopes)}. Keep its key, it is not shown again:", err=True)
    click.echo(key)


@keys.command(name="list")
@_JSON
def list_all(as_json: bool) -> None:
    """Show all keys by their last characters, revoked ones too."""
    import json

    from armlift.storage import list_keys

    with _store() as database:
        found = list_keys(database)
    if as_json:
        click.echo(json.dumps([_record(key) for key in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("There are no keys. Make one: armlift keys create NAME --scope decide --scope reward")
    for key in found:
        revoked = "" if key.revoked_ts is None else f"  revoked {_moment(key.revoked_ts)}"
        scopes = ",".join(key.scopes)
        click.echo(f"...{key.key_id}  {key.name:<24} {scopes:<26} {_moment(key.created_ts)}{revoked}")


@keys.command()
@click.argument("name")
@_WHY
@_WHO
def revoke(name: str, why: str, who: str) -> None:
    """Revoke the key of NAME, which may also be its last eight characters."""
    from armlift.storage import revoke_key

    with _store() as database:
        revoked = revoke_key(database, name, who=who, why=why)
    click.echo(f"The key of {revoked.name} that ends in {revoked.key_id} is revoked.")


@contextmanager
def _store() -> Iterator[Database]:
    """Open the store without the router's lock: a row for a key waits its turn like any other process's."""
    from armlift.commands.live_store import opened
    from armlift.environment import RouterSettings
    from armlift.storage.migrations import migrate

    url = RouterSettings.from_environment(Path.cwd()).database_url
    with opened(url, exclusive=False) as database:
        migrate(database)
        yield database


def _record(key: ApiKey) -> dict[str, str | list[str] | None]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created": _moment(key.created_ts),
        "revoked": None if key.revoked_ts is None else _moment(key.revoked_ts),
    }


def _moment(ts: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
