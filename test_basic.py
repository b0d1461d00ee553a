# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy>=2.0", "pandas>=2.2.2", "matplotlib>=3.10.7",
#     "pillow>=10.1", "pytest>=8.0"]
# ///
"""The tests of basic.py: every derivative against numbers, every promise against a small case.

They stand in the order of basic.py, and a test's name starts with the function that it grades. The
file is a course, too: `python test_basic.py mine.py` writes a mine.py for you to fill in, and then
tells you how far you are; `python test_basic.py notebook.ipynb` grades functions that you have.

    The gradient checker           works alone: copy it to check any network
    What the tests stand on        a network written out once more, and broken in known ways
    What the tests say             messages that say what to do
    Does the checker find ...      the checker checked
    The network, The training      the formulas and the loop; these tests make the course
    The data to The command line   the plumbing
    The pages                      their blocks run, their figures are right
    The course                     its steps, and how a mine.py is graded
    Your notebook                  how the functions of a notebook are graded
    The course itself              that it runs, and stops
    Does the course say ...        versions that beginners write, and a word of the answer
    Against other engines          PyTorch and Dask, where they are installed
"""

import _thread
import ast
import contextlib
import errno
import functools
import gc
import gzip
import hashlib
import importlib.util
import inspect
import io
import itertools
import json
import linecache
import math
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import traceback
import tracemalloc
import types
import urllib.request
import warnings
from pathlib import Path
from unittest import mock

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: on a busy machine two would wait

import numpy as np
import pytest

import basic

pytestmark = pytest.mark.filterwarnings("error")
HERE = Path(__file__).resolve().parent
PAGE = (HERE / "docs/slips.md").read_text("utf-8")
DOCUMENTED = vars(basic).copy()  # the functions of basic.py, whoever's are graded
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])

# --- The gradient checker: these five functions need nothing but NumPy ---


def check_gradients(loss, params, grads, numeric=None, tolerance=1e-12, directions=0):
    """Assert that grads are the derivatives of loss(params); return the error of each array.

    The error is norm(analytic - numeric) / norm(numeric), with numeric = complex_step unless given.
    The message is about the last layer that is wrong, as errors spread from the end.

    In a large network, directions=k is quicker: each array moves along k random directions, with
    one complex step for each, in place of one for each entry. An error is missed only by directions
    at right angles to it, and random ones are that with probability 0.
    """
    lists = not isinstance(params, dict) and not isinstance(grads, dict)
    assert lists, "params and grads are lists of arrays, not dicts: pass [*params.values()], ..."
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
        single = getattr(grads[k], "dtype", None) in (np.float16, np.float32)
        told = f"{names[k]} has seven digits at most: compute params, X and grads in float64"
        assert tolerance > 1e-7 or not single, told
    if directions:
        loss, params, grads = along_directions(loss, params, grads, directions)
    numeric = (numeric or complex_step)(loss, params)
    errors = []
    for g, n in zip(grads, numeric):
        if n.any():
            errors.append(float(np.linalg.norm(g - n) / np.linalg.norm(n)))
        else:  # nothing to divide by: then the analytic gradient must be exactly zero, too
            errors.append(0.0 if not np.any(g) else np.inf)
    for k in from_the_last_layer:
        if not errors[k] <= tolerance:  # written so that nan is an error
            g, n = np.asarray(grads[k]), numeric[k]
            worst = np.unravel_index(abs(g - n).argmax(), n.shape)
            place = f" along random direction {worst[0] + 1}" if directions else [*map(int, worst)]
            all_errors = ", ".join(f"{name} {e:.1e}" for name, e in zip(names, errors))
            raise AssertionError(
                f"{names[k]}{place} is {g[worst]:.9g}, numerically {n[worst]:.9g}{likely(g, n)}; "
                f"errors: {all_errors}; allowed {tolerance:.0e}"
            )
    return errors


def along_directions(loss, params, grads, k):
    """Return loss as a function of k step lengths for each array, where to start, and its grads."""
    rng = np.random.default_rng(0)
    V = [rng.standard_normal((k, p.size)) for p in params]

    def loss_of_steps(steps):
        return loss([p + (s @ v).reshape(p.shape) for p, s, v in zip(params, steps, V)])

    slopes = [v @ np.ravel(g) for v, g in zip(V, grads)]
    return loss_of_steps, [np.zeros(k) for _ in params], slopes


def likely(ours, expected):
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
        return f": every entry is {1 / ratio:.4g} times too small"
    return f": every entry is {ratio:.4g} times too large"


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
    told = "drop float(...) and real arrays, or pass numeric=central_differences, tolerance=1e-6"
    for p, n in zip(params, numeric):
        for k in np.ndindex(p.shape):
            p[k] += 1j * h
            try:
                value = loss(params)
            except (TypeError, np.exceptions.ComplexWarning) as error:
                raise AssertionError(f"loss takes no complex params ({error}): {told}") from error
            assert np.iscomplexobj(value), f"loss comes back real, so its slope is lost: {told}"
            n[k] = value.imag / h
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


def setup_module():
    gc.disable()  # no test needs it, and it takes a tenth of the time
    os.environ.pop("CI", None)  # with it, pytest writes out each array that a slip gets wrong


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
SMALL = dict(layer_sizes=(6, 5, 3))  # with X_9, Y_9, as START


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


@functools.cache
def slips_of(kind):
    """Return rows of docs/slips.md: a step, what stands there, what is written, the answer."""
    rows, words = [], {"all of it": "ALL", "nothing": ""}
    row = r"^\| (`.*`|all of it) \| (`.*`|nothing) \| (.*) \|$"
    for step, text in re.findall(rf"^### ({kind}.*)\n\n((?:\|.*\n)+)", PAGE, re.M):
        for *codes, word in re.findall(row, text, re.M):
            codes = [code.strip("`").replace(r"\n", "\n").replace(r"\|", "|") for code in codes]
            rows.append((step, *[words.get(code, code) for code in codes], word))
    return rows


# The blackboard's backward pass of two layers, to be broken in one place at a time.
BLACKBOARD = """
dZ2 = A2 - T
dW2 = dZ2 @ A1.T / m + l2 * W2
db2 = dZ2.sum(axis=1, keepdims=True) / m
dZ1 = W2.T @ dZ2 * (Z1 > 0)
dW1 = dZ1 @ X.T / m + l2 * W1
db1 = dZ1.sum(axis=1, keepdims=True) / m
"""
# What learners write instead. Wrong gradients are compared with those of each of these.
SLIPS = {words: (old, new) for _, old, new, words in slips_of("formulas: backward_prop")}


def backward(params, Z, A, Y, l2, old="", new=""):
    """Return the BLACKBOARD's grads of two layers, with `old` replaced by `new` in its lines."""
    assert old in BLACKBOARD
    names = dict(zip(("W1", "b1", "W2", "b2"), params), Z1=Z[1], Z2=Z[2], X=A[0], A1=A[1], A2=A[2])
    names |= dict(T=np.arange(len(A[2]))[:, None] == Y, Y=Y, m=Y.size, l2=l2, np=np)
    exec(code_of(BLACKBOARD.replace(old, new, 1)), names)
    return [names[name] for name in ("dW1", "db1", "dW2", "db2")]


@functools.cache
def code_of(text):
    return compile(text, "formulas", "exec")


def by_hand(params, X, Y, alphas):
    """Return params after one full-batch update of two layers for each alpha."""
    for alpha in alphas:
        grads = backward(params, *forward(params, X), Y, 0)
        params = [p - alpha * g for p, g in zip(params, grads)]
    return params


# --- What the tests say: what is wrong first; after >>, the line itself, for --hint ---


def same(ours, expected, name, rel=1e-12, hint="", cast="keep what came in", known=(), at=None):
    """Assert that an array has the expected shape, dtype and numbers; else say what is wrong.

    The hint is about the shape and the numbers, cast is about the dtype. `known` are the results
    of known slips, {words: array}: the one that is ours takes the place of the hint. `at` is what
    the function was given, if that says more than an index.
    """
    expected = np.asarray(expected)
    yours = yours_is(ours, known)
    hint = f": {yours or hint}" if yours or hint else ""
    assert ours is not None, f"{name} is None: is there a return?"
    kind = f"a Python {type(ours).__name__}, not NumPy's {expected.dtype}: no float(...), no list"
    assert hasattr(ours, "dtype"), f"{name} is {kind}"
    if ours.shape != expected.shape:
        if ours.shape == expected.shape[::-1] != ():
            hint = f": is it transposed, or the wrong axis?{hint.replace(':', '', 1)}"
        elif expected.shape == (*ours.shape, 1):
            hint = ": a column keeps its second axis, (n, 1)"
        raise AssertionError(f"{name} has the shape {ours.shape}, not {expected.shape}{hint}")
    if ours.dtype != expected.dtype:
        raise AssertionError(f"{name} has the dtype {ours.dtype}, not {expected.dtype}: {cast}")
    wrong = ~np.isclose(ours, expected, rtol=rel, atol=1e-14 if rel else 0)
    if wrong.any():
        first = tuple(map(int, np.argwhere(wrong)[0]))
        where = name if at is None else f"{name} at Z = {at[first]:.9g}"
        where += f"{list(first)}" if first and at is None else ""
        guess = "" if expected.dtype == bool or yours else likely(ours, expected)
        entry = f"{where} is {ours[first]:.9g}, not {expected[first]:.9g}"
        raise AssertionError(f"{entry}{guess}{hint}")


def close(ours, theirs, rtol=1e-9):
    """Return whether two arrays have one shape and the same numbers, but for rounding."""
    same_shape = np.shape(ours) == np.shape(theirs)
    return same_shape and np.allclose(ours, theirs, rtol, 1e-12, equal_nan=True)


def yours_is(ours, known):
    """Return "yours is ..." for the known slip whose result is ours, else ""."""
    for words, wrong in dict(known).items():
        if ours is not None and close(ours, wrong):
            return f"yours is {words}"
    return ""


def same_params(ours, expected, rel=1e-12, hint="", of="{}", cast="keep what came in"):
    """Assert that a list [W1, b1, ...] is what was expected; `of` says what a W1 is called."""
    names = [of.format(f"{'Wb'[k % 2]}{k // 2 + 1}") for k in range(len(expected))]
    flat_list(ours, names)
    for name, p, q in zip(names, ours, expected):
        same(p, q, name, rel, hint, cast)


def flat_list(ours, names):
    """Assert that what came back is a list or tuple of as many arrays as there are names."""
    wanted = f"the list [{', '.join(names)}]"
    assert ours is not None, f"None came back: is there a return? It should be {wanted}"
    assert isinstance(ours, (list, tuple)), f"a {type(ours).__name__} came back, not {wanted}"
    pairs = any(isinstance(array, (list, tuple)) for array in ours)
    assert not pairs, f"pairs came back; it should be flat, {wanted}"
    assert len(ours) == len(names), f"{len(ours)} arrays came back, not {len(names)}: {wanted}"


def is_float(value, name):
    kind = f"NumPy's {value.dtype}" if hasattr(value, "dtype") else f"a {type(value).__name__}"
    assert type(value) is float, f"{name} is {kind}, not a Python float: float(...)"


@contextlib.contextmanager
def refused(what, word, *others):
    """Assert that `what` is a ValueError with the word that names its cure, or one of others."""
    cure = f'a ValueError that says "{word}"'
    try:
        yield
    except NotImplementedError:
        raise
    except ValueError as error:
        if not any(re.search(rf"\b{re.escape(w)}", str(error), re.I) for w in (word, *others)):
            raise AssertionError(f"{what}: this should be {cure}; it says: {error}") from error
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{what}: {found}; check before that, and raise {cure}") from error
    else:
        raise AssertionError(f"{what}: raise {cure}")


def explain(error):
    """Return what an error says, and what the words of NumPy and Python mean for a beginner."""
    text = f"{type(error).__name__}: {error}"
    if "read-only" in text:
        text += "\nAn argument was changed in place: leave it as it is, and return a new array"
    if "name 'np' is not defined" in text:
        text += ": import numpy as np, at the top of the file"
    return text


@contextlib.contextmanager
def teach(hint, *others):
    """Add a hint to an error of NumPy, about shapes or numbers, or of others that are named."""
    try:
        yield
    except (ValueError, IndexError, TypeError, Warning, *others) as error:
        if "not defined" in str(error):
            raise
        raise AssertionError(f"{explain(error)}\n{hint}") from error


# --- Does the checker find mistakes? ---


@pytest.mark.parametrize("l2", [0, 0.3])
def test_check_gradients_accepts_the_blackboard_also_by_directions_and_differences(l2):
    grads = backward(START, *forward(START, X_9), Y_9, l2)
    for k, calls in ((0, 53), (2, 2 * 4)):  # one for each entry, or two for each array
        loss = mock.Mock(side_effect=loss_of(X_9, Y_9, l2))
        assert max(check_gradients(loss, START, grads, directions=k)) <= 1e-12
        assert loss.call_count == calls
        check_gradients(loss, START, grads, central_differences, tolerance=1e-7, directions=k)


# That it finds each of the SLIPS is shown by test_course_recognises_in_backward_prop.
@pytest.mark.parametrize("change", [1e-6, np.nan])
def test_check_gradients_finds_one_entry_that_is_off_by_a_millionth_or_nan(change):
    grads = backward(START, *forward(START, X_9), Y_9, 0)
    grads[0][1, 2] *= 1 + change
    for k, told in ((0, r"^dW1\[1, 2\] is"), (1, "^dW1 along random direction 1 is")):
        with pytest.raises(AssertionError, match=told):
            check_gradients(loss_of(X_9, Y_9), START, grads, directions=k)


@pytest.mark.parametrize(
    "grads, told",
    [
        (([[2, 4]], [[1e-15]]), r"^db1\[0, 0\] is 1e-15, numerically 0; errors:.* inf"),
        (([[2, 5]], [[1]], [[2, 4.5]]), r"^dW2\[0, 1\] is 4.5, numerically 4; errors: dW1 2"),
        (([[2, 5]], [[0]], [[2, 4]]), r"^dW1\[0, 1\] is 5.*dW1 2.2e-01, db1 0.0e\+00, dW2"),
        (([[2, 4]],), "1 gradients for 2 arrays"),
        (([[2, 4]], [0]), r"^db1 has the shape \(1,\), but b1 .*keepdims"),
        (([[0]], [[2, 4]]), r"^dW1 .*; grads\[0\] should be dW1, .* \[dW1, db1\]"),
        (([[-2, -4]], [[0]]), "the sign is flipped"),
        (([[0.5, 1]], [[0]]), "every entry is 4 times too small"),
        (([[18, 36]], [[0]]), "every entry is 9 times too large"),
    ],
)
def test_check_gradients_says(grads, told):
    W = np.array([[1.0, 2.0]])
    params = [W, np.array([[3.0]]), W][: max(2, len(grads))]
    with pytest.raises(AssertionError, match=told):
        grads = [np.array(g, float) for g in grads]
        check_gradients(lambda p: sum((W**2).sum() for W in p[::2]), params, grads)


def test_check_gradients_says_what_it_takes():
    W, numeric = np.array([[1.0, 2], [3, -4]]), "numeric=central_differences, tolerance=1e-6"

    def loss(params):
        return (params[0] ** 2).sum()

    for words, function, params, grads in (
        ("transposed", loss, [W], [2 * W.T]),
        (r"\[\*params.values\(\)\]", loss, {"W": W}, {"W": 2 * W}),
        ("dW1 has seven digits .* in float64", loss, [W], [np.float32(2 * W)]),
        (f"real.*{numeric}", lambda p: loss(p).real, [W], [2 * W]),
        (numeric, lambda p: float(loss(p)), [W], [2 * W]),
        (numeric, lambda p: loss(p).astype(float), [W], [2 * W]),  # a warning of NumPy's
    ):
        with pytest.raises(AssertionError, match=words):
            check_gradients(function, params, grads)
    check_gradients(lambda p: float(loss(p)), [W], [2 * W], central_differences, tolerance=1e-6)
    check_gradients(loss, [W], [np.float32(2 * W)], tolerance=1e-6)


# --- The network ---


def test_init_params_gives_a_weight_matrix_and_a_bias_column_for_each_layer():
    for sizes in ((784, 10, 10), (5, 4, 3, 2), (1, 2)):
        params = basic.init_params(sizes)
        shapes = [shape for n, k in zip(sizes, sizes[1:]) for shape in ((k, n), (k, 1))]
        names = [f"{'Wb'[k % 2]}{k // 2 + 1}" for k in range(len(shapes))]
        flat_list(params, names)
        for name, p, shape in zip(names, params, shapes):
            says = f"{name} of init_params({sizes}) has the shape {np.shape(p)}, not {shape}: "
            assert np.shape(p) == shape, says + "W_l is (n_l, n_{l-1}), b_l is a column (n_l, 1)"
            assert name[0] == "W" or not p.any(), f"{name} should be zeros"
            assert name[0] == "b" or p.any(), f"{name} is all zeros: its neurons would stay equal"
    hint = "the same seed should give the same numbers >> np.random.default_rng(seed)"
    again, cast = basic.init_params((784, 10, 10), 0, np.float32), "dtype=np.float32 by default"
    same_params(basic.init_params(), again, rel=0, hint=hint, cast=cast)


def test_init_params_draws_weights_with_mean_0_and_variance_2_over_n():
    state = np.random.get_state()[1]
    params = basic.init_params((500, 400, 300))
    for name, W, n in (("W1 (400, 500)", params[0], 500), ("W2 (300, 400)", params[2], 400)):
        mean, ratio = W.mean(), W.var() * n / 2
        assert abs(mean) < 0.001, f"the mean of {name} is {mean:.3f}, not 0: standard_normal"
        root = "variance 1, times the root of 2 / n >> standard_normal * np.sqrt(2 / n)"
        assert abs(ratio - 1) < 0.02, f"the variance of {name} is {ratio:.3g} times 2 / {n}: {root}"
        within = (abs(W) < np.sqrt(2 / n)).mean()  # of a normal distribution, 0.6827
        assert abs(within - 0.6827) < 0.01, f"{name} is not normal: standard_normal, not random"
    own = "NumPy's own generator was reset: make one of your own >> np.random.default_rng(seed)"
    assert (np.random.get_state()[1] == state).all(), own


def test_init_params_draws_every_layer_anew_and_the_same_again_for_the_same_seed():
    W1, _, W2, _ = basic.init_params((4, 4, 4), 3)
    assert not (W1 == W2).any(), "W1 and W2 are equal: make the generator once, before the loop"
    other = basic.init_params((4, 4, 4), 4)[0]
    assert not (other == W1).any(), "seed 3 and seed 4 give the same W1: default_rng(seed)"
    double, single = (basic.init_params((6, 5, 3), 1, kind) for kind in (np.float64, np.float32))
    assert double[0].dtype == np.float64, f"for float64, W1 is {double[0].dtype}"
    hint = "every dtype starts at the same point: draw in float64, then cast >> .astype(dtype)"
    same_params(single, [p.astype(np.float32) for p in double], rel=0, hint=hint, cast=hint)


@every_dtype
def test_ReLU_is_the_larger_of_0_and_Z_in_its_dtype(dtype):
    step = 1e-30j if dtype == np.complex128 else 0  # which passes where Z > 0
    (Z,) = frozen([np.array([[-2, -0.5, 0.5, 2, 1e4]], dtype) + dtype(step)])
    with teach("maximum of 0 and Z entry by entry >> np.maximum(Z, 0)"):
        ours, at_0 = basic.ReLU(Z), basic.ReLU(np.zeros((1, 1), dtype))
    hint = "abs(Z) is never complex" if dtype == np.complex128 else ""
    cast = hint or "keep Z's >> np.maximum(Z, 0) or Z * (Z > 0)"
    same(ours, np.where(Z > 0, Z, 0).astype(dtype), "ReLU(Z)", 0, hint, cast, at=Z)
    assert at_0 == 0, f"ReLU(0) is {at_0}, not 0"
    hiding = {"fmax", "fmin", "nan_to_num"} & {*basic.ReLU.__code__.co_names}
    assert not hiding, f"{hiding} hides nan, and a network that blew up looks sound: np.maximum"


