"""The proof of basic.py: every derivative against numbers, every promise against a small case.

It stands in the order of basic.py, and a test's name starts with the function that it grades. So
whoever writes a basic.py of their own runs `python -m pytest -k softmax` when softmax stands, and
goes on from there. The gradient checker below works alone: copy it to check any network.
"""

import ast
import contextlib
import gzip
import hashlib
import http.server
import importlib.util
import inspect
import json
import math
import re
import socket
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import basic

pytestmark = pytest.mark.filterwarnings("error")
HERE = Path(__file__).resolve().parent
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
every_scalar = pytest.mark.parametrize("kind", [float, np.float64, np.float32])

# --- The gradient checker ---


def check_gradients(loss, params, grads, numeric=None, tolerance=1e-12):
    """Assert that grads are the derivatives of loss(params); return the error of each array.

    The error is norm(analytic - numeric) / norm(numeric), with numeric = complex_step unless given.
    """
    assert len(grads) == len(params), f"{len(grads)} gradients for {len(params)} arrays"
    errors = []
    for k, (g, n) in enumerate(zip(grads, (numeric or complex_step)(loss, params))):
        name = f"d{'Wb'[k % 2]}{k // 2 + 1}"
        assert np.shape(g) == n.shape, f"{name} has shape {np.shape(g)}, its array has {n.shape}"
        worst = np.unravel_index(abs(g - n).argmax(), n.shape)
        if n.any():
            error = np.linalg.norm(g - n) / np.linalg.norm(n)
        else:  # nothing to divide by: then the analytic gradient must be exactly zero, too
            error = 0.0 if not np.any(g) else math.inf
        entry = f"{name}{[*map(int, worst)]} is {g[worst]:.9g}, numerically {n[worst]:.9g}"
        assert error <= tolerance, f"{entry}; error of {name} {error:.1e}, allowed {tolerance:.0e}"
        errors.append(float(error))
    return errors


