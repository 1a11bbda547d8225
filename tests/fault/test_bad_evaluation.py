"""Evaluations that cannot be made say why; those that can, although little is
there, are made."""
import json

import pytest

ROWS = [(u, i, 1 + (u * 7 + i * 3) % 5, 100 * u + i) for u in range(1, 13)
        for i in range(1, 9) if (u + i) % 3]
HEAD = "user,item,rating,time\n"


@pytest.fixture
def folder(tmp_path):
    def text(rows):
        return HEAD + "".join(",".join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "r.csv").write_text(text(ROWS))
    (tmp_path / "equal.csv").write_text(text((u, i, 4, 0) for u, i, _, _ in ROWS))
    (tmp_path / "one.csv").write_text(text((1, i, i % 5 + 1, i) for i in range(1, 11)))
    (tmp_path / "leak.csv").write_text(text(ROWS[5:7] + [(1, 99, 5, 0)]))
    (tmp_path / "test.csv").write_text(text([(1, 3, 5, 0), (2, 5, 5, 0), (77, 3, 4, 0)]))
    (tmp_path / "empty.csv").write_text(HEAD)
    (tmp_path / "plain.csv").write_text("user,item,rating\n1,1,4\n1,2,3\n2,1,5\n2,2,4\n")
    return tmp_path


