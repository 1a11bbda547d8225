"""Rules that cannot predict as they were asked to: one line that says why."""
import pytest
from test_bad_input import refuse  # noqa: F401

ASKED = [
    # what the command line has besides, exit code, what the line says
    (["--rule", "nonsense"], 64, "--rule: 'nonsense' is not one of mean, .*user-centered"),
    (["--rule", "mean"], 64, "good.csv: has no /neighbors/users, .*--rule=mean"),
    (["--rule", "svd"], 64, "good.csv: has no /embedding, .*--rule=svd.*cfmpi svd"),
    (["--rule", "user-basic", "--space", "embedding"], 64, "good.csv: has no /embedding"),
    (["--rule", "user-basic", "--space", "both"], 64, "--space: .*say embedding or ratings"),
    (["--rule", "baseline", "-k", "5"], 64, "--neighbors: --rule=baseline does not look"),
    (["--rule", "user-mean", "--similarity", "msd"], 64, "--similarity: --rule=user-mean"),
    (["--rule", "item-mean", "--fallback", "none"], 64, "--fallback: --rule=item-mean"),
    (["--rule", "user-basic", "--sweeps", "5"], 64, "--sweeps: --rule=user-basic has no base"),
    (["--rule", "user-basic", "--similarity", "euclidean"], 64, "--similarity: a distance"),
    (["--rule", "user-basic", "--similarity", "msd", "--shrinkage", "5"], 64,
     "--shrinkage: msd has none"),
    (["--rule", "user-basic", "--similarity", "msd", "--space", "embedding"], 64,
     "--similarity: msd compares ratings"),
    (["--rule", "user-basic", "--min-similarity", "-0.1"], 64, "--min-similarity: .*above 0"),
    (["--rule", "user-basic", "--min-similarity", "much"], 64, "--min-similarity: 'much'"),
    (["--rule", "user-basic", "--clip", "5:1"], 64, "--clip: '5:1' is no range"),
    (["--rule", "user-basic", "--clip", "stars"], 64, "--clip: 'stars' is no range"),
    (["--rule", "user-basic", "--min-neighbors", "0"], 64, "--min-neighbors: '0'"),
    (["--rule", "user-basic", "--similarity", "asymmetric-cosine", "--alpha", "1.5"], 64,
     "--alpha: 1.5 is over 1"),
    (["--rule", "user-basic", "--score", "mean"], 64, "--score is not an option"),
]


@pytest.mark.parametrize("given, code, message", ASKED,
                         ids=[" ".join(case[0][1:]) for case in ASKED])
def test_what_a_rule_is_asked(refuse, given, code, message):  # noqa: F811
    (refuse.folder / "pairs.csv").write_text("1,1\n")
    refuse(code, message, "predict", "good.csv", "--pairs", "pairs.csv", "-o", "new.csv", *given,
           ranks=0)


OF_FILES = [
    (["--rule", "mean"], 65, "m.h5: has no /neighbors/users"),
    (["--rule", "svd"], 65, "m.h5: has no /embedding"),
    (["--rule", "user-mean", "--columns", "user=1"], 64, "m.h5: holds ratings already, so --col"),
    (["--rule", "user-mean", "good.csv"], 64, "m.h5: is a result file, which is read alone"),
]


@pytest.mark.parametrize("given, code, message", OF_FILES)
def test_result_files(cfmpi, refuse, given, code, message):  # noqa: F811
    (refuse.folder / "pairs.csv").write_text("1,1\n")
    cfmpi("ingest", "good.csv", "-o", "m.h5", cwd=refuse.folder)
    refuse(code, message, "predict", "m.h5", "--pairs", "pairs.csv", "-o", "new.csv", *given,
           ranks=3)


def test_ratings_without_weights_only(cfmpi, refuse):  # noqa: F811
    (refuse.folder / "pairs.csv").write_text("1,1\n")
    cfmpi("svd", "good.csv", "--dim", 2, "--weighting", "log", "-o", "e.h5", cwd=refuse.folder)
    refuse(65, "e.h5: its embedding is of weighted ratings .*--weighting=log", "predict", "e.h5",
           "--rule", "svd", "--pairs", "pairs.csv", "-o", "new.csv", ranks=2)


def test_ratings_that_are_all_equal(cfmpi, refuse):  # noqa: F811
    """Nothing deviates from anything: every rule says the one value, and who
    shares no item with anyone gets the fallback."""
    rows = "".join(f"{u},{i},4\n" for u in range(6) for i in range(5) if (u + i) % 3)
    (refuse.folder / "equal.csv").write_text(rows + "99,99,4\n")
    (refuse.folder / "pairs.csv").write_text("0,0\n5,1\n99,1\n0,99\n")
    for rule in ("user-basic", "user-centered", "user-zscore", "item-baseline", "item-zscore"):
        made = cfmpi("predict", "equal.csv", "--pairs", "pairs.csv", "--rule", rule,
                     "--similarity", "cosine", cwd=refuse.folder, ranks=2 if rule == "user-zscore" else 0)
        assert made.stdout.splitlines()[1:] == ["0,0,4", "5,1,4", "99,1,4", "0,99,4"]
        assert "2 of 4 pairs could not be told" in made.stderr
