"""The `armlift` command."""

from __future__ import annotations

from typing import Any

import click

from armlift.commands.aggregate import aggregate
from armlift.commands.demo import demo
from armlift.commands.download import download
from armlift.commands.experiments import experiments
from armlift.commands.export_live import export_live
from armlift.commands.forget import forget
from armlift.commands.ingest import ingest
from armlift.commands.keys import keys
from armlift.commands.plan import plan
from armlift.commands.promote import promote
from armlift.commands.retrain import retrain_command
from armlift.commands.route import route
from armlift.commands.serve import serve
from armlift.commands.slates import slates
from armlift.commands.store import store
from armlift.commands.visit import visit
from armlift.errors import ArmliftError, BriefError


class ArmliftGroup(click.Group):
    """A command group that reports armlift's own errors without a traceback, with exit code 1.

    An error is one line; the faults of a brief are a list.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            ClickException: The command raised an `ArmliftError`.
        """
        try:
            return super().invoke(ctx)
        except ArmliftError as error:
            text = str(error) if isinstance(error, BriefError) else " ".join(str(error).split())
            raise click.ClickException(text) from error


@click.group(cls=ArmliftGroup)
def main() -> None:
    """Experiments with recommender systems: A/B tests and bandits side by side."""


main.add_command(aggregate)
main.add_command(demo)
main.add_command(download)
main.add_command(experiments)
main.add_command(export_live)
main.add_command(forget)
main.add_command(ingest)
main.add_command(keys)
main.add_command(plan)
main.add_command(promote)
main.add_command(retrain_command)
main.add_command(route)
main.add_command(serve)
main.add_command(slates)
main.add_command(store)
main.add_command(visit)

if __name__ == "__main__":
    main(prog_name="armlift")
