"""New users from their ratings alone: a user of the file who is given again as
new gets the stored answer bit for bit; others what the formulae say."""
import h5py
import numpy as np
import pytest
import reference
from conftest import together
from reference import digests, load, text

USERS, ITEMS = 130, 90
# What the file is made with, by name; "query" holds options of the query.
FILES = {
    "cosine": ("-k", 12, "--dim", 20),
    "dot": ("--similarity", "dot", "--embedding", "us-half", "--score", "sum", "-k", 7,
            "--dim", 18),
    "centred": ("--weighting", "tfidf", "--center", "both", "--score", "puresvd",
                "--embedding", "u", "--dim", 9, "-k", 5),
    "bound": ("--min-similarity", 0.5, "-k", 6, "--dim", 33, "--score", "popularity",
              "--exclude", "some.txt"),
    "pearson": ("--space", "ratings", "--similarity", "pearson", "--shrinkage", 3,
                "--min-overlap", 2, "--score", "mean", "--baseline-weight", 1.5, "--min-popularity", 20,
                "--fill", "-n", 17),
    "ratings": ("--space", "ratings", "-k", 9, "--weighting", "log", "--center", "user",
                "--min-similarity", 0.05, "--allow", "some.txt", "--fill"),
    "walks": ("--space", "ratings", "--similarity", "rp3beta", "--side", "both", "--score",
              "item-sum", "-k", 4),
    "baseline": ("--space", "ratings", "--similarity", "pearson-baseline", "-k", 8,
                 "--significance", 5),
    "jaccard": ("--space", "ratings", "--similarity", "jaccard", "-k", 200),
}


