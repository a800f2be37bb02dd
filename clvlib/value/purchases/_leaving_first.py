"""The one integral of Pareto/NBD: how probable it is that a customer leaves before buying again.

With x purchases made by age t and still a customer, the purchase rate is Gamma(r + x, alpha + t) and the rate of
leaving is Gamma(s, beta + t), so

    M(x, t) = E[mu / (lambda + mu)] = s g * integral over y > 0 of e^(-k y) (e^-y + g (1 - e^-y))^-(s+1),
              k = r + s + x,   g = (alpha + t) / (beta + t)

which is A_0 of Fader and Hardie (2005), "A note on deriving the Pareto/NBD model" (their two 2F1, with cases for
alpha >= beta and alpha < beta), in a form that lies between 0 and 1, has no cases and cannot overflow.

Three facts make it cheap: the integrand is a product of a factor in (x, y) and one in (t, y), so that all x and all t
together are one matrix product; under a double exponential substitution the trapezium rule is exact to rounding with
about 50 nodes; and ln M is so smooth in ln(c + t) that 15 to 40 Chebyshev points give it at any number of ages.
"""

import numpy as np

__all__ = ["leaving_first", "leaving_first_of_many", "power_integral", "product"]

#: Multiplications in one matrix product up to which OpenBLAS stays on the thread that asks.
_ALONE = 1 << 18
#: Up to here e^y does not overflow.
_NEAR = 600.0