REFUSED = {
    "no such split": (["--split", "bogus"], 64, "'bogus' is not one of random, kfold"),
    "no such metric": (["--by", "auc@10"], 64, "'auc@10' is not one of rmse, mae"),
    "errors have no length": (["--by", "rmse@10"], 64, "'rmse@10' is not one of"),
    "length not asked for": (["--by", "ndcg@7"], 64, "7 is not one of --at=5,10,20"),
    "length no number": (["--at", "5,x"], 64, "'x' is no length of a list"),
    "length 0": (["--at", "0"], 64, "'0' is no length of a list"),
    "length twice": (["--at", "5,5"], 64, "5 stands there twice"),
    "cut no time": (["--split", "temporal", "--cut", "soon"], 64, "'soon' is no time"),
    "cut after all": (["--split", "temporal", "--cut", "9999"], 65,
                      "no rating falls into test set 1 of 1"),
    "cut before all": (["--split", "temporal", "--cut", "0"], 65,
                       "none is left to learn from"),
    "empty share": (["--test-share", "1e-9"], 65, "no rating falls into test set 1 of 1"),
    "empty fold": (["--split", "kfold", "--folds", "500"], 65, "no rating falls into test set"),
    "option of another split": (["--folds", "3"], 64, "--split=random has none"),
    "cut and share": (["--split", "temporal", "--cut", "500", "--test-share", "0.3"], 64,
                      "--cut: stands in place of --test-share"),
    "leave and share": (["--split", "per-user", "--leave", "1", "--test-share", "0.3"], 64,
                        "--leave: stands in place of --test-share"),
    "leave nothing": (["--split", "leave-last-out", "--leave", "0"], 64,
                      "0 ratings of a user test nothing"),
    "split and test": (["--test", "test.csv", "--test-share", "0.1"], 64,
                       "--test says what to test by"),
    "leak without test": (["--allow-leak"], 64, "is for --test"),
    "leak": (["--test", "leak.csv"], 65, "in r.csv too, as are 2 in all"),
    "test without ratings": (["--test", "empty.csv"], 65, "empty.csv"),
    "no test file": (["--test", "gone.csv"], 66, "gone.csv"),
    "test is the input": (["--test", "r.csv"], 64, "are the same file"),
    "distances": (["--similarity", "euclidean"], 64, "a distance is no weight"),
    "both spaces": (["--space", "both"], 64, "say embedding or ratings"),
    "both spaces of a rule": (["--space", "both", "--rule", "user-basic", "--score",
                               "popularity"], 64, "say embedding or ratings"),
    "both spaces in a grid": (["--grid", "space=ratings,both"], 64, "say embedding or ratings"),
    "of ratings": (["--similarity", "pearson", "--space", "embedding"], 64,
                   "add --space=ratings"),
    "best by what is not measured": (["--measure", "lists", "--by", "rmse"], 64,
                                     "--measure=lists does not find rmse"),
    "best by lists that are not made": (["--measure", "errors", "--by", "ndcg"], 64,
                                        "--measure=errors does not find ndcg"),
    "lengths of lists that are not made": (["--measure", "errors", "--at", "5"], 64,
                                           "--measure=errors makes no lists"),
    "score of lists that are not made": (["--measure", "errors", "--rule", "svd", "--score",
                                          "sum"], 64, "--score: nothing here goes by it"),
    "embedding for ratings": (["--measure", "errors"], 64, "--dim: nothing here goes by it"),
    "rule that predicts nothing": (["--measure", "lists", "--rule", "mean"], 64,
                                   "--rule: nothing here goes by it"),
    "grid without values": (["--grid", "neighbors"], 64, "'neighbors' is no NAME=VALUE"),
    "grid of an unknown option": (["--grid", "bogus=1"], 64, "'bogus' is no option"),
    "grid of another option": (["--grid", "split=random"], 64, "'split' is no option"),
    "grid of a value that is none": (["--grid", "dim=4,many"], 64, "'many' is not an integer"),
    "grid with one option twice": (["--grid", "dim=4 dim=5"], 64, "dim stands there twice"),
    "grid with a gap": (["--grid", "dim=4,,5"], 64, "'' is not an integer"),
    "grid that is too large": (["--grid", "neighbors=" + ",".join(map(str, range(1, 200)))
                                + " dim=" + ",".join(map(str, range(1, 200)))], 64,
                               "over 10000 combinations"),
    "grid of no use": (["--grid", "neighbors=2,3 alpha=0.1,0.2"], 64, "--alpha: is for ratings"),
    "given of no use": (["--grid", "neighbors=2,3", "--rule", "mean", "--min-overlap", "2"],
                        64, "--min-overlap: is for ratings"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(cfmpi, folder, case):
    options, code, message = REFUSED[case]
    outcome = cfmpi("evaluate", "r.csv", "--dim", 4, *options, "-o", "e.json", "-q",
                    ranks=2 if case in ("leak", "empty fold") else 0, cwd=folder, code=code)
    assert len(outcome.errors) == 1 and message in outcome.errors[0]
    assert outcome.stdout == "" and not (folder / "e.json").exists()


def test_no_times(cfmpi, folder):
    outcome = cfmpi("evaluate", "plain.csv", "--split", "leave-last-out", cwd=folder, code=None, ranks=0)
    assert outcome.code in (64, 65) and "time" in outcome.errors[0]
    cfmpi("ingest", "r.csv", "-o", "r.h5", cwd=folder, ranks=0)
    outcome = cfmpi("evaluate", "r.h5", "--split", "temporal", cwd=folder, code=65, ranks=0)
    assert "--split=temporal goes by; make it with" in outcome.errors[0]
    outcome = cfmpi("evaluate", "r.h5", "--scale", "1:5", cwd=folder, code=64, ranks=0)
    assert "holds ratings already, so --scale has nothing to set" in outcome.errors[0]


def test_options_of_text_beside_files(cfmpi, folder):
    """Test ratings may be text where the input is none; who is left out is left
    out of the input."""
    for name in ("r", "test"):
        cfmpi("ingest", f"{name}.csv", "-o", f"{name}.h5", cwd=folder, ranks=0)
    outcomes = [cfmpi("evaluate", source, "--test", test, "--allow-leak", *options, "-q",
                      cwd=folder, code=code, ranks=2 if code else 0) for source, test, options, code in (
        ("r.h5", "test.h5", ["--scale", "1:5"], 64),
        ("r.h5", "test.csv", ["--min-user-ratings", 2], 64),
        ("r.h5", "test.csv", ["--scale", "1:5"], 0),
        ("r.csv", "test.h5", ["--scale", "1:5", "--min-user-ratings", 2], 0))]
    for outcome, name in zip(outcomes, ("scale", "min-user-ratings")):
        assert f"r.h5: holds ratings already, so --{name} has nothing" in outcome.errors[0]


def test_existing_output(cfmpi, folder):
    (folder / "e.json").write_text("mine")
    cfmpi("evaluate", "r.csv", "-o", "e.json", cwd=folder, code=73, ranks=0)
    assert (folder / "e.json").read_text() == "mine"


def made(cfmpi, folder, *args, ranks=0):
    cfmpi("evaluate", *args, "-o", "e.json", "--force", "-q", ranks=ranks, cwd=folder)
    found = json.loads((folder / "e.json").read_text())
    return found["trials"][0]["metrics"], found


def test_leak_that_is_allowed(cfmpi, folder):
    _, found = made(cfmpi, folder, "r.csv", "--space", "ratings", "--test", "leak.csv",
                    "--allow-leak")
    assert found["split"]["folds"][0]["tested"] == 3


def test_equal_ratings(cfmpi, folder):
    metrics, _ = made(cfmpi, folder, "equal.csv", "--space", "ratings", "--rule", "mean")
    assert metrics["rmse"]["mean"] == metrics["mae-fallback"]["mean"] == 0
    assert 0 < metrics["ndcg@5"]["mean"] <= 1
    metrics, _ = made(cfmpi, folder, "equal.csv", "--space", "ratings", "--similarity",
                      "pearson")
    assert metrics["covered"]["mean"] == 0 and metrics["rmse"]["mean"] is None
    assert metrics["rmse-fallback"]["mean"] == 0 and metrics["gini@5"]["mean"] is None


def test_one_user(cfmpi, folder):
    metrics, found = made(cfmpi, folder, "one.csv", "--dim", 1, ranks=3)
    assert metrics["covered"]["mean"] == 0 and metrics["hit-rate@5"]["mean"] == 0
    assert metrics["precision-lenskit@5"]["mean"] is None
    assert found["split"]["folds"][0]["users"] == 1


def test_nothing_relevant(cfmpi, folder):
    metrics, found = made(cfmpi, folder, "r.csv", "--space", "ratings", "--relevant", 6,
                          "--grid", "neighbors=2,4")
    assert metrics["ndcg@10"]["mean"] is None and found["best"] is None
    assert metrics["coverage@10"]["mean"] > 0
    outcome = cfmpi("evaluate", "r.csv", "--space", "ratings", "--relevant", 6, "--grid",
                    "neighbors=2,4", cwd=folder, ranks=0)
    assert "defined for none" in outcome.stdout
    assert "no test rating is 6 or more" in outcome.stderr


def test_sets_without_relevant_ratings(cfmpi, folder):
    """One relevant rating is in one of four sets, whichever comes first."""
    (folder / "few.csv").write_text(HEAD + "".join(
        f"{u},{i},{5 if (u, i) == (1, 1) else 3},0\n" for u, i, _, _ in ROWS))
    args = ("few.csv", "--space", "ratings", "--split", "kfold", "--folds", 4)
    metrics, found = made(cfmpi, folder, *args)
    assert sorted(fold["users"] for fold in found["split"]["folds"]) == [0, 0, 0, 1]
    assert sum(x is not None for x in metrics["ndcg@10"]["folds"]) == 1
    assert metrics["ndcg@10"]["mean"] is None
    outcome = cfmpi("evaluate", *args, cwd=folder, ranks=0)
    assert "3 of 4 test sets have no rating of 4 or more" in outcome.stderr
    assert "no test rating is" not in outcome.stderr


def test_lists_longer_than_the_items(cfmpi, folder):
    metrics, _ = made(cfmpi, folder, "r.csv", "--space", "ratings", "--at", "5,1000")
    assert 0 < metrics["precision@1000"]["mean"] <= 8 / 1000
    assert metrics["recall@1000"]["mean"] >= metrics["recall@5"]["mean"] > 0
    outcome = cfmpi("evaluate", "r.csv", "--space", "ratings", "--at", "1000", cwd=folder,
                    ranks=0)
    assert "lists of 1000 hold all of the 8 items" in outcome.stderr
