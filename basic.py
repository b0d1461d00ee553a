# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy>=2.0", "pandas>=2.2.2", "matplotlib>=3.10.7", "pillow>=10.1"]
# ///
"""A neural network for handwritten digits, from scratch: 784 pixels, 10 hidden neurons, 10 classes.

The images, one in each column of X, go through the network from left to right,

    X -> Z1 = W1 @ X + b1 -> A1 = ReLU(Z1) -> Z2 = W2 @ A1 + b2 -> A2 = softmax(Z2) -> loss
    (784, m)  (10, m)        (10, m)          (10, m)              (10, m)             one number

and the derivatives of the loss come back from right to left. `python basic.py` trains it.

    m         the number of images
    L, l      the number of layers, here 2; and one of them, from 1 to L
    n_l       the number of neurons in layer l; n_0 is the number of pixels
    params    the list [W1, b1, W2, b2, ..., WL, bL]: W_l is (n_l, n_{l-1}), b_l is (n_l, 1)
    grads     the derivatives of the loss with respect to params: [dW1, db1, dW2, db2, ...]

Read "The network" and `gradient_descent`: they are the whole idea. What follows is plumbing.

    The network                   the formulas of the blackboard, a function for each
    The training                  the loop, the optimizers, the mini-batches, the checks
    The data                      MNIST, Fashion-MNIST or your own images, from IDX or CSV files
    Your own digit                a photo or a drawing made to look like an image of MNIST
    Saving and loading a model    params in an .npz file
    Looking at the result         the confusion matrix, the report picture, dead neurons
    The command line              the options, and mistakes in one line each
"""

import argparse
import contextlib
import gzip
import hashlib
import io
import math
import os
import secrets
import stat
import sys
import time
import warnings
import zlib
from functools import partial
from pathlib import Path

import numpy as np

# --- The network ---


def init_params(layer_sizes=(784, 10, 10), seed=0, dtype=np.float32):
    """Return the params [W1, b1, W2, b2, ...] with which the training starts.

    W_l is (n_l, n_{l-1}): normally distributed, with mean 0 and variance 2 / n_{l-1} (He et al.
    2015). b_l is (n_l, 1): zeros. The weights are drawn from np.random.default_rng(seed) in float64
    and then cast to dtype (np.float32, float, complex, ...), so that every dtype starts at the same
    point, up to rounding.

    Raises ValueError, whose message names the argument, if layer_sizes are not two or more whole
    numbers, 1 or more each, or if dtype is neither float nor complex.
    """
    whole = all(isinstance(size, (int, np.integer)) for size in layer_sizes)
    if not whole or len(layer_sizes) < 2 or min(layer_sizes) < 1:
        wanted = "layer_sizes must be two or more whole numbers, 1 or more each"
        raise ValueError(f"{wanted}, not {layer_sizes}")
    if np.dtype(dtype).kind not in "fc":
        raise ValueError(f"dtype must be a float such as np.float32, not {np.dtype(dtype)}")

    rng = np.random.default_rng(seed)
    params = []
    for n_in, n_out in zip(layer_sizes, layer_sizes[1:]):
        # Not zeros, as W2.T @ dZ2 and A1 would be 0, too, and no weight would ever move. Not all
        # the same, as neurons that start equal stay equal. And 2 / n_in, not 1 / n_in, because
        # ReLU lets only half of the signal's mean square through.
        W = rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in)
        b = np.zeros((n_out, 1))
        params += [W.astype(dtype), b.astype(dtype)]
    return params


def ReLU(Z):
    """Return max(0, Z), entry by entry, in the shape and dtype of Z."""
    return np.maximum(Z, 0)


def ReLU_deriv(Z):
    """Return the derivative of ReLU at Z: 1 where Z > 0, else 0, in the shape and dtype of Z.

    At 0 itself ReLU has a corner and no derivative; 0 is the usual choice there.
    """
    return (Z > 0).astype(Z.dtype)


def softmax(Z):
    """Return probabilities for the logits Z (classes, m): exp(Z) over its sum in each column.

    They have the shape and dtype of Z, lie from 0 to 1, and each column sums to 1.
    """
    # exp overflows, in float32 from 89 on. Subtracting the column's maximum divides numerator and
    # denominator by the same number: the result stays the same, and no exponent is above 0.
    E = np.exp(Z - Z.max(axis=0))
    return E / E.sum(axis=0)


def one_hot(Y, classes=10):
    """Return the labels Y (m,) as columns: (classes, m), bool, True in row Y[i] of column i.

    Raises ValueError, whose message gives the cure: Y.ravel() or Y.argmax(axis=0) for labels that
    are not (m,), Y.astype(int) for labels that are not integers, and "from 0 to" the largest class
    for labels outside of that.
    """
    if Y.ndim != 1:
        raise ValueError(f"labels must be (m,), not {Y.shape}: pass Y.ravel() or Y.argmax(axis=0)")
    if Y.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, not {Y.dtype}: pass Y.astype(int)")
    if (Y < 0).any() or (Y >= classes).any():
        raise ValueError(f"labels must be from 0 to {classes - 1}, not {Y.min()} to {Y.max()}")
    # (classes, 1) against (m,) compares every class with every label. The result is bool, so that
    # subtracting it from probabilities changes no dtype.
    return np.arange(classes)[:, None] == Y


def forward_prop(params, X):
    """Return Z, A: what enters and what leaves the activation of each layer, for images X (n_0, m).

    Both are lists of L + 1 entries: Z[l] and A[l] belong to layer l and are (n_l, m), in the dtype
    of params and X. A[0] is X, and Z[0] is None. Z[L] are the logits, A[L] the probabilities of the
    classes. Hidden layers take ReLU, the last takes softmax. For two layers:

        Z1 = W1 @ X + b1
        A1 = ReLU(Z1)
        Z2 = W2 @ A1 + b2
        A2 = softmax(Z2)

    Raises ValueError if X is not (n_0, m). Its message says X.T, the cure for images in rows, and
    X[:, [0]], the cure for one image without its second axis, which would be broadcast to nonsense.
    """
    n_0 = params[0].shape[1]
    if X.ndim != 2 or X.shape[0] != n_0:
        wanted = f"X must be ({n_0}, m), one column per image, not {X.shape}"
        raise ValueError(f"{wanted}: pass X.T if images are rows, X[:, [0]] for one image")

    W = [None, *params[0::2]]  # None at 0, so that W[l] and b[l] belong to layer l
    b = [None, *params[1::2]]
    L = len(W) - 1
    Z = [None]
    A = [X]
    for l in range(1, L + 1):
        Z.append(W[l] @ A[l - 1] + b[l])
        if l < L:
            A.append(ReLU(Z[l]))
        else:
            A.append(softmax(Z[l]))
    return Z, A


