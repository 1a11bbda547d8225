"""Predictions by every rule against a transcription of its formula in NumPy."""
import functools
import json

import h5py
import numpy as np
import pytest
from ratings_similarity import baseline, similarity
from reference import load, read_ratings


class Levels:
    """What is known of ratings without neighbours."""

    def __init__(self, values, rated, sweeps=10, of_user=15, of_item=10):
        self.mean = values[rated].mean()
        self.low, self.high = values[rated].min(), values[rated].max()
        self.user = np.array([v[r].mean() if r.any() else self.mean
                              for v, r in zip(values, rated)])
        self.item = np.array([v[r].mean() if r.any() else self.mean
                              for v, r in zip(values.T, rated.T)])
        everywhere = values[rated].std()
        self.of_user, self.of_item = (
            np.array([v[r].std() or everywhere if r.any() else everywhere
                      for v, r in zip(values_of, rated_of)])
            for values_of, rated_of in ((values, rated), (values.T, rated.T)))
        self.b_user, self.b_item = baseline(values, rated, sweeps, of_user, of_item)[1:]

    def level(self, name, user, item):
        return {"global-mean": self.mean, "user-mean": self.user[user],
                "item-mean": self.item[item],
                "baseline": self.mean + self.b_user[user] + self.b_item[item],
                "none": np.nan}[name]


OWN = {"basic": "global-mean", "baseline": "baseline"}


def nearest(scores, rated, row, column, k, least):
    """Numbers of the k nearest rows who rated, the nearest first."""
    there = np.flatnonzero(rated[:, column])
    s = scores[row, there]
    good = (s > 0) & (s >= least) & (there != row)
    there, s = there[good], s[good]
    return there[np.lexsort((there, -s))[:k]]


def predict(rule, levels, values, rated, scores, user, item, k=50, min_neighbors=1,
            min_similarity=0, fallback="own"):
    side, _, kind = rule.partition("-")
    if rule in ("global-mean", "user-mean", "item-mean", "baseline"):
        return levels.level(rule, user, item)
    of_items = side == "item"
    if of_items:
        values, rated = values.T, rated.T
    row, column = (item, user) if of_items else (user, item)
    near = nearest(scores, rated, row, column, k, min_similarity)
    if len(near) < min_neighbors or len(near) == 0:
        own = OWN.get(kind, f"{side}-mean")
        return levels.level(own if fallback == "own" else fallback, user, item)
    s, r = scores[row, near].astype(float), values[near, column]
    mean, spread = ((levels.item, levels.of_item) if of_items
                    else (levels.user, levels.of_user))
    if kind == "basic":
        return (s * r).sum() / s.sum()
    if kind == "centered":
        return mean[row] + (s * (r - mean[near])).sum() / s.sum()
    if kind == "zscore":
        return mean[row] + spread[row] * (s * (r - mean[near]) / spread[near]).sum() / s.sum()
    b_near = ((levels.b_user[user] + levels.b_item[near]) if of_items
              else (levels.b_user[near] + levels.b_item[item]))
    return (levels.level("baseline", user, item)
            + (s * (r - levels.mean - b_near)).sum() / s.sum())


class Fold:
    def __init__(self, folder, train, test):
        self.train = train
        self.users, self.items, self.matrix = read_ratings(train, "\t", 0)
        self.values, self.rated = self.matrix.toarray(), self.matrix.toarray() > 0
        rng = np.random.default_rng(3)
        seen = np.c_[self.users[self.matrix.tocoo().row], self.items[self.matrix.tocoo().col]]
        pairs = np.r_[rng.permutation(np.loadtxt(test)[:, :2])[:1200],
                      rng.permutation(seen)[:150], [[9999, 1], [1, 9999], [9999, 9999]]]
        self.pairs = rng.permutation(pairs.astype(int))
        self.file = folder / "pairs.csv"
        np.savetxt(self.file, self.pairs, "%d", ",")
        self.rows = [(np.searchsorted(self.users, u), np.searchsorted(self.items, i))
                     if u in self.users and i in self.items else None
                     for u, i in self.pairs]

    @functools.cached_property
    def levels(self):
        return Levels(self.values, self.rated)

    def expected(self, rule, scores, clip=None, levels=None, **options):
        levels = levels or self.levels
        found = np.array([np.nan if at is None else
                          predict(rule, levels, self.values, self.rated, scores, *at, **options)
                          for at in self.rows])
        if clip == "ratings":
            clip = levels.low, levels.high
        return found if clip is None else np.clip(found, *clip)


