"""The tests of basic.py: every derivative against numbers, every promise against a small case.

They stand in the order of basic.py, and a test's name starts with the function that it grades. The
file is a course, too: `python test_basic.py mine.py` writes a mine.py for you to fill in, and then,
each time, tells you how far you are. The gradient checker below works alone: copy it to check any
network.
"""

import _thread
import ast
import contextlib
import errno
import functools
import gzip
import hashlib
import http.server
import importlib.util
import inspect
import io
import json
import math
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import traceback
import tracemalloc
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

import basic

pytestmark = pytest.mark.filterwarnings("error")
HERE = Path(__file__).resolve().parent
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
every_scalar = pytest.mark.parametrize("kind", [float, np.float64, np.float32])

# --- The gradient checker: these four functions need nothing but NumPy ---


def check_gradients(loss, params, grads, numeric=None, tolerance=1e-12):
    """Assert that grads are the derivatives of loss(params); return the error of each array.

    The error is norm(analytic - numeric) / norm(numeric), with numeric = complex_step unless given.
    Where several arrays are wrong, the message is about the last layer that is wrong: derivatives
    come from the end, so errors spread from there.
    """
    assert len(grads) == len(params), f"{len(grads)} gradients for {len(params)} arrays"
    names = [f"d{'Wb'[k % 2]}{k // 2 + 1}" for k in range(len(params))]
    from_the_last_layer = sorted(range(len(params)), key=lambda k: (-(k // 2), k))
    for k in from_the_last_layer:
        shape, wanted = np.shape(grads[k]), params[k].shape
        if shape != wanted:
            found = f"{names[k]} has the shape {shape}, but {names[k][1:]} has {wanted}"
            if sorted(map(np.shape, grads)) == sorted(map(np.shape, params)):
                found += (
                    f"; grads[{k}] should be {names[k]}, in the order [{', '.join(names)}]: "
                    "a loop that runs backwards puts each pair in front"
                )
            elif names[k].startswith("db"):
                found += "; sum over the images: dZ.sum(axis=1, keepdims=True)"
            raise AssertionError(found)
    numeric = (numeric or complex_step)(loss, params)
    errors = []
    for g, n in zip(grads, numeric):
        if n.any():
            errors.append(float(np.linalg.norm(g - n) / np.linalg.norm(n)))
        else:  # nothing to divide by: then the analytic gradient must be exactly zero, too
            errors.append(0.0 if not np.any(g) else np.inf)
    for k in from_the_last_layer:
        if not errors[k] <= tolerance:  # written so that nan is an error
            g, n = grads[k], numeric[k]
            worst = np.unravel_index(abs(g - n).argmax(), n.shape)
            entry = f"{names[k]}{[*map(int, worst)]} is {g[worst]:.9g}, numerically {n[worst]:.9g}"
            all_errors = ", ".join(f"{name} {e:.1e}" for name, e in zip(names, errors))
            guess = likely(g, n, small=", divided by m twice?", large=", is / m missing?")
            raise AssertionError(f"{entry}{guess}; errors: {all_errors}; allowed {tolerance:.0e}")
    return errors


def likely(ours, expected, small="", large=""):
    """Return in words how an array differs from what was expected, if in a way that is known."""
    turned = ours.ndim == 2 and ours.shape == expected.shape[::-1] and ours.size > 1
    if turned and np.allclose(ours.T, expected, rtol=1e-6, atol=0):
        return ": it is transposed"
    if ours.shape != expected.shape or not np.isfinite(ours).all() or not expected.any():
        return ""
    ratio = (np.vdot(expected, ours) / np.vdot(expected, expected)).real
    if not ratio or not np.allclose(ours, ratio * expected, rtol=1e-6, atol=0):
        return ""
    if np.isclose(ratio, -1):
        return ": the sign is flipped"
    if np.isclose(ratio, 1) or np.count_nonzero(expected) < 2:
        return ""
    if abs(ratio) < 1:
        return f": every entry is {1 / ratio:.4g} times too small{small}"
    return f": every entry is {ratio:.4g} times too large{large}"


def complex_step(loss, params, h=1e-30):
    """Return the derivatives of loss with respect to every entry of params, to machine precision.

    loss(p + ih) = loss(p) + ih loss'(p) - h^2 loss''(p) / 2 - ..., so loss' is the imaginary part
    over h, but for an error of order h^2. No two losses are subtracted, so nothing cancels, and h
    can be so small that h^2 is nothing (Squire & Trapp 1998). The loss must be analytic near params
    and real for real ones: no abs, no conj (their derivative would come out wrong without a word),
    and no value on a corner such as ReLU's at 0.
    """
    params = [p.astype(complex) for p in params]
    numeric = [np.zeros(p.shape) for p in params]
    for p, n in zip(params, numeric):
        for k in np.ndindex(p.shape):
            p[k] += 1j * h
            n[k] = loss(params).imag / h
            p[k] = p[k].real
    return numeric


def central_differences(loss, params, h=1e-5):
    """Return the derivatives of loss with respect to every entry of params, to about ten digits.

    (loss(p + h) - loss(p - h)) / 2h is off by h^2 loss'''/6 (truncation) and by eps loss / h
    (cancellation: both losses are rounded, eps = 2e-16): least near h = eps^(1/3) = 6e-6 if loss
    and loss''' are about 1.
    """
    params = [p.astype(float) for p in params]
    numeric = [np.zeros(p.shape) for p in params]
    for p, n in zip(params, numeric):
        for k in np.ndindex(p.shape):
            middle = p[k]
            p[k] = middle + h
            above = loss(params)
            p[k] = middle - h
            n[k] = (above - loss(params)) / (2 * h)
            p[k] = middle
    return numeric


# --- What the tests stand on: a network of their own, so that each grades one function alone ---


def digits(m, part="train"):
    """Return MNIST's first m images, X (784, m) in float64 and Y (m,), without basic's loader."""
    with gzip.open(HERE / f"data/mnist/{part}-images-idx3-ubyte.gz") as file:
        images = file.read(16 + 784 * m)
    with gzip.open(HERE / f"data/mnist/{part}-labels-idx1-ubyte.gz") as file:
        labels = file.read(8 + m)
    X = np.frombuffer(images, np.uint8, offset=16).reshape(m, 784).T / 255
    return X, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def frozen(arrays):
    """Return arrays made read-only: whoever writes into an argument gets an error."""
    for array in arrays:
        array.flags.writeable = False
    return arrays


def network(*sizes, seed=0, dtype=float):
    """Return random params with small biases, so that no Z falls on ReLU's corner at 0."""
    rng = np.random.default_rng(seed)
    params = []
    for n, k in zip(sizes, sizes[1:]):
        params.append((np.sqrt(2 / n) * rng.standard_normal((k, n))).astype(dtype))
        params.append((0.1 * rng.standard_normal((k, 1))).astype(dtype))
    return frozen(params)


def examples(n, m, classes, seed=0, dtype=float):
    """Return random images X (n, m) and labels Y (m,), read-only."""
    rng = np.random.default_rng(seed)
    return frozen([rng.random((n, m)).astype(dtype), rng.integers(0, classes, m)])


START, (X_9, Y_9) = network(6, 5, 3), examples(6, 9, 3)  # a small case for many tests


def forward(params, X):
    """Return Z, A as forward_prop does."""
    Z, A = [None], [X]
    for W, b in zip(params[0::2], params[1::2]):
        Z.append(W @ A[-1] + b)
        A.append(np.maximum(Z[-1], 0))
    E = np.exp(Z[-1] - Z[-1].max(axis=0))
    A[-1] = E / E.sum(axis=0)
    return Z, A


def loss_of(X, Y, l2=0.0):
    """Return the loss as a function of params alone, as the checker wants it."""

    def loss(params):
        Z, _ = forward(params, X)
        S = Z[-1] - Z[-1].max(axis=0)
        mean = (np.log(np.exp(S).sum(axis=0)) - S[Y, np.arange(Y.size)]).mean()
        return mean + l2 / 2 * sum((W * W).sum() for W in params[0::2])

    return loss


def accuracy_of(X, Y, params):
    return (forward(params, X)[1][-1].argmax(axis=0) == Y).mean()


# The blackboard's backward pass of two layers, to be broken in one place at a time.
BLACKBOARD = """
dZ2 = A2 - T
dW2 = dZ2 @ A1.T / m + l2 * W2
db2 = dZ2.sum(axis=1, keepdims=True) / m
dZ1 = W2.T @ dZ2 * (Z1 > 0)
dW1 = dZ1 @ X.T / m + l2 * W1
db1 = dZ1.sum(axis=1, keepdims=True) / m
"""
# What learners write instead. A failing test of backward_prop looks which of these it was.
SLIPS = {
    "one_hot(Y) - A2: it is A2 - one_hot(Y)": ("A2 - T", "T - A2"),
    "dZ2 = (A2 - 1) * one_hot(Y): all classes have a derivative": ("A2 - T", "(A2 - 1) * T"),
    "dZ2 = A2, without - one_hot(Y)": ("A2 - T", "A2"),
    "dZ2 = 2 * (A2 - one_hot(Y)): that belongs to squared errors": ("A2 - T", "2 * (A2 - T)"),
    "ReLU's derivative at Z2: the last layer has no ReLU": ("A2 - T", "(A2 - T) * (Z2 > 0)"),
    "dZ2 divided by m, and dW2 and db2 again": ("A2 - T", "(A2 - T) / m"),
    "no / m in dW2": ("A1.T / m", "A1.T"),
    "Z1 for A1 in dW2": ("A1.T", "Z1.T"),
    "no / m in db2": ("dZ2.sum(axis=1, keepdims=True) / m", "dZ2.sum(axis=1, keepdims=True)"),
    "dW1 divided by m twice": ("X.T / m", "X.T / m / m"),
    "no / m in dW1": ("X.T / m", "X.T"),
    "no / m in db1": ("dZ1.sum(axis=1, keepdims=True) / m", "dZ1.sum(axis=1, keepdims=True)"),
    "no derivative of ReLU in dZ1, or at A1 >= 0, which is always true: take it at Z1 > 0": (
        "(Z1 > 0)",
        "(A1 >= 0)",
    ),
    "ReLU(Z1) for its derivative in dZ1": ("(Z1 > 0)", "A1"),
    "no l2 * W2 in dW2": (" + l2 * W2", ""),
    "no l2 * W1 in dW1": (" + l2 * W1", ""),
    "l2 * W2 divided by m, too": ("dZ2 @ A1.T / m + l2 * W2", "(dZ2 @ A1.T + l2 * W2) / m"),
    "2 * l2 * W1: the 2 of the derivative meets the 1/2": ("l2 * W1", "2 * l2 * W1"),
    "a penalty on b2: biases go free": (
        "keepdims=True) / m\ndZ1",
        "keepdims=True) / m + l2 * b2\ndZ1",
    ),
    "the mean of dZ2, divided by m again": ("dZ2.sum(", "dZ2.mean("),
    "m = len(X), the number of pixels: the images are Y.size": ("dZ2 = ", "m = len(X)\ndZ2 = "),
}


def backward(params, Z, A, Y, l2, old="", new=""):
    """Return the BLACKBOARD's grads of two layers, with `old` replaced by `new` in its lines."""
    assert old in BLACKBOARD
    names = dict(zip(("W1", "b1", "W2", "b2"), params), Z1=Z[1], Z2=Z[2], X=A[0], A1=A[1], A2=A[2])
    names |= dict(T=np.arange(len(A[2]))[:, None] == Y, m=Y.size, l2=l2, np=np)
    exec(BLACKBOARD.replace(old, new, 1), names)
    return [names[name] for name in ("dW1", "db1", "dW2", "db2")]


def by_hand(params, X, Y, alphas, l2=0.0):
    """Return params after one full-batch update of two layers for each alpha."""
    for alpha in alphas:
        grads = backward(params, *forward(params, X), Y, l2)
        params = [p - alpha * g for p, g in zip(params, grads)]
    return params


# --- What the tests say ---


def same(ours, expected, name, rel=1e-12, hint="", cast="keep what came in"):
    """Assert that an array has the expected shape, dtype and numbers; else say what is wrong.

    The hint is about the shape and the numbers, cast is about the dtype.
    """
    expected = np.asarray(expected)
    hint = f": {hint}" if hint else ""
    assert ours is not None, f"{name} is None: is there a return?"
    assert hasattr(ours, "dtype"), (
        f"{name} is a Python {type(ours).__name__}, not NumPy's {expected.dtype}: no float(...)"
    )
    if ours.shape != expected.shape:
        if ours.shape == expected.shape[::-1] != ():
            hint = ": is it transposed, or the wrong axis?"
        elif expected.shape == (*ours.shape, 1):
            hint = ": a column keeps its second axis, (n, 1)"
        raise AssertionError(f"{name} has the shape {ours.shape}, not {expected.shape}{hint}")
    if ours.dtype != expected.dtype:
        raise AssertionError(f"{name} has the dtype {ours.dtype}, not {expected.dtype}: {cast}")
    if expected.dtype == bool:
        wrong = ours != expected
    else:
        wrong = ~np.isclose(ours, expected, rtol=rel, atol=1e-14 if rel else 0)
    if wrong.any():
        first = tuple(map(int, np.argwhere(wrong)[0]))
        where = f"{name}{list(first)}" if first else name
        guess = "" if expected.dtype == bool else likely(ours, expected)
        entry = f"{where} is {ours[first]:.9g}, not {expected[first]:.9g}"
        raise AssertionError(f"{entry}{guess}{hint}")


def same_params(ours, expected, rel=1e-12, hint="", of="{}", cast="keep what came in"):
    """Assert that a list [W1, b1, ...] is what was expected; `of` says what a W1 is called."""
    assert ours is not None, "None came back: is there a return?"
    assert isinstance(ours, (list, tuple)), f"a {type(ours).__name__} came back, not a list"
    names = [of.format(f"{'Wb'[k % 2]}{k // 2 + 1}") for k in range(len(expected))]
    count = f"{len(ours)} arrays came back, not {len(expected)}"
    assert len(ours) == len(expected), f"{count}: [{', '.join(names)}]"
    for name, p, q in zip(names, ours, expected):
        same(p, q, name, rel, hint, cast)


def is_float(value, name):
    """Assert that a number is a Python float."""
    kind = f"NumPy's {value.dtype}" if hasattr(value, "dtype") else f"a {type(value).__name__}"
    assert type(value) is float, f"{name} is {kind}, not a Python float: float(...)"


@contextlib.contextmanager
def refused(function, what, word, *others):
    """Assert that `what` is a ValueError with the word that names its cure, or one of others."""
    described = word in inspect.getdoc(DOCUMENTED[function])
    assert described, f"the docstring of {function} should have the word {word!r}"
    cure = f'a ValueError that says "{word}"'
    try:
        yield
    except ValueError as error:
        for accepted in (word, *others):
            pattern = rf"\b{accepted}\b" if len(accepted) == 1 else re.escape(accepted)
            if re.search(pattern, str(error), re.IGNORECASE):
                return
        raise AssertionError(f"{what}: this should be {cure}; it says: {error}") from error
    except NotImplementedError:
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{what}: {found}; check before that, and raise {cure}") from error
    else:
        raise AssertionError(f"{what}: raise {cure}")


def explain(error):
    """Return what an error says, and what NumPy's words for an argument that is frozen mean."""
    text = f"{type(error).__name__}: {error}"
    if "read-only" in text:
        text += "\nAn argument was changed in place: leave it as it is, and return a new array"
    return text


@contextlib.contextmanager
def teach(hint):
    """Add a hint to an error of NumPy."""
    try:
        yield
    except (ValueError, TypeError, IndexError, AttributeError, Warning) as error:
        raise AssertionError(f"{explain(error)}\n{hint}") from error


DOCUMENTED = vars(basic).copy()  # the functions of basic.py, whoever's are graded


# --- Does the checker find mistakes? ---


@pytest.mark.parametrize("l2", [0, 0.3])
def test_check_gradients_accepts_the_blackboard_and_central_differences_do_too(l2):
    (X, Y), loss = (X_9, Y_9), loss_of(X_9, Y_9, l2)
    grads = backward(START, *forward(START, X), Y, l2)
    assert max(check_gradients(loss, START, grads)) <= 1e-12
    check_gradients(loss, START, grads, central_differences, tolerance=1e-7)


@pytest.mark.parametrize("slip", SLIPS)
def test_check_gradients_finds(slip):
    grads = backward(START, *forward(START, X_9), Y_9, 0.3, *SLIPS[slip])
    with pytest.raises(AssertionError, match=r"allowed 1e-12$"):
        check_gradients(loss_of(X_9, Y_9, 0.3), START, grads)


@pytest.mark.parametrize("change", [1e-6, np.nan])
def test_check_gradients_finds_one_entry_that_is_off_by_a_millionth_or_nan(change):
    grads = backward(START, *forward(START, X_9), Y_9, 0)
    grads[0][1, 2] *= 1 + change
    with pytest.raises(AssertionError, match=r"^dW1\[1, 2\]"):
        check_gradients(loss_of(X_9, Y_9), START, grads)


def test_check_gradients_begins_at_the_last_layer_and_gives_the_errors_of_all():
    W, b = np.array([[1.0, 2.0]]), np.array([[3.0]])

    def loss(params):
        return (params[0] ** 2).sum() + params[1].sum() + (params[2] ** 2).sum()

    grads = [np.array([[2, 5.0]]), b / b, np.array([[2, 4.5]])]
    with pytest.raises(AssertionError, match=r"^dW2\[0, 1\] is 4.5, numerically 4; errors: dW1 2"):
        check_gradients(loss, [W, b, W], grads)
    grads[2] = 2 * W
    with pytest.raises(AssertionError, match=r"^dW1\[0, 1\] is 5.*dW1 2.2e-01, db1 0.0e\+00, dW2"):
        check_gradients(loss, [W, b, W], grads)


def test_check_gradients_wants_an_array_for_each_and_exact_zeros():
    W, b = np.array([[1.0, 2.0]]), np.array([[3.0]])
    with pytest.raises(
        AssertionError, match=r"^db1\[0, 0\] is 1e-15, numerically 0; errors:.* inf"
    ):
        check_gradients(lambda p: (p[0] ** 2).sum(), [W, b], [2 * W, 1e-15 * b / b])
    with pytest.raises(AssertionError, match="1 gradients for 2 arrays"):
        check_gradients(lambda p: p[0].sum(), [W, b], [W])
    with pytest.raises(AssertionError, match=r"^db1 has the shape \(1,\), but b1 .*keepdims"):
        check_gradients(lambda p: p[0].sum(), [W, b], [W, b[0]])
    with pytest.raises(AssertionError, match=r"^dW1 .*; grads\[0\] should be dW1, .* \[dW1, db1\]"):
        check_gradients(lambda p: p[0].sum(), [W, b], [b, W])


@pytest.mark.parametrize(
    "factor, words",
    [
        pytest.param(-1, "the sign is flipped", id="sign"),
        pytest.param(1 / 4, "4 times too small, divided by m twice", id="small"),
        pytest.param(9, "9 times too large, is / m missing", id="large"),
    ],
)
def test_check_gradients_names_a_constant_factor(factor, words):
    W = np.array([[1.0, 2.0], [3.0, -4.0]])
    with pytest.raises(AssertionError, match=words):
        check_gradients(lambda p: (p[0] ** 2).sum(), [W], [factor * 2 * W])
    with pytest.raises(AssertionError, match="transposed"):
        check_gradients(lambda p: (p[0] ** 2).sum(), [W], [2 * W.T])


# --- The network ---


def test_init_params_gives_a_weight_matrix_and_a_bias_column_for_each_layer():
    for sizes in ((784, 10, 10), (5, 4, 3, 2), (1, 1)):
        params = basic.init_params(sizes)
        expected = []
        for n, k in zip(sizes, sizes[1:]):
            expected += [("W", (k, n)), ("b", (k, 1))]
        assert params is not None, "init_params returned None: is there a return?"
        assert len(params) == len(expected), (
            f"init_params({sizes}) gave {len(params)} arrays, not {len(expected)}: a flat list "
            f"[W1, b1, W2, b2, ...], two arrays for each layer after the first"
        )
        for k, (p, (letter, shape)) in enumerate(zip(params, expected)):
            name = f"{letter}{k // 2 + 1}"
            assert np.shape(p) == shape, (
                f"{name} of init_params({sizes}) has the shape {np.shape(p)}, not {shape}: "
                "W_l is (n_l, n_{l-1}), and b_l is a column (n_l, 1)"
            )
            assert letter == "W" or not p.any(), f"{name} should be zeros"
            assert letter == "b" or p.any(), f"{name} is all zeros: its neurons would stay equal"


def test_init_params_has_the_network_of_784_10_10_from_seed_0_as_its_default():
    hint = "the same seed should give the same numbers: np.random.default_rng(seed)"
    cast = "dtype=np.float32 is the default"
    again = basic.init_params((784, 10, 10), 0, np.float32)
    same_params(basic.init_params(), again, rel=0, hint=hint, cast=cast)


def test_init_params_draws_weights_with_mean_0_and_variance_2_over_n():
    W = basic.init_params((500, 400, 10))[0]
    mean, variance = W.mean(), W.var()
    assert abs(mean) < 0.001, f"the mean of W1 (400, 500) is {mean:.3f}, not 0: standard_normal"
    ratio = variance * 500 / 2
    assert abs(ratio - 1) < 0.02, (
        f"the variance of W1 (400, 500) is {ratio:.3g} times 2 / 500: "
        "standard_normal times sqrt(2 / n), with n the layer before"
    )
    within = (abs(W) < np.sqrt(2 / 500)).mean()  # of a normal distribution, 0.6827
    assert abs(within - 0.6827) < 0.01, "the weights are not normal: standard_normal, not random"


def test_init_params_draws_every_layer_anew_and_the_same_again_for_the_same_seed():
    W1, _, W2, _ = basic.init_params((4, 4, 4), 3)
    assert not (W1 == W2).any(), "W1 and W2 are equal: make the generator once, before the loop"
    same(basic.init_params((4, 4, 4), 3)[0], W1, "W1 of the same seed, drawn again", rel=0)
    other = basic.init_params((4, 4, 4), 4)[0]
    assert not (other == W1).any(), "seed 3 and seed 4 give the same W1: default_rng(seed)"


def test_init_params_starts_every_dtype_at_the_same_point():
    double, single = (basic.init_params((6, 5, 3), 1, kind) for kind in (np.float64, np.float32))
    assert double[0].dtype == np.float64, f"for float64, W1 is {double[0].dtype}"
    hint = "draw in float64, then cast: .astype(dtype)"
    same_params(single, [p.astype(np.float32) for p in double], rel=0, hint=hint, cast=hint)


@pytest.mark.parametrize("dtype", [float, complex, "float32", np.dtype("float64")])
def test_init_params_takes_a_dtype_by_each_of_its_names(dtype):
    with teach("dtype may be float, too: look at np.dtype(dtype).kind"):
        W, _ = basic.init_params((3, 2), 0, dtype)
    assert W.dtype == dtype, f"for the dtype {dtype}, W1 is {W.dtype}: .astype(dtype)"


@pytest.mark.parametrize(
    "arguments, word",
    [
        pytest.param(((784,),), "layer_sizes", id="one-size"),
        pytest.param(((784, 0, 10),), "layer_sizes", id="an-empty-layer"),
        pytest.param(((784, 10.5, 10),), "layer_sizes", id="half-a-neuron"),
        pytest.param(((3, 2), 0, int), "dtype", id="an-integer-dtype"),
    ],
)
def test_init_params_refuses_what_makes_no_network(arguments, word):
    with refused("init_params", f"init_params({', '.join(map(str, arguments))})", word):
        basic.init_params(*arguments)


@every_dtype
def test_ReLU_is_the_larger_of_0_and_Z_in_its_dtype(dtype):
    (Z,) = frozen([np.array([[-2, -0.5, 0, 0.5, 2, 1e4]], dtype)])
    with teach("maximum of 0 and Z entry by entry: np.maximum"):
        ours = basic.ReLU(Z)
    expected = np.array([[0, 0, 0, 0.5, 2, 1e4]], dtype)
    same(ours, expected, "ReLU(Z)", rel=0, cast="keep Z's: np.maximum(Z, 0) or Z * (Z > 0)")


def test_ReLU_is_followed_by_the_complex_step():
    (Z,) = frozen([np.array([[-2, -0.5, 0.5, 2]]) + 1e-30j])
    hint = "0 where Z < 0, else 1, with np.maximum(Z, 0) or Z * (Z > 0); abs(Z) is never complex"
    slope = basic.ReLU(Z).imag / 1e-30
    same(slope, [[0.0, 0, 1, 1]], "with h = 1e-30, ReLU(Z + 1j * h).imag / h", hint=hint)


@every_dtype
def test_ReLU_deriv_is_1_above_0_and_0_elsewhere_at_0_too_in_the_dtype(dtype):
    (Z,) = frozen([np.array([[-2, -1e-30, 0, 1e-30, 0.5, 2]], dtype)])
    expected = np.array([[0, 0, 0, 1, 1, 1]], dtype)
    with teach("entry by entry, without an if: (Z > 0) compares every entry"):
        ours = basic.ReLU_deriv(Z)
    hint, cast = "1 where Z > 0, else 0, at 0 too", ".astype(Z.dtype)"
    same(ours, expected, "ReLU_deriv(Z)", rel=0, hint=hint, cast=cast)


def test_softmax_of_columns_worked_by_hand():
    # exp(ln 1), exp(ln 2), exp(ln 5) are 1, 2, 5; their sum is 8.
    (Z,) = frozen([np.log([[1.0, 1], [2, 1], [5, 2]])])
    expected = np.array([[1 / 8, 1 / 4], [2 / 8, 1 / 4], [5 / 8, 2 / 4]])
    hint = "for each column, axis=0: exp(Z) over its sum"
    with teach(hint):
        ours = basic.softmax(Z)
    same(ours, expected, "softmax(Z)", hint=hint)


@pytest.mark.parametrize("seed", range(5))
def test_softmax_has_columns_that_sum_to_1_keep_the_order_and_ignore_a_shift(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 20, 2)
    (Z,) = frozen([rng.standard_normal((n, m)) * 10 ** rng.uniform(-3, 1)])
    with teach("softmax works on each column, axis=0"):
        A = basic.softmax(Z)
    assert A.shape == (n, m), f"softmax of {Z.shape} has the shape {A.shape}"
    same(A.sum(axis=0), np.ones(m), "the sum of each column of softmax(Z)")
    assert (A > 0).all(), "a probability is not above 0"
    assert (A.argsort(axis=0) == Z.argsort(axis=0)).all(), "a larger Z has a smaller probability"
    shift = rng.uniform(-50, 50, m)
    same(basic.softmax(Z + shift), A, "softmax(Z plus a number for each column)", rel=1e-11)


@pytest.mark.parametrize(
    "huge, dtypes",
    [
        pytest.param(1e4, (np.float32, np.float64, np.complex128), id="1e4"),
        pytest.param(1e38, (np.float32, np.float64, np.complex128), id="1e38"),
        pytest.param(1e300, (np.float64, np.complex128), id="1e300"),
    ],
)
def test_softmax_survives_huge_numbers(huge, dtypes):
    for dtype in dtypes:
        (Z,) = frozen([np.array([[huge, -huge, huge], [-huge, -huge, huge]], dtype)])
        hint = "exp overflows from 89 on in float32: subtract each column's own maximum before exp"
        with teach(hint):
            A = basic.softmax(Z)
        expected = np.array([[1, 0.5, 0.5], [0, 0.5, 0.5]], dtype)
        same(A, expected, f"softmax(Z) with Z up to {huge:.0e}", rel=1e-6, hint=hint)


def test_softmax_is_followed_by_the_complex_step():
    Z = np.log([[1.0], [2], [5]]) + 1e-30j * np.array([[1], [0], [0]])  # a step of row 0 alone
    slope = basic.softmax(Z).imag / 1e-30
    expected = 1 / 8 * (np.array([[1], [0], [0]]) - [[1 / 8], [2 / 8], [5 / 8]])
    hint = "no abs, no .real but in the maximum that is subtracted"
    same(slope, expected, "with h = 1e-30, softmax(Z + 1j * h).imag / h", hint=hint)


def test_one_hot_has_one_True_a_column_in_the_row_of_the_label():
    (Y,) = frozen([np.array([2, 0, 1, 2])])
    expected = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]], bool)
    hint, cast = "as many rows as classes", "a comparison, ==, gives bool"
    same(basic.one_hot(Y, 3), expected, "one_hot(Y, 3)", hint=hint, cast=cast)
    same(basic.one_hot(Y, 4), np.vstack([expected, [[False] * 4]]), "one_hot(Y, 4)", hint=hint)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_one_hot_has_ten_rows_and_is_undone_by_argmax(dtype):
    Y = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 0], dtype)
    T = basic.one_hot(Y)
    assert T.shape == (10, 10), f"one_hot of ten labels has the shape {T.shape}, not (10, 10)"
    assert (T.argmax(axis=0) == Y).all(), "argmax over each column of one_hot(Y) is not Y"
    T = basic.one_hot(Y[:3])
    assert T.shape == (10, 3), f"one_hot([3, 1, 4]) has the shape {T.shape}, not (10, 3): classes"