def cross_entropy(logits, Y):
    """Return the mean over the images of -log(probability of the true class), in logits' dtype.

    It takes the logits Z[-1] (classes, m) and the labels Y (m,), not the probabilities A[-1]: one
    that has underflowed to 0 has no logarithm. The logarithm of softmax itself stays finite:
    log A = S - log(sum(exp(S))) with S = logits - max, column by column.
    """
    S = logits - logits.max(axis=0)
    log_A = S - np.log(np.exp(S).sum(axis=0))
    T = one_hot(Y, logits.shape[0])
    losses = -(T * log_A).sum(axis=0)
    return losses.mean()


def l2_penalty(params, l2):
    """Return l2 / 2 times the sum of all squared weights, a number in the dtype of params.

    The biases are left out, as is usual.
    """
    return l2 / 2 * sum((W * W).sum() for W in params[0::2])


def backward_prop(params, Z, A, Y, l2=0.0):
    """Return grads, the derivatives of cross_entropy + l2_penalty with respect to params.

    grads is [dW1, db1, dW2, db2, ...] in the shapes and dtype of params. Z and A come from
    forward_prop, Y (m,) are the labels. The chain rule hands dZ back from layer to layer: it is the
    derivative of the sum of the images' losses, and dW and db divide by m, because the loss is
    their mean. For two layers:

        dZ2 = A2 - one_hot(Y)
        dW2 = dZ2 @ A1.T / m + l2 * W2
        db2 = dZ2.sum(axis=1, keepdims=True) / m
        dZ1 = W2.T @ dZ2 * ReLU_deriv(Z1)
        dW1 = dZ1 @ X.T / m + l2 * W1
        db1 = dZ1.sum(axis=1, keepdims=True) / m
    """
    W = [None, *params[0::2]]
    L = len(W) - 1
    m = Y.size
    grads = []
    for l in range(L, 0, -1):
        if l == L:
            # An image's loss is log(sum(exp(Z))) - Z_y. Its derivative is softmax(Z), less 1 at y.
            dZ = A[L] - one_hot(Y, A[L].shape[0])
        else:
            # The slope of ReLU at its input Z. At its output A, the slip A >= 0 is always true. On
            # the right, dZ is still that of layer l + 1.
            dZ = W[l + 1].T @ dZ * ReLU_deriv(Z[l])
        dW = dZ @ A[l - 1].T / m + l2 * W[l]
        db = dZ.sum(axis=1, keepdims=True) / m
        grads = [dW, db, *grads]
    return grads


def update_params(params, grads, alpha):
    """Return the new params, each moved by -alpha times its gradient: W1 = W1 - alpha * dW1, ...

    The given params stay as they are; the new ones have their shapes and dtype.
    """
    return [p - alpha * g for p, g in zip(params, grads)]


def get_predictions(P):
    """Return the most probable class of each column of the probabilities P (classes, m): (m,)."""
    return P.argmax(axis=0)


def get_accuracy(predictions, Y):
    """Return the fraction of predictions (m,) that equal the labels Y (m,), a Python float.

    Raises ValueError, whose message says "shape", if their shapes differ: (m, 1) == (m,) would
    compare each with each.
    """
    if predictions.shape != Y.shape:
        raise ValueError(f"predictions {predictions.shape} and labels {Y.shape} differ in shape")
    return float((predictions == Y).mean())


# --- The training ---


