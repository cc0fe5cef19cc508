"""Plays many replicates of one peer's game on several processes and times them."""

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.synchronize import Barrier

import numpy as np
from numpy.typing import NDArray

Game = Callable[[Sequence[float], int, int, int], list[int]]
"""(means, horizon, batch, seed) -> pulls of each arm in one replicate, shape (K,)."""


def main(game: Game) -> None:
    """Parse the command line, play the replicates and print one JSON object, the last line of the output.

    The clock starts when every process has imported the peer and played a short warm-up game, and stops when
    the last replicate has come back: imports are out, everything the simulation itself needs is in.

    Args:
        game: One replicate. A module-level function, since each process imports it again.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--means", type=float, nargs="+", required=True, help="success probability of each arm"
    )
    parser.add_argument("--horizon", type=int, default=10_000, help="decisions in one replicate")
    parser.add_argument("--replicates", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1, help="decisions between two updates")
    parser.add_argument("--seed", type=int, default=0, help="replicate r plays with the seed plus r")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()

    play = partial(_timed, game, options.means, options.horizon, options.batch)
    warm_up = partial(game, options.means, 10 * options.batch, options.batch, options.seed)
    seeds = range(options.seed, options.seed + options.replicates)
    # Spawned, not forked: jax and torch, which two of the peers import, start threads that a fork would lose.
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(options.processes + 1)
    with context.Pool(options.processes, initializer=_prepare, initargs=(warm_up, ready)) as pool:
        ready.wait()
        started = time.perf_counter()
        played = pool.map(play, seeds, chunksize=1)
        seconds = time.perf_counter() - started

    best = max(options.means)
    pulls = [row for row, _ in played]
    losses = [best - mean for mean in options.means]
    report = {
        "decisions": options.horizon * options.replicates,
        "seconds": seconds,
        "cpu_seconds": sum(cpu for _, cpu in played),
        "regrets": [sum(loss * n for loss, n in zip(losses, row, strict=True)) for row in pulls],
        "pulls": [sum(arm) for arm in zip(*pulls, strict=True)],
    }
    print(json.dumps(report))


def reward_draws(seed: int, horizon: int) -> NDArray[np.float64]:
    """Uniform draws, one a decision; a pull pays when its draw is below the arm's mean.

    The stream is keyed apart from the bare seed, which two of the peers give to the same generator: their
    posterior draws would otherwise be made of the very bits that decide the rewards.
    """
    return np.random.default_rng((seed, 1)).random(horizon)


def _prepare(warm_up: Callable[[], list[int]], ready: Barrier) -> None:
    warm_up()
    ready.wait()


def _timed(
    game: Game, means: Sequence[float], horizon: int, batch: int, seed: int
) -> tuple[list[int], float]:
    started = time.process_time()
    return game(means, horizon, batch, seed), time.process_time() - started