@pytest.mark.parametrize(
    "labels, word",
    [
        pytest.param([[0, 1, 2]], "ravel", id="a-row"),
        pytest.param([[1, 0], [0, 1]], "argmax", id="already-one-hot"),
        pytest.param([0.0, 1.0], "astype", id="floats"),
        pytest.param([True, False], "astype", id="bools"),
        pytest.param([0, 10], "from 0 to", id="ten"),
        pytest.param([-1, 3], "from 0 to", id="minus-one"),
    ],
)
def test_one_hot_refuses_what_is_no_label(labels, word):
    with refused("one_hot", f"one_hot(np.array({labels}))", word):
        basic.one_hot(np.array(labels))


def same_pass(params, X):
    """Assert that forward_prop gives Z and A of these params, named from the first layer on."""
    with teach("Z_l is W_l @ A_{l-1} + b_l, for any number of layers: len(params) // 2"):
        returned = basic.forward_prop(params, X)
    assert returned is not None, "forward_prop returned None: is there a return?"
    assert len(returned) == 2, f"forward_prop returned {len(returned)} things, not two: Z, A"
    (Z, A), L = returned, len(params) // 2
    for name, ours in (("Z", Z), ("A", A)):
        length = f"{name} should be a list of {L + 1}: {name}[0] and one for each layer"
        assert isinstance(ours, (list, tuple)), f"{length}; it is a {type(ours).__name__}"
        assert len(ours) == L + 1, f"{length}; it has {len(ours)}"
    assert Z[0] is None, "Z[0] should be None, so that Z[l] is layer l's; and Z comes before A"
    assert A[0] is X, "A[0] should be X"
    expected_Z, expected_A = forward(params, X)
    for l in range(1, L + 1):
        A_name = f"A[{l - 1}]" if l > 1 else "X"
        with_bias = f"W{l} @ {A_name} + b{l}"
        same(Z[l], expected_Z[l], f"Z[{l}]", hint=f"Z[{l}] = {with_bias}")
        activation = "softmax" if l == L else "ReLU"
        formula = f"A[{l}] = {activation}(Z[{l}]), as layer {l} of {L}"
        same(A[l], expected_A[l], f"A[{l}]", hint=formula)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((6, 5, 3), id="two-layers"),
        pytest.param((6, 3), id="one-layer"),
        pytest.param((6, 5, 4, 3), id="three-layers"),
    ],
)
def test_forward_prop_is_the_formulas_of_the_blackboard_layer_by_layer(sizes):
    same_pass(network(*sizes), X_9)
    same_pass(network(*sizes, seed=1), X_9)


@every_dtype
def test_forward_prop_keeps_the_dtype(dtype):
    (X,) = frozen([np.ones((4, 5), dtype)])
    Z, A = basic.forward_prop(network(4, 3, 2, dtype=dtype), X)
    for name, arrays in (("Z", Z[1:]), ("A", A[1:])):
        for l, array in enumerate(arrays, start=1):
            assert array.dtype == dtype, f"{name}[{l}] is {array.dtype}, not {X.dtype}"


@pytest.mark.parametrize(
    "X, word",
    [
        pytest.param(X_9[:, 0], "X[:, [0]]", id="one-image-without-its-second-axis"),
        pytest.param(X_9.T, "X.T", id="images-in-rows"),
        pytest.param(X_9[:, :, None], "X.T", id="three-axes"),
    ],
)
def test_forward_prop_refuses_what_is_not_one_column_per_image(X, word):
    with refused("forward_prop", f"X of shape {X.shape} for 6 pixels", word):
        basic.forward_prop(START, X)


def test_cross_entropy_is_the_mean_over_the_images_of_minus_log_probability():
    # Column one: probabilities 1/8, 2/8, 5/8, true class 2. Column two: 1/4, 1/4, 2/4, class 0.
    logits, Y = frozen([np.log([[1.0, 1], [2, 1], [5, 2]]), np.array([2, 0])])
    expected = -(math.log(5 / 8) + math.log(1 / 4)) / 2
    with teach(
        "There are 3 classes here: one_hot(Y, logits.shape[0]). Logits are not probabilities yet:\n"
        "log A = S - log(sum(exp(S))) with S = logits - max, column by column"
    ):
        loss = basic.cross_entropy(logits, Y)
    hint = "it is -log(5/8) for image 0, -log(1/4) for image 1, and their mean"
    for slip, value in (
        ("the sum, not the mean over the images", 2 * expected),
        ("the mean over classes and images, not over the images alone", expected / 3),
        ("without the minus", -expected),
        ("nearly right: is a small number added inside the logarithm?", expected),
        ("of the logits themselves: log A = S - log(sum(exp(S)))", -math.log(5) / 2),
        ("with a logarithm to base 2, not np.log", expected / math.log(2)),
        ("with a logarithm to base 10, not np.log", expected / math.log(10)),
    ):
        if np.shape(loss) == () and np.isclose(loss, value):
            hint = f"yours is {slip}"
    same(loss, expected, "cross_entropy(logits, Y)", rel=1e-14, hint=hint)


@every_dtype
def test_cross_entropy_of_equal_logits_is_ln_10_in_their_dtype(dtype):
    loss = basic.cross_entropy(np.full((10, 8), 3, dtype), np.arange(8))
    expected = np.array(math.log(10), dtype)
    same(loss, expected, "the loss of ten equal logits", rel=1e-6, hint="ln 10, in their dtype")


def test_cross_entropy_is_followed_by_the_complex_step():
    logits = np.log([[1.0], [2], [5]]) + 1e-30j * np.array([[1], [0], [0]])  # a step of row 0 alone
    slope = basic.cross_entropy(logits, np.array([2])).imag / 1e-30
    hint = "no abs, no .real but in the maximum that is subtracted"
    name = "with h = 1e-30, cross_entropy(logits + 1j * h, Y).imag / h"
    same(slope, 1 / 8, name, hint=hint)


@pytest.mark.parametrize("scale", [1e-3, 1, 30, 1e2, 1e3, 1e4])
def test_cross_entropy_is_exact_where_the_logarithm_of_a_probability_is_infinite(scale):
    rng = np.random.default_rng(0)
    logits = (scale * rng.uniform(-1, 1, (10, 50))).astype(np.float32)
    logits, Y = frozen([logits, np.arange(50) % 10])
    Z = logits.astype(np.longdouble)
    top = Z.max(axis=0)
    each = top + np.log(np.exp(Z - top).sum(axis=0)) - Z[Y, np.arange(50)]
    hint = "not log(softmax(logits)): log A = S - log(sum(exp(S))) with S = logits - max is finite"
    with teach(hint):
        loss = basic.cross_entropy(logits, Y)
    assert loss.dtype == np.float32, f"the loss is {loss.dtype}, not the logits' float32"
    error = abs(loss - each.mean()) / (1 + each.mean())
    says = f"logits up to {scale:g} give the loss {loss:.8g}, not {each.mean():.8g}: {hint}"
    assert error <= 1e-6, says


def test_l2_penalty_is_half_l2_times_the_squared_weights_and_not_the_biases():
    W1, b1, W2, b2 = arrays = [np.array(a) for a in ([[1.0, -2]], [[7.0]], [[3.0]], [[9.0]])]
    penalty = basic.l2_penalty(frozen(arrays), 0.5)
    hint = "l2 / 2 times the sum of the squares of W1 and W2: 0.25 * (1 + 4 + 9) = 3.5"
    for slip, value in (
        ("l2, not l2 / 2", 7.0),
        ("with the biases, which go free", 0.25 * (1 + 4 + 9 + 49 + 81)),
        ("the sum of the absolute values, not of the squares", 0.25 * 6),
        ("the weights' sum squared, not the sum of their squares", 0.25 * ((1 - 2) ** 2 + 9)),
        ("W1 alone", 0.25 * 5),
        ("the mean of the squares, not their sum", 0.25 * (2.5 + 9)),
        ("the root, too: the norm is squared", 0.25 * (math.sqrt(5) + 3)),
    ):
        if np.shape(penalty) == () and np.isclose(penalty, value):
            hint = f"yours is {slip}"
    same(penalty, 3.5, "l2_penalty(params, 0.5)", rel=1e-15, hint=hint)


@every_dtype
def test_l2_penalty_keeps_the_dtype_and_squares_without_a_modulus(dtype):
    W = np.full((1, 1), 1j if dtype == np.complex128 else 1, dtype)
    hint = "W * W, not abs(W): the complex step needs W * W"
    b = np.ones((1, 1), dtype)
    same(basic.l2_penalty([W, b], 2.0), (W * W).sum(), "l2_penalty", rel=0, hint=hint, cast=hint)


def same_grads(params, X, Y, l2=0.0, tell=None):
    """Assert that backward_prop is right to the last bits; from a known slip, say which."""
    Z, A = forward(params, X)
    frozen(Z[1:] + A[1:])
    assert all((z != 0).all() for z in Z[1:-1]), "a Z is on ReLU's corner: no derivative"
    sizes = [X.shape[0], *(b.size for b in params[1::2])]
    with teach(
        f"The layers have {sizes} neurons, so there are {sizes[-1]} classes: one_hot(Y, classes) "
        "with as many as A[-1] has rows.\nEach dW has the shape of its W. No W is square here: "
        "W2.T @ dZ2 can run, W2 @ dZ2 cannot.\nThere are as many layers as len(params) // 2."
    ):
        grads = basic.backward_prop(params, Z, A, Y, l2)
    assert isinstance(grads, (list, tuple)), (
        f"backward_prop returned a {type(grads).__name__}, not the list [dW1, db1, dW2, db2, ...]"
    )
    try:
        check_gradients(loss_of(X, Y, l2), params, grads)
    except AssertionError as error:
        for slip, change in SLIPS.items():
            if len(sizes) != 3:
                break
            wrong = backward(params, Z, A, Y, l2, *change)
            if all(
                np.shape(g) == w.shape and np.allclose(g, w, rtol=1e-9, atol=1e-12)
                for g, w in zip(grads, wrong)
            ):
                raise AssertionError(f"{error}\nYour gradients are those of: {slip}") from None
        if l2:
            hint = f"l2 is {l2} here: dW has + l2 * W, after the division by m; db has none"
            raise AssertionError(f"{error}\n{hint}") from None
        raise


@pytest.mark.parametrize(
    "sizes, m",
    [
        pytest.param((6, 5, 3), 9, id="two-layers"),
        pytest.param((6, 4, 3), 1, id="one-image"),
        pytest.param((5, 3), 6, id="one-layer"),
        pytest.param((5, 4, 3, 2), 7, id="three-layers"),
        pytest.param((3, 7, 2, 6, 5), 4, id="four-layers"),
    ],
)
@pytest.mark.parametrize("l2", [0, 0.3])
def test_backward_prop_agrees_with_the_complex_step(sizes, m, l2):
    same_grads(network(*sizes), *examples(sizes[0], m, sizes[-1]), l2)


def test_backward_prop_of_a_network_worked_by_hand():
    # Two pixels, two hidden neurons, two classes, one image of class 0:
    X, Y = np.array([[1.0], [2.0]]), np.array([0])
    W1, b1 = np.array([[1.0, -1.0], [0.5, 0.25]]), np.array([[0.5], [-0.5]])
    W2, b2 = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0], [-1.0]])
    # Z1 = (1*1 - 1*2 + 0.5, 0.5*1 + 0.25*2 - 0.5) = (-0.5, 0.5), so A1 = (0, 0.5)
    Z1, A1 = np.array([[-0.5], [0.5]]), np.array([[0], [0.5]])
    # Z2 = (1*0 + 2*0.5 + 0, 3*0 + 4*0.5 - 1) = (1, 1), so both classes have probability 1/2
    Z2, A2 = np.array([[1.0], [1.0]]), np.array([[0.5], [0.5]])
    grads = basic.backward_prop([W1, b1, W2, b2], [None, Z1, Z2], [X, A1, A2], Y)
    # dZ2 = (1/2 - 1, 1/2 - 0) = (-0.5, 0.5); dW2 = dZ2 A1^T with A1 = (0, 0.5); db2 = dZ2
    dW2, db2 = np.array([[0, -0.25], [0, 0.25]]), np.array([[-0.5], [0.5]])
    # W2^T dZ2 = (1*-0.5 + 3*0.5, 2*-0.5 + 4*0.5) = (1, 1); ReLU lets only neuron two through
    # dZ1 = (0, 1); dW1 = dZ1 X^T with X = (1, 2); db1 = dZ1
    dW1, db1 = np.array([[0.0, 0], [1, 2]]), np.array([[0.0], [1]])
    same_params(grads, [dW1, db1, dW2, db2], of="d{}")


def test_backward_prop_is_a_mean_so_order_and_repetition_of_the_images_do_not_matter():
    def grads(columns):
        X, Y = X_9[:, columns], Y_9[columns]
        return basic.backward_prop(START, *forward(START, X), Y)

    order = np.random.default_rng(1).permutation(9)
    for other in (order, np.arange(9).repeat(2)):
        same_params(grads(other), grads(np.arange(9)), of="d{} of the same images again")


@every_dtype
def test_backward_prop_keeps_the_dtype(dtype):
    params, (X, Y) = network(4, 3, 2, dtype=dtype), examples(4, 5, 2, dtype=dtype)
    for p, g in zip(params, basic.backward_prop(params, *forward(params, X), Y, 0.1)):
        says = f"a gradient is {g.dtype} {g.shape}; its array is {p.dtype} {p.shape}"
        assert (g.dtype, g.shape) == (p.dtype, p.shape), says


@every_dtype
def test_update_params_steps_against_the_gradient_in_the_dtype(dtype):
    params = frozen([np.array([[1, 2]], dtype), np.array([[3]], dtype)])
    grads = frozen([np.array([[16, -32]], dtype), np.array([[8]], dtype)])
    hint = "W1 is [[1, 2]], dW1 [[16, -32]], alpha 0.125: the new W1 is W1 - alpha * dW1"
    given = list(params)
    with teach("Return as many arrays as came in, new ones: these stay as they are"):
        new = basic.update_params(given, grads, 0.125)
    unchanged = len(given) == 2 and given[0] is params[0] and given[1] is params[1]
    assert unchanged, "the list of params that came in has changed: return a new list"
    expected = [np.array([[-1, 6]], dtype), np.array([[2]], dtype)]
    same_params(new, expected, hint=hint, of="the new {}")


def test_get_predictions_is_the_row_of_the_largest_entry_of_each_column():
    (P,) = frozen([np.array([[0.1, 0.6, 0.3, 0.2], [0.7, 0.3, 0.3, 0.1], [0.2, 0.1, 0.4, 0.7]])])
    predictions = basic.get_predictions(P)
    assert np.shape(predictions) == (4,), (
        f"four columns give predictions of shape {np.shape(predictions)}, not (4,): argmax, axis=0"
    )
    says = f"the largest entries stand in rows 1, 0, 2, 2; yours are {predictions}: argmax, axis=0"
    assert predictions.tolist() == [1, 0, 2, 2], says


def test_get_accuracy_is_the_fraction_that_is_right():
    predictions, Y = frozen([np.array([1, 2, 3, 4]), np.array([1, 2, 0, 4])])
    accuracy = basic.get_accuracy(predictions, Y)
    assert accuracy == 0.75, f"three of four are right: 0.75, not {accuracy}: the mean of =="
    is_float(accuracy, "the accuracy")


def test_get_accuracy_refuses_arrays_of_different_shape():
    with refused("get_accuracy", "predictions (2, 1) and labels (2,)", "shape"):
        basic.get_accuracy(np.array([[1], [2]]), np.array([1, 2]))


# --- The training ---


def test_evaluate_returns_the_loss_and_the_accuracy_as_two_floats():
    with teach("A and Z are lists of all layers: probabilities are A[-1], logits are Z[-1]"):
        result = basic.evaluate(START, X_9, Y_9)
    assert isinstance(result, tuple) and len(result) == 2, "return two numbers: loss, accuracy"
    loss, accuracy = result
    is_float(loss, "the loss")
    is_float(accuracy, "the accuracy")
    expected = loss_of(X_9, Y_9)(START)
    says = f"the loss is {loss}, not {expected}: cross_entropy takes the logits, Z[-1]"
    assert math.isclose(loss, expected, rel_tol=1e-12), says
    right = accuracy_of(X_9, Y_9, START)
    assert accuracy == right, f"the accuracy is {accuracy}, not {right}: loss first, then accuracy"


def test_evaluate_adds_the_penalty_to_the_loss():
    loss, expected = basic.evaluate(START, X_9, Y_9, 0.1)[0], loss_of(X_9, Y_9, 0.1)(START)
    says = f"with l2 = 0.1 the loss is {loss}, not {expected}: add l2_penalty(params, l2)"
    assert math.isclose(loss, expected, rel_tol=1e-12), says


@pytest.mark.parametrize("labels", [1, 8])
def test_evaluate_refuses_as_many_labels_as_do_not_fit_the_images(labels):
    with refused("evaluate", f"9 images and {labels} labels", "shape"):
        basic.evaluate(START, X_9, Y_9[:labels])


SMALL = dict(layer_sizes=(6, 5, 3))  # with X_9, Y_9, as START


