"""Random streams and draws for the jitted loops.

A stream is a SplitMix64 counter (Steele, Lea and Flood, 2014) in an array of one `uint64`. It is keyed by
words such as (seed, policy, replicate), never by thread, so results do not depend on the number of workers.
The same mixing function gives random access to a stream (`uniform_at`), which lets every policy meet the
same users and the same potential outcomes.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np

from armlift.jit import jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_TO_UNIT = 2.0**-53
_LAYERS = 256
_TAIL = 3.6541528853610088  # where the ziggurat's base strip begins, for 256 layers
_LAYER_AREA = 0.00492867323399


@jit
def mix(word: np.uint64) -> np.uint64:
    """SplitMix64's finaliser: a bijection of 64-bit words."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@jit
def stream_key(seed: int, name: int, replicate: int) -> np.uint64:
    """Start of the stream that belongs to (seed, name, replicate)."""
    key = mix(np.uint64(seed) + _GOLDEN)
    key = mix(key ^ (np.uint64(name) + _GOLDEN))
    return mix(key ^ (np.uint64(replicate) + _GOLDEN))


def name_code(name: str) -> int:
    """A number for a name, stable over processes and versions."""
    return zlib.crc32(name.encode())


@jit
def uniform_at(key: np.uint64, position: int) -> float:
    """Draw number `position` of a stream, uniform on [0, 1), without touching its state."""
    return float(mix(key + _GOLDEN * np.uint64(position + 1)) >> np.uint64(11)) * _TO_UNIT


@jit
def next_word(stream: NDArray[np.uint64]) -> np.uint64:
    """Advance the stream by one 64-bit word."""
    stream[0] += _GOLDEN
    return mix(stream[0])


@jit
def uniform(stream: NDArray[np.uint64]) -> float:
    """Uniform on (0, 1): never 0, so that its logarithm is finite."""
    return (float(next_word(stream) >> np.uint64(12)) + 0.5) * 2.0**-52


@jit
def uniforms(stream: NDArray[np.uint64], out: NDArray[np.float64]) -> None:
    """Fill `out` with what as many calls of `uniform` would return."""
    base = stream[0] + _GOLDEN
    for i in range(out.shape[0]):
        out[i] = (float(mix(base + _GOLDEN * np.uint64(i)) >> np.uint64(12)) + 0.5) * 2.0**-52
    stream[0] += _GOLDEN * np.uint64(out.shape[0])


def _ziggurat() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right edges and densities of the 256 layers (Marsaglia and Tsang, 2000)."""
    edges = np.empty(_LAYERS + 1)
    edges[0] = _LAYER_AREA / math.exp(-0.5 * _TAIL * _TAIL)
    edges[1] = _TAIL
    for layer in range(2, _LAYERS):
        height = _LAYER_AREA / edges[layer - 1] + math.exp(-0.5 * edges[layer - 1] ** 2)
        edges[layer] = math.sqrt(-2.0 * math.log(height))
    edges[_LAYERS] = 0.0
    return edges, np.exp(-0.5 * edges**2)


_EDGES, _DENSITIES = _ziggurat()
_WIDTHS = _EDGES[:-1] * 2.0**-52
_INSIDE = (_EDGES[1:] / _EDGES[:-1] * 2.0**52).astype(np.uint64)


@jit
def _normal_edge(stream: NDArray[np.uint64], layer: int, x: float) -> float:
    """Settle the 1 % of draws that fall on a layer's edge; NaN asks for a new draw."""
    if layer == 0:
        while True:
            beyond = -math.log(uniform(stream)) / _TAIL
            if -2.0 * math.log(uniform(stream)) > beyond * beyond:
                return math.copysign(_TAIL + beyond, x)
    height = _DENSITIES[layer] + uniform(stream) * (_DENSITIES[layer + 1] - _DENSITIES[layer])
    return x if height < math.exp(-0.5 * x * x) else math.nan


@jit
def normal(stream: NDArray[np.uint64]) -> float:
    """Standard normal by the ziggurat."""
    while True:
        word = next_word(stream)
        layer = int(word & np.uint64(0xFF))
        size = (word >> np.uint64(9)) & np.uint64(0xFFFFFFFFFFFFF)
        x = float(size) * float(_WIDTHS[layer])
        if (word >> np.uint64(8)) & np.uint64(1):
            x = -x
        if size < _INSIDE[layer]:
            return x
        x = _normal_edge(stream, layer, x)
        if x == x:
            return x


@jit
def gamma(stream: NDArray[np.uint64], shape: float, scale: float) -> float:
    """Gamma(shape, 1) for shape >= 1/3 by Marsaglia and Tsang (2000).

    Args:
        stream: The random stream.
        shape: Shape of the distribution; smaller shapes go through `beta`'s boost.
        scale: `gamma_scale(shape)`, which callers keep because it costs a square root.
    """
    depth = shape - 1.0 / 3.0
    while True:
        x = normal(stream)
        v = 1.0 + scale * x
        if v <= 0.0:
            continue
        v = v * v * v
        u = uniform(stream)
        square = x * x
        if u < 1.0 - 0.0331 * square * square:
            return depth * v
        if math.log(u) < 0.5 * square + depth * (1.0 - v + math.log(v)):
            return depth * v


@jit
def gamma_scale(shape: float) -> float:
    """The constant that `gamma` needs for a shape: 1 / sqrt(9 (shape - 1/3))."""
    return 1.0 / math.sqrt(9.0 * shape - 3.0) if shape >= 1.0 else 1.0 / math.sqrt(9.0 * shape + 6.0)


@jit
def _small_gamma(stream: NDArray[np.uint64], shape: float, scale: float) -> float:
    """Gamma with shape < 1, by the boost G(shape) = G(shape + 1) U^(1/shape)."""
    return gamma(stream, shape + 1.0, scale) * math.exp(math.log(uniform(stream)) / shape)


@jit
def beta(stream: NDArray[np.uint64], a: float, b: float, scale_a: float, scale_b: float) -> float:
    """Beta(a, b) for any a, b > 0, with the parameters' `gamma_scale`."""
    left = gamma(stream, a, scale_a) if a >= 1.0 else _small_gamma(stream, a, scale_a)
    right = gamma(stream, b, scale_b) if b >= 1.0 else _small_gamma(stream, b, scale_b)
    total = left + right
    return left / total if total > 0.0 else a / (a + b)
