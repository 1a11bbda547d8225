"""Top-N lists by every score and with every filter against a transcription in
float64; the same bytes from any rank count and instruction set."""
import h5py
import numpy as np
import pytest
import reference
import top_scores
from conftest import together
from reference import digests, text

RUNS = [(1, "portable"), (2, "avx2"), (3, "avx512"), (7, "avx512vnni")]
# Score, options, length; every way of choosing items stands in some of them.
CASES = {
    "mean": ("mean", [], 10),
    "baseline": ("mean", ["--baseline-weight", "2.5", "--exclude", "exclude"], 10),
    "small-baseline": ("mean", ["--baseline-weight", "1e-3", "--min-popularity", "5"], 50),
    "sum": ("sum", ["--allow", "allow", "--exclude", "exclude"], 20),
    "sum-filled": ("sum", ["--allow", "few", "--fill"], 30),
    "item-sum": ("item-sum", ["--min-popularity", "3"], 10),
    "item-sum-filled": ("item-sum", ["--fill", "--only", "only", "--allow", "allow"], 900),
    "puresvd": ("puresvd", [], 10),
    "puresvd-allowed": ("puresvd", ["--allow", "allow", "--only", "only"], 25),
    "popularity": ("popularity", ["--exclude", "exclude"], 15),
    "all": ("mean", ["--fill"], 2000),
}


@pytest.fixture(scope="module")
def chosen(data, tmp_path_factory):
    """Files of ids, and the rows that they name."""
    known = reference.dataset(data, "ml-100k")
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("ids")
    rows = {}
    for name, of, n in (("allow", known.items, 700), ("exclude", known.items, 300),
                        ("few", known.items, 25), ("only", known.users, 40)):
        rows[name] = rng.choice(len(of), n, replace=False)
        (folder / name).write_text("".join(f"{of[row]}\n" for row in rows[name]))
    return folder, rows


def mask(n, rows, names, value=True):
    found = np.full(n, not value)
    for name in names:
        found[rows[name]] = value
    return found


def check(path, known, case, rows):
    name, options, top = CASES[case]
    given = {options[i]: options[i + 1] if "--fill" != options[i] else True
             for i in range(len(options)) if options[i].startswith("--")}
    allowed = np.ones(len(known.items), bool)
    if "--allow" in given:
        allowed = mask(len(known.items), rows, [given["--allow"]])
    if "--exclude" in given:
        allowed &= mask(len(known.items), rows, ["exclude"], False)
    with h5py.File(path) as file:
        scores = top_scores.Scores(file, known.matrix,
                                   float(given.get("--baseline-weight", 0)))
        allowed &= scores.count >= int(given.get("--min-popularity", 0))
        group = file["recommendations"]
        assert text(group.attrs["score"]) == name
        index, score, count = (group[part][()] for part in ("index", "score", "count"))
        assert index.shape == score.shape == (len(known.users), top)
        asked = set(rows["only"]) if "--only" in given else range(len(known.users))
        if "--only" in given:
            assert group["only"][()].tolist() == sorted(asked)
        assert ("filled" in group) == ("--fill" in given)
        filled_here = group["filled"][()] if "filled" in group else None
        for user in range(len(case) % 3, len(known.users), 3):
            items, values, filled = (top_scores.top_list(
                scores, name, user, allowed, top, "--fill" in given)
                if user in asked else ([], [], 0))
            n = len(items)
            assert count[user] == n, (case, user)
            assert np.array_equal(index[user, :n], items), (case, user)
            assert np.array_equal(score[user, :n], values, equal_nan=True), (case, user)
            assert (index[user, n:] == -1).all() and np.isnan(score[user, n:]).all()
            if filled_here is not None:
                assert filled_here[user] == filled
        return count