def train(*args, **options):
    """Return what gradient_descent returns, and the lines that it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        params = basic.gradient_descent(*args, **options)
    return params, out.getvalue().splitlines()


def same_training(params, start, X, Y, alphas, l2=0.0, hint=""):
    """Assert that params are those after one update for each alpha; else guess what was done."""
    guesses = {
        "alpha * gradient was added, not subtracted": ([-alpha for alpha in alphas], l2),
        "params come back as they started: params = update_params(...)": ([], l2),
        f"{len(alphas) - 1} updates were made, not {len(alphas)}": (alphas[:-1], l2),
        f"{len(alphas) + 1} updates were made, not {len(alphas)}": ([*alphas, alphas[-1]], l2),
        "yours is that without l2": (alphas, 0.0),
        "yours is that without decay": (alphas[:1] * len(alphas), l2),
    }
    right = by_hand(start, X, Y, alphas, l2)
    for guess, (other, other_l2) in guesses.items():
        wrong = by_hand(start, X, Y, other, other_l2)
        if not params or len(params) != 4 or all(map(np.array_equal, right, wrong)):
            continue
        if all(map(np.allclose, params, wrong)):
            hint = guess
            break
    same_params(params, right, hint=hint, of="the trained {}")


def test_gradient_descent_on_all_images_is_forward_backward_update_written_out():
    start = basic.init_params((6, 5, 3), 0, float)
    for n in (4, 1):
        with teach("layer_sizes is (6, 5, 3) here: init_params(layer_sizes, seed, X.dtype)"):
            params, _ = train(X_9, Y_9, 0.3, n, **SMALL)
        hint = (
            f"from init_params(layer_sizes, seed, X.dtype) on, {n} times forward_prop, "
            "backward_prop and update_params, on all images"
        )
        same_training(params, start, X_9, Y_9, [0.3] * n, hint=hint)


def test_gradient_descent_on_all_images_starts_where_its_seed_says_in_the_dtype_of_X():
    for dtype in (np.float32, np.float64):
        X, Y = examples(6, 9, 3, dtype=dtype)
        start, _ = train(X, Y, iterations=0, seed=7, **SMALL)
        hint = "init_params(layer_sizes, seed, X.dtype)"
        same_params(start, basic.init_params((6, 5, 3), 7, dtype), rel=0, hint=hint)
        with teach("alpha=np.float64(0.1): NumPy's numbers are numbers, too; alpha = float(alpha)"):
            params, _ = train(X, Y, np.float64(0.1), 3, **SMALL)
        hint = "NumPy's float64 makes float32 params float64: alpha = float(alpha)"
        for p in params:
            assert p.dtype == dtype, f"X is {X.dtype}, the trained params are {p.dtype}: {hint}"


@pytest.mark.parametrize("sizes", [(6, 3), (6, 5, 4, 3)])
def test_gradient_descent_on_all_images_trains_any_number_of_layers(sizes):
    start = basic.init_params(sizes, 0, float)
    with teach(f"layer_sizes is {sizes} here: init_params(layer_sizes, seed, X.dtype)"):
        params, _ = train(X_9, Y_9, layer_sizes=sizes)
    count = f"layer_sizes={sizes} gave {len(params)} arrays, not {len(start)}"
    assert len(params) == len(start), count
    before, after = (loss_of(X_9, Y_9)(p) for p in (start, params))
    assert after < before, f"layer_sizes={sizes}: the loss went from {before:.3f} to {after:.3f}"


def test_gradient_descent_on_all_images_takes_500_steps_of_a_tenth_unless_told_otherwise():
    options = inspect.signature(basic.gradient_descent).parameters
    expected = dict(alpha=0.1, iterations=500, layer_sizes=(784, 10, 10), seed=0)
    for name, default in expected.items():
        assert name in options, f"gradient_descent has no argument {name}"
        ours = options[name].default
        assert ours == default, f"the default of {name} should be {default}, not {ours}"


def test_gradient_descent_on_all_images_learns_twenty_digits_by_heart():
    X, Y = digits(20)
    start, (params, _) = basic.init_params(dtype=float), train(X, Y, 0.1, 400)
    right = accuracy_of(X, Y, params)
    assert right == 1, f"after 400 updates {right:.0%} of 20 training digits are right, not all"
    empty = ~X.any(axis=1)
    assert empty.any() and (params[0][:, empty] == start[0][:, empty]).all(), (
        "a weight of a pixel that is 0 in every image has changed: its gradient is 0"
    )


def lines_of(lines):
    """Return the iterations of printed lines that look as they should."""
    pattern = r"Iteration: (\d+) +\| Loss: \d+\.\d{4} \| Accuracy: \d\.\d{4}"
    return [int(found[1]) for line in lines if (found := re.match(pattern, line))]


@pytest.mark.parametrize(
    "n, every, expected",
    [
        pytest.param(5, None, [0, 1, 2, 3, 4, 5], id="few"),
        pytest.param(23, None, [*range(0, 23, 2), 23], id="about-ten"),
        pytest.param(0, None, [0], id="none"),
        pytest.param(23, 10, [0, 10, 20, 23], id="every-ten"),
    ],
)
def test_gradient_descent_prints_about_ten_lines_or_every_so_many(n, every, expected):
    _, lines = train(X_9, Y_9, 0.1, n, print_every=every, **SMALL)
    assert lines, "nothing is printed: Iteration: 0    | Loss: 2.3199 | Accuracy: 0.1085"
    form = "'Iteration: 0    | Loss: 2.3199 | Accuracy: 0.1085', f'{i:<4}' and f'{loss:.4f}'"
    for line in lines:
        says = f"{line!r} should look like {form}; no other prints, in no function"
        assert lines_of([line]), says
    assert lines_of(lines) == expected, (
        f"iterations={n}, print_every={every}: lines are printed for {lines_of(lines)}, "
        f"not for {expected}: before the first update, and after the last one, too"
    )


def test_gradient_descent_prints_and_hands_to_callback_the_state_after_i_updates():
    start, states, copies = basic.init_params((6, 5, 3), 0, float), [], []
    order = "call callback(iteration, params, loss, accuracy)"

    def callback(*state):
        kinds = ", ".join(type(value).__name__ for value in state)
        in_order = len(state) == 4 and isinstance(state[1], (list, tuple))
        assert in_order, f"{order}; it was called with {kinds}"
        states.append(state)
        copies.append([np.array(p) for p in state[1]])

    with teach(order):
        _, lines = train(X_9, Y_9, 0.2, 2, callback=callback, **SMALL)
    called = [state[0] for state in states]
    assert called == [0, 1, 2], (
        "callback should be called where a line is printed, for iterations 0, 1, 2; it was "
        f"called for {called}"
    )
    for line, (i, params, loss, accuracy), copy in zip(lines, states, copies):
        for p, q in zip(params, copy):
            assert (p == q).all(), (
                "the params handed to callback have changed afterwards: were they updated in "
                "place? params = update_params(...) makes new ones"
            )
        hint = f"line {i} is the state after {i} updates, on all images"
        same_training(params, start, X_9, Y_9, [0.2] * i or [0.0], hint=hint)
        expected, right = loss_of(X_9, Y_9)(params), accuracy_of(X_9, Y_9, params)
        hint += f"; {order}"
        assert math.isclose(loss, expected, rel_tol=1e-12), f"loss {loss}, not {expected}: {hint}"
        assert accuracy == right, f"accuracy {accuracy}, not {right}: {hint}"
        expected = f"Iteration: {i}    | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}"
        assert line == expected, f"printed is {line!r}, not {expected!r}"


def test_gradient_descent_prints_a_loss_that_falls_at_every_step_if_alpha_is_small():
    losses = []
    X, Y = digits(100)
    train(X, Y, 0.05, 40, print_every=1, callback=lambda i, params, loss, _: losses.append(loss))
    assert len(losses) == 41 and (np.diff(losses) < 0).all(), f"the losses were {losses}"


def test_gradient_descent_on_mini_batches_shows_every_image_once_an_epoch_in_a_new_order():
    # Image j lights pixel j alone, so the columns of W1 that an update moved tell its mini-batch.
    X, Y, seen = np.eye(12, 10), np.arange(10) % 3, []
    options = dict(layer_sizes=(12, 3), batch_size=3, print_every=1)
    pair = "one order for both, of m = Y.size images: X[:, batch], Y[batch]"
    with teach(pair):
        train(X, Y, 0.1, 8, callback=lambda i, params, *_: seen.append(params), **options)
    moved = [np.flatnonzero((p[0] != q[0]).any(axis=0)) for p, q in zip(seen, seen[1:])]
    sizes, epoch = [len(batch) for batch in moved], [3, 3, 3, 1]
    assert sizes == epoch * 2, (
        f"10 images, batch_size=3: the updates took {sizes} images, not {epoch * 2}: "
        "each image once an epoch, whose last mini-batch is what is left"
    )
    first, second = np.concatenate(moved[:4]), np.concatenate(moved[4:])
    once = "each image should come once an epoch; the epochs took "
    assert sorted(first) == sorted(second) == list(range(10)), f"{once}{first} and {second}"
    assert [{*a} for a in moved[:4]] != [{*a} for a in moved[4:]], (
        "both epochs have the same mini-batches: shuffle anew at the start of each"
    )
    in_order = [{*range(k, min(k + 3, 10))} for k in (0, 3, 6, 9)]
    assert [{*batch} for batch in moved[:4]] != in_order, "shuffle before the first epoch, too"
    for before, after, batch in zip(seen, seen[1:], moved):
        A = forward(before, X[:, batch])[1][-1]
        dZ = A - (np.arange(3)[:, None] == Y[batch])
        db = dZ.sum(axis=1, keepdims=True) / batch.size
        hint = f"the gradient is the mean over the {batch.size} images of the mini-batch; {pair}"
        dW = dZ @ X[:, batch].T / batch.size
        same(after[1], before[1] - 0.1 * db, "b1 after an update", hint=hint)
        same(after[0], before[0] - 0.1 * dW, "W1 after an update", hint=hint)


def test_gradient_descent_on_mini_batches_prints_lines_about_all_images_and_the_epoch():
    seen = []
    options = dict(batch_size=3, print_every=1, layer_sizes=(6, 3))
    _, lines = train(
        X_9[:, :8], Y_9[:8], 0.1, 4, callback=lambda *state: seen.append(state), **options
    )
    for i, params, loss, accuracy in seen:
        expected, right = (
            loss_of(X_9[:, :8], Y_9[:8])(params),
            accuracy_of(X_9[:, :8], Y_9[:8], params),
        )
        says = f"line {i}: loss {loss}, not {expected}: of all images, not of the mini-batch"
        assert math.isclose(loss, expected, rel_tol=1e-12) and accuracy == right, says
    epochs = [line.rpartition(" | Epoch: ")[2] for line in lines]
    assert epochs == ["0.00", "0.33", "0.67", "1.00", "1.33"], (
        f"8 images in mini-batches of 3 are 3 updates an epoch; the lines end with {epochs}, "
        "not with ' | Epoch: 0.00', ' | Epoch: 0.33', ' | Epoch: 0.67', ' | Epoch: 1.00', ...: "
        "updates / updates per epoch, not images seen / m"
    )
    _, lines = train(X_9, Y_9, 0.1, 1, layer_sizes=(6, 3))
    assert "Epoch" not in lines[0], "without batch_size a line does not name the epoch"


def test_gradient_descent_on_mini_batches_prints_lines_about_the_first_10_000_images():
    # All images are the same, and so is the answer; but from 9,999 on they have the other label.
    X, start, seen = np.ones((1, 10_005)), basic.init_params((1, 2), 0, float), []
    answer = int(start[0].argmax())
    Y = np.where(np.arange(10_005) < 9_999, answer, 1 - answer)
    options = dict(layer_sizes=(1, 2), callback=lambda *state: seen.append(state[2:]))
    train(X, Y, iterations=0, batch_size=5000, **options)
    train(X, Y, iterations=0, **options)
    (loss, accuracy), (_, of_all) = seen
    assert accuracy == 0.9999, (
        f"of the first 10,000 images 9,999 are right, of all {Y.size} no more; the accuracy is "
        f"{accuracy}, not 0.9999: take X[:, :10_000] and Y[:10_000]"
    )
    expected = loss_of(X[:, :10_000], Y[:10_000])(start)
    assert math.isclose(loss, expected, rel_tol=1e-9), f"the loss is {loss}, not {expected}"
    assert of_all == 9_999 / 10_005, "without batch_size a line is about all images"


def test_gradient_descent_on_mini_batches_gives_the_same_bits_for_the_same_seed():
    first, second = (train(X_9, Y_9, 0.1, 9, seed=1, batch_size=1, **SMALL)[0] for _ in range(2))
    same_params(second, first, rel=0, hint="the same seed should give the same order of images")
    whole, _ = train(X_9, Y_9, 0.1, 3, batch_size=9, **SMALL)
    same_params(whole, train(X_9, Y_9, 0.1, 3, **SMALL)[0], hint="one batch holds all images")


ALGORITHMS = {
    # v = 2, then 0.9 * 2 + 1
    "momentum": ([2, 1], [2.0, 2.8]),
    # v = 0.01 * 4, then 0.99 * 0.04 + 0.01 * 1; g over its root
    "rmsprop": ([2, 1], [2 / (0.2 + 1e-8), 1 / (math.sqrt(0.0496) + 1e-8)]),
    # m = 0.1 * 2 and v = 0.001 * 4, over 1 - 0.9 and 1 - 0.999: 2 and 4; then
    # m = 0.9 * 0.2 + 0.1 and v = 0.999 * 0.004 + 0.001, over 1 - 0.9**2 and 1 - 0.999**2
    "adam": ([2, 1], [2 / (2 + 1e-8), 0.28 / 0.19 / (math.sqrt(0.004996 / 0.001999) + 1e-8)]),
}


def same_directions(name, gradients, directions):
    """Assert what an optimizer answers, update after update, to the gradients [[g, -g]]."""
    memory = np.zeros((2, 1, 2))
    for t, (g, expected) in enumerate(zip(gradients, directions), start=1):
        (gradient,) = frozen([np.array([[g, -g]], float)])
        with teach(f"{name} with t = {t}; g stays as it is, and memory[0] = ... is remembered"):
            ours = getattr(basic, name)(gradient, memory, t)
        hint = f"at t = {t}, after the gradients {gradients[:t]}: check the formula"
        if t > 1:
            hint += ", and that memory is written in place, memory[0] = ... or v[:] = ..."
        if t > 1 and name == "adam":
            hint += "; m_hat and v_hat are new arrays, memory keeps m and v uncorrected"
        if np.shape(ours) == memory.shape:
            hint = "memory[0] and memory[1] are two arrays like g: v = memory[0]"
        same(ours, np.array([[expected, -expected]]), f"{name}'s answer", rel=1e-11, hint=hint)


def test_momentum_worked_by_hand():
    same_directions("momentum", *ALGORITHMS["momentum"])


def test_rmsprop_worked_by_hand():
    same_directions("rmsprop", *ALGORITHMS["rmsprop"])
    # epsilon is as large as the root of v: 1e-8 each
    same_directions("rmsprop", [1e-7], [1e-7 / (1e-8 + 1e-8)])


def test_adam_worked_by_hand():
    same_directions("adam", *ALGORITHMS["adam"])
    same_directions("adam", [1e-8], [0.5])  # epsilon is as large as the gradient


@pytest.mark.parametrize("name", ALGORITHMS)
def test_gradient_descent_with_an_optimizer_keeps_its_memory_from_update_to_update(name):
    # One pixel that is 0, one layer: W1 stays, and b1 alone learns, from the gradient A1 - T.
    X, Y, b = np.zeros((1, 3)), np.array([0, 0, 1]), np.zeros((2, 1))
    memory = np.zeros((2, 2, 1))
    for t in (1, 2, 3):
        E = np.exp(b - b.max())
        g = E / E.sum() - np.array([[2 / 3], [1 / 3]])
        b = b - 0.1 * getattr(basic, name)(g, memory, t)
    hint = "memory starts as zeros (2, *p.shape) for each array p, and t counts 1, 2, 3"
    with teach(hint):
        params, _ = train(X, Y, 0.1, 3, optimizer=name, layer_sizes=(1, 2))
    same(params[1], b, f"b1 after three updates with {name}", rel=1e-9, hint=hint)


def test_gradient_descent_with_an_optimizer_called_gd_is_the_plain_one():
    plain, named = (train(X_9, Y_9, 0.1, 2, **SMALL, **o)[0] for o in ({}, {"optimizer": "gd"}))
    same_params(named, plain, rel=0, hint='optimizer="gd" is the default')


@pytest.mark.parametrize("name", ALGORITHMS)
def test_gradient_descent_with_an_optimizer_keeps_the_dtype(name):
    X, Y = examples(6, 9, 3, dtype=np.float32)
    params, _ = train(X, Y, np.float64(0.1), 3, optimizer=name, **SMALL)
    for p in params:
        hint = "float(alpha), and memory in the params' dtype: np.zeros((2, *p.shape), p.dtype)"
        says = f"X is float32; with {name} the params become {p.dtype}: {hint}"
        assert p.dtype == np.float32, says


def test_gradient_descent_from_given_params_leaves_them_as_they_are():
    with teach("start from params; layer_sizes is for init_params alone"):
        params, _ = train(X_9, Y_9, 0.3, 2, params=START)
    same_training(params, START, X_9, Y_9, [0.3] * 2, hint="start from params")
    params, _ = train(X_9, Y_9, 0.3, 2, params=START, layer_sizes=(6, 3))
    same_training(params, START, X_9, Y_9, [0.3] * 2, hint="layer_sizes is for init_params alone")
    params, _ = train(X_9.astype(np.float32), Y_9, 0.3, 1, params=START)
    assert params[0].dtype == np.float32, "params should be cast to the dtype of X"
    params, _ = train(X_9, Y_9, iterations=0, params=START)
    same_params(params, START, rel=0)


def test_gradient_descent_from_given_params_takes_the_order_of_the_images_from_the_seed():
    def weights(seed):
        return train(X_9, Y_9, 0.1, 9, seed=seed, batch_size=1, params=network(6, 3))[0][0]

    assert (weights(1) == weights(1)).all(), "the same seed should give the same order of images"
    assert (weights(1) != weights(2)).any(), "another seed should give another order of images"


def test_gradient_descent_from_given_params_with_decay_takes_smaller_steps_down_to_0():
    params, _ = train(X_9, Y_9, 0.4, 4, params=START, decay=True)
    hint = "the steps of four updates are 0.4, 0.3, 0.2, 0.1: alpha * (1 - i / iterations)"
    same_training(params, START, X_9, Y_9, [0.4, 0.3, 0.2, 0.1], hint=hint)


def test_gradient_descent_from_given_params_with_l2_counts_the_penalty():
    seen = []
    options = dict(params=START, callback=lambda *state: seen.append(state))
    params, _ = train(X_9, Y_9, 0.3, 4, l2=0.1, **options)
    same_training(params, START, X_9, Y_9, [0.3] * 4, 0.1, "l2 goes to backward_prop")
    loss, expected = seen[-1][2], loss_of(X_9, Y_9, 0.1)(params)
    says = f"the printed loss is {loss}, not {expected}: with the penalty"
    assert math.isclose(loss, expected, rel_tol=1e-12), says


def test_gradient_descent_from_given_params_with_l2_keeps_the_dtype():
    X, Y = examples(6, 9, 3, dtype=np.float32)
    for p in train(X, Y, 0.1, 2, l2=np.float64(0.1), **SMALL)[0]:
        assert p.dtype == np.float32, f"with l2=np.float64(0.1), float32 became {p.dtype}"


# What gradient_descent refuses, and the words of which one must stand in its ValueError.
REFUSED = [
    (dict(X=X_9.T), "X.T"),
    (dict(X=X_9[:, :-1]), "label", "shape", "Y"),
    (dict(X=X_9[:, :0], Y=Y_9[:0]), "label", "image", "X"),
    (dict(X=(255 * X_9).astype(np.uint8)), "255"),
    (dict(X=X_9.astype(np.float16), optimizer="rmsprop"), "float32"),
    (dict(X=X_9.astype(np.float16), optimizer="adam"), "float32"),
    (dict(Y=Y_9[None]), "ravel"),
    (dict(Y=Y_9 + 1), "from 0 to"),
    (dict(Y=Y_9 / 1), "astype"),
    (dict(Y=np.append(Y_9[:-1], 3), batch_size=1), "from 0 to"),
    (dict(params=[]), "params"),
    (dict(params=network(6, 4, 3)[:3]), "params"),
    (dict(params=network(6, 4, 3)[:2] + network(5, 3)), "params"),
    (dict(params=[np.ones((3, 6)), np.ones(3)]), "params"),
    (dict(params=[np.ones((3, 6)), np.ones((3, 2))]), "params"),
    (dict(params=network(5, 3)), "X.T"),
    (dict(layer_sizes=(6,)), "layer_sizes"),
    (dict(alpha=0), "alpha"),
    (dict(alpha=-1), "alpha"),
    (dict(alpha=math.nan), "alpha"),
    (dict(alpha=math.inf), "alpha"),
    (dict(iterations=-1), "iterations"),
    (dict(iterations=math.nan), "iterations"),
    (dict(iterations=math.inf), "iterations"),
    (dict(batch_size=0), "batch_size"),
    (dict(print_every=0), "print_every"),
    (dict(l2=-1), "l2"),
    (dict(optimizer="sgd"), "optimizer"),
]


def in_words(name, value):
    """Return what an argument is, with an array's dtype and shape instead of its numbers."""
    if hasattr(value, "dtype"):
        return f"{name} {value.dtype} {value.shape}"
    if name == "params":
        return f"params of the shapes {[p.shape for p in value]}"
    return f"{name}={value!r}"


def test_gradient_descent_refuses_with_a_cure_before_it_starts():
    missing = []
    for change, *words in REFUSED:
        arguments = dict(X=X_9, Y=Y_9, layer_sizes=(6, 4, 3), iterations=1) | change
        cause = "one_hot" if words[0] in ("ravel", "from 0 to", "astype") else "gradient_descent"
        what = ", ".join(in_words(name, value) for name, value in change.items())
        try:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                with refused(cause, what, *words):
                    basic.gradient_descent(**arguments)
            assert out.getvalue() == "", f"{what}: refuse it before anything is printed"
        except AssertionError as error:
            missing.append(f"- {error}")
    assert not missing, "\n".join(
        [
            "Some arguments should be refused before the training begins. Where a line names no "
            "other,\nX is float64 (6, 9), Y int64 (9,), layer_sizes (6, 4, 3), iterations 1:",
            *missing,
        ]
    )


def test_gradient_descent_refuses_to_go_on_when_the_loss_overflows():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        with refused("gradient_descent", "a loss that is inf or nan", "alpha"):
            with np.errstate(over="ignore", invalid="ignore"):
                X = X_9.astype(np.float32)
                basic.gradient_descent(X, Y_9, 1e30, 50, print_every=1, **SMALL)
    for line in out.getvalue().splitlines():
        assert "Loss: nan" not in line and "Loss: inf" not in line, (
            f"{line!r} was printed: raise the ValueError there, not after the last update"
        )


@pytest.mark.parametrize("last", [0, 3])
def test_gradient_descent_refuses_nothing_on_ctrl_c_and_returns_what_it_reached(last):
    printed = []

    def interrupt(i, params, loss, accuracy):
        if i == last:
            printed.append(len(sys.stdout.getvalue().splitlines()))
            raise KeyboardInterrupt

    try:
        params, lines = train(X_9, Y_9, 0.2, 9, params=START, callback=interrupt)
    except KeyboardInterrupt:
        raise AssertionError(
            "Ctrl-C should end the training and return the params reached so far: try: ... "
            "except KeyboardInterrupt: around the loop and the line before it. It comes from "
            "callback here: print the last line without callback"
        ) from None
    same_params(params, by_hand(START, X_9, Y_9, [0.2] * last), hint="the last complete update")
    more = lines[printed[0] :]
    assert lines_of(more[-1:]) == [last], (
        f"after Ctrl-C one more line should show the state reached, Iteration: {last}; "
        f"printed after it is {more}"
    )


@pytest.mark.parametrize(
    "name, value",
    [("alpha", np.float32(0.1)), ("l2", np.float32(0.1)), ("iterations", np.uint8(255))],
)
def test_gradient_descent_refuses_no_number_of_NumPy(name, value):
    accept, cure = "np.floating", f"float({name})"
    if name == "iterations":
        accept, cure = "np.integer", f"int({name})"
    hint = f"{name}={value!r}: accept {accept}, and make it Python's first: {cure}"
    with teach(hint):
        _, lines = train(X_9, Y_9, **dict(iterations=255) | {name: value}, **SMALL)
    reached = lines_of(lines)
    assert reached[-1:] == [255], f"it went as far as {reached}; {hint}"