# No warnings from NumPy: if numbers overflow, print_line raises an error that says the cure.
@np.errstate(over="ignore", invalid="ignore")
def gradient_descent(
    X,
    Y,
    alpha=0.1,
    iterations=500,
    *,
    layer_sizes=(784, 10, 10),
    batch_size=None,
    optimizer="gd",
    decay=False,
    l2=0.0,
    seed=0,
    params=None,
    print_every=None,
    callback=None,
):
    """Train a network on images X (n_0, m), floats from 0 to 1, and labels Y (m,).

    Returns the trained params, in the dtype of X. Everything else is options around this:

        for i in range(iterations):
            Z, A = forward_prop(params, X)
            grads = backward_prop(params, Z, A, Y)
            params = update_params(params, grads, alpha)

    alpha         step size, finite and above 0; all numbers may be NumPy's
    iterations    number of updates, 0 or more
    layer_sizes   n_0, n_1, ..., n_L: training starts at init_params(layer_sizes, seed, X.dtype)
    batch_size    images per update. An epoch takes every image once, in a new random order; its
                  last batch may be smaller. None takes all images in every update
    optimizer     "gd", "momentum", "rmsprop" or "adam": the function below that turns grads into
                  directions. rmsprop and adam want a small alpha, about 0.001
    decay         True: update i, counted from 0, takes alpha * (1 - i / iterations), not alpha
    l2            strength of l2_penalty, 0 or more
    seed          of init_params, and of the order of the images
    params        where to start instead, a list; the arrays given stay as they are
    print_every   updates between two printed lines; None takes iterations // 10, but at least 1
    callback      called as callback(iteration, params, loss, accuracy) for each printed line; it
                  may keep params, but must not write into them

    A line is printed before the first update, after every print_every updates and after the last:
    `Iteration: 50   | Loss: 1.1952 | Accuracy: 0.6551`, the number of updates padded to 4 places.
    It is about all training images and has the penalty in the loss. With batch_size, it is about
    the first 10,000 images, and ends with the epochs so far, updates over updates per epoch, as in
    ` | Epoch: 0.25`. Ctrl-C stops the training: one more line is printed, without callback, and
    the params reached are returned.

    Raises ValueError, or TypeError for an X or Y that is not a NumPy array. The message names the
    argument that does not fit, or says
    "X.T"         for images in rows
    "255"         for pixels that are not floats
    "float32"     for float16 with rmsprop or adam, whose epsilon would be 0 in it
    "label"       for no image at all, or not as many labels as images
    "alpha"       if the loss at a printed line is not finite
    and for labels what one_hot says.
    """
    check_arguments(X, Y, alpha, iterations, batch_size, optimizer, l2, print_every)
    if params is None:
        params = init_params(layer_sizes, seed, X.dtype)
    check_shapes(params, X, Y)
    params = [np.array(p, X.dtype) for p in params]
    alpha, l2, iterations = float(alpha), float(l2), int(iterations)
    if print_every is None:
        print_every = max(1, iterations // 10)
    if batch_size is not None:
        batch_size = int(batch_size)
    find_direction = OPTIMIZERS[optimizer]
    memories = [np.zeros((2, *p.shape), p.dtype) for p in params]
    mini_batches = batches(X, Y, batch_size, seed)
    done = 0
    try:
        print_line(0, params, X, Y, batch_size, l2, callback)
        for i in range(iterations):
            X_batch, Y_batch = next(mini_batches)
            alpha_i = alpha
            if decay:
                alpha_i = alpha * (1 - i / iterations)

            Z, A = forward_prop(params, X_batch)
            grads = backward_prop(params, Z, A, Y_batch, l2)
            directions = [find_direction(g, memory, i + 1) for g, memory in zip(grads, memories)]
            params = update_params(params, directions, alpha_i)

            done = i + 1
            if done % int(print_every) == 0 or done == iterations:
                print_line(done, params, X, Y, batch_size, l2, callback)
    except KeyboardInterrupt:
        say("Stopped by Ctrl-C.")
        with contextlib.suppress(KeyboardInterrupt):  # a second one must not lose params
            print_line(done, params, X, Y, batch_size, l2)
    return params


def print_line(i, params, X, Y, batch_size, l2, callback=None):
    """Print the loss and the accuracy after i updates, and hand them to callback.

    Raises ValueError, with the cure, if the loss is not finite.
    """
    X_shown, Y_shown, epochs = X, Y, ""
    if batch_size is not None:
        # The same images each time, so that one line can be compared with the next.
        X_shown, Y_shown = X[:, :10_000], Y[:10_000]
        epochs = f" | Epoch: {i / math.ceil(Y.size / batch_size):.2f}"

    loss, accuracy = evaluate(params, X_shown, Y_shown, l2)
    if not np.isfinite(loss):
        cure = "try a smaller alpha"
        if i == 0:
            cure = "X, params or l2 is far too large"
        raise ValueError(f"the loss is {loss} after {i} updates: {cure}")
    say(f"Iteration: {i:<4} | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}{epochs}")
    if callback is not None:
        callback(i, params, loss, accuracy)


def evaluate(params, X, Y, l2=0.0):
    """Return the loss, penalty included, and the accuracy on images X (n_0, m), labels Y (m,).

    Both are Python floats. Raises ValueError, whose message says "shape", if there are not as many
    labels as images.
    """
    Z, A = forward_prop(params, X)
    accuracy = get_accuracy(get_predictions(A[-1]), Y)  # first, as it checks the number of labels
    loss = cross_entropy(Z[-1], Y) + l2_penalty(params, l2)
    return float(loss), accuracy


def batches(X, Y, batch_size, seed):
    """Yield X (n_0, k), Y (k,) for one update after another, without end.

    All images each time if batch_size is None, else mini-batches, in a new order each epoch.
    """
    rng = np.random.default_rng(seed)
    while True:
        if batch_size is None:
            yield X, Y
            continue
        order = rng.permutation(Y.size)
        for start in range(0, Y.size, batch_size):
            chosen = order[start : start + batch_size]
            # Taken from the rows of X.T, because there load_data keeps each image in one piece.
            yield X.T[chosen].T, Y[chosen]


# An optimizer turns the gradient g of one array (W1, b1, ...) at update t = 1, 2, ... into the
# direction that update_params multiplies by alpha and subtracts. What it has to remember goes into
# memory: memory[0] and memory[1] are two arrays like g, zeros before the first update. With
# v = memory[0], the line v[:] = ... writes there; v = ... would be forgotten.


def plain(g, memory, t):
    """Return the gradient g as it is."""
    return g


def momentum(g, memory, t, beta=0.9):
    """Return the velocity v = beta * v + g, in which old gradients fade (Polyak 1964).

    This is the form of torch.optim.SGD, with alpha outside. With the usual beta of 0.9, v grows to
    ten times a gradient that stays the same.
    """
    v = memory[0]
    v[:] = beta * v + g
    return v


def rmsprop(g, memory, t, beta=0.99, epsilon=1e-8):
    """Return g divided by its recent size, entry by entry (Tieleman & Hinton 2012, lecture 6e).

    With v = beta * v + (1 - beta) * g * g, the direction is g / (sqrt(v) + epsilon). beta and
    epsilon are those of torch.optim.RMSprop; the lecture has beta = 0.9.
    """
    v = memory[0]
    v[:] = beta * v + (1 - beta) * g * g
    return g / (np.sqrt(v) + epsilon)


def adam(g, memory, t, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Return the running mean of g divided by its recent size (Kingma & Ba 2015, algorithm 1).

    With m = beta1 * m + (1 - beta1) * g and v = beta2 * v + (1 - beta2) * g * g, the direction is
    m_hat / (sqrt(v_hat) + epsilon), where m_hat = m / (1 - beta1**t), v_hat = v / (1 - beta2**t):
    m and v start at 0, and this makes up for it. The letters are the paper's (m is a mean here, not
    the number of images), and so are beta1, beta2 and epsilon; its alpha is 0.001.
    """
    m, v = memory
    # The paper has no 1e-30. It is too small to matter, but it keeps a fading m above 1e-38:
    # with smaller numbers, float32 is slow.
    m[:] = beta1 * m + (1 - beta1) * g + 1e-30
    v[:] = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return m_hat / (np.sqrt(v_hat) + epsilon)


OPTIMIZERS = {"gd": plain, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}


def check_arguments(X, Y, alpha, iterations, batch_size, optimizer, l2, print_every):
    """Raise a ValueError or TypeError that says the cure for what gradient_descent cannot take."""
    if not isinstance(X, np.ndarray):
        wanted = f"X must be a NumPy array, not {type(X).__name__}"
        raise TypeError(f"{wanted}: pass np.array(X), or df.to_numpy().T for images in rows")
    if not isinstance(Y, np.ndarray):
        raise TypeError(f"Y must be a NumPy array, not {type(Y).__name__}: pass np.array(Y)")
    if X.dtype.kind != "f":
        wanted = f"X must hold floats from 0 to 1, not {X.dtype}"
        raise ValueError(f"{wanted}: divide bytes by 255, take X.real of complex numbers")
    if X.dtype == np.float16 and optimizer in ("rmsprop", "adam"):
        problem = f"epsilon is 0 in float16, and {optimizer} divides by it"
        raise ValueError(f"{problem}: pass X.astype(np.float32)")
    if X.size > 0 and not (np.isfinite(X.min()) and np.isfinite(X.max())):
        raise ValueError("X holds nan or inf: its pixels must be from 0 to 1")
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha must be a number above 0, not {alpha}")
    if not 0 <= l2 < math.inf:
        raise ValueError(f"l2 must be a number, 0 or more, not {l2}")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, not {optimizer}")
    check_count("iterations", iterations, least=0)
    if batch_size is not None:
        check_count("batch_size", batch_size, least=1)
    if print_every is not None:
        check_count("print_every", print_every, least=1)


def check_count(name, value, least):
    """Raise ValueError unless value is a whole number and not below least."""
    if not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {value}")


def check_shapes(params, X, Y):
    """Raise a ValueError that says the cure if params, images X and labels Y do not fit."""
    sizes = sizes_of(params)
    one_hot(Y, sizes[-1])  # for its checks of the labels
    if X.ndim != 2 or X.shape[0] != sizes[0]:
        wanted = f"X must be ({sizes[0]}, m), one column per image, not {X.shape}"
        raise ValueError(f"{wanted}: pass X.T if images are rows")
    if X.shape[1] != Y.size or Y.size == 0:
        found = f"X has {X.shape[1]} columns and Y {Y.size} labels"
        raise ValueError(f"{found}: pass at least one image, and one label for each")


def sizes_of(params):
    """Return the layer sizes [n_0, ..., n_L] of params; ValueError if their shapes do not chain."""
    shapes = [np.shape(p) for p in params]
    mistake = f"params must be W1 (n_1, n_0), b1 (n_1, 1), W2 (n_2, n_1), ..., not {shapes}"
    if len(shapes) == 0 or any(len(shape) != 2 for shape in shapes):
        raise ValueError(mistake)
    sizes = [shapes[0][1]]
    expected = []
    for n_out, _ in shapes[0::2]:
        expected += [(n_out, sizes[-1]), (n_out, 1)]
        sizes.append(n_out)
    if shapes != expected:
        raise ValueError(mistake)
    return sizes


# --- The data ---

HERE = Path(__file__).resolve().parent
FILES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]
TITLES = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}


def load_data(data="mnist", seed=0):
    """Return X_train, Y_train, X_test, Y_test: X (784, m), float32 from 0 to 1, Y (m,), 0 to 9.

    data    "mnist" (in the repository), "fashion" (downloaded once), a folder with the four IDX
            files, a CSV file, or a list of two of them (training, test)
    seed    chooses the tenth of a single CSV file that is held out for testing

    Raises ValueError for a file that is damaged or does not fit, OSError for one that is missing
    or cannot be read.
    """
    title, where, paths = find_data(data)
    if paths[0].is_dir():
        arrays = [read_idx(paths[0], name) for name in FILES]
    elif len(paths) == 2:
        arrays = [*read_csv(paths[0]), *read_csv(paths[1])]
    else:
        images, labels = read_csv(paths[0])
        test, train = random_tenth(len(labels), seed)
        arrays = [images[train], labels[train], images[test], labels[test]]

    images_train, labels_train, images_test, labels_test = arrays
    check_images(images_train, labels_train, f"{where}, training part")
    check_images(images_test, labels_test, f"{where}, test part")

    X_train, X_test = pixels_in_columns(images_train), pixels_in_columns(images_test)
    Y_train, Y_test = labels_train.astype(np.int64), labels_test.astype(np.int64)
    say(f"Data: {title}, {Y_train.size} training and {Y_test.size} test images, from {where}")
    return X_train, Y_train, X_test, Y_test


def find_data(data):
    """Return the title of the data, where they are in words, and the paths: a folder or CSV files.

    Downloads what a folder of data/ lacks. Raises ValueError or FileNotFoundError for what is no
    choice of data.
    """
    choices = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    if len(choices) == 1 and choices[0] in TITLES:
        folder = HERE / "data" / choices[0]
        fetch(folder)
        return TITLES[choices[0]], f"data/{choices[0]}", [folder]

    paths = [Path(choice) for choice in choices]
    for path in paths:
        if not path.exists():
            known = " or ".join(TITLES)
            raise FileNotFoundError(f"--data {path}: no such file or folder; or say {known}")
    where = " and ".join(map(str, paths))
    folders = [path for path in paths if path.is_dir()]
    if not 1 <= len(paths) <= 2 or (len(paths) == 2 and folders):
        raise ValueError(f"--data takes one folder, or one or two CSV files, not {where or 'none'}")
    return "your own images", where, paths


def read_idx(folder, name):
    """Return the images (m, 28, 28) or labels (m,), uint8, of an IDX file, gzipped or not.

    Raises FileNotFoundError if it is missing, ValueError with the cure if it is damaged.
    """
    path = folder / name
    if not path.exists():
        path = folder / f"{name}.gz"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: the folder must hold {', '.join(FILES)}")

    content = path.read_bytes()
    cure = "delete it and get it anew"
    if folder.parent == HERE / "data":
        cure = "delete it, and the next run downloads it anew"
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is damaged ({error}): {cure}") from None

    # The header: 8 for bytes and the number of axes; how many items; then the shape of each.
    shape = (28, 28) if "images" in name else ()
    magic = 0x801 + len(shape)
    start = 8 + 4 * len(shape)
    # Padded, so that a file too short for a header is refused below, too.
    header = np.frombuffer(content[:start].ljust(start, b"\0"), ">u4")
    if header[0] != magic or tuple(header[2:]) != shape:
        found = f"starts with {header[0]:#x} and has items of {header[2:]}"
        raise ValueError(f"{path} {found}, not {magic:#x} and {list(shape)}: {cure}")
    if len(content) != start + int(header[1]) * math.prod(shape):
        raise ValueError(f"{path} is not as long as its header says: {cure}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(-1, *shape)


@np.errstate(invalid="ignore")  # pandas would warn of an infinite pixel before it refuses it
def read_csv(path):
    """Return the images (m, 784), uint8, and the labels (m,), integers, of a table.

    A row is a label and 784 pixels from 0 to 255. The label is the first column, or the one that a
    header calls "label". The file may be compressed. Raises ValueError if it is not like that.
    """
    import pandas as pd

    # pandas before 3 lets 256 become 0 in uint8 without a word, so there int64 is read and checked.
    dtype = np.int64 if pd.__version__ < "3" else np.uint8
    wanted = (
        f"{path} must have a label and 784 whole numbers from 0 to 255 in each row, "
        "the label first, or called label in a header"
    )
    try:
        first = pd.read_csv(path, header=None, nrows=1, dtype=str).to_numpy()[0]
        has_header = "label" in first
        # The header is skipped, as pandas would take a column without a heading for row names.
        skip = 1 if has_header else 0
        table = pd.read_csv(path, header=None, skiprows=skip, dtype=dtype).to_numpy()
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # pandas and its decompressors raise many kinds
        raise ValueError(f"{wanted}: {error}") from None

    if table.shape[1] != 785 or len(first) != 785:
        found = f"{len(first)} columns in the first row, {table.shape[1]} below"
        raise ValueError(f"{wanted}; it has {found}")
    if table.min() < 0 or table.max() > 255:
        raise ValueError(f"{wanted}; they are from {table.min()} to {table.max()}")
    column = list(first).index("label") if has_header else 0
    labels = table[:, column]
    images = np.delete(table.astype(np.uint8, order="C"), column, axis=1)
    return images, labels


def random_tenth(m, seed):
    """Return a random tenth of the numbers from 0 to m - 1, rounded up, and the others."""
    order = np.random.default_rng(seed).permutation(m)
    tenth = math.ceil(m / 10)
    return order[:tenth], order[tenth:]


def check_images(images, labels, where):
    """Raise ValueError unless there are images, each with one label from 0 to 9, in grey levels."""
    if len(images) != len(labels) or len(labels) == 0:
        found = f"{len(images)} images and {len(labels)} labels"
        raise ValueError(f"{where}: {found}; take at least one image, and one label for each")
    if labels.max() > 9:
        raise ValueError(f"{where}: labels up to {labels.max()}; they must be from 0 to 9")
    if images.max() <= 1:
        found = f"no pixel is above {images.max()}"
        raise ValueError(f"{where}: {found}; they go up to 255: multiply them by 255")


def pixels_in_columns(images):
    """Return images of bytes as X (784, m), float32 from 0 to 1, each image in one piece."""
    return (images.reshape(-1, 784) / np.float32(255)).T


MIRRORS = {
    "mnist": [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    "fashion": [
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ],
}
SHA256 = {  # of the decompressed files, because every mirror may compress them in its own way
    "mnist": [
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ],
    "fashion": [
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ],
}
LARGEST = 50_000_000  # bytes: the largest file, MNIST's training images, unpacks to 47 million


def fetch(folder):
    """Download what a folder of data/ lacks, each file from the first mirror that has it.

    Raises FileNotFoundError if no mirror has it, OSError if the file cannot be written.
    """
    for name, sha256 in zip(FILES, SHA256[folder.name]):
        if (folder / name).exists() or (folder / f"{name}.gz").exists():
            continue
        path = folder / f"{name}.gz"
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(path)
        content = download(path, MIRRORS[folder.name], sha256)
        with replacing(path) as file:
            file.write(content)


def download(path, mirrors, sha256):
    """Return the bytes of the gzipped file called path.name, from the first mirror that has it.

    Has it right, that is: unpacked, it must have this SHA-256. Raises FileNotFoundError, with what
    went wrong at each mirror, if none has.
    """
    from urllib.request import urlopen

    failures = []
    for mirror in mirrors:
        url = f"{mirror}{path.name}"
        try:
            with urlopen(url, timeout=15) as response:
                content = receive(response, url)
            with gzip.open(io.BytesIO(content)) as file:
                unpacked = file.read(LARGEST)  # and no more, whatever it may unpack to
            if hashlib.sha256(unpacked).hexdigest() != sha256:
                raise ValueError("wrong checksum")
            return content
        except Exception as error:  # refused, 404, cut off, damaged: the next mirror may do better
            failures.append(f"{url}: {error}")
    why = "; ".join(failures)
    raise FileNotFoundError(f"{path} is missing and cannot be downloaded ({why}): put it there")


def receive(response, url):
    """Return the body of a response and show the progress; ValueError if too large or slow."""
    expected = response.headers.get("Content-Length", "?")
    content = bytearray()
    start = time.monotonic()
    try:
        while chunk := response.read1(1 << 16):
            content += chunk
            print(f"\r{url}: {len(content)} of {expected} bytes", end="", file=sys.stderr)
            seconds = time.monotonic() - start
            if len(content) > LARGEST:
                raise ValueError("larger than the data set")
            if seconds > 60 and len(content) / seconds < 20_000:
                raise ValueError("slower than 20 kB a second")
    finally:
        print(file=sys.stderr)
    return content


# --- Your own digit ---


def prepare_image(path):
    """Return the picture of one digit as a column (784, 1) from 0 to 1, prepared as MNIST's were.

    Its ink is cropped, scaled into 20 x 20 pixels with its proportions kept, and centred by mass in
    28 x 28 (LeCun et al. 1998). Raises ValueError for a blank picture, for more than one digit, and
    for a file that cannot be read as a picture.
    """
    try:
        page = read_page(path)
        # The first look, at the reduced page, finds the digit. The second is closer, so that a
        # small digit on a large page keeps its details, and the shadows around it are left behind.
        for _ in range(2):
            factor = math.ceil(max(page.size) / 500)
            ink = measure_ink(np.asarray(page.reduce(factor), np.float32) / 255)
            digit = find_digit(ink > 0.3 * ink.max())
            left, top, right, bottom = factor * box_around(digit, margin=1)
            page = page.crop((left, top, min(right, page.width), min(bottom, page.height)))
    except ValueError as error:
        raise ValueError(f"--predict {path}: {error}") from None
    soft_edge = largest_around(digit, 1)  # one pixel more: a stroke is paler at its sides
    return centre_by_mass(np.where(soft_edge & (ink >= 0.2 * ink.max()), ink, 0))


def read_page(path):
    """Return the picture in Pillow's 8-bit grey, upright, with paper for what is transparent."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a huge picture, or of oddities that do not matter
            with Image.open(path) as picture:
                picture.draft("L", None)  # a JPEG is decoded in grey: a quarter of the memory
                if picture.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255
                    picture = Image.fromarray(np.uint8(np.asarray(picture) >> 8))
                if picture.has_transparency_data:
                    picture = picture.convert("RGBA").convert("LA")
                else:
                    picture = picture.convert("L")
                picture = ImageOps.exif_transpose(picture)
    except Exception as error:  # Pillow raises many kinds for what is not a picture
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"cannot be read as a picture ({reason})") from None
    if picture.mode == "LA":
        picture = lay_on_paper(picture)
    return picture


