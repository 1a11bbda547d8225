"""What is behind a prediction or a score: shares and sums, against the value
that `predict` and `recommend` store."""
import csv
import json

import h5py
import numpy as np
import pytest
from conftest import together
from reference import load

RULES = {
    "mean": (), "user-basic": ("-k", 10), "user-centered": ("--similarity", "pearson"),
    "user-baseline": ("-k", 40, "--clip", "ratings", "--similarity", "msd"),
    "user-zscore": ("--space", "embedding", "-k", 20),
    "item-basic": ("-k", 5), "item-centered": ("--space", "embedding"),
    "item-baseline": ("-k", 30, "--similarity", "centered-cosine"),
    "item-zscore": (), "global-mean": (), "user-mean": (), "item-mean": (),
    "baseline": ("--sweeps", 3), "svd": ()}
NEIGHBOURLESS = {"global-mean": ["global-mean"], "user-mean": ["user-mean"],
                 "item-mean": ["item-mean"],
                 "baseline": ["global-mean", "user-bias", "item-bias"]}
SCORES = {"mean": (), "sum": (), "item-sum": (), "puresvd": (), "popularity": (),
          "shrunk": ("--score", "mean", "--baseline-weight", 1.5)}
# A user with few ratings, one with many, an item that the user has rated.
PAIRS = [("34", "302"), ("405", "50"), ("1", "1")]


@pytest.fixture(scope="module")
def result(result_of):
    return result_of("ml-100k").path


