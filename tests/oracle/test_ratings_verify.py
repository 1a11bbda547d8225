"""What lists on the ratings are by stands beside them, and verify makes them
anew from that."""
import h5py
import pytest
from reference import text

CASES = [
    ("cosine", {"shrinkage": 50.0, "min-overlap": 5, "significance": 20}),
    ("euclidean", {"min-overlap": 3}),
    ("adjusted-cosine", {"min-overlap": 2}),
    ("asymmetric-cosine", {"alpha": 0.2, "shrinkage": 3.0}),
    ("pearson", {"shrinkage": 100.0, "significance": 7}),
    ("pearson-baseline", {}),
    ("tversky", {"alpha": 0.9, "beta": 0.1}),
    ("rp3beta", {"alpha": 0.8, "beta": 0.4}),
    ("dot", {"weighting": "bm25", "center": "both"}),
]


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("name, options", CASES)
def test_parameters(cfmpi, dataset, tmp_path, name, options):
    path = tmp_path / "n.h5"
    given = [f"--{option}={value}" for option, value in options.items()]
    cfmpi("neighbors", dataset.ratings, "--space", "ratings", "--side", "both",
          "--similarity", name, *given, "-k", 12, "-o", path, ranks=2)
    with h5py.File(path) as file:
        told = {side: dict(file["neighbors"][side].attrs) for side in ("users", "items")}
    expected = {"min-overlap": 1, "weighting": "none", "center": "none", **options}
    if name == "pearson-baseline":
        expected["shrinkage"] = 100
    for side in told.values():
        for option, value in expected.items():
            stored = side[option.replace("-", "_")]
            assert (text(stored) if isinstance(value, str) else stored) == value
        assert ("beta" in side) == (name in ("tversky", "rp3beta"))
    verdict = cfmpi("verify", path, "--sample", 30, ranks=3).stdout
    assert verdict.count("of 30 ") == 2 and "DIFFERENT" not in verdict


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
def test_other_parameters(cfmpi, dataset, tmp_path):
    """Lists that are not by what they say."""
    path = tmp_path / "n.h5"
    for name, value, code, told in (("shrinkage", 5.0, 1, "20 differ"),
                                    ("weighting", "log", 1, " differ"),
                                    ("min_overlap", 9, 1, " differ"),
                                    ("shrinkage", float("nan"), 65, "parameters"),
                                    ("weighting", "gold", 65, "parameters")):
        cfmpi("neighbors", dataset.ratings, "--space", "ratings", "-k", 12, "-o", path,
              "--force")
        with h5py.File(path, "r+") as file:
            del file["neighbors/users"].attrs[name]
            file["neighbors/users"].attrs[name] = value
        outcome = cfmpi("verify", path, code=code, ranks=2)
        if code == 1:
            line, = [row for row in outcome.stdout.splitlines() if row.startswith("DIFF")]
            assert "by brute force on the ratings" in line and told in line
        else:
            assert told in outcome.errors[0]
