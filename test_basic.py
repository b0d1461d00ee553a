"""The proof of basic.py: every derivative against numbers, every promise against a small case.

It stands in the order of basic.py, and a test's name starts with the function that it grades. So
whoever writes a basic.py of their own runs `python -m pytest -k softmax` when softmax stands, and
goes on from there. The gradient checker below works alone: copy it to check any network.
"""

import contextlib
import gzip
import math
import re
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
    (cancellation: both losses are rounded, eps = 2e-16). The sum is least near h = eps^(1/3) = 6e-6.
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
    for dtype in (np.float32, np.float64) if huge < 1e39 else (np.float64,):
        (Z,) = frozen([np.array([[huge, -huge, huge], [-huge, -huge, huge]], dtype)])
        assert (basic.softmax(Z) == [[1, 0.5, 0.5], [0, 0.5, 0.5]]).all()


@every_dtype
def test_softmax_keeps_the_dtype(dtype):
    assert basic.softmax(np.ones((3, 2), dtype)).dtype == dtype


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
        ([[1, 0], [0, 1]], "ravel"),  # already one-hot
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
    (X, _) = examples(7, 6, 2)
    W1, b1, W2, b2, W3, b3 = params = network(7, 5, 4, 3)
    Z, A = basic.forward_prop(params, X)
    A1 = basic.ReLU(W1 @ X + b1)
    A2 = basic.ReLU(W2 @ A1 + b2)
    Z3 = W3 @ A2 + b3
    assert Z[0] is None and A[0] is X and len(Z) == len(A) == 4
    assert (Z[1] == W1 @ X + b1).all() and (Z[2] == W2 @ A1 + b2).all() and (Z[3] == Z3).all()
    assert (A[1] == A1).all() and (A[2] == A2).all() and (A[3] == basic.softmax(Z3)).all()


def test_forward_prop_without_a_hidden_layer_is_one_linear_map():
    (X, _), (W1, b1) = examples(7, 6, 2), network(7, 3)
    Z, A = basic.forward_prop((W1, b1), X)
    assert len(A) == 2 and (Z[1] == W1 @ X + b1).all() and (A[1] == basic.softmax(Z[1])).all()


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
    params = network(6, 5, 3)
    new = basic.update_params(params, params, 0.1)  # p is the gradient of the sum of p * p / 2
    assert sum((p * p).sum() for p in new) < sum((p * p).sum() for p in params)


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
        # m = 0.1 * 2 and v = 0.001 * 4, corrected by 0.1 and 0.001 to 2 and 4;
        # m = 0.9 * 0.2 + 0.1 * 1 and v = 0.999 * 0.004 + 0.001 * 1, corrected by 0.19 and 0.001999
        ("adam", [2, 1], [2 / (2 + 1e-8), 0.28 / 0.19 / (math.sqrt(0.004996 / 0.001999) + 1e-8)]),
        ("adam", [1e-8], [0.5]),  # epsilon is as large as the gradient
        ("rmsprop", [1e-7], [1e-7 / (1e-8 + 1e-8)]),
    ],
)
def test_optimizers_step_by_step_worked_by_hand(name, gradients, directions):
    memory = [0.0, 0.0]
    for t, (g, expected) in enumerate(zip(gradients, directions), start=1):
        g = frozen([np.array([[g, -g]], float)])[0]
        direction = getattr(basic, name)(g, memory, t)
        assert direction == pytest.approx(np.array([[expected, -expected]]), rel=1e-12)


def test_gradient_descent_is_forward_backward_update_written_out():
    start, (X, Y) = network(6, 5, 3), examples(6, 9, 3)
    trained = basic.gradient_descent(X, Y, 0.3, 4, params=tuple(start), l2=0.1)
    close(trained, by_hand(start, X, Y, [0.3] * 4, 0.1))


