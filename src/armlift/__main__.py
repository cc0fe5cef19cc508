"""The `armlift` command."""

from __future__ import annotations

from typing import Any

import click

from armlift.commands.download import download
from armlift.commands.plan import plan
from armlift.errors import ArmliftError


class ArmliftGroup(click.Group):
    """A command group that reports armlift's own errors as one line, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            ClickException: The command raised an `ArmliftError`.
        """
        try:
            return super().invoke(ctx)
        except ArmliftError as error:
            raise click.ClickException(" ".join(str(error).split())) from error


@click.group(cls=ArmliftGroup)
def main() -> None:
    """Experiments with recommender systems: A/B tests and bandits side by side."""


main.add_command(download)
main.add_command(plan)

if __name__ == "__main__":
    main(prog_name="armlift")
