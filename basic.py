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
    The data                      MNIST, Fashion-MNIST or your own images: IDX, npz, CSV
    Your own digit                a photo or a drawing made to look like an image of MNIST
    Saving and loading a model    params in an .npz file
    Looking at the result         the confusion matrix, dead neurons, the report picture
    The command line              the options, and one-line error messages
"""

import argparse
import contextlib
import gzip
import hashlib
import io
import math
import os
import re
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

# --- The network ---


def init_params(layer_sizes=(784, 10, 10), seed=0, dtype=np.float32):
    """Return the params [W1, b1, W2, b2, ...] with which the training starts.

    W_l is (n_l, n_{l-1}): normally distributed, with mean 0 and variance 2 / n_{l-1} (He et al.
    2015). b_l is (n_l, 1): zeros. The weights are drawn from np.random.default_rng(seed) in float64
    and then cast to dtype (np.float32, float, or complex, with which the tests check gradients),
    so that every dtype starts at the same point, up to rounding.

    Raises ValueError, whose message names the argument, if layer_sizes are not two or more whole
    numbers, 1 or more each, or if dtype is neither float nor complex.
    """
    whole = all(isinstance(size, (int, np.integer)) for size in layer_sizes)
    if not whole or len(layer_sizes) < 2 or min(layer_sizes) < 1:
        raise ValueError(f"layer_sizes must be two or more whole numbers >= 1, not {layer_sizes}")
    if np.dtype(dtype).kind not in "fc":
        raise ValueError(f"dtype must be a float such as np.float32, not {np.dtype(dtype)}")

    rng = np.random.default_rng(seed)
    params = []
    for n_in, n_out in zip(layer_sizes, layer_sizes[1:]):
        # Not zeros: A1 and W2.T @ dZ2, and with them dW2 and dW1, would stay 0. Not all the
        # same, as neurons that start equal stay equal, but for rounding. And 2 / n_in, not
        # 1 / n_in, because ReLU keeps only half of the signal's mean square.
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

    Bool, because a bool that is subtracted from probabilities leaves them in their own dtype.

    Raises ValueError (in quotes: words of its message) for labels that are not (m,) ("Y.ravel()" or
    "Y.argmax"), not integers ("Y.astype(int)"), or not from 0 to the largest class ("from 0 to").
    """
    check_labels(Y, classes)
    # (classes, 1) against (m,) compares every class with every label.
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

    Raises ValueError if X is not (n_0, m). Its message says what to do: X.T for images in rows,
    X[:, [0]] for one image without its second axis, which would be broadcast to nonsense.
    """
    check_columns(X, params[0].shape[1])
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

    It takes the logits Z[-1] (classes, m) and the labels Y (m,), not the probabilities A[-1]: a
    probability that underflows to 0 has no logarithm. The logarithm of softmax itself stays finite:
    log A = S - log(sum(exp(S))) with S = logits - max, column by column.
    """
    S = logits - logits.max(axis=0)
    log_A = S - np.log(np.exp(S).sum(axis=0))
    T = one_hot(Y, logits.shape[0])
    losses = -(T * log_A).sum(axis=0)
    return losses.mean()


def l2_penalty(params, l2):
    """Return l2 / 2 times the sum of all squared weights, not biases, in the dtype of params."""
    return l2 / 2 * sum((W * W).sum() for W in params[0::2])


def backward_prop(params, Z, A, Y, l2=0.0):
    """Return grads, the derivatives of cross_entropy + l2_penalty with respect to params.

    grads is [dW1, db1, dW2, db2, ...] in the shapes and dtype of params. Z and A come from
    forward_prop, Y (m,) are the labels. By the chain rule, layer after layer from the last, dZ is
    the derivative of the sum of the images' losses; dW and db divide by m, because the loss is
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
            # The slope of ReLU at its input Z. (A > 0 says the same; A >= 0 would always be true.)
            # On the right, dZ is still that of layer l + 1.
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

    Raises ValueError ("shape") if their shapes differ: (m, 1) == (m,) compares each with each.
    """
    if predictions.shape != Y.shape:
        raise ValueError(f"predictions {predictions.shape} and labels {Y.shape} differ in shape")
    return float((predictions == Y).mean())


# --- The training ---


