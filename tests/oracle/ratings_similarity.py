"""Similarities of all pairs of rows of a rating matrix, in float64, by products
of whole matrices. NaN where two rows are no neighbours."""
import numpy as np


def baseline(values, rated):
    """(mean, biases of users, biases of items), users being rows."""
    mean = values[rated].mean()
    users, items = np.zeros(values.shape[0]), np.zeros(values.shape[1])
    left = np.where(rated, values - mean, 0)
    for _ in range(10):
        items = np.where(rated, left - users[:, None], 0).sum(axis=0) / (10 + rated.sum(axis=0))
        users = np.where(rated, left - items, 0).sum(axis=1) / (15 + rated.sum(axis=1))
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
        score = np.array([np.sqrt(((values - row) ** 2).sum(axis=1)) for row in values])
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
