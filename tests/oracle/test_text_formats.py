"""Every form in which ratings come as text, and the one matrix they become."""
import csv
import re

import numpy as np
import pytest
import reference
import scipy.io
import scipy.sparse as sparse
from tables import HEADER, matrix, matrix_of, pack, rows_of, split, text, with_ids

ALL = (1, 2, 3, 7, 16)
SMALL = "ml-latest-small/ratings.csv"

# file: (separator, lines of header)
DATA = {
    "ml-100k/u.data": ("\t", 0),
    **{f"ml-100k/u{i}.{part}": ("\t", 0) for i in range(1, 6) for part in ("base", "test")},
    "ml-1m/ratings.dat": ("::", 0),
    SMALL: (",", 1),
    "ml-latest-small-2016/ratings.csv": (",", 1),
}


@pytest.fixture(scope="module")
def rows(data):
    """25,000 rows, more than is read at once."""
    return rows_of(data / SMALL, ",", 1)[::4]


@pytest.fixture(scope="module")
def few(rows):
    return rows[::12]


@pytest.fixture(scope="module")
def expected(rows):
    return matrix(rows)


@pytest.fixture(scope="module")
def timed(rows):
    return matrix(rows, timed=True)


# The data sets as they are

@pytest.mark.parametrize("name", DATA)
def test_data_set(ingest, data, name):
    separator, header = DATA[name]
    keep = ["--keep-time"] if name.endswith(("data", "csv")) else []
    ingest(matrix(rows_of(data / name, separator, header), timed=bool(keep)),
           data / name, *keep, ranks=ALL if name in (SMALL, "ml-100k/u.data") else (2, 7))


def test_data_set_with_columns_of_other_names(ingest, data):
    path = data / "ml-latest-small-2016/lenskit-user-user-preds.csv"
    ingest(matrix(rows_of(path, ",", 1)), path, "--columns",
           "user=user_id,item=item_id,rating=prediction")


# One data set, written in other ways: name: (how `text` writes it, options)

