# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy>=2.0", "pandas>=2.2.2", "matplotlib>=3.10.7", "pillow>=10.1"]
# ///
"""A neural network for handwritten digits, from scratch: 784 pixels, 10 hidden neurons, 10 classes.

A batch of m images, one column per image, goes through it from left to right

    X -> Z1 = W1 @ X + b1 -> A1 = ReLU(Z1) -> Z2 = W2 @ A1 + b2 -> A2 = softmax(Z2) -> loss
    (784, m)  (10, m)        (10, m)          (10, m)              (10, m)             one number

and the derivatives of the loss come back from right to left. `python basic.py` trains it.
"""

import argparse
import contextlib
import gzip
import hashlib
import math
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np

# --- The network ---


def init_params(layer_sizes=(784, 10, 10), seed=0, dtype=np.float32):
    """Return the starting point [W1, b1, W2, b2, ...] for a network with these layer sizes.

    W_l is (n_l, n_{l-1}), normal with variance 2 / n_{l-1} (He et al. 2015, eq. 10), drawn in
    float64 and then cast, so that every dtype starts at the same point; b_l is (n_l, 1), zero.
    Raises ValueError for fewer than two sizes, a size below 1, or a dtype that is not floating.
    """
    if len(layer_sizes) < 2 or min(layer_sizes) < 1:
        raise ValueError(f"layer_sizes must be two or more numbers from 1, not {layer_sizes}")
    if np.dtype(dtype).kind not in "fc":
        raise ValueError(f"dtype must be floating, such as np.float32, not {np.dtype(dtype)}")
    rng = np.random.default_rng(seed)
    params = []
    for n_in, n_out in zip(layer_sizes, layer_sizes[1:]):
        # From zeros, all neurons of a layer would stay equal for ever. And as ReLU passes half of
        # what it gets, variance 2 / n_in, not 1 / n_in, keeps the signal's size through the layers.
        W = rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in)
        params += [W.astype(dtype), np.zeros((n_out, 1), dtype)]
    return params


def ReLU(Z):
    """Return max(0, Z), entry by entry."""
    return np.maximum(Z, 0)


def ReLU_deriv(Z):
    """Return the derivative of ReLU at Z, in Z's dtype: 1 where Z > 0, else 0 (by choice at 0)."""
    return (Z > 0).astype(Z.dtype)


def softmax(Z):
    """Return exp(Z) / sum(exp(Z)) for each column: probabilities, from 0 to 1, that sum to 1."""
    # exp overflows, in float32 from 89 on. Subtracting the column's maximum divides numerator and
    # denominator by the same number: nothing changes, but no exponent is above 0 any more.
    E = np.exp(Z - Z.max(axis=0))
    return E / E.sum(axis=0)


def one_hot(Y, classes=10):
    """Return the labels Y (m,) as columns: (classes, m), bool, True in row Y[i] of column i.

    Raises ValueError for labels that are not (m,), not integer, or not from 0 to classes - 1.
    """
    if Y.ndim != 1:
        raise ValueError(f"labels must be (m,), not {Y.shape}: pass Y.ravel() or Y.argmax(axis=0)")
    if Y.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, not {Y.dtype}: pass Y.astype(int)")
    T = np.arange(classes)[:, None] == Y
    if not T.any(axis=0).all():
        raise ValueError(f"labels must be from 0 to {classes - 1}, not {Y.min()} to {Y.max()}")
    return T


def forward_prop(params, X):
    """Return Z, A: what enters and what leaves the activation of every layer, for X (n_0, m).

    Z[l] and A[l] are layer l's, (n_l, m). A[0] is X, A[-1] the probabilities. For two layers:

        Z1 = W1 @ X + b1
        A1 = ReLU(Z1)
        Z2 = W2 @ A1 + b2
        A2 = softmax(Z2)
    """
    W, b = [None, *params[0::2]], [None, *params[1::2]]  # so that W[l], b[l] are layer l's
    L = len(W) - 1
    Z, A = [None], [X]
    for l in range(1, L + 1):
        Z.append(W[l] @ A[l - 1] + b[l])
        A.append(ReLU(Z[l]) if l < L else softmax(Z[l]))
    return Z, A