def test_gradient_descent_with_decay_takes_ever_smaller_steps_down_to_0():
    start, (X, Y) = network(6, 5, 3), examples(6, 9, 3)
    trained = basic.gradient_descent(X, Y, 0.4, 4, params=start, decay=True)
    close(trained, by_hand(start, X, Y, [0.4, 0.3, 0.2, 0.1]))


def test_gradient_descent_starts_where_its_seed_says_in_the_dtype_of_X():
    for dtype in (np.float32, np.float64):
        X, Y = examples(6, 9, 3, dtype=dtype)
        start = basic.gradient_descent(X, Y, iterations=0, layer_sizes=(6, 5, 3), seed=7)
        expected = basic.init_params((6, 5, 3), 7, dtype)
        assert all(p.dtype == dtype and (p == q).all() for p, q in zip(start, expected))
        trained = basic.gradient_descent(X, Y, np.float64(0.1), 3, params=start, optimizer="adam")
        assert [p.dtype for p in trained] == [dtype] * 4


def test_gradient_descent_takes_many_images_in_pieces_and_gets_the_same():
    start, (X, Y) = network(3, 4, 2), examples(3, 5001, 2)
    seen = []
    trained = basic.gradient_descent(X, Y, 0.5, 3, params=start, callback=lambda *a: seen.append(a))
    close(trained, by_hand(start, X, Y, [0.5] * 3), rel=1e-10)
    predictions = basic.get_predictions(basic.forward_prop(trained, X)[1][-1])
    assert seen[-1][2] == pytest.approx(loss_of(X, Y)(trained), rel=1e-12)
    assert seen[-1][3] == pytest.approx((predictions == Y).mean(), rel=1e-12)


