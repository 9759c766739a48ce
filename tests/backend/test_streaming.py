# SPDX-License-Identifier: GPL-3.0-or-later
import threading
import time
from contextlib import closing

import pytest
from turnaround.backend.streaming import Budget, ordered_map


def test_results_keep_their_order_and_run_side_by_side():
    barrier = threading.Barrier(2, timeout=10)

    def work(item):
        barrier.wait()
        time.sleep(0.02 * (item % 2 == 0))
        return item * item

    assert list(ordered_map(work, range(6), 2)) == [0, 1, 4, 9, 16, 25]


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_any_number_of_items(count):
    assert list(ordered_map(str, range(count), 3)) == [str(i) for i in range(count)]


def test_items_are_taken_only_as_results_are_used():
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    with closing(ordered_map(str, items(), 2)) as results:
        for _ in range(4):
            next(results)
    assert len(taken) <= 7


def test_an_error_comes_out_where_its_result_was_due():
    def work(item):
        return 1 // (3 - item)

    results = ordered_map(work, range(6), 2)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_budget_is_never_exceeded_and_a_giant_is_served_alone():
    budget, lock, held, most = Budget(10), threading.Lock(), [0, 0], [0]

    def work(size):
        with budget.hold(size):
            with lock:
                held[0] += size
                held[1] += 1
                most[0] = max(most[0], held[0] if held[1] > 1 else 0)
            time.sleep(0.005)
            with lock:
                held[0] -= size
                held[1] -= 1
        return size

    sizes = [4, 3, 25, 6, 2, 9, 1, 11, 5]
    assert list(ordered_map(work, sizes, 4)) == sizes
    assert most[0] <= 10