# What follows is about basic.py alone: the course does not ask for it.


REAL = (784, 10, 10)  # all 7,960 parameters of the real network, on real digits


def test_network_has_the_gradients_of_its_own_loss_in_all_parameters_on_real_digits():
    params, (X, Y) = network(*REAL), digits(4)

    def loss(params):
        Z, _ = basic.forward_prop(params, X)
        return basic.cross_entropy(Z[-1], Y) + basic.l2_penalty(params, 0.1)

    Z, A = basic.forward_prop(params, X)
    check_gradients(loss, params, basic.backward_prop(params, Z, A, Y, 0.1))


def test_training_learns_to_read_unseen_digits():
    X, Y = digits(600)
    params, _ = train(X.astype(np.float32), Y, 0.3, 60)
    right = accuracy_of(*digits(300, "t10k"), params)
    assert right > 0.7, f"after 60 updates on 600 digits only {right:.0%} of others are right"


@pytest.mark.parametrize(
    "change, told",
    [
        pytest.param(dict(X=X_9.tolist()), "X must be a NumPy array, not list", id="X-a-list"),
        pytest.param(dict(Y=Y_9.tolist()), "Y must be a NumPy array, not list", id="Y-a-list"),
    ],
)
def test_training_takes_arrays_alone(change, told):
    with pytest.raises(TypeError, match=told):
        basic.gradient_descent(**dict(X=X_9, Y=Y_9) | change, **SMALL)


def test_training_names_both_shapes_that_do_not_fit():
    for X, told in (
        (X_9.T, r"X must be \(6, m\).* not \(9, 6\)"),
        (X_9[:, :8], "8 columns.* 9 lab"),
    ):
        with pytest.raises(ValueError, match=told):
            basic.gradient_descent(X, Y_9, **SMALL)