def cross_entropy(logits, Y):
    """Return the mean of -log(probability of the true class) over logits (classes, m), Y (m,).

    It takes the logits Z[-1], not A[-1], because a probability that has underflowed to 0 has no
    logarithm. With S = logits - max, -log(softmax(logits)) = log(sum(exp(S))) - S stays finite.
    """
    S = logits - logits.max(axis=0)
    S_y = np.where(one_hot(Y, logits.shape[0]), S, 0).sum(axis=0)
    return (np.log(np.exp(S).sum(axis=0)) - S_y).mean()


def l2_penalty(params, l2):
    """Return l2 / 2 times the sum of all squared weights; biases, too few to overfit, go free."""
    return float(l2) / 2 * sum((W * W).sum() for W in params[0::2])


def backward_prop(params, Z, A, Y, l2=0.0):
    """Return grads [dW1, db1, ...] of cross_entropy + l2_penalty, from the Z, A of forward_prop.

    dZ_l, the derivative of the sum of all images' losses with respect to Z_l, is handed from layer
    to layer by the chain rule; the 1/m of the mean comes in with dW and db. For two layers:

        dZ2 = A2 - one_hot(Y)
        dW2 = dZ2 @ A1.T / m + l2 * W2
        db2 = dZ2.sum(axis=1, keepdims=True) / m
        dZ1 = W2.T @ dZ2 * ReLU_deriv(Z1)
        dW1 = dZ1 @ X.T / m + l2 * W1
        db1 = dZ1.sum(axis=1, keepdims=True) / m
    """
    W = [None, *params[0::2]]
    L, m, grads = len(W) - 1, Y.size, []
    for l in range(L, 0, -1):
        if l == L:
            # An image's loss is log(sum(exp(Z))) - Z_y; its derivative, softmax(Z) less 1 at y.
            dZ = A[L] - one_hot(Y, A[L].shape[0])
        else:
            # At Z, not at A: ReLU's output is never below 0, so A >= 0 would let everything pass.
            dZ = W[l + 1].T @ dZ * ReLU_deriv(Z[l])
        dW = dZ @ A[l - 1].T / m + float(l2) * W[l]
        db = dZ.sum(axis=1, keepdims=True) / m
        grads = [dW, db, *grads]
    return grads


def update_params(params, grads, alpha):
    """Return the new params: W1 = W1 - alpha * dW1, and so on."""
    # Against a NumPy float64, float32 params would become float64; a Python float adapts to them.
    return [p - float(alpha) * g for p, g in zip(params, grads)]


def get_predictions(A):
    """Return the most probable class of each column of the array A (classes, m), shape (m,)."""
    return A.argmax(axis=0)


def get_accuracy(predictions, Y):
    """Return the fraction of predictions (m,) that equal Y (m,); ValueError if shapes differ."""
    if predictions.shape != Y.shape:  # (m, 1) == (m,) would compare each with each
        raise ValueError(f"predictions {predictions.shape} and labels {Y.shape} differ in shape")
    return float((predictions == Y).mean())


# --- The learning ---
#
# An optimizer turns the gradient g of W1, or b1, ... into the direction of update t = 1, 2, ...;
# alpha times that is then taken from the params. In `memory`, two arrays like g that start as
# zeros, it keeps what it needs at the next update. The defaults are those of torch.optim.


def momentum(g, memory, t, beta=0.9):
    """Return a velocity, to which every gradient adds and which decays by beta (Polyak 1964)."""
    memory[0] = beta * memory[0] + g
    return memory[0]


def rmsprop(g, memory, t, beta=0.99, epsilon=1e-8):
    """Return g in units of its recent size, entry by entry (Tieleman & Hinton 2012, lecture 6e)."""
    memory[0] = beta * memory[0] + (1 - beta) * g * g
    return g / (np.sqrt(memory[0]) + epsilon)