def lay_on_paper(picture):
    """Return the picture, grey with opacity, on a paper of the colour that most of it has."""
    from PIL import ImageChops

    grey, opacity = picture.split()
    solid = np.asarray(grey)[np.asarray(opacity) == opacity.getextrema()[1]]
    paper = np.median(solid)
    if np.ptp(solid) <= 76:  # one colour: all that is drawn is ink, and paper is its opposite
        paper = 255 if solid.mean() < 128 else 0
    grey.paste(int(paper), mask=ImageChops.invert(opacity))
    return grey


def measure_ink(grey):
    """Return how much each pixel of grey, from 0 to 1, differs from the paper around it.

    The paper is estimated by a closing (Serra 1982): the maximum over a square that is wider than
    a stroke wipes out dark ink, and the minimum over it brings the edges of shadows back.
    """
    bright = grey > (grey.min() + grey.max()) / 2
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    # Most of a page is paper, and so is most of its border. Where the two differ the page counts
    # more, as in a dark frame; but a bold digit that fills its picture leaves little paper in it.
    if 3 * bright.mean() + border.mean() < 2:
        grey = 1 - grey
    radius = max(grey.shape) // 3
    ink = -largest_around(-largest_around(grey, radius), radius) - grey
    # The closing follows the brightest grains of a photo, so plain paper lies a little below it.
    grain = np.median(ink[ink <= ink.max() / 2])
    if ink.max() < 0.1 + 2.5 * grain:
        raise ValueError("the picture is blank, or too pale to see a digit in")
    return np.maximum(ink - grain, 0)