@pytest.fixture(scope="module")
def explain(cfmpi, result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")

    def call(user, item, *args, ranks=0, path=result):
        out = folder / f"{abs(hash((user, item, ranks, path, *args)))}.json"
        outcome = cfmpi("explain", path, "--user", user, "--item", item, *args, "-o", out,
                        "--force", "-q", ranks=ranks)
        return json.loads(out.read_text()), outcome.stdout
    return call


@pytest.fixture(scope="module")
def ratings(result):
    indptr, indices, values, users, items = load(
        result, "ratings/indptr", "ratings/indices", "ratings/values", "users/id", "items/id")
    rows = np.repeat(users, np.diff(indptr))
    return {(int(u), int(i)): r for u, i, r in zip(rows, items[indices], values)}


def check_sums(told):
    adds = [part["adds"] for part in told["parts"] + told["neighbors"]]
    assert sum(adds) == pytest.approx(told["sum"], rel=1e-12, abs=1e-12)
    shares = [part["share"] for part in told["parts"] + told["neighbors"] if "share" in part]
    if told["neighbors"]:
        assert sum(shares) == pytest.approx(1, rel=1e-9)


def check_neighbours(told, ratings):
    for near in told["neighbors"]:
        pair = ((near["id"], told["item"]) if told["among"] == "users"
                else (told["user"], near["id"]))
        assert near["rating"] == ratings[pair]


@pytest.mark.parametrize("rule", RULES)
def test_predictions(cfmpi, explain, result, ratings, tmp_path, rule):
    args = ("--rule", rule, *RULES[rule])
    (tmp_path / "pairs.csv").write_text(
        "user,item\n" + "".join(f"{u},{i}\n" for u, i in PAIRS))
    cfmpi("predict", result, "--pairs", "pairs.csv", *args, "-o", "out.csv", "-q", ranks=0,
          cwd=tmp_path)
    with open(tmp_path / "out.csv", newline="") as file:
        stored = [np.float32(row["prediction"]) for row in csv.DictReader(file)]
    for (told, text), value in zip(together(lambda p: explain(*p, *args), PAIRS), stored):
        assert told["rule"] == rule and np.float32(told["value"]) == value
        check_sums(told)
        check_neighbours(told, ratings)
        assert f"--rule={rule}" in text
        if rule in NEIGHBOURLESS:
            assert [p["name"] for p in told["parts"]] == NEIGHBOURLESS[rule]
            assert told["neighbors"] == []
        elif "--clip" not in args:
            assert np.float32(told["sum"]) == value and told["neighbors"]
        if rule.endswith("zscore") or rule.endswith("centered"):
            side = rule.split("-")[0]
            assert [p["name"] for p in told["parts"]] == [f"{side}-mean"]
        limit = args[args.index("-k") + 1] if "-k" in args else 50
        assert rule == "svd" or len(told["neighbors"]) <= limit


@pytest.mark.parametrize("name", SCORES)
def test_scores(cfmpi, explain, result, ratings, tmp_path, name):
    args = SCORES[name] or ("--score", name)
    cfmpi("recommend", result, *args, "-o", "top.h5", "-q", ranks=2, cwd=tmp_path)
    path = tmp_path / "top.h5"
    users, items, index, score = load(path, "users/id", "items/id", "recommendations/index",
                                      "recommendations/score")
    asked = [(0, 0), (33, 9), (404, 4)]

    def one(at):
        # What the file recommends by is what is explained unless asked for.
        given = () if at[1] else args
        return explain(users[at[0]], items[index[at]], *given, path=path)
    for at, (told, text) in zip(asked, together(one, asked)):
        assert np.float32(told["value"]) == score[at]
        assert told["place"] == at[1] + 1 and told["rated"] is None
        check_sums(told)
        check_neighbours(told, ratings)
        assert bool(told["neighbors"]) == (name != "popularity")
        assert f"number {at[1] + 1} of the user's list of 10" in text
        if name == "shrunk":
            assert [p["name"] for p in told["parts"]] == ["baseline"]


def test_similarities_are_those_of_the_lists(explain, result):
    told, _ = explain(405, 50)
    users, index, score = load(result, "users/id", "neighbors/users/index",
                               "neighbors/users/score")
    row = np.searchsorted(users, 405)
    listed = dict(zip(users[index[row]].tolist(), score[row].tolist()))
    assert told["score"] == "mean" and told["neighbors"]
    for near in told["neighbors"]:
        assert near["similarity"] == listed[near["id"]]


@pytest.mark.parametrize("args", [
    ("--rule", "user-baseline", "-k", 300), ("--rule", "item-zscore"), ("--rule", "svd"),
    ("--score", "item-sum"), ("--score", "mean", "--baseline-weight", 2),
    ("--rule", "user-basic", "--min-neighbors", 900, "-k", 900)])
def test_ranks(explain, args):
    first, *others = together(lambda n: explain(405, 100, *args, ranks=n), (0, 2, 3))
    assert all(other == first for other in others)


def test_no_neighbours(cfmpi, explain, tmp_path):
    """Of user 1 nobody else rated item 4; item 5 has the same user alone."""
    (tmp_path / "r.csv").write_text(
        "userId,movieId,rating\n1,1,5\n1,2,3\n2,1,4\n2,2,2\n2,3,1\n3,4,2\n3,5,4\n")
    cfmpi("run", "r.csv", "--space", "ratings", "-k", 1, "--side", "both", "-o", "r.h5", "-q",
          ranks=0, cwd=tmp_path)

    def told(*args):
        return explain(1, 4, *args, path=tmp_path / "r.h5")
    found, text = told("--rule", "mean")
    assert (found["value"], found["from"], found["neighbors"]) == (0, "fallback", [])
    assert "no neighbours" in text and "fallback" in text
    found, text = told("--rule", "user-centered")
    assert (found["value"], found["from"]) == (4, "fallback")
    assert [part["name"] for part in found["parts"]] == ["user-mean"]
    found, text = told("--rule", "item-basic", "--fallback", "none")
    assert (found["value"], found["from"]) == (None, "none")
    assert "there is no prediction" in text
    for score in ("mean", "item-sum"):
        found, text = told("--score", score)
        assert (found["value"], found["sum"], found["neighbors"]) == (None, None, [])
        assert "has no score" in text
    found, text = explain(1, 3, "--rule", "user-basic", "--min-neighbors", 2,
                          path=tmp_path / "r.h5")
    assert found["from"] == "fallback" and found["neighbors"] == []
    assert "only 1 neighbour who rated the item, fewer than --min-neighbors=2" in text


@pytest.fixture(scope="module")
def of_zeros(cfmpi, tmp_path_factory):
    """Recommended by sums; both neighbours of user 1 rated item 4 with 0."""
    path = tmp_path_factory.mktemp("zeros")
    (path / "r.csv").write_text("userId,movieId,rating\n1,1,5\n1,2,3\n2,1,5\n2,2,3\n2,4,0\n"
                                "3,1,4\n3,2,3\n3,4,0\n4,2,2\n4,5,3\n")
    cfmpi("run", "r.csv", "-o", "r.h5", "-q", ranks=0, cwd=path)
    return path / "r.h5"


@pytest.mark.parametrize("args", [
    ("--similarity", "msd"), ("--space", "ratings"), ("--min-neighbors", 2),
    ("--clip", "4:5"), ("--min-similarity", 0.1), ("--sweeps", 2)])
def test_options_of_rules_are_not_for_scores(explain, of_zeros, args):
    told, _ = explain(1, 4, *args, path=of_zeros)
    assert told["rule"] == "item-baseline" and "score" not in told


def test_place_in_lists_by_this_score(explain, of_zeros):
    assert explain(1, 5, path=of_zeros)[0]["place"] == 1
    assert explain(1, 5, "--score", "sum", path=of_zeros)[0]["place"] == 1
    for args in (("--score", "mean"), ("--score", "popularity"), ("--rule", "mean")):
        told, text = explain(1, 5, *args, path=of_zeros)
        assert told["place"] is None and "of the user's list of" not in text


def test_shares_of_nothing(explain, of_zeros):
    told, text = explain(1, 4, path=of_zeros)
    assert told["value"] == 0 and [n["share"] for n in told["neighbors"]] == [None, None]
    assert "nan" not in text and text.splitlines()[-1].split()[1:4] == ["0", "-", "0"]


@pytest.mark.parametrize("code, says, args", [
    (65, "there is no user '9999'", ("--user", 9999, "--item", 1)),
    (65, "there is no item 'x y'", ("--user", 1, "--item", "x y")),
    (64, "explain needs a user and an item", ("--user", 1)),
    (64, "--rule: says how", ("--user", 1, "--item", 1, "--rule", "svd", "--score", "sum")),
    (64, "--baseline-weight", ("--user", 1, "--item", 1, "-k", 3, "--baseline-weight", 2)),
    (64, "--baseline-weight", ("--user", 1, "--item", 1, "--score", "sum",
                               "--baseline-weight", 2)),
    (64, "does not look for neighbours", ("--user", 1, "--item", 1, "--rule", "svd", "-k", 3)),
])
def test_bad_questions(cfmpi, result, code, says, args):
    outcome = cfmpi("explain", result, *args, ranks=2 if code == 65 else 0, code=code)
    assert len(outcome.errors) == 1 and says in outcome.errors[0]
    assert outcome.stdout == ""


def test_bad_files(cfmpi, result, tmp_path):
    ask = ("--user", 1, "--item", 1)
    (tmp_path / "r.csv").write_text("userId,movieId,rating\n1,1,5\n1,2,3\n2,1,4\n")
    outcome = cfmpi("explain", "r.csv", *ask, ranks=0, code=64, cwd=tmp_path)
    assert "explain needs a result file" in outcome.errors[0]
    cfmpi("explain", "none.h5", *ask, ranks=0, code=66, cwd=tmp_path)
    cfmpi("ingest", "r.csv", "-o", "m.h5", "-q", ranks=0, cwd=tmp_path)
    for args, lacks in ((("--rule", "mean"), "/neighbors/users"), (("--rule", "svd"), "/embedding"),
                        (("--score", "mean"), "/neighbors/users"),
                        (("--score", "item-sum"), "/neighbors/items"),
                        (("--score", "puresvd"), "/embedding")):
        outcome = cfmpi("explain", "m.h5", *ask, *args, ranks=0, code=65, cwd=tmp_path)
        assert len(outcome.errors) == 1 and f"has no {lacks}" in outcome.errors[0]
    (tmp_path / "there.json").write_text("")
    cfmpi("explain", "m.h5", *ask, "--rule", "baseline", "-o", "there.json", ranks=0, code=73,
          cwd=tmp_path)
