"""Plans are simulated in processes of their own, one at a time: pages stay quick, a plan can be stopped."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Event, Thread
from typing import Any

from armlift.reporting.plan_tables import PlanTables

REPLICATES = (400, 4000)
"""Simulated experiments of the first look, and of the plan."""

_SEED = 0
_TURN = BoundedSemaphore(1)
_PATIENCE = 0.2  # seconds after which a waiting plan asks whether it was stopped


@dataclass(frozen=True)
class Progress:
    """How far a plan is.

    Attributes:
        share: 0 to 1; below 0 while another plan has its turn.
        rule: What is tried now, such as `always_valid`.
        scenario: In which scenario.
    """

    share: float
    rule: str = ""
    scenario: str = ""


@dataclass(frozen=True, eq=False)
class Planned:
    """What came of it.

    Attributes:
        record: The plan as `plan_record` gives it.
        tables: Its tables.
        replicates: Simulated experiments behind each figure.
        final: Whether nothing more comes.
    """

    record: dict[str, Any]
    tables: PlanTables
    replicates: int
    final: bool


@dataclass(frozen=True)
class Failed:
    """Why there is no plan, in words."""

    words: str


News = Progress | Planned | Failed


class PlanJob:
    """A plan in the making.

    Args:
        brief: The brief as JSON.
        report: Is told how it goes, from a thread of the job; nothing after `cancel`.
        replicates: Simulated experiments of each pass, ascending.
    """

    def __init__(
        self, brief: str, report: Callable[[News], None], *, replicates: tuple[int, ...] = REPLICATES
    ) -> None:
        self._brief, self._report, self._replicates = brief, report, replicates
        self._cancelled = Event()
        self._thread = Thread(target=self._run, daemon=True, name="plan")

    def start(self) -> None:
        """Begin; it waits for its turn."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop it, whatever it does."""
        self._cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; False if it did not in this time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._tell(Progress(-1.0))
        while not _TURN.acquire(timeout=_PATIENCE):
            if self._cancelled.is_set():
                return
        try:
            if not self._cancelled.is_set():
                self._watch()
        finally:
            _TURN.release()

    def _watch(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=work, args=(theirs, self._brief, self._replicates), daemon=True, name="plan"
        )
        process.start()
        theirs.close()
        ended = False
        try:
            while not ended and not self._cancelled.is_set():
                if ours.poll(_PATIENCE):
                    news = ours.recv()
                    ended = isinstance(news, Failed) or (isinstance(news, Planned) and news.final)
                    self._tell(news)
        except EOFError:
            self._tell(Failed("the process that simulated it has died"))
        finally:
            ours.close()
            process.terminate()
            process.join()

    def _tell(self, news: News) -> None:
        if not self._cancelled.is_set():
            self._report(news)


def work(connection: Connection, brief: str, replicates: tuple[int, ...]) -> None:
    """Simulate a plan, first roughly, then thoroughly. Runs in a process of its own.

    Args:
        connection: Takes the news.
        brief: The brief as JSON.
        replicates: Simulated experiments of each pass.
    """
    from armlift.errors import ArmliftError
    from armlift.experiments.brief import Brief
    from armlift.experiments.rules import RULES, decision_rule, design_for
    from armlift.reporting.plan_tables import plan_record, plan_tables
    from armlift.simulation.plan import try_plan
    from armlift.simulation.plan_question import ask

    with suppress(OSError):
        os.nice(10)  # who looks at pages comes first
    try:
        declared = Brief.model_validate_json(brief)
        question = ask(decision_rule(declared.stopping_rule), design_for(declared), brief=declared)
        compared = (len(RULES) - 1) * len(question.compared_in)
        steps = len(question.worlds) + compared + len(question.costed_in) + len(question.alarms)
        for each in replicates:
            before = sum(other for other in replicates if other < each) / sum(replicates)
            done = 0

            def tell(step: str, each: int = each, before: float = before) -> None:
                nonlocal done
                share = before + each / sum(replicates) * min(done / steps, 1.0)
                rule, _, scenario = step.partition(", scenario ")
                connection.send(Progress(share, rule, scenario))
                done += 1

            plan = try_plan(question, replicates=each, seed=_SEED, progress=tell)
            connection.send(Planned(plan_record(plan), plan_tables(plan), each, each == replicates[-1]))
    except ArmliftError as error:
        connection.send(Failed(str(error)))
    except BrokenPipeError:  # it was stopped
        return
    except Exception as error:
        connection.send(Failed(f"{type(error).__name__}: {error}"))
        raise
