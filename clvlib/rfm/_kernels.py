"""The passes for a million lines and more, compiled by numba; loaded only where a log is that long.

A customer's state is 16 bytes, read and written once a line. What that costs is waiting for memory, not arithmetic,
so every kernel asks for the state of the line some places ahead while it works on the present one. What comes of it,
beside engines that hash or partition, is measured in ``benchmarks/rfm_summary.py``.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["HELD", "SEEN", "by_day", "calibrate", "hold", "prefetch", "write_columns"]

#: What calibration knows of a customer; days count from 1, the log's first one, so that 0 is "never bought".
SEEN = np.dtype([("first", "<u2"), ("last", "<u2"), ("n", "<u4"), ("net", "<f8")], align=True)
#: What the holdout knows of a customer.
HELD = np.dtype([("last", "<u4"), ("n", "<u4"), ("net", "<f8")], align=True)

# Lines ahead: about a memory's latency, in lines. 32 to 64 measured alike, 8 takes twice as long.
_AHEAD = 48


@intrinsic
def prefetch(typingctx, array, position):
    """Ask for ``array[position]`` to be brought near; computes nothing, and reads nothing itself."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        address = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [address, flag(1), flag(3), flag(1)])  # to write, into the nearest cache, data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@njit(cache=True, nogil=True)
def calibrate(codes, low, ticks, amount, stop, midnight, per_day, seen):
    """Lines up to ``stop``, in the order of days, into ``seen``: purchase days, and the money after the first one.

    midnight: the tick at which the log's first day begins. Returns how many customers bought.
    """
    next_midnight, day, customers = midnight, 0, 0
    last_line = len(codes) - 1
    for line in range(stop):
        if ticks[line] >= next_midnight:
            day = (ticks[line] - midnight) // per_day + 1
            next_midnight = midnight + day * per_day
        prefetch(seen, codes[min(line + _AHEAD, last_line)] - low)
        customer, money = seen[codes[line] - low], amount[line]
        if customer.first == 0:
            if money >= 0:
                customer.first = customer.last = day
                customer.n = 1
                customers += 1
        elif customer.first != day:
            customer.net += money
            if customer.last != day and money >= 0:
                customer.last = day
                customer.n += 1
    return customers


@njit(cache=True, nogil=True)
def hold(codes, low, ticks, amount, start, stop, midnight, per_day, held):
    """Lines ``start`` to ``stop``, in the order of days, into ``held``: purchase days and money."""
    next_midnight, day = midnight, 0
    last_line = len(codes) - 1
    for line in range(start, stop):
        if ticks[line] >= next_midnight:
            day = (ticks[line] - midnight) // per_day + 1
            next_midnight = midnight + day * per_day
        prefetch(held, codes[min(line + _AHEAD, last_line)] - low)
        customer, money = held[codes[line] - low], amount[line]
        customer.net += money
        if customer.last != day and money >= 0:
            customer.last = day
            customer.n += 1


@njit(cache=True, nogil=True)
def write_columns(seen, held, last_day, unit, codes, columns):
    """One row a customer who bought in calibration, in the order of the codes.

    held: empty without a holdout. last_day: of calibration, counted as ``first`` is. columns: frequency, recency, T,
    monetary value and, with a holdout, its frequency and amount; shape (4 or 6, n_customers).
    """
    row = 0
    for code in range(len(seen)):
        customer = seen[code]
        if customer.first == 0:
            continue
        frequency = customer.n - 1.0
        codes[row] = code
        columns[0, row] = frequency
        columns[1, row] = (np.int64(customer.last) - np.int64(customer.first)) / unit
        columns[2, row] = (last_day - np.int64(customer.first)) / unit
        columns[3, row] = customer.net / frequency if frequency > 0 else 0.0
        if len(held) > 0:
            columns[4, row] = held[code].n
            columns[5, row] = held[code].net
        row += 1


@njit(cache=True, nogil=True)
def by_day(codes, ticks, amount, midnight, per_day, n_days):
    """The lines in the order of their days, by counting: there are few days."""
    place = np.zeros(n_days + 1, np.int64)
    for line in range(len(codes)):
        place[(ticks[line] - midnight) // per_day + 1] += 1
    for day in range(n_days):
        place[day + 1] += place[day]
    new_codes, new_ticks, new_amount = np.empty_like(codes), np.empty_like(ticks), np.empty_like(amount)
    for line in range(len(codes)):
        day = (ticks[line] - midnight) // per_day
        to = place[day]
        place[day] = to + 1
        new_codes[to], new_ticks[to], new_amount[to] = codes[line], ticks[line], amount[line]
    return new_codes, new_ticks, new_amount
