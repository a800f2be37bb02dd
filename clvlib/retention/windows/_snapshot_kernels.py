"""Snapshots of a ledger of millions of lines, compiled by numba; loaded only where a log is that long.

The ledger is read once: every line goes to its customer's place (a counting sort, which keeps the order of time).
From then on a customer's lines lie side by side in the cache, and all windows of all dates are counted on them there.
"""

import numpy as np
from numba import njit

from clvlib.rfm._kernels import prefetch

__all__ = ["LINE", "by_customer", "count_rows", "write_rows"]

#: A line at its customer's place; days count from the first window's first one.
LINE = np.dtype([("amount", "<f8"), ("day", "<i4"), ("order", "<i4"), ("item", "<i4")], align=True)

_LONG_AGO = -(1 << 30)
# Of so few lines a customer's previous one is found by looking at them, which are in the cache; tables are not.
_FEW = 24
# Places are asked for so many lines before they are written, since waiting for memory is what the sort would cost.
_AHEAD = 24


@njit(cache=True, nogil=True)
def by_customer(customer, ticks, amount, order, item, low, high, midnight, per_day, n_customers):
    """Lines ``low`` to ``high`` by customer, and where each customer's begin, shape (n_customers + 1,).

    midnight: the tick at which day 0 begins. order, item: empty where the log has none.
    """
    starts = np.zeros(n_customers + 1, np.int64)
    for line in range(low, high):
        prefetch(starts, customer[min(line + _AHEAD, high - 1)] + 1)
        starts[customer[line] + 1] += 1
    for code in range(n_customers):
        starts[code + 1] += starts[code]
    place = starts[:-1].copy()
    lines = np.empty(high - low, LINE)
    next_midnight, day = midnight, -1
    for line in range(low, high):
        while ticks[line] >= next_midnight:
            day += 1
            next_midnight += per_day
        prefetch(place, customer[min(line + 2 * _AHEAD, high - 1)])
        prefetch(lines, place[customer[min(line + _AHEAD, high - 1)]])
        code = customer[line]
        to = lines[place[code]]
        place[code] += 1
        to.amount = amount[line]
        to.day = day
        to.order = order[line] if len(order) else 0
        to.item = item[line] if len(item) else -1
    return starts, lines


@njit(cache=True, nogil=True)
def count_rows(starts, lines, cuts, observation_days):
    """How many customers bought in each window; cuts in days, rising. Shape (n_dates,)."""
    counts = np.zeros(len(cuts), np.int64)
    for code in range(len(starts) - 1):
        line, stop, last = starts[code], starts[code + 1], _LONG_AGO
        if line == stop:
            continue
        for date in range(len(cuts)):
            while line < stop and lines[line].day < cuts[date]:
                if lines[line].amount >= 0:
                    last = lines[line].day
                line += 1
            if last >= cuts[date] - observation_days:
                counts[date] += 1
    return counts


@njit(cache=True, nogil=True)
def write_rows(
    starts, lines, cuts, observation_days, outcome_days, place, order_seen, item_seen, dates, codes, columns, came
):
    """One row a date and customer who bought in its window, at the date's ``place``, which moves on.

    order_seen, item_seen: -1 for every code; keep at which line each was bought last, by whomsoever (what lies before
    the customer's own first line is another's). columns: orders, spend, days since the last purchase, mean gap,
    items, refunds, shape (6, n_rows).
    """
    most = 0
    for code in range(len(starts) - 1):
        most = max(most, starts[code + 1] - starts[code])
    # the day on which the customer's purchase line of the same order, article and at all before each was
    order_before, item_before = np.empty(most, np.int64), np.empty(most, np.int64)
    bought_before = np.empty(most, np.int64)
    for code in range(len(starts) - 1):
        start, stop = starts[code], starts[code + 1]
        bought = _LONG_AGO
        for at in range(start, stop):
            line, k = lines[at], at - start
            order_before[k] = item_before[k] = bought_before[k] = _LONG_AGO
            if line.amount < 0:
                continue
            bought_before[k], bought = bought, line.day
            if stop - start <= _FEW:
                for back in range(at - 1, start - 1, -1):
                    if lines[back].amount >= 0:
                        if order_before[k] == _LONG_AGO and lines[back].order == line.order:
                            order_before[k] = lines[back].day
                        if item_before[k] == _LONG_AGO and lines[back].item == line.item:
                            item_before[k] = lines[back].day
                continue
            if len(order_seen):
                seen = order_seen[line.order]
                if seen >= start:
                    order_before[k] = lines[seen].day
                order_seen[line.order] = at
            if line.item >= 0:
                seen = item_seen[line.item]
                if seen >= start:
                    item_before[k] = lines[seen].day
                item_seen[line.item] = at
        begin = end = start
        for date in range(len(cuts)):
            first_day, cut = cuts[date] - observation_days, cuts[date]
            while begin < stop and lines[begin].day < first_day:
                begin += 1
            end = max(end, begin)
            while end < stop and lines[end].day < cut:
                end += 1
            orders, days, items, spend, refund = 0, 0, 0, 0.0, 0.0
            first, last = 0, 0
            for at in range(begin, end):
                line, k = lines[at], at - start
                if line.amount < 0:
                    refund -= line.amount
                    continue
                spend += line.amount
                if bought_before[k] < first_day:
                    first = line.day
                if bought_before[k] < line.day:
                    days += 1
                last = line.day
                if order_before[k] < first_day:
                    orders += 1
                if line.item >= 0 and item_before[k] < first_day:
                    items += 1
            if days == 0:
                continue
            row = place[date]
            place[date] += 1
            dates[row], codes[row] = date, code
            columns[0, row] = orders if len(order_seen) else days
            columns[1, row] = spend
            columns[2, row] = cut - last
            columns[3, row] = (last - first) / (days - 1) if days > 1 else observation_days
            columns[4, row] = items
            columns[5, row] = refund
            came[row] = False
            for at in range(end, stop):
                if lines[at].day >= cut + outcome_days:
                    break
                if lines[at].amount >= 0:
                    came[row] = True
                    break
