"""Ids that are no integers, from the text through every command.

What a plain reading with Python's csv module finds is what must stand in the
files and in all that is printed.
"""
import csv
import gzip
import io
import re
import shutil
from typing import NamedTuple

import h5py
import numpy as np
import pytest
import scipy.sparse as sparse
from reference import digest, digests, load, predict, stored_bytes, text

MATRIX = ("users", "items", "ratings")
NUMBER = re.compile(r"0|-?[1-9]\d*")

# Each kind of text that another reader has taken for something else.
ODD = ["a,b", 'say "hi"', '"', "x y", " lead", "trail ", "007", "7", "-0", "+5",
       "1e3", "0x10", "9223372036854775808", "-9223372036854775809", "nan",
       "ünï", "日本", "🎬", "a|b", "a;b", "a::b", "tab\there", "two\nlines",
       "x" * 255, "é" * 127, "'", "#", "%s", "\\", "Ab", "ab", "ab ", "None"]


class Plain(NamedTuple):
    """What Python reads: ids in order, the matrix, and titles by id."""
    users: list
    items: list
    matrix: sparse.csr_matrix
    titles: dict


def in_order(ids):
    """Integers by value where all are canonical and fit, else strings by bytes."""
    if all(NUMBER.fullmatch(i) and -2**63 <= int(i) < 2**63 for i in ids):
        return sorted(map(int, set(ids)))
    return sorted(set(ids), key=str.encode)