@pytest.mark.parametrize("pixel", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("X", [X_9, np.ones((1, 1))], ids=["nine", "one"])
def test_training_takes_no_pixel_that_is_nan_or_inf(X, pixel):
    X = X.copy()
    X[0, -1] = pixel
    with pytest.raises(ValueError, match="X holds nan or inf"):
        basic.gradient_descent(X, Y_9[: X.shape[1]], layer_sizes=(len(X), 3))


@pytest.mark.parametrize("name", ["momentum", "rmsprop"])
def test_training_remembers_one_mean_where_one_is_enough(name):
    memory = np.zeros((2, 1, 1))
    getattr(basic, name)(np.ones((1, 1)), memory, 1)
    assert memory[0] != 0 and memory[1] == 0


def test_training_takes_float16_with_an_optimizer_without_epsilon():
    X, options = X_9.astype(np.float16), dict(iterations=1, optimizer="momentum")
    assert train(X, Y_9, **options, **SMALL)[0][0].dtype == np.float16


def test_labels_out_of_range_are_named_with_the_range():
    for labels, told in (([0, 10], "from 0 to 9, not 0 to 10"), ([-1, 3], "not -1 to 3")):
        with pytest.raises(ValueError, match=told):
            basic.one_hot(np.array(labels))


def test_training_blames_alpha_for_an_overflow_only_after_an_update():
    with pytest.raises(ValueError, match="X, params or l2"):
        train(1e300 * X_9, Y_9, params=[1e300 * p for p in START])


def test_training_says_that_ctrl_c_has_stopped_it():
    def interrupt(*_):
        raise KeyboardInterrupt

    _, lines = train(X_9, Y_9, callback=interrupt, **SMALL)
    assert "Ctrl-C" in lines[-2]


def test_training_takes_a_batch_size_of_NumPy_in_small_integers():
    options = dict(iterations=4, layer_sizes=(3, 2), print_every=np.uint8(1))
    X, Y = examples(3, 300, 2)
    same_params(
        train(X, Y, batch_size=np.uint8(200), **options)[0],
        train(X, Y, batch_size=200, **options)[0],
        rel=0,
    )


def test_training_does_not_warn_of_an_overflow_that_it_says_in_words():
    with pytest.raises(ValueError, match="alpha"):
        train(X_9.astype(np.float32), Y_9, 1e30, 50, **SMALL)


def test_training_stays_quick_where_adam_fades_out_below_the_normal_numbers():
    memory = np.zeros((2, 1, 1), np.float32)
    for t in range(1, 1000):
        basic.adam(np.full((1, 1), 1e-3 * (t == 1), np.float32), memory, t)
    assert memory[0] > np.finfo(np.float32).tiny


def code_in(function):
    """Return the indented lines of a docstring, which are Python."""
    lines = re.findall(r"^ {8}(\S.* = .*|    .* = .*)", function.__doc__, re.MULTILINE)
    return textwrap.dedent("\n".join(lines))


def test_docstrings_of_the_passes_are_python_that_gives_what_the_loops_give():
    params, (X, Y) = network(6, 5, 10), examples(6, 8, 10)
    Z, A = forward(params, X)
    names = dict(vars(basic), X=X, Y=Y, m=8, l2=0.3)
    names |= zip(("W1", "b1", "W2", "b2"), params)
    for function in (basic.forward_prop, basic.backward_prop):
        exec(code_in(function), names)
    for l in (1, 2):
        same(names[f"Z{l}"], Z[l], f"Z{l}")
        same(names[f"A{l}"], A[l], f"A{l}")
    grads = [names[name] for name in ("dW1", "db1", "dW2", "db2")]
    same_params(grads, backward(params, Z, A, Y, 0.3), of="d{}")


# --- The data ---

IDX = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


def idx(array):
    """Return an array as the content of an IDX file."""
    header = np.array([0x800 + array.ndim, *array.shape], ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def write_csv(path, images, labels, column=0, header=True, edit=None):
    """Write a table with the label in this column, gzipped if the path says so; edit changes it."""
    names = [f"pixel{k}" for k in range(784)]
    names.insert(column, "label")
    table = [names] if header else []
    for row in np.insert(images.reshape(-1, 784), column, labels, axis=1):
        table.append([str(v) for v in row])
    if edit is not None:
        table = edit(table)
    content = "\n".join(",".join(row) for row in table).encode()
    Path(path).write_bytes(gzip.compress(content) if path.endswith(".gz") else content)


def assert_images(X, Y, images, labels):
    """Assert that X, Y are these images and labels, as the network takes them."""
    assert X.dtype == np.float32 and Y.dtype == np.int64
    assert np.array_equal(X, np.float32(images.reshape(-1, 784).T) / np.float32(255))
    assert np.array_equal(Y, labels)
    assert X.T.flags.c_contiguous, "an image should lie in one piece"


def assert_loaded(loaded, arrays):
    """Assert that load_data returned exactly these images and labels."""
    assert_images(*loaded[:2], *arrays[:2])
    assert_images(*loaded[2:], *arrays[2:])


def assert_refused(capsys, argv, *words):
    """Assert that main ends with status 2 and one line on stderr, which holds these words."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        basic.main(argv.split())
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert err.count("\n") == 1 and err.endswith("\n"), f"not one line: {err}"
    assert "Errno" not in err
    for word in words:
        assert word in err.split("error: ", 1)[1]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Work where own/ holds 17 + 12 images, and basic finds no other data; return the arrays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(basic, "HERE", tmp_path)
    monkeypatch.setattr(basic, "MIRRORS", {"mnist": [], "fashion": []})
    rng = np.random.default_rng(0)
    arrays = []
    for m in (17, 12):
        images = rng.integers(0, 256, (m, 28, 28)) * (rng.random((m, 28, 28)) < 0.2)
        arrays += [images, np.arange(m) % 10]
    for folder in ("data", "own"):
        Path(folder).mkdir()
    for name, array in zip(IDX, arrays):
        Path("own", name).write_bytes(idx(array))
    return arrays


@pytest.fixture(scope="module")
def mnist():
    """Return all of MNIST."""
    with contextlib.redirect_stdout(None):
        return basic.load_data()


def test_load_data_gives_mnist_by_default_as_data_readme_describes_it(mnist):
    table = (HERE / "data/README.md").read_text(encoding="utf-8")
    for name, sha256 in zip(IDX, basic.SHA256["mnist"]):
        content = gzip.decompress((HERE / f"data/mnist/{name}.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == sha256
        assert f"| {name} | {sha256} |" in table
    X_train, Y_train, X_test, Y_test = mnist
    assert X_train.shape == (784, 60_000) and X_test.shape == (784, 10_000)
    assert_images(X_train[:, :200], Y_train[:200], np.rint(255 * digits(200)[0]).T, digits(200)[1])
    X, Y = digits(200, "t10k")
    assert_images(X_test[:, :200], Y_test[:200], np.rint(255 * X).T, Y)


@pytest.mark.parametrize(
    "data, folder, title, packed",
    [
        pytest.param("own", "own", "your own images", [], id="a folder"),
        pytest.param("own", "own", "your own images", [1, 2], id="some gzipped"),
        pytest.param("mnist", "data/mnist", "MNIST", [], id="mnist"),
        pytest.param("fashion", "data/fashion", "Fashion-MNIST", [0, 1, 2, 3], id="fashion"),
    ],
)
def test_load_data_reads_four_idx_files(own, capsys, data, folder, title, packed):
    Path("own").rename(folder)
    for k in packed:
        path = Path(folder, IDX[k])
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert_loaded(basic.load_data(data), own)
    line = f"Data: {title}, 17 training and 12 test images, from {folder}\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    "name, column, header",
    [
        pytest.param("train.csv", 0, True, id="as Kaggle has it"),
        pytest.param("train.csv.gz", 300, True, id="the label in the middle, gzipped"),
        pytest.param("train.csv", 0, False, id="without a header"),
    ],
)
def test_load_data_reads_two_csv_files(own, capsys, name, column, header):
    write_csv(name, *own[:2], column, header)
    write_csv("test.csv", *own[2:], column, header)
    assert_loaded(basic.load_data([name, Path("test.csv")]), own)
    line = f"Data: your own images, 17 training and 12 test images, from {name} and test.csv\n"
    assert capsys.readouterr().out == line


def test_load_data_holds_out_a_tenth_of_a_single_csv_file_by_its_seed(own):
    numbers = np.arange(21)
    images = np.repeat(numbers, 784).reshape(-1, 784)  # so that a pixel tells which image it is
    write_csv("all.csv", images, numbers % 10)
    splits = []
    for seed in ((), (0,), (1,)):
        loaded = basic.load_data("all.csv", *seed)
        train, test = (np.rint(255 * X[0]).astype(int) for X in loaded[0::2])
        assert_loaded(loaded, (images[train], train % 10, images[test], test % 10))
        assert test.size == 3 and sorted([*train, *test]) == [*numbers]
        splits.append([*train, *test])
    assert splits[0] == splits[1] != splits[2]


def with_a_hole(content):
    return content[:99] + bytes(9) + content[108:]


@pytest.mark.parametrize(
    "k, suffix, damage, word",
    [
        pytest.param(0, "", lambda c: b"", "0x0", id="empty"),
        pytest.param(0, "", lambda c: c[:15], "28", id="a header cut off"),
        pytest.param(0, "", lambda c: b"\0\0\x08\x04" + c[4:], "0x804", id="four axes"),
        pytest.param(1, "", lambda c: b"\0\0\x08\x03" + c[4:], "0x803", id="images for labels"),
        pytest.param(2, "", lambda c: b"\0\0\x0d\x03" + c[4:], "0xd03", id="floats for bytes"),
        pytest.param(0, "", lambda c: idx(np.zeros((17, 28, 27))), "items of [28 27]", id="28x27"),
        pytest.param(0, "", lambda c: c[:-1], "long", id="a byte too few"),
        pytest.param(1, "", lambda c: c + b"\0", "long", id="a byte too many"),
        pytest.param(3, ".gz", lambda c: gzip.compress(c)[:-9], "delete", id="gzip cut off"),
        pytest.param(0, ".gz", lambda c: with_a_hole(gzip.compress(c)), "delete", id="gzip hole"),
        pytest.param(0, ".gz", lambda c: c, "delete", id="no gzip"),
        pytest.param(0, ".bz2", lambda c: c, "missing", id="not there"),
        pytest.param(1, "", lambda c: idx(np.zeros(16)), "17 images and 16 labels", id="16 labels"),
        pytest.param(2, "", lambda c: idx(np.ones((13, 28, 28))), "13 images and 12", id="13"),
        pytest.param(3, "", lambda c: idx(np.arange(12)), "labels up to 11", id="label 11"),
        pytest.param(2, "", lambda c: idx(np.ones((12, 28, 28))), "by 255", id="0 to 1"),
    ],
)
def test_main_refuses_a_bad_idx_file(own, capsys, k, suffix, damage, word):
    path = Path("own", IDX[k])
    content = path.read_bytes()
    path.unlink()
    path.with_name(path.name + suffix).write_bytes(damage(content))
    about_the_file = word in ("0x0", "28", "long", "delete", "missing") or "0x" in word
    assert_refused(capsys, "--data own", word, IDX[k] if about_the_file else "own")


def test_main_refuses_data_without_any_image(own, capsys):
    for k, shape in ((0, (0, 28, 28)), (1, 0)):
        Path("own", IDX[k]).write_bytes(idx(np.zeros(shape)))
    assert_refused(capsys, "--data own", "own", "0 images and 0 labels")


def test_main_says_of_a_damaged_file_in_data_that_it_is_downloaded_anew(own, capsys):
    path = Path("own", IDX[0])
    path.write_bytes(path.read_bytes()[:-1])
    assert_refused(capsys, "--data own", "delete it and get it anew")
    Path("own").rename("data/mnist")
    assert_refused(capsys, "--data mnist", "delete it, and the next run downloads it anew")


def test_main_says_what_the_system_says_of_a_file_that_cannot_be_read(own, capsys):
    Path("own", IDX[0]).unlink()
    Path("own", IDX[0]).mkdir()
    assert_refused(capsys, "--data own", f"own/{IDX[0]}: Is a directory")


def cell(column, value):
    """Return an edit that writes a value into the second row of a table."""

    def edit(table):
        table[2][column] = value
        return table

    return edit


@pytest.mark.parametrize(
    "edit, word",
    [
        pytest.param(cell(784, "-1"), "0 to 255", id="-1"),
        pytest.param(cell(784, "256"), "0 to 255", id="256"),
        pytest.param(cell(784, "4294967296"), "0 to 255", id="2 to the 32"),
        pytest.param(cell(784, "4294967303"), "0 to 255", id="2 to the 32 plus 7"),
        pytest.param(cell(784, "18446744073709551617"), "0 to 255", id="2 to the 64 plus 1"),
        pytest.param(cell(784, "1.5"), "0 to 255", id="1.5"),
        pytest.param(cell(784, "x"), "0 to 255", id="a letter"),
        pytest.param(cell(784, ""), "0 to 255", id="nothing"),
        pytest.param(cell(784, "nan"), "0 to 255", id="nan"),
        pytest.param(cell(784, "inf"), "0 to 255", id="inf"),
        pytest.param(cell(0, "x"), "0 to 255", id="a letter for the label"),
        pytest.param(cell(0, "-1"), "0 to 255", id="label -1"),
        pytest.param(cell(0, "10"), "up to 10", id="label 10"),
        pytest.param(lambda t: [row[1:] for row in t], "label", id="no label"),
        pytest.param(lambda t: [row[:-1] for row in t], "784", id="a pixel too few"),
        pytest.param(lambda t: [[*row, "0"] for row in t[1:]], "786", id="a pixel too many"),
        pytest.param(lambda t: [*t[:-1], t[-1][:-1]], "784", id="one row too short"),
        pytest.param(lambda t: [*t[:-1], [*t[-1], "0"]], "784", id="one row too long"),
        pytest.param(
            lambda t: [t[0], *([str(k), *row] for k, row in enumerate(t[1:]))],
            "785 columns in the first row, 786 below",
            id="rows counted in a column of their own",
        ),
        pytest.param(lambda t: t[:1], "784", id="only a header"),
        pytest.param(lambda t: [], "784", id="nothing at all"),
        pytest.param(lambda t: t[:2], "0 images and 0 labels", id="one row, held out"),
    ],
)
def test_main_refuses_a_bad_csv_file(own, capsys, edit, word):
    write_csv("bad.csv", own[0][:3], own[1][:3], edit=edit)
    assert_refused(capsys, "--data bad.csv", "bad.csv", word)


def test_main_refuses_a_csv_file_with_pixels_from_0_to_1(own, capsys):
    write_csv("bad.csv", (own[0] > 99).astype(int), own[1])
    assert_refused(capsys, "--data bad.csv", "bad.csv", "no pixel is above 1", "by 255")


def test_main_refuses_a_csv_file_whose_gzip_is_damaged_or_none(own, capsys):
    write_csv("bad.csv.gz", *own[:2])
    content = Path("bad.csv.gz").read_bytes()
    for damaged in (content[:-999], with_a_hole(content), b"text", b""):
        Path("bad.csv.gz").write_bytes(damaged)
        assert_refused(capsys, "--data bad.csv.gz", "bad.csv.gz", "784")


# The mirrors of these tests are folders of a server of our own: good/ serves the files of own/,
# others fail in their own ways, and at refused/ nobody listens.


@pytest.fixture
def mirrors(own, monkeypatch):
    """Return a function that gives basic such mirrors, and the log of what they were asked for."""
    log = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            log.append(self.path)
            _, how, name = self.path.split("/")
            content = gzip.compress(Path("own", name[:-3]).read_bytes())
            if how == "wrong":
                content = gzip.compress(Path("own", IDX[1]).read_bytes() + b"more")
            elif how == "large":
                content = bytes(200_000)
            self.send_response(404 if how == "missing" else 200)
            self.send_header("Content-Length", len(content))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # whoever is offered too much hangs up
                self.wfile.write(content[: -9 if how == "cut" else None])

        def log_message(self, *args):
            pass

    def use(*names):
        urls = [f"http://127.0.0.1:{closed if n == 'refused' else port}/{n}/" for n in names]
        monkeypatch.setattr(basic, "MIRRORS", {"mnist": urls})
        return urls

    sums = [hashlib.sha256(Path("own", name).read_bytes()).hexdigest() for name in IDX]
    monkeypatch.setattr(basic, "SHA256", {"mnist": sums})
    monkeypatch.setattr(basic, "LARGEST", 100_000)
    monkeypatch.setenv("no_proxy", "*")  # whatever proxy there is, 127.0.0.1 is this machine
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with server, socket.socket() as deaf:  # it has a port but does not listen
        deaf.bind(("127.0.0.1", 0))
        port, closed = server.server_port, deaf.getsockname()[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield use, log
        server.shutdown()


@pytest.mark.parametrize("bad", ["missing", "wrong", "cut", "large", "refused"])
def test_fetch_downloads_what_lacks_from_the_first_mirror_that_works(own, mirrors, capsys, bad):
    use, log = mirrors
    use(bad, "good", "unused")
    Path("data/mnist").mkdir()
    Path("own", IDX[2]).rename(f"data/mnist/{IDX[2]}")
    for _ in range(2):  # the second time, all is there
        assert_loaded(basic.load_data("mnist"), own)
    lacked = [f"{name}.gz" for name in IDX if name != IDX[2]]
    assert [path for path in log if bad not in path] == [f"/good/{name}" for name in lacked]
    assert {path.name for path in Path("data/mnist").iterdir()} == {IDX[2], *lacked}
    size = Path("data/mnist", lacked[0]).stat().st_size
    assert f"/good/{lacked[0]}: {size} of {size} bytes\n" in capsys.readouterr().err


def test_fetch_makes_the_folders_that_it_needs(own, mirrors):
    mirrors[0]("good")
    Path("data").rmdir()
    assert_loaded(basic.load_data("mnist"), own)


def test_fetch_without_a_mirror_that_works_says_what_to_do_and_leaves_no_file(own, mirrors):
    urls = mirrors[0]("missing", "wrong", "cut", "large", "refused")
    with pytest.raises(FileNotFoundError) as raised:
        basic.load_data("mnist")
    for word in (*urls, str(Path("data/mnist", IDX[0]).absolute()), "put it there"):
        assert word in str(raised.value)
    assert [path for path in Path("data").rglob("*") if path.is_file()] == []


def test_fetch_asks_no_mirror_if_the_files_could_not_be_written(own, mirrors, capsys):
    use, log = mirrors
    use("good", "good")
    Path("data/mnist").write_text("not a folder")
    assert_refused(capsys, "--data mnist", "data/mnist: File exists")
    assert log == []


def test_fetch_downloads_a_file_once_even_if_the_disk_is_full(own, mirrors, capsys, monkeypatch):
    use, log = mirrors
    use("good", "good")

    def full_disk(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(basic, "replacing", full_disk)
    with pytest.raises(OSError, match="No space left"):
        basic.load_data("mnist")
    assert log == [f"/good/{IDX[0]}.gz"]


def test_download_waits_for_an_answer_for_at_most_15_seconds(tmp_path, monkeypatch):
    asked = []

    def urlopen(url, timeout):
        asked.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    with pytest.raises(FileNotFoundError, match="timed out"):
        basic.download(tmp_path / "file.gz", ["http://127.0.0.1/"], "")
    assert len(asked) == 1 and 0 < asked[0] <= 15


def test_receive_gives_up_on_a_server_that_drips_and_ends_the_line_of_progress(monkeypatch, capsys):
    class Dripping:
        headers = {"Content-Length": "1000000"}

        def read1(self, size):
            return b"tenbytes.."

    seconds = iter(range(10_000))
    monkeypatch.setattr(basic.time, "monotonic", lambda: next(seconds))
    with pytest.raises(ValueError, match="slow"):
        basic.receive(Dripping(), "http://127.0.0.1/")
    assert next(seconds) < 100
    assert capsys.readouterr().err.endswith("bytes\n")


def test_replacing_replaces_a_file_only_when_all_is_written(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), basic.replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]
    with basic.replacing(path) as file:
        file.write(b"new")
    assert path.read_text() == "new" and [*tmp_path.iterdir()] == [path]


def test_replacing_writes_what_a_link_points_to_and_keeps_the_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with basic.replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink() and target.read_text() == "new"


def test_replacing_leaves_everything_alone_that_is_no_ordinary_file(tmp_path):
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (folder, pipe, Path(os.devnull)):
        with pytest.raises(OSError, match="cannot be written"), basic.replacing(path):
            pass
    assert stat.S_ISFIFO(pipe.stat().st_mode) and stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert {*tmp_path.iterdir()} == {folder, pipe}


def test_replacing_gives_each_writer_a_file_of_its_own(tmp_path):
    path = tmp_path / "file.txt"
    with basic.replacing(path) as one, basic.replacing(path) as two:
        assert one.name != two.name
        one.write(b"one")
        two.write(b"two")
    assert path.read_text() == "one" and [*tmp_path.iterdir()] == [path]


# --- Your own digit ---


def draw(path, ink="black", paper="white", size=(300, 300), at=(90, 90), unit=10, mode="RGB"):
    """Draw a 2 that is 8 units wide and 12 high, with strokes of 1.5 units around that."""
    from PIL import Image, ImageDraw

    image = Image.new(mode, size, paper)
    corners = [(0, 2), (4, 0), (7, 2), (7, 5), (0, 12), (8, 12)]
    line = [(at[0] + unit * x, at[1] + unit * y) for x, y in corners]
    ImageDraw.Draw(image).line(line, fill=ink, width=unit * 3 // 2, joint="curve")
    image.save(path)


def drawn_page(**options):
    """Return the pixels of what draw draws, uint8, dark grey on nearly white unless told."""
    from PIL import Image

    draw("page.png", **{"mode": "L", "ink": 25, "paper": 242, **options})
    with Image.open("page.png") as image:
        return np.asarray(image)


def prepared(pixels, path="pixels.png", **options):
    """Return what prepare_image makes of a picture with these pixels, saved with these options."""
    from PIL import Image

    if np.asarray(pixels).dtype == float:
        pixels = np.uint8(np.clip(np.round(pixels), 0, 255))
    Image.fromarray(pixels).save(path, **options)
    return basic.prepare_image(path)


def difference(X, expected):
    """Return the distance of two prepared pictures, relative to the length of the second."""
    return np.linalg.norm(X - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize(
    "tolerance, change",
    [
        pytest.param(0.001, {"ink": "white", "paper": "black"}, id="inverted"),
        pytest.param(0.001, {"ink": "navy", "paper": "orange"}, id="colours"),
        # What is transparent may hide any colour.
        pytest.param(0.001, {"mode": "RGBA", "paper": (0, 0, 0, 0)}, id="black on black hidden"),
        pytest.param(
            0.001,
            {"mode": "RGBA", "paper": (255, 255, 255, 0), "ink": "white"},
            id="white on white hidden",
        ),
        pytest.param(
            0.001, {"mode": "RGBA", "paper": (0, 0, 0, 0), "ink": (240, 240, 240)}, id="light ink"
        ),
        pytest.param(
            0.001, {"mode": "RGBA", "paper": (0, 0, 0, 0), "ink": (20, 20, 20)}, id="dark ink"
        ),
        pytest.param(0.001, {"mode": "L", "ink": 122, "paper": 160}, id="pale"),
        pytest.param(0.001, {"mode": "1", "ink": 0, "paper": 1}, id="one bit"),
        pytest.param(0.001, {"at": (180, 20)}, id="elsewhere"),
        pytest.param(0.001, {"size": (900, 400)}, id="large page"),
        pytest.param(0.001, {"size": (1700, 1100), "at": (1300, 400)}, id="very large page"),
        pytest.param(0.05, {"path": "a.jpg"}, id="jpeg"),
        pytest.param(0.25, {"unit": 4}, id="small"),
        pytest.param(
            0.25, {"unit": 4, "size": (1500, 1000), "at": (300, 700)}, id="small on a large page"
        ),
        pytest.param(0.25, {"unit": 30, "size": (600, 500)}, id="large"),
    ],
)
def test_prepare_image_makes_the_same_of_every_picture_of_a_digit(own, tolerance, change):
    draw("reference.png")
    draw(**{"path": "a.png", **change})
    X = basic.prepare_image(change.get("path", "a.png"))
    assert X.shape == (784, 1) and X.dtype == np.float32 and X.min() == 0 and X.max() == 1
    assert difference(X, basic.prepare_image("reference.png")) <= tolerance
    for axis in (0, 1):
        mass = X.reshape(28, 28).sum(axis=axis)
        assert np.count_nonzero(mass) <= 20
        assert np.arange(28) @ mass / mass.sum() == pytest.approx(14, abs=0.51)


def test_prepare_image_turns_a_photo_upright(own):
    from PIL import Image

    draw("a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    with Image.open("a.png") as image:
        image.transpose(Image.Transpose.ROTATE_90).save("turned.jpg", exif=exif)
    difference = basic.prepare_image("turned.jpg") - basic.prepare_image("a.png")
    assert abs(difference).max() < 0.05


@pytest.mark.parametrize("turns", range(4))
def test_prepare_image_tells_the_paper_by_most_of_the_border_or_of_what_is_opaque(own, turns):
    from PIL import Image

    page = np.full((40, 60), 255, np.uint8)
    page[:8] = page[:, 30:36] = 40 * turns  # a T that fills one side and touches another
    page = np.rot90(page, turns)
    grounds = [page, np.pad(page, 50, constant_values=255), np.pad(page, 50)]
    opaque = np.pad(np.full_like(page, 255), 50)
    on_nothing = np.dstack([grounds[2], opaque]), np.dstack([255 - grounds[2], opaque])
    seen = []
    for k, pixels in enumerate((*grounds[:2], *on_nothing)):
        Image.fromarray(pixels).save(f"{k}.png")
        seen.append(basic.prepare_image(f"{k}.png"))
    for X in seen[1:]:
        assert X == pytest.approx(seen[0], abs=1e-6)


@pytest.mark.parametrize("row, column", [(4, 8), (0, 0), (60, 70)])
def test_prepare_image_leaves_a_digit_as_it_is_that_needs_no_scaling(own, row, column):
    from PIL import Image

    ink = np.random.default_rng(0).integers(60, 256, (20, 12)).astype(np.uint8)
    ink[3, 3] = 255
    page, expected = np.zeros((90, 90), np.uint8), np.zeros((28, 28))
    page[row : row + 20, column : column + 12] = ink
    page[40, 40] = 45  # a speck
    Image.fromarray(255 - page).save("a.png")
    # MNIST has the centre of mass in the pixel (14, 14), counted from 0.
    top = round(14 - np.arange(20) @ ink.sum(axis=1) / ink.sum())
    left = round(14 - np.arange(12) @ ink.sum(axis=0) / ink.sum())
    expected[top : top + 20, left : left + 12] = ink / 255
    assert basic.prepare_image("a.png") == pytest.approx(expected.reshape(784, 1), abs=1e-6)


@pytest.mark.parametrize(
    "height, width, boxes",
    [
        pytest.param(20, 2, [(5, 105, 30, 40)], id="upright bar"),
        pytest.param(2, 20, [(5, 15, 30, 130)], id="lying bar"),
        pytest.param(20, 1, [(5, 205, 30, 31)], id="hairline"),
        pytest.param(20, 4, [(5, 55, 5, 6), (5, 15, 5, 15)], id="heavy at the top"),
        pytest.param(20, 4, [(5, 55, 5, 6), (45, 55, 5, 15)], id="heavy at the bottom"),
        pytest.param(4, 20, [(5, 6, 5, 55), (5, 15, 5, 15)], id="heavy at the left"),
        pytest.param(4, 20, [(5, 6, 5, 55), (5, 15, 45, 55)], id="heavy at the right"),
    ],
)
def test_prepare_image_keeps_proportions_and_all_ink_with_its_mass_as_central_as_fits(
    own, height, width, boxes
):
    from PIL import Image

    page = np.full((210, 140), 255, np.uint8)
    for top, bottom, left, right in boxes:  # a bar; or a spoon, with its mass at one end
        page[top:bottom, left:right] = 0
    Image.fromarray(page).save("a.png")
    ink = basic.prepare_image("a.png").reshape(28, 28)
    for mass, size in ((ink.sum(axis=1), height), (ink.sum(axis=0), width)):
        assert np.count_nonzero(mass) == size
        first, centre = mass.nonzero()[0][0], np.arange(28) @ mass / mass.sum()
        assert first == min(max(round(first + 14 - centre), 0), 28 - size)


def falling_light(page):
    return page * np.linspace(1, 0.7, 300)


def shadow(page):
    return page * np.where(np.arange(300) < 156, 1, 0.8)  # the edge crosses the digit


def dark_corners(page):
    y, x = np.mgrid[-1:1:300j, -1:1:300j]
    return page * (1 - 0.15 * (x**2 + y**2))


def camera_noise(page):
    return page + np.random.default_rng(0).normal(0, 12, page.shape)


def specks(page, places):
    page = page.copy()
    for row, column in places:
        page[row : row + 6, column : column + 6] = 0
    return page


def darken(page, *places):
    page = page.copy()
    for place in places:
        page[place] = 40
    return page


def ruled_lines(page):
    paper = np.full_like(page, 250)
    paper[20::24] = 200
    return np.where(page == 242, paper, page)


def slanted_sheet(page):
    from PIL import Image

    sheet = Image.fromarray(np.uint8(page))
    return np.asarray(sheet.rotate(1, Image.Resampling.BICUBIC, expand=True, fillcolor=50))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(falling_light, id="falling light"),
        pytest.param(shadow, id="shadow"),
        pytest.param(dark_corners, id="dark corners"),
        pytest.param(camera_noise, id="camera noise"),
        pytest.param(lambda page: camera_noise(shadow(page)), id="shadow and noise"),
        pytest.param(lambda page: 255 - camera_noise(shadow(page)), id="blackboard"),
        pytest.param(lambda page: specks(page, [(30, 250)]), id="a speck"),
        pytest.param(
            lambda page: specks(page, [(30, 250), (260, 30), (150, 280)]), id="three specks"
        ),
        pytest.param(lambda page: darken(page, np.s_[:, -40:]), id="table edge"),
        pytest.param(lambda page: darken(page, np.s_[:, -110:]), id="wide table"),
        pytest.param(lambda page: darken(page, np.s_[:30]), id="title bar"),
        pytest.param(
            lambda page: darken(page, np.s_[:9], np.s_[-9:], np.s_[:, :9], np.s_[:, -9:]),
            id="frame",
        ),
        pytest.param(slanted_sheet, id="slanted sheet on a table"),
        pytest.param(ruled_lines, id="ruled lines"),
    ],
)
def test_prepare_image_sees_the_digit_of_a_photo(own, change):
    page = drawn_page(at=(80, 90))
    X = prepared(change(page.astype(float)))
    assert difference(X, prepared(page)) < 0.2


@pytest.mark.parametrize(
    "ink, paper",
    [
        pytest.param(0, 65535, id="black on white"),
        pytest.param(6554, 58982, id="grey on grey"),
        pytest.param(60000, 300, id="white on black"),
    ],
)
def test_prepare_image_reads_16_bits(own, ink, paper):
    page = drawn_page(ink=0, paper=255).astype(float)
    page = sum(np.roll(page, shift, axis) for shift in (0, 5, 10) for axis in (0, 1)) / 6  # greys
    pixels = (ink + (paper - ink) * page / 255).astype(np.uint16)
    assert difference(prepared(pixels), prepared(page)) < 0.05
    assert difference(prepared(pixels.astype(np.int32), "a.tif"), prepared(page)) < 0.05


def test_prepare_image_makes_no_large_array_of_a_photo_of_48_megapixels(own):
    draw("photo.jpg", size=(8000, 6000), at=(3000, 2000), unit=150)
    tracemalloc.start()
    try:
        X = basic.prepare_image("photo.jpg")
        _, peak = tracemalloc.get_traced_memory()  # of NumPy; Pillow's 48 MB are not in it
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    assert difference(X, prepared(drawn_page())) < 0.2


@pytest.mark.parametrize("inverted", [False, True])
def test_prepare_image_reads_a_digit_that_fills_its_picture(own, inverted):
    page = drawn_page(ink=0, paper=255)
    rows, columns = np.nonzero(page == 0)
    tight = page[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert difference(prepared(255 - tight if inverted else tight), prepared(page)) < 0.001


@pytest.mark.parametrize("hole", [pytest.param(0.6, id="thin"), pytest.param(0.3, id="bold")])
def test_prepare_image_reads_a_0_that_fills_its_picture_with_nothing_in_the_middle(own, hole):
    y, x = np.mgrid[-1:1:200j, -1:1:160j]
    square = y**2 + x**2
    ring = np.where((hole < square) & (square <= 1), 0, 255).astype(np.uint8)
    page = np.pad(ring, 100, constant_values=255)
    assert difference(prepared(ring), prepared(page)) < 0.001


def test_prepare_image_prefers_the_digit_that_fills_its_picture_to_a_speck_in_it(own):
    page = drawn_page(ink=0, paper=255)
    rows, columns = np.nonzero(page == 0)
    tight = page[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].copy()
    tight[70:74, 10:14] = 0
    surrounded = np.pad(tight, 100, constant_values=255)
    assert difference(prepared(tight), prepared(surrounded)) < 0.001


def test_prepare_image_keeps_the_parts_of_a_broken_digit_and_drops_what_is_far(own):
    whole = drawn_page(ink=0, paper=255)
    page = whole.copy()
    page[150:156] = 255  # tears the 2 in two
    assert difference(prepared(specks(page, [(20, 20)])), prepared(page)) < 0.001
    assert difference(prepared(page), prepared(whole)) < 0.3


def test_prepare_image_expects_one_digit(own):
    page = drawn_page()
    with pytest.raises(ValueError, match="^--predict pixels.png: one digit is expected"):
        prepared(np.hstack([page, page]))


@pytest.mark.parametrize("noise", [0, 12])
def test_prepare_image_sees_no_digit_on_an_empty_page(own, noise):
    page = falling_light(np.random.default_rng(0).normal(230, noise, (300, 300)))
    with pytest.raises(
        ValueError, match="^--predict pixels.png: the picture is blank, or too pale"
    ):
        prepared(page)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda png: b"", id="empty"),
        pytest.param(lambda png: b"a 2", id="text"),
        pytest.param(lambda png: png[: len(png) // 2], id="truncated"),
        pytest.param(lambda png: png[:16] + b"\0\1\0\0" * 2 + png[24:], id="bomb"),
    ],
)
def test_prepare_image_says_in_one_line_what_is_no_picture(own, content):
    draw("a.png")
    Path("a.png").write_bytes(content(Path("a.png").read_bytes()))
    with pytest.raises(ValueError, match="^--predict a.png: cannot be read .+$") as e:
        basic.prepare_image("a.png")
    assert "\n" not in str(e.value)


def test_prepare_image_takes_the_first_of_many_pages(own):
    from PIL import Image

    page = drawn_page(ink=0, paper=255)
    pages = [Image.fromarray(255 - page[::-1])]
    assert (
        difference(prepared(page, "a.gif", save_all=True, append_images=pages), prepared(page)) == 0
    )
    assert (
        difference(prepared(page, "a.tif", save_all=True, append_images=pages), prepared(page)) == 0
    )


def test_largest_around_is_the_maximum_over_a_square(own):
    values = np.random.default_rng(0).random((13, 9))
    for radius in (0, 1, 2, 5, 20):
        expected = [
            values[max(0, i - radius) : i + radius + 1, max(0, j - radius) : j + radius + 1].max()
            for i, j in np.ndindex(values.shape)
        ]
        assert basic.largest_around(values, radius).ravel().tolist() == expected


def test_number_parts_gives_one_number_to_what_a_path_joins(own):
    rows = [
        "#######.",
        "......#.",
        "#####.#.",
        "#...#.#.",
        "#.###.#.",
        "#.....#.",
        "#######.",
        "#.#...##",
    ]
    snake = np.array([[character == "#" for character in row] for row in rows])
    dark = np.pad(snake, ((0, 4), (0, 4)))
    dark[11, 1:3] = dark[10, 4] = dark[9, 5] = dark[11, 11] = True
    numbers = basic.number_parts(dark)
    assert ((numbers > 0) == dark).all()
    assert len({*numbers[:8].ravel().tolist()} - {0}) == 1, "a long way round joins, too"
    assert numbers[11, 1] == numbers[11, 2] and numbers[10, 4] == numbers[9, 5]
    assert len(np.unique(numbers)) == 1 + 4  # no ink, the snake, a pair, a corner to corner, a dot


# --- Saving and loading a model ---


def network_arrays(**changes):
    """Return the arrays of a small model for 784 pixels and 10 classes, some of them changed."""
    arrays = {name: np.zeros(shape) for name, shape in (("W1", (10, 784)), ("b1", (10, 1)))}
    arrays |= changes
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.mark.parametrize(
    "arrays",
    [
        pytest.param({"W1": None, "b1": None}, id="none"),
        pytest.param({"b1": None}, id="W1 alone"),
        pytest.param({"W2": np.zeros((10, 10))}, id="W2 without b2"),
        pytest.param({"b1": None, "b": np.zeros((10, 1))}, id="another name"),
        pytest.param({"b1": np.zeros(10)}, id="b1 of one axis"),
        pytest.param({"W1": np.zeros((10, 783))}, id="783 pixels"),
        pytest.param({"W1": np.zeros((9, 784)), "b1": np.zeros((9, 1))}, id="9 classes"),
        pytest.param({"W2": np.zeros((10, 6)), "b2": np.zeros((10, 1))}, id="layers do not fit"),
        pytest.param({"W1": np.full((10, 784), np.nan)}, id="nan"),
        pytest.param({"b1": np.full((10, 1), -np.inf)}, id="inf"),
        pytest.param({"W1": np.full((10, 784), 1e36)}, id="so large that sums overflow"),
        pytest.param({"W1": np.full((10, 784), 1)}, id="integers"),
        pytest.param({"W1": np.full((10, 784), 1j)}, id="complex numbers"),
        pytest.param({"W1": np.full((10, 784), "1")}, id="text"),
    ],
)
def test_load_model_refuses_arrays_that_are_no_network_for_this(own, capsys, arrays):
    np.savez("bad.npz", **network_arrays(**arrays))
    assert_refused(capsys, "--load bad.npz", "bad.npz")


def test_load_model_refuses_what_is_no_npz_file_and_never_unpickles(own, capsys):
    class Trap:
        def __reduce__(self):
            return Path.touch, (Path("unpickled"),)

    np.save("array.npy", np.zeros((10, 784)))
    np.savez("pickle.npz", W1=np.array([Trap()]), b1=np.zeros((10, 1)))
    Path("empty.npz").touch()
    Path("text.npz").write_text("text")
    for name in ("array.npy", "pickle.npz", "empty.npz", "text.npz", f"own/{IDX[0]}"):
        assert_refused(capsys, f"--load {name}", f"--load {name}: this is not a model")
    assert not Path("unpickled").exists()
    assert_refused(capsys, "--load missing.npz", "missing.npz: No such file")


def test_load_model_returns_what_save_model_wrote(tmp_path):
    params = network(784, 7, 5, 10, dtype=np.float32)
    basic.save_model(tmp_path / "m.npz", params)
    loaded = basic.load_model(tmp_path / "m.npz")
    assert [p.dtype for p in loaded] == [np.float32] * 6
    assert all(np.array_equal(p, q) for p, q in zip(params, loaded))
    assert np.load(tmp_path / "m.npz").files == ["W1", "b1", "W2", "b2", "W3", "b3"]


def test_save_model_takes_a_deep_network_whose_weights_could_add_up_to_much_but_do_not(tmp_path):
    params = basic.init_params((784, *[64] * 40, 10))
    basic.save_model(tmp_path / "deep.npz", params)
    assert len(basic.load_model(tmp_path / "deep.npz")) == 82


def test_save_model_refuses_an_array_without_its_partner(tmp_path):
    with pytest.raises(ValueError, match="params must be"):
        basic.save_model(tmp_path / "m.npz", network(784, 10, 10)[:3])
    assert [*tmp_path.iterdir()] == []


def test_save_model_never_replaces_a_good_file_by_weights_that_have_overflowed(tmp_path):
    path = tmp_path / "m.npz"
    path.write_text("good")
    for value in (np.nan, np.inf, 1e38):
        with pytest.raises(ValueError, match="overflowed"):
            basic.save_model(path, [np.full((10, 784), value), np.zeros((10, 1))])
    assert path.read_text() == "good"


# --- Looking at the result ---


def test_print_results_counts_what_is_true_by_row_and_what_is_predicted_by_column(capsys):
    Y, predictions = np.array([3, 3, 3, 7, 0]), np.array([7, 3, 7, 7, 9])
    P, X, counts = np.full((10, 5), 0.05), np.zeros((784, 5)), np.zeros((10, 10), int)
    P[predictions, range(5)] = 0.55
    np.add.at(counts, (Y, predictions), 1)
    X[280:336, 0] = 1  # the rows 10 and 11 of the pixels are line 5 of the drawing
    for names in (basic.DIGITS, basic.CLOTHES):
        basic.print_results(P, X, Y, names)
        _, summary, _, head, *lines = capsys.readouterr().out.split("\n")
        assert summary == "Test accuracy: 0.4000 on 5 images"
        assert head.split() == ["true", "\\", "predicted", *"0123456789", "accuracy"]
        accuracies = {0: "0.0000", 3: "0.3333", 7: "1.0000"}
        for k, line in enumerate(lines[:10]):
            assert len(line) == len(head), "the table should be aligned"
            assert line[:17].split()[0] == names[k].split()[0] and line[16] == str(k)
            assert [int(line[n : n + 6]) for n in range(17, 77, 6)] == [*counts[k]]
            assert line[77:].strip() == accuracies.get(k, "no images")
        drawing = lines[12:26]
        assert [line[:28].strip() for line in drawing] == [*[""] * 5, "@" * 28, *[""] * 8]
        bars = ["0.050 #"] * 10
        bars[3], bars[7] = "0.050 # <- truth", "0.550 ########### <- answer"
        bars = [f"{name} {bar}" for name, bar in zip(names, bars)]
        assert [line[28:].strip() for line in drawing[2:12]] == bars


def test_dead_neurons_are_those_that_are_zero_for_every_image():
    params = [p.copy() for p in network(1, 3, 2, 2)]
    params[0][:], params[1][:] = 1, [[0], [-1], [-2]]  # ReLU(x), ReLU(x - 1), ReLU(x - 2)
    params[2][:], params[3][:] = 1, [[-9], [0]]
    X = np.zeros((1, 20_000))
    assert basic.dead_neurons(params, X).tolist() == [True, True, True, True, True]
    X[0, -1] = 2  # the last image of all wakes two of them
    assert basic.dead_neurons(params, X).tolist() == [False, False, True, True, False]
    assert basic.dead_neurons(network(1, 2), X).tolist() == []


@pytest.mark.parametrize(
    "sizes, dead, said",
    [
        pytest.param((6, 4, 3), 1, "", id="a quarter"),
        pytest.param((6, 4, 3), 2, "2 of 4 hidden neurons are zero", id="half"),
        pytest.param((6, 4, 4, 3), 3, "", id="most of one layer of two"),
        pytest.param((6, 3), 0, "", id="no hidden layer"),
    ],
)
def test_warn_of_dead_neurons_speaks_from_half_of_them_on(capsys, sizes, dead, said):
    params = [p.copy() if p.shape[1] > 1 else p + 10 for p in network(*sizes)]
    params[1][:dead] = -100
    basic.warn_of_dead_neurons(params, X_9)
    printed = capsys.readouterr().out
    assert said in printed and bool(printed) == bool(said)


def before_saving(monkeypatch, change):
    """Make change(figure) happen before a figure is saved: it can save the time of a layout."""
    from matplotlib.figure import Figure

    savefig = Figure.savefig

    def changed(figure, *args, **options):
        change(figure)
        savefig(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", changed)


def test_plot_report_draws_curves_counts_and_weights(own, capsys, monkeypatch):
    figures = []

    def keep(figure):
        figures.append(figure)
        figure.set_layout_engine("none")

    before_saving(monkeypatch, keep)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    lines = printed(capsys, "--data own --iterations 2 --plot report --save m.npz")
    assert "matplotlib.pyplot" not in sys.modules, "pyplot looks for a display"
    assert Path("report").read_bytes().startswith(b"\x89PNG\r\n")
    (losses, accuracies, table, *others), W1 = figures[-1].axes, np.load("m.npz")["W1"]
    for axes, column in ((losses, 4), (accuracies, 7)):
        train, test = axes.lines
        assert [*train.get_xdata()] == [*test.get_xdata()] == [0, 1, 2]
        assert [f"{v:.4f}" for v in train.get_ydata()] == [s.split()[column] for s in lines[1:4]]
    assert lines[5] == f"Test accuracy: {test.get_ydata()[-1]:.4f} on 12 images"
    counts = np.reshape([int(text.get_text()) for text in table.texts], (10, 10))
    assert np.array_equal(counts.sum(axis=1), np.bincount(own[3])), "a row is a true class"
    for w, axes in zip(W1, others):
        image, high = axes.images[0], abs(w).max()
        assert np.array_equal(image.get_array(), w.reshape(28, 28))
        assert image.get_clim() == (-high, high), "0 should be in the middle of the colours"
    titles = [axes.get_title().split() for axes in others[10:] if axes.images]
    assert len([title for title in titles if "not" not in title]) == min(10, counts.trace())


def test_plot_report_writes_the_format_that_its_suffix_names(own, monkeypatch):
    before_saving(monkeypatch, lambda figure: figure.clear())
    basic.main("--data own --iterations 0 --plot report.svg".split())
    assert Path("report.svg").read_bytes().startswith(b"<?xml")
    assert {path.name for path in Path().iterdir()} == {"data", "own", "report.svg"}


# --- The command line ---


def printed(capsys, argv):
    """Run main and return the lines that it printed."""
    capsys.readouterr()
    basic.main(argv.split())
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "argv, options",
    [
        pytest.param("", {}, id="defaults"),
        pytest.param("--iterations 0 --seed 3", {"iterations": 0, "seed": 3}, id="none"),
        pytest.param("--epochs 3 --data mnist", {"iterations": 3}, id="epochs"),
        pytest.param(
            "--epochs 2 --batch-size 5 --seed 1",
            {"iterations": 8, "batch_size": 5, "seed": 1},
            id="batch-size",
        ),
        pytest.param(
            "--iterations 4 --hidden", {"iterations": 4, "layer_sizes": (784, 10)}, id="one-layer"
        ),
        pytest.param(
            "--hidden 6 5 --iterations 9 --alpha 0.01 --optimizer adam --decay --l2 0.1 "
            "--print-every 4",
            {
                "layer_sizes": (784, 6, 5, 10),
                "iterations": 9,
                "alpha": 0.01,
                "optimizer": "adam",
                "decay": True,
                "l2": 0.1,
                "print_every": 4,
            },
            id="all",
        ),
    ],
)
def test_main_trains_as_its_options_say_and_prints_the_same_again(own, capsys, argv, options):
    Path("own").rename("data/mnist")
    lines = printed(capsys, f"{argv} --save m.npz")
    X, Y, X_test, Y_test = basic.load_data("mnist")
    params, A = basic.gradient_descent(X, Y, **options), X_test
    for k in range(0, len(params), 2):
        A = params[k] @ (np.maximum(A, 0) if k else A) + params[k + 1]
    accuracy = np.mean(A.argmax(axis=0) == Y_test)
    expected = capsys.readouterr().out.splitlines()
    expected += ["", f"Test accuracy: {accuracy:.4f} on 12 images"]
    assert lines[: len(expected)] == expected
    probabilities = [float(p) for p in re.findall(r" \d (\d\.\d{3})", "\n".join(lines[-14:]))]
    E = np.exp(A[:, 0] - A[:, 0].max())
    assert probabilities == pytest.approx(E / E.sum(), abs=6e-4)
    saved = np.load("m.npz")
    assert all(np.array_equal(p, saved[name]) for p, name in zip(params, saved.files))
    assert printed(capsys, argv) == lines


def pressed(*args):
    """Stand for a function during which Ctrl-C is pressed."""
    raise KeyboardInterrupt


def test_main_stopped_by_ctrl_c_shows_and_saves_what_was_reached(own, capsys, monkeypatch):
    expected = printed(capsys, "--data own --iterations 2 --save expected.npz")
    updates = iter([basic.backward_prop, basic.backward_prop, pressed])
    monkeypatch.setattr(basic, "backward_prop", lambda *given: next(updates)(*given))
    lines = printed(capsys, "--data own --iterations 5 --save m.npz")
    assert lines == [*expected[:4], "Stopped by Ctrl-C.", expected[3], *expected[4:]]
    for p, q in zip(np.load("m.npz").values(), np.load("expected.npz").values()):
        assert np.array_equal(p, q)


def test_main_stopped_by_ctrl_c_twice_still_saves_what_was_reached(own, capsys, monkeypatch):
    monkeypatch.setattr(basic, "print_results", pressed)
    with pytest.raises(SystemExit) as end:
        basic.main("--data own --iterations 0 --save m.npz".split())
    assert end.value.code == 130 and capsys.readouterr().err == "Stopped by Ctrl-C.\n"
    assert np.array_equal(np.load("m.npz")["W1"], basic.init_params()[0])


def test_main_saves_what_was_reached_if_ctrl_c_is_pressed_again_at_once(own, capsys, monkeypatch):
    lines = iter([basic.print_line, basic.print_line, pressed, pressed])
    monkeypatch.setattr(basic, "print_line", lambda *given: next(lines)(*given))
    assert "Stopped by Ctrl-C." in printed(capsys, "--data own --iterations 5 --save m.npz")
    assert next(lines, None) is None and not np.array_equal(
        np.load("m.npz")["W1"], basic.init_params()[0]
    )


def test_main_keeps_a_good_model_when_the_weights_have_overflowed_at_ctrl_c(
    own, capsys, monkeypatch
):
    basic.save_model(Path("keep.npz"), basic.init_params())
    before = Path("keep.npz").read_bytes()
    updates = iter([basic.backward_prop, basic.backward_prop, pressed])
    monkeypatch.setattr(basic, "backward_prop", lambda *given: next(updates)(*given))
    argv = "--data own --load keep.npz --alpha 1e38 --iterations 10000000 --save keep.npz"
    assert_refused(capsys, argv, "after 2 updates", "smaller alpha")
    assert Path("keep.npz").read_bytes() == before


def test_main_saves_although_nobody_reads_its_output_any_more(own):
    command = f"{sys.executable} -W error {basic.__file__} --data own --iterations 20 --save m.npz"
    done = subprocess.run(f"{command} | head -1", shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("Data: ") and done.stderr == ""
    assert "W1" in np.load("m.npz").files


def test_main_saves_although_the_disk_of_its_log_is_full_and_says_so(own):
    command = f"{sys.executable} -W error {basic.__file__} --data own --iterations 2 --save m.npz"
    done = subprocess.run(f"{command} > /dev/full", shell=True, capture_output=True, text=True)
    assert done.stderr == "The output cannot be written: No space left on device\n"
    assert "W1" in np.load("m.npz").files


def test_main_saves_although_there_is_no_output_at_all(own):
    command = f"{sys.executable} -W error {basic.__file__} --data own --iterations 2 --save m.npz"
    done = subprocess.run(f"{command} >&-", shell=True, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert "W1" in np.load("m.npz").files


def test_say_lets_a_line_appear_at_once(monkeypatch):
    log = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(log)))
    basic.say("now")
    assert log.getvalue() == b"now\n"


def test_main_shows_a_file_name_that_the_terminal_cannot_encode(own, capsys):
    basic.save_model(Path("m.npz"), basic.init_params())
    name = os.fsdecode(b"\xff.png")
    draw(name)
    lines = printed(capsys, f"--load m.npz --predict {name}")
    assert lines[0].startswith("\\udcff.png: ")


def test_main_loads_what_it_saved_and_trains_on_only_if_told_how_long(own, capsys):
    trained = printed(capsys, "--data own --iterations 3 --save m.npz")
    loaded = printed(capsys, "--data own --load m.npz")
    assert loaded[1] == trained[4].replace("Iteration: 3", "Iteration: 0")
    assert loaded[2:] == trained[5:]
    X, Y, *_ = basic.load_data("own")
    params = basic.gradient_descent(X, Y, iterations=2, params=[*np.load("m.npz").values()])
    further = printed(capsys, "--data own --load m.npz --iterations 2 --save m.npz")
    assert [line[:14] for line in further[1:4]] == [f"Iteration: {k}  " for k in range(3)]
    assert all(np.array_equal(p, q) for p, q in zip(params, np.load("m.npz").values()))


def test_main_answers_each_picture_in_one_line(own, capsys):
    for name in ("2.png", "8.jpg"):
        draw(name, unit=int(name[0]))
    trained = printed(capsys, "--data own --iterations 2 --save m.npz --predict 2.png 8.jpg")
    params, expected = [*np.load("m.npz").values()], []
    for name in ("2.png", "8.jpg"):
        p = basic.forward_prop(params, basic.prepare_image(name))[1][-1][:, 0]
        a, b, c = sorted(range(10), key=lambda k: -p[k])[:3]
        expected.append(f"{name}: {a} ({p[a]:.3f}), then {b} ({p[b]:.3f}), {c} ({p[c]:.3f})")
    assert trained[0].startswith("Data:") and trained[-2:] == expected
    assert printed(capsys, "--load m.npz --predict 2.png 8.jpg") == expected
    for more in ("--save n.npz", "--iterations 1", "--epochs 1"):
        lines = printed(capsys, f"--data own --load m.npz {more} --predict 2.png")
        assert lines[0].startswith("Data:") and lines[-1].startswith("2.png: ")


@pytest.mark.parametrize(
    "data, names",
    [
        pytest.param("fashion", basic.CLOTHES, id="fashion"),
        pytest.param("some/Fashion-MNIST", basic.CLOTHES, id="a folder of that name"),
        pytest.param("mnist", basic.DIGITS, id="mnist"),
        pytest.param("fashion/digits", basic.DIGITS, id="a folder in a folder of that name"),
        pytest.param("old-fashioned.csv", basic.DIGITS, id="a name that contains the word"),
    ],
)
def test_class_names_are_clothes_for_fashion_only(data, names):
    assert basic.class_names([data]) == names


@pytest.mark.parametrize(
    "argv, word",
    [
        pytest.param("--data none.csv", "none.csv: no such file", id="no such file"),
        pytest.param("--data auto", "or say mnist or fashion", id="no such name"),
        pytest.param("--data own own", "not own and own", id="two folders"),
        pytest.param("--data a.csv own", "not a.csv and own", id="a file and a folder"),
        pytest.param("--data a.csv a.csv a.csv", "one folder", id="three files"),
        pytest.param("--data data", IDX[0], id="an empty folder"),
        pytest.param("--alpha 0", "above 0", id="alpha 0"),
        pytest.param("--alpha -1", "above 0", id="alpha -1"),
        pytest.param("--alpha nan", "above 0", id="alpha nan"),
        pytest.param("--alpha inf", "above 0", id="alpha inf"),
        pytest.param("--alpha x", "above 0", id="alpha x"),
        pytest.param("--iterations -1", "0 or more", id="iterations -1"),
        pytest.param("--iterations 1.5", "whole", id="iterations 1.5"),
        pytest.param("--epochs 0", "1 or more", id="epochs 0"),
        pytest.param("--epochs 1 --iterations 1", "not allowed", id="epochs and iterations"),
        pytest.param("--batch-size 0", "1 or more", id="batch-size 0"),
        pytest.param("--hidden 0", "from 1 to", id="hidden 0"),
        pytest.param("--hidden 5 x", "whole", id="hidden x"),
        pytest.param(f"--hidden {10**18}", "to 1000000", id="hidden too large"),
        pytest.param("--hidden --load m.npz", "not allowed", id="hidden and load"),
        pytest.param("--l2 -1", "0 or more", id="l2 -1"),
        pytest.param("--l2 inf", "0 or more", id="l2 inf"),
        pytest.param("--data own --l2 1e300", "l2 is far too large", id="l2 that overflows"),
        pytest.param("--seed -1", "0 or more", id="seed -1"),
        pytest.param("--print-every 0", "1 or more", id="print-every 0"),
        pytest.param("--optimizer sgd", "choose from", id="optimizer"),
        pytest.param("--unknown", "unrecognized", id="unknown"),
        pytest.param("--plot none/r.png", "r.png cannot be written", id="plot into no folder"),
        pytest.param("--save none/m.npz", "m.npz cannot be written", id="save into no folder"),
        pytest.param("--save a.csv/m.npz", "m.npz cannot be written", id="save into a file"),
        pytest.param("--save data", "data cannot be written", id="save onto a folder"),
        pytest.param("--save /dev/null", "/dev/null cannot be written", id="save onto a device"),
        pytest.param(f"--save {'m' * 256}", "cannot be written", id="a name too long"),
        pytest.param("--save m.png --plot ./m.png", "named twice", id="save and plot"),
        pytest.param("--predict page.png --plot page.png", "named twice", id="predict and plot"),
        pytest.param("--data a.csv --save a.csv", "named twice", id="data and save"),
        pytest.param("--load m.npz --plot m.npz", "named twice", id="load and plot"),
        pytest.param(f"--data own --save own/{IDX[0]}", "a data file", id="save onto data"),
        pytest.param("--save loop", "loop cannot be written", id="save onto a link to itself"),
        pytest.param("--predict none.png", "none.png", id="predict nothing"),
        pytest.param(f"--predict own/{IDX[0]}", IDX[0], id="predict no picture"),
        pytest.param("--predict pale.png", "pale.png", id="predict a pale picture"),
        pytest.param("--plot r.xyz", "r.xyz cannot be drawn", id="unknown format"),
    ],
)
def test_main_refuses(own, capsys, argv, word):
    draw("pale.png", ink=(249, 249, 249))
    draw("page.png")
    write_csv("a.csv", *own[:2])
    Path("loop").symlink_to("loop")
    before = {path: path.is_file() and path.read_bytes() for path in Path().rglob("*")}
    assert_refused(capsys, argv, word)
    after = {path: path.is_file() and path.read_bytes() for path in Path().rglob("*")}
    assert after == before, "nothing should be left behind or changed"


def test_main_asks_before_the_training_whether_matplotlib_can_draw(own, capsys, monkeypatch):
    def no_latex(figure):
        raise RuntimeError("xelatex not found")

    before_saving(monkeypatch, no_latex)
    assert_refused(capsys, "--data own --plot r.pgf", "r.pgf cannot be drawn", "take .png")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "module, argv",
    [("pandas", "--data a.csv"), ("matplotlib.figure", "--plot r.png"), ("PIL", "--predict 2.png")],
)
def test_main_without_a_library_says_how_to_install_it(own, capsys, monkeypatch, module, argv):
    write_csv("a.csv", *own[:2])
    draw("2.png")
    monkeypatch.setitem(sys.modules, module, None)
    assert_refused(capsys, argv, module, "pip install -r requirements.txt")


def test_main_without_memory_says_what_takes_less(own, capsys, monkeypatch):
    def no_memory(*args, **options):
        raise MemoryError("Unable to allocate 5.8 TiB")

    monkeypatch.setattr(basic, "gradient_descent", no_memory)
    assert_refused(capsys, "--data own", "memory", "--hidden", "--batch-size", "5.8 TiB")


def test_main_prints_the_results_before_it_saves(own, capsys, monkeypatch):
    def full_disk(*args, **arrays):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(SystemExit):
        basic.main("--data own --iterations 1 --save m.npz".split())
    out, err = capsys.readouterr()
    assert "Test accuracy: " in out
    assert "m.npz cannot be written (No space left on device): choose another place\n" in err
    assert {path.name for path in Path().iterdir()} == {"data", "own"}


def test_main_explains_its_options_without_loading_what_that_does_not_need():
    code = "import basic, sys\ntry: basic.main(['--help'])\nfinally: print(*sys.modules)"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    text, _, modules = done.stdout.rstrip().rpartition("\n")
    assert "numpy" in modules.split()
    assert not {"pandas", "matplotlib", "PIL"} & {*modules.split()}
    assert len(re.findall(r"^  --[a-z]", text, re.M)) == 15
    for default in ("[mnist]", "[500; 0 with", "[10]", "[all]", "[gd]", "[0.1]", "[0]", "[off]"):
        assert default in text
    assert len(re.findall(r"^  python basic.py --", text, re.M)) == 3


def test_script_metadata_asks_for_what_requirements_txt_asks_for():
    source = Path(basic.__file__).read_text("utf-8")
    wanted = (HERE / "requirements.txt").read_text("utf-8").split()
    wanted = [line for line in wanted if not line.startswith("pytest")]
    # A basic.py without any comment, as mutate.py writes it, is not what this is about.
    assert "\n# " not in source or f"\n# dependencies = {json.dumps(wanted)}\n" in source


# --- The pages ---

PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (HERE / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\s*^```text([^\n]*)\n(.*?)^```\n)?", re.M | re.S)


def same_words_and_numbers(ours, printed):
    """Return whether two texts differ in nothing but the last digit of their numbers."""
    pieces = [re.split(r"(-?\d+\.?\d*(?:e[+-]?\d+)?)", text.strip()) for text in (ours, printed)]
    if len(pieces[0]) != len(pieces[1]):
        return False
    for k, (one, other) in enumerate(zip(*pieces)):
        if k % 2 == 0 and one.split() != other.split():
            return False
        if k % 2 == 1:
            mantissa, _, exponent = other.partition("e")
            decimals = len(mantissa.partition(".")[2])
            last_digit = 10.0 ** (int(exponent or 0) - decimals)
            if "." not in mantissa and not exponent:
                last_digit = 0
            if abs(float(one) - float(other)) > 1.5 * last_digit:
                return False
    return True


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_python_blocks_that_run_and_print_what_stands_below_them(
    page, mnist, monkeypatch, tmp_path, capsys
):
    """A block that takes long, as its ```text says, or prints nothing, is run on few images.

    One that begins with "# takes minutes" starts whole programs; it is only compiled.
    """
    train, init = basic.gradient_descent, basic.init_params
    few = (mnist[0][:, :200], mnist[1][:200], mnist[2][:, :100], mnist[3][:100])
    arrays = few

    def short(X, Y, alpha=0.1, iterations=500, **options):
        return train(X, Y, alpha, min(iterations, 2 if arrays is few else iterations), **options)

    def narrow(layer_sizes=(784, 10, 10), *others, **options):
        n_0, *hidden, n_L = layer_sizes
        if arrays is few:
            hidden = [min(n, 16) for n in hidden]
        return init((n_0, *hidden, n_L), *others, **options)

    monkeypatch.setattr(basic, "gradient_descent", short)
    monkeypatch.setattr(basic, "init_params", narrow)
    monkeypatch.setattr(basic, "load_data", lambda data="mnist", seed=0: arrays)
    for name in vars(basic):
        if not name.startswith("__"):
            monkeypatch.setattr(basic, name, getattr(basic, name))  # a block may replace it
    from matplotlib.figure import Figure

    drawn = set()
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: drawn.add(path))
    monkeypatch.chdir(tmp_path)
    names = {"__name__": page}
    text = (HERE / page).read_text("utf-8")
    blocks = BLOCK.findall(text)
    for block, takes, expected in blocks:
        if "dask" in block and not importlib.util.find_spec("dask"):
            continue
        code = compile(block, page, "exec")
        if block.startswith("# takes minutes"):
            continue
        arrays = mnist if expected and not takes else few
        if "X_train" in names:
            names |= zip(("X_train", "Y_train", "X_test", "Y_test"), arrays)
        capsys.readouterr()
        exec(code, names)
        out = capsys.readouterr().out
        if expected and not takes:
            assert same_words_and_numbers(out, expected), (
                f"printed:\n{out}\non the page:\n{expected}"
            )
    shown = {
        f"docs/{Path(picture).name}" for picture in re.findall(r"^!\[.*\]\((.*)\)", text, re.M)
    }
    assert drawn == shown - {"docs/mnist.png"}, "a block should draw each picture; --plot draws one"


def test_README_has_blocks_whose_output_is_compared():
    blocks = BLOCK.findall((HERE / "README.md").read_text("utf-8"))
    assert len([block for block, takes, expected in blocks if expected and not takes]) > 2
    assert same_words_and_numbers("loss 2.3412 of 7", "loss 2.3411  of 7")
    assert not same_words_and_numbers("loss 2.3413 of 7", "loss 2.3411 of 7")
    assert not same_words_and_numbers("loss 2.3411 of 7", "loss 2.3411 of 8")
    assert not same_words_and_numbers("loss 2.3411", "lost 2.3411")


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_commands_that_the_command_line_takes(page, monkeypatch):
    asked = []
    monkeypatch.setattr(basic, "run", asked.append)
    blocks = re.findall(r"^```sh\n(.*?)^```", (HERE / page).read_text("utf-8"), re.M | re.S)
    commands = re.findall(r"python basic\.py([^\n|&]*)", "\n".join(blocks))
    for command in commands:
        basic.main(shlex.split(command, comments=True))
    assert len(asked) == len(commands)


def anchors(page):
    """Return the anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_pages_link_to_files_and_headings_that_exist():
    linked = 0
    for page in [*PAGES, "data/README.md"]:
        text = (HERE / page).read_text("utf-8")
        links = re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text)
        links += [(path, "") for path in re.findall(r"src=\"([^\"]+)\"", text)]
        for path, anchor in links:
            if "://" in path:
                continue
            target = (HERE / page).parent / path if path else HERE / page
            assert target.exists(), f"{page}: {path}"
            if anchor:
                linked += 1
                assert anchor in anchors(target), f"{page}: {path}#{anchor}"
    assert linked > 10


def test_README_names_every_option_of_the_help_and_no_other(capsys):
    with pytest.raises(SystemExit):
        basic.main(["--help"])
    options = set(re.findall(r"^  (--[a-z0-9-]+)", capsys.readouterr().out, re.MULTILINE))
    named = set(
        re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]*)", (HERE / "README.md").read_text("utf-8"))
    )
    assert len(options) > 10 and options <= named


# --- The course: python test_basic.py mine.py ---

# What is written, in this order, and how the names of the tests begin that grade it.
STEPS = {
    "init_params": "init_params",
    "ReLU": "ReLU_is",
    "ReLU_deriv": "ReLU_deriv",
    "softmax": "softmax",
    "one_hot": "one_hot",
    "forward_prop": "forward_prop",
    "cross_entropy": "cross_entropy",
    "l2_penalty": "l2_penalty",
    "backward_prop": "backward_prop",
    "update_params": "update_params",
    "get_predictions": "get_predictions",
    "get_accuracy": "get_accuracy",
    "evaluate": "evaluate",
    "gradient_descent: all images": "gradient_descent_on_all_images",
    "gradient_descent: printed lines": "gradient_descent_prints",
    "gradient_descent: mini-batches": "gradient_descent_on_mini_batches",
    "momentum": "momentum",
    "rmsprop": "rmsprop",
    "adam": "adam",
    "gradient_descent: optimizers": "gradient_descent_with_an_optimizer",
    "gradient_descent: start, decay, l2": "gradient_descent_from_given_params",
    "gradient_descent: checks": "gradient_descent_refuses",
}
FUNCTIONS = [*dict.fromkeys(step.partition(":")[0] for step in STEPS)]
TOO_LONG = 10  # seconds for one step: all of them together take about two

ABOVE = '''"""A neural network for handwritten digits, from scratch: mine.

Fill in these functions; README.md has their formulas. `python test_basic.py mine.py` tells you how
far you are and what is wrong. What is not written yet is taken from basic.py, so you may begin
anywhere, and `python mine.py` trains the network with what you have, at any time.

    X         the images, (n_0, m): one column for each of m images, pixels from 0 to 1
    Y         their labels, (m,)
    params    the list [W1, b1, W2, b2, ..., WL, bL]: W_l is (n_l, n_{l-1}), b_l is (n_l, 1)
    L, l      the number of layers, 2 or any other; and one of them, from 1 to L
    Z, A      what enters and what leaves the activation of a layer, (n_l, m)

Unless its docstring says otherwise, a function gives back the dtype that comes in: float32, float64
or complex128, with which the tests measure derivatives. No function changes an array that it is
given, except an optimizer its memory. A ValueError must say its cure; the word for it stands in the
docstring.
"""

import numpy as np
'''
BELOW = """if __name__ == "__main__":
    from test_basic import complete

    mine = complete(__file__)  # the functions above, and basic.py's for those not written yet
    X_train, Y_train, X_test, Y_test = mine.load_data()
    params = mine.gradient_descent(X_train, Y_train)
    loss, accuracy = mine.evaluate(params, X_test, Y_test)
    print(f"Test accuracy: {accuracy:.4f}")
"""


@functools.cache
def skeleton(path=HERE / "mine.py"):
    """Return the text of an empty mine.py: what basic.py's functions promise, not how."""
    source = Path(DOCUMENTED["__file__"]).read_text("utf-8")
    lines, nodes = source.splitlines(), {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            nodes[node.name] = node
        elif isinstance(node, ast.Assign):
            nodes[node.targets[0].id] = node
    parts = [ABOVE.replace("mine.py", path.name)]
    for function in FUNCTIONS:
        if function == "momentum":  # what an optimizer is, is said above the first of them, plain
            comment = re.search(r"((?:^# .*\n)*)\n*def plain\(", source, re.MULTILINE)[1]
            parts.append(f"{comment}\n\n{ast.get_source_segment(source, nodes['plain'])}\n")
        docstring = nodes[function].body[0]
        above = lines[nodes[function].lineno - 1 : docstring.lineno - 1]
        text = lines[docstring.lineno - 1 : docstring.end_lineno]
        parts.append("\n".join([*above, *without_code(text), "    raise NotImplementedError\n"]))
    parts.append(ast.get_source_segment(source, nodes["OPTIMIZERS"]) + "\n")
    below = BELOW
    if path.resolve().parent != HERE:
        found = f"    import sys\n\n    sys.path.append({str(HERE)!r})  # where test_basic.py is\n"
        below = BELOW.replace("    from test_basic", f"{found}    from test_basic")
    return "\n\n".join([*parts, below])


def without_code(lines):
    """Return a docstring's lines with one line in place of a block of code."""
    kept = []
    for line in lines:
        indented = line.startswith(" " * 8)
        if indented and kept[-1] == "":
            kept.append(HIDDEN)
        elif not (indented and kept[-1] == HIDDEN):
            kept.append(line)
    return kept


HIDDEN = "        (these lines are yours to write; README.md has the formulas)"


def is_unwritten(node):
    """Return whether a piece of mine.py is a function that still raises NotImplementedError."""
    if not isinstance(node, ast.FunctionDef):
        return False
    for line in node.body:
        docstring = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        if not docstring and not isinstance(line, ast.Pass):
            return isinstance(line, ast.Raise) and "NotImplementedError" in ast.unparse(line)
    return True


REFERENCE = compile(Path(basic.__file__).read_text("utf-8"), basic.__file__, "exec")


def complete(path, source=None):
    """Return basic.py as a module in which the functions of mine.py stand in place of its own.

    So all of them call each other, and what is not written is there all the same.
    """
    module = types.ModuleType("mine")
    module.__file__, module.learner = DOCUMENTED["__file__"], str(path)
    exec(REFERENCE, vars(module))
    tree = ast.parse(Path(path).read_text("utf-8") if source is None else source, str(path))
    tree.body = [node for node in tree.body if not is_unwritten(node)]
    before = vars(module).copy()
    exec(compile(tree, str(path), "exec"), vars(module))
    module.written = []
    for name in FUNCTIONS:  # what is imported from basic is not written, either
        if getattr(module, name) not in (before[name], DOCUMENTED[name]):
            module.written.append(name)
    return module


def graded_by(step):
    """Return the tests of a step, in the order of this file."""
    return [test for name, test in globals().items() if name.startswith(f"test_{STEPS[step]}_")]


def cases_of(test):
    """Return the arguments of each case of a test, from its pytest.mark.parametrize."""
    cases = [{}]
    for mark in getattr(test, "pytestmark", []):
        names = mark.args[0].split(", ")
        more = []
        for row in mark.args[1]:
            if isinstance(row, type(pytest.param())):
                row = row.values
            elif len(names) == 1:
                row = [row]
            more.append(dict(zip(names, row)))
        cases = [case | other for other in more for case in cases]
    return cases


def grade(module, step):
    """Return how many tests of a step passed, and what is wrong: text, or "" when all passed.

    An unwritten function in the way is a NotImplementedError, and Ctrl-C stays a KeyboardInterrupt.
    """
    global basic
    kept, basic, passed, too_long = basic, module, 0, threading.Event()

    def interrupt():
        too_long.set()
        _thread.interrupt_main()

    # Where Ctrl-C is ignored, as in a job in the background, the timer could not stop a loop.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(TOO_LONG, interrupt)
    timer.start()
    try:
        for test in graded_by(step):
            for case in cases_of(test):
                wrong = run_case(test, case, too_long)
                if wrong:
                    return passed, wrong
                passed += 1
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
        basic = kept
    return passed, ""


def run_case(test, case, too_long):
    """Return what is wrong when a test is run with these arguments, or ""."""
    short = {name: getattr(value, "__name__", str(value)) for name, value in case.items()}
    given = ", ".join(f"{name}={text}" for name, text in short.items() if len(text) < 30)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error")
            test(**case)
        if not too_long.is_set():
            return ""
        text = ""
    except NotImplementedError:
        raise
    except KeyboardInterrupt:
        if not too_long.is_set():
            raise
        text = ""
    except AssertionError as error:
        text = f"{error}{lines_through(error, basic.learner)}"
    except (Exception, SystemExit) as error:
        text = f"{explain(error)}{lines_through(error, basic.learner)}"
    if too_long.is_set():
        text = f"still running after {TOO_LONG} seconds: is there a loop that does not end?"
    if printed.getvalue():
        text += "\nIt printed:\n" + textwrap.indent(printed.getvalue()[-1000:].rstrip(), "  ")
    return f"{test.__name__}{f' ({given})' if given else ''}\n{textwrap.indent(text, '  ')}"


def lines_through(error, learner):
    """Return the lines of the learner's file that an error came through, the last two at most."""
    while error is not None:
        lines = {}
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == learner:
                where = f"{Path(learner).name}, line {frame.lineno}, in {frame.name}"
                lines.setdefault(frame.lineno, f"\n{where}: {frame.line}")
        if lines:
            return "".join([*lines.values()][-2:])
        error = error.__cause__
    return ""


def course(path):
    """Write a mine.py to be filled in, or tell how far it is; return 0 if all of it passes."""
    if not path.exists():
        path.write_text(skeleton(path), "utf-8")
        print(f"{path} is written. Fill in its first function, {FUNCTIONS[0]}, or any other;")
        print(f"then `python test_basic.py {path}` again tells you how far you are.")
        return 0
    try:
        module = complete(path)
    except SyntaxError as error:
        print(f"{path.name}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}")
        return 2
    except (Exception, SystemExit) as error:
        where = lines_through(error, str(path))
        print(f"{path.name} cannot be run: {type(error).__name__}: {error}{where}")
        return 2
    total, first_wrong, first_unwritten, failed, begun = 0, "", "", set(), set()
    for step in STEPS:
        print(f"{step:<36}", end="", flush=True)
        function = step.partition(":")[0]
        if function in failed:
            print("waits for the step before it")
            continue
        try:
            if function not in module.written:
                raise NotImplementedError
            passed, wrong = grade(module, step)
        except NotImplementedError:
            first_unwritten = first_unwritten or step
            print("not written yet")
            continue
        total += passed
        if wrong and not first_wrong:
            first_wrong = wrong
            if first_unwritten and function in begun:  # this step may be for later
                first_wrong = f"Next: {first_unwritten}. Or, if you are at {step}:\n\n{wrong}"
        (failed if wrong else begun).add(function)
        tests = "1 test" if passed == 1 else f"{passed} tests"
        print("failed" if wrong else f"passed ({tests})", flush=True)
    if first_wrong:
        print(f"\n{first_wrong}")
    elif first_unwritten:
        print(f"\nNext: {first_unwritten}")
    else:
        print(f"\nAll {total} tests pass. `python {path}` trains your network on MNIST.")
    return 1 if first_wrong or first_unwritten else 0


# --- The course itself ---


def taken(capsys, path):
    """Return the status and the printed lines of `python test_basic.py mine.py`."""
    status = course(path)
    return status, capsys.readouterr().out.splitlines()


def test_course_grades_every_test_of_its_functions_in_one_step():
    steps = [test for step in STEPS for test in graded_by(step)]
    assert all(graded_by(step) for step in STEPS) and len(steps) == len(set(steps))
    ours = [name for name in globals() if re.match(rf"test_({'|'.join(FUNCTIONS)})_", name)]
    assert {test.__name__ for test in steps} == set(ours)
    for test in steps:
        assert set(inspect.signature(test).parameters) == set(cases_of(test)[0]), "no fixtures here"


def test_course_writes_a_mine_py_that_is_not_written_yet_and_runs(capsys, tmp_path):
    path = tmp_path / "mine.py"
    status, lines = taken(capsys, path)
    assert status == 0 and "init_params" in lines[0]
    status, lines = taken(capsys, path)
    assert status == 1 and lines[-1] == "Next: init_params"
    assert [line.split("  ")[0] for line in lines[:-2]] == [*STEPS]
    assert all(line.endswith(" not written yet") for line in lines[:-2])
    assert complete(path).written == []


def test_course_writes_a_mine_py_in_another_folder_that_finds_test_basic_py(capsys, tmp_path):
    path = tmp_path / "mine.py"
    taken(capsys, path)
    text = path.read_text("utf-8").partition("    X_train, ")[0]
    path.write_text(text + "    print(mine.written, mine.softmax is not softmax)\n", "utf-8")
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[] True\n", "")
    assert "sys.path" not in skeleton()


def test_course_writes_signatures_and_docstrings_of_basic_and_none_of_its_lines():
    text = skeleton()
    names = {"__name__": "mine"}
    exec(compile(text, "mine.py", "exec"), names)
    for name in FUNCTIONS:
        function, reference = names[name], DOCUMENTED[name]
        assert str(inspect.signature(function)) == str(inspect.signature(reference))
        first = inspect.getdoc(reference).partition("\n")[0]
        assert inspect.getdoc(function).startswith(first)
        with pytest.raises(NotImplementedError):
            function(*[None] * function.__code__.co_argcount)
    assert not re.search(r"dZ2 =|Z1 = |grads = |np\.maximum|argmax\(axis=0\)\n", text)


def test_course_passes_basic_py_itself(capsys):
    status, lines = taken(capsys, Path(DOCUMENTED["__file__"]))
    assert status == 0, "\n".join(lines)
    assert [line.split("  ")[0] for line in lines[:-2]] == [*STEPS]
    assert re.fullmatch(r"All \d+ tests pass.*", lines[-1]) and " failed" not in "".join(lines)


@pytest.mark.parametrize(
    "text, status, expected",
    [
        pytest.param("def softmax(Z):\n    return Z Z\n", 2, "mine.py, line 2: ", id="syntax"),
        pytest.param(
            "x = 1\ny = 1 / 0\n", 2, "mine.py, line 2, in <module>: y = 1 / 0", id="import"
        ),
        pytest.param("exit(3)\n", 2, "SystemExit: 3", id="exit"),
        pytest.param("", 1, "Next: init_params", id="empty"),
        pytest.param("from basic import *\n", 1, "Next: init_params", id="import-of-basic"),
        pytest.param("def helper():\n    return 1\n", 1, "Next: init_params", id="extra"),
        pytest.param("def ReLU(Z):\n    pass\n", 1, "Next: init_params", id="pass"),
        pytest.param("def ReLU(Z):\n    return exit()\n", 1, "SystemExit", id="exit-in-a-test"),
        pytest.param(
            "def ReLU(Z):\n    print('Z =', Z)\n    return Z\n", 1, "    Z = [[-2", id="print"
        ),
        pytest.param(
            "def ReLU(Z):\n    return Z.relu\n", 1, "mine.py, line 2, in ReLU", id="error"
        ),
        pytest.param(
            "def get_predictions(P):\n    return P.argmax(axis=0)\n"
            "def evaluate(params, X, Y, l2=0.0):\n    return get_predictions([X, Y])\n",
            1,
            "in evaluate: return get_predictions([X, Y])\n  mine.py, line 2, in get_predictions",
            id="error-with-its-caller",
        ),
    ],
)
def test_course_says_in_a_line_what_cannot_be_run(capsys, tmp_path, text, status, expected):
    path = tmp_path / "mine.py"
    path.write_text(text)
    ended, lines = taken(capsys, path)
    assert ended == status and expected in "\n".join(lines), lines
    assert status == 1 or len(lines) <= 2


def test_course_names_the_first_broken_function_alone_and_takes_the_rest_from_basic(
    capsys, tmp_path
):
    path = tmp_path / "mine.py"
    good, bad = mine("ReLU"), mine("softmax", "axis=0", "axis=1")
    path.write_text(f"import numpy as np\n{good}\n{bad}\n{mine('forward_prop')}\n")
    status, lines = taken(capsys, path)
    table, _, message = "\n".join(lines).partition("\n\n")
    graded = dict(re.split("  +", line, maxsplit=1) for line in table.splitlines())
    assert status == 1 and graded["ReLU"] == "passed (4 tests)" and graded["softmax"] == "failed"
    assert graded["forward_prop"] == "failed"  # it uses softmax; the message is not about that
    assert message.startswith("test_softmax_") and "forward_prop" not in message
    assert graded["backward_prop"] == "not written yet"


def test_course_says_what_is_next_before_a_step_that_may_be_for_later(capsys, tmp_path):
    path = tmp_path / "mine.py"
    plain = mine("gradient_descent", "OPTIMIZERS[optimizer](g, own, i + 1)", "g")
    path.write_text("import numpy as np\n" + "\n".join([*map(mine, FUNCTIONS[:13]), plain]))
    _, lines = taken(capsys, path)
    message = "\n".join(lines).partition("\n\n")[2]
    assert message.startswith("Next: momentum. Or, if you are at gradient_descent: optimizers:\n\n")
    path.write_text("import numpy as np\n" + mine("gradient_descent", "Z, A =", "A, Z ="))
    _, lines = taken(capsys, path)
    assert "Next" not in "\n".join(lines)


def test_course_stops_a_loop_that_does_not_end(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "TOO_LONG", 0.2)
    path = tmp_path / "mine.py"
    path.write_text("def get_predictions(P):\n    while True:\n        pass\n")
    status, lines = taken(capsys, path)
    assert status == 1 and "a loop that does not end" in lines[-1]


def test_course_runs_from_the_command_line(tmp_path):
    (tmp_path / "mine.py").write_text("def softmax(Z):\n    return Z\n")
    command = [sys.executable, HERE / "test_basic.py"]
    done = subprocess.run([*command, "mine.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "\nsoftmax                             failed\n" in done.stdout
    assert done.stderr == ""
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "python test_basic.py mine.py" in done.stderr


# --- Does the course say what is wrong? Versions that beginners write, and a word of the answer ---

BACKWARD = (
    """
W1, b1, W2, b2 = params
(Z1, Z2), (X, A1, A2), T, m = Z[1:], A, one_hot(Y, len(A[2])), Y.size
"""
    + BLACKBOARD
    + "return [dW1, db1, dW2, db2]"
)
FORWARD = """
Z, A, L = [None], [X], len(params) // 2
if X.ndim != 2 or X.shape[0] != params[0].shape[1]:
    raise ValueError("X.T, or X[:, [0]] for one image")
for l in range(1, L + 1):
    Z.append(params[2 * l - 2] @ A[l - 1] + params[2 * l - 1])
    A.append(softmax(Z[l]) if l == L else ReLU(Z[l]))
return Z, A
"""
BACKWARD_OF_ANY_DEPTH = """
grads, L = [], len(params) // 2
dZ = A[L] - one_hot(Y, len(A[L]))
for l in range(L, 0, -1):
    W = params[2 * l - 2]
    grads = [dZ @ A[l - 1].T / Y.size + l2 * W, dZ.sum(axis=1, keepdims=True) / Y.size] + grads
    if l > 1: dZ = W.T @ dZ * (Z[l - 1] > 0)
return grads
"""
INIT = """
whole = all(size % 1 == 0 for size in layer_sizes)
if not whole or len(layer_sizes) < 2 or min(layer_sizes) < 1 or np.dtype(dtype).kind not in "fc":
    raise ValueError("layer_sizes or dtype")
rng, params = np.random.default_rng(seed), []
for n, k in zip(layer_sizes, layer_sizes[1:]):
    W = rng.standard_normal((k, n)) * np.sqrt(2 / n)
    params += [W.astype(dtype), np.zeros((k, 1), dtype)]
return params
"""
ONE_HOT = """
if Y.ndim != 1 or Y.dtype.kind not in "iu" or not ((Y >= 0) & (Y < classes)).all():
    raise ValueError("pass Y.ravel(), Y.argmax(axis=0), Y.astype(int), labels from 0 to 9")
return np.arange(classes)[:, None] == Y
"""
TRAINING = """
check_arguments(X, Y, alpha, iterations, batch_size, optimizer, l2, print_every)
params = init_params(layer_sizes, seed, X.dtype) if params is None else params
check_shapes(params, X, Y)
params = [p.astype(X.dtype) for p in params]
alpha = float(alpha)
l2, n, m, order = float(l2), int(iterations), Y.size, []
rng = np.random.default_rng(seed)
every, size = print_every or max(1, n // 10), batch_size or m
memory = [np.zeros((2, *p.shape), p.dtype) for p in params]
for i in range(n + 1):
    try:
        if i % every == 0 or i == n:
            shown = slice(10_000 if batch_size else None)
            loss, accuracy = evaluate(params, X[:, shown], Y[shown], l2)
            if not np.isfinite(loss): raise ValueError("a smaller alpha")
            epoch = f" | Epoch: {i / -(-m // size):.2f}" if batch_size else ""
            print(f"Iteration: {i:<4} | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}{epoch}")
            if callback: callback(i, params, loss, accuracy)
        if i == n: break
        if len(order) == 0: order = rng.permutation(m) if batch_size else np.arange(m)
        batch, order = order[:size], order[size:]
        Z, A = forward_prop(params, X[:, batch])
        grads = backward_prop(params, Z, A, Y[batch], l2)
        steps = [OPTIMIZERS[optimizer](g, own, i + 1) for g, own in zip(grads, memory)]
        params = update_params(params, steps, alpha * (1 - i / n) if decay else alpha)
    except KeyboardInterrupt:
        print(f"Iteration: {i:<4} | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}")
        break
return params
"""
MOMENTUM = "memory[0] = beta * memory[0] + g\nreturn memory[0]"
RMSPROP = """
memory[0] = beta * memory[0] + (1 - beta) * g * g
return g / (np.sqrt(memory[0]) + epsilon)
"""
ADAM = """
memory[0] = beta1 * memory[0] + (1 - beta1) * g
memory[1] = beta2 * memory[1] + (1 - beta2) * g * g
m_hat, v_hat = memory[0] / (1 - beta1**t), memory[1] / (1 - beta2**t)
return m_hat / (np.sqrt(v_hat) + epsilon)
"""
CROSS = """
S = logits - logits.max(axis=0)
log_A = S - np.log(np.exp(S).sum(axis=0))
return -(one_hot(Y, len(logits)) * log_A).sum(axis=0).mean()
"""
# A right version of each function, with other lines than basic.py's, to be broken in one place.
RIGHT = {
    "init_params": INIT,
    "ReLU": "return Z * (Z > 0)",
    "ReLU_deriv": "return np.where(Z > 0, 1, 0).astype(Z.dtype)",
    "softmax": "E = np.exp(Z - Z.max(axis=0))\nreturn E / E.sum(axis=0)",
    "one_hot": ONE_HOT,
    "forward_prop": FORWARD,
    "cross_entropy": CROSS,
    "l2_penalty": "return l2 / 2 * sum((W**2).sum() for W in params[::2])",
    "update_params": "return [p - alpha * g for p, g in zip(params, grads)]",
    "get_predictions": "return np.argmax(P, axis=0)",
    "get_accuracy": 'if predictions.shape != Y.shape:\n    raise ValueError("shape")\n'
    "return float((predictions == Y).mean())",
    "evaluate": """
Z, A = forward_prop(params, X)
accuracy = get_accuracy(get_predictions(A[-1]), Y)
return float(cross_entropy(Z[-1], Y) + l2_penalty(params, l2)), accuracy
""",
    "gradient_descent": TRAINING,
    "momentum": MOMENTUM,
    "rmsprop": RMSPROP,
    "adam": ADAM,
    "backward_prop": BACKWARD_OF_ANY_DEPTH,
}
# function, what stands in the right version, what a beginner writes, a word of the answer
SLIPS_OF_BEGINNERS = [
    ("init_params", "np.sqrt(2 / n)", "np.sqrt(1 / n)", "0.501 times 2 / 500"),
    ("init_params", "np.sqrt(2 / n)", "2 / n", "times 2 / 500"),
    ("init_params", "np.sqrt(2 / n)", "np.sqrt(2 / k)", "1.25 times 2 / 500"),
    ("init_params", "np.sqrt(2 / n)", "0.01", "times 2 / 500"),
    ("init_params", "rng.standard_normal((k, n)) *", "np.zeros((k, n)) *", "stay equal"),
    ("init_params", "rng.standard_normal((k, n)) *", "rng.random((k, n)) *", "mean"),
    ("init_params", "rng.standard_normal((k, n)) *", "(rng.random((k, n)) - 0.5) *", "variance"),
    ("init_params", "standard_normal((k, n))", "standard_normal((n, k))", "(n_l, n_{l-1})"),
    ("init_params", "standard_normal((k, n))", "standard_normal((k, n), dtype)", "draw in float64"),
    ("init_params", "np.random.default_rng(seed)", "np.random.default_rng()", "same seed"),
    ("init_params", "np.random.default_rng(seed)", "np.random.default_rng(1)", "seed 4"),
    ("init_params", "W = rng.", "W = np.random.default_rng(seed).", "before the loop"),
    ("init_params", "np.zeros((k, 1), dtype)", "np.zeros(k, dtype)", "column"),
    ("init_params", "np.zeros((k, 1), dtype)", "np.ones((k, 1), dtype)", "zeros"),
    ("init_params", "W.astype(dtype)", "W", "dtype float64, not float32"),
    (
        "init_params",
        "params += [W.astype(dtype), np.zeros((k, 1), dtype)]",
        "params.append((W.astype(dtype), np.zeros((k, 1), dtype)))",
        "flat",
    ),
    ("init_params", "return params", "", "return"),
    ("init_params", "dtype=np.float32", "dtype=np.float64", "dtype=np.float32 is the default"),
    (
        "init_params",
        'np.dtype(dtype).kind not in "fc"',
        "dtype not in (np.float32, np.float64, np.complex128)",
        "np.dtype(dtype).kind",
    ),
    ("init_params", "not whole or", "", "10.5"),
    ("init_params", 'raise ValueError("layer_sizes or dtype")', "pass", "layer_sizes"),
    ("ReLU", "Z * (Z > 0)", "np.clip(Z, 0, 50)", "10000"),
    ("ReLU", "Z * (Z > 0)", "np.maximum(Z, 0.01 * Z)", "not 0"),
    ("ReLU", "Z * (Z > 0)", "np.abs(Z)", "is 2, not 0"),
    ("ReLU", "Z * (Z > 0)", "((Z + np.abs(Z)) / 2).astype(Z.dtype)", "abs(Z) is never complex"),
    ("ReLU", "Z * (Z > 0)", "Z > 0", "dtype bool"),
    ("ReLU", "Z * (Z > 0)", "max(0, Z)", "np.maximum"),
    ("ReLU", "return Z * (Z > 0)", "Z[Z < 0] = 0\nreturn Z", "in place"),
    ("ReLU", "Z * (Z > 0)", "np.maximum(Z, 0).astype(float)", "dtype float64, not float32"),
    ("ReLU_deriv", "np.where(Z > 0, 1, 0).astype(Z.dtype)", "Z > 0", ".astype(Z.dtype)"),
    ("ReLU_deriv", "Z > 0", "Z >= 0", "at 0 too"),
    ("ReLU_deriv", ".astype(Z.dtype)", "", "dtype int64, not float32"),
    ("ReLU_deriv", ".astype(Z.dtype)", ".astype(float)", "not float32: .astype(Z.dtype)"),
    ("ReLU_deriv", "np.where(Z > 0, 1, 0).astype(Z.dtype)", "(Z > 0) * 1.0", ".astype(Z.dtype)"),
    ("ReLU_deriv", "Z > 0, 1, 0", "Z > 0, Z, 0", "1 where Z > 0"),
    ("ReLU_deriv", "np.where(Z > 0, 1, 0)", "np.sign(Z)", "else 0"),
    ("ReLU_deriv", "return", "if Z > 0:\n    return 1\nreturn", "without an if"),
    ("softmax", "Z - Z.max(axis=0)", "Z", "own maximum"),
    ("softmax", "Z.max(axis=0)", "Z.max()", "own maximum"),
    ("softmax", "axis=0", "axis=1", "each column"),
    ("softmax", "E.sum(axis=0)", "E.sum()", "each column"),
    ("softmax", "E.sum(axis=0)", "E.sum(axis=1, keepdims=True)", "each column"),
    ("softmax", "E / E.sum(axis=0)", "E", "each column"),
    ("softmax", "E / E.sum(axis=0)", "np.log(E / E.sum(axis=0))", "softmax(Z)"),
    ("softmax", "E = np.exp(Z - Z.max(axis=0))", "Z -= Z.max(axis=0)\nE = np.exp(Z)", "in place"),
    ("softmax", "return E", "return E.astype(float)", "dtype float64, not float32"),
    ("softmax", "E / E.sum(axis=0)", "E / abs(E).sum(axis=0)", "no abs"),
    ("one_hot", "np.arange(classes)[:, None] == Y", "np.eye(classes)[Y]", "transposed"),
    ("one_hot", "np.arange(classes)[:, None] == Y", "np.eye(classes)[Y].T", "float64, not bool"),
    ("one_hot", "np.arange(classes)", "np.arange(Y.max() + 1)", "(4, 4)"),
    ("one_hot", "np.arange(classes)", "np.arange(10)", "(3, 4)"),
    ("one_hot", "[:, None] == Y", " == Y[:, None]", "transposed"),
    ("one_hot", "Y.ndim != 1", "False", "ravel"),
    ("one_hot", 'Y.dtype.kind not in "iu"', "False", "astype"),
    ("one_hot", "(Y >= 0)", "True", "from 0 to"),
    ("one_hot", "(Y < classes)", "True", "from 0 to"),
    ("forward_prop", " + params[2 * l - 1]", "", "+ b1"),
    ("forward_prop", "params[2 * l - 2] @", "params[2 * l - 2].T @", "W_l @ A_{l-1}"),
    ("forward_prop", "A[l - 1] +", "X +", "A_{l-1}"),
    ("forward_prop", "A[l - 1] +", "Z[l - 1] +", "A_{l-1}"),
    ("forward_prop", "softmax(Z[l]) if l == L else ReLU(Z[l])", "ReLU(Z[l])", "A[2] = softmax"),
    ("forward_prop", "softmax(Z[l]) if l == L else ReLU(Z[l])", "softmax(Z[l])", "A[1] = ReLU"),
    ("forward_prop", "softmax(Z[l]) if l == L else ReLU(Z[l])", "Z[l]", "A[1] = ReLU"),
    ("forward_prop", "return Z, A", "return A, Z", "Z comes before A"),
    ("forward_prop", "return Z, A", "return A[-1]", "two: Z, A"),
    ("forward_prop", "return Z, A", "", "return"),
    ("forward_prop", "[None], [X]", "[], []", "IndexError"),
    ("forward_prop", "return Z, A", "return Z[1:], A", "Z[0] and one for each layer"),
    ("forward_prop", "L = [None], [X], len(params) // 2", "L = [None], [X], 2", "IndexError"),
    ("forward_prop", "raise ValueError", "print", "X[:, [0]]"),
    ("cross_entropy", ".mean()", ".sum()", "the sum, not the mean"),
    ("cross_entropy", ".sum(axis=0).mean()", ".mean()", "over classes and images"),
    ("cross_entropy", "return -", "return ", "without the minus"),
    ("cross_entropy", "np.log(", "np.log2(", "image"),
    (
        "cross_entropy",
        CROSS[1:-1],
        "A = softmax(logits)\nT = one_hot(Y, len(A))\nreturn -np.log(A[T]).mean()",
        "log A = S",
    ),
    (
        "cross_entropy",
        CROSS[1:-1],
        "A = softmax(logits)\nT = one_hot(Y, len(A))\n"
        "return -np.log((A * T).sum(axis=0) + 1e-9).mean()",
        "small number added",
    ),
    ("cross_entropy", ".mean()", ".mean().item()", "no float("),
    ("cross_entropy", "one_hot(Y, len(logits))", "one_hot(Y)", "one_hot(Y, logits.shape[0])"),
    (
        "cross_entropy",
        CROSS[1:-1],
        "return -np.log(logits[Y, np.arange(Y.size)]).mean()",
        "not probabilities yet",
    ),
    (
        "cross_entropy",
        CROSS[1:-1],
        "return -logits[Y, np.arange(Y.size)].mean()",
        "yours is of the logits themselves",
    ),
    ("cross_entropy", ".mean()", ".mean().real.astype(logits.dtype)", "no .real"),
    ("l2_penalty", "l2 / 2", "l2", "not l2 / 2"),
    ("l2_penalty", "params[::2]", "params", "biases"),
    ("l2_penalty", "(W**2).sum()", "abs(W).sum()", "absolute"),
    ("l2_penalty", "(W**2).sum()", "(W**2).mean()", "mean of the squares"),
    ("l2_penalty", "(W**2).sum()", "W.sum() ** 2", "sum of their squares"),
    ("l2_penalty", "(W**2).sum()", "np.linalg.norm(W)", "root"),
    ("l2_penalty", "(W**2).sum()", "(abs(W) ** 2).sum()", "W * W"),
    ("l2_penalty", "params[::2]", "params[:1]", "W1 alone"),
    ("backward_prop", "/ Y.size] + grads", "/ Y.size] + grads[::-1]", "puts each pair in front"),
    (
        "backward_prop",
        "grads = [dZ @ A[l - 1].T / Y.size + l2 * W, dZ.sum(axis=1, keepdims=True) / Y.size] + ",
        "grads += [dZ @ A[l - 1].T / Y.size + l2 * W, dZ.sum(axis=1, keepdims=True) / Y.size] #",
        "grads[2] should be dW2",
    ),
    ("backward_prop", "dZ.sum(axis=1, keepdims=True)", "dZ.sum(axis=0)", "dZ.sum(axis=1"),
    ("backward_prop", "dZ.sum(axis=1, keepdims=True)", "dZ.sum()", "db2 has the shape ()"),
    ("backward_prop", "Y.size", "A[0].shape[0]", "number of pixels"),
    ("backward_prop", "one_hot(Y, len(A[L]))", "one_hot(Y)", "as many as A[-1] has rows"),
    ("backward_prop", "/ Y.size + l2 * W", "/ Y.size + l2 * W / Y.size", "after the division"),
    ("backward_prop", "+ l2 * W", "- l2 * W", "after the division"),
    ("backward_prop", "+ l2 * W", "+ 2 * l2 * W", "after the division"),
    ("update_params", "p - alpha", "p + alpha", "W1 - alpha * dW1"),
    ("update_params", "p - alpha * g", "p - g", "W1 - alpha * dW1"),
    (
        "update_params",
        "return [p - alpha * g for p, g in zip(params, grads)]",
        "for p, g in zip(params, grads):\n    p -= alpha * g\nreturn params",
        "stay as they are",
    ),
    ("update_params", "return [", "[", "return"),
    (
        "update_params",
        "return [p - alpha * g for p, g in zip(params, grads)]",
        "for k, g in enumerate(grads):\n    params[k] = params[k] - alpha * g\nreturn params",
        "return a new list",
    ),
    ("update_params", "zip(params, grads)", "zip(params[::2], grads[::2])", "not 2"),
    ("update_params", "p - alpha * g", "p - np.float64(alpha) * g", "dtype float64, not float32"),
    ("get_predictions", "axis=0", "axis=1", "axis=0"),
    ("get_predictions", "P, axis=0", "P", "axis=0"),
    ("get_predictions", "argmax", "max", "argmax"),
    ("get_predictions", "argmax", "argmin", "largest"),
    ("get_accuracy", ".mean()", ".sum()", "0.75"),
    ("get_accuracy", "float((predictions == Y).mean())", "100 * (predictions == Y).mean()", "0.75"),
    (
        "get_accuracy",
        "float((predictions == Y).mean())",
        "np.mean(predictions == Y, dtype='f4')",
        "float(",
    ),
    ("get_accuracy", "raise ValueError", "print", "shape"),
    ("evaluate", " + l2_penalty(params, l2)", "", "l2_penalty"),
    ("evaluate", "return float(", "return (", "NumPy's float64, not a Python float"),
    ("evaluate", "get_predictions(A[-1])", "get_predictions(A)", "probabilities are A[-1]"),
    ("evaluate", "cross_entropy(Z[-1]", "cross_entropy(A[-1]", "takes the logits, Z[-1]"),
    ("evaluate", "l2)), accuracy", "l2))", "two numbers"),
    (
        "evaluate",
        "get_accuracy(get_predictions(A[-1]), Y)",
        "float((A[-1].argmax(0) == Y[0]).mean())",
        "accuracy",
    ),
    ("evaluate", "return ", "return accuracy, ", "two numbers"),
    ("gradient_descent: all images", "else alpha)", "else -alpha)", "added"),
    (
        "gradient_descent: all images",
        "        params = update_params",
        "        update_params",
        "as they started",
    ),
    (
        "gradient_descent: all images",
        "if i == n: break",
        "if i == n - 1: break",
        "updates were made",
    ),
    ("gradient_descent: all images", "if i == n: break", "", "updates were made"),
    (
        "gradient_descent: all images",
        "init_params(layer_sizes, seed, X.dtype)",
        "init_params(layer_sizes, 1, X.dtype)",
        "trained",
    ),
    (
        "gradient_descent: all images",
        "init_params(layer_sizes, seed, X.dtype)",
        "init_params(seed=seed)",
        "layer_sizes is (6, 5, 3) here",
    ),
    ("gradient_descent: all images", "return params", "", "return"),
    (
        "gradient_descent: all images",
        "[p.astype(X.dtype) for p in params]",
        "[p.astype(float) for p in params]",
        "float64, not float32",
    ),
    ("gradient_descent: all images", "alpha = float(alpha)", "", "float(alpha)"),
    ("gradient_descent: printed lines", " or i == n:", ":", "after the last one"),
    (
        "gradient_descent: printed lines",
        "i % every == 0 or i == n",
        "(i + 1) % every == 0",
        "before the first",
    ),
    ("gradient_descent: printed lines", "max(1, n // 10)", "50", "are printed"),
    (
        "gradient_descent: printed lines",
        'print(f"Iteration: {i:<4} | Loss: {loss:.4f}',
        'print(f"Iteration: {i} | Loss: {loss:.4f}',
        "not 'Iteration: 0    |",
    ),
    (
        "gradient_descent: printed lines",
        'print(f"Iteration',
        'str(f"Iteration',
        "nothing is printed",
    ),
    (
        "gradient_descent: printed lines",
        "if callback: callback(i, params, loss, accuracy)",
        "",
        "callback",
    ),
    (
        "gradient_descent: printed lines",
        "callback(i, params, loss, accuracy)",
        "callback(i, loss, accuracy, params)",
        "call callback(iteration, params, loss, accuracy)",
    ),
    (
        "gradient_descent: printed lines",
        "callback(i, params, loss, accuracy)",
        "callback(i, params)",
        "call callback(iteration, params, loss, accuracy)",
    ),
    (
        "gradient_descent: printed lines",
        "callback(i, params, loss, accuracy)",
        "callback(i, params, accuracy, loss)",
        "callback(iteration, params, loss, accuracy)",
    ),
    (
        "gradient_descent: printed lines",
        "params = update_params(params, steps, alpha * (1 - i / n) if decay else alpha)",
        "for p, g in zip(params, steps): p -= alpha * g",
        "updated in place?",
    ),
    (
        "gradient_descent: printed lines",
        "        Z, A = forward_prop(",
        "        print(i)\n        Z, A = forward_prop(",
        "no other prints",
    ),
    ("gradient_descent: checks", "np.isfinite(loss)", "True", "alpha"),
    (
        "gradient_descent: checks",
        "np.isfinite(loss)",
        "(i < n or np.isfinite(loss))",
        "was printed",
    ),
    ("gradient_descent: checks", "int(iterations)", "iterations", "int(iterations)"),
    (
        "gradient_descent: checks",
        TRAINING.splitlines()[1],
        'if not isinstance(iterations, int): raise ValueError("iterations")\n'
        + TRAINING.splitlines()[1],
        "accept np.integer",
    ),
    (
        "gradient_descent: checks",
        '        print(f"Iteration: {i:<4} | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}")\n'
        "        break",
        "        break",
        "one more line",
    ),
    (
        "gradient_descent: checks",
        'accuracy:.4f}")\n        break',
        'accuracy:.4f}")\n        callback(i, params, loss, accuracy)\n        break',
        "print the last line without callback",
    ),
    (
        "gradient_descent: start, decay, l2",
        "loss, accuracy = evaluate(params, X[:, shown], Y[shown], l2)",
        "loss, accuracy = evaluate(params, X[:, shown], Y[shown])",
        "with the penalty",
    ),
    (
        "gradient_descent: mini-batches",
        "slice(10_000 if batch_size else None)",
        "slice(size)",
        "of all images",
    ),
    (
        "gradient_descent: mini-batches",
        "slice(10_000 if batch_size else None)",
        "slice(None)",
        "10,000",
    ),
    (
        "gradient_descent: mini-batches",
        "slice(10_000 if batch_size else None)",
        "slice(5_000 if batch_size else None)",
        "not 0.9999",
    ),
    (
        "gradient_descent: mini-batches",
        "i / -(-m // size)",
        "min(i * size, m) / m",
        "updates / updates per epoch",
    ),
    ("gradient_descent: mini-batches", "Y[batch], l2", "Y[: len(batch)], l2", "one order for both"),
    (
        "gradient_descent: mini-batches",
        "rng.permutation(m) if batch_size else np.arange(m)",
        "np.arange(m)",
        "same mini-batches",
    ),
    ("gradient_descent: mini-batches", "default_rng(seed)", "default_rng()", "same order"),
    (
        "gradient_descent: mini-batches",
        "rng.permutation(m) if",
        "rng.integers(0, m, m) if",
        "once an epoch",
    ),
    (
        "gradient_descent: mini-batches",
        "rng.permutation(m) if",
        "rng.permutation(m)[: m // size * size] if",
        "what is left",
    ),
    ("gradient_descent: mini-batches", "i / -(-m // size)", "i // -(-m // size)", "Epoch: 0.33"),
    ("gradient_descent: mini-batches", "X[:, batch])", "X)", "one order for both"),
    ("gradient_descent: mini-batches", "rng.permutation(m)", "rng.permutation(len(X))", "Y.size"),
    (
        "gradient_descent: start, decay, l2",
        "if decay else alpha",
        "if False else alpha",
        "yours is that without decay",
    ),
    (
        "gradient_descent: start, decay, l2",
        "Y[batch], l2)",
        "Y[batch])",
        "yours is that without l2",
    ),
    ("gradient_descent: optimizers", "(g, own, i + 1)", "(g, own, i)", "t counts"),
    ("gradient_descent: optimizers", "(g, own, i + 1)", "(g, 0 * own, i + 1)", "memory"),
    ("gradient_descent: optimizers", "(2, *p.shape), p.dtype", "(2, *p.shape)", "p.dtype"),
    (
        "gradient_descent: start, decay, l2",
        "if params is None else params",
        "if True else params",
        "start from params",
    ),
    (
        "gradient_descent: checks",
        "    except KeyboardInterrupt:",
        "    except ZeroDivisionError:",
        "except KeyboardInterrupt",
    ),
    (
        "gradient_descent: checks",
        "check_arguments(X, Y, alpha, iterations, batch_size, optimizer, l2, print_every)",
        "",
        '- alpha=-1: raise a ValueError that says "alpha"',
    ),
    (
        "gradient_descent: checks",
        "check_arguments(X, Y, ",
        "if X.dtype != np.float16: check_arguments(X, Y, ",
        "- X float16 (6, 9), optimizer='adam': ",
    ),
    (
        "gradient_descent: checks",
        "check_shapes(params, X, Y)",
        "",
        "- params of the shapes [(4, 6), (4, 1), (3, 4)]:",
    ),
    ("momentum", "beta * memory[0] + g", "beta * memory[0] + (1 - beta) * g", "10 times too small"),
    (
        "momentum",
        "memory[0] = beta * memory[0] + g\nreturn memory[0]",
        "return beta * memory[0] + g",
        "in place",
    ),
    (
        "momentum",
        "memory[0] = beta * memory[0] + g\nreturn memory[0]",
        "memory[:] = beta * memory + g\nreturn memory",
        "two arrays like g: v = memory[0]",
    ),
    ("rmsprop", "np.sqrt(memory[0]) + epsilon", "np.sqrt(memory[0] + epsilon)", "formula"),
    ("rmsprop", "g / (np.sqrt(memory[0]) + epsilon)", "g / (memory[0] + epsilon)", "formula"),
    ("rmsprop", "(1 - beta) * g * g", "g * g", "too small"),
    ("adam", "/ (1 - beta1**t)", "", "formula"),
    ("adam", "beta1**t", "beta1**(t - 1)", "t = 1"),
    (
        "adam",
        "m_hat, v_hat = memory[0] / (1 - beta1**t), ",
        "memory[0] /= 1 - beta1**t\nm_hat, v_hat = memory[0], ",
        "m_hat and v_hat are new arrays",
    ),
    ("adam", "np.sqrt(v_hat) + epsilon", "np.sqrt(v_hat + epsilon)", "adam"),
    ("adam", "* g * g", "* g", "adam"),
]


def mine(step, old="", new=""):
    """Return a mine.py in which a right version of one function has `old` replaced by `new`."""
    function = step.partition(":")[0]
    right = RIGHT[function].strip("\n")
    signature = re.search(rf"^def {function}\(.*?\):\n", skeleton(), re.MULTILINE | re.DOTALL)[0]
    assert old in right + signature, f"{old!r} is not in the right {function}"
    return signature.replace(old, new) + textwrap.indent(right.replace(old, new), "    ")


@pytest.mark.parametrize("step", STEPS)
def test_course_accepts_a_right_version_with_other_lines(step):
    passed, wrong = grade(complete("mine.py", mine(step)), step)
    assert passed > 0 and not wrong


@pytest.mark.parametrize("step", [step for step in STEPS if ": " in step])
def test_course_accepts_init_params_with_other_numbers(step):
    other = mine("init_params", "standard_normal((k, n))", "standard_normal((n, k)).T")
    module = complete("mine.py", f"import numpy as np\n{other}\n{mine(step)}")
    passed, wrong = grade(module, step)
    assert passed > 0 and not wrong


@pytest.mark.parametrize(
    "step, old, new, word",
    [pytest.param(*slip, id=f"{slip[0]}: {slip[2][:40]}") for slip in SLIPS_OF_BEGINNERS],
)
def test_course_answers_a_slip_in(step, old, new, word):
    _, wrong = grade(complete("mine.py", mine(step, old, new)), step)
    assert wrong, "the tests do not notice"
    answer = re.sub(r"\n *assert .*", "", wrong, flags=re.DOTALL)  # that is pytest's
    assert word in answer, f"the answer does not help: {answer}"


@pytest.mark.parametrize("slip", SLIPS)
def test_course_recognises_in_backward_prop(slip):
    wrong = BACKWARD.replace(*SLIPS[slip], 1)
    source = mine("backward_prop").partition("\n")[0] + textwrap.indent(wrong, "    ")
    _, answer = grade(complete("mine.py", source), "backward_prop")
    assert slip in answer


# --- Against other engines, where they are installed ---


def torch_network(torch, params):
    """Return the same network in PyTorch, in float64."""
    torch.set_num_threads(1)  # for so few images, threads cost more than they bring
    layers = []
    for W, b in zip(params[0::2], params[1::2]):
        layers += [torch.nn.Linear(*W.T.shape, dtype=torch.float64), torch.nn.ReLU()]
        layers[-2].weight.data, layers[-2].bias.data = torch.tensor(W), torch.tensor(b[:, 0])
    return torch.nn.Sequential(*layers[:-1])


def test_network_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    (X, Y), params = digits(100), network(*REAL)
    model = torch_network(torch, params)
    logits = model(torch.tensor(X.T))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(Y))
    loss.backward()
    Z, A = basic.forward_prop(params, X)
    assert Z[-1] == pytest.approx(logits.detach().numpy().T, rel=1e-12)
    assert basic.cross_entropy(Z[-1], Y) == pytest.approx(loss.item(), rel=1e-12)
    for g, theirs in zip(basic.backward_prop(params, Z, A, Y), model.parameters()):
        theirs = theirs.grad.numpy().reshape(g.shape)
        assert np.linalg.norm(g - theirs) <= 1e-12 * np.linalg.norm(theirs)


@pytest.mark.parametrize(
    "optimizer, name, options, alpha, steps",
    [
        ("gd", "SGD", {}, 0.1, 100),
        ("momentum", "SGD", {"momentum": 0.9}, 0.05, 50),
        ("rmsprop", "RMSprop", {}, 0.001, 50),
        ("adam", "Adam", {}, 0.01, 50),
    ],
)
def test_training_agrees_with_pytorch(optimizer, name, options, alpha, steps):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    (X, Y), params, ours, theirs = digits(40), network(*REAL), [], []
    model, x, y = torch_network(torch, params), torch.tensor(X.T), torch.tensor(Y)
    engine = getattr(torch.optim, name)(model.parameters(), lr=alpha, **options)
    for _ in range(steps + 1):
        engine.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        theirs.append(loss.item())
        engine.step()
    basic.gradient_descent(
        X, Y, alpha, steps, params=params, optimizer=optimizer, print_every=1,
        callback=lambda i, params, loss, accuracy: ours.append(loss),
    )  # fmt: skip
    assert ours == pytest.approx(theirs, rel=1e-10)


def test_network_stays_lazy_on_dask_arrays_and_gives_the_same():
    da = pytest.importorskip("dask.array", reason="dask is not installed: nothing to compare with")
    X, Y = digits(300)
    X, params = X.astype(np.float32), network(784, 10, 10, dtype=np.float32)
    blocks = da.from_array(X, chunks=(784, 100))
    for labels in (Y, da.from_array(Y, chunks=100)):
        Z, A = basic.forward_prop(params, blocks)
        loss, grads = basic.cross_entropy(Z[-1], labels), basic.backward_prop(params, Z, A, labels)
        assert all(isinstance(array, da.Array) for array in [loss, *Z[1:], *A, *grads])
        Z, A = basic.forward_prop(params, X)
        assert float(loss) == pytest.approx(float(basic.cross_entropy(Z[-1], Y)), rel=1e-6)
        for lazy, g in zip(grads, basic.backward_prop(params, Z, A, Y)):
            assert lazy.dtype == np.float32
            assert np.linalg.norm(lazy.compute() - g) <= 1e-6 * np.linalg.norm(g)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".py"):
        sys.exit("python test_basic.py mine.py    writes mine.py, or tells you how far it is")
    try:
        sys.exit(course(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit("\nStopped by Ctrl-C.")
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