def largest_around(values, radius):
    """Return for each pixel the largest value that is at most radius rows and columns away."""
    for _ in range(2):  # along the columns; then, transposed, along the rows
        values = np.pad(values, ((radius, radius), (0, 0)), "edge")
        rows = 1  # over which the maximum is taken so far; they double, which makes it fast
        while rows < 2 * radius + 1:
            step = min(rows, 2 * radius + 1 - rows)
            values = np.maximum(values[:-step], values[step:])
            rows += step
        values = values.T
    return values


def find_digit(dark):
    """Return which of the dark pixels are the digit's: its largest part, and what is close to it.

    ValueError if another part is far from it, and its longer side at least half as long.
    """
    parts = drop_frame(number_parts(dark))
    largest = parts == np.bincount(parts[parts > 0]).argmax()
    left, top, right, bottom = box_around(largest, margin=1 / 6)
    close = np.unique(parts[top:bottom, left:right])  # the bar of a 5, say
    others = np.where(np.isin(parts, close), 0, parts)
    if others.any():
        second = others == np.bincount(others[others > 0]).argmax()
        if longer_side(box_around(second)) >= longer_side(box_around(largest)) / 2:
            raise ValueError("one digit is expected, and there are two or more")
    return parts > others


def number_parts(dark):
    """Return 0 where a pixel is not dark, and elsewhere one number for each connected part.

    At first every pixel has a number of its own. Then each number that touches a larger one gives
    way to it, again and again, until nothing changes.
    """
    numbers = np.arange(1, dark.size + 1).reshape(dark.shape) * dark
    while True:
        larger = largest_around(numbers, 1) * dark
        if np.array_equal(larger, numbers):
            return numbers
        successor = np.arange(dark.size + 1)
        np.maximum.at(successor, numbers[dark], larger[dark])
        while (successor[successor] != successor).any():  # a successor has a successor, too
            successor = successor[successor]
        numbers = successor[numbers]