@every_dtype
def test_ReLU_deriv_is_1_above_0_and_0_elsewhere_at_0_too_in_the_dtype(dtype):
    (Z,) = frozen([np.array([[-2, -1e-30, 0, 1e-30, 0.5, 2]], dtype)])
    with teach("entry by entry, without an if: a comparison compares every entry >> (Z > 0)"):
        ours = basic.ReLU_deriv(Z)
    hint, cast = "1 where Z > 0, else 0, at 0 too", "that of Z >> .astype(Z.dtype)"
    same(ours, (Z > 0).astype(dtype), "ReLU_deriv(Z)", rel=0, hint=hint, cast=cast, at=Z)


def test_softmax_of_columns_worked_by_hand():
    # exp(ln 1), exp(ln 2), exp(ln 5) are 1, 2, 5; their sum is 8.
    (Z,) = frozen([np.log([[1.0, 1], [2, 1], [5, 2]])])
    expected = np.array([[1 / 8, 1 / 4], [2 / 8, 1 / 4], [5 / 8, 2 / 4]])
    E, hint = np.exp(Z - Z.max(axis=0)), "for each column, axis=0: exp(Z) over its sum"
    known = {
        "exp(Z) over the sum of each row: of each column, axis=0": (E.T / E.sum(axis=1)).T,
        "exp(Z) over the sum of all: for each column, axis=0": E / E.sum(),
        "exp(Z) alone: over its sum in each column, axis=0": E,
        "the logarithm of softmax(Z)": np.log(expected),
    }
    with teach(hint):
        ours = basic.softmax(Z)
    same(ours, expected, "softmax(Z)", hint=hint, known=known)


@every_dtype
def test_softmax_survives_huge_numbers(dtype):
    huge = 1e38 if dtype == np.float32 else 1e300
    (Z,) = frozen([np.array([[huge, -huge, huge, 60], [-huge, -huge, huge, 100]], dtype)])
    hint = "exp overflows, in float32 from 89 on: subtract each column's own maximum before exp"
    with teach(hint):
        A = basic.softmax(Z)
    expected = np.array([[1, 0.5, 0.5, 0], [0, 0.5, 0.5, 1]], dtype)
    clipped = np.array([[1, 0.5, 0.5, 0.5], [0, 0.5, 0.5, 0.5]])
    known = {"clipped: that changes the answer, subtracting each maximum does not": clipped}
    same(A, expected, f"softmax(Z) with Z up to {huge:.0e}", 1e-6, hint, known=known)


# One column of logits, with a step of row 0 alone, as the gradient checker makes it.
STEP = np.log([[1.0], [2], [5]]) + 1e-30j * np.array([[1], [0], [0]])
NO_ABS = "no abs, no .real but in the maximum that is subtracted"


def test_softmax_is_followed_by_the_complex_step():
    expected = 1 / 8 * np.array([[1 - 1 / 8], [-2 / 8], [-5 / 8]])
    slope = basic.softmax(STEP).imag / 1e-30
    same(slope, expected, "with h = 1e-30, softmax(Z + 1j * h).imag / h", hint=NO_ABS)


def test_one_hot_has_one_True_a_column_in_the_row_of_the_label():
    (Y,) = frozen([np.array([2, 0, 1, 2], np.uint8)])
    with teach("compare every class with every label: rows are classes, columns are labels"):
        answers = [basic.one_hot(Y, 3), basic.one_hot(Y, 4), basic.one_hot(Y)]
    cast = "a comparison gives bool, and bool subtracted from probabilities changes no dtype >> =="
    for name, T, rows in zip(("one_hot(Y, 3)", "one_hot(Y, 4)", "one_hot(Y)"), answers, (3, 4, 10)):
        expected, below = np.eye(rows, dtype=bool)[:, Y], np.eye(rows + 1)[1:, Y]
        known = {
            "True in row Y[i] - 1: rows count from 0, as labels do": below,
            "True in the whole row of each label: one for each column": np.ones((3, 4)),
        }
        hint = "column i has its one True in row Y[i]"
        if np.shape(T) != expected.shape:
            hint = "as many rows as classes, 10 unless told, whatever the largest label is"
        same(T, expected, name, hint=hint, cast=cast, known=known)


def same_pass(params, X, rel=1e-12):
    """Assert that forward_prop gives Z and A of these params, named from the first layer on."""
    with teach("Z_l is W_l @ A_{l-1} + b_l, for any number of layers: len(params) // 2"):
        returned = basic.forward_prop(params, X)
    assert returned is not None, "forward_prop returned None: is there a return?"
    assert len(returned) == 2, f"forward_prop returned {len(returned)} things, not two: Z, A"
    (Z, A), (right_Z, right_A), L = returned, forward(params, X), len(params) // 2
    for name, ours in (("Z", Z), ("A", A)):
        kind = f"{type(ours).__name__} of {len(ours)}"
        says = f"{name} is a {kind}, not a list of {L + 1}: {name}[0] and one for each layer"
        assert isinstance(ours, (list, tuple)) and len(ours) == L + 1, says
    assert Z[0] is None, "Z[0] should be None, so that Z[l] is layer l's; and Z comes before A"
    assert A[0] is X, "A[0] should be X"
    for l in range(1, L + 1):
        known = {
            f"what comes after the activation: was Z[{l}] written over? Keep it": right_A[l],
            "without the bias": right_Z[l] - params[2 * l - 1],
        }
        line = f"Z[{l}] = W{l} @ {f'A[{l - 1}]' if l > 1 else 'X'} + b{l}"
        hint = f"W{l} times what layer {l - 1} gave, plus b{l} >> {line}"
        same(Z[l], right_Z[l], f"Z[{l}]", rel, hint, known=known)
        activation = "softmax" if l == L else "ReLU"
        hint = f"layer {l} of {L} takes {activation} >> A[{l}] = {activation}(Z[{l}])"
        same(A[l], right_A[l], f"A[{l}]", rel, hint)


@every_dtype
@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 3), (6, 5, 4, 3)])
def test_forward_prop_is_the_formulas_of_the_blackboard_layer_by_layer(sizes, dtype):
    rel = 1e-4 if dtype == np.float32 else 1e-12
    same_pass(network(*sizes, dtype=dtype), X_9.astype(dtype), rel)


def test_cross_entropy_is_the_mean_over_the_images_of_minus_log_probability():
    # Column one: probabilities 1/8, 2/8, 5/8, true class 2. Column two: 1/4, 1/4, 2/4, class 0.
    logits, Y = frozen([np.log([[1.0, 1], [2, 1], [5, 2]]), np.array([2, 0])])
    expected = -(math.log(5 / 8) + math.log(1 / 4)) / 2
    with teach("3 classes here, as many as logits has rows; logits are not probabilities yet"):
        loss = basic.cross_entropy(logits, Y)
    known = {
        "the sum, not the mean over the images": 2 * expected,
        "divided by m twice": expected / 2,
        "the mean over classes and images, not over the images alone": expected / 3,
        "without the minus": -expected,
        "of the logits themselves: log A = S - log(sum(exp(S)))": -math.log(5) / 2,
    }
    hint = "it is -log(5/8) for image 0, -log(1/4) for image 1, natural logarithms, and their mean"
    if close(loss, expected, rtol=1e-6):
        hint = "nearly right: is a small number added inside the logarithm, or clipped?"
    same(loss, expected, "cross_entropy(logits, Y)", rel=1e-14, hint=hint, known=known)
    slope = basic.cross_entropy(STEP, Y[:1]).imag / 1e-30
    same(slope, 1 / 8, "with h = 1e-30, cross_entropy(logits + 1j * h, Y).imag / h", hint=NO_ABS)


def test_cross_entropy_is_exact_where_the_logarithm_of_a_probability_is_infinite():
    rng, Y = np.random.default_rng(0), np.arange(50) % 10
    (logits,) = frozen([rng.uniform(-1e4, 1e4, (10, 50)).astype(np.float32)])
    Z, hint = logits.astype(np.longdouble), "not log(softmax(logits)): log A = S - log(sum(exp(S)))"
    each = Z.max(axis=0) + np.log(np.exp(Z - Z.max(axis=0)).sum(axis=0)) - Z[Y, np.arange(50)]
    with teach(f"{hint} with S = logits - max is finite"):
        loss = basic.cross_entropy(logits, Y)
    assert loss.dtype == np.float32, f"the loss is {loss.dtype}, not the logits' float32"
    says = f"logits up to 10000 give the loss {loss:.8g}, not {each.mean():.8g}: {hint}"
    assert abs(loss - each.mean()) / (1 + each.mean()) <= 1e-6, says


def test_l2_penalty_is_half_l2_times_the_squared_weights_and_not_the_biases():
    W1, b1 = np.array([[1.0, -2], [0.5, 4]]), np.array([[7.0], [6]])
    W2, b2 = np.array([[3.0, 2.5]]), np.array([[9.0]])
    penalty = basic.l2_penalty(frozen([W1, b1, W2, b2]), 0.5)
    of_W = 1 + 4 + 0.25 + 16 + 9 + 6.25
    products = 0.25 * ((W1 @ W1.T).sum() + (W2 @ W2.T).sum())
    known = {
        "with l2, not l2 / 2": 0.5 * of_W,
        "with the biases, which go free": 0.25 * (of_W + 49 + 36 + 81),
        "the sum of the absolute values, not of the squares": 0.25 * 13,
        "the weights' sum squared, not the sum of their squares": 0.25 * (3.5**2 + 5.5**2),
        "the sum of W @ W.T, which multiplies rows: W * W": products,
        "W1 alone": 0.25 * 21.25,
        "the mean of the squares, not their sum": 0.25 * (21.25 / 4 + 15.25 / 2),
        "the root, too: the norm is squared": 0.25 * (math.sqrt(21.25) + math.sqrt(15.25)),
    }
    hint = f"half of l2, times the sum of the squares of W1 and W2: 0.25 * {of_W} = 9.125"
    same(penalty, 0.25 * of_W, "l2_penalty(params, 0.5)", rel=1e-15, hint=hint, known=known)


@every_dtype
def test_l2_penalty_keeps_the_dtype_and_squares_without_a_modulus(dtype):
    W = np.full((1, 1), 1j if dtype == np.complex128 else 1, dtype)
    hint = "the square of a complex weight, without abs, .real or a norm >> W * W"
    cast = "a number of NumPy's in another dtype is in the sum, or an abs: squares are W * W"
    for l2 in (2.0, 0.0):
        same(basic.l2_penalty([W, W], l2), l2 / 2 * (W * W).sum(), "l2_penalty", 0, hint, cast)


def same_grads(params, X, Y, directions=0, **l2):
    """Assert that backward_prop is right to the last bits; from a known slip, say which."""
    Z, A = forward(params, X)
    frozen(Z[1:] + A[1:])
    sizes = [X.shape[0], *(b.size for b in params[1::2])]
    told = f"The layers have {sizes} neurons: {sizes[-1]} classes, as many as A[-1] has rows.\n"
    told += "Each dW has the shape of its W: is one to be transposed? >> W2.T @ dZ2, dZ2 @ A1.T"
    with teach(told):
        grads = basic.backward_prop(params, Z, A, Y, **l2)
    flat_list(grads, [f"d{'Wb'[k % 2]}{k // 2 + 1}" for k in range(len(params))])
    try:
        check_gradients(loss_of(X, Y, **l2), params, grads, directions=directions)
    except AssertionError as error:
        slips = slips_in(params, Z, A, Y, l2.get("l2", 0.0), grads) if len(sizes) == 3 else []
        l = re.match("d[Wb]([0-9]+)", str(error))[1]
        guess = f"Layer {l} is the last that is wrong: its dZ first, then dW{l} and db{l}"
        if slips:
            guess = f"Your gradients are those of: {'; '.join(slips)}"
        elif l2:
            guess = f"l2 is {l2['l2']} here: dW has l2 times W, after the division by m; db none"
        raise AssertionError(f"{error}\n{guess}") from None


def slips_in(params, Z, A, Y, l2, grads):
    """Return the slips that explain wrong grads of two layers: the one that explains most first."""
    right = backward(params, Z, A, Y, l2)
    wrong = {k for k in range(4) if not close(grads[k], right[k])}
    fits, slips = {}, []
    for slip, change in SLIPS.items():
        with contextlib.suppress(ValueError):  # W2 @ dZ2, where W2 is not square
            theirs = backward(params, Z, A, Y, l2, *change)
            fits[slip] = {k for k in range(4) if close(grads[k], theirs[k])}
    while wrong:
        best = max(fits, key=lambda slip: (len(fits[slip] & wrong), len(fits[slip])))
        if not fits[best] & wrong:
            break
        slips.append(best)
        wrong -= fits[best]
    return slips


@pytest.mark.parametrize("sizes, m", [((6, 5, 3), 9), ((5, 3), 6), ((3, 7, 2, 6, 5), 4)])
def test_backward_prop_agrees_with_the_complex_step(sizes, m):
    (W1, *others), (X, Y) = network(*sizes), examples(sizes[0], m, sizes[-1])
    for large in (1, 1e4):
        same_grads([W1 / large, *others], X * large, Y)


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


@every_dtype
def test_backward_prop_lets_nothing_through_where_Z_is_exactly_0_and_keeps_the_dtype(dtype):
    params, X = [p.astype(dtype) for p in START], X_9.astype(dtype)
    Z, A = forward(params, X)
    Z[1][2:, :4] = A[1][2:, :4] = 0
    grads = basic.backward_prop(params, Z, A, Y_9)
    hint = "where Z is 0, as for a dark image, the derivative is 0: Z > 0, not Z >= 0"
    cast = "is an array made in float64, or a number NumPy's? Python's numbers and bool change none"
    rel = 1e-4 if dtype == np.float32 else 1e-12
    same_params(grads, backward(params, Z, A, Y_9, 0), rel, hint, of="d{}", cast=cast)


@pytest.mark.parametrize("sizes", [(6, 5, 3), (5, 4, 3, 2)])
def test_backward_prop_with_l2_is_the_derivative_of_loss_and_penalty(sizes):
    same_grads(network(*sizes), *examples(sizes[0], 7, sizes[-1]), l2=0.3)


@every_dtype
def test_update_params_steps_against_the_gradient_in_the_dtype(dtype):
    params = frozen([np.array([[1, 2]], dtype), np.array([[3]], dtype)])
    grads = frozen([np.array([[16, -32]], dtype), np.array([[8]], dtype)])
    hint, given = "W1 is [[1, 2]], dW1 [[16, -32]], alpha 0.125 >> W1 - alpha * dW1", list(params)
    with teach("Return as many arrays as came in, new ones: these stay as they are"):
        new = basic.update_params(given, grads, 0.125)
    unchanged = len(given) == 2 and given[0] is params[0] and given[1] is params[1]
    assert unchanged, "the list of params that came in has changed: return a new list"
    flat_list(new, ["the new W1", "the new b1"])
    for name, ours, p, g, right in zip(("W1", "b1"), new, params, grads, ([[-1, 6]], [[2]])):
        known = {
            f"{name} plus alpha times its gradient: it goes downhill, minus": 2 * p - right,
            f"{name} minus its gradient, without alpha": p - g,
            f"{name} as it was: {name} moves, too": p,
        }
        cast = "NumPy's float64 was made of alpha: take it as it is"
        same(ours, np.array(right, dtype), f"the new {name}", 0, hint, cast, known)


def test_get_predictions_is_the_row_of_the_largest_entry_of_each_column():
    (P,) = frozen([np.array([[0.1, 0.6, 0.3, 0.2], [0.7, 0.3, 0.3, 0.1], [0.2, 0.1, 0.4, 0.7]])])
    ours, line = basic.get_predictions(P), "argmax, for each column >> P.argmax(axis=0)"
    assert not isinstance(ours, list), "predictions are a list, not an array (m,)"
    says = f"the largest entries stand in rows 1, 0, 2, 2; yours are {ours}: {line}"
    assert np.array_equal(ours, [1, 0, 2, 2]), says


def test_get_accuracy_is_the_fraction_that_is_right():
    predictions, Y = frozen([np.array([1, 2, 3, 4]), np.array([1, 2, 0, 4])])
    accuracy = basic.get_accuracy(predictions, Y)
    assert accuracy == 0.75, f"three of four are right: 0.75, not {accuracy}: the mean of =="
    is_float(accuracy, "the accuracy")


def test_init_params_refuses_what_makes_no_network_but_no_dtype_by_one_of_its_names():
    for sizes in ((784,), (784, 0, 10), (784, 10.5, 10)):
        with refused(f"init_params({sizes})", "layer_sizes"):
            basic.init_params(sizes)
    with refused("init_params((3, 2), 0, int)", "dtype"):
        basic.init_params((3, 2), 0, int)
    for dtype in (complex, "float32", np.dtype("float64")):
        with teach(f"dtype may be {dtype!r}, too: look at np.dtype(dtype).kind"):
            assert basic.init_params((3, 2), 0, dtype)[0].dtype == dtype


@pytest.mark.parametrize(
    "labels, classes, word",
    [
        ([[0, 1, 2]], 10, "ravel"),
        ([[1, 0], [0, 1]], 10, "argmax"),
        ([0.0, 1.0], 10, "astype"),
        ([True, False], 10, "astype"),
        ([0, 10], 10, "from 0 to 9"),
        ([-1, 3], 10, "from 0 to 9"),
        ([0, 3], 3, "from 0 to 2"),
    ],
)
def test_one_hot_refuses_what_is_no_label(labels, classes, word):
    with refused(f"one_hot(np.array({labels}), {classes})", word):
        basic.one_hot(np.array(labels), classes)


def test_forward_prop_refuses_what_is_not_one_column_per_image():
    for X, *words in ((X_9[:, 0], "X[:, [0]]"), (X_9.T, "X.T"), (X_9[..., None], "X.T", "reshape")):
        with refused(f"X of shape {X.shape} for 6 pixels", *words):
            basic.forward_prop(START, X)


def test_get_accuracy_refuses_arrays_of_different_shape():
    with refused("predictions (2, 1) and labels (2,)", "shape"):
        basic.get_accuracy(np.array([[1], [2]]), np.array([1, 2]))


# --- The training ---


def test_evaluate_returns_the_loss_and_the_accuracy_as_two_floats():
    far = [*START[:2], 2000 * START[2], START[3]]  # some of its probabilities are 0
    lists = "A and Z are lists of all layers: probabilities are A[-1], logits are Z[-1]"
    infinite = "the logarithm of a probability that is 0 is infinite: take the logits"
    for params, hint in ((START, lists), (far, infinite)):
        with teach(hint, AttributeError):
            result = basic.evaluate(params, X_9, Y_9)
        assert isinstance(result, tuple) and len(result) == 2, "return two numbers: loss, accuracy"
        (loss, accuracy), right = result, accuracy_of(X_9, Y_9, params)
        expected = loss_of(X_9, Y_9)(params)
        order = "the loss comes first, then the accuracy >> return loss, accuracy"
        assert not (close(loss, right) and close(accuracy, expected)), order
        is_float(loss, "the loss")
        is_float(accuracy, "the accuracy")
        says = f"the loss is {loss}, not {expected}: cross_entropy takes the logits >> Z[-1]"
        assert math.isclose(loss, expected, rel_tol=1e-12), says
        assert accuracy == right, f"the accuracy is {accuracy}, not {right}"


def test_evaluate_with_l2_adds_the_penalty_to_the_loss():
    loss, expected = basic.evaluate(START, X_9, Y_9, 0.1)[0], loss_of(X_9, Y_9, 0.1)(START)
    without = loss_of(X_9, Y_9)(START)
    known = {
        "without the penalty: add that of params and l2": without,
        "with the penalty divided by m, which it is not": without + (expected - without) / 9,
    }
    says = f"with l2 = 0.1 the loss is {loss}, not {expected}; {yours_is(loss, known)}"
    assert math.isclose(loss, expected, rel_tol=1e-12), says


