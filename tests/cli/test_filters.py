"""What is left out of the ratings by choice: as a plain loop leaves it out,
counted, said, and stored."""
import calendar
import random
import re
import time
from collections import Counter

import numpy as np
import pytest
from conftest import together
from reference import digests, input_of, load
from tables import matrix, pack, rows_of, text

RANKS = (1, 2, 3, 7)


@pytest.fixture(scope="module")
def rows(data):
    """Every fifth of ml-latest-small's: 20,000 of 610 users and 5,000 items."""
    return list(rows_of(data / "ml-latest-small/ratings.csv", ",", 1)[::5])


@pytest.fixture
def ratings(rows, tmp_path):
    (tmp_path / "r.csv").write_bytes(text(rows))
    return "r.csv"


def said(outcome, *numbers):
    """One of the notes has all of these."""
    return any(all(re.search(rf"\b{number}\b", line) for number in numbers)
               for line in outcome.stderr.splitlines() if "note" in line)


# Users and items with few ratings

def core(rows, users, items):
    """What is left when nobody has fewer."""
    left = list(rows)
    while True:
        user, item = Counter(row[0] for row in left), Counter(row[1] for row in left)
        kept = [row for row in left if user[row[0]] >= users and item[row[1]] >= items]
        if len(kept) == len(left):
            return left
        left = kept


def distinct(rows, column):
    return len({row[column] for row in rows})


@pytest.mark.parametrize("users, items", [(20, 0), (0, 5), (10, 5), (20, 8), (1, 1), (15, 10)])
def test_core(ingest, rows, ratings, users, items):
    kept = core(rows, users, items)
    assert kept
    options = ["--min-user-ratings", users] * (users > 0)
    options += ["--min-item-ratings", items] * (items > 0)
    for made in ingest(matrix(kept), ratings, *options, ranks=RANKS):
        left = made.input["left_out"]
        by_users, by_items = left["min_user_ratings"], left["min_item_ratings"]
        assert by_users["ratings"] + by_items["ratings"] == len(rows) - len(kept)
        if users > 0:
            assert by_users["users"] == distinct(rows, 0) - distinct(kept, 0)
        if items > 0:
            assert by_items["items"] == distinct(rows, 1) - distinct(kept, 1)
        for told, side in ((by_users, "users"), (by_items, "items")):
            assert told[side] == 0 or said(made.outcome, told[side], told["ratings"])


def test_core_that_falls_apart_one_by_one(ingest, tmp_path):
    """A ladder: each round takes one user or one item, from the far end."""
    ladder = [(str(i), str(j), "3", "0") for i in range(40) for j in (i, i + 1)]
    square = [(str(100 + i), str(100 + j), "4", "0") for i in range(2) for j in range(2)]
    (tmp_path / "r.csv").write_bytes(text(ladder[:-1] + square))
    for made in ingest(matrix(square), "r.csv", "--min-user-ratings", 2,
                       "--min-item-ratings", 2, ranks=RANKS):
        left = made.input["left_out"]
        assert left["min_user_ratings"]["users"] == left["min_item_ratings"]["items"] == 40


def test_core_looks_at_merged_ratings(ingest, tmp_path):
    """Rating one item three times is one rating."""
    rows = [("1", "1", rating, "0") for rating in "123"] + [
        (user, item, "4", "0") for user in "23" for item in "12"]
    (tmp_path / "r.csv").write_bytes(text(rows))
    ingest(matrix(rows[3:]), "r.csv", "--min-user-ratings", 2, "--duplicates", "last",
           ranks=(1, 3))


def test_empty_rows_of_a_matrix_go_with_the_filter(ingest, tmp_path):
    (tmp_path / "m.mtx").write_text("%%MatrixMarket matrix coordinate real general\n"
                                    "9 9 3\n2 3 1\n2 5 2\n7 3 4\n")
    kept = [("2", "3", "1"), ("2", "5", "2"), ("7", "3", "4")]
    ingest(matrix(kept), "m.mtx", "--min-user-ratings", 1, "--min-item-ratings", 1,
           ranks=RANKS)


# Single ratings

def seconds(date):
    return calendar.timegm(time.strptime(date, "%Y-%m-%d %H:%M:%S"))


