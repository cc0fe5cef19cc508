"""`python -m dashboard`: run the dashboard; `python -m dashboard add-user NAME`: let someone sign in."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from armlift.environment import DashboardSettings, RouterSettings
from armlift.errors import ArmliftError

_USERS = Path("conf/local/dashboard_users")


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run the dashboard. Its settings are environment variables, listed in .env.example."""
    if context.invoked_subcommand is not None:
        return
    root = Path.cwd()
    try:
        settings = DashboardSettings.from_environment(root)
        router = RouterSettings.from_environment(root)
        from dashboard.server import serve

        click.echo(f"armlift dashboard at http://{settings.host}:{settings.port}")
        serve(root, settings, router)
    except ArmliftError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error}. Is DASHBOARD_PORT in use? Choose another one.") from error


@main.command("add-user")
@click.argument("name")
@click.option("--role", type=click.Choice(["viewer", "operator"]), default="viewer", show_default=True)
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), default=_USERS, show_default=True)
@click.password_option(help="Asked for where it is not given.")
def add(name: str, role: str, file: Path, password: str) -> None:
    """Let NAME sign in; only a hash of the password is kept."""
    from dashboard.access import Role, add_user

    try:
        add_user(file, name, cast(Role, role), password)
    except ArmliftError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{name} is {role} in {file}. Start the dashboard with DASHBOARD_USERS={file}.")


if __name__ == "__main__":
    main(prog_name="python -m dashboard")
