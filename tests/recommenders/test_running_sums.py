import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from armlift.recommenders.running_sums import RunningSums

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(-5, 5)), max_size=30)


@given(rows, st.integers(0, 4), st.integers(0, 12))
def test_the_sums_are_those_of_the_strictly_earlier_rows(
    rows: list[tuple[int, int, int]], entity: int, moment: int
) -> None:
    entities, moments, values = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    past = RunningSums(entities, moments, np.column_stack([values, np.ones(len(rows))]).astype(float))
    earlier = [value for other, then, value in rows if other == entity and then < moment]
    asked = past.before(np.array([[entity, entity]]), np.array([[moment]]))
    assert asked.tolist() == [[[sum(earlier), len(earlier)]] * 2]