# No warnings from NumPy: if numbers overflow, print_line raises an error that says what to do.
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

    Returns the trained params, in the dtype of X. Numbers may be NumPy's, too. Everything else is
    options around this:

        for i in range(iterations):
            Z, A = forward_prop(params, X)
            grads = backward_prop(params, Z, A, Y)
            params = update_params(params, grads, alpha)

    alpha         learning rate, the size of a step: finite, above 0
    iterations    number of updates, 0 or more
    layer_sizes   n_0, n_1, ..., n_L: training starts at init_params(layer_sizes, seed, X.dtype)
    batch_size    images per update. An epoch takes every image once, in a new random order; its
                  last batch may be smaller. None takes all images in every update
    optimizer     "gd", "momentum", "rmsprop" or "adam": the function below that turns grads into
                  directions. rmsprop and adam want a small alpha, about 0.001
    decay         True: update i, counted from 0, takes alpha * (1 - i / iterations), not alpha
    l2            strength of l2_penalty, 0 or more
    seed          of init_params, and of the order of the images
    params        a list to start from, instead of init_params; its arrays stay as they are
    print_every   updates between two printed lines; None takes iterations // 10, but at least 1
    callback      called as callback(iteration, params, loss, accuracy) for each printed line; it
                  may keep params, but must not write into them

    A line is printed before the first update, after every print_every updates and after the last:
    `Iteration: 50   | Loss: 1.1952 | Accuracy: 0.6551`, the number of updates padded to 4 places.
    It describes all training images, and its loss includes the penalty. With batch_size, it
    describes the first 10,000 and ends with the epochs so far (updates / updates per epoch), as in
    ` | Epoch: 0.25`. A last line tells if half of the hidden neurons or more are dead. Ctrl-C stops
    the training: it says so, prints one more line, without callback, and returns the params so far.

    Warns if X goes up to 255. Raises ValueError (in quotes: words of its message) for a wrong
    argument (its name); for X or Y that forward_prop ("X.T") or one_hot would refuse; if the pixels
    are no floats ("255"); for float16 with rmsprop or adam ("float32"); if there is not one label
    for each image, or no image ("label"); if a loss to be printed is not finite ("alpha").
    """
    check_arguments(alpha, iterations, batch_size, optimizer, l2, print_every)
    X, Y = np.asarray(X), np.asarray(Y)
    check_pixels(X, optimizer)
    if params is None:
        params = init_params(layer_sizes, seed, X.dtype)
    check_shapes(params, X, Y)
    params = [np.array(p, X.dtype) for p in params]
    # NumPy's numbers become Python's, which neither change a dtype nor overflow.
    alpha, l2, iterations = float(alpha), float(l2), int(iterations)
    print_every = int(print_every or max(1, iterations // 10))
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
            if done % print_every == 0 or done == iterations:
                print_line(done, params, X, Y, batch_size, l2, callback)
        warn_of_dead_neurons(params, X)
    except KeyboardInterrupt:
        with contextlib.suppress(KeyboardInterrupt):  # a second one must not lose params
            say("Stopped by Ctrl-C.")
            print_line(done, params, X, Y, batch_size, l2)
    return params


def print_line(i, params, X, Y, batch_size, l2, callback=None):
    """Print the loss and accuracy after i updates; ValueError if the loss is not finite."""
    X_shown, Y_shown, epochs = X, Y, ""
    if batch_size is not None:
        # The same images each time, so that one line can be compared with the next.
        X_shown, Y_shown = X[:, :10_000], Y[:10_000]
        epochs = f" | Epoch: {i / math.ceil(Y.size / batch_size):.2f}"
    loss, accuracy = evaluate(params, X_shown, Y_shown, l2)
    if not np.isfinite(loss):
        todo = "try a smaller alpha" if i > 0 else "X, params or l2 is far too large"
        raise ValueError(f"the loss is {loss} after {i} updates: {todo}")
    say(f"Iteration: {i:<4} | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}{epochs}")
    if callback is not None:
        callback(i, params, loss, accuracy)


def say(text):
    """Print text at once. If nobody can read it (`| head` has ended, a disk is full), go on."""
    try:
        print(text, flush=True)
    except OSError:  # print nothing more, but go on: the params are still to be saved
        sys.stdout = None


def evaluate(params, X, Y, l2=0.0):
    """Return the loss, penalty included, and the accuracy on images X (n_0, m), labels Y (m,).

    Both are Python floats. Raises ValueError ("shape") if there are not as many labels as images.
    """
    Z, A = forward_prop(params, X)
    accuracy = get_accuracy(get_predictions(A[-1]), Y)  # first, as it checks the number of labels
    loss = cross_entropy(Z[-1], Y) + l2_penalty(params, l2)
    return float(loss), accuracy


def batches(X, Y, batch_size, seed):
    """Yield X (n_0, k), Y (k,) for each update: all, or mini-batches in a new order each epoch."""
    if batch_size is None:
        while True:
            yield X, Y
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(Y.size)
        for start in range(0, Y.size, batch_size):
            chosen = order[start : start + batch_size]
            # Rows of X.T, not columns of X: as load_data lays X out, each row is in one piece.
            yield X.T[chosen].T, Y[chosen]


# An optimizer turns the gradient g of one array (W1, b1, ...) at update t = 1, 2, ... into the
# direction that update_params multiplies by alpha and subtracts. What it has to remember goes into
# memory: memory[0] and memory[1] are two arrays like g, zeros before the first update. With
# v = memory[0], the line v[:] = ... writes there; v = ... would be forgotten.


def plain(g, memory, t):
    """Return the gradient g as it is."""
    return g


def momentum(g, memory, t, beta=0.9):
    """Return the velocity v = beta * v + g, in which old gradients fade (Polyak 1964)."""
    v = memory[0]
    v[:] = beta * v + g
    return v


def rmsprop(g, memory, t, beta=0.99, epsilon=1e-8):
    """Return g divided by its recent size, entry by entry (Tieleman & Hinton 2012, lecture 6e).

    With v = beta * v + (1 - beta) * g * g, it is g / (sqrt(v) + epsilon). beta and epsilon are
    PyTorch's; the lecture has beta = 0.9.
    """
    v = memory[0]
    v[:] = beta * v + (1 - beta) * g * g
    return g / (np.sqrt(v) + epsilon)


def adam(g, memory, t, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Return the running mean of g divided by its recent size (Kingma & Ba 2015, algorithm 1).

    With m = beta1 * m + (1 - beta1) * g + 1e-30 and v = beta2 * v + (1 - beta2) * g * g, it is
    m_hat / (sqrt(v_hat) + epsilon), where m_hat = m / (1 - beta1**t), v_hat = v / (1 - beta2**t):
    m and v start at 0, and this makes up for it. Letters and numbers are the paper's: m is a mean
    here, not the number of images. Only 1e-30 is ours: too small to matter, it keeps a fading m
    above 1e-38, below which float32 is slow.
    """
    m, v = memory
    m[:] = beta1 * m + (1 - beta1) * g + 1e-30
    v[:] = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return m_hat / (np.sqrt(v_hat) + epsilon)


OPTIMIZERS = {"gd": plain, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}


def check_arguments(alpha, iterations, batch_size, optimizer, l2, print_every):
    """Raise a ValueError that names the argument which gradient_descent cannot take."""
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha must be a finite number above 0, not {alpha}")
    if not 0 <= l2 < math.inf:
        raise ValueError(f"l2 must be a finite number, 0 or more, not {l2}")
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


