"""What `evaluate` says, against splits and metrics written anew in Python from
the lists and predictions that `run` and `predict` make of the same ratings."""
import json
import math
import random
import re

import evaluation
import h5py
import numpy as np
import pytest
from conftest import together
from evaluation import Rating
from scipy import stats

MODEL = ("--space", "ratings", "-k", 12, "--score", "mean")
EVALUATED = (*MODEL, "--rule", "mean")
SIZES = (3, 10, 100)


def made_up(users=60, items=45, seed=5):
    """Ratings of one user in a few sittings, so that times tie; some users have
    one rating, most items few."""
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, items + 1)
    out = []
    for user in range(users):
        count = 1 if user % 13 == 0 else int(rng.integers(5, 25))
        chosen = rng.choice(items, count, replace=False, p=popularity / popularity.sum())
        for item in chosen:
            out.append(Rating(user + 1, int(item) * 7, float(rng.integers(1, 11)) / 2,
                              1_000_000 + int(rng.integers(0, 40)) * 100))
    return out


def write(path, ratings):
    path.write_text("user,item,rating,time\n" + "".join(
        f"{r.user},{r.item},{r.value},{r.time}\n" for r in ratings))
    return path


def ids(path, side):
    with h5py.File(path, "r") as file:
        return [x.decode() if isinstance(x, bytes) else int(x) for x in file[f"{side}/id"][:]]