def train(*args, **options):
    """Return what gradient_descent returns, its lines without those on dead neurons, states."""
    states = []
    options = dict(callback=lambda *state: states.append(state)) | options
    with contextlib.redirect_stdout(io.StringIO()) as out:
        params = basic.gradient_descent(*args, **options)
    return params, [line for line in out.getvalue().splitlines() if "neurons" not in line], states


def same_training(params, start, alphas, hint=""):
    """Assert that params are those after one update for each alpha; else say what was done."""
    flat_list(params, ["W1", "b1", "W2", "b2"])
    right, n = by_hand(start, X_9, Y_9, alphas), len(alphas)
    for guess, others in {
        "alpha * gradient was added, not subtracted": [-alpha for alpha in alphas],
        "params come back as they started: what update_params returns is the new params": [],
        "1 update was made: is the return inside of the loop?": alphas[:1],
        f"{n - 1} updates were made, not {n}": alphas[:-1],
        f"{n + 1} updates were made, not {n}": [*alphas, 0.3],
    }.items():
        wrong = by_hand(start, X_9, Y_9, others)
        if all(map(close, params, wrong)) and not all(map(close, right, wrong)):
            hint = guess
            break
    same_params(params, right, hint=hint, of="the trained {}")


def test_gradient_descent_on_all_images_is_forward_backward_update_written_out():
    start = basic.init_params((6, 5, 3), 0, float)
    options = inspect.signature(basic.gradient_descent).parameters
    for name, default in dict(alpha=0.1, iterations=500, layer_sizes=(784, 10, 10), seed=0).items():
        ours = getattr(options.get(name), "default", "no argument at all")
        assert ours == default, f"the default of {name} should be {default}, not {ours}"
    with teach("layer_sizes is (6, 5, 3) here, seed 0, and X float64: init_params takes them"):
        params, _, _ = train(X_9, Y_9, 0.3, 4, **SMALL)
    hint = "init_params, then 4 times forward_prop, backward_prop, update_params on all images"
    same_training(params, start, [0.3] * 4, hint)


def test_gradient_descent_on_all_images_trains_any_number_of_layers_in_the_dtype_of_X():
    hint = "init_params takes layer_sizes, seed and dtype of X >> (layer_sizes, seed, X.dtype)"
    X, sizes, loss = X_9.astype(np.float32), (6, 5, 4, 3), loss_of(X_9, Y_9)
    with teach(f"layer_sizes is {sizes} here, seed 7: {hint}"):
        start, params = (train(X, Y_9, 0.1, n, layer_sizes=sizes, seed=7)[0] for n in (0, 100))
    same_params(start, basic.init_params(sizes, 7), 0, hint, "the first {}", cast=hint)
    for p in params:
        assert p.dtype == np.float32, f"X is float32, the trained params are {p.dtype}"
    before, after = loss(start), loss(params)
    assert after < before, f"layer_sizes={sizes}: the loss went from {before:.3f} to {after:.3f}"


@pytest.mark.parametrize(
    "n, every, shown", [(5, None, 1), (23, None, 2), (0, None, 1), (23, 10, 10)]
)
def test_gradient_descent_prints_about_ten_lines_or_every_so_many(n, every, shown):
    expected = [*range(0, n, shown), n]
    _, lines, _ = train(X_9, Y_9, 0.1, n, print_every=every, **SMALL)
    form = "'Iteration: 0    | Loss: 2.3199 | Accuracy: 0.1085', f'{i:<4}' and f'{loss:.4f}'"
    assert lines, f"nothing is printed. There should be lines such as {form}"
    for line in lines:
        assert lines_of([line]), f"{line!r} should look like {form}; no other prints"
    says = f"iterations={n}, print_every={every}: lines are printed for {lines_of(lines)}, not for"
    both = "before the first update, and after the last one, too"
    assert lines_of(lines) == expected, f"{says} {expected}: {both}"


def lines_of(lines):
    """Return the iterations of printed lines that look as they should."""
    pattern = r"Iteration: (\d+) +\| Loss: \d+\.\d{4} \| Accuracy: \d\.\d{4}"
    return [int(found[1]) for line in lines if (found := re.match(pattern, line))]


def test_gradient_descent_prints_and_hands_to_callback_the_state_after_i_updates():
    start, states = basic.init_params((6, 5, 3), 0, float), []
    order = "call callback(iteration, params, loss, accuracy)"

    def callback(*state):
        in_order = len(state) == 4 and isinstance(state[1], (list, tuple))
        assert in_order, f"{order}; it was called with {[type(value).__name__ for value in state]}"
        states.append(state)
        frozen(state[1])

    with teach(f"{order}; it may keep params, so update none in place"):
        _, lines, _ = train(X_9, Y_9, 0.2, 2, callback=callback, **SMALL)
    called = [state[0] for state in states]
    assert called == [0, 1, 2], f"callback should be called for each printed line, not for {called}"
    for line, (i, params, loss, accuracy) in zip(lines, states):
        hint = f"line {i} is the state after {i} updates, on all images"
        same_training(params, start, [0.2] * i or [0.0], hint)
        expected, right = loss_of(X_9, Y_9)(params), accuracy_of(X_9, Y_9, params)
        says = f"loss {loss}, accuracy {accuracy}, not {expected}, {right}: {hint}; {order}"
        assert math.isclose(loss, expected, rel_tol=1e-12) and accuracy == right, says
        expected = f"Iteration: {i}    | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}"
        assert line == expected, f"printed is {line!r}, not {expected!r}"


def test_gradient_descent_on_mini_batches_shows_every_image_once_an_epoch_in_a_new_order():
    # Image j lights pixel j alone, so the columns of W1 that an update moved tell its mini-batch.
    X, Y = frozen([np.eye(12, 10), np.arange(10) % 3])
    pair = "one order for both, of m = Y.size images >> X[:, batch], Y[batch]"
    with teach(pair):
        _, _, states = train(X, Y, 0.1, 8, layer_sizes=(12, 3), batch_size=3, print_every=1)
    seen = [params for _, params, _, _ in states]
    moved = [np.flatnonzero((p[0] != q[0]).any(axis=0)) for p, q in zip(seen, seen[1:])]
    sizes, epoch = [len(batch) for batch in moved], [3, 3, 3, 1]
    took = f"10 images, batch_size=3: the updates took {sizes} images, not {epoch * 2}"
    assert sizes == epoch * 2, f"{took}: each once an epoch, whose last batch is what is left"
    first, second = np.concatenate(moved[:4]), np.concatenate(moved[4:])
    once = f"each image should come once an epoch; the epochs took {first} and {second}"
    assert sorted(first) == sorted(second) == list(range(10)), once
    one, other = ({frozenset(batch) for batch in epoch} for epoch in (moved[:4], moved[4:]))
    anew = "both epochs have the same mini-batches: shuffle the images anew, not the mini-batches"
    assert one != other, anew
    in_order = {frozenset(range(10)[k : k + 3]) for k in (0, 3, 6, 9)}
    assert one != in_order, "the first mini-batches are 0 to 2, 3 to 5, ...: shuffle before, too"
    for before, after, batch in zip(seen, seen[1:], moved):
        dZ = forward(before, X[:, batch])[1][-1] - (np.arange(3)[:, None] == Y[batch])
        W1 = before[0] - 0.1 * dZ @ X[:, batch].T / batch.size
        hint = f"the gradient is the mean over the {batch.size} images of the mini-batch; {pair}"
        same(after[0], W1, "W1 after an update", hint=hint)


def test_gradient_descent_on_mini_batches_prints_lines_about_the_first_10_000_and_the_epoch():
    # All images are the same, and so is the answer; but from 9,999 on they have the other label.
    X, start = np.ones((1, 10_005)), basic.init_params((1, 2), 0, float)
    answer = int(start[0].argmax())
    X, Y = frozen([X, np.where(np.arange(10_005) < 9_999, answer, 1 - answer)])
    options = dict(layer_sizes=(1, 2), print_every=1)
    _, lines, states = train(X, Y, 1e-9, 4, batch_size=5000, **options)
    for i, _, loss, accuracy in states:
        says = f"the accuracy in line {i} is {accuracy}, not 0.9999, that of the first 10,000"
        assert accuracy == 0.9999, f"{says} images of all images as they came, not shuffled"
        expected = loss_of(X[:, :10_000], Y[:10_000])(start)
        assert math.isclose(loss, expected, rel_tol=1e-7), f"the loss is {loss}, not {expected}"
    epochs = [line.rpartition(" | ")[2] for line in lines]
    says = f"with 3 updates an epoch the lines end with {epochs}, not 'Epoch: 0.00', 'Epoch: 0.33',"
    right = [f"Epoch: {epoch}" for epoch in ("0.00", "0.33", "0.67", "1.00", "1.33")]
    assert epochs == right, f"{says} ...: updates / updates per epoch, not images seen / m"
    _, (line, *_), ((*_, accuracy), *_) = train(X, Y, iterations=0, **options)
    all_images = accuracy == 9_999 / 10_005 and "Epoch" not in line
    assert all_images, "without batch_size a line is about all images, and names no epoch"


def test_gradient_descent_on_mini_batches_gives_the_same_bits_for_the_same_seed():
    state = np.random.get_state()[1]
    with teach("params is given here: init_params is called only if params is None"):
        runs = [train(X_9, Y_9, 0.1, 9, seed=k, batch_size=1, params=START)[0] for k in (1, 1, 2)]
    same_params(runs[1], runs[0], rel=0, hint="the same seed should give the same order of images")
    assert (runs[2][0] != runs[0][0]).any(), "another seed should give another order of images"
    own = "NumPy's own generator was reset: make one of your own >> np.random.default_rng(seed)"
    assert (np.random.get_state()[1] == state).all(), own
    for size in (9, 100):
        hint = f"with batch_size={size}, one mini-batch holds all 9 images"
        with teach(hint):
            whole, _, _ = train(X_9, Y_9, 0.1, 3, batch_size=size, **SMALL)
        same_params(whole, train(X_9, Y_9, 0.1, 3, **SMALL)[0], hint=hint)


# The optimizers as their papers have them, and their defaults, to be broken one place at a time.
ALGORITHMS = {
    "gd": "direction = g",
    "momentum": "v[:] = beta * v + g\ndirection = v",
    "rmsprop": "v[:] = beta * v + (1 - beta) * g * g\ndirection = g / (np.sqrt(v) + epsilon)",
    "adam": """
m[:] = beta1 * m + (1 - beta1) * g
v[:] = beta2 * v + (1 - beta2) * g * g
m_hat = m / (1 - beta1**t)
v_hat = v / (1 - beta2**t)
direction = m_hat / (np.sqrt(v_hat) + epsilon)
""",
}
DEFAULTS = {
    "gd": {},
    "momentum": dict(beta=0.9),
    "rmsprop": dict(beta=0.99, epsilon=1e-8),
    "adam": dict(beta1=0.9, beta2=0.999, epsilon=1e-8),
}
OPTIMIZER_SLIPS = slips_of("formulas: optimizers")


def direction(lines, g, memory, t, betas):
    """Return the direction of an optimizer's lines, and write into memory."""
    names = dict(m=memory[0], v=memory[1], g=g, t=t, np=np, **betas)
    exec(code_of(lines), names)
    return names["direction"].copy()


def same_directions(name):
    """Assert what an optimizer answers, update after update; from a known slip, say which."""
    rng = np.random.default_rng(0)
    gradients = frozen([*rng.standard_normal((3, 2, 3)) * [1, 1e-8, 100], np.full((2, 3), 1e-8)])
    lines = {"": ALGORITHMS[name]}
    two = "memory[0] and memory[1] are two arrays like g: v = memory[0]"
    for _, old, new, words in OPTIMIZER_SLIPS:
        if old in lines[""]:
            lines[words] = lines[""].replace(old, new)
    others = {key: value * 0.8 for key, value in DEFAULTS[name].items()}
    for betas, given in ((DEFAULTS[name], {}), (others, others)):
        memory, theirs = np.zeros((2, 2, 3)), {words: np.zeros((2, 2, 3)) for words in lines}
        for t, g in enumerate(gradients, start=1):
            with np.errstate(divide="ignore", invalid="ignore"):
                with teach(two):
                    ours = getattr(basic, name)(g, memory, t, **given)
                known = {w: direction(text, g, theirs[w], t, betas) for w, text in lines.items()}
            expected, hint = known.pop(""), f"at t = {t}: compare with the lines of the docstring"
            if t > 1:
                hint += "; memory keeps what was there before >> memory[0] = ... or v[:] = ..."
            hint = two if np.shape(ours) == memory.shape else hint
            same(ours, expected, f"{name}'s answer", 1e-11, hint, known=known)


def test_momentum_is_its_paper_s_line():
    same_directions("momentum")


def test_rmsprop_is_its_lecture_s_lines():
    same_directions("rmsprop")


def test_adam_is_its_paper_s_algorithm():
    same_directions("adam")


def follow(seen, X, Y, size, name, alpha, l2, count=lambda i: i + 1, forget=0):
    """Return whether params seen after each update are what the written-out updates give.

    Which images an update took is nobody's business, so the ones that fit best are taken.
    """
    m, memories = Y.size, [np.zeros((2, *p.shape)) for p in seen[0]]
    epoch = math.ceil(m / size)
    for i, (before, after) in enumerate(zip(seen, seen[1:])):
        if forget and i % forget == 0:
            memories = [np.zeros_like(memory) for memory in memories]
        tried = []
        for batch in itertools.combinations(range(m), min(size, m - i % epoch * size)):
            X_batch, Y_batch, kept = X[:, batch], Y[[*batch]], [one.copy() for one in memories]
            grads = backward(before, *forward(before, X_batch), Y_batch, l2(len(batch)))
            error = 0
            for p, q, g, memory in zip(before, after, grads, kept):
                step = direction(ALGORITHMS[name], g, memory, count(i), DEFAULTS[name])
                error = max(error, abs((p - alpha(i) * step - q) / (1 + abs(q))).max())
            tried.append((error, batch, kept))
        error, _, memories = min(tried, key=lambda one: one[0])
        if not error < 1e-7:
            return False
    return True


