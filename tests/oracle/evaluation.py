"""Splits and metrics in plain Python: one user and one list at a time, as the
programs that the definitions come from have them."""
import math
from typing import NamedTuple

import numpy as np
import ratings_similarity
import reference

MASK = (1 << 64) - 1


class Rating(NamedTuple):
    user: object
    item: object
    value: float
    time: int


# Splits (include/cfmpi/splits.h)

def mix(x):
    x = (x + 0x9e3779b97f4a7c15) & MASK
    x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & MASK
    x = ((x ^ x >> 27) * 0x94d049bb133111eb) & MASK
    return x ^ x >> 31


def key(name):
    if isinstance(name, int):
        return name & MASK
    name = name.encode()
    return reference.xxhash().XXH3_64bits(name, len(name))


def hash_of(rating, seed):
    return mix(mix(mix(seed) ^ key(rating.user)) ^ key(rating.item))


def draw(rating, seed):
    return (hash_of(rating, seed) >> 11) / 2 ** 53


def by_user(ratings):
    users = {}
    for r in ratings:
        users.setdefault(r.user, []).append(r)
    return users.values()


def first_to_go(ratings, seed, timed, count):
    """The ratings that go of each user, at most all but one."""
    gone = set()
    for own in by_user(ratings):
        order = sorted(own, key=lambda r: (-r.time if timed else 0, hash_of(r, seed), r.item))
        gone.update(order[:min(count(len(own)), len(own) - 1)])
    return gone


def test_sets(ratings, rule, seed=1, share=0.2, folds=5, leave=0, cut=None):
    """The ratings in each test set."""
    if rule == "random":
        return [{r for r in ratings if draw(r, seed) < share}]
    if rule == "kfold":
        number = {r: int(draw(r, seed) * folds) for r in ratings}
        return [{r for r in ratings if number[r] == fold} for fold in range(folds)]
    if rule == "per-user":
        return [first_to_go(ratings, seed, False, lambda n:
                            leave or math.floor(share * n + 0.5))]
    if rule == "leave-last-out":
        return [first_to_go(ratings, seed, True, lambda n: leave or 1)]
    assert rule == "temporal"
    if cut is None:
        cut = sorted(r.time for r in ratings)[int((1 - share) * len(ratings))]
    return [{r for r in ratings if r.time >= cut}]


# Metrics of one list: `items` the recommended in order, `relevant` a set

def rectools_precision(items, relevant, k):
    return len(set(items[:k]) & relevant) / k


def rectools_recall(items, relevant, k):
    return len(set(items[:k]) & relevant) / len(relevant)


def rectools_ndcg(items, relevant, k, divide_by_achievable=False):
    places = min(k, len(relevant)) if divide_by_achievable else k
    dcg = sum(1 / math.log2(rank + 1) for rank, item in enumerate(items[:k], 1)
              if item in relevant)
    return dcg / sum(1 / math.log2(rank + 1) for rank in range(1, places + 1))


def rectools_map(items, relevant, k):
    """AP of one user, divide_by_k=False."""
    found = [rank for rank, item in enumerate(items[:k], 1) if item in relevant]
    return sum(n / rank for n, rank in enumerate(found, 1)) / len(relevant)


def rectools_mrr(items, relevant, k):
    return next((1 / rank for rank, item in enumerate(items[:k], 1) if item in relevant), 0)


def rectools_hit_rate(items, relevant, k):
    return float(any(item in relevant for item in items[:k]))


def rectools_novelty(items, k, raters, users):
    """MeanInvUserFreq."""
    return np.mean([-np.log2(raters[item] / users) for item in items[:k]])


def ml_metrics_apk(items, relevant, k):
    score = hits = 0.0
    for place, item in enumerate(items[:k]):
        if item in relevant:
            hits += 1
            score += hits / (place + 1)
    return score / min(len(relevant), k)


def lenskit_precision(items, relevant, k):
    items = items[:k]
    return np.isin(items, list(relevant)).sum() / len(items) if items else np.nan


def lenskit_recall(items, relevant, k):
    return np.isin(items[:k], list(relevant)).sum() / min(len(relevant), k)


def lenskit_ndcg(items, relevant, k):
    def weight(rank):
        return np.reciprocal(np.maximum(np.log2(rank), 1))
    ranks = np.arange(1, len(items[:k]) + 1)[np.isin(items[:k], list(relevant))]
    return np.sum(weight(ranks)) / np.sum(weight(np.arange(1, min(len(relevant), k) + 1)))


def lenskit_gini(counts):
    xs = np.sort(counts)
    ranks = 2 * np.arange(1, len(xs) + 1, dtype=float) - (len(xs) + 1)
    return np.sum(xs * ranks) / (len(xs) * np.sum(xs, dtype=float))


PER_USER = {
    "precision": rectools_precision,
    "recall": rectools_recall,
    "ndcg": lambda *a: rectools_ndcg(*a, divide_by_achievable=True),
    "hit-rate": rectools_hit_rate,
    "map": ml_metrics_apk,
    "mrr": rectools_mrr,
    "precision-lenskit": lenskit_precision,
    "recall-lenskit": lenskit_recall,
    "ndcg-lenskit": lenskit_ndcg,
    "ndcg-rectools": rectools_ndcg,
    "map-rectools": rectools_map,
}


def ranking(learn, test, lists, catalogue, k, bound):
    """{metric: value} of lists {user: items}, and users with and without a
    relevant rating."""
    relevant = {}
    for r in test:
        relevant.setdefault(r.user, set()).update([r.item] if r.value >= bound else [])
    counted = {user: items for user, items in relevant.items() if items}
    found = {}
    for name, metric in PER_USER.items():
        values = [metric(lists.get(user, []), items, k) for user, items in counted.items()]
        found[name] = np.nanmean(values) if not np.isnan(values).all() else np.nan
    raters, learners = {}, {r.user for r in learn}
    for r in learn:
        raters[r.item] = raters.get(r.item, 0) + 1
    count = dict.fromkeys(catalogue, 0)
    for items in lists.values():
        for item in items[:k]:
            count[item] += 1
    found["coverage"] = np.mean([n > 0 for n in count.values()])
    found["gini"] = lenskit_gini(np.array(list(count.values())))
    found["novelty"] = np.mean([rectools_novelty(items, k, raters, len(learners))
                                for items in lists.values() if items])
    return found, len(counted), len(relevant) - len(counted)


# Errors

def baselines(learn, users, items):
    """{(user, item): the baseline's prediction}, zero biases for the unknown."""
    row, col = {u: i for i, u in enumerate(users)}, {j: i for i, j in enumerate(items)}
    values, rated = np.zeros((len(row), len(col))), np.zeros((len(row), len(col)), bool)
    for r in learn:
        values[row[r.user], col[r.item]] = r.value
        rated[row[r.user], col[r.item]] = True
    mean, of_user, of_item = ratings_similarity.baseline(values, rated)
    return lambda user, item: mean + of_user[row[user]] + of_item[col[item]]


def errors(test, predicted, fallback):
    """predicted: {(user, item): rating}, without those that have none."""
    covered = [predicted[r.user, r.item] - r.value for r in test
               if (r.user, r.item) in predicted]
    every = [predicted.get((r.user, r.item), fallback(r.user, r.item)) - r.value for r in test]
    return {"rmse": math.sqrt(np.mean(np.square(covered))), "mae": np.mean(np.abs(covered)),
            "covered": len(covered) / len(test),
            "rmse-fallback": math.sqrt(np.mean(np.square(every))),
            "mae-fallback": np.mean(np.abs(every))}
