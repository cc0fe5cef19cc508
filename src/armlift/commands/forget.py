"""`armlift forget`: take a person out of the live store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("user")
@click.option("--why", required=True, help="Reason, for the audit log; it must not name the person.")
@click.option("--who", default="command line", show_default=True, help="Name for the audit log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def forget(user: str, why: str, who: str, as_json: bool) -> None:
    """Forget the user with the id USER.

    Assignments, ratings and the user's own row are deleted. Decisions and events stay without the person:
    the counters are their sums, and do not change. A running router that holds the store is asked to do it.
    Rewards for earlier decisions may still arrive until the reward window is over; run it again then.
    """
    import json

    found = _forget(user, why, who)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(
        f"Without the person now: {found['decisions']} decisions, {found['events']} events. Deleted: "
        f"{found['assignments']} assignments, {found['users']} rows about the person alone."
    )
    if not any(found.values()):
        click.echo("Nothing was stored of this user under the present ARMLIFT_USER_SECRET.")


def _forget(user: str, why: str, who: str) -> dict[str, Any]:
    from armlift.commands.live_store import RouterApi, store_or_router
    from armlift.environment import RouterSettings
    from armlift.experiments.signing import load_secrets
    from armlift.storage import forget as forget_key

    root = Path.cwd()
    settings = RouterSettings.from_environment(root)
    with store_or_router(settings) as reached:
        if isinstance(reached, RouterApi):
            body = {"user_id": user, "reason": why, "who": who}
            answer: dict[str, Any] = reached.ask("POST", "/api/forget", body)
            return answer
        key = load_secrets(root, settings.mode).user_key(user)
        return forget_key(reached, key, who=who, why=why)._asdict()