def adam(g, memory, t, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Return the mean of g in units of its size, m_hat / sqrt(v_hat) (Kingma & Ba 2015, alg. 1).

    m and v sum up g and g * g, older ones fading by beta at every update. Divided by the sum of the
    weights, 1 + beta + ... + beta**(t - 1) = (1 - beta**t) / (1 - beta), they are means.
    """
    m, v = memory  # views, so that what happens to them in place is remembered
    m *= beta1
    m += g + 1e-30  # next to nothing; but float32 is slow with what has faded below 1e-38
    v *= beta2
    v += g * g
    m_hat = (1 - beta1) / (1 - beta1**t) * m
    v_hat = (1 - beta2) / (1 - beta2**t) * v
    return m_hat / (np.sqrt(v_hat) + epsilon)


OPTIMIZERS = {"gd": lambda g, memory, t: g, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}


def slices(m, size=5000):
    """Yield slices that cut m images into pieces, as activations of all would fill the memory."""
    for start in range(0, m, size):
        yield slice(start, start + size)


def mean_gradient(params, X, Y, l2=0.0):
    """Return grads over all images: the mean of the grads of their pieces, weighted by size."""
    grads = [0.0] * len(params)
    for s in slices(Y.size):
        Z, A = forward_prop(params, X[:, s])
        part = backward_prop(params, Z, A, Y[s], l2)
        if Y[s].size == Y.size:  # a mini-batch is one piece
            return part
        grads = [g + Y[s].size / Y.size * d for g, d in zip(grads, part)]
    return grads


def evaluate(params, X, Y, l2=0.0):
    """Return the loss, penalty included, and the accuracy over all images: two floats."""
    loss, accuracy = float(l2_penalty(params, l2)), 0.0
    for s in slices(Y.size):
        Z, A = forward_prop(params, X[:, s])
        loss += Y[s].size / Y.size * float(cross_entropy(Z[-1], Y[s]))
        accuracy += Y[s].size / Y.size * get_accuracy(get_predictions(A[-1]), Y[s])
    return loss, accuracy


def batches(X, Y, batch_size, seed):
    """Yield X, Y for update after update: all images, or mini-batches reshuffled every epoch."""
    rng = np.random.default_rng(seed)
    while batch_size is None:
        yield X, Y
    while True:
        order = rng.permutation(Y.size)
        for start in range(0, Y.size, batch_size):
            batch = order[start : start + batch_size]
            yield X.T[batch].T, Y[batch]  # rows of X.T, because there an image lies in one piece


def dead_neurons(params, X):
    """Yield, after each piece of X, whether each hidden neuron was 0 for all images so far."""
    dead = True
    for s in slices(X.shape[1]):
        hidden = forward_prop(params, X[:, s])[1][1:-1]
        dead = dead & np.array([not row.any() for A in hidden for row in A], bool)
        yield dead


def warn_of_dead_neurons(params, X):
    """Print a line if half of the hidden neurons or more are 0 for every image: they are lost."""
    for dead in dead_neurons(params, X):
        if not dead.any() or 2 * dead.sum() < dead.size:
            return  # enough of them are alive
    lost = f"{dead.sum()} of {dead.size} hidden neurons are zero for every training image"
    print(f"{lost}: try a smaller --alpha, pixels from 0 to 1, or other first weights")


def report(i, params, X, Y, l2, epoch, callback):
    """Print the loss and the accuracy after i updates, and hand them to callback."""
    loss, accuracy = evaluate(params, X, Y, l2)
    if not np.isfinite(loss):
        raise ValueError(f"the loss is {loss} after {i} updates: try a smaller --alpha")
    print(f"Iteration: {i:<4} | Loss: {loss:.4f} | Accuracy: {accuracy:.4f}{epoch}")
    if callback is not None:
        callback(i, params, loss, accuracy)


@np.errstate(over="ignore", invalid="ignore")  # report says it in words when the loss overflows
def gradient_descent(X, Y, alpha=0.1, iterations=500, *, layer_sizes=(784, 10, 10), batch_size=None,
                     optimizer="gd", decay=False, l2=0.0, seed=0, params=None, print_every=None,
                     callback=None):  # fmt: skip
    """Train a network on images X (n_0, m) from 0 to 1, labels Y (m,); return params in X's dtype.

    alpha         step size, above 0; with decay it falls linearly to 0 over the run
    iterations    number of updates, each on all images or on the next batch_size of them
    optimizer     "gd", "momentum", "rmsprop" or "adam"
    l2            strength of the penalty on the weights, from 0
    params        where to start (stays as it is); without it, init_params(layer_sizes, seed)
    print_every   updates between two printed lines; about ten lines if None
    callback      called as callback(iteration, params, loss, accuracy) where a line is printed

    Line i is the state after i updates, on all images or on the mini-batch at hand. Ctrl-C ends the
    training early. Raises ValueError for arguments that do not fit and for a loss that overflows.
    """
    sizes = layer_sizes if params is None else check_params(params)
    check_training(X, Y, sizes, optimizer, alpha, iterations=(0, iterations), l2=(0, l2),
                   batch_size=(1, batch_size), print_every=(1, print_every))  # fmt: skip
    params = [p.astype(X.dtype) for p in params or init_params(sizes, seed, X.dtype)]
    direction, memory = OPTIMIZERS[optimizer], [np.zeros((2, *p.shape), p.dtype) for p in params]
    print_every = print_every or max(1, iterations // 10)
    done = 0
    try:
        for i, (X_i, Y_i) in zip(range(iterations + 1), batches(X, Y, batch_size, seed)):
            if i % print_every == 0 or i == iterations:
                epoch = f" | Epoch: {i / math.ceil(Y.size / batch_size):.2f}" if batch_size else ""
                report(i, params, X_i, Y_i, l2, epoch, callback)
            if i < iterations:
                grads = mean_gradient(params, X_i, Y_i, l2)
                steps = [direction(g, own, i + 1) for g, own in zip(grads, memory)]
                alpha_i = alpha * (1 - i / iterations) if decay else alpha
                params, done = update_params(params, steps, alpha_i), i + 1
    except KeyboardInterrupt:
        print(f"Stopped by Ctrl-C at iteration {done}.")
    warn_of_dead_neurons(params, X)
    return params


# This is the whole network; below are data, pictures and the command line.

# --- The checks ---


def check_params(params):
    """Return the layer sizes [n_0, ..., n_L] of params; ValueError if their shapes do not chain."""
    shapes = [p.shape for p in params]
    if shapes and all(len(shape) == 2 for shape in shapes):
        sizes = [shapes[0][1], *(shape[0] for shape in shapes[0::2])]
        if shapes == [s for n, k in zip(sizes, sizes[1:]) for s in ((k, n), (k, 1))]:
            return sizes
    raise ValueError(f"params must be W1 (n_1, n_0), b1 (n_1, 1), W2 (n_2, n_1), ..., not {shapes}")


def check_training(X, Y, sizes, optimizer, alpha, **at_least):
    """Raise a ValueError that says the cure for what gradient_descent cannot work with."""
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, not {optimizer}")
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha must be a number above 0, not {alpha}")
    for name, (low, value) in at_least.items():
        if value is not None and not low <= value < math.inf:
            raise ValueError(f"{name} must be a number from {low}, not {value}")
    if X.dtype.kind != "f":
        raise ValueError(f"X must hold floats from 0 to 1, not {X.dtype}: divide by 255")
    one_hot(Y, sizes[-1])
    if X.shape != (sizes[0], Y.size) or not Y.size:
        wanted = f"({sizes[0]}, {Y.size or 'm'}), one column per image: pass X.T if images are rows"
        raise ValueError(f"X must have the shape {wanted}; it has {X.shape}")


# --- The data ---

HERE = Path(__file__).resolve().parent
FILES = [f"{p}-{k}-ubyte" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
TITLES = {"digits": "UCI digits", "mnist": "MNIST", "fashion": "Fashion-MNIST"}
DIGITS = list("0123456789")
CLOTHES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")
MIRRORS = {
    "mnist": ["https://ossci-datasets.s3.amazonaws.com/mnist/",
              "https://storage.googleapis.com/cvdf-datasets/mnist/"],
    "fashion": ["https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]}  # fmt: skip
SHA256 = {  # of the decompressed files, because every mirror may compress them in its own way
    "mnist": ["ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
              "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
              "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
              "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"],
    "fashion": ["c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"]}  # fmt: skip


def load_data(data="auto", seed=0):
    """Return X_train, Y_train, X_test, Y_test: X (784, m), float32 from 0 to 1, Y (m,), 0 to 9.

    data   "digits" (in the repository), "mnist", "fashion" (downloaded once), "auto" (MNIST, else
           digits), a folder with the four IDX files, a CSV file, or two of them (train, test)
    seed   chooses the tenth of a single CSV file that is held out for testing

    Raises ValueError for a file that is damaged or does not fit, FileNotFoundError for none.
    """
    paths = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    title, where = TITLES.get(paths[0], "your own images"), " and ".join(map(str, paths))
    if paths == ["auto"]:
        try:
            return load_data("mnist", seed)
        except FileNotFoundError as error:
            print(f"{error}; the digits in the repository are used now.")
            return load_data("digits", seed)
    if paths[0] in TITLES and not paths[1:]:
        where, paths = f"data/{paths[0]}", [HERE / "data" / paths[0]]
        fetch(paths[0])
    paths = [Path(path) for path in paths]
    if paths[1:] and (paths[2:] or any(path.is_dir() for path in paths)):
        raise ValueError(f"--data takes one folder, or one or two CSV files, not {where}")
    if paths[0].is_dir():
        parts = [read_idx(paths[0], name) for name in FILES]
    elif len(paths) > 1:
        parts = [*read_csv(paths[0]), *read_csv(paths[1])]
    else:
        images, labels = read_csv(paths[0])
        order = np.random.default_rng(seed).permutation(len(labels))
        test, train = np.split(order, [math.ceil(len(order) / 10)])
        parts = [images[train], labels[train], images[test], labels[test]]
    for part, images, labels in (("training", *parts[:2]), ("test", *parts[2:])):
        if (top := labels.max(initial=0)) > 9 or len(images) != len(labels) or not len(labels):
            found = f"{len(images)} {part} images, {len(labels)} labels up to {top}"
            raise ValueError(f"{where} has {found}: every image takes one label, from 0 to 9")
    X_train, X_test = ((images.reshape(-1, 784) / np.float32(255)).T for images in parts[0::2])
    Y_train, Y_test = (labels.astype(np.int64) for labels in parts[1::2])
    print(f"Data: {title}, {Y_train.size} training and {Y_test.size} test images, from {where}")
    return X_train, Y_train, X_test, Y_test


def read_idx(folder, name):
    """Return the images (m, 28, 28) or labels (m,), uint8, of an IDX file, gzipped or not."""
    path = folder / name if (folder / name).exists() else folder / f"{name}.gz"
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: there must be {', '.join(FILES)}") from None
    except Exception as error:  # gzip and zlib raise many kinds for what is damaged
        raise ValueError(f"{path} cannot be unpacked ({error}): fetch it again") from None
    item = (28, 28) if "images" in name else ()  # the magic number: 8 for bytes, then the axes
    start, magic = 8 + 4 * len(item), 0x801 + len(item)
    header = np.frombuffer(content[:start].ljust(start, b"\0"), ">u4")
    if header[0] != magic or tuple(header[2:]) != item:
        found = f"starts with {header[0]:#x} and has items of {header[2:]}"
        raise ValueError(f"{path} {found}: it takes {magic:#x} and {list(item)}")
    if len(content) != start + int(header[1]) * math.prod(item):
        raise ValueError(f"{path} is not as long as its header says: fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(-1, *item)


@np.errstate(invalid="ignore")  # pandas would warn of an infinite pixel before it refuses it
def read_csv(path):
    """Return images (m, 784), uint8, and labels (m,) from a table, compressed or not."""
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"--data {path}: there is no such file or folder, see --help")
    try:
        named = "label" in pd.read_csv(path, header=None, nrows=1, dtype=str).to_numpy()
        kind = np.int32 if pd.__version__ < "3" else np.uint8  # uint8 made 256 a silent 0 before 3
        table = pd.read_csv(path, header=0 if named else None, dtype=kind)
        if len(table) and not 0 <= table.to_numpy().min() <= table.to_numpy().max() <= 255:
            raise ValueError("a number is too small or too large")
        labels = table.pop("label" if named else 0).to_numpy()
        if table.shape[1] != 784 or not isinstance(table.index, pd.RangeIndex):
            raise ValueError(f"{table.shape[1]} columns beside the label, or more than headings")
    except Exception as error:  # pandas and its decompressors raise many kinds
        takes = "a label and 784 whole numbers from 0 to 255, the label first or named in a header"
        raise ValueError(f"{path} does not have, row by row, {takes}: {error}") from None
    return np.ascontiguousarray(table, dtype=np.uint8), labels


def fetch(folder):
    """Download what a folder of data/ lacks, from the first mirror that has it."""
    failures = []
    for mirror in MIRRORS.get(folder.name, []):
        try:
            for file, sha256 in zip(FILES, SHA256[folder.name]):
                if not any((folder / name).exists() for name in (file, f"{file}.gz")):
                    download(f"{mirror}{file}.gz", folder / f"{file}.gz", sha256)
            return
        except Exception as error:  # refused, 404, cut off, wrong: the next mirror may do better
            failures.append(f"{mirror}: {error}")
    if failures:
        lack = f"{folder} lacks files and they cannot be downloaded ({'; '.join(failures)})"
        raise FileNotFoundError(f"{lack}: put a mirror's four there, or use --data digits")


def download(url, path, sha256):
    """Fetch a gzipped file; ValueError unless its content has the right SHA-256."""
    from urllib.request import urlopen

    content = bytearray()
    with urlopen(url, timeout=15) as response:
        while chunk := response.read(1 << 18):
            content += chunk
            progress = f"{len(content)} of {response.headers.get('Content-Length', '?')} bytes"
            print(f"\r{url}: {progress}", end="", file=sys.stderr)
    print(file=sys.stderr)
    if hashlib.sha256(gzip.decompress(content)).hexdigest() != sha256:
        raise ValueError("wrong checksum")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_bytes(content)


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path to write to, which replaces path only if all goes well."""
    part = path.with_name(f"{os.getpid()}-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# --- Looking at the result ---


def print_results(A, X, Y, names):
    """Print the accuracy, the confusion matrix and the first image with its answer."""
    predictions = get_predictions(A)
    print(f"\nTest accuracy: {get_accuracy(predictions, Y):.4f} on {Y.size} images\n")
    print(" true \\ predicted" + "".join(f"{k:6}" for k in range(10)) + "   accuracy")
    for k, name in enumerate(names):
        row = np.bincount(predictions[Y == k], minlength=10)
        accuracy = f"{row[k] / row.sum():.4f}" if row.sum() else "no images"
        label = name if names is DIGITS else f"{name} {k}"
        print(f"{label:>17}" + "".join(f"{n:6}" for n in row) + f"{accuracy:>11}")
    print("\nThe first test image, and the answer with its probabilities:")
    # Two rows of pixels make one line, as a character is about twice as high as it is wide.
    for k, row in enumerate(X[:, 0].reshape(14, 2, 28).mean(axis=1), start=-2):
        line = "".join(" .:-=+*#%@"[round(9 * float(v))] for v in row)
        if 0 <= k < 10:
            note = " <- answer" * int(k == predictions[0]) + " <- truth" * int(k == Y[0])
            line += f"{names[k]:>13} {A[k, 0]:.3f} {'#' * round(20 * float(A[k, 0]))}{note}"
        print(line.rstrip())


def plot_report(path, states, params, X_train, Y_train, X, Y, l2, A, names):
    """Draw the curves, the confusion matrix, the first weights, right answers and mistakes."""
    from matplotlib.figure import Figure

    rows = 1 if len(params[0]) <= 10 else 2
    figure = Figure(figsize=(12, 10.5 + 1.6 * rows), layout="constrained")
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(6.5, 1.6 * rows, 4))
    left, right = top.subfigures(1, 2, width_ratios=(1, 1.2))
    iterations, both = [i for i, _ in states], ((X_train, Y_train), (X, Y))
    train, test = ([evaluate(p, *images, l2) for _, p in states] for images in both)
    for k, axes in enumerate(left.subplots(2, 1, sharex=True)):
        axes.plot(iterations, [s[k] for s in train], "o-", color="#0072B2", label="training")
        axes.plot(iterations, [s[k] for s in test], "s--", color="#D55E00", label="test")
        axes.set(ylabel=("loss", "accuracy")[k], xlabel="iteration" * k)
        axes.legend()
    axes, predictions = right.subplots(), get_predictions(A)
    table = np.array([np.bincount(predictions[Y == k], minlength=10) for k in range(10)])
    shares = np.sqrt(table / np.maximum(table.sum(axis=1, keepdims=True), 1))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)  # the root shows rare mistakes too
    for (i, j), n in np.ndenumerate(table):
        axes.text(j, i, n, ha="center", va="center", color="kw"[int(shares[i, j] > 0.6)])
    axes.set_xticks(range(10), names, rotation=0 if names is DIGITS else 45)
    title = f"test accuracy {get_accuracy(predictions, Y):.4f} on {Y.size} images"
    axes.set(yticks=range(10), yticklabels=names, xlabel="predicted", ylabel="true", title=title)
    middle.suptitle("What first-layer neurons look for: ink in the red, no ink in the blue")
    *_, dead = dead_neurons(params, X_train)
    dead = [*dead, *[False] * 10]  # without a hidden layer, W1 has a row for each class
    for k, (w, axes) in enumerate(zip(params[0], middle.subplots(rows, 10).flat)):
        axes.imshow(w.reshape(28, 28), cmap="RdBu_r", vmin=-abs(w).max(), vmax=abs(w).max())
        axes.set_title(f"{k} (dead)" if dead[k] else k, fontsize=9)
    bottom.suptitle("Right answers; below, the mistakes that the network was most sure of")
    surest = np.argsort(-A.max(axis=0))
    mistakes = surest[predictions[surest] != Y[surest]]
    for row, chosen in zip(bottom.subplots(2, 10), (np.flatnonzero(predictions == Y), mistakes)):
        for axes, i in zip(row, chosen):
            axes.imshow(X[:, i].reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
            truth = "" if predictions[i] == Y[i] else f"\nnot {names[Y[i]]}"
            axes.set_title(f"{names[predictions[i]]}\n{A[:, i].max():.4f}{truth}", fontsize=9)
    for axes in figure.axes[3:]:
        axes.axis("off")
    with replacing(path) as part:
        figure.savefig(part, dpi=100, format=path.suffix[1:] or "png")


def load_model(path):
    """Return the params that --save wrote; ValueError if they are none, or not for 784 pixels."""
    try:
        with np.load(path, allow_pickle=False) as file:
            params = [file[f"{'Wb'[k % 2]}{k // 2 + 1}"] for k in range(len(file.files))]
        sizes = check_params(params)
        if sizes[0] != 784 or sizes[-1] != 10 or not all(np.isfinite(p).all() for p in params):
            raise ValueError(f"its layers are {sizes}, or it holds nan or inf")
    except Exception as error:  # np.load raises many kinds for what is no .npz file
        raise ValueError(f"--load {path}: no model of 784 pixels and 10 classes: {error}") from None
    return params


# --- The command line ---


def number(kind, low, text, above=False):
    """Return text as a finite number from low on, or above it; for argparse."""
    with contextlib.suppress(ValueError):
        if low <= kind(text) < math.inf and not (above and kind(text) == low):
            return kind(text)
    wanted = f"{'whole ' * (kind is int)}number {'above' if above else 'from'} {low}"
    raise argparse.ArgumentTypeError(f"must be a {wanted}, not {text!r}")


def run(args):
    """Do what the command line asks for."""
    images = [prepare_image(path) for path in args.predict]
    params = load_model(args.load) if args.load else init_params((784, *args.hidden, 10), args.seed)
    for path in filter(None, (args.plot, args.save)):  # better now than after an hour of training
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise ValueError(f"{path} cannot be written: it is a folder, or in one that is missing")
    if args.plot:  # an unknown format is refused now, too
        from matplotlib.figure import Figure

        Figure().savefig(os.devnull, format=args.plot.suffix[1:] or "png")
    names = CLOTHES if "fashion" in str(args.data).lower() else DIGITS
    length = args.iterations if args.iterations is not None else 0 if args.load else 500
    if length or args.epochs or args.plot or args.save or not images:
        data = X_train, Y_train, X_test, Y_test = load_data(args.data, args.seed)
        if args.epochs:
            length = args.epochs * math.ceil(Y_train.size / (args.batch_size or Y_train.size))
        states = []
        params = gradient_descent(
            X_train, Y_train, args.alpha, length, params=params, batch_size=args.batch_size,
            optimizer=args.optimizer, decay=args.decay, l2=args.l2, seed=args.seed,
            print_every=args.print_every,
            callback=(lambda i, p, *_: states.append((i, p))) if args.plot else None,
        )  # fmt: skip
        if args.save:
            with replacing(args.save) as part, open(part, "wb") as file:
                np.savez(file, **{f"{'Wb'[k % 2]}{k // 2 + 1}": p for k, p in enumerate(params)})
        A = np.hstack([forward_prop(params, X_test[:, s])[1][-1] for s in slices(Y_test.size)])
        print_results(A, X_test, Y_test, names)
        if args.plot:
            plot_report(args.plot, states, params, *data, args.l2, A, names)
    for path, image in zip(args.predict, images):
        p = forward_prop(params, image)[1][-1][:, 0]
        first, second, third = (f"{names[k]} ({p[k]:.3f})" for k in np.argsort(-p)[:3])
        print(f"{path}: {first}, then {second}, {third}")


def main(argv=None):
    """Run the command line; what cannot be done ends in one line on stderr and status 2."""
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS,  # so that a mistake is answered in one line
        description="Train a neural network on handwritten digits and look at what it has learned.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""examples:
  python basic.py --data digits
  python basic.py --hidden 128 64 --batch-size 32 --epochs 10 --optimizer adam --alpha 0.001 --decay
  python basic.py --data fashion --plot report.png --save model.npz""",
    )
    whole, whole_1 = partial(number, int, 0), partial(number, int, 1)
    from_0, above_0 = partial(number, float, 0), partial(number, float, 0, above=True)
    add = parser.add_argument
    start, length = (parser.add_mutually_exclusive_group().add_argument for _ in range(2))
    add("--data", nargs="+", default=["auto"], help="auto (MNIST, else digits), digits, mnist, "
        "fashion, a folder with four IDX files, or one or two CSV files [auto]")  # fmt: skip
    start("--hidden", nargs="*", type=whole_1, default=[10], help="layer sizes, from 1 [10]")
    start("--load", type=Path, help="begin with a saved model, and train it only if told how long")
    length("--iterations", type=whole, help="updates, from 0 [500; 0 with --load]")
    length("--epochs", type=whole_1, help="or how often to go through all images, from 1")
    add("--batch-size", type=whole_1, help="images per update, from 1 [all]")
    add("--optimizer", choices=OPTIMIZERS, default="gd", help="how to use the gradient [gd]")
    add("--alpha", type=above_0, default=0.1, help="step size, above 0 [0.1]")
    add("--decay", action="store_true", help="let alpha fall linearly to 0 over the run [off]")
    add("--l2", type=from_0, default=0.0, help="penalty on squared weights, from 0 [0]")
    add("--seed", type=whole, default=0, help="of all that is random, from 0 [0]")
    add("--print-every", type=whole_1, help="updates between lines, from 1 [ten lines]")
    add("--plot", type=Path, help="draw a report into this file, such as report.png [off]")
    add("--save", type=Path, help="keep the trained model in this file, such as model.npz [off]")
    add("--predict", nargs="+", type=Path, default=[], help="pictures of one digit each [off]")
    args = parser.parse_args(argv)
    try:
        run(args)
    except (OSError, ValueError, MemoryError) as error:
        parser.error(" ".join(str(error).split()))
    except KeyboardInterrupt:
        parser.exit(130, "Stopped by Ctrl-C.\n")


# --- Your own digit ---


def prepare_image(path):
    """Return the picture of one digit as a column (784, 1) from 0 to 1, prepared as MNIST's were.

    Its ink is cropped, scaled into 20 x 20 pixels with its proportions kept, and centred by mass in
    28 x 28 (LeCun et al. 1998). Raises ValueError for a blank picture and for what is none.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image = np.asarray(ImageOps.exif_transpose(image).convert("RGBA").convert("LA")) / 255
    except Exception as error:  # Pillow raises many kinds for what is no picture
        raise ValueError(f"--predict {path}: no picture that can be read: {error}") from None
    grey, alpha = image[..., 0], image[..., 1]
    # What is transparent becomes paper: the colour of most of a page; if all is ink, its opposite.
    solid = grey[alpha == alpha.max()]
    paper = np.median(solid) if np.ptp(solid) > 0.3 else solid.mean() < 0.5
    grey = alpha * grey + (1 - alpha) * paper
    ink = abs(grey - np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    if ink.max() < 0.1:
        raise ValueError(f"--predict {path}: the picture is blank, or too pale to see a digit in")
    ink = Image.fromarray(np.float32(np.where(ink < 0.2 * ink.max(), 0, ink)))  # no noise or shadow
    ink = ink.crop(ink.getbbox())
    width, height = (max(1, round(20 * n / max(ink.size))) for n in ink.size)
    small = np.clip(ink.resize((width, height), Image.Resampling.LANCZOS), 0, None)
    corner = [round(14 - np.arange(n.size) @ n / n.sum()) for n in (small.sum(1), small.sum(0))]
    row, column = np.clip(corner, 0, (28 - height, 28 - width))
    X = np.zeros((28, 28), np.float32)
    X[row : row + height, column : column + width] = small / small.max()
    return X.reshape(784, 1)


if __name__ == "__main__":
    main()