def same_updates(name, X, Y, size, n, start, decay=False, l2=0.0):
    """Assert that training does what its options say together; else say what it does."""
    m, epoch = Y.size, math.ceil(Y.size / size)
    options = dict(optimizer=name, decay=decay, l2=l2)
    options |= dict(batch_size=size) if size < m else {}
    told = f"with {', '.join(f'{key}={value}' for key, value in options.items())}"
    with teach(f"{told}; t counts from 1"), np.errstate(divide="ignore", invalid="ignore"):
        _, _, seen = train(X, Y, 0.1, n, params=start, print_every=1, **options)
    for i, params, loss, accuracy in seen:
        expected, known = loss_of(X, Y, l2)(params), {"without the penalty": loss_of(X, Y)(params)}
        says = f"{told}, the loss in line {i} is {loss}, not {expected}: {yours_is(loss, known)}"
        assert math.isclose(loss, expected, rel_tol=1e-9), says
        assert accuracy == accuracy_of(X, Y, params), f"{told}, the accuracy in line {i} is wrong"
    guesses = {
        "": {},
        "without decay": dict(alpha=lambda i: 0.1),
        "decay by epoch, not by update": dict(alpha=lambda i: 0.1 * (1 - i // epoch * epoch / n)),
        "decay from 1 on: update 0 takes alpha": dict(alpha=lambda i: 0.1 * (1 - (i + 1) / n)),
        "without l2": dict(l2=lambda k: 0.0),
        "l2 divided by the images of the batch": dict(l2=lambda k: l2 / k),
        "l2 times the batch's part of the images": dict(l2=lambda k: l2 * k / m),
        "t is always 1": dict(count=lambda i: 1),
        "t begins anew in each epoch": dict(count=lambda i: i % epoch + 1),
        "t counts epochs, not updates": dict(count=lambda i: i // epoch + 1),
        "memory is lost from update to update": dict(forget=1),
        "memory begins anew in each epoch": dict(forget=epoch),
        "memory and t begin anew": dict(forget=epoch, count=lambda i: i % epoch + 1),
    }
    right = dict(alpha=lambda i: 0.1 * (1 - i / n) if decay else 0.1, l2=lambda k: l2)
    states = [state[1] for state in seen]
    for words, other in guesses.items():
        if follow(states, X, Y, size, name, **right | other):
            assert not words, f"{told}, yours is the training where {words}"
            return
    what = "forward_prop, backward_prop with l2, the optimizer, update_params"
    raise AssertionError(f"{told}, the updates are not {what}: is each obeyed beside the others?")


@pytest.mark.parametrize("name", DEFAULTS)
def test_gradient_descent_with_an_optimizer_keeps_its_memory_from_update_to_update(name):
    same_updates(name, X_9, Y_9, 9, 3, START)
    for p in train(X_9.astype(np.float32), Y_9, 0.1, 3, optimizer=name, **SMALL)[0]:
        says = f"X is float32; with {name} the params become {p.dtype}: memory has their dtype"
        assert p.dtype == np.float32, f"{says} >> np.zeros((2, *p.shape), p.dtype)"


def test_gradient_descent_from_given_params_leaves_them_as_they_are():
    with teach("start from params; layer_sizes is for init_params alone"):
        params, _, _ = train(X_9, Y_9, 0.3, 2, params=START, layer_sizes=(6, 4, 3))
    same_training(params, START, [0.3] * 2, "start from params")
    params, _, _ = train(X_9.astype(np.float32), Y_9, 0.3, 1, params=START)
    assert params[0].dtype == np.float32, "params should be cast to the dtype of X"
    same_params(train(X_9, Y_9, iterations=0, params=START)[0], START, rel=0)


@pytest.mark.parametrize("name", DEFAULTS)
def test_gradient_descent_with_everything_at_once_is_the_updates_written_out(name):
    W1, b1, W2, b2 = network(4, 5, 3, seed=2)
    far = frozen([W1, b1, 400 * W2, b2])  # probabilities that are 0, and large gradients
    same_updates(name, *examples(4, 7, 3), 3, 7, far, decay=True, l2=0.2)


@pytest.mark.parametrize(
    "name, value",
    [
        ("alpha", np.float64(0.1)),
        ("alpha", np.float32(0.1)),
        ("l2", np.float64(0.1)),
        ("iterations", np.uint8(255)),
        ("batch_size", np.uint8(200)),
    ],
)
def test_gradient_descent_takes_numbers_of_NumPy(name, value):
    line = f"{name} = {type(value.item()).__name__}({name})"
    hint = f"{name}={value!r}: NumPy's numbers are numbers, too; make it Python's first >> {line}"
    X, Y = examples(6, 300, 3, dtype=np.float32)
    options = SMALL | dict(iterations=255)
    with teach(hint):
        params, lines, _ = train(X, Y, **options | {name: value})
        expected, _, _ = train(X, Y, **options | {name: value.item()})
    assert lines_of(lines)[-1:] == [255], f"it went as far as {lines_of(lines)}; {hint}"
    same_params(params, expected, rel=1e-6, hint=hint, cast=hint)


@pytest.mark.parametrize("labels", [1, 8])
def test_evaluate_refuses_as_many_labels_as_do_not_fit_the_images(labels):
    with refused(f"9 images and {labels} labels", "shape"):
        basic.evaluate(START, X_9, Y_9[:labels])


def refuses_each(*cases):
    """Assert that gradient_descent refuses each (arguments, *words), before it prints anything."""
    missing, arguments = [], dict(X=X_9, Y=Y_9, layer_sizes=(6, 4, 3), iterations=1)
    for change, *words in cases:
        in_words = []
        for name, v in change.items():
            shown = [p.shape for p in v] if name == "params" else repr(v)
            in_words.append(f"{name} {v.dtype} {v.shape}" if name in "XY" else f"{name}={shown}")
        what = ", ".join(in_words)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as out, refused(what, *words):
                basic.gradient_descent(**arguments | change)
            assert out.getvalue() == "", f"{what}: refuse it before anything is printed"
        except AssertionError as error:
            missing.append(f"- {error}")
    more = f"\nand {len(missing) - 3} more like these" if len(missing) > 3 else ""
    told = "To be refused before the training begins, where what is not named is X float64 (6, 9), "
    told += "Y int64 (9,),\nlayer_sizes (6, 4, 3), iterations 1:\n"
    assert not missing, told + "\n".join(missing[:3]) + more


def test_gradient_descent_refuses_arrays_that_do_not_fit():
    refuses_each(
        (dict(X=X_9.T), "X.T"),
        (dict(X=X_9[:, :-1]), "label", "shape", "Y "),
        (dict(X=X_9[:, :0], Y=Y_9[:0]), "label", "image", "X "),
        (dict(X=(255 * X_9).astype(np.uint8)), "255"),
        (dict(X=X_9.astype(np.float16), optimizer="rmsprop"), "float32"),
        (dict(X=X_9.astype(np.float16), optimizer="adam"), "float32"),
        (dict(Y=Y_9[None]), "ravel"),
        (dict(Y=Y_9 + 1), "from 0 to"),
        (dict(Y=Y_9 / 1), "astype", "classif"),
        (dict(Y=np.append(Y_9[:-1], 3), batch_size=1), "from 0 to"),
        *[(dict(params=[np.ones((3, 6)), b]), "params") for b in (np.ones(3), np.ones((3, 2)))],
        *[(dict(params=network(6, 4, 3)[:k]), "params") for k in (0, 3)],
        (dict(params=network(6, 4, 3)[:2] + network(5, 3)), "params"),
        (dict(params=network(5, 3)), "X.T"),
    )


def test_gradient_descent_refuses_numbers_that_make_no_sense():
    refuses_each(
        (dict(layer_sizes=(6,)), "layer_sizes"),
        *[(dict(alpha=alpha), "alpha") for alpha in (0, -1, math.nan, math.inf)],
        *[(dict(iterations=number), "iterations") for number in (-1, math.nan, math.inf)],
        (dict(batch_size=0), "batch_size"),
        (dict(print_every=0), "print_every"),
        (dict(l2=-1), "l2"),
        (dict(optimizer="sgd"), "optimizer"),
    )


def test_gradient_descent_refuses_to_go_on_when_the_loss_overflows():
    X = X_9.astype(np.float32)
    with contextlib.redirect_stdout(io.StringIO()) as out, refused("a loss of inf or nan", "alpha"):
        with np.errstate(over="ignore", invalid="ignore"):
            basic.gradient_descent(X, Y_9, 1e30, 50, print_every=1, **SMALL)
    printed = re.search("Loss: (nan|inf)", out.getvalue())
    assert not printed, f"{printed} was printed: raise the ValueError there, not at the end"


@pytest.mark.parametrize("last", [0, 3])
def test_gradient_descent_stops_on_ctrl_c_and_returns_what_it_reached(last):
    printed = []

    def interrupt(i, params, loss, accuracy):
        if i == last:
            printed.append(len(sys.stdout.getvalue().splitlines()))
            raise KeyboardInterrupt

    told = """Ctrl-C should end the training and return the params reached so far: try and
except KeyboardInterrupt: around the loop and the line before it; the last line without callback"""
    with teach(told, KeyboardInterrupt):
        params, lines, _ = train(X_9, Y_9, 0.2, 9, params=START, callback=interrupt)
    same_params(params, by_hand(START, X_9, Y_9, [0.2] * last), hint="the last complete update")
    more = lines[printed[0] :]
    says = f"after Ctrl-C one more line shows the state reached, Iteration: {last}; yours: {more}"
    assert lines_of(more[-1:]) == [last], says


# What follows is about basic.py alone: the course does not ask for it.


def test_training_learns_to_read_digits_that_it_has_not_seen():
    X, Y = digits(600)
    params, _, states = train(X.astype(np.float32), Y, 0.3, 60)
    assert accuracy_of(*digits(300, "t10k"), params) > 0.7
    assert (np.diff([loss for _, _, loss, _ in states]) < 0).all()


@pytest.mark.parametrize(
    "told, change",
    [
        ("8 columns.* 9 lab", dict(X=X_9[:, :8].tolist(), Y=Y_9.tolist())),
        ("from 0 to 2, not -1 to 1", dict(Y=Y_9 - 1)),
        (r"pass Y.argmax\(axis=0\)$", dict(Y=np.eye(3)[:, Y_9])),
        (r"pass Y.argmax\(axis=1\)$", dict(Y=np.eye(3)[Y_9])),
        (r"\(6, m\).* not \(9, 2, 3\): .* X.re.*\(len\(X\), -1\).T$", dict(X=np.ones((9, 2, 3)))),
        ("one output neuron", dict(params=network(6, 4, 1))),
        ("X, params or l2", dict(params=[1e300 * p for p in START])),
        *[("nan or inf", dict(X=np.r_[X_9[:5], [[p] * 9]])) for p in (np.nan, np.inf, -np.inf)],
    ],
)
def test_training_says_what_is_wrong_with(told, change):
    with pytest.raises(ValueError, match=told):
        basic.gradient_descent(**dict(X=X_9, Y=Y_9) | change, **SMALL)


def test_training_warns_of_pixels_up_to_255_but_not_of_standardised_ones():
    with pytest.warns(UserWarning, match="up to 150, not 1: pass X / 255") as warned:
        basic.gradient_descent(np.array([[0.0, 150]]), Y_9[:2], iterations=0, layer_sizes=(1, 3))
    assert warned[0].filename == __file__, "the line that calls gradient_descent"
    for lowest, highest in ((0, 100), (-1, 255)):  # a warning would be an error here
        basic.check_pixels(np.array([[lowest, highest]], float), "gd")


def test_training_says_that_ctrl_c_has_stopped_it_and_takes_float16_and_small_integers():
    def interrupt(*_):
        raise KeyboardInterrupt

    assert "Ctrl-C" in train(X_9, Y_9, callback=interrupt, **SMALL)[1][-2]
    options = dict(iterations=1, optimizer="momentum", print_every=np.uint8(1))
    assert train(X_9.astype(np.float16), Y_9, **options, **SMALL)[0][0].dtype == np.float16


def test_optimizers_remember_what_they_need_and_stay_quick():
    for name in ("momentum", "rmsprop"):
        memory = np.zeros((2, 1, 1))
        getattr(basic, name)(np.ones((1, 1)), memory, 1)
        assert memory[0] != 0 and memory[1] == 0
    memory = np.zeros((2, 1, 1), np.float32)
    for t in range(1, 1000):  # where Adam fades out, above the numbers with which float32 is slow
        basic.adam(np.full((1, 1), 1e-3 * (t == 1), np.float32), memory, t)
    assert memory[0] > np.finfo(np.float32).tiny


def test_docstrings_of_the_passes_are_python_that_gives_what_the_loops_give():
    params, (X, Y) = network(6, 5, 10), examples(6, 8, 10)
    Z, A = forward(params, X)
    names = dict(vars(basic), X=X, Y=Y, m=8, l2=0.3)
    names |= zip(("W1", "b1", "W2", "b2"), params)
    for function in (basic.forward_prop, basic.backward_prop):
        exec("\n".join(re.findall(r"^ {4}(\S.* = .*)", inspect.getdoc(function), re.M)), names)
    expected = [Z[1], A[1], Z[2], A[2], *backward(params, Z, A, Y, 0.3)]
    for name, array in zip("Z1 A1 Z2 A2 dW1 db1 dW2 db2".split(), expected):
        same(names[name], array, name)


# --- The data ---

IDX = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
IDX += ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def idx(array):
    """Return an array as the content of an IDX file."""
    header = np.array([0x800 + array.ndim, *array.shape], ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def npz(**arrays):
    """Return arrays as the content of an .npz file."""
    np.savez_compressed(file := io.BytesIO(), **arrays)
    return file.getvalue()


def table(images, labels, label="label", column=0, separator=",", scale=1, form="{}"):
    """Return the content of a CSV file with the label in this column; None: without a header."""
    rows = np.insert(scale * images.reshape(-1, 784), column, labels, axis=1).tolist()
    lines = [separator.join(map(form.format, row)) for row in rows]
    if label is not None:
        names = [f"pixel{k}" for k in range(784)]
        lines.insert(0, separator.join([*names[:column], label, *names[column:]]))
    return "\n".join(lines).encode()


def assert_loaded(loaded, arrays):
    """Assert that load_data returned these images and labels, as the network takes them."""
    for X, Y, images, labels in ((*loaded[:2], *arrays[:2]), (*loaded[2:], *arrays[2:])):
        assert X.dtype == np.float32 and Y.dtype == np.int64
        np.testing.assert_allclose(X, images.reshape(-1, 784).T / 255, rtol=0, atol=1e-7)
        assert np.array_equal(Y, labels)
        assert X.T.flags.c_contiguous, "an image should lie in one piece"


def assert_refused(capsys, argv, *words):
    """Assert that main ends with status 2 and one line on stderr, which holds these words."""
    with pytest.raises(SystemExit) as end:
        basic.main(argv.split())
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert err.startswith("basic.py: error: ") and err.count("\n") == 1, f"not one line: {err}"
    assert "Errno" not in err and err.strip().isprintable()
    for word in words:
        assert word in err


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Work where own/ holds 35 + 12 images, and basic finds no other data; return the arrays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(basic, "HERE", tmp_path)
    monkeypatch.setattr(basic, "MIRRORS", {"mnist": [], "fashion": []})
    rng = np.random.default_rng(0)
    arrays = []
    for m in (35, 12):
        images = rng.integers(0, 256, (m, 28, 28)) * (rng.random((m, 28, 28)) < 0.2)
        arrays += [images, np.arange(m) % 10]
    Path("own").mkdir()
    for name, array in zip(IDX, arrays):
        Path("own", name).write_bytes(idx(array))
    return arrays


@pytest.fixture(scope="module")
def mnist():
    with contextlib.redirect_stdout(None):
        return basic.load_data()


def test_load_data_gives_mnist_by_default(mnist):  # data/README.md has the checksum of each file
    contents = [gzip.decompress((HERE / f"data/mnist/{name}.gz").read_bytes()) for name in IDX]
    assert hashlib.sha256(b"".join(contents)).hexdigest() == basic.SHA256["mnist"]
    assert mnist[0].shape == (784, 60_000) and mnist[2].shape == (784, 10_000)
    for (X, Y), part in ((mnist[:2], "train"), (mnist[2:], "t10k")):
        first, labels = digits(200, part)
        assert np.allclose(X[:, :200], first) and np.array_equal(Y[:200], labels)


@pytest.mark.parametrize(
    "data, title, test, name",
    [
        ("mnist", "MNIST", "t10k", "data/mnist/{}-{}-idx{}-ubyte.gz"),
        ("fashion", "Fashion-MNIST", "t10k", "data/fashion/{}-{}-idx{}-ubyte"),
        ("x", "your own images", "t10k", "x/{0}-{1}.idx{2}/{0}-{1}.idx{2}"),  # as Windows unpacks
        ("x", "your own images", "test", "x/raw/emnist-{}-{}-idx{}.gz"),
        ("x", "your own images", "test", "x/{0}/{0}.IDX{2}"),
        ("x", "your own images", "test", "x/{1} to {0}"),
    ],
)
def test_load_data_reads_idx_files_whatever_they_are_called(own, capsys, data, title, test, name):
    for k, part in enumerate(("train", "train", test, test)):
        path = Path(name.format(part, ["images", "labels"][k % 2], [3, 1][k % 2]))
        path.parent.mkdir(parents=True, exist_ok=True)
        contents = [idx(own[k]), gzip.compress(idx(own[k]))]  # whatever the name says
        path.write_bytes(contents[k % 2])
        path.with_name(f"{path.name} (1)").write_bytes(contents[1 - k % 2])  # loaded down twice
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7 as macOS puts them beside")
    assert_loaded(basic.load_data(data), own)
    folder = data if data == "x" else f"data/{data}"
    line = f"Data: {title}, 35 training and 12 test images, from {folder}\n"
    assert capsys.readouterr().out == line


IMAGES, LABELS = idx(np.ones((35, 28, 28))), idx(np.ones(35))
ROWS = table(np.arange(3 * 784) % 98, np.arange(3))


@pytest.mark.parametrize(
    "data, name, content, words",
    [
        ("x", "x.csv", b"1,2", ["x: training images", "x.csv", "give the CSV"]),
        ("own", f"again-{IDX[3]}", LABELS, ["test labels", f"again-{IDX[3]}, {IDX[3]}"]),
        ("own", IDX[1], b"<html>403", [IDX[1], "IDX file of bytes", "web page"]),
        ("own", IDX[2], b"\0\0\x0d" + IMAGES[3:], [IDX[2], "IDX file of bytes"]),
        ("own", IDX[0], IMAGES[:3], [IDX[0], "get it anew"]),
        ("own", IDX[1], LABELS + b"\0", [IDX[1], "get it anew"]),
        ("own", IDX[1], gzip.compress(LABELS)[:-9], [IDX[1], "damaged"]),
        ("own", IDX[1], gzip.compress(LABELS)[:10] + b"\xff" * 9, [IDX[1], "damaged"]),
        ("own", IDX[2], gzip.compress(bytes(10**6)), [IDX[2], "more than 30,000 bytes"]),
        ("own", IDX[0], idx(np.ones((35, 20, 20))), ["own, training part", "(35, 20, 20)", "28 x"]),
        ("own", IDX[3], idx(np.arange(12)), ["own, test part", "11", "descent(layer_sizes=...)"]),
        ("own", IDX[1], idx(np.ones(16)), ["(35, 28, 28)", "(16,)"]),
        ("x.pkl.gz", "", gzip.compress(pickle.dumps((0, 1))), ["is a pickle"]),
        ("x.parquet", "", b"PAR1\x15\4", ["is a Parquet file"]),
        ("x.csv", "", b"\n <!DOCTYPE html>", ["is a web page"]),
        ("x.mat", "", b"MATLAB\0\1", ["is not a text", "CSV"]),
        (IDX[0], "", IMAGES, ["IDX file", "give the folder"]),
        ("x.npz", "", npz(a=np.ones((9, 99)), b=np.ones(9)), ["not x.npz", "Keras"]),
        ("x.npz", "", npz(x_train=np.ones(10**6), y_train=np.ones(9)), ["not an .npz"]),
        ("x.zip", "", npz(x_train=np.ones((9, 9)), y_train=np.float64(9)), ["numbers", "unpack"]),
        ("own own", "", None, ["one or two CSV files, not own and own"]),
        ("none.csv", "", None, ["no such file or folder"]),
        ("x.csv", "", ROWS.partition(b"\n1,")[0], ["images (0, 784)"]),
        *[("csv", "", ROWS.replace(b"\n2,", b), ["numbers"]) for b in (b",0\n2,", b"x\n2,", b"\n")],
        ("x.csv", "", ROWS.replace(b"\n2,", b"6\n2,"), ["976", "to 255"]),
        ("x.csv", "", ROWS.replace(b",1,", b",-1,"), ["from -1 to 97"]),
        ("x.csv", "", ROWS.replace(b"\n1,", b"\n-1,"), ["labels (2,) from -1 to"]),
        ("x.csv", "", ROWS.replace(b"\n1,", b"\n1.5,"), ["whole numbers"]),
        ("x.csv", "", b"\x1b[31m" + ROWS, ["785 columns (", "[31mlabel"]),
        ("x.csv", "", b"0" + b",0" * 783, ["784 columns (0, 0,", "data/README.md"]),
        ("x.csv", "", b"," + ROWS.replace(b"\n", b"\n7,"), ["to_csv(..., index=False)"]),
        ("x.csv", "", table(np.zeros((3, 784)), range(3), None, 784), ["label stands last"]),
    ],
    ids=lambda value: "..." if isinstance(value, bytes) else None,
)
def test_main_says_what_is_wrong_with_data(own, capsys, monkeypatch, data, name, content, words):
    monkeypatch.setattr(basic, "LARGEST", 30_000)
    path = Path(data, name)
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert_refused(capsys, f"--data {data}", data.split()[0], *words)


@pytest.mark.parametrize(
    "name, options, change",
    [
        ("x.csv", {"label": '"Class"', "column": 784}, gzip.compress),
        ("x.csv", {"label": " TARGET ", "column": 300}, bytes),
        ("x.csv", {"label": None}, lambda c: b"\xef\xbb\xbf" + c),
        ("x.csv", {}, lambda c: re.sub(rb"(\w+)", rb'"\1"', c)),
        ("x", {"separator": ";", "column": 784}, lambda c: c.replace(b"\n", b"\r\n") + b"\r\n"),
        ("x.txt", {"separator": " ", "form": "{:>4}", "label": None}, bytes),
        ("x.csv", {"label": None}, lambda c: ",".join(map(str, range(785))).encode() + b"\n" + c),
        ("x.csv", {"separator": ", "}, lambda c: c.replace(b"pixel", b"pixel ")),
        ("x.csv", {"label": None, "scale": 1 / 255, "form": "{:.18e}"}, bytes),  # numpy.savetxt
    ],
)
def test_load_data_reads_two_csv_files(own, name, options, change):
    Path(name).write_bytes(change(table(*own[:2], **options)))
    Path(f"test_{name}").write_bytes(change(table(*own[2:], **options)))
    assert_loaded(basic.load_data([name, Path(f"test_{name}")]), own)


def test_load_data_reads_what_keras_keeps(own):
    names = ("y_test", "x_test", "y_train", "x_train")
    Path("mnist.npz").write_bytes(npz(**dict(zip(names, own[::-1]))))
    assert_loaded(basic.load_data("mnist.npz"), own)


def test_load_data_holds_out_a_tenth_of_a_single_table_by_its_seed(own):
    numbers = np.arange(21)
    images = np.repeat(numbers, 784).reshape(-1, 784)  # so that a pixel tells which image it is
    Path("all.csv").write_bytes(table(images, numbers % 10))
    splits = []
    for seed in ((), (0,), (1,)):
        loaded = basic.load_data("all.csv", *seed)
        train, test = (np.rint(255 * X[0]).astype(int) for X in loaded[0::2])
        assert_loaded(loaded, (images[train], train % 10, images[test], test % 10))
        assert test.size == 3 and sorted([*train, *test]) == [*numbers]
        splits.append([*train, *test])
    assert splits[0] == splits[1] != splits[2]
    Path("ones.csv").write_bytes(table(images, 0 * numbers + 1))  # with a header, one class is fine
    assert basic.load_data("ones.csv")[1].all()


def test_fetch_takes_the_first_mirror_that_works_and_says_why_none_does(own, capsys, monkeypatch):
    asked = []

    def urlopen(url, timeout):
        assert 5 <= timeout <= 15, "who waits for ever does not try the next mirror"
        asked.append(url)
        _, _, how, name = url.split("/")
        if how == "down":
            raise urllib.error.URLError("refused")
        if how == "missing":
            raise urllib.error.HTTPError(url, 404, "\x1b[31mred\x07", None, io.BytesIO(b"a page"))
        content = Path("own", name.removesuffix(".gz")).read_bytes()
        packed = gzip.compress(content + b"more" * (how == "wrong"))
        return io.BytesIO({"page": b"<html>", "cut": packed[:-9]}.get(how, packed))

    content = b"".join(Path("own", name).read_bytes() for name in IDX)
    mirrors = [f"http://{how}/" for how in ("down", "missing", "wrong", "page", "cut")]
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(basic, "MIRRORS", {"mnist": mirrors})
    monkeypatch.setattr(basic, "SHA256", {"mnist": hashlib.sha256(content).hexdigest()})
    with pytest.raises(FileNotFoundError) as raised:
        basic.load_data("mnist")
    for word in (str(Path("data", "mnist")), *mirrors, "404", "wrong checksum"):
        assert word in str(raised.value)
    assert str(raised.value).isprintable(), "a terminal obeys control characters"
    assert [*Path("data/mnist").iterdir()] == []
    assert re.findall("MNIST from (.*)", capsys.readouterr().err) == [url[7:-1] for url in mirrors]

    mirrors += ["http://good/", "http://unused/"]
    for name, array in zip(IDX[:3], own):
        Path("data/mnist", name).write_bytes(idx(array))
    for _ in range(2):  # the second time, all is there, and nobody is asked
        assert_loaded(basic.load_data("mnist"), own)
    packed = [f"{name}.gz" for name in IDX]
    assert asked[-5:] == [f"http://cut/{packed[0]}", *[f"http://good/{name}" for name in packed]]
    assert {path.name for path in Path("data/mnist").iterdir()} == {*IDX[:3], *packed}


def test_replacing_replaces_a_file_only_when_all_is_written_and_keeps_link_and_mode(tmp_path):
    path = name = tmp_path / "file.txt"
    path.write_text("old")
    path.chmod(0o600)
    with contextlib.suppress(OSError):  # Windows may refuse links
        (tmp_path / "link").symlink_to(path)
        name = tmp_path / "link"
    before = {p: p.lstat().st_mode for p in tmp_path.iterdir()}
    with pytest.raises(KeyboardInterrupt), basic.replacing(name) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    with basic.replacing(str(name)) as file:
        file.write(b"new")
    assert path.read_text() == "new"
    assert {p: p.lstat().st_mode for p in tmp_path.iterdir()} == before


def test_replacing_refuses_what_is_no_ordinary_file_or_is_read_only(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")
    for place in (tmp_path, tmp_path / "none" / "file", path / "file", path):
        if place == path:
            monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # even for root
        with pytest.raises(OSError, match="cannot be written") as raised, basic.replacing(place):
            raise EOFError  # so that nothing is replaced, whatever else is wrong
        assert str(place) in str(raised.value) and "Errno" not in str(raised.value)
    assert "read-only" in str(raised.value)
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


# --- Your own digit ---


def draw(path, ink="black", paper="white", size=(240, 120), at=(90, 15), unit=6, mode="RGB"):
    """Draw a 2 that is 9 units wide and 12 high, with strokes of 1.5 units; return its pixels."""
    from PIL import Image, ImageDraw

    image = Image.new(mode, size, paper)
    corners = [(0, 2), (4, 0), (7, 2), (7, 5), (0, 12), (9, 12)]
    line = [(at[0] + unit * x, at[1] + unit * y) for x, y in corners]
    ImageDraw.Draw(image).line(line, fill=ink, width=unit * 3 // 2, joint="curve")
    image.save(path)
    return np.asarray(image)


def prepared(pixels, path="a.tif", **options):
    """Return what prepare_image makes of a picture with these pixels, saved with these options."""
    from PIL import Image

    if pixels.dtype.kind == "f":
        pixels = np.uint8(np.clip(np.round(pixels), 0, 255))
    Image.fromarray(pixels).save(path, **options)
    return basic.prepare_image(path)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Return the pixels of a 2, dark grey on nearly white, and what prepare_image makes of it."""
    path = tmp_path_factory.mktemp("two") / "page.png"
    return draw(path, ink=25, paper=242, mode="L"), basic.prepare_image(path)


def assert_read(X, expected, tolerance):
    """Assert that X is the expected column, up to this part of its length."""
    assert X.shape == (784, 1) and X.dtype == np.float32 and X.min() == 0 and X.max() == 1
    assert np.linalg.norm(X - expected) <= tolerance * np.linalg.norm(expected)


def on_nothing(page, ink):
    """Return the page with this ink, and black hidden where it is transparent."""
    return np.uint8(np.dstack([(page < 99) * ink, (page < 99) * 255]))


def tight(page):
    """Return the page without its margins."""
    rows, columns = np.nonzero(page < 99)
    return page[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def specks(page, rows, columns):
    """Return the page with dark specks in these rows and columns."""
    page = page.copy()
    for row, column in zip(rows, columns):
        page[row : row + 3, column : column + 3] = 0
    return page


def noise(page):
    """Return the page as a camera sees it that has too little light."""
    return page + np.random.default_rng(0).normal(0, 8, page.shape)


def shadow(page):
    """Return the page, made higher, in falling light, with a slanted shadow across its middle."""
    page = np.pad(page, ((60, 60), (0, 0)), "edge") * np.linspace(1, 0.8, 240)
    y, x = np.mgrid[-120:120, -120:120]
    return page * np.where(x < 0.7 * y, 1, 0.65)


def bars(page):
    """Return the page with a dark bar at the middle of each side."""
    page = page.copy()
    page[:6, 40:-40] = page[-6:, 40:-40] = page[20:-20, :20] = page[20:-20, -20:] = 20
    return page


@pytest.mark.parametrize(
    "tolerance, change",
    [
        pytest.param(0.001, lambda page: 130 + page // 9, id="pale"),
        pytest.param(0.001, lambda page: np.uint16(257) * page, id="16 bits"),
        pytest.param(0.001, lambda page: np.dstack([page, page // 2, 0 * page]), id="colours"),
        pytest.param(0.001, lambda page: on_nothing(page, 20), id="dark ink on nothing"),
        pytest.param(0.001, lambda page: on_nothing(page, 240), id="light ink on nothing"),
        pytest.param(0.2, lambda p: np.pad(p[::3, ::3], ((0, 400), (901, 0)), "edge"), id="small"),
        pytest.param(0.001, lambda page: 255 - tight(page), id="inverted, without margins"),
        pytest.param(0.2, lambda page: specks(tight(page), [30], [4]), id="a speck, no margins"),
        pytest.param(0.2, lambda page: specks(page, [9, 99, 60], [9, 20, 220]), id="specks"),
        pytest.param(0.2, lambda page: noise(shadow(page)), id="shadow and noise"),
        pytest.param(0.2, lambda page: 255 - noise(shadow(page)), id="blackboard"),
        pytest.param(0.2, lambda page: np.minimum(page, [[205.0], *11 * [[255]]] * 10), id="ruled"),
        pytest.param(0.2, bars, id="bars at the sides"),
        pytest.param(0.2, lambda page: np.pad(page, 40, constant_values=60), id="a dark table"),
    ],
)
def test_prepare_image_makes_the_same_of_every_picture_of_a_digit(own, two, tolerance, change):
    assert_read(prepared(change(two[0])), two[1], tolerance)


def test_prepare_image_turns_photos_upright_and_takes_the_first_of_many_pages(own, two):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    assert_read(prepared(np.rot90(two[0]), "a.jpg", exif=exif), two[1], 0.05)
    others = [Image.fromarray(255 - two[0][::-1])]
    assert_read(prepared(two[0], "a.gif", save_all=True, append_images=others), two[1], 0.001)


def test_prepare_image_reads_a_0_that_fills_its_picture_with_nothing_in_the_middle(own):
    y, x = np.mgrid[-1:1:90j, -1:1:60j]
    for hole in (0.6, 0.3):  # in a thin 0, in a bold one
        ring = np.where((hole < y**2 + x**2) & (y**2 + x**2 <= 1), 0, 255.0)
        assert_read(prepared(ring), prepared(np.pad(ring, 50, constant_values=255)), 0.001)


def test_prepare_image_keeps_the_parts_of_a_broken_digit_and_drops_what_is_far(own, two):
    broken = two[0].copy()
    broken[50:53] = 242
    X = prepared(broken)
    assert_read(X, two[1], 0.2)
    assert_read(prepared(specks(broken, [20], [20])), X, 0.001)
    small = np.full((28, 28), 255.0)  # a 4 with its strokes two pixels apart
    small[5:14, 11] = small[13, 11:16] = small[11:24, 18] = 0
    assert np.count_nonzero(prepared(small).reshape(28, 28).any(axis=1)) == 20


@pytest.mark.parametrize("turns", range(4))
def test_centre_by_mass_fits_a_digit_into_20_by_20_and_all_of_it_into_28_by_28(own, turns):
    ink = np.random.default_rng(0).integers(60, 256, (20, 12))
    spoon = np.where(np.mgrid[:50, :10][0] < 10, 1, np.arange(10) == 4)  # heavy at one end
    for digit in (ink, spoon, np.ones((100, 1))):
        digit = np.rot90(digit, turns)
        image = basic.centre_by_mass(np.pad(digit, ((5, 9), (7, 3)))).reshape(28, 28)
        for axis, side in enumerate(digit.shape):
            mass, size = image.sum(axis=1 - axis), max(1, round(20 * side / max(digit.shape)))
            assert np.count_nonzero(mass) == size
            # MNIST has the centre of mass in the pixel (14, 14), counted from 0.
            first, centre = mass.nonzero()[0][0], np.arange(28) @ mass / mass.sum()
            assert first == min(max(round(first + 14 - centre), 0), 28 - size)
        if digit.size == ink.size:  # nothing to scale
            assert image[image > 0] == pytest.approx(digit.ravel() / digit.max(), abs=1e-6)
            assert_read(prepared(255.0 - np.pad(digit, 35)), image.reshape(784, 1), 0.001)


@pytest.mark.parametrize(
    "reason, make",
    [
        pytest.param("one digit", lambda page: np.hstack([page, page]), id="two digits"),
        pytest.param("one digit", lambda page: specks(page, range(9, 99, 9), [20] * 10), id="many"),
        pytest.param("blank", lambda page: noise(np.full((90, 120), 230)), id="noise"),
        pytest.param("blank", lambda page: shadow(np.full((120, 240), 240)), id="shadow"),
        pytest.param("blank", lambda page: np.pad(0 * page + 242, 40), id="a dark table"),
        pytest.param("blank", lambda page: page // 30 + 200, id="too pale"),
        pytest.param("blank", lambda page: noise(page) * 30 % 256, id="nothing but noise"),
    ],
)
def test_prepare_image_refuses(own, two, reason, make):
    with pytest.raises(ValueError, match=f"^--predict a.tif: .*{reason}"):
        prepared(make(two[0]))


@pytest.mark.parametrize("start", [b"", b"\0\0\0\x18ftypheic", b"%PDF-1.7", b"%!PS-Adobe-3.0\n"])
def test_prepare_image_says_what_to_do_about_other_formats_and_only_about_them(own, start):
    Path("a.png").write_bytes(start + bytes(300))
    with pytest.raises(ValueError, match="^--predict a.png: [^\n]+ save it as PNG or JPEG$"):
        basic.prepare_image("a.png")
    draw("a.jpg")
    Path("a.jpg").write_bytes(Path("a.jpg").read_bytes()[:-600])
    with pytest.raises(ValueError, match="^--predict a.jpg: cannot be read: [^\n;]*truncated"):
        basic.prepare_image("a.jpg")


def test_prepare_image_makes_no_large_array_of_a_photo_and_refuses_more_than_64_megapixels(own):
    draw("photo.png", 0, 1, size=(4000, 3000), at=(1500, 1000), unit=50, mode="1")
    tracemalloc.start()
    basic.prepare_image("photo.png")
    _, peak = tracemalloc.get_traced_memory()  # of NumPy; Pillow's 12 MB are not in it
    tracemalloc.stop()
    assert peak < 12e6
    draw("large.png", 0, 1, size=(8100, 8000), mode="1")
    with pytest.raises(ValueError, match="64 megapixels"):
        basic.prepare_image("large.png")


# --- Saving and loading a model ---


def test_load_model_returns_what_save_model_wrote(tmp_path, monkeypatch):
    monkeypatch.setattr(basic, "LARGEST", 100)  # for what is packed: a model may be larger
    params = network(6, 5, 4, 3, dtype=np.float32)
    for path in (tmp_path / "ä b.npz", str(tmp_path / "without_suffix")):
        basic.save_model(path, params)
        same_params(basic.load_model(path), params, rel=0)
        with np.load(path) as file:
            assert file.files == ["W1", "b1", "W2", "b2", "W3", "b3"]


def test_save_model_never_replaces_a_good_file_by_what_is_no_network_or_has_overflowed(tmp_path):
    path = tmp_path / "m.npz"
    path.write_text("good")
    W, b = np.ones((10, 784)), np.ones((10, 1))
    for params in ([W], [W, np.nan * b], [W, -np.inf * b]):
        with pytest.raises(ValueError, match="smaller alpha|params must be"):
            basic.save_model(path, params)
    assert path.read_text() == "good" and [*tmp_path.iterdir()] == [path]


def test_load_model_refuses_what_is_no_model_and_never_unpickles(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "unpickled",)

    W, b, path = np.ones((10, 784)), np.ones((10, 1)), tmp_path / "m.npz"
    bad = [npz(W1=np.array([Trap()]), b1=b), npz(W1=W, b1=b.astype(str)), b"text"]
    bad += [npz(W1=W), npz(W1=W, b1=np.nan * b)]
    for content in bad:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"m\.npz"):
            basic.load_model(path)
    assert not (tmp_path / "unpickled").exists()


# --- Looking at the result ---

DIGITS, CLOTHES = basic.DIGITS, basic.CLOTHES


@pytest.mark.parametrize("names", [DIGITS, CLOTHES], ids=["digits", "clothes"])
def test_print_results_counts_what_is_true_by_row_and_what_is_answered_by_column(capsys, names):
    m = 12_345
    Y, predictions = np.repeat([3, 3, 3, 7, 0], m), np.repeat([7, 3, 7, 7, 9], m)
    P, X = np.full((10, 5 * m), 0.05), np.zeros((784, 1))
    P[predictions, range(5 * m)] = 0.55
    X[280:336, 0] = 1  # the rows 10 and 11 of the pixels are line 5 of the drawing
    basic.print_results(P, X, Y, names)
    _, summary, _, head, *lines = capsys.readouterr().out.split("\n")
    assert summary == "Test accuracy: 0.4000 on 61725 images"
    assert head.split() == ["true", *"0123456789", "right"]
    expected = {
        0: ". . . . . . . . . 12345 0.000",
        3: ". . . 12345 . . . 24690 . . 0.333",
        7: ". . . . . . . 12345 . . 1.000",
    }
    for k, line in enumerate(lines[:10]):
        name = names[k] if names is DIGITS else f"{names[k]} {k}"
        assert " ".join(line.split()) == f"{name} {expected.get(k, '. . . . . . . . . . -')}"
        assert line[-66::6].isspace() and len(line) == len(head) <= 79, "it should be aligned"
    drawing = lines[12:26]
    assert [line[:28].strip() for line in drawing] == [*[""] * 5, "@" * 28, *[""] * 8]
    bars = ["0.050"] * 10
    bars[3], bars[7] = "0.050 <- truth", "0.550 ###### <- answer"
    found = [" ".join(line[28:].split()) for line in drawing[2:12]]
    assert found == [f"{name} {bar}" for name, bar in zip(names, bars)]


def test_dead_neurons_are_those_that_are_zero_for_every_image():
    params = [p.copy() for p in network(1, 3, 2, 2)]
    params[0][:], params[1][:] = 1, [[0], [-1], [-2]]  # ReLU(x), ReLU(x - 1), ReLU(x - 2)
    params[2][:], params[3][:] = 1, [[-9], [0]]
    X = np.zeros((1, 20_000))
    assert basic.dead_neurons(params, X).tolist() == [True, True, True, True, True]
    X[0, -1] = 2  # the last image of all wakes two of them
    assert basic.dead_neurons(params, X).tolist() == [False, False, True, True, False]


def test_warn_of_dead_neurons_speaks_from_half_of_them_on_after_training(capsys):
    for sizes, dead in (((6, 4, 3), 1), ((6, 4, 4, 3), 3), ((6, 3), 0), ((6, 4, 3), 2)):
        assert capsys.readouterr().out == ""
        params = [p.copy() if p.shape[1] > 1 else p + 10 for p in network(*sizes)]
        params[1][:dead] = -100
        basic.warn_of_dead_neurons(params, X_9)
    basic.gradient_descent(X_9, Y_9, iterations=0, params=params)
    assert capsys.readouterr().out.count("2 of 4 hidden neurons") == 2


@pytest.mark.parametrize("hidden, names, right", [(20, CLOTHES, False), (3, DIGITS, True)])
def test_plot_report_draws_what_is_right_and_wrong(tmp_path, monkeypatch, hidden, names, right):
    drawn, keep = [], lambda figure, *args, **options: drawn.append(figure)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", keep)
    params, (X, Y) = network(784, hidden, 10), examples(784, 30, 10)
    P = forward(params, X)[1][-1]
    predictions, sure = P.argmax(axis=0), P.max(axis=0)
    Y = predictions if right else Y
    history = [(0, 2.5, 0.1, 2.6, 0.2), (4, 2.0, 0.3, 2.1, 0.4)]
    basic.plot_report(tmp_path / "r.png", history, params, X, Y, names)

    right = predictions == Y
    assert drawn[0].get_suptitle() == f"Test accuracy {right.mean():.4f}"
    losses, accuracies, confusion, *others = drawn[0].axes
    for axes, title, columns in ((losses, "loss", (1, 3)), (accuracies, "accuracy", (2, 4))):
        assert axes.get_title() == title
        for line, label, column in zip(axes.lines, ["training", "test"], columns, strict=True):
            assert [*zip(*line.get_data())] == [(row[0], row[column]) for row in history]
            assert line.get_label() == label
    assert accuracies.get_xlabel() == "update"

    counts = basic.count_answers(predictions, Y)
    for text, (j, k) in zip(confusion.texts, np.argwhere(counts), strict=True):
        assert text.get_position() == (k, j) and text.get_text() == str(counts[j, k])
        assert text.get_color() == ("#888888" if j == k else "black")
    assert np.array_equal(confusion.images[0].get_array(), counts * (1 - np.eye(10)))
    assert confusion.get_ylabel() == "is" and confusion.get_xlabel() == "says"
    for axis in (confusion.xaxis, confusion.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == names

    expected = [(w, str(k)) for k, w in enumerate(params[0][:20])]
    for i in np.flatnonzero(right)[:6]:
        expected.append((X[:, i], f"{names[predictions[i]]}\n{sure[i]:.2f}"))
    for i in sorted(np.flatnonzero(~right), key=lambda i: -sure[i])[:6]:
        expected.append((X[:, i], f"{names[predictions[i]]}\n{sure[i]:.2f}\nis {names[Y[i]]}"))
    shown = [axes for axes in others if axes.images]
    for axes, (pixels, caption) in zip(shown, expected, strict=True):
        assert np.array_equal(axes.images[0].get_array(), pixels.reshape(28, 28))
        assert axes.get_title() == caption
    high = abs(params[0][0]).max()
    assert shown[0].images[0].get_clim() == (-high, high), "0 should be white"
    assert shown[-1].images[0].get_clim() == (0, expected[-1][0].max()), "no ink should be white"


# --- The command line ---


def printed(capsys, argv):
    capsys.readouterr()
    basic.main(argv.split())
    return capsys.readouterr().out.splitlines()


def saved(path="m.npz"):
    with np.load(path) as file:
        return [*file.values()]


@pytest.mark.parametrize(
    "argv, options",
    [
        ("", {}),
        ("--iterations 0 --hidden 6 5", {"iterations": 0, "layer_sizes": (784, 6, 5, 10)}),
        ("--iterations 4 --hidden", {"iterations": 4, "layer_sizes": (784, 10)}),
        ("--iterations 9 --print-every 4", {"iterations": 9, "print_every": 4}),
        ("--iterations 5 --alpha 0.01 --decay", {"iterations": 5, "alpha": 0.01, "decay": True}),
        ("--iterations 5 --optimizer adam", {"iterations": 5, "optimizer": "adam"}),
        ("--iterations 1 --l2 0.1 --batch-size 9", {"iterations": 1, "l2": 0.1, "batch_size": 9}),
        ("--epochs 2 --batch-size 5 --seed 1", {"iterations": 14, "batch_size": 5, "seed": 1}),
        ("--epochs 3 --data fashion", {"iterations": 6, "batch_size": 32}),
    ],
)
def test_main_trains_as_its_options_say_and_prints_the_same_again(own, capsys, argv, options):
    data, names = ("fashion", CLOTHES) if "fashion" in argv else ("mnist", DIGITS)
    shutil.copytree("own", f"data/{data}")
    lines = printed(capsys, f"{argv} --save m.npz")
    X, Y, X_test, Y_test = basic.load_data(data)
    params = basic.gradient_descent(X, Y, **options)
    basic.print_results(forward(params, X_test)[1][-1], X_test, Y_test, names)
    assert lines == capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 79
    same_params(saved(), params, rel=0)
    assert printed(capsys, argv) == lines


def press(monkeypatch, name, after, times):
    """Let Ctrl-C be pressed so many times during a function of basic, after so many calls."""
    real, pressed = getattr(basic, name), mock.Mock(side_effect=KeyboardInterrupt)
    calls = [real] * after + [pressed] * times + [real]
    monkeypatch.setattr(basic, name, lambda *args: calls.pop(0)(*args))


def test_main_stopped_by_ctrl_c_shows_and_saves_what_was_reached(own, capsys, monkeypatch):
    expected = printed(capsys, "--data own --iterations 2 --save expected.npz")
    press(monkeypatch, "backward_prop", after=2, times=1)
    lines = printed(capsys, "--data own --iterations 5 --save m.npz")
    assert lines == [*expected[:4], "Stopped by Ctrl-C.", expected[3], *expected[4:]]
    same_params(saved(), saved("expected.npz"), rel=0)


def test_main_saves_what_was_reached_if_ctrl_c_is_pressed_again(own, capsys, monkeypatch):
    basic.main("--data own --iterations 2 --save expected.npz".split())
    press(monkeypatch, "print_line", after=2, times=2)
    press(monkeypatch, "replacing", after=1, times=1)  # once for check_files, then for save_model
    press(monkeypatch, "print_results", after=0, times=1)
    with pytest.raises(SystemExit) as end:
        basic.main("--data own --iterations 2 --save m.npz".split())
    assert end.value.code == 130 and capsys.readouterr().err == "Stopped by Ctrl-C.\n"
    same_params(saved(), saved("expected.npz"), rel=0)


def test_main_keeps_a_good_model_when_numbers_overflow(own, capsys):
    basic.save_model("m.npz", basic.init_params())
    before = Path("m.npz").read_bytes()
    argv = "--data own --load m.npz --alpha 1e38 --iterations 2 --save m.npz"
    assert_refused(capsys, argv, "after 1 updates", "smaller alpha")
    assert Path("m.npz").read_bytes() == before


def test_main_saves_although_its_output_is_not_read_or_cannot_be_written(own, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    argv = "--data own --iterations 2 --save m.npz".split()
    command = [sys.executable, "-W", "error", basic.__file__, *argv]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 0 and done.stderr == b"" and len(saved()) == 4
    full = types.SimpleNamespace(write=mock.Mock(side_effect=OSError(errno.ENOSPC, "No space")))
    for stdout in (None, full):
        Path("m.npz").unlink()
        monkeypatch.setattr(sys, "stdout", stdout)
        basic.main(argv)
        assert len(saved()) == 4
    full.write.assert_called_once()  # what could not be written is not tried again


def test_main_takes_names_with_blanks_and_umlauts_and_shows_them_on_any_terminal(own, monkeypatch):
    Path("own").rename("ä b")
    draw("ä b/ö.png")
    log = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(log, encoding="ascii"))
    basic.main(["--data", "ä b", "--iterations", "0", "--save", "ä b/ü.npz"])
    basic.main(["--load", "ä b/ü.npz", "--predict", "ä b/ö.png"])
    lines = log.getvalue().decode("ascii").splitlines()
    assert lines[0].endswith("from \\xe4 b") and "\\xf6.png: " in lines[-1]


def test_main_loads_what_it_saved_and_trains_on_only_if_told_how_long(own, capsys):
    trained = printed(capsys, "--data own --iterations 3 --save m.npz")
    loaded = printed(capsys, "--data own --load m.npz")
    assert loaded[1] == trained[4].replace("Iteration: 3", "Iteration: 0")
    assert loaded[2:] == trained[5:]
    X, Y, *_ = basic.load_data("own")
    params = basic.gradient_descent(X, Y, iterations=2, params=saved())
    basic.main("--data own --load m.npz --iterations 2 --save m.npz".split())
    same_params(saved(), params, rel=0)


def test_main_answers_each_picture_in_one_line(own, capsys):
    for name in ("2.png", "8.jpg"):
        draw(name)
    trained = printed(capsys, "--data own --iterations 2 --save m.npz --predict 2.png 8.jpg")
    expected = []
    for name in ("2.png", "8.jpg"):
        p = forward(saved(), basic.prepare_image(name))[1][-1][:, 0]
        a, b, c = np.argsort(-p)[:3]
        expected.append(f"{name}: {a} ({p[a]:.3f}), then {b} ({p[b]:.3f}), {c} ({p[c]:.3f})")
    assert trained[0].startswith("Data:") and trained[-2:] == expected
    assert printed(capsys, "--load m.npz --predict 2.png 8.jpg") == expected
    for more in ("--save m.npz", "--iterations 1", "--epochs 1"):
        lines = printed(capsys, f"--data own --load m.npz {more} --predict 2.png")
        assert lines[0].startswith("Data:") and lines[-1].startswith("2.png: ")


def test_main_draws_a_report_of_what_it_printed_as_the_file_name_ends(own, capsys, monkeypatch):
    report = mock.Mock(wraps=basic.plot_report)
    monkeypatch.setattr(basic, "plot_report", report)
    monkeypatch.setattr(basic, "draw_images", mock.Mock())  # they take long
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    lines = printed(capsys, "--data own --iterations 2 --plot report --save m.npz")
    history = report.call_args.args[1]
    shown = [f"Iteration: {i:<4} | Loss: {j:.4f} | Accuracy: {a:.4f}" for i, j, a, _, _ in history]
    assert shown == lines[1:4]
    assert lines[5] == f"Test accuracy: {history[2][4]:.4f} on 12 images"
    basic.main("--data own --load m.npz --save m.npz --plot r.SVG".split())
    assert "matplotlib.pyplot" not in sys.modules, "pyplot looks for a display"
    assert Path("report").read_bytes().startswith(b"\x89PNG\r\n")
    assert Path("r.SVG").read_bytes().startswith(b"<?xml")
    press(monkeypatch, "print_line", after=0, times=2)  # then there is nothing to draw
    basic.main("--data own --save m.npz --plot none.png".split())
    assert {path.name for path in Path().iterdir()} == {"own", "report", "m.npz", "r.SVG"}


def test_class_names_are_clothes_for_fashion_only(own):
    Path("root/FashionMNIST").mkdir(parents=True)  # as torchvision has it
    Path("old-fashioned.csv").touch()
    for data in ("fashion", "root", "x/Fashion-MNIST/raw", "fashion_mnist.csv"):
        assert basic.class_names([data]) == CLOTHES
    for data in ("mnist", "fashion/digits", "old-fashioned.csv"):
        assert basic.class_names([data]) == DIGITS


@pytest.mark.parametrize(
    "argv, words",
    [
        ("--iterations -1", "--iterations must be a whole number, 0 or more, not -1"),
        ("--epochs 0", "--epochs must be a whole number, 1 or more, not 0"),
        ("--batch-size 0", "--batch-size must be"),
        ("--hidden 9 0", "--hidden must be"),
        ("--seed -1", "--seed must be"),
        *[(f"--{n}=1", f"{n} is called --alpha") for n in ("lr", "learning-rate", "learning_rate")],
        ("--print_every 5", "--print_every is called --print-every here"),
        ("--save none/m.npz", "m.npz cannot be written"),
        ("--plot r.xyz", "--plot r.xyz"),
        ("--save m.png --plot ./m.png", "named twice"),
        ("--predict 1.png --plot 1.png", "named twice"),
        ("--data m.npz --save m.npz", "named twice"),
        ("--load 1.png --plot 1.png", "named twice"),
        ("--load none.npz", "none.npz: No such file"),
        ("--load other.npz", "other.npz: its layers are not from 784 pixels to 10 classes"),
        ("--predict none.png", "none.png: cannot be read"),
    ],
)
def test_main_refuses_before_it_reads_the_data(own, capsys, monkeypatch, argv, words):
    monkeypatch.setattr(basic, "load_data", lambda *args: pytest.fail("the data is read"))
    draw("1.png")
    basic.save_model("other.npz", network(784, 26))
    before = {path: path.is_file() and path.read_bytes() for path in Path().rglob("*")}
    assert_refused(capsys, argv, words)
    after = {path: path.is_file() and path.read_bytes() for path in Path().rglob("*")}
    assert after == before, "nothing should be left behind or changed"


def test_main_says_in_one_line_what_it_lacks(own, capsys, monkeypatch):
    monkeypatch.setattr(basic, "plot_report", mock.Mock(side_effect=RuntimeError("no LaTeX")))
    assert_refused(capsys, "--data own --iterations 0 --plot r.png", "no LaTeX")
    Path("a.csv").write_bytes(table(*own[:2]))
    for module, argv in (("pandas", "--data a.csv"), ("matplotlib.figure", "--plot r.png")):
        monkeypatch.setitem(sys.modules, module, None)
        assert_refused(capsys, argv, module, "pip install -r requirements.txt")
    monkeypatch.setattr(np, "savez", mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left")))
    assert_refused(capsys, "--data own --iterations 0 --save m.npz", "m.npz", "No space left")
    monkeypatch.setattr(basic, "load_data", mock.Mock(side_effect=MemoryError("5.8 TiB")))
    assert_refused(capsys, "--data own --seed 3", "not enough memory (5.8 TiB): close")
    basic.load_data.assert_called_once_with(["own"], 3)
    assert {path.name for path in Path().iterdir()} == {"own", "a.csv"}


def test_main_explains_its_options_in_80_columns_and_loads_nothing_for_that():
    code = "import basic, sys\ntry: basic.main(['--help'])\nfinally: print(*sys.modules)"
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True)
    text, _, modules = done.stdout.rstrip().rpartition("\n")
    assert {"numpy", "pandas", "matplotlib"} & {*modules.split()} == {"numpy"}
    assert max(map(len, text.splitlines())) <= 79
    options = re.findall(r"^  (--[a-z0-9-]+)", text, re.M)
    named = re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]*)", text_of("README.md"))
    assert len(options) == 15 and {*options} <= {*named}, "the README names every option"
    for default in ("[mnist]", "[500; 0 with", "[10]", "[all; 32", "[gd]", "[0.1]", "[0]", "[off]"):
        assert default in text


def test_basic_works_where_it_is_pasted_into_a_cell(own):
    cell = {"__name__": "cell"}  # and no __file__
    exec(SOURCE.partition("if __name__ ==")[0], cell)
    assert cell["HERE"] == Path.cwd()
    assert_loaded(cell["load_data"]("own"), own)


def test_script_metadata_asks_for_what_requirements_txt_asks_for():
    wanted = [name for name in text_of("requirements.txt").split() if "pytest" not in name]
    line = f"\n# dependencies = {json.dumps(wanted)}\n"
    assert line in SOURCE or "\n# " not in SOURCE  # as mutate.py writes it


# --- The pages ---

PAGES = ["README.md", "data/README.md"]
PAGES += sorted(f"docs/{path.name}" for path in (HERE / "docs").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\s*^```text([^\n]*)\n(.*?)^```\n)?", re.M | re.S)
every_page = pytest.mark.parametrize("page", PAGES)


def text_of(page):
    return (HERE / page).read_text("utf-8")


def same_words_and_numbers(ours, printed):
    """Return whether two texts differ in nothing but the last digit of their numbers."""
    if ours.split() == printed.split():  # also checksums, where 9e9999 is no number
        return True
    pieces = [re.split(r"(-?\d+\.?\d*(?:e[+-]?\d+)?)", text.strip()) for text in (ours, printed)]
    words = [[word.split() for word in piece[0::2]] for piece in pieces]
    if words[0] != words[1]:
        return False
    for one, other in zip(pieces[0][1::2], pieces[1][1::2]):
        mantissa, _, exponent = other.partition("e")
        decimals = len(mantissa.partition(".")[2])
        whole = "." not in mantissa and not exponent
        last_digit = 0 if whole else 10.0 ** (int(exponent or 0) - decimals)
        if abs(float(one) - float(other)) > 1.5 * last_digit:
            return False
    return True


@every_page
def test_pages_have_python_blocks_that_run_and_print_what_stands_below_them(
    page, mnist, monkeypatch, tmp_path, capsys
):
    """A block that takes long, as its ```text says, or prints nothing, is run on few images.

    One that begins with "# takes minutes" starts whole programs; it is only compiled.
    """
    warnings.filterwarnings("ignore", ".*X / 255")  # an experiment does it on purpose
    train, init = basic.gradient_descent, basic.init_params
    few = (mnist[0][:, :160], mnist[1][:160], mnist[2][:, :80], mnist[3][:80])
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
    from PIL import Image

    small = Image.new("RGB", (4, 4))  # as drawing takes most of the time
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **options: small.save(file, "png"))
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    if page == "data/README.md":  # it looks at the files themselves
        shutil.copytree(HERE / "data/mnist", "data/mnist")
    names, pictures = {"__name__": page}, []
    for block, takes, expected in BLOCK.findall(text_of(page)):
        if "dask" in block and not importlib.util.find_spec("dask"):
            continue
        code = compile(block, page, "exec")
        if block.startswith("# takes minutes"):
            continue
        pictures += re.findall(r'"docs/(\w+\.\w+)"', block)
        arrays = mnist if expected and not takes else few
        if "X_train" in names:
            names |= zip(("X_train", "Y_train", "X_test", "Y_test"), arrays)
        capsys.readouterr()
        exec(code, names)
        out = capsys.readouterr().out
        if expected and not takes:
            told = f"printed:\n{out}\non the page:\n{expected}"
            assert same_words_and_numbers(out, expected), told
    assert sorted(pictures) == sorted(os.listdir("docs"))


def test_README_has_blocks_whose_output_is_compared():
    blocks = BLOCK.findall(text_of("README.md"))
    assert len([block for block, takes, expected in blocks if expected and not takes]) > 2
    assert same_words_and_numbers("loss 2.3412 of 7", "loss 2.3411  of 7")
    for other in ("loss 2.3413 of 7", "loss 2.3411 of 8", "lost 2.3411 of 7", "loss 2.3411"):
        assert not same_words_and_numbers(other, "loss 2.3411 of 7")


@every_page
def test_pages_show_pictures_that_a_block_or_a_command_draws(page):
    blocks = re.findall(r"^```(?:python|sh)\n(.*?)^```", "".join(map(text_of, PAGES)), re.M | re.S)
    drawn = set(re.findall(r"\bdocs/(\w+\.\w+)", "".join(blocks)))
    for tag in re.findall(r"<img [^>]*>|!\[[^]]*\]\([^)]*\)", text_of(page)):
        name = re.search(r"(\w+\.(?:png|gif))", tag)[1]
        assert name in drawn, f"{page}: which block draws {name}?"
        assert re.search(r'alt="[^"]{20,}"|!\[[^]]{20,}\]', tag), f"{page}: what does {name} show?"


def test_README_claims_as_many_lines_as_the_network_has():
    network = re.findall("# --- The network -+(.*)# --- The train", SOURCE, re.S)  # or mutate.py's
    code = re.sub(r'""".*?"""', "", "".join(network), flags=re.S)  # without the docstrings
    count = len(re.findall(r"^ *[^\s#]", code, re.M))
    assert not network or f"**{count} lines of NumPy" in text_of("README.md"), f"it has {count}"


@every_page
def test_pages_have_code_within_80_columns_and_results_within_41_in_the_README(page):
    for kind, block in re.findall(r"^```(python|text).*?\n(.*?)^```", text_of(page), re.M | re.S):
        widest = 41 if kind == "text" and page == "README.md" else 80
        for line in block.splitlines():
            assert len(line) <= widest, f"{len(line)} characters: {line}"


@every_page
def test_pages_have_commands_that_the_command_line_takes(page, monkeypatch):
    monkeypatch.setattr(basic, "run", mock.Mock())
    blocks = re.findall(r"^```sh\n(.*?)^```", text_of(page), re.M | re.S)
    for command in re.findall(r"python basic\.py([^\n|&]*)", "\n".join(blocks)):
        basic.main(shlex.split(command, comments=True))


def prose_of(path):
    return re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.M | re.S)


def anchors(path):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose_of(path), re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_pages_link_to_files_and_headings_that_exist():
    linked = 0
    for page in PAGES:
        links = r"(?:\]\(|src=\")([^)#\s\"]*)(?:#([^)]*))?[)\"]"
        for path, anchor in re.findall(links, prose_of(HERE / page)):
            if "://" in path:
                continue
            target = (HERE / page).parent / path if path else HERE / page
            assert target.exists(), f"{page}: {path}"
            if anchor:
                linked += 1
                assert anchor in anchors(target), f"{page}: {path}#{anchor}"
    assert linked > 10


def test_README_runs_in_a_notebook(monkeypatch, tmp_path):
    warnings.simplefilter("ignore")  # of Jupyter's own code
    pytest.importorskip("ipykernel")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    X, Y = digits(100)
    (tmp_path / "digits.csv").write_bytes(table(np.rint(255 * X.T), Y))
    options = ["--data", (tmp_path / "digits.csv").as_posix(), "--iterations", "1"]

    blocks = BLOCK.findall(text_of("README.md"))
    cells = [(code.replace("=500", "=1"), text) for code, _, text in blocks]
    cells.append((f"%run basic.py {shlex.join(options)}", ""))
    cells.append((f"import basic\nbasic.main({options})", ""))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(code) for code, _ in cells]
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(HERE)}}).execute()
    for cell, (_, expected) in zip(notebook.cells, cells):
        out = "".join(output.get("text", "") for output in cell.outputs)
        assert not expected or same_words_and_numbers(out, expected), out
        assert "--iterations" not in cell.source or "Test accuracy: " in out, out


# --- The course: python test_basic.py mine.py ---

# Where the README has a function's formulas; the rest is in the docstrings.
PLACES = {
    "init_params": "The network",
    **dict.fromkeys(("ReLU", "softmax", "forward_prop"), "Forward"),
    "cross_entropy": "The loss",
    **dict.fromkeys(("one_hot", "ReLU_deriv", "backward_prop"), "Backward"),
    "update_params": "Update, and any number of layers",
}
# What is written, in this order. A test belongs to the step whose name its own begins with.
STEPS = (
    "init_params, ReLU, ReLU_deriv, softmax, one_hot, forward_prop, cross_entropy, backward_prop, "
    "update_params, get_predictions, get_accuracy, evaluate, gradient_descent: on all images, "
    "gradient_descent: prints, l2_penalty, evaluate: with l2, backward_prop: with l2, "
    "gradient_descent: on mini-batches, momentum, rmsprop, adam, "
    "gradient_descent: with an optimizer, gradient_descent: from given params, "
    "gradient_descent: with everything, gradient_descent: takes numbers, init_params: refuses, "
    "one_hot: refuses, forward_prop: refuses, get_accuracy: refuses, evaluate: refuses, "
    "gradient_descent: refuses arrays, gradient_descent: refuses numbers, "
    "gradient_descent: refuses to go on, gradient_descent: stops"
).split(", ")
CORE = STEPS[:13]  # with these a network trains
STEPS_OF = {step: step.partition(":")[0] for step in STEPS}
FUNCTIONS = [name for name in DOCUMENTED if name in STEPS_OF.values()]  # in the order of basic.py
TOO_LONG = 10  # seconds for one step: all of them together take about two

ABOVE = '''"""A neural network for handwritten digits, from scratch: mine.

Fill in these functions; README.md has their formulas. `python test_basic.py mine.py` tells you how
far you are, what is wrong and what is next. The formulas come first, until the network trains: what
a docstring says about l2 and ValueErrors is for later. What is not written yet is taken from
basic.py, so you may begin anywhere, and `python mine.py` trains with what you have, at any time.

    X, Y      the images, (n_0, m), a column for each, pixels from 0 to 1; and their labels, (m,)
    params    the list [W1, b1, W2, b2, ..., WL, bL]: W_l is (n_l, n_{l-1}), b_l is (n_l, 1)
    L, l      the number of layers, 2 or any other; and one of them, from 1 to L
    Z, A      what enters and what leaves the activation of a layer, (n_l, m)

Unless its docstring says otherwise, a function gives back the dtype that comes in: float32, float64
or complex128, with which the tests measure derivatives. No function changes an array that it is
given, except an optimizer its memory. A ValueError says its cure, in a word of the docstring.
"""

import numpy as np
'''
BELOW = """if __name__ == "__main__":
    from pathlib import Path

    from test_basic import complete

    mine = complete(__file__)  # the functions above, and basic.py's for those not written yet
    X_train, Y_train, X_test, Y_test = mine.load_data()
    history = []

    def remember(i, params, loss, accuracy):
        history.append((i, loss, accuracy, *mine.evaluate(params, X_test, Y_test)))

    print("The training takes a minute or so.")
    params = mine.gradient_descent(X_train, Y_train, callback=remember)
    loss, accuracy = mine.evaluate(params, X_test, Y_test)
    print(f"Test accuracy: {accuracy:.4f}")
    if history:  # once gradient_descent calls callback: a picture of your own network
        mine.plot_report(Path("mine.png"), history, params, X_test, Y_test, mine.DIGITS)
        print("mine.png shows your network.")
"""
HIDDEN = "        (these lines are yours to write; README.md has the formulas)\n"
SOURCE = Path(basic.__file__).read_text("utf-8")
REFERENCE = compile(SOURCE, basic.__file__, "exec")


@functools.cache
def skeleton(path=HERE / "mine.py"):
    """Return the text of an empty mine.py: what basic.py's functions promise, not how."""
    parts = [ABOVE.replace("mine.py", path.name)]
    for function in FUNCTIONS:
        if function == "momentum":  # what an optimizer is, is said above the first of them, plain
            plain = r"^(#[^\n]*\n)*\s*def plain\(.*?\n(?=\n\n|def )"
            parts.append(re.search(plain, SOURCE, re.M | re.S)[0])
        source = inspect.getsource(inspect.unwrap(DOCUMENTED[function]))
        signature, docstring, _ = source[source.index("def ") :].split('"""', 2)
        docstring = re.sub(r"(?<=\n\n)( {8}.*\n)+", HIDDEN, docstring)
        parts.append(f'{signature}"""{docstring}"""\n    raise NotImplementedError\n')
    parts.append(re.search(r"^OPTIMIZERS = .*\n", SOURCE, re.M)[0])
    below = BELOW.replace("mine.png", f"{path.stem}.png")
    if path.resolve().parent != HERE:
        found = f"    import sys\n\n    sys.path.append({str(HERE)!r})  # where test_basic.py is\n"
        below = below.replace("    from test_basic", f"{found}    from test_basic")
    return "\n\n".join([*parts, below])


def unwritten(function):
    """Return why a function of mine.py is not written yet, or ""."""
    empty = r"pass|\.\.\.|['\"].*|raise NotImplementedError.*"
    lines = [ast.unparse(line) for line in function.body]
    if all(re.fullmatch(empty, line, re.S) for line in lines):
        return "not written yet"
    returns = any(line.startswith("return") for line in lines)
    if returns or not lines[-1].startswith("raise NotImplementedError"):
        return ""
    return f"not written yet: line {function.body[-1].lineno} still raises NotImplementedError"


def fresh(name, path):
    """Return an empty module that has all that a module has."""
    spec = importlib.util.spec_from_file_location(name, Path(path).with_suffix(".py"))
    return importlib.util.module_from_spec(spec)


def complete(path, source=None):
    """Return basic.py as a module in which the functions of mine.py stand in place of its own.

    So all of them call each other, and what is not written is there all the same. They see
    basic.py's functions, but not what it imports.
    """
    text = Path(path).read_text("utf-8") if source is None else source
    linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
    tree = ast.parse(text, str(path))
    exec(compile(tree, str(path), "exec"), vars(fresh("mine", path)))  # what it lacks alone is told
    module, own = fresh("mine", DOCUMENTED["__file__"]), fresh("mine", path)
    exec(REFERENCE, vars(module))
    before = vars(module).copy()
    vars(own).update({name: f for name, f in before.items() if inspect.isfunction(f)})
    own.OPTIMIZERS = module.OPTIMIZERS
    reasons = {n.name: unwritten(n) for n in tree.body if isinstance(n, ast.FunctionDef)}
    tree.body = [node for node in tree.body if not reasons.get(getattr(node, "name", ""))]
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(tree, str(path), "exec"), vars(own))
    module.learner, module.written, module.reasons = str(path), [], {}
    for name in [*FUNCTIONS, "OPTIMIZERS"]:
        found = getattr(own, name)
        if found not in (before[name], DOCUMENTED[name]):  # what is imported is not written, either
            module.written += [name] if name in FUNCTIONS else []
            setattr(module, name, found)
            continue
        like = [n for n in reasons if n not in before and plain_name(n) == plain_name(name)]
        module.reasons[name] = f"not written yet; {like[0]} is" if like else reasons.get(name, "")
    return module


def plain_name(name):
    return name.lower().replace("_", "")


@functools.cache
def graded_by(step):
    """Return the tests of a step, in the order of this file: the longest beginning counts."""
    beginnings, found = {f"test_{re.sub(r'[^a-zA-Z0-9]+', '_', s)}_": s for s in STEPS}, []
    for name, test in globals().items():
        fitting = [beginning for beginning in beginnings if name.startswith(beginning)]
        found += [test] if fitting and beginnings[max(fitting, key=len)] == step else []
    return found


def cases_of(test):
    """Return the arguments of each case of a test, from its pytest.mark.parametrize."""
    cases = [{}]
    for mark in getattr(test, "pytestmark", []):
        names = mark.args[0].split(", ")
        rows = [row if len(names) > 1 else [row] for row in mark.args[1]]
        cases = [case | dict(zip(names, row)) for row in rows for case in cases]
    return cases


@contextlib.contextmanager
def limited():
    """Interrupt what takes too long, and tell by an event; Ctrl-C stays a KeyboardInterrupt."""
    too_long = threading.Event()

    def interrupt():
        too_long.set()
        _thread.interrupt_main()

    # Where Ctrl-C is ignored, as in a job in the background, the timer could not stop a loop.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(TOO_LONG, interrupt)
    timer.start()
    try:
        yield too_long
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


def grade(module, step, to_the_end=True):
    """Return how many cases of a step pass, how many there are, and what is wrong, or ""."""
    passed, wrong = 0, ""
    cases = [(test, case) for test in graded_by(step) for case in cases_of(test)]
    with mock.patch(f"{__name__}.basic", module), limited() as too_long:
        for test, case in cases:
            if too_long.is_set() or (wrong and not to_the_end):
                break
            said = run_case(functools.partial(test, **case), module.learner, too_long)
            passed += not said
            if said and not wrong:
                short = {key: getattr(v, "__name__", str(v)) for key, v in case.items()}
                given = ", ".join(f"{key}={v}" for key, v in short.items() if len(v) < 30)
                name = f"{test.__name__}{f' ({given})' if given else ''}"
                wrong = f"{name}\n{textwrap.indent(said, '  ')}"
    return passed, len(cases), wrong


def run_case(case, learner, too_long):
    """Return what is wrong when a case is run, or ""."""
    printed, text = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error")
            case()
    except NotImplementedError:  # a function in the way is not written yet
        raise
    except KeyboardInterrupt:
        if not too_long.is_set():
            raise
    except (Exception, SystemExit) as error:
        text = str(error) if isinstance(error, AssertionError) else explain(error)
        text += lines_through(error, learner)
    if too_long.is_set():
        text = f"still running after {TOO_LONG} seconds: is there a loop that does not end?"
    if text and printed.getvalue():
        text += "\nIt printed:\n" + textwrap.indent(printed.getvalue()[-1000:].rstrip(), "  ")
    return text


def lines_through(error, learner):
    """Return the lines of the learner's file that an error came through, the last two at most."""
    lines = {}
    while error is not None and not lines:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith(learner):
                where = f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
                lines.setdefault(frame.lineno, f"\n{where}: {frame.line}")
        error = error.__cause__
    return "".join([*lines.values()][-2:])


def course(path, function="", hint=False):
    """Write a mine.py to be filled in, or tell how far it is; return 0 if all of it passes.

    With a function, that one alone is graded. With hint, the answer shows the lines, too.
    """
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
        print(f"{path.name} cannot be run: {explain(error)}{lines_through(error, str(path))}")
        return 2
    steps = [step for step in STEPS if function in ("", STEPS_OF[step])]
    done, failed, wrong = [], [], ""
    for step in steps:
        print(f"{step:<38}", end="", flush=True)
        name = STEPS_OF[step]
        row = module.reasons.get(name) or "not written yet"
        core = step in CORE or function or not {*CORE} - {*done}
        if name in failed:
            row = "waits for the step before it"
        elif not core and name in module.written and name in map(STEPS_OF.get, CORE):
            row = "for later"
        elif name in module.written:
            with contextlib.suppress(NotImplementedError):
                passed, total, said = grade(module, step)
                row = f"passed ({total} test{'s'[: total != 1]}; basic.py, line {line_of(name)})"
                if said:
                    failed, row = [*failed, name], f"failed ({passed} of {total} pass)"
                    later = step != steps[len(done)] and name in map(STEPS_OF.get, done)
                    wrong = wrong or f"If you are at {step} already:\n\n" * later + said
        done += [step] if row.startswith("passed") else []
        print(row, flush=True)
    if len(done) == len(steps):
        trains = f"`python {path}` trains your network on MNIST and draws {path.stem}.png."
        print(f"\nAll {len(steps)} steps pass. {trains}" if not function else "\nIt passes.")
        return 0
    if wrong:
        shown = wrong.replace(" >> ", ": ") if hint else re.sub(r" >> [^\n]*", "", wrong)
        has = f"basic.py, line {line_of(failed[0])}, has it." if hint else "(--hint shows the line)"
        print(f"\n{shown}\n  {has}")
    following = [step for step in steps if step not in done][0]
    print("" if function or {*CORE} - {*done} else f"\nYou can train now: `python {path}`")
    place = PLACES.get(STEPS_OF[following], "")
    where = f"README: {place}" if place else "its docstring"
    print(f"{len(done)} of {len(steps)}; next: {following}, {where}")
    return 1


def line_of(name):
    return inspect.getsourcelines(inspect.unwrap(DOCUMENTED[name]))[1]


# --- Your notebook: python test_basic.py notebook.ipynb ---

# What its functions are called, without capitals and underscores.
CALLED = {
    "init_params": r"init(iali[sz]e)?(params|parameters|weights|network)?",
    "ReLU": "relu",
    "ReLU_deriv": r"(d|deriv|grad)\w*relu|relu(d|prime|grad)\w*",
    "softmax": "softmax",
    "one_hot": r"(to)?onehot\w*",
    "forward_prop": r"(feed)?forward(prop|propagation|pass)?",
    "backward_prop": r"back(ward)?(prop|propagation|pass)?",
    "update_params": r"update(params|parameters|weights)?",
    "get_predictions": r"(get)?predictions?",
    "get_accuracy": r"\w*accuracy",
}
PARAMS, GRADS = ["W1", "b1", "W2", "b2"], ["dW1", "db1", "dW2", "db2"]
LAYERS = dict(Z1="W1 @ X + b1", A1="ReLU(Z1)", Z2="W2 @ A1 + b2", A2="softmax(Z2)")
# Jupyter's lines and the shell's, of which none is Python; and a first layer for images as rows.
MAGIC = re.compile(r"^([ \t]*)(!(?!=)|%+[a-z]|\?|[\w, ]+= *[%!]|[\w.]+\?).*", re.M)
X_TIMES_W1 = r"\b[Xx]\w*(, | @ |\.dot\()[\w['\"]*[Ww]1\b(?!,)"
ROWS = """Images are rows here; this course has one column for each image. To have your functions
graded, turn the arrays round: W1 (10, 784), b1 (10, 1), X.T (784, m); Z1 = W1 @ X + b1, softmax
over axis=0, and the gradients as in the README."""


def is_notebook(path):
    """Return whether a file has a notebook's functions: no params, their arrays are written out."""
    text = path.read_text("utf-8") if path.exists() and path.suffix == ".py" else ""
    spelled = r"^def (init\w*\(\)|\w+\(([^)]*, )?([Ww]1|parameters)\b)"
    return path.suffix == ".ipynb" or re.search(spelled, text, re.M) is not None


def read_notebook(path):
    """Run a notebook's imports, functions and constants; return its names and what failed."""
    text, names, left_out = path.read_text("utf-8"), vars(fresh("notebook", path)), []
    cells = {str(path): text}
    if path.suffix == ".ipynb":
        cells = [c["source"] for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        cells = {f"{path}, cell {k}": "".join(cell) for k, cell in enumerate(cells, start=1)}
    for where, cell in cells.items():
        cell = MAGIC.sub(r"\1pass", cell)
        linecache.cache[where] = (len(cell), None, cell.splitlines(keepends=True), where)
        try:
            nodes = ast.parse(cell).body
        except SyntaxError as error:
            lost = ", so its functions are lost" if re.search(r"^def ", cell, re.M) else ""
            left_out.append(f"{Path(where).name}, line {error.lineno}: {error.msg}{lost}")
            continue
        for node in nodes:
            constant = isinstance(getattr(node, "value", None), (ast.Constant, ast.Lambda))
            if constant or isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)):
                node.decorator_list = []
                try:
                    exec(compile(ast.Module([node], []), where, "exec"), names)
                except Exception as error:
                    left_out.append(f"{Path(where).name}, line {node.lineno}: {error}")
            if isinstance(names.get(getattr(node, "name", "")), types.FunctionType):
                names[node.name].text = ast.unparse(node)
    return names, left_out


def known_names(params, X, Y):
    """Return the values that a notebook's functions take and give, by their plain names."""
    Z, A = forward(params, X)
    weights, layers = zip(PARAMS, map(np.copy, params)), zip(LAYERS, (Z[1], A[1], Z[2], A[2]))
    grads, T = zip(GRADS, backward(params, Z, A, Y, 0)), np.eye(len(params[2]))[:, Y]
    weights, layers, grads = dict(weights), dict(layers), dict(grads)
    known = {plain_name(name): array for name, array in (weights | layers | grads).items()}
    known |= dict(m=Y.size, cache=layers, grads=grads, gradients=grads, x=X, xtrain=X, a0=X)
    known |= dict(y=Y, ytrain=Y, labels=Y, t=T, onehoty=T, yonehot=T)
    known |= dict(alpha=0.25, lr=0.25, learningrate=0.25, eta=0.25)
    return known | dict.fromkeys(("params", "parameters", "weights"), weights)


def call(function, known, wanted):
    """Return the wanted arrays of a function: arguments and results are known by their names."""
    given = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if plain_name(name) in known:
            given[name] = known[plain_name(name)]
        elif parameter.default is parameter.empty:
            raise NotImplementedError(f"not looked at: nobody knows what its parameter {name} is")
    result = function(**given)
    assert result is not None, "it returned None: is there a return?"
    results, found = result if isinstance(result, (tuple, list)) else [result], {}
    last = re.findall(r"return \(?([\w, ]+)\)?$", getattr(function, "text", ""), re.M)[-1:]
    names = "".join(last).split(", ")
    named = len(names) == len(results) and {*names} & {*wanted}
    for name, value in zip(names if named else wanted, results):
        found |= value if isinstance(value, dict) else {name: value}
    missing = [name for name in wanted if name not in found]
    assert not missing, f"it returned {len(results)} things; missing: {', '.join(missing)}"
    return [np.asarray(found[name], float) for name in wanted]


def start_of(function):
    """Return the layer sizes of a notebook's init_params, and a remark about its scale."""
    parameters, sizes = inspect.signature(function).parameters.items(), (784, 10, 10)
    needed = [plain_name(name) for name, p in parameters if p.default is p.empty]
    given = dict(zip(needed, sizes if len(needed) > 1 else [sizes])) | dict(seed=0)
    params, remark = call(function, given, PARAMS), ""
    shapes, (W1, _, W2, _) = [p.shape for p in params], params
    n_0, n_1, n_2 = W1.shape[-1], len(W1), len(W2)
    chain = shapes == [(n_1, n_0), (n_1, 1), (n_2, n_1), (n_2, 1)]
    assert chain, f"{shapes} do not chain: W1 (n_1, n_0), b1 (n_1, 1), W2 (n_2, n_1), b2 (n_2, 1)"
    for name, W in (("W1", W1), ("W2", W2)):
        assert W.any(), f"{name} is all zeros: its neurons would stay equal, and W2.T @ dZ2 is 0"
        scale = np.sqrt((W * W).mean() * W.shape[1] / 2)
        if not 0.5 < scale < 2:
            remark += f"    remark: {name} is {scale:.2g} times as large as He's; better is\n"
            remark += f"    np.random.randn{W.shape} * np.sqrt(2 / {W.shape[1]})\n"
    return (n_0, n_1, n_2), remark


def look_at(name, functions, names, start):
    """Raise an error that says what is wrong with a function of a notebook."""
    function, params = functions[name], network(*start["sizes"])
    m = len(params[2]) + 3  # every class is among the labels
    X, Y = examples(params[0].shape[1], m, 1)[0], np.arange(m) % len(params[2])
    known = known_names(params, X, Y)
    names |= dict(m=m, m_train=m, N=m, n=784)
    if name == "init_params":
        start["sizes"], start["remark"] = start_of(function)
    elif name in ("ReLU", "ReLU_deriv", "softmax", "get_predictions"):
        floats = {name: lambda *arrays: np.asarray(function(*map(np.copy, arrays)), float)}
        with mock.patch(f"{__name__}.basic", types.SimpleNamespace(**floats)):
            for test in graded_by(name)[:2]:  # softmax's third takes the complex step
                test(**cases_of(test)[0])  # in float64
    elif name == "one_hot":
        labels, defaults = np.array([3, 1, 4, 1, 5]), len(function.__defaults__ or ())
        classes = [10] * (function.__code__.co_argcount - defaults - 1)
        T = np.asarray(function(labels, *classes), float)
        few = "labels 3, 1, 4, 1, 5 give 6 classes, not 10: Y.max() + 1 is too few without a 9"
        assert {*T.shape} != {5, 6}, few
        same(T, np.eye(10)[:, labels], "one_hot(Y)", hint="column i has its one 1 in row Y[i]: .T?")
    elif name == "forward_prop":
        for array, ours in zip(LAYERS, call(function, known, LAYERS)):
            same(ours, known[array.lower()], array, hint=f"{array} = {LAYERS[array]}")
    elif name == "backward_prop":
        if "one_hot" not in functions and not re.search(r"eye|range|\[[Yy]", function.text):
            known["y"] = known["t"]  # as nothing turns its labels into columns, they are those
        with teach("each dW has the shape of its W, each dZ that of Z: is one to be transposed?"):
            grads = call(function, known, GRADS)
        if "reshape" in getattr(functions.get("update_params"), "text", ""):
            grads = [g.reshape(len(p), -1) for g, p in zip(grads, params)]
        slips = slips_in(params, *forward(params, X), Y, 0, grads)
        assert not slips, "\n".join(["Your gradients are those of:", *slips])
        for array, ours in zip(GRADS, grads):
            same(ours, known[array.lower()], array)
    elif name == "update_params":
        for array, ours, p in zip(PARAMS, call(function, known, PARAMS), params):
            step, hint = -0.25 * known[f"d{array}".lower()], f"alpha is 0.25 here, and m is {m}"
            same(ours - p, step, f"new {array} - {array}", hint=f"-alpha * d{array}; {hint}")
    elif name == "get_accuracy":
        accuracy = float(function(np.array([1, 2, 3, 4]), np.array([1, 2, 0, 4])))
        told = f"three of four are right: 0.75, not {accuracy}: the mean of =="
        assert accuracy in (0.75, 75), told  # or in percent


def grade_notebook(path):
    """Say of each function of a notebook whether it is right; return 0 if all are."""
    names, left_out = read_notebook(path)
    functions = {}
    for name, value in names.items():
        for ours, called in CALLED.items():
            if inspect.isfunction(value) and re.fullmatch(called, plain_name(name)):
                functions[ours], value.__name__ = value, name  # a lambda has none
    print("".join(f"left out: {text}\n" for text in left_out), end="")
    if re.search(X_TIMES_W1, getattr(functions.get("forward_prop"), "text", "")):
        print(ROWS)
        return 2
    answers, start = [], {"sizes": (784, 10, 10)}
    for name in [name for name in CALLED if name in functions]:
        print(f"{functions[name].__name__:<36}", end="", flush=True)
        case = functools.partial(look_at, name, functions, names, start)
        try:
            with limited() as too_long:
                said = run_case(case, str(path), too_long)
        except NotImplementedError as error:
            print(error)
            continue
        answers.append(said)
        told = f"wrong\n{textwrap.indent(said.replace(' >> ', ': '), '    ')}\n"
        print(told if said else f"right\n{start.pop('remark', '')}", end="")
        if said and name in ("ReLU", "ReLU_deriv", "softmax", "one_hot"):  # no other is to suffer
            names[functions[name].__name__] = getattr(basic, name)
    if not answers:
        print(f"{path.name} has no function that is known here, such as {', '.join(CALLED)}.")
        return 2
    others = {name for name, value in names.items() if hasattr(value, "text")}
    others -= {function.__name__ for function in functions.values()}
    print(f"\n{answers.count('')} of {len(answers)} functions are right.")
    print(f"Not graded: {', '.join(sorted(others))}." if others else "", end="\n" * bool(others))
    return 1 if any(answers) or "functions are lost" in str(left_out) else 0


# --- The course itself ---


def taken(capsys, path, *options):
    """Return the status and the printed lines of `python test_basic.py mine.py`."""
    return course(path, *options), capsys.readouterr().out.splitlines()


def test_course_grades_every_test_of_its_functions_in_one_step():
    steps = [test for step in STEPS for test in graded_by(step)]
    assert all(graded_by(step) for step in STEPS) and len(steps) == len(set(steps))
    ours = [name for name in globals() if re.match(rf"test_({'|'.join(FUNCTIONS)})_", name)]
    assert {test.__name__ for test in steps} == set(ours)
    for test in steps:
        assert set(inspect.signature(test).parameters) == set(cases_of(test)[0]), "no fixtures here"
    headings = re.findall("^#+ (.*)", (HERE / "README.md").read_text("utf-8"), re.M)
    assert {*PLACES.values()} <= set(headings) and {*PLACES} <= set(FUNCTIONS)


def test_course_asks_for_words_that_the_docstrings_name():
    for function, words in (
        ("init_params", "layer_sizes; dtype"),
        ("one_hot", "ravel; argmax; astype; from 0 to"),
        ("forward_prop", "X.T; X[:, [0]]"),
        ("get_accuracy", "shape"),
        ("evaluate", "shape"),
        ("gradient_descent", "X.T; 255; float32; label; params; layer_sizes; optimizer"),
        ("gradient_descent", "alpha; iterations; l2; batch_size; print_every"),
    ):
        described = inspect.getdoc(DOCUMENTED[function])
        assert [word for word in words.split("; ") if word not in described] == [], function


def test_course_writes_a_mine_py_that_is_not_written_yet_and_runs_in_any_folder(capsys, tmp_path):
    path = tmp_path / "a b ü" / "mine.py"
    path.parent.mkdir()
    status, lines = taken(capsys, path)
    assert status == 0 and "init_params" in lines[0]
    status, lines = taken(capsys, path)
    assert status == 1 and complete(path).written == []
    rows = [re.split("  +", line) for line in lines[: len(STEPS)]]
    assert rows == [[step, "not written yet"] for step in STEPS]
    text = path.read_text("utf-8").partition("    X_train, ")[0]
    path.write_text(text + "    print(mine.written, mine.softmax is not softmax)\n", "utf-8")
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[] True\n", "")
    assert "sys.path" not in skeleton()


def test_course_writes_a_mine_py_that_draws_its_own_network(monkeypatch, capsys):
    module = complete("mine.py", skeleton())
    module.load_data = lambda: (*digits(60), *digits(60))
    module.plot_report = mock.create_autospec(module.plot_report)
    monkeypatch.setitem(globals(), "complete", lambda path: module)
    exec(BELOW, dict(__name__="__main__", __file__="mine.py"))
    path, history, params, X, Y, names = module.plot_report.call_args.args
    assert path == Path("mine.png") and len(history) == 11 and len(history[0]) == 5
    assert [p.shape for p in params] == [(10, 784), (10, 1), (10, 10), (10, 1)]
    assert X.shape == (784, 60) and Y.shape == (60,) and len(names) == 10
    assert "mine.png shows your network." in capsys.readouterr().out


def test_course_writes_signatures_and_docstrings_of_basic_and_none_of_its_lines():
    text, names = skeleton(), {"__name__": "mine"}
    exec(compile(text, "mine.py", "exec"), names)
    for name in FUNCTIONS:
        function, reference = names[name], DOCUMENTED[name]
        assert str(inspect.signature(function)) == str(inspect.signature(reference))
        assert function.__doc__.splitlines()[0] == reference.__doc__.splitlines()[0]
        with pytest.raises(NotImplementedError):
            function(*[None] * function.__code__.co_argcount)
    assert not re.search(r"dZ2 =|Z1 = |grads = |np\.maximum|argmax\(axis=0\)\n", text)


def test_course_passes_basic_py_itself(capsys):
    status, lines = taken(capsys, Path(DOCUMENTED["__file__"]))
    assert status == 0, "\n".join(lines)
    assert re.fullmatch(r"All \d+ steps pass.*", lines[-1]) and " failed" not in "".join(lines)


@pytest.mark.parametrize(
    "status, expected, text",
    [
        (2, "mine.py, line 2: ", "def softmax(Z):\n    return Z Z"),
        (2, "mine.py, line 2, in <module>: y = 1 / 0", "1\ny = 1 / 0"),
        (2, "SystemExit: 3", "exit(3)"),
        (2, "import numpy as np, at the top", "def f(kind=np.float32): pass"),
        (1, "import numpy as np, at the top", "def ReLU(Z): return np.maximum(Z, 0)"),
        (1, "next: init_params", "from basic import *"),
        (1, "yet\n\n0 of 34; next: init_params, README: The network", "def ReLU(Z): pass"),
        (1, "not written yet; Relu is", "def Relu(Z): return Z"),
        (1, "line 3 still raises", "def ReLU(Z):\n    Z\n    raise NotImplementedError"),
        (1, "SystemExit", "def ReLU(Z): return exit()"),
        (1, "    Z = [[-2", "def ReLU(Z):\n    print('Z =', Z)\n    return Z"),
        (1, "ReLU: def ReLU(Z): g()\n  mine.py, line 1, in g", "def g(): 1 / 0\ndef ReLU(Z): g()"),
        (1, "a loop that does not end", "def get_predictions(P):\n    while True: pass"),
    ],
)
def test_course_says_what_cannot_be_run(status, expected, text, capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "TOO_LONG", 0.2 if "while" in text else TOO_LONG)
    path = tmp_path / "mine.py"
    path.write_text(text, "utf-8")
    ended, lines = taken(capsys, path)
    assert ended == status and expected in "\n".join(lines), lines
    assert status == 1 or len(lines) <= 2


def test_course_names_the_first_broken_function_alone_and_gives_a_hint_first(capsys, tmp_path):
    path = tmp_path / "mine.py"
    wrong = mine("ReLU_deriv", ".astype(Z.dtype)") + mine("softmax", "axis=0", "axis=1")
    path.write_text(mine("ReLU") + wrong + mine("forward_prop"), "utf-8")
    status, lines = taken(capsys, path)
    rows = dict(re.split("  +", line) for line in lines[: len(STEPS)])
    message = "\n".join(lines[len(STEPS) :])
    assert status == 1 and re.fullmatch(r"passed \(3 tests; basic.py, line \d+\)", rows["ReLU"])
    assert rows["softmax"] == "failed (0 of 5 pass)" and rows["forward_prop"].startswith("failed")
    assert message.startswith("\ntest_ReLU_deriv_") and "softmax" not in message
    assert "int64, not float64: that of Z\n" in message and "(--hint shows the line)" in message
    assert lines[-1] == f"1 of {len(STEPS)}; next: init_params, README: The network"
    _, lines = taken(capsys, path, "ReLU_deriv", True)
    assert lines[3].endswith("that of Z: .astype(Z.dtype)") and "basic.py, line" in lines[4]
    assert lines[-1] == "0 of 1; next: ReLU_deriv, README: Backward"
    status, lines = taken(capsys, path, "ReLU")
    assert status == 0 and lines[-1] == "It passes."


def test_course_says_when_one_can_train_and_what_may_be_for_later(capsys, tmp_path):
    path = tmp_path / "mine.py"
    plain = mine("gradient_descent: on all images", "step(g, own, i + 1)", "g")
    path.write_text("".join([*(mine(step) for step in CORE[:-1]), plain]), "utf-8")
    _, lines = taken(capsys, path)
    assert "If you are at gradient_descent: with an optimizer already:" in lines
    assert lines[-2] == f"You can train now: `python {path}`" and "next: l2_penalty" in lines[-1]
    path.write_text(mine("gradient_descent: on all images", "Z, A =", "A, Z ="), "utf-8")
    _, lines = taken(capsys, path)
    assert "already" not in "\n".join(lines) and "You can train" not in "\n".join(lines)


def test_course_runs_from_the_command_line_and_asks_uv_for_what_requirements_asks(tmp_path):
    (tmp_path / "mine.py").write_text("def softmax(Z):\n    return Z\n", "utf-8")
    for argv, told in ((["mine.py", "softmax"], r"softmax +failed \("), ([], "python test_basic")):
        command = [sys.executable, HERE / "test_basic.py", *argv]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1 and re.match(told, done.stdout or done.stderr)
        assert not done.stdout or not done.stderr
    head = Path(__file__).read_text("utf-8").partition("# ///\n")[0]
    assert head.startswith("# /// script\n") and 'requires-python = ">=3.10"' in head
    wanted = (HERE / "requirements.txt").read_text("utf-8").split()
    assert re.findall(r'"([a-z]+>=[\d.]+)"', head) == wanted


# Three notebooks of different styles. What they leave out, nobody asks for.
IN_A_NOTEBOOK = PAGE.partition("## In a notebook")[2]
WRITTEN_OUT, SHORT, DICTIONARIES = re.findall(r"^```python\n(.*?)```", IN_A_NOTEBOOK, re.M | re.S)


def notebook_of(text, path):
    """Write a notebook whose cells are the functions of a text, and what else stands in one."""
    others = ["%matplotlib inline\n!pip install x\nX = 1 / 0", "1 +", "import not_here"]
    cells = [dict(cell_type="code", source=[cell]) for cell in [*others, *text.split("\n\n\n")]]
    cells.append(dict(cell_type="markdown", source="softmax of course"))
    path.write_text(json.dumps(dict(cells=cells)), "utf-8")
    return path


@pytest.mark.parametrize("text", [WRITTEN_OUT, SHORT, DICTIONARIES], ids=["out", "short", "dicts"])
def test_notebook_that_is_right_passes(text, tmp_path, capsys):
    assert grade_notebook(notebook_of(text, tmp_path / "my notebook.ipynb")) == 0
    out = capsys.readouterr().out
    assert not re.search("wrong|not looked at|remark", out) and "functions are right." in out
    assert "left out: my notebook.ipynb, cell 2, line 1" in out
    path = tmp_path / "mine.py"
    path.write_text(text, "utf-8")
    assert is_notebook(path) and not is_notebook(HERE / "basic.py") and grade_notebook(path) == 0


@pytest.mark.parametrize("step, old, new, word", slips_of("notebook: "))
def test_notebook_is_told_at_the_right_function(step, old, new, word, tmp_path, capsys):
    assert old in WRITTEN_OUT
    function = step.removeprefix("notebook: ")
    status = grade_notebook(notebook_of(WRITTEN_OUT.replace(old, new), tmp_path / "n.ipynb"))
    answers = re.findall(r"^(\w+) +((?:right|wrong)\n(?:    .*\n)*)", capsys.readouterr().out, re.M)
    wrong = [name for name, said in answers if said.startswith("wrong")]
    assert wrong == ([] if word in ("right", "He's") else [function])
    assert status == bool(wrong) and word in dict(answers)[function]


@pytest.mark.parametrize(
    "status, told, changes",
    [
        (1, "(?=.*db2 is one number).*ReLU's deriv", {"dZ2, ax.*": "dZ2)", r"\* ReLU_d.*": ""}),
        (2, "Images are rows here", {r"W1.dot\(X\)": "X.dot(W1)"}),
        (2, "Images are rows here", {r"W1.dot\(X\)": "np.dot(X, W1)"}),
        (1, r"\(784, 10\), .* do not chain: W1 \(n_1, n_0\)", {r"\(10, 784\)": "(784, 10)"}),
        (1, "a loop that does not end", {"return E ": "while True: E "}),
        (1, "so its functions are lost", {r"A2 - one_hot\(Y\)": "A2 - one_hot(Y"}),
        (0, "nobody knows what its parameter theta is", {r"\(W1, b1, W2, b2, dW1": "(theta, dW1"}),
        (2, "no function that is known here", {"def [^(]*": "def f"}),
    ],
)
def test_notebook_is_told_of(status, told, changes, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(globals(), "TOO_LONG", 0.2)
    text = WRITTEN_OUT
    for pattern, new in changes.items():
        text = re.sub(pattern, new, text)
    assert grade_notebook(notebook_of(text, tmp_path / "n.ipynb")) == status
    assert re.search(told, capsys.readouterr().out, re.S)


# --- Does the course say what is wrong? docs/slips.md has slips and a word of the answer ---


def mine(step, old="", new=""):
    """Return a mine.py in which a right version of one function has `old` replaced by `new`."""
    function = STEPS_OF[step]
    signature = re.search(rf"^def {function}\(.*?\):\n", skeleton(), re.M | re.S)[0]
    right = f"m, v = memory\n{ALGORITHMS.get(function, '').strip()}\nreturn direction"
    if function not in ALGORITHMS:
        code = re.search(rf"^def {function}\(.*?\):\n(.*?)(?:\n\n|```)", PAGE, re.M | re.S)[1]
        right = textwrap.dedent(code).strip()
    old = right if old == "ALL" else old
    assert old in right + signature, f"{old!r} is not in the right {function}"
    text = signature.replace(old, new) + textwrap.indent(right.replace(old, new), "    ")
    return f"import numpy as np\n\n\n{text}\n"


@pytest.mark.parametrize("step", STEPS)
def test_course_accepts_a_right_version_with_other_lines(step):
    source = mine(step)
    if step.startswith("gradient_descent:"):  # it may start at other numbers, too
        source += mine("init_params", "standard_normal((k, n))", "standard_normal((n, k)).T")
    passed, total, wrong = grade(complete("mine.py", source), step)
    assert passed == total > 0, wrong


@pytest.mark.parametrize("step", sorted({row[0] for row in slips_of("")} & {*STEPS}))
def test_course_answers_each_slip_in(step):
    for _, old, new, word in [row for row in slips_of("") if row[0] == step]:
        _, _, wrong = grade(complete("mine.py", mine(step, old, new)), step, to_the_end=False)
        answer = re.sub(r" >> [^\n]*|\n *assert .*", "", wrong, flags=re.S)  # --hint's, pytest's
        assert wrong and word in answer, f"{new!r} for {old!r} is not noticed, or told: {answer}"


@pytest.mark.parametrize("slip", [slip for slip in SLIPS if "transpose" not in slip])
def test_course_recognises_in_backward_prop(slip):
    lines = "W1, b1, W2, b2 = params\n(Z1, Z2), (X, A1, A2), m = Z[1:], A, Y.size\n"
    lines += f"T = one_hot(Y, len(A2)){BLACKBOARD.replace(*SLIPS[slip], 1)}"
    source = mine("backward_prop", "ALL", f"{lines}return [dW1, db1, dW2, db2]")
    module, steps = complete("mine.py", source), ("backward_prop", "backward_prop: with l2")
    assert slip in "\n".join(grade(module, step)[2] for step in steps)


@pytest.mark.parametrize(
    "name, old, new, slip",
    [(n, *row[1:]) for n in DEFAULTS for row in OPTIMIZER_SLIPS if row[1] in ALGORITHMS[n]],
)
def test_course_recognises_in_an_optimizer(name, old, new, slip):
    assert slip in grade(complete("mine.py", mine(name, old, new)), name)[2]


# --- Against other engines, where they are installed ---


@pytest.mark.parametrize("optimizer", DEFAULTS)
def test_training_agrees_with_pytorch(optimizer):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    torch.set_num_threads(1)  # for so few images, threads cost more than they bring
    (X, Y), params, theirs, layers = digits(40), network(784, 10, 10), [], []
    for W, b in zip(params[0::2], params[1::2]):
        layers += [torch.nn.Linear(*W.T.shape, dtype=torch.float64), torch.nn.ReLU()]
        layers[-2].weight.data, layers[-2].bias.data = torch.tensor(W), torch.tensor(b[:, 0])
    model = torch.nn.Sequential(*layers[:-1])
    engines = dict(gd=torch.optim.SGD, rmsprop=torch.optim.RMSprop, adam=torch.optim.Adam)
    engines["momentum"] = functools.partial(torch.optim.SGD, momentum=0.9)
    engine = engines[optimizer](model.parameters(), lr=0.01)
    for _ in range(30 + 1):
        engine.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(X.T)), torch.tensor(Y))
        loss.backward()
        theirs.append(loss.item())
        engine.step()
    _, _, states = train(X, Y, 0.01, 30, params=params, optimizer=optimizer, print_every=1)
    assert [loss for _, _, loss, _ in states] == pytest.approx(theirs, rel=1e-10)


def test_network_stays_lazy_on_dask_arrays_and_gives_the_same():
    da = pytest.importorskip("dask.array", reason="dask is not installed: nothing to compare with")
    X, Y = digits(300)
    X, params = X.astype(np.float32), network(784, 10, 10, dtype=np.float32)
    Z, A = basic.forward_prop(params, X)
    expected = [basic.cross_entropy(Z[-1], Y), *basic.backward_prop(params, Z, A, Y)]
    Z, A = basic.forward_prop(params, da.from_array(X, chunks=(784, 100)))
    for labels in (Y, da.from_array(Y, chunks=100)):
        lazy = [basic.cross_entropy(Z[-1], labels), *basic.backward_prop(params, Z, A, labels)]
        assert all(isinstance(array, da.Array) for array in [*Z[1:], *A, *lazy])
        for ours, array in zip(lazy, expected):
            assert ours.dtype == np.float32
            assert np.linalg.norm(ours.compute() - array) <= 1e-6 * np.linalg.norm(array)


USAGE = """python test_basic.py mine.py            writes mine.py, or tells you how far it is
python test_basic.py mine.py softmax    grades one function; --hint shows the line, too
python test_basic.py notebook.ipynb     grades the functions of a notebook"""


def main(words):
    """Return the status of `python test_basic.py` followed by these words."""
    path, function = [*(word for word in words if word != "--hint"), "", ""][:2]
    if not path.endswith((".py", ".ipynb")) or function not in ("", *FUNCTIONS):
        return USAGE
    if is_notebook(Path(path)):
        return grade_notebook(Path(path))
    return course(Path(path), function, "--hint" in words)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nStopped by Ctrl-C.")
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
