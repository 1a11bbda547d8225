"""Neighbours in both spaces, and how far they agree, against NumPy."""
import json

import h5py
import numpy as np
import pytest
import reference
from conftest import together
from reference import digests, text

RANKS = (1, 2, 3, 7)
K = 50
DEPTHS = [10, 20, 50]


def agreement(a, b, depths):
    """overlap@d and recall@d of every row, from the definition."""
    def share(row, found, d):
        wanted = set(b.index[row, :min(d, b.count[row])])
        return len(found & wanted) / len(wanted) if wanted else np.nan
    rows = range(len(a.index))
    overlap = [[share(row, set(a.index[row, :min(d, a.count[row])]), d) for d in depths]
               for row in rows]
    recall = [[share(row, set(a.index[row, :a.count[row]]), d) for d in depths]
              for row in rows]
    return np.array(overlap), np.array(recall)


def lists_of(file, group):
    return reference.Lists(*(file[group][part][()] for part in reference.Lists._fields))


def check(path, side, depths):
    """All of /overlap/SIDE; returns it."""
    with h5py.File(path) as file:
        a, b = (lists_of(file, f"{root}/{side}") for root in ("neighbors",
                                                              "neighbors_ratings"))
        ratings = file[side]["count"][()]
        stored = {name: values[()] for name, values in file["overlap"][side].items()}
        told = dict(file["overlap"][side].attrs)
    assert list(stored["depth"]) == depths
    there = b.count > 0
    assert told["rows"] == there.sum() and told["left_out"] == (~there).sum()
    bins = np.where(ratings > 0, np.frexp(ratings)[1], 0)
    kept = np.unique(bins[there])
    assert np.array_equal(stored["bin_from"], np.where(kept > 0, 2.0 ** (kept - 1), 0))
    assert np.array_equal(stored["bin_to"], 2.0 ** kept - 1)
    assert np.array_equal(stored["bin_rows"], [(there & (bins == bin)).sum()
                                               for bin in kept])
    for name, share in zip(("overlap", "recall"), agreement(a, b, depths)):
        assert np.array_equal(stored[name], share.astype(np.float32), equal_nan=True)
        assert np.allclose(stored[f"mean_{name}"], share[there].mean(axis=0), atol=1e-9)
        means = [share[there & (bins == bin)].mean(axis=0) for bin in kept]
        assert np.allclose(stored[f"bin_{name}"], means, atol=1e-9)
    return stored


@pytest.fixture(scope="module")
def embedded(cfmpi, data, tmp_path_factory):
    """An embedding of ml-100k, from which every rank count finds the same."""
    path = tmp_path_factory.mktemp("both") / "e.h5"
    ratings = reference.dataset(data, "ml-100k").ratings
    cfmpi("svd", ratings, "--dim", 32, "-o", path)
    return path


@pytest.fixture(scope="module")
def made(cfmpi, embedded):
    """The outcomes and files of all rank counts."""
    def one(ranks):
        path = embedded.parent / f"{ranks}.h5"
        report = embedded.parent / f"{ranks}.json"
        return path, report, cfmpi("neighbors", embedded, "--space", "both", "--side",
                                   "both", "-k", K, "--graph", "mutual", "-o", path,
                                   "--threads", 1 + ranks % 3,
                                   "--report", report, ranks=ranks)
    return together(one, RANKS)


def test_overlap(made):
    for side in ("users", "items"):
        check(made[0][0], side, DEPTHS)


def test_rank_counts(made):
    first, *others = [digests(path) for path, _, _ in made]
    assert all(found == first for found in others)
    assert len({outcome.stdout for _, _, outcome in made}) == 1


def test_lists_are_those_of_each_space(cfmpi, embedded, made):
    for space, root in (("embedding", "neighbors"), ("ratings", "neighbors_ratings")):
        path = embedded.parent / f"{space}.h5"
        cfmpi("neighbors", embedded, "--space", space, "--side", "both", "-k", K, "-o",
              path, ranks=2)
        alone = {name.split("/", 1)[1]: value
                 for name, value in digests(path, "neighbors/").items()}
        beside = {name.split("/", 1)[1]: value
                  for name, value in digests(made[1][0], root + "/").items()}
        assert alone == beside and len(alone) == 10
        with h5py.File(made[1][0]) as file:
            assert text(file[root].attrs["space"]) == space
            assert text(file[f"{root}/users"].attrs["space"]) == space


