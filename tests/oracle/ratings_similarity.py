"""Similarities of all pairs of rows of a rating matrix, in float64, by products
of whole matrices. NaN where two rows are no neighbours."""
import numpy as np


def baseline(values, rated, sweeps=10, of_user=15, of_item=10):
    """(mean, biases of users, biases of items), users being rows."""
    mean = values[rated].mean()
    users, items = np.zeros(values.shape[0]), np.zeros(values.shape[1])
    left = np.where(rated, values - mean, 0)
    for _ in range(sweeps):
        items = (np.where(rated, left - users[:, None], 0).sum(axis=0)
                 / (of_item + rated.sum(axis=0)))
        users = np.where(rated, left - items, 0).sum(axis=1) / (of_user + rated.sum(axis=1))
    return mean, users, items


def means(values, rated, axis):
    count = np.maximum(rated.sum(axis=axis, keepdims=True), 1)
    return np.where(rated, values, 0).sum(axis=axis, keepdims=True) / count


def over(a, b):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(b > 0, a / b, 0)


def cosine(x, shrinkage, alpha=0.5):
    squares = (x * x).sum(axis=1)
    if alpha != 0.5:
        return over(x @ x.T, np.outer(squares ** alpha, squares ** (1 - alpha)) + shrinkage)
    return over(x @ x.T, np.sqrt(np.outer(squares, squares)) + shrinkage)


def pearson(x, rated, common, shrinkage):
    ones = rated.astype(float)
    xy, first, squares = x @ x.T, x @ ones.T, (x * x) @ ones.T
    variation = common * squares - first ** 2
    variation[variation < 1e-9 * common * squares] = 0
    return (over(common * xy - first * first.T, np.sqrt(variation * variation.T))
            * over(common - 1, common - 1 + shrinkage))


def walks(values, rated, alpha, beta):
    """Items of an item x user matrix: from item to user, from user to item."""
    count = rated.sum(axis=1)
    to_user = over(rated.astype(float), count[:, None]) ** alpha
    to_item = over(values, np.where(rated, values, 0).sum(axis=0)) ** alpha
    return (to_user * rated) @ (to_item * rated).T / np.maximum(count, 1) ** beta


def similarity(name, users, of_items, min_overlap=1, shrinkage=0.0, alpha=0.5, beta=0.5,
               significance=0):
    """users: a SciPy matrix; returns [rows, rows], distances as they are."""
    values = users.toarray()
    rated = np.zeros(values.shape, bool)
    entries = users.tocoo()
    rated[entries.row, entries.col] = True
    if name == "pearson-baseline":
        mean, of_user, of_item = baseline(values, rated)
        values = np.where(rated, values - mean - of_user[:, None] - of_item, 0)
    if name == "adjusted-cosine":
        values = np.where(rated, values - means(values, rated, 1), 0)
    if of_items:
        values, rated = values.T.copy(), rated.T.copy()
    ones = rated.astype(float)
    common, count = ones @ ones.T, ones.sum(axis=1)
    only = count[:, None] - common
    if name in ("cosine", "adjusted-cosine"):
        score = cosine(values, shrinkage)
    elif name == "dot":
        score = values @ values.T
    elif name == "euclidean":
        # Sums of products of multiples of a power of two, which nothing is lost of.
        squares = (values * values).sum(axis=1)
        score = np.sqrt(np.maximum(squares[:, None] + squares - 2 * values @ values.T, 0))
        return np.where(common >= (min_overlap if min_overlap > 1 else 0), score, np.nan)
    elif name == "centered-cosine":
        score = cosine(np.where(rated, values - means(values, rated, 1), 0), shrinkage)
    elif name == "asymmetric-cosine":
        score = cosine(values, shrinkage, alpha)
    elif name == "pearson":
        score = pearson(values, rated, common, shrinkage)
    elif name == "pearson-baseline":
        squares = (values * values) @ ones.T
        score = over(values @ values.T, np.sqrt(squares * squares.T)) * over(
            common - 1, common - 1 + shrinkage)
    elif name == "msd":
        squares = (values * values) @ ones.T
        score = 1 / (1 + over(squares + squares.T - 2 * values @ values.T, common))
    elif name == "jaccard":
        score = over(common, common + only + only.T)
    elif name == "dice":
        score = over(2 * common, 2 * common + only + only.T)
    elif name == "tversky":
        score = over(common, common + alpha * only + beta * only.T)
    elif name in ("p3alpha", "rp3beta"):
        score = walks(values, rated, alpha, beta if name == "rp3beta" else 0)
    else:
        raise ValueError(name)
    if significance:
        score = score * np.minimum(common, significance) / significance
    return np.where(common >= min_overlap, score, np.nan)