def check_pixels(X, optimizer):
    """Raise a ValueError unless X holds finite floats for the optimizer; warn if they go to 255."""
    if X.dtype.kind != "f":
        raise ValueError(f"X must hold floats from 0 to 1, not {X.dtype}: pass X / 255 for bytes")
    if X.dtype == np.float16 and optimizer in ("rmsprop", "adam"):
        raise ValueError(f"epsilon is 0 in float16: pass X.astype(np.float32) to {optimizer}")
    lowest, highest = X.min(initial=0), X.max(initial=0)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError("X holds nan or inf: its pixels must be from 0 to 1")
    if lowest >= 0 and highest > 100:  # allowed, as an experiment may want it
        # Level 4 is the line that calls gradient_descent, whose np.errstate adds a level.
        warnings.warn(f"the pixels of X go up to {highest:g}, not 1: pass X / 255", stacklevel=4)


def check_shapes(params, X, Y):
    """Raise a ValueError that says what to do if params, images X and labels Y do not fit."""
    sizes = check_params(params)
    if sizes[-1] == 1:
        raise ValueError("one output neuron always has the probability 1: take 2 for two classes")
    check_labels(Y, sizes[-1])
    check_columns(X, sizes[0])
    if X.shape[1] != Y.size or Y.size == 0:
        found = f"X has {X.shape[1]} columns, Y {Y.size} labels"
        raise ValueError(f"{found}: pass images, and a label for each")


def check_labels(Y, classes):
    """Raise a ValueError that says what to do unless Y is (m,), integers from 0 to classes - 1."""
    if Y.ndim != 1:
        todo = "ravel()"
        if 1 not in Y.shape:  # probably one-hot: then each image's entries sum to 1
            todo = f"argmax(axis={0 if (Y.sum(axis=0) == 1).all() else 1})"
        raise ValueError(f"labels must be (m,), not {Y.shape}: pass Y.{todo}")
    if Y.dtype.kind not in "iu":
        wanted = "labels must be integers, as this network classifies"
        raise ValueError(f"{wanted}, not {Y.dtype}: pass Y.astype(int) if they are whole numbers")
    if (Y < 0).any() or (Y >= classes).any():
        raise ValueError(f"labels must be from 0 to {classes - 1}, not {Y.min()} to {Y.max()}")


def check_columns(X, n_0):
    """Raise a ValueError that says what to do unless X is (n_0, m), one column per image."""
    if X.ndim == 2 and X.shape[0] == n_0:
        return
    todo = "pass X.T if images are rows; layer_sizes begin with the number of pixels"
    if X.size == n_0:
        todo = "pass X.reshape(-1, 1) for one image, or X[:, [0]] where it was taken out"
    elif X.ndim > 2:
        todo = "pass X.reshape(len(X), -1).T"
    raise ValueError(f"X must be ({n_0}, m), one column per image, not {X.shape}: {todo}")


def check_params(params):
    """Return the layer sizes [n_0, ..., n_L]; ValueError if params do not fit, or hold nan."""
    shapes = [np.shape(p) for p in params]
    sizes, expected = [], []
    if shapes and all(len(shape) == 2 for shape in shapes):
        sizes = [shapes[0][1]] + [n_out for n_out, _ in shapes[0::2]]
    for n_in, n_out in zip(sizes, sizes[1:]):
        expected += [(n_out, n_in), (n_out, 1)]  # the shapes of W and b between these sizes
    if not sizes or shapes != expected:
        raise ValueError(f"params must be W1 (n_1, n_0), b1 (n_1, 1), W2, b2, ..., not {shapes}")
    if not all(np.isfinite(p).all() for p in params):
        raise ValueError("params hold nan or inf: train with a smaller alpha")
    return sizes


# --- The data ---

HERE = Path(__file__).resolve().parent if "__file__" in globals() else Path.cwd()  # in a notebook
TITLES = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}
LARGEST = 600_000_000  # bytes that are read of one file: MNIST's largest has 47 million
PARTS = {  # of a data set; (?=.*train) finds names with train anywhere in them
    "training images": "(?=.*train)(.*image|.*idx3|x_)",
    "training labels": "(?=.*train)(.*label|.*idx1|y_)",
    "test images": "(?=.*test|.*t10k)(.*image|.*idx3|x_)",
    "test labels": "(?=.*test|.*t10k)(.*label|.*idx1|y_)",
}
KINDS = {  # the first bytes of files that people try, too, but that are not read here
    b"\0\0": "a single IDX file: give the folder with all four",
    b"\x80": "a pickle",
    b"PAR1": "a Parquet file",
    b"<": "a web page",
}


def load_data(data="mnist", seed=0):
    """Return X_train, Y_train, X_test, Y_test: X (784, m), float32 from 0 to 1, Y (m,), 0 to 9.

    data    "mnist" (in the repository), "fashion" (downloaded once), a folder with four IDX files
            somewhere below it, an .npz file as Keras has it, a CSV file, or two (training, test)
    seed    chooses the tenth of a single CSV file that is held out for testing

    Raises ValueError for a damaged or unfit file, OSError for an unreadable one, saying what to do.
    """
    names = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    paths = [Path(name) for name in names]
    title, where = "your own images", " and ".join(map(str, paths))
    if len(names) == 1 and names[0] in TITLES:
        title, where, paths = TITLES[names[0]], f"data/{names[0]}", [HERE / "data" / names[0]]
        fetch(paths[0])
    arrays = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"--data {path}: no such file or folder, nor mnist or fashion")
        arrays += read_folder(path) if path.is_dir() else read_file(path)
    if len(arrays) == 2:  # one table: a tenth of its rows become the test images
        images, labels = arrays
        order = np.random.default_rng(seed).permutation(len(labels))
        test, train = np.split(order, [math.ceil(len(labels) / 10)])
        arrays = [images[train], labels[train], images[test], labels[test]]
    if len(arrays) != 4:
        wanted = "a folder of four IDX files, an .npz file as Keras has it, one or two CSV files"
        raise ValueError(f"--data takes {wanted}, not {where or 'nothing'}")
    X_train, Y_train = in_columns(*arrays[:2], f"{where}, training part")
    X_test, Y_test = in_columns(*arrays[2:], f"{where}, test part")
    say(f"Data: {title}, {Y_train.size} training and {Y_test.size} test images, from {where}")
    return X_train, Y_train, X_test, Y_test


