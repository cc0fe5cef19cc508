import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from armlift.datasets.schema import Reject, reject_table
from armlift.datasets.sources import HALF_STARS
from armlift.datasets.validation import Rows, check_ratings, settle
from armlift.errors import BadRowsError, ParameterError

REJECTS = [Reject("r.csv", line, "rating", "9", "rating out of range", "Give less.") for line in range(2, 7)]


def ratings(rows):
    columns = ["user_id", "item_id", "rating", "timestamp"]
    frame = pd.DataFrame(rows, columns=columns).astype(
        dict.fromkeys(columns, "int64") | {"rating": "float64"}
    )
    frame.index = pd.RangeIndex(2, 2 + len(frame))
    return Rows("r.csv", frame)


def test_raising_names_the_first_rows_and_the_count():
    with pytest.raises(BadRowsError) as raised:
        settle(REJECTS, "raise")
    message = str(raised.value)
    assert message.startswith("Bad rows: 5. r.csv line 2 column rating: '9': rating out of range. Give less.")
    assert "line 4" in message
    assert "line 5" not in message
    assert "And 2 more." in message


def test_dropping_warns_with_counts(caplog):
    with caplog.at_level(logging.WARNING, "armlift"):
        settle(REJECTS, "drop")
    assert caplog.messages == ["Dropped 5 bad rows (r.csv: 5 x rating out of range)."]


def test_nothing_rejected_is_silent(caplog):
    settle([], "raise")
    settle([], "drop")
    assert caplog.messages == []


def test_other_policies_are_refused():
    with pytest.raises(ParameterError, match=r"data.on_bad_rows = 'ignore'"):
        settle([], "ignore")


def test_reject_table_has_its_types_also_when_empty():
    for table in (reject_table(), reject_table(REJECTS)):
        assert [str(kind) for kind in table.dtypes] == ["str", "int64", "str", "str", "str", "str"]


def test_a_row_with_several_faults_is_rejected_once():
    rows = ratings([(-1, 99, 9.0, -1), (1, 1, 4.0, 5)])
    check_ratings(rows, HALF_STARS, np.array([1]), None)
    assert len(rows.rejected) == 1
    assert rows.frame.index.tolist() == [3]


numbers = st.integers(-1, 4)


@given(
    st.lists(st.tuples(numbers, numbers, st.sampled_from([0.0, 0.5, 3.3, 5.0, 5.5]), numbers), max_size=20)
)
def test_what_is_kept_obeys_every_rule_and_nothing_is_lost(table):
    rows = ratings(table)
    check_ratings(rows, HALF_STARS, np.array([1, 2, 3]), np.array([0, 1, 2]))
    kept, lines = rows.frame, sorted([*rows.frame.index, *(reject.line for reject in rows.rejected)])
    assert lines == list(range(2, 2 + len(table)))
    assert not kept.duplicated(["user_id", "item_id"]).any()
    assert kept["rating"].isin([0.5, 5.0]).all()
    assert kept["item_id"].isin([1, 2, 3]).all()
    assert kept["user_id"].isin([0, 1, 2]).all()
    assert (kept["timestamp"] >= 0).all()
    for reject in rows.rejected:
        user, item, _, time = table[reject.line - 2]
        if "later rating" in reject.reason:
            same = kept[(kept["user_id"] == user) & (kept["item_id"] == item)]
            assert (same["timestamp"].iloc[0], same.index[0]) > (time, reject.line)
