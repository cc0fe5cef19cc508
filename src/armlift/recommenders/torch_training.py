"""Training in PyTorch: device and threads, epochs with early stopping, checkpoints that survive a kill.

PyTorch is an optional extra, so it is imported inside functions only. Networks here are functions of a
dictionary of weights: what is saved, checkpointed and handed to the optimiser is one thing, and plain
arrays once it leaves this module.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ArmliftError, DataFileError, ParameterError

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]
Tensors = dict[str, "Tensor"]
DEVICES = ("auto", "cpu", "cuda")

# Suffixes of the weights that decay. Biases stay free: an item's popularity is nothing to shrink.
DECAYING = ("embedding", "cross")


class Plan(NamedTuple):
    """How a network is trained.

    Attributes:
        n_epochs: Epochs at most.
        patience: Epochs without a better validation NDCG before training stops.
        batch_size: Ratings in a step.
        learning_rate: Step of Adam.
        weight_decay: L2 penalty of the weights whose name ends in `embedding` or `cross`.
    """

    n_epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float


class Trained(NamedTuple):
    """What early stopping chose.

    Attributes:
        weights: Tensors after the best epoch.
        epochs: Epochs they were trained for.
        ndcg: Validation NDCG of that epoch; nan without validation.
    """

    weights: Arrays
    epochs: int
    ndcg: float


@dataclass(frozen=True)
class Task:
    """What a network learns from.

    Attributes:
        n_rows: Training ratings.
        loss: Mean loss of the ratings at some rows, with negatives drawn from the generator.
        validate: Validation NDCG of weights; None if there is nothing to validate on.
    """

    n_rows: int
    loss: Callable[[Tensors, NDArray[np.int64], np.random.Generator], Tensor]
    validate: Callable[[Tensors], float] | None = None


def require_torch(what: str) -> None:
    """Check that PyTorch is installed, without importing it.

    Args:
        what: What needs it.

    Raises:
        ArmliftError: It is not.
    """
    if find_spec("torch") is None:
        raise ArmliftError(f'{what} needs PyTorch, which is not installed: pip install "armlift[neural]".')


def known_device(name: str) -> str:
    """Check the name of a device, whether or not this machine has it.

    Raises:
        ParameterError: No such device.
    """
    if name not in DEVICES:
        raise ParameterError("device", name, f"one of {', '.join(DEVICES)}", "Choose one of these.")
    return name


def choose_device(name: str) -> str:
    """Name of the device to compute on.

    Args:
        name: `auto` (a GPU when there is one), `cpu` or `cuda`.

    Returns:
        `cpu` or `cuda`.

    Raises:
        ParameterError: No such device, or no GPU to be found.
    """
    if known_device(name) == "cpu":
        return name
    from torch import cuda

    if cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise ParameterError("device", name, "a GPU that PyTorch can use; it finds none", "Use auto or cpu.")
    return "cpu"


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread inside, and as many as before after.

    Small batches are slower on several threads, and how sums are shared among threads shows in their
    last bits.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def as_tensors(arrays: Arrays, device: str) -> Tensors:
    """Move arrays to a device, as tensors that share no memory with them."""
    import torch

    return {name: torch.tensor(array, device=device) for name, array in arrays.items()}


def as_arrays(weights: Tensors) -> Arrays:
    """Copy weights into arrays."""
    return {name: weight.detach().cpu().numpy().copy() for name, weight in weights.items()}


def train(
    start: Arrays, task: Task, plan: Plan, *, seed: int, device: str, checkpoint: Path | None = None
) -> Trained:
    """Train until the validation NDCG stops rising, and take the weights of its best epoch.

    Everything random is drawn from (seed, epoch). On the CPU the same seed gives the same weights, bit
    for bit, also when training was killed and goes on from its checkpoint.

    Args:
        start: Initial weights, float32.
        task: What to learn from. Without `validate`, all epochs are run and the last weights taken.
        plan: How to train.
        seed: Seed of order and negatives.
        device: `cpu` or `cuda`.
        checkpoint: File that holds the state after each epoch; training goes on from it if it is there.

    Returns:
        The chosen weights.

    Raises:
        DataFileError: The checkpoint cannot be read.
    """
    run = _Run(start, plan, device)
    if checkpoint is not None and checkpoint.exists():
        run.restore(_read(checkpoint))
        logger.info("go on from %s, after epoch %d", checkpoint, run.epoch)
    while run.epoch < plan.n_epochs and run.epoch - run.best_epoch < plan.patience:
        started = perf_counter()
        loss = run.train_epoch(task, np.random.default_rng([seed, run.epoch]))
        ndcg = task.validate(run.weights) if task.validate else np.nan
        if task.validate is None or ndcg > run.best_ndcg:
            run.best, run.best_epoch, run.best_ndcg = as_arrays(run.weights), run.epoch, ndcg
        logger.info(
            "epoch %d: loss %.4f, validation NDCG@10 %.4f, %.1f s",
            run.epoch, loss, ndcg, perf_counter() - started,
        )  # fmt: skip
        if checkpoint is not None:
            _write(checkpoint, run.state())
    return Trained(run.best, run.best_epoch, run.best_ndcg)


class _Run:
    """A training in progress: weights, optimiser, and the best epoch so far."""

    def __init__(self, start: Arrays, plan: Plan, device: str) -> None:
        import torch

        self.plan = plan
        self.weights = as_tensors(start, device)
        groups: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, weight in self.weights.items():
            groups[name.endswith(DECAYING)].append(weight.requires_grad_())
        self.optimizer = torch.optim.Adam(
            [
                {"params": groups[True], "weight_decay": plan.weight_decay},
                {"params": groups[False], "weight_decay": 0.0},
            ],
            lr=plan.learning_rate,
            fused=True,
        )
        self.epoch, self.best_epoch, self.best_ndcg, self.best = 0, 0, -np.inf, start

    def train_epoch(self, task: Task, rng: np.random.Generator) -> float:
        """Pass once over the ratings; mean loss of a rating."""
        total = 0.0
        order = rng.permutation(task.n_rows)
        for first in range(0, task.n_rows, self.plan.batch_size):
            rows = order[first : first + self.plan.batch_size]
            loss = task.loss(self.weights, rows, rng)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.item() * len(rows)
        self.epoch += 1
        return total / task.n_rows

    def state(self) -> Arrays:
        """Everything that the next epoch depends on, as arrays."""
        optimizer = self.optimizer.state_dict()["state"]
        return {
            "progress": np.array([self.epoch, self.best_epoch, self.best_ndcg]),
            **{f"weights.{name}": array for name, array in as_arrays(self.weights).items()},
            **{f"best.{name}": array for name, array in self.best.items()},
            **{
                f"optimizer.{number}.{name}": value.cpu().numpy()
                for number, values in optimizer.items()
                for name, value in values.items()
            },
        }

    def restore(self, state: Arrays) -> None:
        """Take back what `state` gave."""
        import torch

        epoch, best_epoch, self.best_ndcg = state["progress"].tolist()
        self.epoch, self.best_epoch = int(epoch), int(best_epoch)
        self.best = {name: state[f"best.{name}"] for name in self.weights}
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(torch.from_numpy(state[f"weights.{name}"]))
        saved: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimizer."):
                _, number, entry = name.split(".")
                saved.setdefault(int(number), {})[entry] = torch.from_numpy(value)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": saved, "param_groups": groups})


def _write(file: Path, state: Arrays) -> None:
    """Replace the file in one step: whenever the process dies, the old or the new one is there, whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    with partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **state)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)


def _read(file: Path) -> Arrays:
    try:
        # Opened here: numpy leaves the file open when it is damaged.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as state:
            return dict(state)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise DataFileError(f"{file} is no checkpoint: {error}. Delete it to train anew.") from error