def in_columns(images, labels, where):
    """Return images as X (784, m), each in one piece of memory, and labels as Y (m,)."""
    fits = (
        images.shape[:1] == labels.shape
        and labels.size > 0
        and images[0].size == 784
        and 0 <= images.min() <= images.max() <= 255
        and 0 <= labels.min() <= labels.max() <= 9
        and (labels % 1 == 0).all()
    )
    if not fits:
        found = []
        for name, array in (("images", images), ("labels", labels)):
            lowest, highest = (array.min(), array.max()) if array.size else (0, 0)
            found.append(f"{name} {array.shape} from {lowest:g} to {highest:g}")
        wanted = "images of 28 x 28 pixels, from 0 to 255 or to 1, and the whole numbers 0 to 9"
        also = "gradient_descent(layer_sizes=...) takes other sizes and classes"
        raise ValueError(f"{where}: {', '.join(found)}; this program reads {wanted}; {also}")
    brightest = np.float32(255 if images.max() > 1 else 1)
    X = (images.reshape(-1, 784) / brightest).astype(np.float32, copy=False).T
    return X, labels.astype(np.int64)


def read_folder(folder):
    """Return the arrays of the four IDX files somewhere below folder, in the order of PARTS."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    arrays = []
    for part, pattern in PARTS.items():
        found = [path for path in files if re.match(pattern, path.name.lower())]
        # By first bytes, so a gzipped copy counts once. If none is IDX (\0\0), read_idx says so.
        starts = {read_bytes(path, 10_000): path for path in found}
        starts = {start: path for start, path in starts.items() if start[:2] == b"\0\0"} or starts
        if len(starts) != 1:
            names = ", ".join(str(path.relative_to(folder)) for path in (found or files)[:5])
            wanted = f"one IDX file for each of {', '.join(PARTS)} (or give the CSV or .npz files)"
            raise ValueError(f"{folder}: {part}? It holds {names or 'no file'}, not {wanted}")
        arrays.append(read_idx(*starts.values()))
    return arrays


def read_file(path):
    """Return the arrays in a file: images and labels of a table, or all four of Keras' .npz."""
    content = read_bytes(path)
    if content.startswith(b"PK"):
        arrays = read_npz(path)
        named = [(pattern, name) for pattern in PARTS.values() for name in arrays]
        return [arrays[name] for pattern, name in named if re.match(pattern, name.lower())]
    kinds = [kind for start, kind in KINDS.items() if content[:100].lstrip().startswith(start)]
    if kinds or b"\0" in content[:1000]:
        known = "a folder of four IDX files, Keras' mnist.npz and CSV files are read here"
        raise ValueError(f"{path} is {(kinds or ['not a text file'])[0]}; {known}")
    return read_csv(path, content)


def read_bytes(path, most=LARGEST + 1):  # one more than allowed shows that it is too large
    """Return what a file holds, unpacked if it is gzipped; ValueError if damaged or too large."""
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if gzipped else open(path, "rb") as file:
            content = file.read(most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and get it anew") from None
    if len(content) > LARGEST:
        raise ValueError(f"{path} holds more than {LARGEST:,} bytes: too many for this program")
    return content


def read_idx(path):
    """Return the array, uint8, in an IDX file; ValueError if it is none, or damaged."""
    content = read_bytes(path)
    try:
        if content[:3] != b"\0\0\x08" or content[3] == 0:  # 8: unsigned bytes; then: how many axes
            raise ValueError  # reworded below
        shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + shape.nbytes).reshape(shape)
    except (IndexError, ValueError):
        raise ValueError(f"{path} is not an IDX file of bytes (a web page?): get it anew") from None


def read_csv(path, content):
    """Return the images (m, pixels), and the labels (m,) from the first column or a named one."""
    import pandas as pd

    first = content[:50_000].decode("utf-8-sig", "replace").partition("\n")[0]
    separator = next((mark for mark in ",;\t|" if mark in first), None)  # None: blanks
    names = [name.strip(" \r\"'#").lower() for name in first.split(separator)]
    numbered = names == [str(k) for k in range(len(names))]  # the header that pandas writes
    has_header = numbered or pd.to_numeric(pd.Series(names), errors="coerce").isna().any()
    label_columns = [k for k, name in enumerate(names) if name in ("label", "class", "target")]
    unlabelled = has_header and not label_columns and not numbered
    if unlabelled or len(names) in (784, 786):  # 784: no label; 786: an index as well
        found = f"{len(names)} columns ({', '.join(names[:3])[:60]}, ...)"
        wanted = "a label (first, or called label, class or target) and 784 pixels"
        todo = "to_csv(..., index=False) leaves out an index, data/README.md says how to label"
        raise ValueError(f"{path} has {found}, not {wanted}: {todo}")
    options = {"header": None, "skiprows": int(has_header), "dtype": np.float32}
    try:
        table = pd.read_csv(io.BytesIO(content), sep=separator or r"\s+", **options)
        table = np.ascontiguousarray(table)  # row by row, so that an image is in one piece
        if np.isnan(table).any():  # a cell is empty, or a row too short
            raise ValueError
    except ValueError:  # pandas' words for it differ
        raise ValueError(f"{path} must hold numbers only, as many in each row") from None
    column = label_columns[0] if label_columns else 0
    images, labels = np.delete(table, column, axis=1), table[:, column]
    if not has_header and labels.size > 1 and np.ptp(labels) == 0:
        todo = "if the label stands last, give the table a header that says label there"
        raise ValueError(f"{path}: the first column is {labels[0]:g} in each row: {todo}")
    return images, labels


FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
FILES += ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
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
SHA256 = {  # of the four files, unpacked, one after the other: mirrors may pack them differently
    "mnist": "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a",
    "fashion": "14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214",
}