def leaving_first(
    params: np.ndarray, x: np.ndarray, t: np.ndarray, *, order: int = 0
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """ln M, its gradient and its Hessian in (r, alpha, s, beta) for all pairs of x and t.

    x, t: shapes (n_x,), (n_t,). Returns (n_x, n_t), then from ``order`` 1 on (4, n_x, n_t) and from ``order`` 2 on
    (4, 4, n_x, n_t), else None.
    """
    r, alpha, s, beta = params
    late = beta + t
    g = (alpha + t) / late
    shape = r + x.min()
    y, weight = _rule(shape, s, np.ptp(x), g)
    decay = np.exp(-np.multiply.outer(x - x.min(), y))
    log_u, rise = _logarithms(y, g)
    # the slowest decay goes with the factor in t: neither then over- nor underflows at once
    near = y < _NEAR
    base = weight * np.exp(
        np.where(near, (1 - shape) * y, -(shape + s) * y) - (s + 1) * np.where(near, rise, log_u),
    )
    total = product(decay, base.T)
    log_m = np.log(s * g) + np.log(total)
    if not order:
        return log_m, None, None

    def mean(of_x: np.ndarray, of_t: np.ndarray) -> np.ndarray:
        return product(of_x, of_t.T) / total

    v = -np.expm1(-y) * np.exp(-log_u)
    slower = decay * y
    with_rise, with_v = base * rise, base * v
    y1, rise1, v1 = mean(slower, base), mean(decay, with_rise), mean(decay, with_v)
    # ln M = ln s + ln g + ln J; J's logarithm falls by y with r, by rise with s and by (s + 1) v with g
    by_g = 1 / g - (s + 1) * v1
    g_alpha, g_beta = 1 / late, -g / late
    gradient = np.stack([-y1, by_g * g_alpha, 1 / s - rise1, by_g * g_beta])
    if order == 1:
        return log_m, gradient, None
    v2 = mean(decay, with_v * v)
    rg = (s + 1) * (mean(slower, with_v) - y1 * v1)
    sg = (s + 1) * (mean(decay, with_rise * v) - rise1 * v1) - v1
    gg = (s + 1) * (v2 + (s + 1) * (v2 - v1**2)) - 1 / g**2
    hessian = np.empty((4, *gradient.shape))
    hessian[0, 0] = mean(slower * y, base) - y1**2
    hessian[0, 2] = mean(slower, with_rise) - y1 * rise1
    hessian[2, 2] = mean(decay, with_rise * rise) - rise1**2 - 1 / s**2
    hessian[0, 1], hessian[0, 3] = rg * g_alpha, rg * g_beta
    hessian[1, 2], hessian[2, 3] = sg * g_alpha, sg * g_beta
    hessian[1, 1] = gg * g_alpha**2
    hessian[1, 3] = gg * g_alpha * g_beta - by_g / late**2
    hessian[3, 3] = gg * g_beta**2 + by_g * (2 * g / late**2)
    for i in range(4):
        for j in range(i):
            hessian[i, j] = hessian[j, i]
    return log_m, gradient, hessian


def leaving_first_of_many(params: np.ndarray, x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """ln M for several parameters at once, shape (n_params, 4): on one rule that serves all. (n_params, n_x, n_t)."""
    r, alpha, s, beta = params.T[:, :, None]
    shape = r + x.min()
    late = beta + t
    g = (alpha + t) / late
    y, weight = _rule(shape.min(), s.min(), np.ptp(x) + np.ptp(shape), g, s.max())
    near = y < _NEAR
    log_u, rise = (part.reshape(*g.shape, len(y)) for part in _logarithms(y, g.ravel()))
    slow = np.where(near, (1 - shape) * y, -(shape + s) * y)
    base = weight * np.exp(slow[:, None] - (s[:, None] + 1) * np.where(near, rise, log_u))
    total = product(base.reshape(-1, len(y)), np.exp(-np.multiply.outer(y, x - x.min())))
    return (np.log(s * g)[:, :, None] + np.log(total).reshape(*g.shape, len(x))).transpose(0, 2, 1)


def _logarithms(y: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln u, u = e^-y + g (1 - e^-y), and ln u + y = ln(1 + g (e^y - 1)), both without cancellation; (n_t, n_y)."""
    near = y < _NEAR
    rise = np.empty((len(g), len(y)))
    rise[:, near] = np.log1p(np.multiply.outer(g, np.expm1(y[near])))
    log_u = rise - y
    log_u[:, ~near] = np.log(np.exp(-y[~near]) + np.multiply.outer(g, -np.expm1(-y[~near])))
    rise[:, ~near] = log_u[:, ~near] + y[~near]
    return log_u, rise


def power_integral(a: float, b: np.ndarray, g: float) -> np.ndarray:
    """J of the above for k = a + b - 1 and power b, for each of some b >= 1; (n_b,).

    (a + b - 1) J is 2F1(1, b; a + b; 1 - g).
    """
    y, weight = _rule(a + b.min() - b.max(), b.max() - 1, np.ptp(b), np.array([g]))
    log_u, rise = _logarithms(y, np.array([g]))
    slow, fast = np.where(y < _NEAR, (a - 1) * y, (a + b.min() - 1) * y), np.where(y < _NEAR, rise, log_u)[0]
    more = np.where(y < _NEAR, 0.0, np.multiply.outer(b - b.min(), y))
    return np.exp(-slow - more - np.multiply.outer(b, fast)) @ weight


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a @ b`` in pieces so small that no thread team is started.

    One would be quicker on an idle machine, by little; where the cores are shared its spinning costs tenfold.
    """
    (m, k), n = a.shape, b.shape[1]
    if m * n * k <= _ALONE:
        return a @ b
    found = np.empty((m, n))
    side = max(1, int((_ALONE / k) ** 0.5))
    for i in range(0, m, side):
        for j in range(0, n, side):
            np.matmul(a[i : i + side], b[:, j : j + side], out=found[i : i + side, j : j + side])
    return found


def _rule(
    slowest: float, s: float, span: float, g: np.ndarray, largest_s: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights in y for purchase shapes from ``slowest`` to ``slowest`` + ``span`` and all of g and s.

    y = y0 exp(w - e^-w), w from -3.7 in equal steps: y0 is shorter than the steepest fall of any integrand, the last
    node is where the slowest has fallen by e^-38, and the step follows from the nearest singularity,
    y = ln(1/g - 1) + i pi.
    """
    least, largest = g.min(), g.max()
    largest_s = s if largest_s is None else largest_s
    k = slowest + s
    y0 = 0.5 / (slowest + largest_s + 2 * span + max(slowest - 1, 0.0) + (largest_s + 1) * max(largest, 1.0))
    excess = max(1 / least - 1, 0.0)
    strip = 1.2 * min(1.25, np.arctan2(1.9, np.log1p(2 * excess)))
    reach = np.log((38 + (largest_s + 1) * np.log1p(excess)) / (k * y0)) + 0.2
    n = int(np.ceil((reach + 3.7) / (2 * np.pi * strip / 36)))
    w, step = np.linspace(-3.7, reach, n + 1, retstep=True)
    shrink = np.exp(-w)
    y = y0 * np.exp(w - shrink)
    return y, step * y * (1 + shrink)
