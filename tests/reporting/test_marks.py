from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from armlift.reporting.marks import axis, lines, span_of, spread


@given(st.lists(st.floats(0, 100), min_size=1, max_size=10))
def test_labels_stay_apart_in_order_and_inside(values: list[float]) -> None:
    places = spread(sorted(values), 5.0, (0.0, 100.0))
    assert (np.diff(places) >= 5.0 - 1e-9).all()
    assert min(places) >= -1e-9
    assert max(places) <= 100 + 1e-9


def test_labels_with_room_stay_where_they_are() -> None:
    assert spread([1.0, 20.0, 60.0], 5.0, (0.0, 100.0)) == pytest.approx([1.0, 20.0, 60.0])


def test_span_is_never_empty() -> None:
    assert span_of([0.0, 0.0], zero=True) == (0.0, 1.0)
    low, high = span_of([0.05, np.nan])
    assert low < 0.05 < high
    assert span_of([2.0, 4.0], zero=True)[0] == 0.0


def test_lines_join_neighbours_of_the_same_name_and_skip_nulls() -> None:
    frame = pd.DataFrame({"name": ["a", "a", "a", "b"], "x": [1, 2, 3, 1], "y": [1.0, np.nan, 3.0, 9.0]})
    drawn = lines(frame, axis("x0", "X", (0, 100)), axis("y0", "Y", (0, 10))).dframe()
    assert drawn.to_numpy().tolist() == [[1, 1, 3, 3, "a"], [0, 9, 2, 9, "b"]]