def test_table(made):
    """The rows of the table are those of the file."""
    path, report, outcome = made[2]
    printed = [line.split() for line in outcome.stdout.splitlines()]
    with h5py.File(path) as file:
        overlap = {side: {name: values[()] for name, values in group.items()}
                   for side, group in file["overlap"].items()}
    for side, stored in overlap.items():
        at = printed.index(["ratings", side] + [f"overlap@{d}" for d in DEPTHS]
                           + [f"recall@{d}" for d in DEPTHS[:-1]])
        rows = printed[at + 1:at + 1 + len(stored["bin_rows"])]
        assert [int(row[1]) for row in rows] == list(stored["bin_rows"])
        assert [int(row[0].split("-")[0]) for row in rows] == list(stored["bin_from"])
        shown = np.array([[float(x) for x in row[2:]] for row in rows])
        means = np.c_[stored["bin_overlap"], stored["bin_recall"][:, :-1]]
        assert np.allclose(shown, means, atol=6e-4)
        last = printed[at + 1 + len(rows)]
        assert last[0] == "all" and abs(float(last[4]) - stored["mean_overlap"][2]) < 6e-4
        told = json.loads(report.read_text())["neighbors"]["overlap"][side]
        assert told["depth"] == DEPTHS
        assert np.allclose(told["overlap"], stored["mean_overlap"], atol=1e-14)
        assert np.allclose(told["recall"], stored["mean_recall"], atol=1e-14)


def test_verify_info_export(cfmpi, made, tmp_path):
    path = made[0][0]
    told = cfmpi("verify", path, ranks=3).stdout
    for side in ("users", "items"):
        assert f"of 20 {side} by brute force, 0 differ" in told
        assert f"of 20 {side} by brute force on the ratings, 0 differ" in told
        assert f"{side} from the lists, 0 values differ" in told
    shown = cfmpi("info", path).stdout
    assert "by ratings       50 for each of 943" in shown and "item overlap " in shown
    cfmpi("export", path, "--part", "overlap", "-o", tmp_path / "o.csv")
    rows = (tmp_path / "o.csv").read_text().splitlines()
    assert rows[0] == "user,overlap@10,overlap@20,overlap@50" and len(rows) == 944
    cfmpi("export", path, "--part", "neighbors-ratings-items", "-o", tmp_path / "n.csv")
    rows = (tmp_path / "n.csv").read_text().splitlines()
    with h5py.File(path) as file:
        ids = file["items/id"][()]
        best = file["neighbors_ratings/items/index"][0, 0]
    assert rows[1].split(",")[:3] == [str(ids[0]), "1", str(ids[best])]


WRONG = {
    "overlap": ("overlap/users/overlap", 0.25, "overlap "),
    "mean": ("overlap/items/mean_recall", 0.25, "overlap "),
    "score": ("neighbors_ratings/users/score", 1e-6, "on the ratings"),
    "gap": ("neighbors_ratings/users/gap", 1e-3, "on the ratings"),
}


@pytest.mark.parametrize("what", WRONG)
def test_verify_finds_what_is_wrong(cfmpi, made, tmp_path, what):
    name, off, line = WRONG[what]
    path = tmp_path / "wrong.h5"
    path.write_bytes(made[0][0].read_bytes())
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        changed = values[:, 0] if values.ndim > 1 else values
        changed += off
        file[name][...] = values
        file[name].attrs["digest"] = reference.digest(values.tobytes())
    told = cfmpi("verify", path, code=1, ranks=2).stdout
    assert [row for row in told.splitlines() if row.startswith("DIFF") and line in row]


# Chains

def test_steps_make_what_one_run_makes(cfmpi, data, tmp_path):
    """Both lists are on weighted ratings, also those of a later command."""
    ratings = reference.dataset(data, "ml-latest-small").ratings
    given = ("--dim", 16, "--weighting", "tfidf")
    cfmpi("run", ratings, *given, "--space", "both", "-o", "run.h5", cwd=tmp_path)
    cfmpi("svd", ratings, *given, "-o", "e.h5", cwd=tmp_path)
    cfmpi("neighbors", "e.h5", "--space", "both", "-o", "n.h5", ranks=2, cwd=tmp_path)
    cfmpi("recommend", "n.h5", "-o", "r.h5", ranks=2, cwd=tmp_path)
    assert digests(tmp_path / "run.h5") == digests(tmp_path / "r.h5")
    assert digests(tmp_path / "run.h5", "overlap/users/recall")
    with h5py.File(tmp_path / "r.h5") as file:
        told = dict(file["neighbors_ratings/users"].attrs)
    assert text(told["weighting"]) == "tfidf" and told["min_overlap"] == 1
    assert "on the ratings, 0 differ" in cfmpi("verify", tmp_path / "r.h5").stdout