RULES = {
    # name: (options, key in left_out, does this row stay?)
    "rating_range": (["--rating-range", "2.5:4"], "rating_range",
                     lambda row: 2.5 <= float(row[2]) <= 4),
    "rating_at_least": (["--rating-range", "4:"], "rating_range",
                        lambda row: float(row[2]) >= 4),
    "rating_at_most": (["--rating-range", ":2"], "rating_range",
                       lambda row: float(row[2]) <= 2),
    "seconds": (["--time-range", "1000000000:1200000000"], "time_range",
                lambda row: 1000000000 <= int(row[3]) <= 1200000000),
    "seconds_from": (["--time-range", "1200000000:"], "time_range",
                     lambda row: int(row[3]) >= 1200000000),
    "dates": (["--time-range", "2000-01-01:2006-12-31"], "time_range",
              lambda row: seconds("2000-01-01 00:00:00") <= int(row[3])
              < seconds("2007-01-01 00:00:00")),
    "one_day": (["--time-range", "2000-08-08:2000-08-08"], "time_range",
                lambda row: time.strftime("%F", time.gmtime(int(row[3]))) == "2000-08-08"),
    "dates_and_hours": (["--time-range", "2000-02-29 12:30:00:2015-06-30 23:59:59"],
                        "time_range", lambda row: seconds("2000-02-29 12:30:00")
                        <= int(row[3]) <= seconds("2015-06-30 23:59:59")),
    "date_and_seconds": (["--time-range", "2010-01-01:1500000000"], "time_range",
                         lambda row: seconds("2010-01-01 00:00:00") <= int(row[3])
                         <= 1500000000),
    "binarize": (["--binarize", "4"], "threshold", lambda row: float(row[2]) >= 4),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(ingest, rows, ratings, name):
    options, key, stays = RULES[name]
    kept = [row for row in rows if stays(row)]
    assert 0 < len(kept) < len(rows)
    if key == "threshold":
        kept = [(user, item, "1", when) for user, item, _, when in kept]
    for made in ingest(matrix(kept, timed=True), ratings, *options, "--keep-time"):
        assert made.input["left_out"][key] == len(rows) - len(kept)
        assert made.input["rows_skipped"] == 0
        assert said(made.outcome, len(rows) - len(kept))


@pytest.mark.parametrize("options", [["--binarize", "3.3"], ["--scale", "3.3:4.9"],
                                     ["--rating-range", "3.3:4.9"]])
def test_a_bound_is_within(ingest, tmp_path, options):
    """3.3 and 4.9 are no float32: one is below in it, the other above."""
    kept = [("1", "2", "3.3"), ("1", "3", "4.9"), ("2", "2", "4.9")]
    (tmp_path / "r.csv").write_text("".join(",".join(row) + "\n" for row in kept))
    if options[0] == "--binarize":
        kept = [(user, item, "1") for user, item, _ in kept]
    ingest(matrix(kept), "r.csv", *options, ranks=(1,))


def test_nothing_left_out_is_said_nowhere(ingest, rows, ratings):
    made, = ingest(matrix(rows), ratings, "--rating-range", "0:5", "--scale", "0.5:5",
                   "--time-range", "0:", "--min-user-ratings", 1, "--min-item-ratings", 1,
                   ranks=(3,))
    assert "note" not in made.outcome.stderr
    left = made.input["left_out"]
    assert not any(sum(count.values()) if isinstance(count, dict) else count
                   for count in left.values()), left


def test_rules_together(ingest, rows, ratings):
    """Each rating is counted under the first rule that leaves it out, and
    the core is that of what is left."""
    rated = [row for row in rows if 1 <= float(row[2]) <= 4.5]
    dated = [row for row in rated if int(row[3]) >= 1000000000]
    liked = [(*row[:2], "1", row[3]) for row in dated if float(row[2]) >= 3]
    kept = core(liked, 5, 3)
    for made in ingest(matrix(kept, timed=True), ratings, "--rating-range", "1:4.5",
                       "--time-range", "1000000000:", "--binarize", 3, "--min-user-ratings", 5,
                       "--min-item-ratings", 3, "--keep-time", ranks=RANKS):
        left = made.input["left_out"]
        assert left["rating_range"] == len(rows) - len(rated)
        assert left["time_range"] == len(rated) - len(dated)
        assert left["threshold"] == len(dated) - len(liked)
        assert (left["min_user_ratings"]["ratings"] + left["min_item_ratings"]["ratings"]
                == len(liked) - len(kept))


def test_ratings_on_the_scale_stay(ingest, rows, ratings):
    ingest(matrix(rows), ratings, "--scale", "0.5:5")


@pytest.mark.parametrize("options, word", [
    (["--rating-range", "7:9"], "rating-range"), (["--time-range", "2050-01-01:"], "time-range"),
    (["--binarize", "6"], "binarize"), (["--min-user-ratings", "100000"], "min-user-ratings"),
    (["--min-item-ratings", "100000"], "min-item-ratings"),
    (["--min-user-ratings", "90", "--min-item-ratings", "90"], "min-(user|item)-ratings"),
    (["--scale", "7:9", "--on-bad-row", "skip"], "scale"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_everything_left_out(cfmpi, ratings, tmp_path, options, word):
    for outcome in together(lambda ranks: cfmpi(
            "ingest", ratings, *options, "-o", "m.h5", ranks=ranks, cwd=tmp_path, code=None),
            (0, 3)):
        assert outcome.code == 65, outcome.stderr
        error, = outcome.errors
        assert re.search("^cfmpi: error: r.csv: .*; ", error), error
        assert re.search(word, outcome.stderr), outcome.stderr
    assert not (tmp_path / "m.h5").exists()


# Several ratings of one item

@pytest.fixture(scope="module")
def repeated():
    """3,000 rows of 400 pairs; thirds and tenths, whose sums are rounded."""
    rng = random.Random(4)
    return [(str(rng.randrange(20)), f"item {rng.randrange(20)}",
             rng.choice(["0.1", "0.3333333333", "2", "1e-3", "-7.7", "12345.678"]),
             str(rng.randrange(10**9))) for _ in range(3000)]


@pytest.mark.parametrize("rule", ["first", "last", "mean", "sum"])
def test_duplicates_by_rule_in_the_order_of_the_file(ingest, repeated, tmp_path, rule):
    """In one file, and in files whose order is that of their names."""
    (tmp_path / "one.csv").write_bytes(text(repeated))
    (tmp_path / "parts").mkdir()
    for i, name in enumerate(["10.csv", "2.csv", "a.csv.gz"]):
        (tmp_path / "parts" / name).write_bytes(
            pack(text(repeated[1000 * i:1000 * i + 1000]), name))
    # The time of a mean or a sum is nobody's in particular.
    keep = ["--keep-time"] * (rule in ("first", "last"))
    want = matrix(repeated, rule, timed=bool(keep))
    for source in ("one.csv", "parts"):
        for made in ingest(want, source, "--duplicates", rule, *keep, ranks=RANKS):
            assert made.input["duplicates_merged"] == 3000 - len(want.values)


def test_duplicates_among_what_is_left(ingest, repeated, tmp_path):
    """The last of those that the rules leave."""
    (tmp_path / "r.csv").write_bytes(text(repeated))
    kept = [row for row in repeated if 0 <= float(row[2]) <= 5]
    ingest(matrix(kept, "last"), "r.csv", "--duplicates", "last", "--rating-range", "0:5",
           ranks=(1, 3))


# Times

def test_times_are_carried_along(cfmpi, rows, ratings, tmp_path):
    """From step to step, and by a whole run."""
    want = matrix(core(rows, 20, 8), timed=True)
    few = ["--min-user-ratings", 20, "--min-item-ratings", 8]
    cfmpi("ingest", ratings, "-o", "m.h5", "--keep-time", *few, ranks=3, cwd=tmp_path)
    cfmpi("svd", "m.h5", "-o", "e.h5", "--dim", 8, ranks=2, cwd=tmp_path)
    cfmpi("neighbors", "e.h5", "-o", "n.h5", ranks=3, cwd=tmp_path)
    cfmpi("recommend", "n.h5", "-o", "r.h5", cwd=tmp_path)
    cfmpi("run", ratings, "-o", "whole.h5", "--keep-time", *few, "--dim", 8, ranks=3,
          cwd=tmp_path)
    told = input_of(tmp_path / "m.h5")
    for name in ("m.h5", "e.h5", "n.h5", "r.h5", "whole.h5"):
        path = tmp_path / name
        assert np.array_equal(load(path, "ratings/time"), want.times)
        assert digests(path, "ratings") == digests(tmp_path / "m.h5", "ratings")
        assert input_of(path)["left_out"] == told["left_out"]
        cfmpi("verify", name, cwd=tmp_path)


def test_times_of_any_kind(ingest, tmp_path):
    """Before 1970, of 64 bits, with zeros behind the point, and as dates."""
    times = {"-5": -5, "0": 0, str(2**62): 2**62, "978300760.0": 978300760,
             "2015-03-31": 1427760000, "2015-03-31 23:59:59": 1427846399,
             "2016-02-29T00:00:00Z": 1456704000}
    rows = [(str(i), "1", "3", when) for i, when in enumerate(times)]
    want = matrix(rows)._replace(times=np.array(list(times.values())))
    (tmp_path / "r.csv").write_bytes(text(rows))
    ingest(want, "r.csv", "--keep-time", ranks=(1, 3))


def test_no_times_unless_asked_for(ingest, rows, tmp_path):
    """Nor are they looked at."""
    odd = [(*row[:3], "noon") for row in rows[:500]]
    (tmp_path / "odd.csv").write_bytes(text(odd))
    ingest(matrix(odd), "odd.csv", ranks=(3,))


# Where the ratings are read already

@pytest.mark.parametrize("option", [
    ["--columns", "user=1"], ["--min-user-ratings", "2"], ["--min-item-ratings", "2"],
    ["--scale", "1:5"], ["--rating-range", "1:5"], ["--time-range", "0:"],
    ["--binarize", "3"], ["--keep-time"], ["--missing", "99"],
], ids=lambda option: option[0])
def test_a_matrix_file_has_been_filtered(cfmpi, data, tmp_path, option):
    cfmpi("ingest", data / "ml-100k/u1.test", "-o", "m.h5", ranks=0, cwd=tmp_path)
    error, = cfmpi("svd", "m.h5", *option, "-o", "e.h5", ranks=0, cwd=tmp_path,
                   code=64).errors
    assert option[0] in error