@pytest.fixture(scope="module")
def fold(data, tmp_path_factory):
    return Fold(tmp_path_factory.mktemp("fold"), data / "ml-100k" / "u1.base",
                data / "ml-100k" / "u1.test")


def options(given):
    """{"k": 3, "clip": (1, 4)} as the command line has it."""
    line = []
    for name, value in given.items():
        text = f"{value[0]}:{value[1]}" if isinstance(value, tuple) else value
        line += ["--neighbors" if name == "k" else "--" + name.replace("_", "-"), text]
    return line


CASES = [
    ("user-basic", {"similarity": "msd"}, {}),
    ("user-basic", {}, {"k": 5, "min_neighbors": 4, "fallback": "none"}),
    ("user-centered", {"similarity": "centered-cosine"}, {"k": 30, "min_similarity": 0.05}),
    ("user-baseline", {"similarity": "pearson", "shrinkage": 25.0},
     {"k": 60, "clip": "ratings"}),
    ("user-zscore", {"similarity": "pearson-baseline", "shrinkage": 100.0},
     {"min_neighbors": 10, "fallback": "baseline"}),
    ("item-basic", {"similarity": "adjusted-cosine", "min_overlap": 3}, {"fallback": "user-mean"}),
    ("item-centered", {"similarity": "msd", "significance": 20}, {"k": 20, "clip": (1.5, 4)}),
    ("item-baseline", {"similarity": "pearson", "shrinkage": 2500.0}, {"k": 40}),
    ("item-zscore", {"similarity": "jaccard"}, {"min_similarity": 0.1}),
    ("global-mean", {}, {}), ("user-mean", {}, {}), ("item-mean", {}, {"clip": (2, 4.5)}),
    ("baseline", {}, {}),
]


@pytest.mark.parametrize("rule, compared, given", CASES,
                         ids=[f"{case[0]}-{at}" for at, case in enumerate(CASES)])
def test_rules(cfmpi, fold, tmp_path, rule, compared, given):
    measure = {"similarity": "centered-cosine", **compared}
    scores = similarity(measure.pop("similarity"), fold.matrix, rule.startswith("item"),
                        **measure).astype(np.float32)
    expected = fold.expected(rule, scores, **given)
    ranks = CASES.index((rule, compared, given)) % 3
    cfmpi("predict", fold.train, "--pairs", fold.file, "--rule", rule,
          *options({**compared, **given}), "-o", tmp_path / "p.csv", "-q", ranks=ranks)
    ours = np.genfromtxt(tmp_path / "p.csv", delimiter=",", skip_header=1)
    assert np.array_equal(ours[:, :2], fold.pairs)
    assert np.isnan(expected).sum() >= 3
    assert np.array_equal(np.isnan(ours[:, 2]), np.isnan(expected))
    assert np.nanmax(np.abs(ours[:, 2] - expected)) < 2e-6


def test_baseline_options(cfmpi, fold, tmp_path):
    levels = Levels(fold.values, fold.rated, 3, 12, 1)
    cfmpi("predict", fold.train, "--pairs", fold.file, "--rule", "baseline", "--sweeps", 3,
          "--lambda-users", 12, "--lambda-items", 1, "-o", tmp_path / "p.csv", "-q", ranks=0)
    ours = np.genfromtxt(tmp_path / "p.csv", delimiter=",", skip_header=1)[:, 2]
    expected = fold.expected("baseline", None, levels=levels)
    assert np.nanmax(np.abs(ours - expected)) < 2e-6


