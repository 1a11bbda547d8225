"""Published figures of other programs, from the same data by the same rule.
Each test prints ours beside the published one."""
import numpy as np
import pytest
from conftest import together

SURPRISE = ["-k", 40, "--similarity", "msd", "--clip", "ratings"]
MYMEDIALITE = ["--similarity", "pearson", "--lambda-users", 12, "--lambda-items", 1,
               "--clip", "ratings"]
# The table of Surprise's README: 5 folds at random, RMSE and MAE.
ON_100K = {
    "KNNBasic": (["user-basic", *SURPRISE], .980, .774, .004),
    "KNNWithMeans": (["user-centered", *SURPRISE], .951, .749, .004),
    "KNNBaseline": (["user-baseline", *SURPRISE], .931, .733, .004),
    "BaselineOnly": (["baseline", "--clip", "ratings"], .944, .748, .004),
    # MyMediaLite 3's examples: 5 folds at random.
    "ItemKNNPearson": (["item-baseline", "-k", 40, "--shrinkage", 2500, *MYMEDIALITE],
                       .913, .714, .008),
    "UserKNNPearson": (["user-baseline", "-k", 60, "--shrinkage", 25, *MYMEDIALITE],
                       .930, .728, .008),
}
ON_1M = {
    "KNNBasic": (["user-basic", *SURPRISE], .923, .727, .004),
    "KNNWithMeans": (["user-centered", *SURPRISE], .929, .738, .004),
    "KNNBaseline": (["user-baseline", *SURPRISE], .895, .706, .004),
    "BaselineOnly": (["baseline", "--clip", "ratings"], .909, .719, .004),
}


def predictions(cfmpi, train, pairs, rule, ranks, out):
    cfmpi("predict", train, "--pairs", pairs, "--rule", *rule, "-o", out, "-q", ranks=ranks,
          timeout=120)
    return np.genfromtxt(out, delimiter=",", skip_header=1)[:, 2]


def errors(predicted, test, train):
    """RMSE and MAE; what is not in the training set gets the mean."""
    off = np.where(np.isnan(predicted), train.mean(), predicted) - test
    return np.sqrt((off ** 2).mean()), np.abs(off).mean()


def check(capsys, name, ours, published, tolerance):
    with capsys.disabled():
        print(f"\n{name}: RMSE {ours[0]:.4f}, MAE {ours[1]:.4f};"
              f" published {published[0]:.3f}, {published[1]:.3f}")
    assert np.abs(np.subtract(ours, published)).max() <= tolerance


@pytest.fixture(scope="module")
def folds(data, tmp_path_factory):
    """[(training file, pairs file, test ratings, training ratings)] of ml-100k."""
    folder, made = tmp_path_factory.mktemp("folds"), []
    for n in range(1, 6):
        base = data / "ml-100k" / f"u{n}.base"
        test = np.loadtxt(data / "ml-100k" / f"u{n}.test")
        np.savetxt(folder / f"{n}.csv", test[:, :2], "%d", ",")
        made.append((base, folder / f"{n}.csv", test[:, 2], np.loadtxt(base)[:, 2]))
    return made


@pytest.mark.parametrize("name", ON_100K)
def test_ml_100k(cfmpi, capsys, folds, tmp_path, name):
    rule, rmse, mae, tolerance = ON_100K[name]

    def one(n):
        base, pairs, test, train = folds[n]
        return errors(predictions(cfmpi, base, pairs, rule, 0, tmp_path / f"{n}.csv"), test,
                      train)
    check(capsys, f"ml-100k {name}", np.mean(together(one, range(5), 2), axis=0),
          (rmse, mae), tolerance)


@pytest.fixture(scope="module")
def fold_of_1m(data, tmp_path_factory):
    """The first of five folds at random."""
    folder = tmp_path_factory.mktemp("1m")
    text = (data / "ml-1m" / "ratings.dat").read_bytes().replace(b"::", b",")
    lines = np.array(text.splitlines())
    held = np.random.default_rng(1).integers(0, 5, len(lines)) == 0
    train, test = folder / "train.csv", folder / "test.csv"
    train.write_bytes(b"\n".join(lines[~held]) + b"\n")
    test.write_bytes(b"\n".join(lines[held]) + b"\n")
    third = [np.array([int(line.split(b",")[2]) for line in lines[at]]) for at in (held, ~held)]
    return train, test, *third


@pytest.mark.parametrize("name", ON_1M)
def test_ml_1m(cfmpi, capsys, fold_of_1m, tmp_path, name):
    rule, rmse, mae, tolerance = ON_1M[name]
    train, pairs, test, rest = fold_of_1m
    predicted = predictions(cfmpi, train, pairs, rule, 2, tmp_path / "p.csv")
    check(capsys, f"ml-1m, a fold, {name}", errors(predicted, test, rest), (rmse, mae),
          tolerance)


def test_lenskit(cfmpi, capsys, data, tmp_path):
    """LensKit's own file of user-kNN predictions, made without rounding."""
    gold = data / "ml-latest-small-2016" / "lenskit-user-user-preds.csv"
    published = np.genfromtxt(gold, delimiter=",", skip_header=1)[:, 2]
    rule = ["user-centered", "-k", 30, "--similarity", "centered-cosine", "--min-similarity",
            1e-6, "--fallback", "none"]
    for ranks in (0, 3):
        ours = predictions(cfmpi, gold.parent / "ratings.csv", gold, rule, ranks,
                           tmp_path / f"{ranks}.csv")
        near = np.abs(ours - published) <= 1e-6
        with capsys.disabled():
            print(f"\nLensKit: {near.sum()} of {len(published)} within 1e-6 by {ranks or 1}"
                  f" ranks, the furthest {np.abs(ours - published).max():.1e};"
                  " published 1756 of 1756")
        assert len(near) == 1756 and near.all()
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "3.csv").read_bytes()
