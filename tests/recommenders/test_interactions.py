import numpy as np

from armlift.recommenders.interactions import sparse_table


def test_columns_are_in_order_whatever_the_order_of_the_ratings() -> None:
    table = sparse_table(np.array([1, 0, 1]), np.array([2, 1, 0]), [5.0, 3.0, 4.0], (3, 3))
    assert table.toarray().tolist() == [[0, 3, 0], [4, 0, 5], [0, 0, 0]]
    assert table.indices.tolist() == [1, 0, 2]
    assert sparse_table(np.array([0]), np.array([0]), 1.0, (1, 2)).toarray().tolist() == [[1, 0]]
