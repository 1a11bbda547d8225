"""Recommendations that cannot be made, and those that are empty."""
import numpy as np
import pytest
from conftest import together
from faults import HEADER, check_error
from reference import load

# User 1 has seen everything; items 1 to 6.
SEEN = [(user, item) for user in range(1, 9) for item in range(1, 7)
        if user == 1 or (user + item) % 3]
RATINGS = HEADER + "".join(f"{user},{item},{(user * item) % 9 / 2 + 0.5},0\n"
                           for user, item in SEEN)
BAD = {
    "no_item_lists": (65, r"users\.h5: has no /neighbors/items.*--side=items",
                      ["recommend", "users.h5", "--score", "item-sum"]),
    "no_user_lists": (65, r"items\.h5: has no /neighbors/users",
                      ["recommend", "items.h5"]),
    "no_embedding": (65, r"ratings\.h5: has no /embedding",
                     ["recommend", "ratings.h5", "--score", "puresvd"]),
    "run_item_lists": (64, "--score: item-sum needs .*--side=items",
                       ["run", "r.csv", "--score", "item-sum"]),
    "run_user_lists": (64, "--side: sum needs .*--side=both",
                       ["run", "r.csv", "--score", "sum", "--side", "items"]),
    "run_no_embedding": (64, "--score: puresvd needs an embedding",
                         ["run", "r.csv", "--score", "puresvd", "--space", "ratings"]),
    "run_file_item_lists": (64, "--score: item-sum needs .*--side=items",
                            ["run", "users.h5", "--score", "item-sum"]),
    "weight": (64, "--baseline-weight: is for --score=mean",
               ["recommend", "users.h5", "--score", "sum", "--baseline-weight", "2"]),
    "unknown_item": (65, r"bad:2: there is no 'x' among the items of users\.h5",
                     ["recommend", "users.h5", "--exclude", "bad"]),
    "unknown_allowed": (65, r"bad:2: there is no 'x' among the items",
                        ["recommend", "users.h5", "--allow", "bad"]),
    "unknown_user": (65, r"bad:2: there is no 'x' among the users",
                     ["recommend", "users.h5", "--only", "bad"]),
    "run_unknown_item": (65, r"bad:2: there is no 'x' among the items of r\.csv",
                         ["run", "r.csv", "--dim", "2", "--exclude", "bad"]),
    "no_ids": (65, "blank: there are no ids", ["recommend", "users.h5", "--allow", "blank"]),
    "no_file": (66, "there_is_none", ["recommend", "users.h5", "--allow", "there_is_none"]),
    "same_file": (64, "--allow and --exclude are the same file",
                  ["recommend", "users.h5", "--allow", "bad", "--exclude", "bad"]),
    "predict": (64, "--score is not an option",
                ["predict", "users.h5", "--pairs", "r.csv", "--score", "sum"]),
}


@pytest.fixture(scope="module")
def folder(cfmpi, tmp_path_factory):
    path = tmp_path_factory.mktemp("top")
    (path / "r.csv").write_text(RATINGS)
    (path / "bad").write_text("1\nx\ny\n")
    (path / "blank").write_text("\n\n")
    (path / "two").write_text("2\n5\n")
    common = ("neighbors", "r.csv", "--dim", 2, "-k", 4)
    cfmpi(*common, "-o", "users.h5", cwd=path)
    cfmpi(*common, "--side", "items", "-o", "items.h5", cwd=path)
    cfmpi("neighbors", "r.csv", "-k", 4, "--space", "ratings", "-o", "ratings.h5", cwd=path)
    return path


def test_what_cannot_be_recommended(cfmpi, folder):
    def refused(name):
        code, message, args = BAD[name]
        out = f"{name}.csv" if args[0] == "predict" else f"{name}.h5"
        outcome = cfmpi(*args, "-o", out, ranks=2, cwd=folder, code=None)
        assert outcome.code == code, (name, outcome)
        check_error(outcome, message)
        assert not (folder / out).exists()
        return name
    assert together(refused, BAD) == list(BAD)


@pytest.mark.parametrize("score", ["mean", "sum", "puresvd", "popularity", "item-sum"])
def test_users_without_a_list(cfmpi, folder, score):
    """The one who has seen everything, also where lists are filled up; all
    others get all that they have not seen; nobody a list of seen items only."""
    source = "items.h5" if score == "item-sum" else "users.h5"
    out = f"{score}-all.h5"
    cfmpi("recommend", source, "-o", out, "--score", score, "-n", 50, "--fill", ranks=3,
          cwd=folder)
    index, count = load(folder / out, "recommendations/index", "recommendations/count")
    unseen = [{item - 1 for item in range(1, 7)} - {i - 1 for u, i in SEEN if u == user}
              for user in range(1, 9)]
    assert count[0] == 0 and count.tolist() == [len(items) for items in unseen]
    assert [set(row[row >= 0]) for row in index] == unseen
    cfmpi("recommend", source, "-o", f"{score}-few.h5", "--score", score, "--only", "two",
          "--min-popularity", 1000, "--fill", ranks=7, cwd=folder)
    assert not load(folder / f"{score}-few.h5", "recommendations/count").any()


def test_only_asked_users_get_lists(cfmpi, folder):
    for out, more in (("some.h5", ["--only", "two"]), ("every.h5", [])):
        cfmpi("recommend", "users.h5", "-o", out, "-n", 3, *more, ranks=2, cwd=folder)
    some, every = (load(folder / name, "recommendations/index") for name in ("some.h5", "every.h5"))
    assert load(folder / "some.h5", "recommendations/only").tolist() == [1, 4]
    assert np.array_equal(some[[1, 4]], every[[1, 4]])
    assert (np.delete(some, [1, 4], axis=0) == -1).all()