def fetch(folder):
    """Download the files of a folder of data/ if any is missing; an OSError if that fails."""
    from urllib.request import urlopen

    if all((folder / name).exists() or (folder / f"{name}.gz").exists() for name in FILES):
        return
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in MIRRORS[folder.name]:
        print(f"Downloading {TITLES[folder.name]} from {mirror.split('/')[2]}", file=sys.stderr)
        packed, sha256 = {}, hashlib.sha256()
        try:
            for name in FILES:
                with urlopen(f"{mirror}{name}.gz", timeout=15) as response:
                    packed[name] = response.read(LARGEST)
                sha256.update(gzip.GzipFile(fileobj=io.BytesIO(packed[name])).read(LARGEST))
            if sha256.hexdigest() != SHA256[folder.name]:
                raise ValueError("wrong checksum")
        except Exception as error:  # refused, 404, cut off, damaged: the next mirror may do better
            failures.append(f"{mirror}: {error}")
            if hasattr(error, "close"):  # a 404 is an open page, of which Python 3.14 would warn
                error.close()
            continue
        for name, content in packed.items():
            with replacing(folder / f"{name}.gz") as file:
                file.write(content)
        return
    why = "".join(filter(str.isprintable, "; ".join(failures)))  # a mirror may send anything
    raise FileNotFoundError(f"{folder} cannot be downloaded ({why}): put the four files there")


# --- Your own digit ---

# The numbers in this section were tuned on pages made by a program: shadows, noise, lines, frames.


def prepare_image(path):
    """Return the picture of one digit as a column (784, 1) from 0 to 1, prepared as MNIST's were.

    Its ink is cropped, scaled into 20 x 20 pixels with its proportions kept, and centred by mass in
    28 x 28 (LeCun et al. 1998). Raises ValueError for all but a picture of one digit.
    """
    try:
        page = read_page(path)
        if min(page.size) < max(5, max(page.size) / 30):
            raise ValueError("the picture is too small or too thin for a digit")
        # Twice, as a closer look keeps the details of a small digit and leaves shadows behind.
        for _ in range(2):
            factor = math.ceil(max(page.size) / 500)
            ink = measure_ink(page.reduce(factor))
            digit = find_digit(ink)
            left, top, right, bottom = factor * box_around(digit, margin=1)
            page = page.crop((left, top, min(right, page.width), min(bottom, page.height)))
    except ValueError as error:
        raise ValueError(f"--predict {path}: {error}") from None
    return centre_by_mass(np.where(digit & (ink >= 0.2 * ink[digit].max()), ink, 0))


def read_page(path):
    """Return the picture in Pillow's 8-bit grey, upright, with paper for what is transparent."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddities in the file that do not matter
            # No PostScript, say, for which Pillow would start another program.
            with Image.open(path, formats=["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]) as picture:
                if picture.width * picture.height > 64e6:
                    raise ValueError("more than 64 megapixels would take too much memory")
                ImageOps.exif_transpose(picture, in_place=True)
                if picture.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255
                    return Image.fromarray(np.uint8(np.asarray(picture) >> 8))
                if not picture.has_transparency_data:
                    return picture.convert("L")
                picture = picture.convert("RGBA")
    except Image.UnidentifiedImageError:
        raise ValueError("cannot be read as a picture: save it as PNG or JPEG") from None
    except Exception as error:  # Pillow raises many kinds for what is damaged
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    grey, opacity = picture.convert("L"), picture.getchannel("A")
    paper = 255 if ImageStat.Stat(grey, opacity).median[0] < 128 else 0  # the opposite of the ink
    grey.paste(paper, mask=ImageChops.invert(opacity))
    return grey.crop(opacity.getbbox())


def measure_ink(page):
    """Return how much darker than its paper each pixel of a grey page is: 0 is paper, 1 black.

    The paper is estimated on a small copy, by a closing (Serra 1982): the maximum over a square
    wider than a stroke wipes out dark ink, and the minimum brings the edges of shadows back.
    """
    small = ImageOps.contain(page, (96, 96), Image.Resampling.BOX)
    if is_light_on_dark(small):
        page, small = ImageOps.invert(page), ImageOps.invert(small)
    # The minimum is over a little more, or the blurred edges of shadows would count as ink.
    for nearby in 10 * [ImageFilter.MaxFilter(5)] + 11 * [ImageFilter.MinFilter(5)]:
        small = small.filter(nearby)  # over 41 and 45 pixels, but quicker in steps
    paper = np.asarray(small.resize(page.size, Image.Resampling.BILINEAR), np.float32)
    ink = (paper - np.asarray(page)) / np.maximum(paper, 64)  # or noise in the dark would count
    haze = np.median(ink[ink <= ink.max() / 2])  # plain paper is seldom as bright as its estimate
    noise = np.median(abs(np.diff(ink, axis=0)))
    if ink.max() < 0.1 + 2.5 * haze + 6 * noise:  # no darker than uneven, grainy paper
        raise ValueError("the picture is blank, or too pale to see a digit in")
    return np.maximum(ink - haze, 0)


def is_light_on_dark(page):
    """Return whether the paper is dark on a grey page, 96 pixels on its longer side."""
    middle = sum(page.getextrema()) / 2
    step = ImageFilter.MinFilter(15)  # two of them: 29 pixels, wider than a stroke
    if page.filter(step).filter(step).getextrema()[1] > middle:
        return False  # a square so wide, all of it bright, is paper
    bright = np.asarray(page) > middle
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    return (3 * bright.mean() + border.mean()) / 4 < 0.5  # tuned on bold digits


def find_digit(ink):
    """Return which pixels are the digit's; ValueError if there are other large parts, or many."""
    dark = ink > 0.4 * ink.max()  # the strokes, without their pale sides
    parts = drop_frame(number_parts(dark), ink)
    sizes = np.bincount(parts[dark & (parts > 0)])
    left, top, right, bottom = box_around(dark & (parts == sizes.argmax()), margin=1 / 6)
    near = np.unique(parts[top:bottom, left:right])  # the bar of a 5, say
    others = np.delete(sizes, near)
    if others.max(initial=0) > sizes.max() / 4 or np.count_nonzero(sizes > 6) > 9:  # specks
        raise ValueError("one digit is expected, and there is more in the picture")
    return np.isin(parts, near[near > 0])