def drop_frame(parts):
    """Return parts without those that touch the border, as a frame, a table or a shadow does.

    A part that also reaches the middle stays, for a digit may fill its picture; and if nothing else
    is left (a 0 that is cut out has an empty middle), all stay.
    """
    height, width = parts.shape
    border = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    middle = parts[height // 3 : height - height // 3, width // 3 : width - width // 3]
    frame = np.setdiff1d(border, middle)
    inner = np.where(np.isin(parts, frame), 0, parts)
    if inner.any():
        return inner
    return parts


def box_around(mask, margin=0):
    """Return left, top, right, bottom of mask, wider by margin times its longer side."""
    rows, columns = mask.nonzero()
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    wider = box + int(margin * longer_side(box)) * np.array([-1, -1, 1, 1])
    height, width = mask.shape
    return np.clip(wider, 0, [width, height, width, height])


def longer_side(box):
    """Return the width or the height of left, top, right, bottom, whichever is more."""
    left, top, right, bottom = box
    return max(right - left, bottom - top)


def centre_by_mass(ink):
    """Return ink, scaled into 20 x 20 and its centre of mass at the pixel (14, 14), as (784, 1)."""
    from PIL import Image

    ink = Image.fromarray(ink)
    ink = ink.crop(ink.getbbox())
    scale = 20 / max(ink.size)
    width, height = max(1, round(scale * ink.width)), max(1, round(scale * ink.height))
    small = np.asarray(ink.resize((width, height), Image.Resampling.LANCZOS))
    small = np.maximum(small, 0)  # as this way of scaling goes below 0 beside an edge

    mass_of_rows, mass_of_columns = small.sum(axis=1), small.sum(axis=0)
    centre_row = np.arange(height) @ mass_of_rows / mass_of_rows.sum()
    centre_column = np.arange(width) @ mass_of_columns / mass_of_columns.sum()
    top = np.clip(round(14 - centre_row), 0, 28 - height)
    left = np.clip(round(14 - centre_column), 0, 28 - width)

    image = np.zeros((28, 28), np.float32)
    image[top : top + height, left : left + width] = small / small.max()
    return image.reshape(784, 1)


# --- Saving and loading a model ---


def save_model(path, params):
    """Write params to an .npz file, as W1, b1, W2, b2, ...

    Raises ValueError if they are no network or have overflowed, OSError if path cannot be written.
    """
    sizes_of(params)
    if not are_finite(params):
        cure = "try a smaller alpha"
        raise ValueError(f"{path} was not written, because the weights have overflowed: {cure}")
    with replacing(path) as file:
        np.savez(file, **dict(zip(param_names(len(params)), params)))


def load_model(path):
    """Return the params that save_model wrote to path.

    Raises ValueError if the file holds no model for 784 pixels and 10 classes, or numbers with
    which the network would overflow; OSError if it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = param_names(len(file.files))
            if set(names) != set(file.files):
                raise ValueError("an array is missing")
            params = [file[name] for name in names]
        sizes = sizes_of(params)
    except (MemoryError, OSError):
        raise
    except Exception:  # np.load raises many kinds for files of other formats
        raise ValueError(f"--load {path}: this is not a model that --save has written") from None

    if sizes[0] != 784 or sizes[-1] != 10:
        raise ValueError(f"--load {path}: its layers are {sizes}, not 784 pixels to 10 classes")
    if not are_finite(params):
        raise ValueError(f"--load {path}: its numbers are nan, inf, far too large or not floats")
    return params


def param_names(count):
    """Return the names of count arrays: W1, b1, W2, b2, ..."""
    names = []
    for l in range(1, count // 2 + 1):
        names += [f"W{l}", f"b{l}"]
    return names


def are_finite(params):
    """Return whether params are floats that are finite, and give finite answers in float32."""
    if any(p.dtype.kind != "f" for p in params):
        return False
    all_ink = np.ones((params[0].shape[1], 1), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        _, A = forward_prop([p.astype(np.float32) for p in params], all_ink)
    return all(np.isfinite(array).all() for array in [*params, *A])


@contextlib.contextmanager
def replacing(path):
    """Open a file to write bytes to, which replaces the one at path if nothing fails.

    If path is a link, the file it points to is replaced. Raises OSError if it cannot be written.
    """
    target, temporary = target_and_temporary(path)
    try:
        with open(temporary, "xb") as file:
            yield file
        temporary.replace(target)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):  # it is gone if nothing failed
            temporary.unlink()


def check_writable(path):
    """Raise OSError if path cannot be written: better now than after an hour of training."""
    _, temporary = target_and_temporary(path)
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def target_and_temporary(path):
    """Return the path to write, all links followed, and a temporary one in the same folder.

    Nobody can guess the temporary name, and no program on another machine has taken it. Raises
    OSError if something is at path that must not be replaced.
    """
    try:
        target = Path(os.path.realpath(path))
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(target.stat().st_mode):
                raise OSError("it is a folder or a device, not a file")
            if not os.access(target, os.W_OK):
                raise OSError("it is read-only")
    except OSError as error:
        raise cannot_write(path, error) from None
    return target, target.with_name(f".{secrets.token_hex(8)}.part")


def cannot_write(path, error):
    """Return an OSError that says in one line that path cannot be written, and why."""
    return OSError(f"{path} cannot be written ({error.strerror or error}): choose another place")


# --- Looking at the result ---


def print_results(P, X, Y, names):
    """Print the accuracy, the confusion matrix and the first image X[:, 0] with its answer.

    P are the probabilities (10, m) for the images X (784, m), Y (m,) the true classes.
    """
    predictions = get_predictions(P)
    say(f"\nTest accuracy: {get_accuracy(predictions, Y):.4f} on {Y.size} images\n")
    print_confusion(count_answers(predictions, Y), names)
    say("\nThe first test image, and the answer with its probabilities:")
    print_answer(P[:, 0], X[:, 0], Y[0], names)


def count_answers(predictions, Y):
    """Return the confusion matrix (10, 10): entry [j, k] counts the images of j answered with k."""
    return np.array([np.bincount(predictions[Y == j], minlength=10) for j in range(10)])


def print_confusion(counts, names):
    """Print a line for each true class: how often each class was the answer, and the accuracy."""
    say(" true \\ predicted" + "".join(f"{k:6}" for k in range(10)) + "   accuracy")
    for k, row in enumerate(counts):
        label = str(k)
        if names is not DIGITS:
            label = f"{names[k]} {k}"
        accuracy = "no images"
        if row.sum() > 0:
            accuracy = f"{row[k] / row.sum():.4f}"
        say(f"{label:>17}" + "".join(f"{n:6}" for n in row) + f"{accuracy:>11}")


def print_answer(p, x, y, names):
    """Draw one image x (784,) in characters, beside it the probabilities p (10,) of the classes."""
    shades = " .:-=+*#%@"
    # Two rows of pixels make one line, as a character is about twice as high as it is wide.
    lines = []
    for row in x.reshape(14, 2, 28).mean(axis=1):
        lines.append("".join(shades[round(9 * float(v))] for v in row))
    for k in range(10):
        bar = "#" * round(20 * float(p[k]))
        line = f"{names[k]:>13} {p[k]:.3f} {bar}"
        if k == p.argmax():
            line += " <- answer"
        if k == y:
            line += " <- truth"
        lines[k + 2] += line
    for line in lines:
        say(line.rstrip())


def dead_neurons(params, X):
    """Return (n_1 + ... + n_{L-1},), bool: True for each hidden neuron that is 0 for every image.

    Such a neuron gets no gradient of the cross-entropy. In the first hidden layer, plain gradient
    descent without l2 cannot bring it back; in a deeper one, a change before it can.
    """
    _, A = forward_prop(params, X)
    dead = [np.zeros(0, bool)]  # for a network without a hidden layer
    for hidden in A[1:-1]:
        dead.append(~hidden.any(axis=1))
    return np.concatenate(dead)


def warn_of_dead_neurons(params, X):
    """Print a line if half of the hidden neurons or more are dead."""
    dead = dead_neurons(params, X)
    if dead.any() and 2 * dead.sum() >= dead.size:
        found = f"{dead.sum()} of {dead.size} hidden neurons are zero for every training image"
        say(f"{found}: try a smaller --alpha, pixels from 0 to 1, or another --seed")


def plot_report(path, states, params, arrays, l2, names):
    """Draw the training, the answers, the first weights and some images into a file.

    states are pairs (iteration, params), one for each printed line; arrays are load_data's four.
    """
    from matplotlib.figure import Figure

    X_train, _, X_test, Y_test = arrays
    _, A = forward_prop(params, X_test)
    P = A[-1]
    rows = 1 if len(params[0]) <= 10 else 2
    figure = Figure(figsize=(12, 10.5 + 1.6 * rows), layout="constrained")
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(6.5, 1.6 * rows, 4))
    left, right = top.subfigures(1, 2, width_ratios=(1, 1.2))
    draw_curves(left, states, arrays, l2)
    draw_confusion(right, get_predictions(P), Y_test, names)
    draw_weights(middle, params, X_train, rows)
    draw_images(bottom, P, X_test, Y_test, names)
    with replacing(path) as file:
        figure.savefig(file, dpi=100, format=picture_format(path))


def picture_format(path):
    """Return the format that the ending of path names: png if it has none."""
    return path.suffix[1:] or "png"


def check_drawable(path):
    """Raise ValueError if matplotlib cannot draw a picture of this format here."""
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0.5, 0.5, "text")  # for some formats, text needs a program of its own
    try:
        figure.savefig(io.BytesIO(), format=picture_format(path))
    except Exception as error:  # what is missing differs from format to format
        raise ValueError(f"--plot {path} cannot be drawn ({error}): take .png") from None


def draw_curves(figure, states, arrays, l2):
    """Draw loss and accuracy over the iterations, on the training and on the test images."""
    X_train, Y_train, X_test, Y_test = arrays
    iterations = [iteration for iteration, _ in states]
    on_train = [evaluate(params, X_train, Y_train, l2) for _, params in states]
    on_test = [evaluate(params, X_test, Y_test, l2) for _, params in states]
    loss_axes, accuracy_axes = figure.subplots(2, 1, sharex=True)
    for which, axes, name in ((0, loss_axes, "loss"), (1, accuracy_axes, "accuracy")):
        train = [pair[which] for pair in on_train]
        test = [pair[which] for pair in on_test]
        axes.plot(iterations, train, "o-", color="#0072B2", label="training")
        axes.plot(iterations, test, "s--", color="#D55E00", label="test")
        axes.set_ylabel(name)
        axes.legend()
    accuracy_axes.set_xlabel("iteration")


def draw_confusion(figure, predictions, Y, names):
    """Draw the confusion matrix, a row for each true class, with its counts."""
    counts = count_answers(predictions, Y)
    # The square root, because it shows rare mistakes, too.
    shares = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for j in range(10):
        for k in range(10):
            color = "white" if shares[j, k] > 0.6 else "black"
            axes.text(k, j, counts[j, k], ha="center", va="center", color=color)
    rotation = 0 if names is DIGITS else 45
    axes.set_xticks(range(10), names, rotation=rotation)
    axes.set_yticks(range(10), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(f"test accuracy {get_accuracy(predictions, Y):.4f} on {Y.size} images")


def draw_weights(figure, params, X_train, rows):
    """Draw the weights of the first ten or twenty neurons of layer 1 as images, dead ones named."""
    figure.suptitle("What first-layer neurons look for: ink in the red, no ink in the blue")
    dead = dead_neurons(params, X_train)
    for k, axes in enumerate(figure.subplots(rows, 10).flat):
        axes.axis("off")
        if k >= len(params[0]):
            continue
        w = params[0][k]
        axes.imshow(w.reshape(28, 28), cmap="RdBu_r", vmin=-abs(w).max(), vmax=abs(w).max())
        title = str(k)
        if k < dead.size and dead[k]:
            title = f"{k} (dead)"
        axes.set_title(title, fontsize=9)


def draw_images(figure, P, X, Y, names):
    """Draw ten right answers, and below them the ten mistakes with the highest probability."""
    figure.suptitle("Right answers; below, the mistakes that the network was most sure of")
    predictions = get_predictions(P)
    correct = np.flatnonzero(predictions == Y)
    surest_first = np.argsort(-P.max(axis=0))
    mistakes = surest_first[predictions[surest_first] != Y[surest_first]]
    grid = figure.subplots(2, 10)
    for axes in grid.flat:
        axes.axis("off")
    for row, chosen in zip(grid, (correct, mistakes)):
        for axes, i in zip(row, chosen):
            axes.imshow(X[:, i].reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
            title = f"{names[predictions[i]]}\n{P[predictions[i], i]:.4f}"
            if predictions[i] != Y[i]:
                title += f"\nnot {names[Y[i]]}"
            axes.set_title(title, fontsize=9)


# --- The command line ---


def run(args):
    """Do what the command line asks for: first what can fail quickly, then what takes long."""
    check_paths(args)
    pictures = [prepare_image(path) for path in args.predict]
    names = class_names(args.data)
    if args.load:
        params = load_model(args.load)
    else:
        params = init_params((784, *args.hidden, 10), args.seed)

    told_to_train = args.iterations or args.epochs
    only_predict = args.load and args.predict and not args.plot and not args.save
    if told_to_train or not only_predict:
        params = train_and_show(args, params, names)

    for path, x in zip(args.predict, pictures):
        _, A = forward_prop(params, x)
        p = A[-1][:, 0]
        first, second, third = [f"{names[k]} ({p[k]:.3f})" for k in np.argsort(-p)[:3]]
        say(f"{path}: {first}, then {second}, {third}")


def train_and_show(args, params, names):
    """Train params as args say, print the results, save and plot; return the trained params."""
    arrays = load_data(args.data, args.seed)
    X_train, Y_train, X_test, Y_test = arrays
    states = []

    def keep_state(iteration, params, loss, accuracy):
        states.append((iteration, params))

    params = gradient_descent(
        X_train,
        Y_train,
        args.alpha,
        number_of_updates(args, Y_train.size),
        params=params,
        batch_size=args.batch_size,
        optimizer=args.optimizer,
        decay=args.decay,
        l2=args.l2,
        seed=args.seed,
        print_every=args.print_every,
        callback=keep_state if args.plot else None,
    )
    try:
        warn_of_dead_neurons(params, X_train)
        _, A = forward_prop(params, X_test)
        print_results(A[-1], X_test, Y_test, names)
    finally:  # a second Ctrl-C ends the printing, but what was trained is kept
        if args.save:
            save_model(args.save, params)
    if args.plot:
        plot_report(args.plot, states, params, arrays, args.l2, names)
    return params


def number_of_updates(args, m):
    """Return how many updates args ask for with m training images."""
    if args.epochs is not None:
        return args.epochs * math.ceil(m / (args.batch_size or m))
    if args.iterations is not None:
        return args.iterations
    return 0 if args.load else 500


DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
CLOTHES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def class_names(data):
    """Return the names of the classes: clothes for fashion or a folder called so, else digits.

    data is the list of what --data was given.
    """
    name = Path(data[0]).name.lower()
    return CLOTHES if len(data) == 1 and name in ("fashion", "fashion-mnist") else DIGITS


def check_paths(args):
    """Raise now what would otherwise be found out after the training: files that cannot be written.

    Raises ValueError for a path that is named twice, so that one file would replace the other, and
    for the name of a data file.
    """
    taken = [*args.predict, *map(Path, args.data)]
    if args.plot and args.load:
        taken.append(args.load)
    for path in (args.save, args.plot):
        if path is None:
            continue
        check_writable(path)
        if path.name.removesuffix(".gz") in FILES:
            raise ValueError(f"{path} is the name of a data file: choose another")
        if os.path.realpath(path) in map(os.path.realpath, taken):
            raise ValueError(f"{path} is named twice, and one would replace the other: rename one")
        taken.append(path)
    if args.plot:
        check_drawable(args.plot)


def say(text):
    """Print text at once, in a pipe or a log file, too; go on in silence if nothing can be written.

    A model that is still to be saved must not be lost because `| head` has ended, or because the
    disk of a log file is full.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print(f"The output cannot be written: {error.strerror}", file=sys.stderr)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def number(kind, least, text, above=False, most=math.inf):
    """Return text as a number of this kind, from least (or above it) to most; for argparse."""
    wanted = f"{least} or more"
    if above:
        wanted = f"above {least}"
    if most < math.inf:
        wanted = f"from {least} to {most}"
    if kind is int:
        wanted = f"a whole number, {wanted}"
    else:
        wanted = f"a number, {wanted}"
    try:
        value = kind(text)
    except ValueError:
        value = math.nan  # which fails every comparison
    too_small = value <= least if above else value < least
    if too_small or not value <= most or value == math.inf:
        raise argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}")
    return value