def learned(cfmpi, folder, learn, test, top, options):
    """Lists {user: items} and predictions {(user, item): rating} of a model of
    `learn`; its ids are looked up, as rows of a smaller matrix differ."""
    result = folder / "model.h5"
    cfmpi("run", write(folder / "learn.csv", learn), *MODEL, *options, "-n", top, "-o",
          result, "--force", ranks=0)
    users, items = ids(result, "users"), ids(result, "items")
    with h5py.File(result, "r") as file:
        index, count = file["recommendations/index"][:], file["recommendations/count"][:]
    lists = {user: [items[j] for j in index[row, :count[row]]]
             for row, user in enumerate(users)}
    pairs = sorted((r.user, r.item) for r in test)
    (folder / "pairs.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u, i in pairs))
    printed = cfmpi("predict", result, "--rule", "mean", "--pairs", folder / "pairs.csv",
                    ranks=0).stdout
    predicted = {}
    for pair, line in zip(pairs, printed.splitlines()[1:]):
        value = line.rsplit(",", 1)[1]
        if value and float(value) != 0:
            predicted[pair] = np.float64(np.float32(value))
    return lists, predicted


def expected(cfmpi, folder, ratings, test, options=(), bound=4):
    """{metric: value} of one test set, and the counts."""
    learn = [r for r in ratings if r not in test]
    ordered = sorted(test)
    users, items = ({r.user for r in ratings} | {r.user for r in test},
                    {r.item for r in ratings} | {r.item for r in test})
    lists, predicted = learned(cfmpi, folder, learn, ordered, max(SIZES), options)
    found = evaluation.errors(ordered, predicted, evaluation.baselines(learn, users, items))
    for k in SIZES:
        metrics, some, none = evaluation.ranking(learn, ordered, lists, items, k, bound)
        found.update({f"{name}@{k}": value for name, value in metrics.items()})
    known = {r.user for r in learn}, {r.item for r in learn}
    counts = {"learned": len(learn), "tested": len(test), "learners": len(known[0]),
              "users": some, "users_without_relevant": none,
              "unknown": sum(r.user not in known[0] or r.item not in known[1] for r in test)}
    return found, counts


def evaluate(cfmpi, folder, *args, ranks=0, name="e.json", **options):
    path = folder / name
    cfmpi("evaluate", *args, "-o", path, "--force", "-q", ranks=ranks, **options)
    return json.loads(path.read_text())


def compare(found, fold, wanted):
    assert {name: found["split"]["folds"][fold][name] for name in wanted[1]} == wanted[1]
    metrics = found["trials"][0]["metrics"]
    assert set(metrics) == set(wanted[0])
    for name, value in wanted[0].items():
        assert metrics[name]["folds"][fold] == pytest.approx(value, rel=1e-9, abs=1e-12), name


SPLITS = {
    "random": (1, {"seed": 3, "share": 0.3}, ["--seed", 3, "--test-share", 0.3]),
    "kfold": (2, {"folds": 2}, ["--folds", 2]),
    "per-user": (3, {"share": 0.25}, ["--test-share", 0.25]),
    "leave-last-out": (7, {"leave": 2}, ["--leave", 2]),
    "temporal": (2, {}, []),
}


@pytest.mark.parametrize("rule", SPLITS)
def test_metrics_of_splits(cfmpi, tmp_path, rule):
    ranks, settings, options = SPLITS[rule]
    ratings = made_up()
    random.Random(1).shuffle(ratings)
    found = evaluate(cfmpi, tmp_path, write(tmp_path / "r.csv", ratings),
                     *EVALUATED, "--split", rule, *options, "--at", ",".join(map(str, SIZES)),
                     ranks=ranks)
    sets = evaluation.test_sets(ratings, rule, **settings)
    assert len(found["split"]["folds"]) == len(sets)
    for fold, test in enumerate(sets):
        compare(found, fold, expected(cfmpi, tmp_path, ratings, test))


def test_other_ways_to_split(cfmpi, tmp_path):
    """How many ratings fall into the test sets."""
    ratings = [r._replace(time=1_000_000 + 7 * place) for place, r in enumerate(made_up())]
    path = write(tmp_path / "r.csv", ratings)
    ways = [("temporal", {"share": 0.3}, ["--test-share", 0.3]),
            ("per-user", {"leave": 3}, ["--leave", 3]),
            ("leave-last-out", {}, []),
            ("temporal", {"cut": 1_002_100}, ["--cut", 1002100]),
            ("temporal", {"cut": 1_002_101}, ["--cut", "1970-01-12 14:21:41"])]

    def one(number):
        rule, settings, options = ways[number]
        found = evaluate(cfmpi, tmp_path, path, *EVALUATED, "--split", rule, *options,
                         ranks=number + 1, name=f"{number}.json")
        wanted, = evaluation.test_sets(ratings, rule, **settings)
        return found["split"]["folds"][0]["tested"], len(wanted)
    for found, wanted in together(one, range(len(ways))):
        assert found == wanted


def test_text_ids_and_matrix_file(cfmpi, tmp_path):
    """Ids that are text are hashed as they are written; a matrix file does as
    its text does."""
    ratings = [Rating(f"u{r.user}", f"ü {r.item}", r.value, r.time) for r in made_up()]
    path = write(tmp_path / "r.csv", ratings)
    cfmpi("ingest", path, "--keep-time", "-o", tmp_path / "r.h5", "-q", ranks=0)
    args = (*EVALUATED, "--split", "leave-last-out", "--leave", 3, "--at", "3,10,100")
    found = evaluate(cfmpi, tmp_path, path, *args, ranks=3)
    again = evaluate(cfmpi, tmp_path, tmp_path / "r.h5", *args, ranks=2)
    assert again["trials"] == found["trials"] and again["split"] == found["split"]
    test, = evaluation.test_sets(ratings, "leave-last-out", leave=3)
    compare(found, 0, expected(cfmpi, tmp_path, ratings, test))


def test_own_test_file(cfmpi, tmp_path):
    """Users and items of the test file that the input lacks count as missed."""
    ratings = made_up()
    test = set(ratings[::6])
    learn = [r for r in ratings if r not in test]
    test |= {Rating(1000, 7, 5.0, 0), Rating(1000, 9999, 4.0, 0), Rating(3, 9998, 5.0, 0),
             Rating(-2, 9998, 1.0, 0)}
    found = evaluate(cfmpi, tmp_path, write(tmp_path / "a.csv", learn), *EVALUATED, "--test",
                     write(tmp_path / "b.csv", sorted(test)), "--at", "3,10,100", ranks=3)
    compare(found, 0, expected(cfmpi, tmp_path, learn, test))
    assert found["split"]["folds"][0]["unknown"] >= 4


def test_users_of_the_test_alone_have_no_weight(cfmpi, tmp_path):
    """Weights by the number of users go by those that are learned from."""
    ratings = made_up()
    test = {r for r in ratings if r.user > 35 or (r.user + r.item) % 5 == 0}
    learn, tested = [write(tmp_path / f"{name}.csv", part) for name, part in (
        ("l", [r for r in ratings if r not in test]), ("t", sorted(test)))]
    options = ("--weighting", "bm25")
    found = evaluate(cfmpi, tmp_path, learn, "--test", tested, *EVALUATED, *options, "--at",
                     ",".join(map(str, SIZES)), ranks=2)
    compare(found, 0, expected(cfmpi, tmp_path, ratings, test, options))


def test_published_fold(cfmpi, tmp_path, data):
    """ml-100k's first fold, on real ratings."""
    def read(name):
        lines = (data / "ml-100k" / name).read_text().splitlines()
        return [Rating(int(u), int(i), float(v), 0)
                for u, i, v, _ in (line.split("\t") for line in lines)]
    learn, test = read("u1.base"), set(read("u1.test"))
    found = evaluate(cfmpi, tmp_path, data / "ml-100k/u1.base", *EVALUATED, "--test",
                     data / "ml-100k/u1.test", "--at", "3,10,100", ranks=2)
    compare(found, 0, expected(cfmpi, tmp_path, learn, test))


def test_grid(cfmpi, tmp_path):
    """Each combination is as it is alone, on any rank count, and the best of
    them is said; folds have an interval."""
    path = write(tmp_path / "r.csv", made_up())
    args = (path, "--space", "ratings", "--split", "kfold", "--folds", 3)
    grid = (*args, "--grid", "neighbors=20,5 similarity=cosine,msd", "--by", "recall@5")

    def one(ranks):
        return evaluate(cfmpi, tmp_path, *grid, ranks=ranks, name=f"{ranks}.json")
    made = together(one, (1, 2, 3, 7))
    assert all(m["trials"] == made[0]["trials"] and m["split"] == made[0]["split"]
               for m in made)
    trials = made[0]["trials"]
    assert [t["options"] for t in trials] == [
        {"neighbors": k, "similarity": s} for k in ("20", "5") for s in ("cosine", "msd")]
    alone = evaluate(cfmpi, tmp_path, *args, "-k", 5, "--similarity", "msd", ranks=2)
    assert alone["trials"][0]["metrics"] == trials[3]["metrics"]
    recall = [t["metrics"]["recall@5"]["mean"] for t in trials]
    assert made[0]["best"] == int(np.argmax(recall)) and len(set(recall)) > 1
    for metric in trials[0]["metrics"].values():
        folds = metric["folds"]
        assert metric["mean"] == pytest.approx(np.mean(folds), rel=1e-12)
        assert metric["half_width"] == pytest.approx(
            stats.t.ppf(0.975, 2) * np.std(folds, ddof=1) / math.sqrt(3), rel=1e-9)


def test_rules(cfmpi, tmp_path):
    """Each rule's errors are those of what `predict` says by it, alone or with
    others; lists do not depend on it."""
    ratings = made_up()
    path = write(tmp_path / "r.csv", ratings)
    test, = evaluation.test_sets(ratings, "random")
    learn = write(tmp_path / "learn.csv", [r for r in ratings if r not in test])
    pairs = sorted((r.user, r.item) for r in test)
    (tmp_path / "pairs.csv").write_text("user,item\n" + "".join(
        f"{user},{item}\n" for user, item in pairs))
    found = evaluate(cfmpi, tmp_path, path, "--space", "ratings", "--similarity", "pearson",
                     "--min-neighbors", 2, "--grid",
                     "rule=user-centered,item-basic,user-mean,mean neighbors=3,8", ranks=3)
    assert len({json.dumps([t["metrics"][f"ndcg@{n}"] for n in (5, 10, 20)])
                for t in found["trials"]}) == 2

    def predicted(rule, k, fallback):
        options = [] if rule == "user-mean" else [
            "-k", k, "--similarity", "pearson", "--min-neighbors", 2, "--fallback", fallback]
        lines = cfmpi("predict", learn, "--pairs", tmp_path / "pairs.csv", "--rule", rule, "-q",
                      *options, ranks=0).stdout.splitlines()[1:]
        return {pair: float(line.rsplit(",", 1)[1]) for pair, line in zip(pairs, lines)
                if not line.endswith(",")}

    def compare_trial(number):
        rule, k = found["trials"][number]["options"].values()
        metrics = found["trials"][number]["metrics"]
        covered, every = predicted(rule, k, "none"), predicted(rule, k, "own")
        known = [r for r in sorted(test) if (r.user, r.item) in every]
        wanted = evaluation.errors(sorted(test), covered, lambda *pair: 0)
        for name in ("rmse", "mae", "covered"):
            assert metrics[name]["mean"] == pytest.approx(wanted[name], rel=1e-9), (rule, k)
        if len(known) == len(test):
            wanted = evaluation.errors(sorted(test), every, None)["rmse"]
            assert metrics["rmse-fallback"]["mean"] == pytest.approx(wanted, rel=1e-9)
    together(compare_trial, (0, 1, 3, 4))


SCORES = {"sum": [], "item-sum": ["--side", "both"], "popularity": [],
          "mean": ["--baseline-weight", 2, "--fill"]}


def test_scores(cfmpi, tmp_path):
    """Lists by each score are those of `run`."""
    ratings = made_up()
    test, = evaluation.test_sets(ratings, "random")
    path = write(tmp_path / "r.csv", ratings)

    def one(score):
        folder = tmp_path / score
        folder.mkdir()
        options = [x for x in SCORES[score] if x not in ("--side", "both")]
        found = evaluate(cfmpi, folder, path, *EVALUATED, "--score", score, *options, "--at",
                         "3,10,100", ranks=2)
        compare(found, 0, expected(cfmpi, folder, ratings, test,
                                   ("--score", score, *SCORES[score])))
    together(one, SCORES)


def test_errors_or_lists_alone(cfmpi, tmp_path):
    """They are those of both; the other half takes no work, nor space in the
    table. Similarities of ratings need not be said to be of these."""
    path = write(tmp_path / "r.csv", made_up())
    asked = ("--similarity", "msd", "-k", 9)
    both = evaluate(cfmpi, tmp_path, path, "--space", "ratings", *asked)["trials"][0]["metrics"]
    ranking = [name for name in both if "@" in name]
    for what, shown, hidden in (("errors", set(both) - set(ranking), ranking),
                                ("lists", ranking, set(both) - set(ranking))):
        found = evaluate(cfmpi, tmp_path, path, *asked, "--measure", what, "--report",
                         tmp_path / "report.json", ranks=2)
        metrics = found["trials"][0]["metrics"]
        assert {name: metrics[name] for name in shown} == {name: both[name] for name in shown}
        assert all(metrics[name]["mean"] is None for name in hidden)
        assert found["by"] == ("rmse" if what == "errors" else "ndcg@10")
        pairs = json.loads((tmp_path / "report.json").read_text())["neighbors"]["pairs"]
        assert (pairs > 0) == (what == "lists")
        printed = cfmpi("evaluate", path, "--measure", what, "--grid",
                        "neighbors=3,9 similarity=msd,cosine", "-q", ranks=0).stdout
        assert ("rmse" in printed) == (what == "errors")
        assert ("lists of" in printed) == ("relevant" in printed) == (what == "lists")
        best = re.search("^best by .*: (.*)$", printed, re.M)[1]
        assert ("--space=ratings" in best) == ("msd" in best)


def test_least_error_is_best(cfmpi, tmp_path):
    path = write(tmp_path / "r.csv", made_up())
    found = evaluate(cfmpi, tmp_path, path, "--space", "ratings", "--grid",
                     "neighbors=1,3,9,27", "--by", "rmse-fallback")
    error = [t["metrics"]["rmse-fallback"]["mean"] for t in found["trials"]]
    assert found["best"] == int(np.argmin(error)) and found["by"] == "rmse-fallback"
    assert min(error) < max(error)


def test_trials_share_embedding_and_neighbours(cfmpi, tmp_path):
    """Numbers of neighbours cost neither passes nor pairs."""
    path = write(tmp_path / "r.csv", made_up())

    def report(name, *options):
        cfmpi("evaluate", path, "--dim", 8, "--report", tmp_path / name, *options, "-q",
              ranks=0)
        return json.loads((tmp_path / name).read_text())
    one = report("one.json", "-k", 30, "--similarity", "dot")
    many = report("many.json", "--grid", "neighbors=10,30,20 similarity=dot")
    assert many["svd"]["passes"] == one["svd"]["passes"] > 0
    assert many["neighbors"]["pairs"] == one["neighbors"]["pairs"] > 0
    two = report("two.json", "--grid", "neighbors=10,30 similarity=dot,cosine")
    assert two["svd"]["passes"] == one["svd"]["passes"]
    assert two["neighbors"]["pairs"] == 2 * one["neighbors"]["pairs"]


def test_table(cfmpi, tmp_path):
    """What stands on the terminal is what the JSON says."""
    path = write(tmp_path / "r.csv", made_up())
    args = ("evaluate", path, "--space", "ratings", "-k", 9, "--at", "4,8", "-q")
    printed = cfmpi(*args, "-o", tmp_path / "e.json", ranks=0).stdout
    metrics = json.loads((tmp_path / "e.json").read_text())["trials"][0]["metrics"]
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines()
            if line and not line.startswith(" ")}
    for name in ("rmse", "mae", "covered", "rmse-fallback", "mae-fallback"):
        assert rows[name] == [f"{metrics[name]['mean']:.4f}"]
    for name in ("precision", "ndcg", "map", "mrr", "coverage", "gini", "novelty"):
        assert rows[name] == [f"{metrics[f'{name}@{n}']['mean']:.4f}" for n in (4, 8)]
    printed = cfmpi(*args[:2], "-q", "--dim", 5, "--grid",
                    "neighbors=2 space=ratings,embedding", ranks=0).stdout
    best = re.search("^best by ndcg@10: (.*)$", printed, re.M)[1]
    assert best in ("--neighbors=2 --space=ratings",
                    "--dim=5 --neighbors=2 --space=embedding")
    cfmpi(*args[:2], "-q", *best.split(), ranks=0)
