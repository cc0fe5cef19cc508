"""Random streams and draws, against scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy import stats

from armlift.bandits.draws import (
    beta,
    gamma,
    gamma_scale,
    name_code,
    normal,
    stream_key,
    uniform,
    uniform_at,
    uniforms,
)

DRAWS = 200_000


def _stream(replicate: int = 0) -> np.ndarray:
    return np.array([stream_key(3, name_code("test"), replicate)], dtype=np.uint64)


@njit(error_model="numpy")
def _normals(stream, out):
    for i in range(len(out)):
        out[i] = normal(stream)


@njit(error_model="numpy")
def _gammas(stream, shape, out):
    for i in range(len(out)):
        out[i] = gamma(stream, shape, gamma_scale(shape))


@njit(error_model="numpy")
def _betas(stream, a, b, out):
    for i in range(len(out)):
        out[i] = beta(stream, a, b, gamma_scale(a), gamma_scale(b))


def test_uniforms_are_a_sequence_of_uniform() -> None:
    one, other, out = _stream(), _stream(), np.empty(37)
    uniforms(one, out)
    assert out.tolist() == [uniform(other) for _ in range(37)]
    assert one[0] == other[0]
    assert ((out > 0.0) & (out < 1.0)).all()


def test_uniform_at_reads_the_same_words_in_any_order() -> None:
    stream = _stream()
    key = stream[0]
    sequence = [uniform(stream) for _ in range(50)]
    at = [uniform_at(key, position) for position in reversed(range(50))][::-1]
    assert np.allclose(sequence, at, rtol=0.0, atol=2.0**-51)


def test_uniforms_are_uniform() -> None:
    out = np.empty(DRAWS)
    uniforms(_stream(), out)
    assert stats.kstest(out, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(out[:-1], out[1:])[0, 1]) < 0.01


def test_streams_differ_by_seed_name_and_replicate() -> None:
    keys = {int(stream_key(*words)) for words in [(0, 1, 2), (1, 1, 2), (0, 2, 2), (0, 1, 3), (2, 1, 0)]}
    assert len(keys) == 5


def test_normals_are_normal_into_the_tail() -> None:
    out = np.empty(2_000_000)
    _normals(_stream(), out)
    assert stats.kstest(out[:DRAWS], "norm").pvalue > 1e-3
    beyond = (np.abs(out) > 3.8).sum()  # outside every layer but the base strip's tail
    assert stats.binomtest(int(beyond), len(out), 2.0 * stats.norm.sf(3.8)).pvalue > 1e-3


@pytest.mark.parametrize("shape", [1.0, 1.5, 4.0, 300.0])
def test_gammas_are_gamma(shape: float) -> None:
    out = np.empty(DRAWS)
    _gammas(_stream(), shape, out)
    assert stats.kstest(out, stats.gamma(shape).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 0.5), (0.2, 3.0), (1.0, 40.0), (900.0, 2100.0)])
def test_betas_are_beta(a: float, b: float) -> None:
    out = np.empty(DRAWS)
    _betas(_stream(), a, b, out)
    assert stats.kstest(out, stats.beta(a, b).cdf).pvalue > 1e-3