def main(argv=None):
    """Run the command line; what cannot be done ends in one line on stderr and status 2."""
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS,  # so that a mistake is answered in one line
        description="Train a neural network on handwritten digits and look at what it has learned.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""examples:
  python basic.py --hidden 128 64 --batch-size 32 --epochs 10 --optimizer adam --alpha 0.001 --decay
  python basic.py --data fashion --plot report.png --save model.npz
  python basic.py --load model.npz --predict seven.png""",
    )
    count = partial(number, int, 0)
    count_from_1 = partial(number, int, 1)
    layer_size = partial(number, int, 1, most=1_000_000)
    positive = partial(number, float, 0, above=True)
    not_negative = partial(number, float, 0)
    add = parser.add_argument
    add_start = parser.add_mutually_exclusive_group().add_argument
    add_duration = parser.add_mutually_exclusive_group().add_argument

    data_help = "mnist, fashion, a folder with four IDX files, one CSV file or two [mnist]"
    load_help = "begin with a saved model, and train it only if told how long"
    add("--data", nargs="+", default=["mnist"], help=data_help)
    add_start("--hidden", nargs="*", type=layer_size, default=[10], help="layer sizes [10]")
    add_start("--load", type=Path, help=load_help)
    add_duration("--iterations", type=count, help="number of updates [500; 0 with --load]")
    add_duration("--epochs", type=count_from_1, help="or how often to go through all images")
    add("--batch-size", type=count_from_1, help="images per update [all]")
    add("--optimizer", choices=OPTIMIZERS, default="gd", help="how to use the gradient [gd]")
    add("--alpha", type=positive, default=0.1, help="step size, above 0 [0.1]")
    add("--decay", action="store_true", help="let alpha fall linearly to 0 over the run [off]")
    add("--l2", type=not_negative, default=0.0, help="penalty on squared weights [0]")
    add("--seed", type=count, default=0, help="of all that is random [0]")
    add("--print-every", type=count_from_1, help="updates between lines [ten lines]")
    add("--plot", type=Path, help="draw a report into this file, such as report.png [off]")
    add("--save", type=Path, help="keep the trained model in this file, such as model.npz [off]")
    add("--predict", nargs="+", type=Path, default=[], help="pictures of one digit each [off]")
    args = parser.parse_args(argv)

    # A file name may hold what the terminal cannot show; that is no reason to stop.
    if sys.stdout is not None:
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        run(args)
    except (ImportError, MemoryError, OSError, ValueError) as error:
        parser.error(in_one_line(error))
    except KeyboardInterrupt:
        parser.exit(130, "Stopped by Ctrl-C.\n")


def in_one_line(error):
    """Return what went wrong and the cure, in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, ImportError):
        return f"{text}: run pip install -r requirements.txt"
    if isinstance(error, MemoryError):
        return f"not enough memory: take fewer --hidden neurons or a smaller --batch-size ({text})"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return text


if __name__ == "__main__":
    main()
