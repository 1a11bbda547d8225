"""Scores of items for users, and the lists that follow, written plainly; sums
are in float64 in the order that the definitions give."""
import functools

import numpy as np


def sums_of_rows(matrix, rows, weights):
    """Σ w·x and Σ w over some rows, row by row; matrix: (indptr, indices,
    values, columns)."""
    indptr, indices, values, columns = matrix
    value, weight = np.zeros(columns), np.zeros(columns)
    touched = np.zeros(columns, bool)
    for row, w in zip(rows, weights):
        span = slice(indptr[row], indptr[row + 1])
        value[indices[span]] += float(w) * values[span]
        weight[indices[span]] += float(w)
        touched[indices[span]] = True
    return value, weight, touched


def baseline(csr, sweeps=10, of_user=15.0, of_item=10.0):
    """Mean, biases of users and of items; every sum goes along a row."""
    n, m = csr.shape
    user = np.repeat(np.arange(n), np.diff(csr.indptr))
    item, r = csr.indices, csr.data.astype(float)
    rows = np.bincount(user, weights=r, minlength=n)
    mean = np.cumsum(rows)[-1] / len(r)
    of_rows, of_columns = np.bincount(user, minlength=n), np.bincount(item, minlength=m)
    b_user, b_item = np.zeros(n), np.zeros(m)
    for _ in range(sweeps):
        b_item = np.bincount(item, (r - mean) - b_user[user], m) / (of_item + of_columns)
        b_user = np.bincount(user, (r - mean) - b_item[item], n) / (of_user + of_rows)
    return mean, b_user, b_item


def products(x, rows):
    """x·y of float32 rows: term i in lane i mod 16, then lanes folded."""
    terms = rows.astype(float) * x.astype(float)
    terms = np.pad(terms, ((0, 0), (0, -terms.shape[1] % 16)))
    lanes = np.zeros((len(rows), 16))
    for begin in range(0, terms.shape[1], 16):
        lanes += terms[:, begin:begin + 16]
    for half in (8, 4, 2, 1):
        lanes = lanes[:, :half] + lanes[:, half:2 * half]
    return lanes[:, 0]


class Scores:
    """Scores of all items for a user, float32, NaN where there is none."""

    def __init__(self, file, csr, baseline_weight=0.0):
        self.csr, self.weight = csr, baseline_weight
        self.read = functools.lru_cache(None)(lambda name: file[name][()])
        self.matrix = (csr.indptr, csr.indices, csr.data.astype(float), csr.shape[1])
        self.count = np.bincount(csr.indices, minlength=csr.shape[1])
        if baseline_weight:
            self.baseline = baseline(csr)

    def of_neighbours(self, user):
        index, score = (self.read(f"neighbors/users/{name}")[user] for name in ("index", "score"))
        use = (index >= 0) & (score > 0)
        return sums_of_rows(self.matrix, index[use], score[use])

    def mean(self, user):
        value, weight, _ = self.of_neighbours(user)
        known = weight > 0
        if self.weight:
            mean, b_user, b_item = self.baseline
            value = value + self.weight * ((mean + b_user[user]) + b_item)
            weight = weight + self.weight
        with np.errstate(invalid="ignore"):
            return np.where(known, value / weight, np.nan).astype("f4")

    def sum(self, user):
        value, weight, _ = self.of_neighbours(user)
        return np.where(weight > 0, value, np.nan).astype("f4")

    def item_sum(self, user):
        index, score = self.read("neighbors/items/index"), self.read("neighbors/items/score")
        if not hasattr(self, "lists"):
            good = (index >= 0) & (score > 0)
            self.lists = (np.r_[0, np.cumsum(good.sum(axis=1))], index[good],
                          score[good].astype(float), self.csr.shape[1])
        row = self.csr[user]
        value, _, touched = sums_of_rows(self.lists, row.indices, row.data)
        return np.where(touched, value, np.nan).astype("f4")

    def puresvd(self, user):
        users, items = self.read("embedding/users"), self.read("embedding/items")
        return products(users[user], items).astype("f4")

    def popularity(self, user):
        return self.count.astype("f4")


def best(score, allowed, top):
    found = np.flatnonzero(allowed & ~np.isnan(score))
    order = np.argsort(-score[found], kind="stable")[:top]
    return found[order], score[found][order]


def top_list(scores, name, user, allowed, top, fill=False):
    """Items, scores, and how many of them popularity has given."""
    allowed = allowed & (scores.count > 0)
    allowed[scores.csr[user].indices] = False
    items, score = best(getattr(scores, name.replace("-", "_"))(user), allowed, top)
    filled = 0
    if fill and len(items) < top:
        allowed[items] = False
        more, _ = best(scores.count.astype("f4"), allowed, top - len(items))
        filled = len(more)
        items, score = np.r_[items, more], np.r_[score, np.full(filled, np.nan, "f4")]
    return items, score, filled