def read_plain(ratings, titles=None):
    with open(ratings, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    names = {}
    if titles:
        with open(titles, encoding="utf-8", newline="") as file:
            names = {row[0]: row[1] for row in csv.reader(file, delimiter=";")}
    users, items = in_order([r[0] for r in rows]), in_order([r[1] for r in rows])
    row = {str(user): at for at, user in enumerate(users)}
    col = {str(item): at for at, item in enumerate(items)}
    matrix = sparse.csr_matrix(
        ([float(r[2]) for r in rows],
         ([row[r[0]] for r in rows], [col[r[1]] for r in rows])))
    matrix.sort_indices()
    return Plain(users, items, matrix, names)


def write_csv(path, rows, delimiter=","):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return path


def make_rows(users, items, seed):
    rng = np.random.default_rng(seed)
    pairs = {(u, i) for u in range(len(users)) for i in rng.choice(len(items), 6)}
    rows = [[users[u], items[i], rng.integers(1, 11) / 2] for u, i in sorted(pairs)]
    rng.shuffle(rows)
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """strings.csv: both columns strings; half.csv: users strings, items not."""
    folder = tmp_path_factory.mktemp("strings")
    users = ODD + [f"user-{i}" for i in range(60)]
    items = ODD + [f"B{i:05d}" for i in range(40)]
    header = [["user", "item", "rating"]]
    write_csv(folder / "strings.csv", header + make_rows(users, items, 1))
    write_csv(folder / "half.csv",
              header + make_rows(users, [str(7 * i) for i in range(-9, 40)], 2))
    write_csv(folder / "titles.csv", [["item_id", "title"]] + [
        [item, f'"{item}", number {at}; {item}'] for at, item in enumerate(items)
        if at % 5], ";")
    return folder


@pytest.fixture(scope="module")
def plain(folder):
    return read_plain(folder / "strings.csv", folder / "titles.csv")


@pytest.fixture(scope="module")
def made(cfmpi, folder):
    """r.h5 of one rank, with all parts."""
    cfmpi("run", "strings.csv", "--titles", "titles.csv", "-o", "r.h5", "--dim", 8,
          "--tol", 1e-5, "-k", 5, "-n", 4, "--side", "both", cwd=folder)
    return folder / "r.h5"


def stored_ids(path, name):
    with h5py.File(path, "r") as file:
        ids = file[name][()]
        kind = h5py.check_string_dtype(file[name].dtype)
    if kind is None:
        assert ids.dtype == np.int64
        return ids.tolist()
    ids = [i.decode() for i in ids]
    assert kind.encoding == "utf-8"
    assert kind.length == max(len(i.encode()) for i in ids)
    return ids


def check_matrix(path, expected):
    assert stored_ids(path, "users/id") == expected.users
    assert stored_ids(path, "items/id") == expected.items
    indptr, indices, values = load(
        path, "ratings/indptr", "ratings/indices", "ratings/values")
    assert np.array_equal(indptr, expected.matrix.indptr)
    assert np.array_equal(indices, expected.matrix.indices)
    assert np.array_equal(values, expected.matrix.data)


def table(printed, delimiter=","):
    rows = list(csv.reader(io.StringIO(printed, newline=""), delimiter=delimiter))
    return rows[0], rows[1:]


# ---- the file ----

def test_matrix(made, plain):
    check_matrix(made, plain)


def test_titles(made, plain):
    with h5py.File(made, "r") as file:
        stored = [title.decode() for title in file["items/title"][()]]
    assert stored == [plain.titles.get(item, "") for item in plain.items]
    assert 0 < stored.count("") < len(stored)


@pytest.mark.parametrize("name", ["strings.csv", "half.csv"])
@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_matrix_of_any_rank_count(cfmpi, folder, tmp_path, name, ranks):
    titles = ["--titles", folder / "titles.csv"] if name == "strings.csv" else []
    cfmpi("ingest", folder / name, *titles, "-o", "m.h5", ranks=ranks, cwd=tmp_path)
    check_matrix(tmp_path / "m.h5", read_plain(folder / name))
    if ranks > 1:
        cfmpi("ingest", folder / name, *titles, "-o", "1.h5", cwd=tmp_path)
        assert digests(tmp_path / "m.h5") == digests(tmp_path / "1.h5")


@pytest.mark.parametrize("ranks", [2, 5])
def test_chain_of_commands(cfmpi, made, tmp_path, ranks):
    """From the same embedding, everything that follows is the same."""
    cfmpi("run", made, "-o", "r.h5", "-n", 2, ranks=ranks, cwd=tmp_path)
    assert digests(tmp_path / "r.h5", *MATRIX, "embedding", "neighbors") == digests(
        made, *MATRIX, "embedding", "neighbors")
    cfmpi("ingest", made.parent / "strings.csv", "--titles",
          made.parent / "titles.csv", "-o", "m.h5", ranks=ranks, cwd=tmp_path)
    cfmpi("svd", "m.h5", "-o", "e.h5", "--dim", 8, "--tol", 1e-5, cwd=tmp_path)
    cfmpi("neighbors", "e.h5", "-o", "n.h5", "-k", 5, "--side", "both", ranks=ranks,
          cwd=tmp_path)
    cfmpi("recommend", "n.h5", "-o", "c.h5", "-n", 4, ranks=ranks, cwd=tmp_path)
    assert digests(tmp_path / "c.h5") == digests(made)


def test_latin1_is_the_same_as_utf8(cfmpi, tmp_path):
    rows = [["user", "item", "rating"]] + [
        [user, item, 3] for user in ("Zoë", "café", "plain") for item in ("é1", "2")]
    titles = [["id", "title"], ["é1", "Amélie"], ["2", "Zoë"]]
    write_csv(tmp_path / "utf8.csv", rows)
    write_csv(tmp_path / "titles.csv", titles)
    for name in "utf8", "titles":
        latin = (tmp_path / f"{name}.csv").read_text(encoding="utf-8")
        (tmp_path / f"{name}-latin1.csv").write_bytes(latin.encode("latin-1"))
    cfmpi("ingest", "utf8.csv", "--titles", "titles.csv", "-o", "a.h5", cwd=tmp_path)
    cfmpi("ingest", "utf8-latin1.csv", "--titles", "titles-latin1.csv", "-o", "b.h5",
          ranks=3, cwd=tmp_path)
    assert stored_ids(tmp_path / "b.h5", "users/id") == ["Zoë", "café", "plain"]
    assert digests(tmp_path / "b.h5") == digests(tmp_path / "a.h5")


def test_titles_of_a_packed_file(cfmpi, made, folder, tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(
        gzip.compress((folder / "titles.csv").read_bytes()))
    cfmpi("ingest", folder / "strings.csv", "--titles", "t.csv.gz", "-o", "m.h5",
          ranks=2, cwd=tmp_path)
    assert digests(tmp_path / "m.h5") == digests(made, *MATRIX)


# ---- info ----

def quoted(user):
    """As `--user` takes it."""
    return '"' + user.replace('"', '""') + '"' if set(user) & {",", '"'} else user


def expected_user(path, plain, user):
    row = plain.users.index(user)

    def shown(item):
        name = plain.items[item]
        return plain.titles.get(name) or f"item {name}"

    near, score, top, predicted = (load(path, name)[row] for name in (
        "neighbors/users/index", "neighbors/users/score", "recommendations/index",
        "recommendations/score"))
    rated = plain.matrix[row]
    best = np.argsort(-rated.data, kind="stable")[:5]
    lines = [f"user {user}", f"  favourites of {rated.nnz} rated"]
    lines += [f"    {rated.data[i]:4.2f}  {shown(rated.indices[i])}" for i in best]
    lines += ["  nearest users", "   " + "".join(
        f" {plain.users[n]} ({s:.2f})" for n, s in zip(near[:5], score[:5]))]
    lines += ["  recommended"]
    lines += [f"    {s:4.2f}  {shown(i)}" for i, s in zip(top, predicted) if i >= 0]
    return "\n".join(lines) + "\n"


def test_info_of_users(cfmpi, made, plain):
    for users in ODD[:16], ODD[16:], ["user-7"]:
        outcome = cfmpi("info", made, "--user", ",".join(map(quoted, users)), ranks=0)
        assert outcome.stdout == "\n".join(
            expected_user(made, plain, user) for user in users)


@pytest.mark.parametrize("user, message", [
    ("nobody", "no user 'nobody'"), ("a,b", "no user 'a' .*quotes"),
    ("user-7,", None), (",user-7", "empty"), ('"user-7', "quote"),
    ('"user-7"x', "quote"), ("+7", "no user"), ("Ab,AB", "no user 'AB'")])
def test_info_of_users_that_are_not_there(cfmpi, made, user, message):
    outcome = cfmpi("info", made, "--user", user, code=64 if message else 0, ranks=0)
    if message:
        assert len(outcome.errors) == 1 and re.search(message, outcome.errors[0])
        assert outcome.stdout == ""


# ---- export ----

def lists(path, plain, group, side, other):
    index, count = load(path, f"{group}/index", f"{group}/count")
    return [[str(side[row]), str(at + 1), str(other[index[row, at]])]
            for row in range(len(index)) for at in range(count[row])]


def expected_table(path, plain, part):
    """The columns of a part that hold ids, titles or places."""
    users, items = list(map(str, plain.users)), list(map(str, plain.items))
    titles = [plain.titles.get(item, "") for item in items]
    if part == "users":
        return [[user] for user in users]
    if part == "items":
        return [[item, title] for item, title in zip(items, titles)]
    if part == "ratings":
        entries = plain.matrix.tocoo()
        return [[users[u], items[i], f"{r:.9g}"]
                for u, i, r in zip(entries.row, entries.col, entries.data)]
    if part.startswith("embedding"):
        return [[row] for row in (items if part.endswith("items") else users)]
    if part == "recommendations":
        found = lists(path, plain, "recommendations", users, items)
        return [[*row, plain.titles.get(row[2], "")] for row in found]
    side = items if part == "neighbors-items" else users
    group = "neighbors/items" if part == "neighbors-items" else "neighbors/users"
    return lists(path, plain, group, side, side)


KEPT = {"items": [0, 3], "ratings": [0, 1, 2], "recommendations": [0, 1, 2, 4],
        "neighbors": [0, 1, 2], "neighbors-items": [0, 1, 2]}
PARTS = ["users", "items", "ratings", "embedding", "embedding-items", "neighbors",
         "neighbors-items", "recommendations"]


@pytest.mark.parametrize("part", PARTS)
def test_export(cfmpi, made, plain, tmp_path, part):
    cfmpi("export", made, "--part", part, "-o", "p.csv", cwd=tmp_path)
    cfmpi("export", made, "--part", part, "-o", "p.tsv", ranks=3, cwd=tmp_path)
    expected = expected_table(made, plain, part)
    for name, delimiter in ("p.csv", ","), ("p.tsv", "\t"):
        printed = (tmp_path / name).read_bytes().decode()
        _, rows = table(printed, delimiter)
        assert [[row[at] for at in KEPT.get(part, [0])] for row in rows] == expected


@pytest.mark.parametrize("name", ["p.csv", "p.tsv"])
def test_exported_ratings_and_titles_are_read_again(cfmpi, made, tmp_path, name):
    for part in "ratings", "items":
        cfmpi("export", made, "--part", part, "-o", f"{part}-{name}", cwd=tmp_path)
    cfmpi("ingest", f"ratings-{name}", "--titles", f"items-{name}", "-o", "m.h5",
          ranks=2, cwd=tmp_path)
    assert digests(tmp_path / "m.h5") == digests(made, *MATRIX)


# ---- predict ----

def expected_ratings(path, plain, pairs):
    index, score = load(path, "neighbors/users/index", "neighbors/users/score")
    entries = plain.matrix.tocoo()
    rating_of = dict(zip(zip(entries.row.tolist(), entries.col.tolist()),
                         entries.data.tolist()))
    users = {str(user): at for at, user in enumerate(plain.users)}
    items = {str(item): at for at, item in enumerate(plain.items)}
    return [predict(rating_of, index[users[u]], score[users[u]], items[i])
            if u in users and i in items else None for u, i in pairs]


@pytest.mark.parametrize("ranks", [1, 3])
def test_predict(cfmpi, made, plain, tmp_path, ranks):
    rng = np.random.default_rng(5)
    users = plain.users + ["nobody", "AB", "+7"]
    items = plain.items + ["nothing", "07"]
    pairs = [[rng.choice(users), rng.choice(items)] for _ in range(300)]
    pairs += [[user, "007"] for user in ODD]
    write_csv(tmp_path / "pairs.csv", [["user", "item"]] + pairs)
    outcome = cfmpi("predict", made, "--pairs", "pairs.csv", "--rule", "mean", "-q", ranks=ranks,
                    cwd=tmp_path)
    expected = expected_ratings(made, plain, pairs)
    header, rows = table(outcome.stdout)
    assert header == ["user", "item", "prediction"]
    assert [row[:2] for row in rows] == pairs
    for row, rating in zip(rows, expected):
        assert row[2] == ("" if rating is None else f"{rating:.9g}"), row
    outcome = cfmpi("predict", made, "--pairs", "pairs.csv", "--rule", "mean", "-o", "p.h5",
                    ranks=ranks, cwd=tmp_path)
    unknown = expected.count(None)
    assert unknown > 0 and f"{unknown} of {len(pairs)} pairs" in outcome.stderr
    for at, name in enumerate(["predictions/user", "predictions/item"]):
        assert stored_ids(tmp_path / "p.h5", name) == [pair[at] for pair in pairs]
    stored = load(tmp_path / "p.h5", "predictions/rating")
    assert np.array_equal(stored, np.array(
        [np.nan if r is None else r for r in expected], np.float32), equal_nan=True)


@pytest.mark.parametrize("pairs", [
    [["7", "007"], ["-0", "7"]],           # both columns could be no integers
    [["7", "7"], ["7", "1"]],              # all integers, where ids are strings
    [["7", "B00001"], ["nobody", "7"]]])
@pytest.mark.parametrize("ranks", [0, 3])
def test_predict_pairs_of_the_other_kind(cfmpi, made, plain, tmp_path, pairs, ranks):
    write_csv(tmp_path / "pairs.csv", [["user", "item"]] + pairs)
    outcome = cfmpi("predict", made, "--pairs", "pairs.csv", "--rule", "mean", "-q", ranks=ranks,
                    cwd=tmp_path)
    _, rows = table(outcome.stdout)
    expected = expected_ratings(made, plain, pairs)
    assert rows == [[*pair, "" if rating is None else f"{rating:.9g}"]
                    for pair, rating in zip(pairs, expected)]


def test_predict_strings_where_ids_are_integers(cfmpi, folder, tmp_path):
    half = read_plain(folder / "half.csv")
    cfmpi("run", folder / "half.csv", "-o", "h.h5", "--dim", 4, "-k", 3, "-n", 2,
          cwd=tmp_path)
    pairs = [["user-1", "7"], ["user-1", "007"], ["a,b", "-63"], ["a,b", "x"]]
    write_csv(tmp_path / "pairs.csv", [["user", "item"]] + pairs)
    outcome = cfmpi("predict", "h.h5", "--pairs", "pairs.csv", "--rule", "mean", "-q", ranks=2,
                    cwd=tmp_path)
    expected = expected_ratings(tmp_path / "h.h5", half, pairs)
    assert [r is None for r in expected] == [False, True, False, True]
    assert [row[2] for row in table(outcome.stdout)[1]] == [
        "" if rating is None else f"{rating:.9g}" for rating in expected]


# ---- verify, and files that are damaged ----

def test_verify(cfmpi, made):
    cfmpi("verify", made, "--sample", 30, ranks=3)


def swap(ids):
    ids[[3, 4]] = ids[[4, 3]]


def repeat(ids):
    ids[5] = ids[4]


def empty(ids):
    ids[0] = b""


@pytest.mark.parametrize("change, name", [
    (swap, "users/id"), (repeat, "items/id"), (empty, "users/id")])
def test_ids_that_do_not_ascend(cfmpi, made, tmp_path, name, change):
    """With a fitting digest, so that only the order can tell."""
    bad = shutil.copy(made, tmp_path / "bad.h5")
    with h5py.File(bad, "r+") as file:
        ids = file[name][()]
        change(ids)
        file[name][...] = ids
    with h5py.File(bad, "r+") as file:
        file[name].attrs.modify("digest", np.bytes_(digest(stored_bytes(bad, name))))
    write_csv(tmp_path / "pairs.csv", [["user", "item"], ["7", "7"]])
    for args in (["verify", bad], ["predict", bad, "--pairs", "pairs.csv"],
                 ["export", bad, "--part", "ratings"]):
        outcome = cfmpi(*args, code=65, ranks=2, cwd=tmp_path)
        assert len(outcome.errors) == 1, outcome.stderr
        assert re.search(rf"bad\.h5: /{name}, row \d: the id", outcome.errors[0])


def test_info_names_the_type(cfmpi, made):
    printed = cfmpi("info", made, ranks=0).stdout
    assert re.search(r"^/users/id +string +93$", printed, re.M)
    assert text(h5py.File(made, "r")["users/id"].attrs["description"]).endswith(
        "UTF-8, in byte order")