def number_parts(dark):
    """Return one number for each connected part of dark, widened by a pixel, and 0 elsewhere."""
    parts = Image.fromarray(np.uint8(dark)).filter(ImageFilter.MaxFilter(3)).convert("I")
    for number, (row, column) in enumerate(np.argwhere(dark).tolist(), start=2):
        if parts.getpixel((column, row)) == 1:  # dark, and without a number yet
            ImageDraw.floodfill(parts, (column, row), number)
    return np.asarray(parts)


def drop_frame(parts, ink):
    """Return parts without those that touch the border, as a frame, a table or a shadow does.

    What also reaches the middle stays, as a digit may fill its picture. If nothing is left, all is
    kept (a 0 may be empty there), unless two corners are dark or all ink is pale: ValueError.
    """
    height, width = parts.shape
    border = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    middle = parts[height // 3 : height - height // 3, width // 3 : width - width // 3]
    inner = np.where(np.isin(parts, np.setdiff1d(border, middle)), 0, parts)
    dark_corners = np.count_nonzero(parts[[0, 0, -1, -1], [0, -1, 0, -1]])
    if not inner.any() and (dark_corners > 1 or ink.max() < 0.55):
        raise ValueError("the picture is blank but for its border")
    return inner if inner.any() else parts


def box_around(mask, margin):
    """Return the box [left, top, right, bottom] of mask, wider by 2 or margin * its long side."""
    box = np.array(Image.fromarray(mask).getbbox())
    more = max(2, int(margin * max(box[2:] - box[:2])))
    return np.maximum(box + more * np.array([-1, -1, 1, 1]), 0)


def centre_by_mass(ink):
    """Return ink, scaled into 20 x 20 and its centre of mass at the pixel (14, 14), as (784, 1)."""
    ink = Image.fromarray(np.float32(ink))
    ink = ink.crop(ink.getbbox())
    width, height = [max(1, round(20 * side / max(ink.size))) for side in ink.size]
    small = np.maximum(ink.resize((width, height), Image.Resampling.LANCZOS), 0)  # it overshoots
    centre_row = np.arange(height) @ small.sum(axis=1) / small.sum()
    centre_column = np.arange(width) @ small.sum(axis=0) / small.sum()
    top = np.clip(round(14 - centre_row), 0, 28 - height)
    left = np.clip(round(14 - centre_column), 0, 28 - width)
    margins = (top, 28 - height - top), (left, 28 - width - left)
    return np.pad(small / small.max(), margins).reshape(784, 1)


# --- Saving and loading a model ---


def save_model(path, params):
    """Write params to an .npz file, as W1, b1, W2, b2, ...; ValueError if they hold nan or inf."""
    check_params(params)
    names = [f"{letter}{l}" for l in range(1, len(params) // 2 + 1) for letter in "Wb"]
    with replacing(path) as file:
        np.savez(file, **dict(zip(names, params)))


def load_model(path):
    """Return the params that save_model wrote to path; ValueError if it holds anything else."""
    params = list(read_npz(path).values())
    try:
        check_params(params)
    except ValueError as error:
        raise ValueError(f"{path} is not a model that save_model has written ({error})") from None
    return params


def read_npz(path):
    """Return the arrays of an .npz file by name; ValueError if it is none, or unpacks too large."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > max(LARGEST, 2 * os.path.getsize(path)):  # models, of any size, are uncompressed
            raise ValueError
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
        if not all(array.ndim > 0 and array.dtype.kind in "uif" for array in arrays.values()):
            raise ValueError
        return arrays
    except (MemoryError, FileNotFoundError, PermissionError):
        raise
    except Exception:  # zipfile and np.load raise many kinds
        problem = "not an .npz file of numbers, or too large unpacked; unzip other zip files"
        raise ValueError(f"{path} is {problem}") from None


@contextlib.contextmanager
def replacing(path):
    """Open a file to write bytes to, which takes the place of the one at path if nothing fails."""
    target = Path(os.path.realpath(path))  # so that a link stays a link
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        if target.exists() and not (target.is_file() and os.access(target, os.W_OK)):
            raise OSError("it is read-only, or a folder, or a device")
        with open(temporary, "wb") as file:
            yield file
        if target.exists():
            temporary.chmod(target.stat().st_mode)
        temporary.replace(target)
    except OSError as error:
        why = error.strerror or error
        raise OSError(f"{path} cannot be written ({why}): choose another place") from None
    finally:
        with contextlib.suppress(OSError):  # it is gone if nothing failed
            temporary.unlink()


# --- Looking at the result ---


def print_results(P, X, Y, names):
    """Print how good the probabilities P (10, m) are: accuracy, confusion, the first image."""
    predictions = get_predictions(P)
    say(f"\nTest accuracy: {get_accuracy(predictions, Y):.4f} on {Y.size} images\n")
    print_confusion(count_answers(predictions, Y), names)
    say("\nThe first test image, and the answer with its probabilities:")
    print_answer(P[:, 0], X[:, 0], Y[0], names)


def count_answers(predictions, Y):
    """Return the confusion matrix (10, 10): entry [j, k] counts the images of j answered with k."""
    return np.array([np.bincount(predictions[Y == j], minlength=10) for j in range(10)])


def print_confusion(counts, names):
    """Print a line for each true class: how often each class is the answer; what share is right."""
    captions = [f"{name} {k}" if name != str(k) else name for k, name in enumerate(names)]
    width = max(5, *map(len, captions))
    say("true".rjust(width) + "".join(f"{k:6}" for k in range(10)) + " right")
    for caption, row, right in zip(captions, counts, counts.diagonal()):
        share = f"{right / row.sum():6.3f}" if row.any() else "     -"
        say(caption.rjust(width) + "".join(f"{n or '.':>6}" for n in row) + share)


def print_answer(p, x, y, names):
    """Draw one image x (784,) in characters, beside it the probabilities p (10,) of the classes."""
    shades = " .:-=+*#%@"
    # Two rows of pixels make one line, as a character is about twice as high as it is wide.
    rows = x.reshape(14, 2, 28).mean(axis=1)
    lines = ["".join(shades[round(9 * float(v))] for v in row) for row in rows]
    for k in range(10):
        lines[k + 2] += f"{names[k]:>12} {p[k]:.3f} {'#' * round(10 * float(p[k]))}"
        if k == p.argmax():
            lines[k + 2] += " <- answer"
        if k == y:
            lines[k + 2] += " <- truth"
    say("\n".join(line.rstrip() for line in lines))


def dead_neurons(params, X):
    """Return for each hidden neuron, in one bool array, whether it is 0 for every image."""
    _, A = forward_prop(params, X)
    dead = [~hidden.any(axis=1) for hidden in A[1:-1]]
    return np.concatenate([np.zeros(0, bool), *dead])  # none without a hidden layer


def warn_of_dead_neurons(params, X):
    """Print a line if half of the hidden neurons or more are 0 for the first 10,000 images."""
    dead = dead_neurons(params, X[:, :10_000])
    if dead.any() and 2 * dead.sum() >= dead.size:
        say(f"{dead.sum()} of {dead.size} hidden neurons are dead (always 0): try a smaller alpha")


def plot_report(path, history, params, X, Y, names):
    """Draw the training, the mistakes, the weights and some test images X (784, m) into a file.

    history has a row for each printed line: updates, loss and accuracy, test loss and accuracy.
    """
    import matplotlib
    from matplotlib.figure import Figure

    P = forward_prop(params, X)[1][-1]
    predictions, sure = get_predictions(P), P.max(axis=0)
    answers = [f"{names[k]}\n{p:.2f}" for k, p in zip(predictions, sure)]
    correct = np.flatnonzero(predictions == Y)[:6]
    mistakes = np.flatnonzero(predictions != Y)
    mistakes = mistakes[np.argsort(-sure[mistakes])][:6]  # the most confident first
    with matplotlib.rc_context({"font.size": 13}):
        rows = 1 if len(params[0]) <= 10 else 2
        figure = Figure(figsize=(9, 12.7 + rows), layout="constrained")
        figure.suptitle(f"Test accuracy {get_accuracy(predictions, Y):.4f}", size=22)
        panels = figure.subfigures(4, 1, height_ratios=(5.6, 0.4 + rows, 2.5, 2.9))
        left, right = panels[0].subfigures(1, 2, width_ratios=(2, 3))
        draw_curves(left, history)
        draw_confusion(right, count_answers(predictions, Y), names)
        title = "What the first layer looks for: ink where it is red, none where it is blue"
        draw_images(panels[1], title, params[0], range(20), 10, "RdBu_r")
        title = "Right answers: what it says, and how sure it is"
        draw_images(panels[2], title, X.T[correct], [answers[i] for i in correct], 6, "gray_r")
        title = "Its most confident mistakes: what it says, and what it is"
        captions = [f"{answers[i]}\nis {names[Y[i]]}" for i in mistakes]
        draw_images(panels[3], title, X.T[mistakes], captions, 6, "gray_r")
        with replacing(path) as file:
            figure.savefig(file, dpi=120, format=path.suffix[1:] or "png")


def draw_curves(figure, history):
    """Draw loss and accuracy over the updates, on the training and on the test images."""
    updates, loss, accuracy, test_loss, test_accuracy = zip(*history)
    curves = [("loss", loss, test_loss), ("accuracy", accuracy, test_accuracy)]
    for axes, (title, train, test) in zip(figure.subplots(2, 1, sharex=True), curves):
        axes.plot(updates, train, "o-", color="#0072B2", label="training")
        axes.plot(updates, test, "s--", color="#D55E00", label="test")
        axes.set_title(title)
    axes.set_xlabel("update")
    axes.legend()


def draw_confusion(figure, counts, names):
    """Draw the confusion matrix: the mistakes in orange, the right answers in grey."""
    mistakes = counts - np.diag(counts.diagonal())
    axes = figure.subplots()
    axes.imshow(mistakes, cmap="Oranges", vmax=1.4 * mistakes.max() + 1)  # black stays readable
    for j, k in np.argwhere(counts):
        color = "#888888" if j == k else "black"
        axes.text(k, j, counts[j, k], ha="center", va="center", color=color, size=11)
    axes.set_xticks(range(10), names, rotation=90 if max(map(len, names)) > 1 else 0)
    axes.set_yticks(range(10), names)
    axes.set(title="What is taken for what", xlabel="says", ylabel="is")


def draw_images(figure, title, images, captions, columns, cmap):
    """Draw images of 28 x 28, or weights, with a caption above each, in one row or two."""
    figure.suptitle(title)
    grid = figure.subplots(2 if len(images) > columns else 1, columns)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, caption in zip(grid.flat, images, captions):
        highest = abs(image).max()
        lowest = -highest if image.min() < 0 else 0  # so that weights of 0 are white
        axes.imshow(image.reshape(28, 28), cmap=cmap, vmin=lowest, vmax=highest)
        axes.set_title(caption)


# --- The command line ---

DIGITS = list("0123456789")
CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"]
CLOTHES += ["Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
OTHER_NAMES = {"--lr": "--alpha", "--learning-rate": "--alpha", "--learning_rate": "--alpha"}
OTHER_NAMES |= {"--batch_size": "--batch-size", "--print_every": "--print-every"}


def main(argv=None):
    """Run the command line; what cannot be done ends in one line on stderr and status 2."""
    parser = argparse.ArgumentParser(
        prog="basic.py",
        usage=argparse.SUPPRESS,  # so that a mistake is answered in one line
        description="Train a neural network on handwritten digits and look at what it has learned.",
    )
    add = parser.add_argument
    add_start = parser.add_mutually_exclusive_group().add_argument
    add_duration = parser.add_mutually_exclusive_group().add_argument
    data_help = "mnist, fashion, a folder of IDX files, an .npz file, one CSV file or two [mnist]"
    add("--data", nargs="+", default=["mnist"], help=data_help)
    add_start("--hidden", nargs="*", type=int, default=[10], help="sizes of hidden layers [10]")
    add_start("--load", type=Path, help="begin with a saved model; train it only if told how long")
    add_duration("--iterations", type=int, help="number of updates [500; 0 with --load]")
    add_duration("--epochs", type=int, help="or how often to go through all images")
    add("--batch-size", type=int, help="images per update [all; 32 with --epochs]")
    add("--optimizer", default="gd", help="gd, momentum, rmsprop or adam [gd]")
    add("--alpha", type=float, default=0.1, help="learning rate, above 0 [0.1]")
    add("--decay", action="store_true", help="let alpha fall linearly to 0 over the run [off]")
    add("--l2", type=float, default=0.0, help="penalty on squared weights [0]")
    add("--seed", type=int, default=0, help="of all that is random [0]")
    add("--print-every", type=int, help="updates between lines [ten lines]")
    add("--plot", type=Path, help="draw a report into this file, such as report.png [off]")
    add("--save", type=Path, help="keep the trained model in this file, such as model.npz [off]")
    add("--predict", nargs="+", type=Path, default=[], help="pictures of one digit each [off]")
    words = sys.argv[1:] if argv is None else argv
    for name in {word.partition("=")[0] for word in words} & OTHER_NAMES.keys():
        parser.error(f"{name} is called {OTHER_NAMES[name]} here")
    args = parser.parse_args(words)
    if hasattr(sys.stdout, "reconfigure"):  # for file names that the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        run(args)
    except ImportError as error:
        parser.error(f"{error}: run pip install -r requirements.txt")
    except MemoryError as error:
        parser.error(f"not enough memory ({error}): close programs, or take a smaller network")
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: LaTeX is missing, say
        text = str(error)
        if isinstance(error, OSError) and error.filename is not None:
            text = f"{error.filename}: {error.strerror}"
        parser.error("".join(c if c.isprintable() else " " for c in text))  # it may quote a file
    except KeyboardInterrupt:
        parser.exit(130, "Stopped by Ctrl-C.\n")


def run(args):
    """Do what the command line asks for: first what can fail quickly, then what takes long."""
    options = check_options(args)
    check_files(args)
    if args.load:
        params = load_model(args.load)
    else:
        params = init_params((784, *args.hidden, 10), args.seed)
    if params[0].shape[1] != 784 or len(params[-1]) != 10:
        raise ValueError(f"--load {args.load}: its layers are not from 784 pixels to 10 classes")
    pictures = [prepare_image(path) for path in args.predict]
    names = class_names(args.data)
    only_predict = args.load and args.predict and not (args.plot or args.save)
    if not only_predict or args.iterations or args.epochs:
        params = train_and_show(args, options, params, names)
    for path, x in zip(args.predict, pictures):
        _, A = forward_prop(params, x)
        p = A[-1][:, 0]
        first, second, third = [f"{names[k]} ({p[k]:.3f})" for k in np.argsort(-p)[:3]]
        say(f"{path}: {first}, then {second}, {third}")


def check_options(args):
    """Return options for gradient_descent; a ValueError names the option that it would refuse."""
    names = ["alpha", "batch_size", "optimizer", "l2", "print_every"]
    options = {name: getattr(args, name) for name in names}
    try:
        check_arguments(iterations=args.iterations or 0, **options)
        check_count("seed", args.seed, least=0)
        for size in args.hidden:
            check_count("hidden", size, least=1)
        if args.epochs is not None:
            check_count("epochs", args.epochs, least=1)
            options["batch_size"] = args.batch_size or 32
    except ValueError as error:
        name, _, problem = str(error).partition(" ")  # each message begins with the argument
        raise ValueError(f"--{name.replace('_', '-')} {problem}") from None
    return options | {"decay": args.decay, "seed": args.seed}


def check_files(args):
    """Raise an error for a file that could not be written, or would replace one that is needed."""
    if args.plot:
        from matplotlib.figure import Figure

        if args.plot.suffix[1:].lower() not in ["", *Figure().canvas.get_supported_filetypes()]:
            raise ValueError(f"--plot {args.plot}: no such picture can be drawn, take .png")
    read = [*args.predict, *args.data]
    for path, others in ((args.save, read), (args.plot, [*read, args.load, args.save])):
        if path is None:
            continue
        needed = [os.path.realpath(other) for other in others if other]
        if os.path.realpath(path) in needed or "-ubyte" in path.name:
            raise ValueError(f"{path} is named twice, or is data: choose another name")
        with contextlib.suppress(EOFError), replacing(path):
            raise EOFError  # tests the place now, not after an hour; an error replaces nothing


def train_and_show(args, options, params, names):
    """Train params as args say, save them, print and plot the results; return them."""
    X_train, Y_train, X_test, Y_test = load_data(args.data, args.seed)
    iterations = args.iterations
    if args.epochs is not None:
        iterations = args.epochs * math.ceil(Y_train.size / options["batch_size"])
    elif iterations is None:
        iterations = 0 if args.load else 500
    history = []

    def remember(iteration, params, loss, accuracy):
        history.append([iteration, loss, accuracy, *evaluate(params, X_test, Y_test, args.l2)])

    options["callback"] = remember if args.plot else None
    params = gradient_descent(X_train, Y_train, iterations=iterations, params=params, **options)
    if args.save:  # before anything else can fail or be stopped
        try:
            save_model(args.save, params)
        except KeyboardInterrupt:  # while it was written
            save_model(args.save, params)
    _, A = forward_prop(params, X_test)
    print_results(A[-1], X_test, Y_test, names)
    if args.plot and history:  # it is empty if Ctrl-C was pressed before the first line
        plot_report(args.plot, history, params, X_test, Y_test, names)
    return params


def class_names(data):
    """Return the class names: clothes for fashion or paths with fashion-mnist, else digits."""
    path = Path(data[0])
    names = re.sub("[-_]", "", " ".join(map(str, [path, *path.rglob("*")])).lower())
    return CLOTHES if path.name.lower() == "fashion" or "fashionmnist" in names else DIGITS


if __name__ == "__main__":
    main()