def write(path, rows):
    path.write_text("userId,movieId,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows))


@pytest.fixture(scope="module")
def rows():
    """Half stars of users who rate much and little, some of them alike; ids that
    are not rows."""
    rng = np.random.default_rng(11)
    made = []
    for u in range(USERS):
        items = rng.permutation(ITEMS)[:1 + u * 37 % 41]
        made += [(3 * u + 7, 2 * int(i) + 1, rng.integers(1, 11) / 2) for i in items]
    return made + [(u, i, 4.5) for u in (900, 901, 902) for i in (1, 3)]


@pytest.fixture(scope="module")
def folder(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("query")
    write(path / "r.csv", rows)
    (path / "some.txt").write_text("".join(f"{2 * i + 1}\n" for i in range(0, ITEMS, 3)))
    return path


def given_again(folder, rows, users):
    write(folder / f"{users[0]}.csv", [row for row in rows if row[0] in users])
    return f"{users[0]}.csv"


def stored(path, group, row):
    with h5py.File(path) as file:
        return {name: file[group][name][row] for name in file[group]
                if name in ("index", "score", "count", "gap", "ties", "filled")}


def check_same(made, asked, user):
    """The stored answer, to the bit."""
    row = np.searchsorted(load(made, "users/id"), user)
    at = np.searchsorted(load(asked, "queries/id"), user)
    for group, other in (("neighbors/users", "neighbors/queries"),
                         ("recommendations", "recommendations/queries")):
        wanted, got = stored(made, group, row), stored(asked, other, at)
        assert wanted.keys() == got.keys() and len(wanted) >= 3
        for name, value in wanted.items():
            assert np.array_equal(value, got[name], equal_nan=value.dtype.kind == "f"), name


@pytest.mark.parametrize("name", FILES)
def test_stored_answer(cfmpi, folder, rows, name):
    cfmpi("run", "r.csv", *FILES[name], "-o", f"{name}.h5", "-q", ranks=2, cwd=folder)
    users = (7, 352, 901)
    new = given_again(folder, rows, users)

    def one(user):
        out = folder / f"{name}-{user}.h5"
        cfmpi("query", f"{name}.h5", "--new", new, "--exclude-user", user, "-o", out, "-q",
              ranks=(0, 2, 5)[users.index(user)], cwd=folder)
        return out
    for user, asked in zip(users, together(one, users)):
        check_same(folder / f"{name}.h5", asked, user)
        if "space" not in str(FILES[name]):
            row = np.searchsorted(load(folder / f"{name}.h5", "users/id"), user)
            at = users.index(user)
            assert np.array_equal(load(folder / f"{name}.h5", "embedding/users")[row],
                                  load(asked, "queries/vectors")[at])


def test_stored_answer_of_real_data(cfmpi, data, result_of, tmp_path):
    made = result_of("ml-latest-small").path
    lines = (data / "ml-latest-small" / "ratings.csv").read_text().splitlines(True)
    new = tmp_path / "new.csv"
    new.write_text(lines[0] + "".join(x for x in lines if x.startswith(("414,", "53,"))))
    for user in (414, 53):
        out = tmp_path / f"{user}.h5"
        cfmpi("query", made, "--new", new, "--exclude-user", user, "-o", out, "-q", ranks=2)
        check_same(made, out, user)


def test_twin_comes_first(cfmpi, folder, rows):
    new = given_again(folder, rows, (100, 352))
    for args in (("--dim", 12), ("--space", "ratings")):
        cfmpi("run", "r.csv", *args, "-o", "twin.h5", "--force", "-q", cwd=folder)
        cfmpi("query", "twin.h5", "--new", new, "-o", "t.h5", "--force", "-q", ranks=2,
              cwd=folder)
        users, index, score = load(folder / "t.h5", "users/id", "neighbors/queries/index",
                                   "neighbors/queries/score")
        assert users[index[:, 0]].tolist() == [100, 352]
        assert np.allclose(score[:, 0], 1, rtol=1e-6)


def test_many_who_are_equal(cfmpi, tmp_path):
    """Ties beyond the list, the excluded user among them."""
    rows = [(u, i, 3 + i % 2) for u in range(1, 41) for i in range(1, 6)]
    write(tmp_path / "r.csv", rows + [(90, 1, 1), (90, 9, 2), (91, 9, 3)])
    new = given_again(tmp_path, rows, (1, 40))
    for args in (("--space", "ratings"), ("--dim", 2)):
        cfmpi("run", "r.csv", *args, "-k", 3, "--score", "sum", "-o", "r.h5", "--force", "-q",
              cwd=tmp_path)
        for user in (1, 40):
            cfmpi("query", "r.h5", "--new", new, "--exclude-user", user, "-o", "q.h5",
                  "--force", "-q", ranks=2, cwd=tmp_path)
            check_same(tmp_path / "r.h5", tmp_path / "q.h5", user)
        assert load(tmp_path / "q.h5", "neighbors/queries/ties").tolist() == [36, 36]


@pytest.fixture(scope="module")
def newcomers(folder):
    rng = np.random.default_rng(3)
    rows = [(u, 2 * int(i) + 1, rng.integers(1, 11) / 2) for u in range(5001, 5013)
            for i in rng.permutation(ITEMS + 4)[:25]]
    write(folder / "new.csv", rows + [(6000, 1000, 3), (6001, 1002, 4)])
    return rows


@pytest.fixture(scope="module")
def asked(cfmpi, folder, newcomers):
    """The answer of each rank count, which must be the same."""
    cfmpi("run", "r.csv", "-k", 12, "--dim", 20, "--score", "mean", "-o", "base.h5", "-q",
          cwd=folder)

    def one(ranks):
        return cfmpi("query", "base.h5", "--new", "new.csv", "-o", f"asked{ranks}.h5",
                     ranks=ranks, cwd=folder)
    outcomes = together(one, (1, 2, 5))
    first, *others = [digests(folder / f"asked{ranks}.h5") for ranks in (1, 2, 5)]
    assert all(other == first for other in others)
    return folder / "asked1.h5", outcomes


def test_newcomers(asked, folder, rows, newcomers):
    path, outcomes = asked
    v, base, items, users = load(folder / "base.h5", "embedding/items", "embedding/users",
                                 "items/id", "users/id")
    ids, count, known, vectors = load(path, "queries/id", "queries/count", "queries/known",
                                      "queries/vectors")
    assert ids.tolist() == [*range(5001, 5013), 6000, 6001]
    at = {item: column for column, item in enumerate(items.tolist())}
    matrix = np.zeros((len(ids), len(items)))
    for user, item, rating in newcomers:
        if item in at:
            matrix[user - 5001, at[item]] = rating
    assert np.array_equal(known, (matrix > 0).sum(1))
    assert count.tolist() == [25] * 12 + [1, 1] and (known[:12] < 25).any()
    assert np.allclose(vectors, matrix @ v.astype(float), rtol=1e-6, atol=1e-6)
    wanted = reference.neighbors(base, 12, queries=vectors[:12])
    index, score = load(path, "neighbors/queries/index", "neighbors/queries/score")
    assert np.array_equal(index[:12], wanted.index)
    ratings = np.zeros((len(users), len(items)))
    for user, item, rating in rows:
        ratings[np.searchsorted(users, user), at[item]] = rating
    top, value, has = load(path, "recommendations/queries/index",
                           "recommendations/queries/score", "recommendations/queries/count")
    for u in range(12):
        s, r = score[u].astype(float)[:, None], ratings[index[u]]
        weight = (s * (r > 0)).sum(0)
        with np.errstate(invalid="ignore"):
            mean = np.where((weight > 0) & (matrix[u] == 0), (s * r).sum(0) / weight, -1)
        mean = mean.astype(np.float32)
        order = np.lexsort((np.arange(len(items)), -mean))[:10]
        assert has[u] == 10 and np.array_equal(top[u], order)
        assert np.allclose(value[u], mean[order], rtol=1e-6)
    # Who has rated nothing that is known is named, and has nothing.
    assert known[12:].tolist() == [0, 0] and np.all(has[12:] == 0) and np.all(top[12:] == -1)
    assert np.all(index[12:] == -1) and np.all(np.isnan(score[12:]))
    for outcome in outcomes:
        assert "2 of 14 new users have rated nothing" in outcome.stderr
        assert "6000, 6001" in outcome.stderr
        assert "items of new.csv are not among those of base.h5: their ratings do not count" \
            in outcome.stderr
        assert outcome.stdout == ""


def test_what_reads_the_answer(cfmpi, asked):
    path, _ = asked
    assert "10 for each of 14" in cfmpi("info", path, ranks=0).stdout
    assert "DIFFERENT" not in cfmpi("verify", path, ranks=2).stdout
    lists, items, users, ids = load(path, "recommendations/queries/index", "items/id",
                                    "users/id", "neighbors/queries/index")
    first = cfmpi("export", path, "--part", "recommendations-queries", "-q",
                  ranks=0).stdout.splitlines()[:2]
    assert first[0].startswith("query,rank,item,score")
    assert first[1].startswith(f"5001,1,{items[lists[0, 0]]},")
    first = cfmpi("export", path, "--part", "neighbors-queries", "-q",
                  ranks=0).stdout.splitlines()[1]
    assert first.startswith(f"5001,1,{users[ids[0, 0]]},")
    with h5py.File(path) as file:
        assert text(file["recommendations/queries"].attrs["score"]) == "mean"
        assert text(file["neighbors/queries"].attrs["among"]) == "users"


def test_on_the_terminal(cfmpi, folder, rows):
    cfmpi("run", "r.csv", "-k", 12, "--dim", 20, "-o", "shown.h5", "-q", cwd=folder)
    write(folder / "few.csv", [("anna", 1, 5), ("anna", 3, 2), ("bo", 777, 1), ("bo", 779, 2)])
    outcomes = together(lambda n: cfmpi("query", "shown.h5", "--new", "few.csv", "-n", 3,
                                        ranks=n, cwd=folder), (0, 2, 3))
    shown = outcomes[0].stdout
    assert all(outcome.stdout == shown for outcome in outcomes)
    assert "user anna, 2 known items rated" in shown
    assert shown.endswith("user bo, 0 known items rated\n  nearest users\n    none\n"
                          "  recommended: nothing\n")
    # A result file has new users, too.
    cfmpi("ingest", "few.csv", "-o", "few.h5", "-q", cwd=folder)
    again = cfmpi("query", "shown.h5", "--new", "few.h5", "-n", 3, ranks=2, cwd=folder)
    assert again.stdout == shown


def test_files_without_lists(cfmpi, folder):
    """The embedding alone will do, by cosine; distances recommend nothing."""
    write(folder / "one.csv", [(1, 1, 5), (1, 3, 2), (1, 7, 3)])
    cfmpi("svd", "r.csv", "--dim", 5, "-o", "svd.h5", "-q", cwd=folder)
    cfmpi("query", "svd.h5", "--new", "one.csv", "-k", 6, "-o", "s.h5", "-q", cwd=folder)
    assert load(folder / "s.h5", "neighbors/queries/index").shape == (1, 6)
    assert load(folder / "s.h5", "recommendations/queries/count").tolist() == [10]
    cfmpi("neighbors", "svd.h5", "--similarity", "euclidean", "-k", 4, "-o", "far.h5", "-q",
          cwd=folder)
    outcome = cfmpi("query", "far.h5", "--new", "one.csv", "-o", "f.h5", ranks=2, cwd=folder)
    assert "nothing is recommended" in outcome.stderr
    wanted = reference.neighbors(load(folder / "svd.h5", "embedding/users"), 4, "euclidean",
                                 load(folder / "f.h5", "queries/vectors"))
    assert np.array_equal(load(folder / "f.h5", "neighbors/queries/index"), wanted.index)
    with h5py.File(folder / "f.h5") as file:
        assert "recommendations" not in file
    cfmpi("query", "far.h5", "--new", "one.csv", "--score", "mean", code=64, cwd=folder)
    cfmpi("query", "far.h5", "--new", "one.csv", "--score", "puresvd", "-q", cwd=folder)


@pytest.fixture(scope="module")
def plain(cfmpi, folder):
    cfmpi("run", "r.csv", "--dim", 5, "-o", "plain.h5", "-q", cwd=folder)
    cfmpi("ingest", "r.csv", "-o", "matrix.h5", "-q", cwd=folder)
    write(folder / "good.csv", [(1, 1, 5)])
    write(folder / "strange.csv", [(1, 1000, 5), (2, 1002, 4)])
    write(folder / "many.csv", [(u, 1, 5) for u in range(11)])
    write(folder / "bad.csv", [(1, 1, "five")])
    write(folder / "twice.csv", [(1, 1, 5), (1, 1, 4)])
    (folder / "empty.csv").write_text("userId,movieId,rating\n")
    np.save(folder / "x.npy", np.ones((3, 5), np.float32))
    return folder


@pytest.mark.parametrize("code, says, args", [
    (64, "--new FILE", ("plain.h5",)),
    (64, "query needs a result file", ("r.csv", "--new", "good.csv")),
    (66, "none.h5", ("none.h5", "--new", "good.csv")),
    (66, "none.csv", ("plain.h5", "--new", "none.csv")),
    (64, "holds vectors, not ratings", ("plain.h5", "--new", "x.npy")),
    (65, "none of its 2 items", ("plain.h5", "--new", "strange.csv")),
    (65, "there is no user '8'", ("plain.h5", "--new", "good.csv", "--exclude-user", 8)),
    (64, "has 11 users, too many to show", ("plain.h5", "--new", "many.csv")),
    (65, "'five' is not a number", ("plain.h5", "--new", "bad.csv")),
    (65, "twice.csv", ("plain.h5", "--new", "twice.csv")),
    (65, "empty.csv", ("plain.h5", "--new", "empty.csv")),
    (64, "--output and --new are the same", ("plain.h5", "--new", "good.csv", "-o", "good.csv",
                                             "--force")),
    (64, "--report and --new are the same", ("plain.h5", "--new", "good.csv", "--report",
                                             "good.csv")),
    (73, "many.csv", ("plain.h5", "--new", "good.csv", "-o", "many.csv")),
    (65, "has no /embedding", ("matrix.h5", "--new", "good.csv")),
    (65, "has no /neighbors/items", ("plain.h5", "--new", "good.csv", "--score", "item-sum")),
])
def test_bad_questions(cfmpi, plain, code, says, args):
    outcome = cfmpi("query", *args, ranks=2 if code == 65 else 0, code=code, cwd=plain)
    assert len(outcome.errors) == 1 and says in outcome.errors[0]
    assert outcome.stdout == ""