def dense(matrix):
    """(values, rated) of a SciPy matrix whose stored zeros are ratings."""
    rated = np.zeros(matrix.shape, bool)
    entries = matrix.tocoo()
    rated[entries.row, entries.col] = True
    return matrix.toarray(), rated


def residuals(name, base, asked, of_items):
    """Values of both that are left; columns are users where rows are items."""
    (x, there), (q, asks) = base, asked
    known = x.shape[1]
    if name == "centered-cosine" or (name == "adjusted-cosine" and not of_items):
        return (np.where(there, x - means(x, there, 1), 0),
                np.where(asks, q - means(q, asks, 1), 0))
    if name == "adjusted-cosine":
        mean, other = means(x, there, 0), means(q, asks, 0)
        other[:, :known] = mean
        return np.where(there, x - mean, 0), np.where(asks, q - other, 0)
    if name == "pearson-baseline":
        mean, of_user, of_item = (baseline(x.T, there.T) if of_items else baseline(x, there))
        rows, columns = (of_item, of_user) if of_items else (of_user, of_item)
        columns = np.pad(columns, (0, q.shape[1] - known))
        left = np.where(asks, q - mean - columns, 0)
        bias = left.sum(axis=1) / ((10 if of_items else 15) + asks.sum(axis=1))
        return (np.where(there, x - mean - rows[:, None] - columns[:known], 0),
                np.where(asks, left - bias[:, None], 0))
    return x, q


def between(name, base, asked, of_items, min_overlap=1, shrinkage=0.0, alpha=0.5, beta=0.5,
            significance=0):
    """[rows of asked, rows of base]: what base rows are to others, which may have
    more columns behind those of the base."""
    (x, there), (q, asks) = dense(base), dense(asked)
    x, q = residuals(name, (x, there), (q, asks), of_items)
    known = x.shape[1]
    lengths = ((q * q).sum(axis=1)[:, None], (x * x).sum(axis=1)[None, :])
    counts = (asks.sum(axis=1)[:, None], there.sum(axis=1)[None, :])
    q, asks = q[:, :known], asks[:, :known]
    one, two = asks.astype(float), there.astype(float)
    common, xy = one @ two.T, q @ x.T
    first, second = q @ two.T, one @ x.T
    squares, others = (q * q) @ two.T, one @ (x * x).T
    if name == "euclidean":
        score = np.sqrt(np.maximum(lengths[0] + lengths[1] - 2 * xy, 0))
        return np.where(common >= (min_overlap if min_overlap > 1 else 0), score, np.nan)
    shrunk = over(common - 1, common - 1 + shrinkage)
    if name in ("cosine", "adjusted-cosine", "centered-cosine"):
        score = over(xy, np.sqrt(lengths[0] * lengths[1]) + shrinkage)
    elif name == "dot":
        score = xy
    elif name == "asymmetric-cosine":
        score = over(xy, lengths[0] ** alpha * lengths[1] ** (1 - alpha) + shrinkage)
    elif name == "pearson":
        of_q, of_x = common * squares - first ** 2, common * others - second ** 2
        of_q[of_q < 1e-9 * common * squares] = 0
        of_x[of_x < 1e-9 * common * others] = 0
        score = over(common * xy - first * second, np.sqrt(of_q * of_x)) * shrunk
    elif name == "pearson-baseline":
        score = over(xy, np.sqrt(squares * others)) * shrunk
    elif name == "msd":
        score = 1 / (1 + over(squares + others - 2 * xy, common))
    elif name in ("jaccard", "dice", "tversky"):
        a, b = {"jaccard": (1, 1), "dice": (0.5, 0.5), "tversky": (alpha, beta)}[name]
        score = over(common, common + a * (counts[0] - common) + b * (counts[1] - common))
    else:
        share = over(x, x.sum(axis=0)) ** alpha
        score = (over(1, counts[0]) ** alpha * (one @ np.where(there, share, 0).T)
                 / np.maximum(counts[1], 1) ** (beta if name == "rp3beta" else 0))
    if significance:
        score = score * np.minimum(common, significance) / significance
    return np.where(common >= min_overlap, score, np.nan)