BARE = {"header": None}
TEXTS = {
    "comma": ({}, ["--keep-time"]),
    "comma_bare": (BARE, []),
    "tab": ({"separator": "\t"}, []),
    "tab_bare": ({"separator": "\t", **BARE}, ["--keep-time"]),
    "semicolon": ({"separator": ";"}, []),
    "semicolon_bare": ({"separator": ";", **BARE}, []),
    "bar": ({"separator": "|"}, []),
    "bar_bare": ({"separator": "|", **BARE}, ["--keep-time"]),
    "colons": ({"separator": "::"}, ["--keep-time"]),
    "colons_bare": ({"separator": "::", **BARE}, []),
    "space": ({"separator": " "}, []),
    "space_bare": ({"separator": " ", **BARE}, []),
    "comma_given": ({}, ["--format", "csv"]),
    "tab_given": ({"separator": "\t", **BARE}, ["--format", "tsv"]),
    "colons_given": ({"separator": "::", **BARE}, ["--format", "dat"]),
    "crlf": ({"end": "\r\n"}, ["--keep-time"]),
    "crlf_colons": ({"end": "\r\n", "separator": "::", **BARE}, ["--keep-time"]),
    "no_final_newline": ({"final": False, **BARE}, ["--keep-time"]),
    "no_final_crlf": ({"end": "\r\n", "final": False}, []),
    "mark": ({"mark": True}, []),
    "mark_bare": ({"mark": True, **BARE}, []),
    "mark_before_quote": ({"mark": True, "quoted": True}, []),
    "mark_before_quote_bare": ({"mark": True, "quoted": True, **BARE}, []),
    "quoted": ({"quoted": True}, ["--keep-time"]),
    "quoted_bare_crlf": ({"quoted": True, "end": "\r\n", **BARE}, []),
    "quoted_semicolon": ({"quoted": True, "separator": ";"}, []),
    "quoted_tab": ({"quoted": True, "separator": "\t"}, []),
    "other_order": ({"order": (3, 2, 1, 0)}, ["--keep-time"]),
    "three_columns": ({"order": (0, 1, 2)}, []),
    "three_columns_bare": ({"order": (0, 1, 2), "separator": "\t", **BARE}, []),
    "columns_by_place": ({"order": (2, 1, 3, 0), **BARE},
                         ["--columns", "user=4,item=2,rating=1"]),
    "columns_by_place_with_header": ({"order": (1, 0, 2)},
                                     ["--columns", "user=2,item=1,rating=3"]),
    "columns_against_the_header": ({"header": ("movieId", "userId", "time", "rating"),
                                    "order": (0, 1, 2, 3)},
                                   ["--columns", "user=1,item=2,rating=3,time=4",
                                    "--keep-time"]),
    "columns_by_name": ({"header": ("who", "what", "how much", "when"),
                         "order": (3, 0, 2, 1)},
                        ["--columns", "user=who,item=what,rating=how much,time=when",
                         "--keep-time"]),
    "columns_by_quoted_name": ({"header": ("who", "what", "liked", "when"),
                                "quoted": True, "order": (1, 0, 2, 3)},
                               ["--columns", "user=who,item=what,rating=liked"]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(ingest, rows, expected, timed, tmp_path, name):
    written, options = TEXTS[name]
    (tmp_path / "ratings.txt").write_bytes(text(rows, **written))
    ingest(timed if "--keep-time" in options else expected, "ratings.txt", *options)


@pytest.mark.parametrize("header", [
    "userId,movieId,rating,timestamp", "user_id,item_id,rating,timestamp",
    "user,item,rating,timestamp", "USERID,MOVIEID,RATING,TIMESTAMP",
    "UserID,MovieID,Rating,Timestamp", "user_id,movie_id,score,time",
    "userId,itemId,score,timestamp", "uid,iid,stars,timestamp",
    "user,movie,rating,ts", "user_id,book_id,rating,date_added",
    '"User-ID";"ISBN";"Book-Rating";"Year"', "user_id\tisbn\trating\tt",
    "user_id|item_id|rating|timestamp", "userId::movieId::rating::timestamp",
])
def test_names_of_columns(ingest, few, tmp_path, header):
    """Wherever they stand: once in this order, once with the user last."""
    separator = next(s for s in ("::", ";", "\t", "|", ",") if s in header)
    names = header.split(separator)
    want = matrix(few)
    (tmp_path / "a.csv").write_bytes(text(few, separator, names))
    (tmp_path / "b.csv").write_bytes(text(few, separator, names, order=(3, 2, 1, 0)))
    ingest(want, "a.csv", ranks=(3,))
    ingest(want, "b.csv", ranks=(3,))


def test_other_columns_in_between(ingest, few, tmp_path):
    """Quoted text with separators, quotes and line ends, as csv writes it."""
    with open(tmp_path / "r.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["", "movieId", "comment, long", "rating", "userId", "a\nb"])
        for i, (user, item, rating, time) in enumerate(few):
            writer.writerow([i, item, f'so-so, "{item}"\r\n{time},1,2', rating, user,
                             "é\n" * (i % 3)])
    ingest(matrix(few), "r.csv", ranks=ALL)


# Implicit feedback

@pytest.mark.parametrize("written, options, timed", [
    ({"order": (0, 1)}, [], False),
    ({"order": (0, 1), "separator": "\t", **BARE}, [], False),
    ({"order": (1, 0), "end": "\r\n"}, [], False),
    ({"order": (0, 1, 3)}, ["--keep-time"], True),
    ({"order": (3, 0, 1), **BARE}, ["--columns", "user=2,item=3,rating=none"], False),
    ({"order": (0, 1, 3), **BARE},
     ["--columns", "user=1,item=2,rating=none,time=3", "--keep-time"], True),
    ({}, ["--columns", "rating=none"], False),
], ids=["header", "bare", "other_order", "time", "places", "places_and_time",
        "ratings_ignored"])
def test_without_ratings_every_row_counts_one(ingest, rows, tmp_path, written, options,
                                              timed):
    (tmp_path / "clicks.csv").write_bytes(text(rows, **written))
    ingest(matrix([(user, item, "1", time) for user, item, _, time in rows], timed=timed),
           "clicks.csv", *options)


# Compressed, in parts, through a pipe

@pytest.mark.parametrize("name", ["r.csv.gz", "r.csv.zst"])
def test_compressed(ingest, rows, timed, tmp_path, name):
    content = pack(text(rows, end="\r\n"), name)
    (tmp_path / name).write_bytes(content)
    for made in ingest(timed, name, "--keep-time", ranks=ALL):
        assert made.input["bytes"] == len(content)
        assert made.input["digest"] == reference.digest(content)


@pytest.mark.parametrize("name", ["r.tsv.gz", "r.tsv.zst"])
def test_compressed_in_several_pieces_of_one_file(ingest, rows, expected, tmp_path, name):
    """As `cat` of compressed files, or a parallel compressor, leaves it; the
    cuts fall within rows."""
    content = text(rows, "\t", None, final=False)
    (tmp_path / name).write_bytes(b"".join(
        pack(content[at:at + 100_001], name) for at in range(0, len(content), 100_001)))
    ingest(expected, name, ranks=(1, 3))


PARTS = {
    "plain": ["part-00000.csv", "part-00001.csv", "part-00002.csv", "part-00010.csv"],
    "gz": [f"part-{i}.csv.gz" for i in range(5)],
    "zst": [f"part-{i}.csv.zst" for i in range(3)],
    "mixed": ["part-a.csv", "part-b.csv.gz", "part-c.csv.zst"],
}


def write_parts(folder, rows, names, **written):
    folder.mkdir(exist_ok=True)
    contents = [pack(text(part, **written), name)
                for part, name in zip(split(rows, len(names)), names)]
    for name, content in zip(names, contents):
        (folder / name).write_bytes(content)
    return contents


def check_files(made, names, contents):
    told = made.input
    assert [file["name"].rpartition("/")[2] for file in told["files"]] == names
    assert [file["bytes"] for file in told["files"]] == list(map(len, contents))
    assert told["bytes"] == sum(map(len, contents))
    assert told["digest"] == reference.digest(b"".join(contents))


@pytest.mark.parametrize("how", ["folder", "pattern", "named", "config"])
@pytest.mark.parametrize("kind", PARTS)
def test_parts(ingest, rows, timed, tmp_path, kind, how):
    """With the same header in each."""
    names = PARTS[kind]
    contents = write_parts(tmp_path / "parts", rows, names)
    (tmp_path / "parts.conf").write_text("command = ingest\n" + "".join(
        f"input = parts/{name}\n" for name in names))
    inputs = {"folder": ["parts"], "pattern": ["parts/part-*.csv*"],
              "named": [f"parts/{name}" for name in names],
              "config": ["--config", "parts.conf"]}[how]
    ranks = ALL if how == "folder" and kind in ("plain", "gz") else (1, 3)
    for made in ingest(timed, *inputs, "--keep-time", ranks=ranks):
        check_files(made, names, contents)


def test_parts_without_header_or_rows(ingest, rows, expected, tmp_path):
    write_parts(tmp_path / "bare", rows, ["a.tsv", "b.tsv", "c.tsv"], separator="\t",
                header=None, final=False)
    ingest(expected, "bare")
    write_parts(tmp_path / "some", rows, ["a.csv", "b.csv", "d.csv"])
    (tmp_path / "some/c.csv").write_bytes(text([]))
    ingest(expected, "some")


def test_what_else_lies_in_a_folder(ingest, rows, expected, tmp_path):
    """Marks of completion, hidden files, and folders are no ratings."""
    write_parts(tmp_path / "out", rows, ["part-0.csv", "part-1.csv"])
    (tmp_path / "out/_SUCCESS").write_bytes(b"")
    (tmp_path / "out/.part-0.csv.crc").write_bytes(b"crc\0\1\2")
    (tmp_path / "out/_temporary").mkdir()
    (tmp_path / "out/_temporary/part-2.csv").write_text("half a row")
    ingest(expected, "out", ranks=(1, 3))


def test_parts_that_are_folders_and_files(ingest, rows, expected, tmp_path):
    first, second, third = split(rows, 3)
    write_parts(tmp_path / "a", first, ["1.csv", "2.csv"])
    write_parts(tmp_path / "b", second, ["1.csv"])
    (tmp_path / "c.csv").write_bytes(text(third))
    ingest(expected, "c.csv", "b/*.csv", "a")


def test_many_more_parts_than_ranks(ingest, few, tmp_path):
    names = [f"{i:03}.csv" for i in range(60)]
    (tmp_path / "parts").mkdir()
    for i, name in enumerate(names):
        (tmp_path / "parts" / name).write_bytes(text(few[i::60]))
    ingest(matrix(few), "parts", ranks=(1, 3, 7))


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.csv.zst"])
def test_standard_input(ingest, rows, timed, name):
    content = pack(text(rows), name)
    for made in ingest(timed, "-", "--keep-time", stdin=content, ranks=(1, 2, 7)):
        assert made.input["name"] == "-"
        assert made.input["bytes"] == len(content)
        assert made.input["digest"] == reference.digest(content)


@pytest.mark.parametrize("more", ["a;b", "a|b", "a b", "a::b", '"a\tb"', "12:00:00"])
def test_another_separator_in_every_row(ingest, few, tmp_path, more):
    """It cuts each row into two, and is not meant."""
    (tmp_path / "r.csv").write_bytes(text([(*row[:3], more) for row in few], header=None))
    ingest(matrix(few), "r.csv", ranks=(3,))


# Ids

def isbn(id):
    """Ten places, the first zeros and the last perhaps an X."""
    digits = f"{int(id):09}"
    check = sum((10 - i) * int(d) for i, d in enumerate(digits)) * 10 % 11
    return digits + ("X" if check == 10 else str(check))


IDS = {
    "twelve_characters": (lambda id: f"u{int(id) * 2654435761 % 99999999977:011}",
                          lambda id: f"i{int(id) * 2654435761 % 99999999977:011}"),
    "isbn": (str, isbn),
    "utf8": ("Zoë {}".format, "映画{} \U0001f3ac".format),
    "of_any_length": (lambda id: "x" * (int(id) % 255 + 1) if int(id) < 256 else id,
                      lambda id: id * 10),
    "negative": (lambda id: str(300 - int(id)), lambda id: str(int(id) - 2**63)),
    "leading_zeros": (lambda id: id.zfill(3), str),
    "over_64_bits": (lambda id: str(2**63 - 300 + int(id)), str),
    "no_canonical_zero": (lambda id: "-0" if id == "600" else id,
                          lambda id: "+" + id if id == "1" else id),
    "blanks_are_part_of_an_id": (lambda id: " " + id if int(id) % 2 else id + " ", str),
}


@pytest.mark.parametrize("name", IDS)
def test_ids(ingest, rows, tmp_path, name):
    changed = with_ids(rows, *IDS[name])
    (tmp_path / "r.csv").write_bytes(text(changed))
    ingest(matrix(changed), "r.csv")


def test_ids_without_header(ingest, rows, tmp_path):
    """The first row is no header, though its ids are words."""
    changed = with_ids(rows, "user{}".format, "movie{}".format)
    (tmp_path / "r.csv").write_bytes(text(changed, header=None))
    ingest(matrix(changed), "r.csv")


@pytest.mark.parametrize("place", [0, 12_000, -1])
def test_one_word_makes_all_ids_strings(ingest, rows, tmp_path, place):
    """On every rank, though only one has seen it; which is said once."""
    changed = list(rows)
    changed[place] = ("nobody", *rows[place][1:])
    (tmp_path / "r.csv").write_bytes(text(changed))
    want = matrix(changed)
    assert want.users[:3].tolist() == [b"1", b"10", b"100"]
    assert want.items.dtype == np.int64
    for made in ingest(want, "r.csv", ranks=ALL if place < 0 else (1, 7)):
        said = re.findall("^.* ids .*$", made.outcome.stderr, re.M)
        assert len(said) == 1 and re.search("user.*integer", said[0]), made.outcome.stderr


def test_written_differently_ids_are_different(ingest, tmp_path):
    rows = [(user, item, "1", "0") for user in ("7", "007", "07", "7.0", "７", "seven")
            for item in ("1", "01", "1 ")]
    (tmp_path / "r.csv").write_bytes(text(rows))
    ingest(matrix(rows), "r.csv", ranks=ALL)


def test_latin1(ingest, rows, tmp_path):
    changed = with_ids(rows, "Zoë-{}".format, "Amélie ½ {}".format)
    (tmp_path / "r.csv").write_bytes(text(changed, ";", encoding="latin-1"))
    for made in ingest(matrix(changed), "r.csv", ranks=ALL):
        said = [line for line in made.outcome.stderr.splitlines() if "Latin-1" in line]
        assert len(said) == 1, made.outcome.stderr


def test_latin1_and_utf8_of_one_name_are_one_id(ingest, tmp_path):
    """Parts of different origin; the rank that has one may not have the other."""
    rows = [(f"José {i % 9}", str(i), "2", "0") for i in range(200)]
    lines = [text([row], header=None, encoding="latin-1" if i % 2 else "utf-8")
             for i, row in enumerate(rows)]
    (tmp_path / "r.csv").write_bytes(b"userId,movieId,rating,timestamp\n" + b"".join(lines))
    ingest(matrix(rows), "r.csv", ranks=ALL)


# Matrix Market

def sample(rows, columns, symmetric=False, seed=5):
    """Random doubles, with rows and columns that hold nothing, the last too."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((rows, columns)) * 10 ** rng.uniform(-6, 6, (rows, columns))
    dense[rng.random((rows, columns)) < 0.9] = 0
    dense[::7] = dense[:, ::7] = 0
    dense[-1] = dense[:, -1] = 0
    return sparse.coo_matrix(dense + dense.T if symmetric else dense)


MARKET = {
    # name: (matrix, what scipy.io.mmwrite is told)
    "real": (sample(300, 120), {"field": "real"}),
    "real_with_few_digits": (sample(300, 120), {"field": "real", "precision": 3}),
    "integer": (sample(90, 200).rint(), {"field": "integer"}),
    "pattern": (sample(90, 200), {"field": "pattern"}),
    "symmetric": (sample(150, 150, True), {"field": "real", "symmetry": "symmetric"}),
    "symmetric_integer": (sample(150, 150, True).rint(),
                          {"field": "integer", "symmetry": "symmetric"}),
    "symmetric_pattern": (sample(150, 150, True),
                          {"field": "pattern", "symmetry": "symmetric"}),
    "comments": (sample(30, 20), {"comment": "who made it\n\nand\twhen: 1 2 3"}),
    "comment_lines_of_numbers": (sample(30, 20), {"comment": "30 20 1\n1 1 5"}),
}


def market(path, csr, **told):
    """Writes the file; the matrix as SciPy reads it back."""
    scipy.io.mmwrite(str(path), csr, **told)
    back = scipy.io.mmread(str(path))
    return matrix_of(back, *(np.arange(1, n + 1) for n in back.shape))


@pytest.mark.parametrize("name", MARKET)
def test_matrix_market(ingest, tmp_path, name):
    csr, told = MARKET[name]
    want = market(tmp_path / "m.mtx", csr, **told)
    ingest(want, "m.mtx", ranks=ALL if name in ("real", "symmetric") else (1, 7))


def test_matrix_market_of_a_data_set(ingest, data, tmp_path):
    """Its rows and columns in any order, packed, and under another name."""
    found = reference.dataset(data, "ml-100k")
    coo = found.matrix.tocoo()
    order = np.random.default_rng(1).permutation(coo.nnz)
    shuffled = sparse.coo_matrix(
        (coo.data[order], (coo.row[order], coo.col[order])), coo.shape)
    want = market(tmp_path / "m.mtx", shuffled, field="integer")
    assert len(want.values) == 100_000
    content = (tmp_path / "m.mtx").read_bytes()
    (tmp_path / "m.mtx.gz").write_bytes(pack(content, ".gz"))
    (tmp_path / "m.txt").write_bytes(content.replace(b"\n", b"\r\n"))
    ingest(want, "m.mtx", ranks=(1, 7))
    ingest(want, "m.mtx.gz", ranks=(3,))
    ingest(want, "m.txt", "--format", "mtx", ranks=(3,))
    ingest(want, "-", stdin=content, ranks=(3,))


def test_matrix_market_by_hand(ingest, tmp_path):
    """Capitals, blank lines, comments in between, wide gaps, a stored zero."""
    (tmp_path / "m.mtx").write_text(
        "%%MatrixMarket MATRIX Coordinate Real General\n% 9 9 9\n\n%\n  3   4  4\n\n"
        "3 1 2.5\n  1\t2   -1e-3\n\n2 4 0\n3 4 7")
    ingest(matrix_of(sparse.csr_matrix(([-1e-3, 0, 2.5, 7], [1, 3, 0, 3], [0, 1, 2, 4]),
                                       shape=(3, 4)),
                     np.arange(1, 4), np.arange(1, 5)), "m.mtx", ranks=(1, 2, 7))


# Dense blocks

@pytest.fixture(scope="module")
def jester():
    """[200 x 40] like Jester's: -10 to 10, 99 where there is nothing; one
    user and one joke without any rating."""
    rng = np.random.default_rng(3)
    block = np.round(rng.uniform(-10, 10, (200, 40)), 2)
    block[rng.random(block.shape) < 0.6] = 99
    block[17] = block[:, 39] = 99
    return block


def of_block(block):
    rows, columns = np.nonzero(block != 99)
    csr = sparse.csr_matrix((block[rows, columns].astype(np.float32), (rows, columns)),
                            shape=block.shape)
    return matrix_of(csr, *(np.arange(1, n + 1) for n in block.shape))


@pytest.mark.parametrize("separator", [",", "\t", ";", " "])
@pytest.mark.parametrize("count", [True, False], ids=["count", "no_count"])
def test_dense(ingest, jester, tmp_path, separator, count):
    lines = [[f"{value:g}" if value != 99 else ("99", "99.00")[i % 2]
              for i, value in enumerate(row)] for row in jester]
    if count:
        lines = [[str(np.count_nonzero(row != 99)), *line]
                 for row, line in zip(jester, lines)]
    (tmp_path / "jester.csv").write_text(
        "".join(separator.join(line) + "\n" for line in lines))
    ingest(of_block(jester), "jester.csv", "--format", "dense", "--missing", 99,
           ranks=ALL if separator == "," else (3,))


def test_dense_in_parts(ingest, jester, tmp_path):
    """Users go on counting from file to file."""
    for i, part in enumerate(np.split(jester, [70, 80])):
        content = "".join(",".join(map(str, row)) + "\r\n" for row in part)
        name = f"jester-{i}.csv.gz"
        (tmp_path / name).write_bytes(pack(content.encode(), name))
    ingest(of_block(jester), "jester-*.csv.gz", "--format", "dense", "--missing", 99,
           ranks=(1, 3))


def test_nothing_of_a_bad_row_in_a_block_is_kept(ingest, tmp_path):
    (tmp_path / "d.csv").write_text("5,6,7\n1,2,x\n8,9,99\n1,50,2\n1,2\n3,99,4\n")
    block = np.array([[5, 6, 7], [8, 9, 99], [3, 99, 4]])
    expected = of_block(block)._replace(users=np.array([1, 3, 6]))
    for made in ingest(expected, "d.csv", "--format", "dense", "--missing", 99, "--scale",
                       "0:10", "--on-bad-row", "skip", ranks=(1, 2, 7)):
        assert made.input["rows_skipped"] == 3