def groups(path):
    with h5py.File(path) as file:
        return {f"{root}/{side}" for root in ("neighbors", "neighbors_ratings", "overlap")
                if root in file for side in file[root]}


def test_lists_made_anew(cfmpi, made, tmp_path):
    """Of the side that is made anew the overlap goes, and lists on the ratings
    where others take their place."""
    path = made[0][0]
    both = {f"{root}/{side}" for root in ("neighbors", "neighbors_ratings", "overlap")
            for side in ("users", "items")}
    assert groups(path) == both
    for args, gone in (
            (["neighbors", "--space", "embedding", "-k", 5], {"overlap/users"}),
            (["neighbors", "--space", "ratings", "--side", "items", "-k", 5],
             {"overlap/items", "neighbors_ratings/items"}),
            (["neighbors", "--space", "both", "--side", "items", "-k", 5], set()),
            (["svd", "--dim", 8], both), (["recommend"], set())):
        cfmpi(args[0], path, *args[1:], "-o", tmp_path / "new.h5", "--force")
        assert groups(tmp_path / "new.h5") == both - gone
        cfmpi("verify", tmp_path / "new.h5", "--sample", 2)
    cfmpi("neighbors", path, "--space", "both", "--side", "items", "-k", 5,
          "--similarity", "dot", "-o", tmp_path / "new.h5", "--force")
    check(tmp_path / "new.h5", "items", [5])
    check(tmp_path / "new.h5", "users", DEPTHS)
    with h5py.File(tmp_path / "new.h5") as file:
        for root in ("neighbors", "neighbors_ratings"):
            assert text(file[root].attrs["similarity"]) == "mixed"


def test_a_run_goes_on_where_lists_are_missing(cfmpi, embedded, tmp_path):
    cfmpi("neighbors", embedded, "-k", 5, "-o", tmp_path / "n.h5")
    cfmpi("run", tmp_path / "n.h5", "--space", "both", "-k", 12, "-o", tmp_path / "r.h5")
    check(tmp_path / "r.h5", "users", [10, 12])
    outcome = cfmpi("run", tmp_path / "r.h5", "--space", "both", "-o", tmp_path / "s.h5",
                    code=64)
    assert "holds neighbours already" in outcome.errors[0]


# Ratings that are few

@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_short_lists(cfmpi, tmp_path, similarity):
    """Lists on the ratings that are shorter, or empty; the other side's options."""
    lines = [f"{user},{item},{1 + (user * item) % 5}" for user in range(40)
             for item in range(25) if (user * 7 + item * item) % 11 == 0 or item == user]
    lines += [f"{user},{user},3" for user in range(100, 103)]
    (tmp_path / "r.csv").write_text("userId,movieId,rating\n" + "\n".join(lines) + "\n")
    args = ("neighbors", tmp_path / "r.csv", "--dim", 12, "--space", "both", "--side",
            "both", "-k", 60, "--min-overlap", 2, "--similarity", similarity)
    cfmpi(*args, "-o", tmp_path / "n.h5", ranks=3)
    for side in ("users", "items"):
        stored = check(tmp_path / "n.h5", side, [10, 20, 50, 60])
        assert np.isnan(stored["overlap"]).any() and (stored["overlap"] == 1).any()
    told = cfmpi("verify", tmp_path / "n.h5").stdout
    assert "DIFFERENT" not in told


@pytest.mark.parametrize("args, told", [
    (["--similarity", "pearson"], "that the embedding has too"),
    (["--min-similarity", 0.5], "--min-similarity"),
    (["--only", "only.txt"], "--only"),
    (["--queries", "e.h5"], "--queries"),
    (["--significance", 3, "--similarity", "euclidean"], "--significance"),
])
def test_options_that_do_not_fit(cfmpi, embedded, tmp_path, args, told):
    outcome = cfmpi("neighbors", embedded, "--space", "both", *args, "-o",
                    tmp_path / "n.h5", code=64, ranks=2)
    assert told in outcome.errors[0]