@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
def test_lists_by_every_score(cfmpi, result, dataset, chosen, tmp_path):
    folder, rows = chosen

    def make(case):
        name, options, top = CASES[case]
        options = [folder / o if o in rows else o for o in options]
        paths = []
        # All of these once, and two of them in turn.
        at = list(CASES).index(case)
        for ranks, isa in RUNS if case == "mean" else (RUNS[at % 4], RUNS[(at + 1 + at // 4) % 4]):
            paths.append(tmp_path / f"{case}-{ranks}.h5")
            cfmpi("recommend", result.path, "-o", paths[-1], "--score", name, "-n", top,
                  *options, "--threads", ranks, ranks=ranks, env={"CFMPI_ISA": isa})
        cfmpi("verify", paths[0], "--sample", 9, ranks=at % 2 + 1)
        told = [digests(path, "recommendations/") for path in paths]
        assert told.count(told[0]) == len(told), case
        return check(paths[0], dataset, case, rows)
    counts = dict(zip(CASES, together(make, CASES)))
    assert counts["mean"].min() == 10 and counts["sum-filled"].max() <= 25
    assert counts["all"].min() < 1682 and counts["all"].max() == 1682 - 20


def forget(file, name):
    del file["recommendations"].attrs[name]


LIES = {
    "score": (["--score", "sum"],
              lambda file: file["recommendations"].attrs.modify("score", b"mean")),
    "unknown": (["--score", "sum"],
                lambda file: file["recommendations"].attrs.modify("score", b"good")),
    "weight": (["--score", "mean", "--baseline-weight", 3], lambda file: forget(file, "baseline_weight")),
    "popularity": (["--score", "puresvd", "--min-popularity", 200],
                   lambda file: forget(file, "min_popularity")),
    "allow": (["--score", "item-sum", "--allow", "allow"],
              lambda file: file.__delitem__("recommendations/allow")),
    "exclude": (["--score", "popularity", "--exclude", "exclude"],
                lambda file: file.__delitem__("recommendations/exclude")),
    "filled": (["--score", "sum", "--fill", "--allow", "few", "-n", 30],
               lambda file: file.__delitem__("recommendations/filled")),
    "only": (["--score", "sum", "--only", "only"],
             lambda file: file.__delitem__("recommendations/only")),
}


@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
def test_verify_goes_by_what_the_file_says(cfmpi, result, dataset, chosen, tmp_path):
    """Attributes and rows named are what the lists are recomputed from."""
    folder, rows = chosen

    def told(lie):
        options, change = LIES[lie]
        path = tmp_path / f"{lie}.h5"
        cfmpi("recommend", result.path, "-o", path,
              *(folder / o if o in rows else o for o in options))
        with h5py.File(path, "r+") as file:
            change(file)
        outcome = cfmpi("verify", path, "--sample", 30, code=None)
        return outcome.code, "DIFFERENT  recommendations" in outcome.stdout
    expected = {lie: (65, False) if lie == "unknown" else (1, True) for lie in LIES}
    assert dict(zip(LIES, together(told, LIES))) == expected


def test_products_below_the_normal_numbers(cfmpi, tmp_path):
    """Float32 products of such rows are off by whole steps of what is stored."""
    rng = np.random.default_rng(5)
    rated = rng.random((90, 80)) < 0.3
    values = np.where(rated, 3e-44 * rng.integers(1, 6, rated.shape), 0).astype("f4")
    (tmp_path / "tiny.csv").write_text("user,item,rating\n" + "".join(
        f"{u},{i},{float(values[u, i])!r}\n" for u, i in zip(*np.nonzero(rated))))
    cfmpi("svd", "tiny.csv", "--dim", 60, "--tol", 0.1, "-o", "e.h5", cwd=tmp_path)
    outcome = cfmpi("recommend", "e.h5", "--score", "puresvd", "-n", 5, "-o", "r.h5",
                    cwd=tmp_path)
    assert outcome.code == 0, outcome.stderr
    with h5py.File(tmp_path / "r.h5") as file:
        index = file["recommendations/index"][:]
        scores = (file["embedding/users"][:].astype(float)
                  @ file["embedding/items"][:].astype(float).T).astype("f4")
    for u, row in enumerate(np.where(rated, -np.inf, scores)):
        assert list(index[u]) == list(np.lexsort((np.arange(80), -row))[:5]), u