def test_gradient_descent_does_not_hold_the_activations_of_all_images_at_once():
    X, Y = examples(4, 20_000, 2, dtype=np.float32)
    tracemalloc.start()
    basic.gradient_descent(X, Y, iterations=1, layer_sizes=(4, 256, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6  # a single one of Z1, A1, dZ1 for all images would be 20 MB


@pytest.mark.parametrize("n, every, lines", [(0, None, [0]), (5, None, [0, 1, 2, 3, 4, 5]),
    (23, None, [*range(0, 23, 2), 23]), (23, 10, [0, 10, 20, 23])])  # fmt: skip
def test_gradient_descent_prints_about_ten_lines_or_every_so_many(capsys, n, every, lines):
    X, Y = examples(6, 9, 3)
    basic.gradient_descent(X, Y, 0.1, n, layer_sizes=(6, 3), print_every=every)
    printed = re.findall(r"^Iteration: (\d+) +\| Loss: ", capsys.readouterr().out, re.MULTILINE)
    assert [int(i) for i in printed] == lines


def test_gradient_descent_prints_and_hands_over_the_state_after_i_updates(capsys):
    start, (X, Y) = network(6, 5, 3), examples(6, 9, 3)
    seen = []
    basic.gradient_descent(
        X, Y, 0.2, 2, params=start, l2=0.1, callback=lambda *state: seen.append(state)
    )
    for line, (i, params, loss, accuracy) in zip(capsys.readouterr().out.splitlines(), seen):
        close(params, by_hand(start, X, Y, [0.2] * i, 0.1))
        predictions = basic.get_predictions(basic.forward_prop(params, X)[1][-1])
        assert loss == pytest.approx(loss_of(X, Y, 0.1)(params), rel=1e-12)
        assert accuracy == pytest.approx((predictions == Y).mean())
        assert line == f"Iteration: {i}    | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}"
    assert [state[0] for state in seen] == [0, 1, 2]


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
    X, Y = examples(6, 20, 3, dtype=np.float32)
    options = dict(layer_sizes=(6, 3), batch_size=4, iterations=9)
    start = network(6, 3, dtype=np.float32)  # so that only the order can differ
    a, b, c = (
        basic.gradient_descent(X, Y, params=start, seed=seed, **options)[0] for seed in (1, 1, 2)
    )
    assert (a == b).all() and not (a == c).all()
    d, e = (basic.gradient_descent(X, Y, seed=seed, **options)[0] for seed in (1, 1))
    assert (d == e).all()


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


@pytest.mark.parametrize(
    "sizes, dead, said",
    [((3, 4, 2), 1, ""), ((3, 4, 2), 2, "2 of 4 hidden"), ((3, 4, 4, 2), 3, ""), ((3, 2), 0, "")],
)
def test_gradient_descent_speaks_of_dead_neurons_from_half_of_them_on(capsys, sizes, dead, said):
    params, (X, Y) = [p.copy() for p in network(*sizes)], examples(3, 4100, 2)
    for b in params[1:-1:2]:
        b[:] = 10
    if dead:
        params[1][:dead] = -100
    basic.gradient_descent(X, Y, iterations=0, params=params)
    printed = capsys.readouterr().out
    assert said in printed and ("hidden neurons are zero" in printed) == bool(said)


def test_gradient_descent_looks_for_dead_neurons_among_all_images(capsys):
    X, Y = np.zeros((1, 5000)), np.zeros(5000, int)
    params = [np.ones((2, 1)), np.full((2, 1), -1.0), np.ones((2, 2)), np.zeros((2, 1))]
    basic.gradient_descent(X, Y, iterations=0, params=params)
    assert "2 of 2 hidden neurons" in capsys.readouterr().out
    X[0, -1] = 2  # the last image of all wakes them
    basic.gradient_descent(X, Y, iterations=0, params=params)
    assert "hidden neurons" not in capsys.readouterr().out


def test_gradient_descent_stops_with_a_cure_when_the_loss_is_not_finite():
    X, Y = examples(6, 9, 3, dtype=np.float32)
    with pytest.raises(
        ValueError, match=r"the loss is \w+ after \d+ updates: try a smaller --alpha"
    ):
        basic.gradient_descent(X, Y, 1e30, 50, layer_sizes=(6, 5, 3))


def test_gradient_descent_returns_the_last_complete_update_on_ctrl_c(capsys):
    start, (X, Y) = network(6, 5, 3), examples(6, 9, 3)

    def interrupt(i, params, loss, accuracy):
        if i == 3:
            raise KeyboardInterrupt

    params = basic.gradient_descent(X, Y, 0.2, 9, params=start, callback=interrupt)
    close(params, by_hand(start, X, Y, [0.2] * 3))
    assert "Ctrl-C at iteration 3" in capsys.readouterr().out


X_OK, Y_OK = examples(6, 9, 3)


@pytest.mark.parametrize("change, cure", [
    (dict(X=X_OK.T), "one column per image: pass X.T"),
    (dict(X=X_OK[:, :-1]), r"\(6, 9\), one column per image"),
    (dict(X=X_OK[:, :0], Y=Y_OK[:0]), "one column per image"),
    (dict(X=(255 * X_OK).astype(np.uint8)), "divide by 255"),
    (dict(Y=Y_OK[None]), "ravel"), (dict(Y=Y_OK + 1), "from 0 to 2"), (dict(Y=Y_OK / 1), "astype"),
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
])  # fmt: skip
def test_gradient_descent_answers_a_mistake_with_its_cure(change, cure):
    arguments = dict(X=X_OK, Y=Y_OK, layer_sizes=(6, 4, 3), iterations=1) | change
    with pytest.raises(ValueError, match=cure):
        basic.gradient_descent(**arguments)


def test_docstrings_of_the_passes_are_python_that_gives_what_the_loops_give():
    params, (X, Y) = network(6, 5, 10), examples(6, 8, 10)
    Z, A = basic.forward_prop(params, X)
    names = dict(vars(basic), X=X, Y=Y, m=8, l2=0.3, alpha=0.2)
    names |= zip(("W1", "b1", "W2", "b2"), params)
    for function in (basic.forward_prop, basic.backward_prop):
        exec("\n".join(re.findall(r"^ {8}(\w+ = .*)", function.__doc__, re.MULTILINE)), names)
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