def complex_step(loss, params, h=1e-30):
    """Return the derivatives of loss by every entry of params, to machine precision.

    loss(p + ih) = loss(p) + ih loss'(p) + O(h^2), so loss' is the imaginary part over h. Nothing is
    subtracted, so nothing cancels, and h can be so small that h^2 is nothing (Squire & Trapp 1998).
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
    """Return the derivatives of loss by every entry of params, to about ten digits.

    (loss(p + h) - loss(p - h)) / 2h is off by h^2 loss'''/6 (truncation) and by eps loss / h
    (cancellation: both losses are rounded, eps = 2e-16); least near h = eps^(1/3) = 6e-6.
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


def digits(m, part="train"):
    """Return m of the bundled digits, X (784, m) in float64 and Y (m,), without basic's loader."""
    images, labels = (
        gzip.decompress((HERE / f"data/digits/{part}-{name}-ubyte.gz").read_bytes())
        for name in ("images-idx3", "labels-idx1")
    )
    X = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784).T[:, :m] / 255
    return X, np.frombuffer(labels, np.uint8, offset=8)[:m].astype(np.int64)


def network(*sizes, seed=0, dtype=float):
    """Return random params with small biases, so that no Z falls on ReLU's kink at 0."""
    rng = np.random.default_rng(seed)
    shapes = [s for n, k in zip(sizes, sizes[1:]) for s in ((k, n), (k, 1))]
    scales = [np.sqrt(2 / shape[1]) if k % 2 == 0 else 0.1 for k, shape in enumerate(shapes)]
    return frozen([(a * rng.standard_normal(s)).astype(dtype) for a, s in zip(scales, shapes)])


def frozen(arrays):
    """Return arrays made read-only: whoever writes into an argument gets an error."""
    for array in arrays:
        array.flags.writeable = False
    return arrays


def examples(n, m, classes, seed=0, dtype=float):
    """Return random images X (n, m) and labels Y (m,), read-only."""
    rng = np.random.default_rng(seed)
    return frozen([rng.random((n, m)).astype(dtype), rng.integers(0, classes, m)])


START, (X_9, Y_9) = network(6, 5, 3), examples(6, 9, 3)  # a small case for many tests


def loss_of(X, Y, l2=0.0):
    """Return the loss as a function of params alone, as the checker wants it."""

    def loss(params):
        Z, A = basic.forward_prop(params, X)
        assert all((z.real != 0).all() for z in Z[1:-1]), "a Z is on ReLU's kink: no derivative"
        return basic.cross_entropy(Z[-1], Y) + (basic.l2_penalty(params, l2) if l2 else 0)

    return loss


# The blackboard's backward pass of two layers, to be broken in one place at a time.
BLACKBOARD = """
dZ2 = A2 - basic.one_hot(Y, 4)
dW2 = dZ2 @ A1.T / m + l2 * W2
db2 = dZ2.sum(axis=1, keepdims=True) / m
dZ1 = W2.T @ dZ2 * (Z1 > 0)
dW1 = dZ1 @ X.T / m + l2 * W1
db1 = dZ1.sum(axis=1, keepdims=True) / m
"""
BUGS = {
    "nothing": ("", ""),
    "a flipped sign": ("A2 - basic.one_hot(Y, 4)", "basic.one_hot(Y, 4) - A2"),
    "a missing 1/m": ("X.T / m", "X.T"),
    "the derivative taken at A >= 0": ("(Z1 > 0)", "(A1 >= 0)"),
    "a transposed weight matrix": ("W2.T @ dZ2", "W2 @ dZ2"),
    "a bias gradient not summed": ("dZ2.sum(axis=1, keepdims=True)", "dZ2"),
    "a missing penalty": (" + l2 * W1", ""),
    "no cross term": ("A2 - basic.one_hot(Y, 4)", "(A2 - 1) * basic.one_hot(Y, 4)"),
    "an entry off by a millionth": ("+ l2 * W2", "+ l2 * W2; dW2[1, 2] *= 1 + 1e-6"),
    "a nan": ("keepdims=True) / m\n", "keepdims=True) / m; db2[0] = np.nan\n"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_check_gradients_reports(bug):
    params, (X, Y) = network(6, 4, 4), examples(6, 5, 4)
    Z, A = basic.forward_prop(params, X)
    names = dict(zip(("W1", "b1", "W2", "b2"), params), Z1=Z[1], A1=A[1], A2=A[2], X=X, Y=Y)
    names |= dict(m=5, l2=0.3, basic=basic, np=np)
    exec(BLACKBOARD.replace(*BUGS[bug], 1), names)
    grads = [names[name] for name in ("dW1", "db1", "dW2", "db2")]
    expected = contextlib.nullcontext() if bug == "nothing" else pytest.raises(AssertionError)
    with expected:
        check_gradients(loss_of(X, Y, 0.3), params, grads)


def test_check_gradients_names_the_worst_entry_and_both_values():
    W, b = np.array([[1.0, 2.0]]), np.array([[3.0]])
    with pytest.raises(AssertionError, match=r"^dW1\[0, 1\] is 5, numerically 4; error of dW1 2"):
        check_gradients(
            lambda p: (p[0] ** 2).sum() + p[1].sum(), [W, b], [[[2, 5.0]] * W / W, b / b]
        )
    with pytest.raises(
        AssertionError, match=r"^db1\[0, 0\] is 1e-15, numerically 0; error of db1 inf"
    ):
        check_gradients(lambda p: (p[0] ** 2).sum(), [W, b], [2 * W, 1e-15 * b / b])
    with pytest.raises(AssertionError, match="1 gradients for 2 arrays"):
        check_gradients(lambda p: p[0].sum(), [W, b], [W])


# --- The network ---


def test_init_params_gives_a_weight_matrix_and_a_bias_column_for_each_layer():
    shapes = [(10, 784), (10, 1), (10, 10), (10, 1)]
    assert [p.shape for p in basic.init_params()] == shapes
    assert [p.shape for p in basic.init_params((1, 1))] == [(1, 1), (1, 1)]
    params = basic.init_params((5, 4, 3, 2))
    assert [p.shape for p in params] == [(4, 5), (4, 1), (3, 4), (3, 1), (2, 3), (2, 1)]
    assert not any(b.any() for b in params[1::2])


def test_init_params_draws_weights_with_mean_0_and_variance_2_over_n():
    W = basic.init_params((500, 400, 10))[0]
    assert abs(W.mean()) < 0.001  # 0.063 / sqrt(200,000) is 0.00014
    assert W.var() == pytest.approx(2 / 500, rel=0.02)
    assert (abs(W) < np.sqrt(2 / 500)).mean() == pytest.approx(0.6827, abs=0.01)  # normal


def test_init_params_starts_every_dtype_at_the_same_point_of_the_seed():
    double, single = basic.init_params(seed=3, dtype=np.float64), basic.init_params(seed=3)
    assert all(p.dtype == np.float32 for p in single) and double[0].dtype == np.float64
    assert all((p.astype(np.float32) == q).all() for p, q in zip(double, single))
    assert not (basic.init_params(seed=4)[0] == single[0]).any()
    assert (basic.init_params()[0] == basic.init_params(seed=0)[0]).all()


@pytest.mark.parametrize("arguments", [((784,),), ((784, 0, 10),), ((3, 2), 0, int)])
def test_init_params_rejects_what_makes_no_network(arguments):
    with pytest.raises(ValueError, match="must be"):
        basic.init_params(*arguments)


@every_dtype
def test_ReLU_is_the_larger_of_0_and_Z_in_its_dtype(dtype):
    (Z,) = frozen([np.array([[-2, -0.5, 0, 0.5, 2]], dtype)])
    assert basic.ReLU(Z).dtype == dtype and basic.ReLU(Z).tolist() == [[0, 0, 0, 0.5, 2]]


# `-k relu` picks this test, too: it waits while ReLU is written and ReLU_deriv is not.
@pytest.mark.skipif(
    hasattr(basic, "ReLU") and not hasattr(basic, "ReLU_deriv"), reason="next, write ReLU_deriv"
)
@every_dtype
def test_ReLU_deriv_is_1_above_0_and_0_elsewhere_at_0_too_in_the_dtype(dtype):
    (Z,) = frozen([np.array([[-2, -1e-30, 0, 1e-30, 2]], dtype)])
    assert basic.ReLU_deriv(Z).dtype == dtype and basic.ReLU_deriv(Z).tolist() == [[0, 0, 0, 1, 1]]


def test_softmax_of_a_column_worked_by_hand():
    # exp(ln 1), exp(ln 2), exp(ln 5) are 1, 2, 5; their sum is 8.
    Z = np.log([[1.0, 1], [2, 1], [5, 2]])
    assert basic.softmax(Z) == pytest.approx(
        np.array([[1 / 8, 1 / 4], [2 / 8, 1 / 4], [5 / 8, 2 / 4]])
    )


@pytest.mark.parametrize("seed", range(12))
def test_softmax_has_columns_that_sum_to_1_keep_the_order_and_ignore_a_shift(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 20, 2)
    (Z,) = frozen([rng.standard_normal((n, m)) * 10 ** rng.uniform(-3, 1)])
    A = basic.softmax(Z)
    assert A.shape == (n, m) and (A > 0).all()
    assert A.sum(axis=0) == pytest.approx(np.ones(m), rel=1e-14)
    assert (A.argsort(axis=0) == Z.argsort(axis=0)).all()
    assert basic.softmax(Z + rng.uniform(-50, 50, m)) == pytest.approx(A, rel=1e-12)


@pytest.mark.parametrize("huge", [1e4, 1e38, 1e300])
def test_softmax_survives_huge_numbers(huge):
    for dtype in (np.float32, np.float64, np.complex128)[huge > 1e38 :]:
        (Z,) = frozen([np.array([[huge, -huge, huge], [-huge, -huge, huge]], dtype)])
        A = basic.softmax(Z)
        assert A.dtype == dtype and (A == [[1, 0.5, 0.5], [0, 0.5, 0.5]]).all()


def test_one_hot_has_one_True_a_column_in_the_row_of_the_label():
    (Y,) = frozen([np.array([2, 0, 1, 2])])
    T = basic.one_hot(Y, 3)
    assert T.dtype == bool and T.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_one_hot_has_ten_rows_and_is_undone_by_argmax(dtype):
    Y = np.random.default_rng(0).integers(0, 10, 50).astype(dtype)
    assert basic.one_hot(Y).shape == (10, 50) and (basic.one_hot(Y).argmax(axis=0) == Y).all()


@pytest.mark.parametrize(
    "labels, cure",
    [
        ([[0, 1, 2]], "ravel"),  # the shape (1, m)
        ([[1, 0], [0, 1]], "argmax"),  # already one-hot
        ([0.0, 1.0], "astype"),
        ([True, False], "astype"),
        ([0, 10], "from 0 to 9, not 0 to 10"),
        ([-1, 3], "from 0 to 9, not -1 to 3"),
    ],
)
def test_one_hot_rejects_what_is_no_label(labels, cure):
    with pytest.raises(ValueError, match=cure):
        basic.one_hot(np.array(labels))


def test_forward_prop_is_the_formulas_of_the_blackboard_layer_by_layer():
    W1, b1, W2, b2, W3, b3 = params = network(6, 5, 4, 3)
    Z, A = basic.forward_prop(params, X_9)
    Z1 = W1 @ X_9 + b1
    Z2 = W2 @ basic.ReLU(Z1) + b2
    Z3 = W3 @ basic.ReLU(Z2) + b3
    assert Z[0] is None and (Z[1] == Z1).all() and (Z[2] == Z2).all() and (Z[3] == Z3).all()
    assert A[0] is X_9 and (A[1] == basic.ReLU(Z1)).all() and (A[2] == basic.ReLU(Z2)).all()
    assert (A[3] == basic.softmax(Z3)).all() and len(Z) == len(A) == 4


def test_forward_prop_without_a_hidden_layer_takes_the_logits_straight_from_X():
    Z, A = basic.forward_prop((W1 := network(6, 3))[:], X_9)
    assert len(A) == 2 and (A[1] == basic.softmax(W1[0] @ X_9 + W1[1])).all()


@every_dtype
def test_forward_prop_keeps_the_dtype(dtype):
    Z, A = basic.forward_prop(network(4, 3, 2, dtype=dtype), np.ones((4, 5), dtype))
    assert all(array.dtype == dtype for array in Z[1:] + A)


@every_dtype
def test_cross_entropy_of_equal_logits_is_ln_10_in_their_dtype(dtype):
    loss = basic.cross_entropy(np.full((10, 8), 3, dtype), np.arange(8))
    assert loss.dtype == dtype and loss == pytest.approx(math.log(10), rel=1e-7)


def test_cross_entropy_is_the_mean_over_the_images_of_minus_log_probability():
    # Column one: probabilities 1/8, 2/8, 5/8, true class 2. Column two: 1/4, 1/4, 2/4, class 0.
    logits, Y = np.log([[1.0, 1], [2, 1], [5, 2]]), np.array([2, 0])
    expected = -(math.log(5 / 8) + math.log(1 / 4)) / 2
    assert basic.cross_entropy(logits, Y) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("scale", [1e-3, 1, 30, 1e2, 1e3, 1e4])
def test_cross_entropy_is_exact_where_the_logarithm_of_a_probability_is_infinite(scale):
    rng = np.random.default_rng(0)
    logits, Y = frozen(
        [(scale * rng.uniform(-1, 1, (10, 50))).astype(np.float32), np.arange(50) % 10]
    )
    Z = logits.astype(np.longdouble)
    top = Z.max(axis=0)
    each = top + np.log(np.exp(Z - top).sum(axis=0)) - Z[Y, np.arange(50)]
    loss = basic.cross_entropy(logits, Y)
    assert loss.dtype == np.float32
    assert abs(loss - each.mean()) <= 1e-6 * (1 + each.mean())


def test_l2_penalty_is_half_l2_times_the_squared_weights_and_not_the_biases():
    W1, b1, W2, b2 = np.array([[1.0, 2]]), np.array([[7.0]]), np.array([[3.0]]), np.array([[9.0]])
    assert basic.l2_penalty([W1, b1, W2, b2], 0.5) == 0.25 * (1 + 4 + 9)


@every_dtype
@every_scalar
def test_l2_penalty_keeps_the_dtype_and_squares_without_a_modulus(dtype, kind):
    W = np.full((1, 1), 1j if dtype == np.complex128 else 1, dtype)
    penalty = basic.l2_penalty([W, None], kind(2))
    assert penalty.dtype == dtype and penalty == (W * W).sum()


REAL = (784, 10, 10)  # all 7,960 parameters of the real network, on real digits


@pytest.mark.parametrize(
    "sizes, m, l2",
    [
        (REAL, 4, 0),
        ((5, 3), 6, 0.2),
        ((5, 4, 3, 2), 7, 0),
        ((3, 7, 2, 5), 4, 0.1),
        ((6, 4, 3), 1, 0),
    ],
)
def test_backward_prop_agrees_with_the_complex_step(sizes, m, l2):
    X, Y = digits(m) if sizes == REAL else examples(sizes[0], m, sizes[-1])
    params = network(*sizes)
    grads = basic.backward_prop(params, *basic.forward_prop(params, X), Y, l2)
    check_gradients(loss_of(X, Y, l2), params, grads, tolerance=1e-12)


@pytest.mark.parametrize("l2", [0, 0.3])
def test_backward_prop_agrees_with_central_differences(l2):
    params, (X, Y) = network(6, 5, 4, 3), examples(6, 8, 3)
    grads = basic.backward_prop(params, *basic.forward_prop(params, X), Y, l2)
    check_gradients(loss_of(X, Y, l2), params, grads, central_differences, tolerance=1e-7)


def test_backward_prop_of_a_network_worked_by_hand():
    # Two pixels, two hidden neurons, two classes, one image of class 0:
    X, Y = np.array([[1.0], [2.0]]), np.array([0])
    W1, b1 = np.array([[1.0, -1.0], [0.5, 0.25]]), np.array([[0.5], [-0.5]])
    W2, b2 = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0], [-1.0]])
    Z, A = basic.forward_prop([W1, b1, W2, b2], X)
    # Z1 = (1*1 - 1*2 + 0.5, 0.5*1 + 0.25*2 - 0.5) = (-0.5, 0.5), so A1 = (0, 0.5)
    assert Z[1].tolist() == [[-0.5], [0.5]] and A[1].tolist() == [[0], [0.5]]
    # Z2 = (1*0 + 2*0.5 + 0, 3*0 + 4*0.5 - 1) = (1, 1), so both classes have probability 1/2
    assert Z[2].tolist() == [[1], [1]] and A[2].tolist() == [[0.5], [0.5]]
    # loss = -ln(1/2) = 0.6931
    assert basic.cross_entropy(Z[2], Y) == pytest.approx(0.693147180559945, rel=1e-14)
    dW1, db1, dW2, db2 = basic.backward_prop([W1, b1, W2, b2], Z, A, Y)
    # dZ2 = (1/2 - 1, 1/2 - 0) = (-0.5, 0.5); dW2 = dZ2 A1^T with A1 = (0, 0.5); db2 = dZ2
    assert dW2.tolist() == [[0, -0.25], [0, 0.25]] and db2.tolist() == [[-0.5], [0.5]]
    # W2^T dZ2 = (1*-0.5 + 3*0.5, 2*-0.5 + 4*0.5) = (1, 1); ReLU lets only neuron two through
    # dZ1 = (0, 1); dW1 = dZ1 X^T with X = (1, 2); db1 = dZ1
    assert dW1.tolist() == [[0, 0], [1, 2]] and db1.tolist() == [[0], [1]]


def test_backward_prop_is_a_mean_so_order_and_repetition_of_the_images_do_not_matter():
    params, (X, Y) = network(6, 5, 3), examples(6, 9, 3)

    def grads(columns):
        return basic.backward_prop(params, *basic.forward_prop(params, X[:, columns]), Y[columns])

    order = np.random.default_rng(1).permutation(9)
    for other in (order, np.arange(9).repeat(2)):
        for g, h in zip(grads(np.arange(9)), grads(other)):
            assert h == pytest.approx(g, rel=1e-12, abs=1e-15)


@every_dtype
@every_scalar
def test_backward_prop_keeps_the_dtype(dtype, kind):
    params, (X, Y) = network(4, 3, 2, dtype=dtype), examples(4, 5, 2, dtype=dtype)
    Z, A = basic.forward_prop(params, X)
    grads = basic.backward_prop(params, frozen(Z[1:]) and Z, frozen(A), Y, kind(0.1))
    assert [(g.dtype, g.shape) for g in grads] == [(dtype, p.shape) for p in params]


@every_dtype
@every_scalar
def test_update_params_steps_against_the_gradient_in_the_dtype(dtype, kind):
    arrays = [[[1, 2]], [[3]]], [[[16, -32]], [[8]]]
    params, grads = (frozen([np.array(a, dtype) for a in kinds]) for kinds in arrays)
    new = basic.update_params(params, grads, kind(0.125))
    assert [p.dtype for p in new] == [dtype] * 2
    assert new[0].tolist() == [[-1, 6]] and new[1].tolist() == [[2]]


def test_update_params_goes_downhill():
    new = basic.update_params(START, START, 0.1)  # p is the gradient of the sum of p * p / 2
    assert sum((p * p).sum() for p in new) < sum((p * p).sum() for p in START)


def test_get_predictions_is_the_row_of_the_largest_entry_of_each_column():
    A = np.array([[0.1, 0.6, 0.3], [0.7, 0.3, 0.3], [0.2, 0.1, 0.4]])
    assert basic.get_predictions(A).tolist() == [1, 0, 2]


def test_get_accuracy_is_the_fraction_that_is_right():
    accuracy = basic.get_accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 0, 4]))
    assert accuracy == 0.75 and isinstance(accuracy, float)


def test_get_accuracy_rejects_arrays_of_different_shape():
    with pytest.raises(ValueError, match="shape"):
        basic.get_accuracy(np.array([[1], [2]]), np.array([1, 2]))


# --- The learning ---


def by_hand(params, X, Y, alphas, l2=0.0):
    """Return params after one full-batch update for each alpha, in the contract's functions."""
    for alpha in alphas:
        Z, A = basic.forward_prop(params, X)
        params = basic.update_params(params, basic.backward_prop(params, Z, A, Y, l2), alpha)
    return params


def close(params, others, rel=1e-12):
    assert len(params) == len(others)
    for p, q in zip(params, others):
        assert p == pytest.approx(q, rel=rel, abs=1e-14)


@pytest.mark.parametrize(
    "name, gradients, directions",
    [
        # v = 2, then 0.9 * 2 + 1
        ("momentum", [2, 1], [2, 2.8]),
        # v = 0.01 * 4, then 0.99 * 0.04 + 0.01 * 1; g over its root
        ("rmsprop", [2, 1], [2 / (0.2 + 1e-8), 1 / (math.sqrt(0.0496) + 1e-8)]),
        # m = 2 and v = 4, each of weight 1; then m = 0.9 * 2 + 1, of weight 0.9 + 1,
        # and v = 0.999 * 4 + 1, of weight 0.999 + 1
        ("adam", [2, 1], [2 / (2 + 1e-8), 2.8 / 1.9 / (math.sqrt(4.996 / 1.999) + 1e-8)]),
        ("adam", [1e-8], [0.5]),  # epsilon is as large as the gradient
        ("rmsprop", [1e-7], [1e-7 / (1e-8 + 1e-8)]),
    ],
)
def test_optimizers_step_by_step_worked_by_hand(name, gradients, directions):
    memory = np.zeros((2, 1, 2))
    for t, (g, expected) in enumerate(zip(gradients, directions), start=1):
        g = frozen([np.array([[g, -g]], float)])[0]
        direction = getattr(basic, name)(g, memory, t)
        assert direction == pytest.approx(np.array([[expected, -expected]]), rel=1e-12)


def test_adam_keeps_what_fades_above_the_subnormal_numbers_which_are_slow():
    memory = np.zeros((2, 1, 1), np.float32)
    for t in range(1, 1000):
        basic.adam(np.full((1, 1), 1e-3 * (t == 1), np.float32), memory, t)
    assert memory[0] > np.finfo(np.float32).tiny


def test_gradient_descent_is_forward_backward_update_written_out():
    trained = basic.gradient_descent(X_9, Y_9, 0.3, 4, params=tuple(START), l2=0.1)
    close(trained, by_hand(START, X_9, Y_9, [0.3] * 4, 0.1))


def test_gradient_descent_with_decay_takes_ever_smaller_steps_down_to_0():
    trained = basic.gradient_descent(X_9, Y_9, 0.4, 4, params=START, decay=True)
    close(trained, by_hand(START, X_9, Y_9, [0.4, 0.3, 0.2, 0.1]))


def test_gradient_descent_hands_its_optimizer_zeros_and_the_number_of_the_update():
    params, memory = START, [np.zeros((2, *p.shape)) for p in START]
    for t in (1, 2, 3):
        grads = basic.backward_prop(params, *basic.forward_prop(params, X_9), Y_9)
        steps = [basic.adam(g, own, t) for g, own in zip(grads, memory)]
        params = basic.update_params(params, steps, 0.1)
    close(basic.gradient_descent(X_9, Y_9, 0.1, 3, params=START, optimizer="adam"), params)


def test_mean_gradient_and_evaluate_know_no_penalty_unless_told():
    free = basic.backward_prop(START, *basic.forward_prop(START, X_9), Y_9)
    close(basic.mean_gradient(START, X_9, Y_9), free)
    assert basic.evaluate(START, X_9, Y_9)[0] == pytest.approx(loss_of(X_9, Y_9)(START), rel=1e-12)


def test_gradient_descent_starts_where_its_seed_says_in_the_dtype_of_X():
    for dtype in (np.float32, np.float64):
        X, Y = examples(6, 9, 3, dtype=dtype)
        start = basic.gradient_descent(X, Y, iterations=0, layer_sizes=(6, 5, 3), seed=7)
        expected = basic.init_params((6, 5, 3), 7, dtype)
        assert all(p.dtype == dtype and (p == q).all() for p, q in zip(start, expected))
        trained = basic.gradient_descent(X, Y, np.float64(0.1), 3, params=start, optimizer="adam")
        assert [p.dtype for p in trained] == [dtype] * 4


def test_gradient_descent_takes_many_images_in_pieces_and_gets_the_same():
    start, (X, Y) = network(3, 4, 2), examples(3, 11_000, 2)
    seen = []
    trained = basic.gradient_descent(X, Y, 0.5, 3, params=start, callback=lambda *a: seen.append(a))
    close(trained, by_hand(start, X, Y, [0.5] * 3), rel=1e-10)
    predictions = basic.get_predictions(basic.forward_prop(trained, X)[1][-1])
    assert seen[-1][2] == pytest.approx(loss_of(X, Y)(trained), rel=1e-12)
    assert seen[-1][3] == pytest.approx((predictions == Y).mean(), rel=1e-12)


def test_gradient_descent_does_not_hold_the_activations_of_all_images_at_once():
    X, Y = examples(4, 60_000, 2, dtype=np.float32)
    tracemalloc.start()
    basic.gradient_descent(X, Y, iterations=1, layer_sizes=(4, 256, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # a single one of Z1, A1, dZ1 for all images would be 61 MB


@pytest.mark.parametrize("n, every, lines", [(0, None, [0]), (5, None, [0, 1, 2, 3, 4, 5]),
    (23, None, [*range(0, 23, 2), 23]), (23, 10, [0, 10, 20, 23])])  # fmt: skip
def test_gradient_descent_prints_about_ten_lines_or_every_so_many(capsys, n, every, lines):
    basic.gradient_descent(X_9, Y_9, 0.1, n, layer_sizes=(6, 3), print_every=every)
    printed = re.findall(r"^Iteration: (\d+) +\| Loss: ", capsys.readouterr().out, re.MULTILINE)
    assert [int(i) for i in printed] == lines


def test_gradient_descent_prints_and_hands_over_the_state_after_i_updates(capsys):
    seen = []
    basic.gradient_descent(
        X_9, Y_9, 0.2, 2, params=START, l2=0.1, callback=lambda *state: seen.append(state)
    )
    assert [state[0] for state in seen] == [0, 1, 2]
    for line, (i, params, loss, accuracy) in zip(capsys.readouterr().out.splitlines(), seen):
        close(params, by_hand(START, X_9, Y_9, [0.2] * i, 0.1))
        predictions = basic.get_predictions(basic.forward_prop(params, X_9)[1][-1])
        assert loss == pytest.approx(loss_of(X_9, Y_9, 0.1)(params), rel=1e-12)
        assert accuracy == pytest.approx((predictions == Y_9).mean())
        assert line == f"Iteration: {i}    | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}"


def test_gradient_descent_shows_every_image_once_an_epoch_in_a_new_order(capsys):
    # Image j lights pixel j alone, so the columns of W1 that an update moved tell its mini-batch.
    m, seen = 10, []
    X, Y = np.eye(m), np.arange(m) % 3
    basic.gradient_descent(
        X, Y, 0.1, 8, layer_sizes=(m, 3), batch_size=3, print_every=1,
        callback=lambda i, params, loss, accuracy: seen.append((params, loss)),
    )  # fmt: skip
    moved = [np.flatnonzero((p[0] != q[0]).any(axis=0)) for (p, _), (q, _) in zip(seen, seen[1:])]
    assert [len(batch) for batch in moved] == [3, 3, 3, 1] * 2
    first, second = np.concatenate(moved[:4]), np.concatenate(moved[4:])
    assert sorted(first) == sorted(second) == list(range(m))
    assert [set(batch) for batch in moved[:4]] != [set(batch) for batch in moved[4:]]
    for (params, loss), (after, _), batch in zip(seen, seen[1:], moved):
        assert loss == pytest.approx(loss_of(X[:, batch], Y[batch])(params), rel=1e-12)
        close(after, by_hand(params, X[:, batch], Y[batch], [0.1]))
    epochs = re.findall(r"Epoch: (\S+)", capsys.readouterr().out)
    assert epochs == ["0.00", "0.25", "0.50", "0.75", "1.00", "1.25", "1.50", "1.75", "2.00"]


def test_gradient_descent_gives_the_same_bits_for_the_same_seed_and_others_for_another():
    def trained(seed, start):
        options = dict(layer_sizes=(6, 3), batch_size=1, iterations=9, params=start)
        return basic.gradient_descent(X_9, Y_9, seed=seed, **options)[0].tolist()

    for start in (None, network(6, 3)):  # with a given start, only the order can differ
        assert trained(1, start) == trained(1, start) != trained(2, start)


def test_gradient_descent_learns_twenty_digits_and_leaves_weights_of_empty_pixels_alone():
    X, Y = digits(20)
    start = basic.init_params(dtype=float)
    params = basic.gradient_descent(X, Y, 0.1, 400, params=start)
    assert basic.get_accuracy(basic.get_predictions(basic.forward_prop(params, X)[1][-1]), Y) == 1
    empty = ~X.any(axis=1)
    assert empty.any() and (params[0][:, empty] == start[0][:, empty]).all()
    assert (params[0] != start[0])[:, ~empty].any(axis=0).all()


def test_gradient_descent_with_a_small_alpha_lowers_the_loss_at_every_step():
    losses = []
    basic.gradient_descent(
        *digits(100), 0.05, 40, print_every=1, callback=lambda *s: losses.append(s[2])
    )
    assert len(losses) == 41 and (np.diff(losses) < 0).all()


def test_gradient_descent_reads_unseen_digits_after_200_iterations():
    X, Y = digits(1437)
    params = basic.gradient_descent(X.astype(np.float32), Y, iterations=200)
    X, Y = digits(360, "t10k")
    assert (basic.get_predictions(basic.forward_prop(params, X)[1][-1]) == Y).mean() > 0.85


def test_gradient_descent_says_so_when_all_neurons_die(capsys):
    X, Y = digits(100)
    basic.gradient_descent(255 * X, Y, alpha=1, iterations=5)  # not divided by 255
    said = "10 of 10 hidden neurons are zero for every training image: try a smaller --alpha"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("sizes, dead, said", [((6, 4, 3), 1, ""), ((6, 4, 3), 2, "2 of 4 hidden"),
    ((6, 4, 4, 3), 3, ""), ((6, 3), 0, "")])  # fmt: skip
def test_gradient_descent_speaks_of_dead_neurons_from_half_of_them_on(capsys, sizes, dead, said):
    params = [p.copy() if p.shape[1] > 1 else p + 10 for p in network(*sizes)]
    params[1][:dead] = -100
    basic.gradient_descent(X_9, Y_9, iterations=0, params=params)
    printed = capsys.readouterr().out
    assert said in printed and ("hidden neurons are zero" in printed) == bool(said)


def test_gradient_descent_looks_for_dead_neurons_among_all_images(capsys):
    X, Y = np.zeros((1, 11_000)), np.zeros(11_000, int)
    params = [np.ones((2, 1)), np.full((2, 1), -1.0), np.ones((2, 2)), np.zeros((2, 1))]
    basic.gradient_descent(X, Y, iterations=0, params=params)
    assert "2 of 2 hidden neurons" in capsys.readouterr().out
    X[0, -1] = 2  # the last image of all wakes them
    basic.gradient_descent(X, Y, iterations=0, params=params)
    assert "hidden neurons" not in capsys.readouterr().out


def test_gradient_descent_stops_with_a_cure_when_the_loss_is_not_finite():
    with pytest.raises(ValueError, match=r"the loss is \w+ after \d+ updates: try a smaller --al"):
        basic.gradient_descent(X_9.astype(np.float32), Y_9, 1e30, 50, layer_sizes=(6, 5, 3))


@pytest.mark.parametrize("last", [0, 3])
def test_gradient_descent_returns_the_last_complete_update_on_ctrl_c(capsys, last):
    def interrupt(i, params, loss, accuracy):
        if i == last:
            raise KeyboardInterrupt

    params = basic.gradient_descent(X_9, Y_9, 0.2, 9, params=START, callback=interrupt)
    close(params, by_hand(START, X_9, Y_9, [0.2] * last))
    assert f"Ctrl-C at iteration {last}." in capsys.readouterr().out


def test_gradient_descent_takes_500_steps_of_a_tenth_from_seed_0_unless_told_otherwise():
    options = inspect.signature(basic.gradient_descent).parameters
    defaults = [options[name].default for name in ("alpha", "iterations", "layer_sizes", "seed")]
    assert defaults == [0.1, 500, (784, 10, 10), 0]


@pytest.mark.parametrize("change, cure", [
    (dict(X=X_9.T), "one column per image: pass X.T"),
    (dict(X=X_9[:, :-1]), r"\(6, 9\), one column per image"),
    (dict(X=X_9[:, :0], Y=Y_9[:0]), "one column per image"),
    (dict(X=(255 * X_9).astype(np.uint8)), "divide by 255"),
    (dict(Y=Y_9[None]), "ravel"), (dict(Y=Y_9 + 1), "from 0 to 2"), (dict(Y=Y_9 / 1), "astype"),
    (dict(params=[]), "params"), (dict(params=network(6, 4, 3)[:3]), "params"),
    (dict(params=network(6, 4, 3)[:2] + network(5, 3)), "params"),
    (dict(params=[np.ones((3, 6)), np.ones(3)]), "params"),
    (dict(params=[np.ones((3, 6)), np.ones((3, 2))]), "params"),
    (dict(params=network(5, 3)), "one column per image"), (dict(layer_sizes=(6,)), "layer_sizes"),
    (dict(alpha=0), "alpha"), (dict(alpha=-1), "alpha"), (dict(alpha=math.nan), "alpha"),
    (dict(alpha=math.inf), "alpha"), (dict(iterations=-1), "iterations"),
    (dict(iterations=math.nan), "iterations"), (dict(iterations=math.inf), "iterations"),
    (dict(batch_size=0), "batch_size"), (dict(print_every=0), "print_every"), (dict(l2=-1), "l2"),
    (dict(optimizer="sgd"), "optimizer must be one of gd, momentum, rmsprop, adam"),
    (dict(Y=np.append(Y_9[:-1], 3), batch_size=1), "from 0 to 2"),
])  # fmt: skip
def test_gradient_descent_answers_a_mistake_with_its_cure_before_it_starts(capsys, change, cure):
    arguments = dict(X=X_9, Y=Y_9, layer_sizes=(6, 4, 3), iterations=1) | change
    with pytest.raises(ValueError, match=cure):
        basic.gradient_descent(**arguments)
    assert capsys.readouterr().out == ""


def test_docstrings_of_the_passes_are_python_that_gives_what_the_loops_give():
    params, (X, Y) = network(6, 5, 10), examples(6, 8, 10)
    Z, A = basic.forward_prop(params, X)
    names = dict(vars(basic), X=X, Y=Y, m=8, l2=0.3, alpha=0.2)
    names |= zip(("W1", "b1", "W2", "b2"), params)
    for function in (basic.forward_prop, basic.backward_prop):
        exec("\n".join(re.findall(r"^ +(\w+ = .*)", function.__doc__, re.MULTILINE)), names)
    close([names[name] for name in ("Z1", "A1", "Z2", "A2")], [Z[1], A[1], Z[2], A[2]])
    grads = basic.backward_prop(params, Z, A, Y, 0.3)
    close([names[name] for name in ("dW1", "db1", "dW2", "db2")], grads)


# --- Against other engines, where they are installed ---


def torch_network(torch, params):
    """Return the same network in PyTorch, in float64."""
    layers = []
    for W, b in zip(params[0::2], params[1::2]):
        layers += [torch.nn.Linear(*W.T.shape, dtype=torch.float64), torch.nn.ReLU()]
        layers[-2].weight.data, layers[-2].bias.data = torch.tensor(W), torch.tensor(b[:, 0])
    return torch.nn.Sequential(*layers[:-1])


def test_backward_prop_agrees_with_pytorch():
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
def test_gradient_descent_agrees_with_pytorch(optimizer, name, options, alpha, steps):
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


def test_backward_prop_stays_lazy_on_dask_arrays_and_gives_the_same():
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


# --- The data ---

IDX = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
IDX += ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def idx(array):
    """Return an array as the content of an IDX file."""
    header = np.array([0x800 + array.ndim, *array.shape], ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def write_csv(path, images, labels, at=0, header=True, edit=lambda table: table):
    """Write a table with the label in column `at`, gzipped if the path says so; edit changes it."""
    names = np.insert([f"pixel{k}" for k in range(784)], at, "label").tolist()
    rows = np.insert(images.reshape(-1, 784), at, labels, axis=1).tolist()
    table = edit([names] * header + [[str(v) for v in row] for row in rows])
    content = "\n".join(",".join(row) for row in table).encode()
    Path(path).write_bytes(gzip.compress(content) if path.endswith(".gz") else content)


def assert_loaded(loaded, arrays):
    """Assert that load_data returned exactly these images and labels, as the network takes them."""
    for X, Y, images, labels in ((*loaded[:2], *arrays[:2]), (*loaded[2:], *arrays[2:])):
        assert X.dtype == np.float32 and Y.dtype == np.int64
        assert np.array_equal(X, np.float32(images.reshape(-1, 784).T) / np.float32(255))
        assert np.array_equal(Y, labels)
        assert X.T.flags.c_contiguous, "an image should lie in one piece"


def assert_refused(capsys, argv, *words):
    """Assert that main ends with status 2 and one line on stderr, which holds these words."""
    with pytest.raises(SystemExit) as end:
        basic.main(argv.split())
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert err.count("\n") == 1 and err.endswith("\n"), f"not one line: {err}"
    for word in words:
        assert word in err.split("error: ", 1)[1]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Work where own/ holds 17 + 12 images, and basic finds no other data; return the arrays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(basic, "HERE", tmp_path)
    monkeypatch.setattr(basic, "MIRRORS", {})
    rng, arrays = np.random.default_rng(0), []
    for m in (17, 12):
        images = rng.integers(0, 256, (m, 28, 28)) * (rng.random((m, 28, 28)) < 0.2)
        arrays += [images, np.arange(m) % 10]
    for folder in ("data", "own"):
        Path(folder).mkdir()
    for name, array in zip(IDX, arrays):
        Path("own", name).write_bytes(idx(array))
    return arrays


def test_load_data_digits_are_those_that_data_readme_describes():
    table = (HERE / "data/README.md").read_text(encoding="utf-8")
    arrays = []
    for name, shape in zip(IDX, [(1437, 28, 28), 1437, (360, 28, 28), 360]):
        content = gzip.decompress((HERE / f"data/digits/{name}.gz").read_bytes())
        assert f"| {name} | {hashlib.sha256(content).hexdigest()} |" in table
        arrays.append(np.frombuffer(content[-np.prod(shape) :], np.uint8).reshape(shape))
    assert_loaded(basic.load_data("digits"), arrays)


@pytest.mark.parametrize("data, folder, title, packed", [
    ("own", "own", "your own images", []), ("own", "own", "your own images", [1, 2]),
    ("auto", "data/mnist", "MNIST", []), ("fashion", "data/fashion", "Fashion-MNIST", range(4)),
])  # fmt: skip
def test_load_data_reads_four_idx_files(own, capsys, data, folder, title, packed):
    Path("own").rename(folder)
    for path in (Path(folder, IDX[k]) for k in packed):
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert_loaded(basic.load_data(data), own)
    line = f"Data: {title}, 17 training and 12 test images, from {Path(folder)}\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("name, at, header", [
    ("train.csv", 0, True), ("train.csv.gz", 300, True), ("train.csv", 0, False),
])  # fmt: skip
def test_load_data_reads_two_csv_files(own, capsys, name, at, header):
    write_csv(name, *own[:2], at, header)
    write_csv("test.csv", *own[2:], at, header)
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


def holes(content):
    return content[:99] + bytes(9) + content[108:]


@pytest.mark.parametrize("k, end, damage, word", [
    (0, "", lambda c: b"", "0x0"), (0, "", lambda c: c[:15], "28"),
    (0, "", lambda c: b"\0\0\x08\x04" + c[4:], "0x804"),  # magic number, of images and of labels
    (1, "", lambda c: b"\0\0\x08\x03" + c[4:], "0x803"),
    (2, "", lambda c: b"\0\0\x0d\x03" + c[4:], "0xd03"),  # another element type
    (0, "", lambda c: idx(np.zeros((17, 28, 27))), "items of [28 27]: "),
    (0, "", lambda c: c[:-1], "long"), (1, "", lambda c: c + b"\0", "long"),
    (3, ".gz", lambda c: gzip.compress(c)[:-9], "unpack"),
    (0, ".gz", lambda c: holes(gzip.compress(c)), "unpack"), (0, ".gz", lambda c: c, "unpack"),
    (0, ".bz2", lambda c: c, "missing"),
    (1, "", lambda c: idx(np.zeros(16)), "17 training images, 16 labels up to"),
    (2, "", lambda c: idx(np.zeros((13, 28, 28))), "13 test images, 12 labels up to 9"),
    (2, "", lambda c: idx(np.zeros((0, 28, 28))), "0 test images, 12 labels"),
    (3, "", lambda c: idx(np.arange(12)), "12 labels up to 11"),
])  # fmt: skip
def test_main_refuses_a_bad_idx_file(own, capsys, k, end, damage, word):
    path = Path("own", IDX[k])
    content = path.read_bytes()
    path.unlink()
    path.with_name(path.name + end).write_bytes(damage(content))
    assert_refused(capsys, "--data own", word, "own has" if "labels" in word else IDX[k])


def cell(column, value):
    """Return an edit that writes a value into the second row of a table."""
    return lambda t: [*t[:2], [*t[2][:column], value, *t[2][column + 1 :]], *t[3:]]


@pytest.mark.parametrize("edit, word", [
    *[(cell(784, v), "0 to 255") for v in ("-1", "256", "1.5", "x", "", "nan", "inf")],
    (cell(0, "x"), "0 to 255"), (cell(0, "-1"), "0 to 255"), (cell(0, "10"), "up to 10"),
    (lambda t: [row[1:] for row in t], "label"), (lambda t: [row[1:] for row in t[1:]], "783"),
    (lambda t: [row[:-1] for row in t], "783"), (lambda t: [[*row, "0"] for row in t[1:]], "785"),
    (lambda t: [*t[:-1], t[-1][:-1]], "784"),  # a row is too short; then all are, but not the head
    (lambda t: [t[0], *(["0", *row] for row in t[1:])], "784"),
    (lambda t: t[:1], "0 training images, 0 labels up to 0"), (lambda t: [], "784"),
    (lambda t: t[:2], "0 training images, 0 labels up to 0"),
])  # fmt: skip
def test_main_refuses_a_bad_csv_file(own, capsys, edit, word):
    write_csv("bad.csv", own[0][:3], own[1][:3], edit=edit)
    assert_refused(capsys, "--data bad.csv", "bad.csv", word)


def test_main_refuses_a_csv_file_whose_gzip_is_damaged_or_none(own, capsys):
    write_csv("bad.csv.gz", *own[:2])
    content = Path("bad.csv.gz").read_bytes()
    for damaged in (content[:-999], holes(content), b"text", b""):
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
            content = Path("own", IDX[1] if how == "wrong" else name[:-3]).read_bytes()
            content = gzip.compress(content)
            self.send_response(404 if how == "missing" else 200)
            self.send_header("Content-Length", len(content))
            self.end_headers()
            self.wfile.write(content[: -9 if how == "cut" else None])

        def log_message(self, *args):
            pass

    def use(*names):
        urls = [f"http://127.0.0.1:{closed if n == 'refused' else port}/{n}/" for n in names]
        monkeypatch.setattr(basic, "MIRRORS", {"mnist": urls})
        return urls

    sums = [hashlib.sha256(Path("own", name).read_bytes()).hexdigest() for name in IDX]
    monkeypatch.setattr(basic, "SHA256", {"mnist": sums})
    monkeypatch.setenv("no_proxy", "*")  # whatever proxy there is, 127.0.0.1 is this machine
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with server, socket.socket() as deaf:  # it has a port but does not listen
        deaf.bind(("127.0.0.1", 0))
        port, closed = server.server_port, deaf.getsockname()[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield use, log
        server.shutdown()


@pytest.mark.parametrize("bad", ["missing", "wrong", "cut", "refused"])
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


def test_fetch_without_a_mirror_that_works_says_what_to_do(own, mirrors, capsys):
    urls = mirrors[0]("missing", "wrong", "cut", "refused")
    with pytest.raises(FileNotFoundError) as raised:
        basic.load_data("mnist")
    for word in (*urls, str(Path("data/mnist").absolute()), "--data digits"):
        assert word in str(raised.value)
    assert [*Path("data").iterdir()] == [], "a download that fails should leave nothing behind"
    url = mirrors[0]("refused")[0]
    Path("own").rename("data/digits")
    assert_loaded(basic.load_data(), own)
    why, data = capsys.readouterr().out.splitlines()
    assert url in why and "digits in the repository" in why
    assert data.startswith("Data: UCI digits, 17 training and 12 test images")


def test_download_waits_for_an_answer_for_at_most_15_seconds(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr("urllib.request.urlopen", lambda url, **options: asked.update(options))
    with pytest.raises((TypeError, AttributeError)):  # this one gives no answer at all
        basic.download("http://127.0.0.1/", tmp_path / "file.gz", "")
    assert 0 < asked["timeout"] <= 15


def test_replacing_replaces_a_file_only_when_all_is_written(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), basic.replacing(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]
    with basic.replacing(path) as part:
        part.write_text("new")
    assert path.read_text() == "new" and [*tmp_path.iterdir()] == [path]


# --- The result and the command line ---


def printed(capsys, argv):
    """Run main and return the lines that it printed."""
    capsys.readouterr()
    basic.main(argv.split())
    return capsys.readouterr().out.splitlines()


def draw(path, ink="black", paper="white", size=(300, 300), at=(90, 90), unit=10, mode="RGB"):
    """Draw a 2 that is 8 units wide and 12 high, with strokes of 1.5 units around that."""
    from PIL import Image, ImageDraw

    image = Image.new(mode, size, paper)
    corners = [(0, 2), (4, 0), (7, 2), (7, 5), (0, 12), (8, 12)]
    line = [(at[0] + unit * x, at[1] + unit * y) for x, y in corners]
    ImageDraw.Draw(image).line(line, fill=ink, width=unit * 3 // 2, joint="curve")
    image.save(path)


def test_print_results_counts_what_is_true_by_row_and_what_is_predicted_by_column(capsys):
    Y, predictions = np.array([3, 3, 3, 7, 0]), np.array([7, 3, 7, 7, 9])
    A, X, counts = np.full((10, 5), 0.05), np.zeros((784, 5)), np.zeros((10, 10), int)
    A[predictions, range(5)] = 0.55
    np.add.at(counts, (Y, predictions), 1)
    X[280:336, 0] = 1  # the rows 10 and 11 of the pixels are line 5 of the drawing
    for names in (basic.DIGITS, basic.CLOTHES):
        basic.print_results(A, X, Y, names)
        _, summary, _, head, *lines = capsys.readouterr().out.split("\n")
        assert summary == "Test accuracy: 0.4000 on 5 images"
        assert head.split() == ["true", "\\", "predicted", *"0123456789", "accuracy"]
        for k, line in enumerate(lines[:10]):
            assert len(line) == len(head), "the table should be aligned"
            assert line[:17].split()[0] == names[k].split()[0] and line[16] == str(k)
            assert [int(line[n : n + 6]) for n in range(17, 77, 6)] == [*counts[k]]
            assert line[77:].strip() == {0: "0.0000", 3: "0.3333", 7: "1.0000"}.get(k, "no images")
        drawing = lines[12:26]
        assert [line[:28].strip() for line in drawing] == [*[""] * 5, "@" * 28, *[""] * 8]
        bars = ["0.050 #"] * 10
        bars[3], bars[7] = "0.050 # <- truth", "0.550 ########### <- answer"
        bars = [f"{name} {bar}" for name, bar in zip(names, bars)]
        assert [line[28:].strip() for line in drawing[2:12]] == bars


def before_saving(monkeypatch, change):
    """Make change(figure) happen before a figure is saved: it can save the time of a layout."""
    from matplotlib.figure import Figure

    savefig = Figure.savefig
    both = lambda figure, *a, **k: (change(figure), savefig(figure, *a, **k))  # noqa: E731
    monkeypatch.setattr(Figure, "savefig", both)


def test_plot_report_draws_curves_counts_and_weights(own, capsys, monkeypatch):
    figures = []
    before_saving(monkeypatch, lambda f: (figures.append(f), f.set_layout_engine("none")))
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


@pytest.mark.parametrize("arrays, value", [
    ({}, 0), ({"W1": (10, 784)}, 0), ({"W": (10, 784), "b": (10, 1)}, 0),
    ({"W1": (10, 784), "b1": (10,)}, 0), ({"W1": (10, 783), "b1": (10, 1)}, 0),
    ({"W1": (9, 784), "b1": (9, 1)}, 0), ({"W1": (10, 784), "b1": (10, 1)}, np.nan),
    ({"W1": (5, 784), "b1": (5, 1), "W2": (10, 6), "b2": (10, 1)}, 0),
    ({"W1": (10, 784), "b1": (10, 1), "W2": (9, 10), "b2": (9, 1)}, 0),
])  # fmt: skip
def test_load_model_refuses_arrays_that_are_no_network_for_this(own, capsys, arrays, value):
    np.savez("bad.npz", **{name: np.full(shape, value) for name, shape in arrays.items()})
    assert_refused(capsys, "--load bad.npz", "--load bad.npz", "no model of 784 pixels")


def test_load_model_refuses_what_is_no_npz_file_and_never_unpickles(own, capsys):
    class Trap:
        def __reduce__(self):
            return Path.touch, (Path("unpickled"),)

    np.save("array.npy", np.zeros((10, 784)))
    np.savez("pickle.npz", W1=np.array([Trap()]), b1=np.zeros((10, 1)))
    for name in ("array.npy", "pickle.npz", "own/" + IDX[0], "missing.npz"):
        assert_refused(capsys, f"--load {name}", f"--load {name}", "no model of 784 pixels")
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("argv, options", [
    ("", {}),
    ("--iterations 0 --seed 3", {"iterations": 0, "seed": 3}),
    ("--epochs 3 --data mnist", {"iterations": 3}),
    ("--epochs 2 --batch-size 5 --seed 1", {"iterations": 8, "batch_size": 5, "seed": 1}),
    ("--iterations 4 --hidden", {"iterations": 4, "layer_sizes": (784, 10)}),
    ("--hidden 6 5 --iterations 9 --alpha 0.01 --optimizer adam --decay --l2 0.1 --print-every 4",
     dict(layer_sizes=(784, 6, 5, 10), iterations=9, alpha=0.01, optimizer="adam", decay=True,
          l2=0.1, print_every=4)),
], ids=["defaults", "none", "epochs", "batch-size", "one-layer", "all"])  # fmt: skip
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
    assert saved.files == [f"{'Wb'[k % 2]}{k // 2 + 1}" for k in range(len(params))]
    assert all(np.array_equal(p, saved[name]) for p, name in zip(params, saved.files))
    assert printed(capsys, argv) == lines


def test_main_stopped_by_ctrl_c_shows_what_was_reached(own, capsys, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    expected = printed(capsys, "--data own --iterations 2")
    updates = iter([basic.mean_gradient, basic.mean_gradient, pressed])
    monkeypatch.setattr(basic, "mean_gradient", lambda *given: next(updates)(*given))
    lines = printed(capsys, "--data own --iterations 5")
    assert lines == [*expected[:4], "Stopped by Ctrl-C at iteration 2.", *expected[4:]]
    monkeypatch.setattr(basic, "print_results", pressed)  # for the second time
    with pytest.raises(SystemExit) as end:
        basic.main(["--data", "own", "--iterations", "0"])
    assert end.value.code == 130 and capsys.readouterr().err == "Stopped by Ctrl-C.\n"


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
    clothes = printed(capsys, "--load m.npz --data Fashion --predict 8.jpg")
    assert clothes[0].startswith(f"8.jpg: {basic.CLOTHES[a]} (")
    for more in ("--save n.npz", "--iterations 1", "--epochs 1"):
        lines = printed(capsys, f"--data own --load m.npz {more} --predict 2.png")
        assert lines[0].startswith("Data:") and lines[-1].startswith("2.png: ")


@pytest.mark.parametrize("case", [
    "--data none.csv: none.csv: there is no such", "--data own own: not own and own",
    "--data a.csv own: not a.csv and own", "--data a.csv b.csv c.csv: one folder",
    "--data digits no: --data digits: there", "--data data: " + IDX[0], "--alpha 0: above 0",
    "--alpha -1: above 0", "--alpha nan: above 0", "--alpha inf: above 0", "--alpha x: above 0",
    "--iterations -1: from 0", "--iterations 1.5: whole", "--iterations nan: whole",
    "--iterations x: whole", "--epochs 0: from 1", "--epochs 1 --iterations 1: not allowed",
    "--batch-size 0: from 1", "--hidden 0: from 1", "--hidden 5 x: whole",
    "--hidden --load m.npz: not allowed", "--l2 -1: from 0", "--l2 inf: from 0",
    "--seed -1: from 0", "--print-every 0: from 1", "--optimizer sgd: choose from",
    "--unknown: unrecognized", "--plot none/r.png: r.png cannot be written",
    "--save none/m.npz: m.npz cannot be written", "--save data: data cannot be written",
    "--predict none.png: No such file", "--predict own/" + IDX[0] + ": no picture",
    "--predict pale.png: blank",
    "--data own --hidden 99999999999: ", "--data missing --plot r.xyz: xyz",
])  # fmt: skip
def test_main_refuses(own, capsys, case):
    draw("pale.png", ink=(231, 231, 231))
    argv, word = case.split(": ", 1)
    before = {*Path().rglob("*")}
    file = argv.startswith(("--data", "--plot", "--save"))
    assert_refused(capsys, argv, word, "" if file else argv.split()[0])
    assert {*Path().rglob("*")} == before, "nothing should be left behind"


def test_main_explains_its_options_without_loading_what_that_does_not_need():
    code = "import basic, sys\ntry: basic.main(['--help'])\nfinally: print(*sys.modules)"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    text, _, modules = done.stdout.rstrip().rpartition("\n")
    assert "numpy" in modules.split()
    assert not {"pandas", "matplotlib", "PIL"} & {*modules.split()}
    assert len(re.findall(r"^  --[a-z]", text, re.M)) == 15
    for default in ("[auto", "[500; 0 with", "[10]", "[all]", "[gd]", "[0.1]", "[0]", "[off]"):
        assert default in text
    assert len(re.findall(r"^  python basic.py --", text, re.M)) == 3


def test_script_metadata_asks_for_what_requirements_txt_asks_for():
    source = Path(basic.__file__).read_text("utf-8")
    wanted = (HERE / "requirements.txt").read_text("utf-8").split()
    wanted = [line for line in wanted if not line.startswith("pytest")]
    # A basic.py without any comment, as mutate.py writes it, is not what this is about.
    assert "\n# " not in source or f"\n# dependencies = {json.dumps(wanted)}\n" in source


# --- Your own digit ---


@pytest.mark.parametrize("tolerance, change", [
    (0.001, {"ink": "white", "paper": "black"}), (0.001, {"ink": "navy", "paper": "orange"}),
    (0.001, {"mode": "RGBA", "paper": (0, 0, 0, 0)}),  # nothing but paper is transparent, and
    (0.001, {"mode": "RGBA", "paper": (255, 255, 255, 0), "ink": "white"}),  # may hide any colour
    (0.001, {"mode": "RGBA", "paper": (0, 0, 0, 0), "ink": (240, 240, 240)}),
    (0.001, {"mode": "RGBA", "paper": (0, 0, 0, 0), "ink": (20, 20, 20)}),
    (0.001, {"mode": "L", "ink": 122, "paper": 160}), (0.001, {"mode": "1", "ink": 0, "paper": 1}),
    (0.001, {"at": (180, 20)}), (0.001, {"size": (900, 400)}), (0.05, {"path": "a.jpg"}),
    (0.25, {"unit": 4}), (0.25, {"unit": 30, "size": (600, 500)}),
])  # fmt: skip
def test_prepare_image_makes_the_same_of_every_picture_of_a_digit(own, tolerance, change):
    draw("reference.png")
    draw(**{"path": "a.png", **change})
    expected = basic.prepare_image("reference.png")
    X = basic.prepare_image(change.get("path", "a.png"))
    assert X.shape == (784, 1) and X.dtype == np.float32 and X.min() == 0 and X.max() == 1
    assert np.linalg.norm(X - expected) <= tolerance * np.linalg.norm(expected)
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


@pytest.mark.parametrize("height, width, boxes", [
    (20, 2, [(5, 105, 30, 40)]), (2, 20, [(5, 15, 30, 130)]), (20, 1, [(5, 205, 30, 31)]),
    (20, 4, [(5, 55, 5, 6), (5, 15, 5, 15)]), (20, 4, [(5, 55, 5, 6), (45, 55, 5, 15)]),
    (4, 20, [(5, 6, 5, 55), (5, 15, 5, 15)]), (4, 20, [(5, 6, 5, 55), (5, 15, 45, 55)]),
])  # fmt: skip
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


# --- The README ---


def readme(pattern):
    """Return what the groups of pattern catch in the README, wherever it matches."""
    return re.findall(pattern, (HERE / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def test_README_has_python_blocks_that_run_in_their_order(monkeypatch, tmp_path, capsys):
    load, train = basic.load_data, basic.gradient_descent

    def short(X, Y, alpha=0.1, iterations=500, **options):
        return train(X, Y, alpha, min(iterations, 5), **options)

    monkeypatch.setattr(basic, "gradient_descent", short)
    monkeypatch.setattr(basic, "load_data", lambda data="auto", seed=0: load("digits", seed))
    monkeypatch.chdir(tmp_path)
    names, blocks = {"__name__": "README"}, readme(r"^```python\n(.*?)^```")
    assert len(blocks) > 5
    for block in blocks:
        if "import dask" not in block or importlib.util.find_spec("dask"):
            exec(compile(block, "README.md", "exec"), names)


def test_README_uses_the_names_of_the_code_in_its_formulas():
    formulas = readme(r"^## The network\n(.*?)^## ")[0]
    lines = "\n".join(re.findall(r"^```python\n(.*?)^```", formulas, re.MULTILINE | re.DOTALL))
    names = {node.id for node in ast.walk(ast.parse(lines)) if isinstance(node, ast.Name)}
    assert {"W1", "Z1", "A2", "dZ2", "dW1", "one_hot"} <= names
    assert names <= set(re.findall(r"\w+", (HERE / "basic.py").read_text()))


def test_README_names_every_option_of_the_help_and_no_other(capsys):
    with pytest.raises(SystemExit):
        basic.main(["--help"])
    options = set(re.findall(r"^  (--[a-z0-9-]+)", capsys.readouterr().out, re.MULTILINE))
    assert (
        len(options) > 10 and set(readme(r"(?<![\w-])(--[a-z][a-z0-9-]*)")) - {"--help"} == options
    )