def test_same_for_any_rank_count(cfmpi, fold, tmp_path):
    """And what the HDF5 file and the report tell."""
    made = []
    for ranks in (0, 2, 5):
        out, report = tmp_path / f"{ranks}.h5", tmp_path / f"{ranks}.json"
        cfmpi("predict", fold.train, "--pairs", fold.file, "--rule", "user-centered", "-k", 10,
              "--similarity", "centered-cosine", "--min-neighbors", 3, "-o", out, "--report",
              report, "-q", ranks=ranks)
        made.append(load(out, "predictions/rating").tobytes())
        by = load(out, "predictions/by")
        told = json.loads(report.read_text())["predictions"]
        assert told == {"rule": "user-centered", "pairs": len(fold.pairs),
                        "unknown": sum(at is None for at in fold.rows),
                        "by_rule": (by == 1).sum(), "by_fallback": (by == 2).sum()}
        assert told["by_fallback"] > 0 and told["unknown"] + told["by_rule"] \
            + told["by_fallback"] == told["pairs"]
        with h5py.File(out, "r") as file:
            assert "user-centered" in file["predictions/rating"].attrs["description"]
    assert made[0] == made[1] == made[2]


# ---- from a result file ----

def test_neighbours_by_the_embedding(cfmpi, fold, tmp_path):
    cfmpi("svd", fold.train, "--dim", 16, "-o", tmp_path / "e.h5", "-q", ranks=0)
    users, v, sigma = load(tmp_path / "e.h5", "embedding/users", "embedding/items",
                           "embedding/singular_values")
    for rule, rows in (("user-centered", users), ("item-basic", (v * sigma).astype("f4"))):
        x = rows.astype(float)
        squares = (x * x).sum(axis=1)
        scores = (x @ x.T / np.sqrt(np.outer(squares, squares))).astype(np.float32)
        expected = fold.expected(rule, scores, k=20)
        cfmpi("predict", tmp_path / "e.h5", "--pairs", fold.file, "--rule", rule, "--space",
              "embedding", "-k", 20, "-o", tmp_path / f"{rule}.h5", "-q", ranks=3)
        ours = load(tmp_path / f"{rule}.h5", "predictions/rating")
        assert np.nanmax(np.abs(ours - expected)) < 2e-6


@pytest.mark.parametrize("form", [(), ("--center", "user"), ("--center", "both"),
                                  ("--embedding", "us-half")], ids=" ".join)
def test_ratings_of_the_embedding(cfmpi, fold, tmp_path, form):
    cfmpi("svd", fold.train, "--dim", 12, *form, "-o", tmp_path / "e.h5", "-q", ranks=0)
    x, v, sigma = load(tmp_path / "e.h5", "embedding/users", "embedding/items",
                       "embedding/singular_values")
    power = 0.5 if "us-half" in form else 0
    product = x.astype(float) * sigma ** power @ v.T.astype(float)
    levels = Levels(fold.values, fold.rated)
    if "both" in form:
        product += fold.levels.item
        left = np.where(fold.rated, fold.values - fold.levels.item, 0)
        product += (left.sum(axis=1) / fold.rated.sum(axis=1))[:, None]
    elif "user" in form:
        product += fold.levels.user[:, None]
    expected = np.array([np.nan if at is None else product[at] for at in fold.rows])
    for clip, bounds, ranks in (("none", (-np.inf, np.inf), 3), ("1:5", (1, 5), 0)):
        out = tmp_path / f"{ranks}.h5"
        cfmpi("predict", tmp_path / "e.h5", "--pairs", fold.file, "--rule", "svd", "--clip",
              clip, "-o", out, "-q", ranks=ranks)
        ours = load(out, "predictions/rating")
        assert np.array_equal(np.isnan(ours), np.isnan(expected))
        assert np.nanmax(np.abs(ours - np.clip(expected, *bounds))) < 1e-5
