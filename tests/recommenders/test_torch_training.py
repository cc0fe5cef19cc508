import logging
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import do_without

from armlift.errors import ArmliftError, DataFileError, ParameterError
from armlift.recommenders import torch_training
from armlift.recommenders.neumf import NeuMF
from armlift.recommenders.torch_training import (
    Arrays,
    Plan,
    Task,
    Trained,
    choose_device,
    one_thread,
    train,
)

PLAN = Plan(n_epochs=6, patience=2, batch_size=3, learning_rate=0.1, weight_decay=0.0)


@pytest.fixture
def torch() -> Any:
    if find_spec("torch") is None:
        do_without('PyTorch is not installed: pip install "armlift[neural]"')
    import torch

    return torch


@pytest.fixture
def start() -> Arrays:
    return {"slope_embedding": np.array([2.0], np.float32), "bias": np.array([1.0], np.float32)}


def line(torch: Any, validate: Callable[[Any], float] | None = None) -> Task:
    """Fit a line through ten noisy points."""
    x = torch.arange(10, dtype=torch.float32)

    def loss(weights: Any, rows: Any, rng: np.random.Generator) -> Any:
        target = 3 * x[rows] + float(rng.normal())
        return (weights["slope_embedding"] * x[rows] + weights["bias"] - target).square().mean()

    return Task(10, loss, validate)


def fit(task: Task, start: Arrays, plan: Plan = PLAN, **options: Any) -> Trained:
    with one_thread():
        return train(start, task, plan, seed=1, device="cpu", **options)


def scripted(*ndcgs: float) -> Callable[[Any], float]:
    values = iter(ndcgs)
    return lambda weights: next(values)


def test_without_pytorch_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_training, "find_spec", lambda name: None)
    with pytest.raises(ArmliftError, match=r'NeuMF needs PyTorch.*pip install "armlift\[neural\]"'):
        NeuMF()


def test_pytorch_is_imported_by_a_fit_only() -> None:
    code = (
        "import sys; from armlift.recommenders.neumf import NeuMF;"
        "from armlift.recommenders.wide_deep import WideAndDeep; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads_are_restored(torch: Any) -> None:
    before = torch.get_num_threads()
    threads = []

    @one_thread()
    def fail() -> None:
        threads.append(torch.get_num_threads())
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert threads == [1]
    assert torch.get_num_threads() == before


def test_devices(torch: Any) -> None:
    assert choose_device("cpu") == "cpu"
    with pytest.raises(ParameterError, match="one of auto, cpu, cuda"):
        choose_device("gpu")
    if torch.cuda.is_available():
        assert choose_device("auto") == choose_device("cuda") == "cuda"
    else:
        assert choose_device("auto") == "cpu"
        with pytest.raises(ParameterError, match="finds none"):
            choose_device("cuda")


def test_training_stops_after_patience_and_keeps_the_best_weights(torch: Any, start: Arrays) -> None:
    two_epochs = fit(line(torch), start, PLAN._replace(n_epochs=2))
    stopped = fit(line(torch, scripted(0.1, 0.3, 0.2, 0.3)), start)
    assert (stopped.epochs, stopped.ndcg) == (2, 0.3)
    for name, array in two_epochs.weights.items():
        np.testing.assert_array_equal(stopped.weights[name], array)
        assert (array != start[name]).any()


def test_without_validation_the_last_weights_count(torch: Any, start: Arrays) -> None:
    trained = fit(line(torch), start)
    assert trained.epochs == PLAN.n_epochs
    assert np.isnan(trained.ndcg)


@pytest.mark.parametrize("epochs_before", [1, 3, 5])
def test_an_interrupted_training_ends_with_the_same_bits(
    torch: Any, start: Arrays, tmp_path: Path, epochs_before: int
) -> None:
    rising = (0.1, 0.2, 0.15, 0.3, 0.25, 0.26)
    whole = fit(line(torch, scripted(*rising)), start)
    file = tmp_path / "folder" / "line.npz"
    # The script runs out in the next epoch: nothing of that epoch is kept.
    with pytest.raises(StopIteration):
        fit(line(torch, scripted(*rising[:epochs_before])), start, checkpoint=file)
    resumed = fit(line(torch, scripted(*rising[epochs_before:])), start, checkpoint=file)
    assert (resumed.epochs, resumed.ndcg) == (whole.epochs, whole.ndcg) == (4, 0.3)
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


def test_a_finished_training_is_not_repeated(torch: Any, start: Arrays, tmp_path: Path) -> None:
    file = tmp_path / "line.npz"
    whole = fit(line(torch, scripted(0.3, 0.2, 0.1)), start, checkpoint=file)
    again = fit(line(torch, scripted()), start, checkpoint=file)
    np.testing.assert_array_equal(again.weights["bias"], whole.weights["bias"])


def test_a_death_while_writing_leaves_the_last_checkpoint(
    torch: Any, start: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "line.npz"
    fit(line(torch), start, PLAN._replace(n_epochs=1), checkpoint=file)
    before = file.read_bytes()

    def half_a_file(stream: Any, **arrays: Any) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch_training.np, "savez", half_a_file)
    with pytest.raises(KeyboardInterrupt):
        fit(line(torch), start, checkpoint=file)
    assert file.read_bytes() == before


def test_a_damaged_checkpoint_is_named(torch: Any, start: Arrays, tmp_path: Path) -> None:
    file = tmp_path / "line.npz"
    file.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataFileError, match=r"line\.npz is no checkpoint.*Delete it"):
        fit(line(torch), start, checkpoint=file)


def test_embeddings_decay_and_biases_do_not(torch: Any, start: Arrays) -> None:
    def no_slope(weights: Any, rows: Any, rng: Any) -> Any:
        return 0 * (weights["slope_embedding"] + weights["bias"]).sum()

    decayed = fit(Task(3, no_slope), start, PLAN._replace(weight_decay=0.1)).weights
    assert 0 < decayed["slope_embedding"][0] < 2
    assert decayed["bias"][0] == 1


def test_each_epoch_has_a_line_in_the_log(
    torch: Any, start: Arrays, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "armlift.recommenders.torch_training"):
        fit(line(torch, scripted(0.125, 0.1, 0.1)), start)
    assert len(caplog.messages) == 3
    assert "epoch 1: loss" in caplog.messages[0]
    assert "validation NDCG@10 0.1250, 0.0 s" in caplog.messages[0]
