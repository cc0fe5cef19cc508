"""Processes that measure trials. They know nothing of the storage, and end with the run."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import NamedTuple

from armlift.errors import ParameterError
from armlift.tuning.objective import Measurement, Objective
from armlift.tuning.space import Choice


class Job(NamedTuple):
    """A fold of a trial that is to be measured.

    Attributes:
        trial: Number of the trial.
        fold: Number of the fold, from 1.
        params: Hyper-parameters of the search space.
    """

    trial: int
    fold: int
    params: Mapping[str, Choice]


Measure = Callable[[Sequence[Job]], Iterator[tuple[Job, Measurement]]]
"""Measures jobs and gives each as soon as it is done, in any order."""


@contextmanager
def measuring(objective: Objective, workers: int) -> Iterator[Measure]:
    """Measure jobs in processes of their own, or in this one where there is one worker.

    Args:
        objective: What is measured.
        workers: Number of processes.

    Yields:
        The function that measures.

    Raises:
        ParameterError: A process was killed, most likely for its memory.
    """
    if workers == 1:
        yield lambda jobs: ((job, objective.measure(job.params, job.fold)) for job in jobs)
        return
    # Not forked: MLflow and BLAS have threads by now, and a fork would inherit their locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(objective,)) as pool:

        def measure(jobs: Sequence[Job]) -> Iterator[tuple[Job, Measurement]]:
            futures = {pool.submit(_measure, job): job for job in jobs}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BrokenProcessPool as error:
                raise ParameterError(
                    "tuning.workers",
                    workers,
                    "as many processes as the memory holds",
                    "One was killed. Start again with fewer: finished trials are kept.",
                ) from error

        try:
            yield measure
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_objective: Objective | None = None
"""Sent once to each process; with each job it would cost more than some fits."""


def _start(objective: Objective) -> None:
    global _objective
    _objective = objective
    threading.Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    """A process whose run was killed would wait for jobs for ever, as it holds both ends of its queue."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os._exit(1)


def _measure(job: Job) -> Measurement:
    assert _objective is not None
    return _objective.measure(job.params, job.fold)
