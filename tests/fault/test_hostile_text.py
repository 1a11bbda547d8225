"""Text that broke other readers: either read as it is meant, at any number of
ranks, or refused in one line that names the place and the remedy."""
import gzip
import itertools
import json
import random
import re

import pytest
from conftest import together
from faults import HEADER, ROWS, check_error, with_row
from tables import check, matrix, pack, text, zstd

GOOD = HEADER + "".join(ROWS)
TABLE = [tuple(row.strip().split(",")) for row in ROWS]


def utf8(content):
    return content.encode() if isinstance(content, str) else content


# What is refused

def row_at(line, row, column=r"\d+", words=""):
    """A bad row among good ones, and where the message must point to."""
    return utf8(with_row(row, line)), rf"bad\.csv:{line}:{column}: {words}"


def cut_before(line):
    """A file that is longer than any look at its beginning, in two."""
    lines = [HEADER] + [f"{i},{i},3,0\n" for i in range(1, 20_000)]
    return "".join(lines[:line - 1]), "".join(lines[line - 1:])


def after_a_quoted_line_end(comment_first):
    """Lines are physical ones; the rows before took two each."""
    rows = ['"so, ""so""\nla la"', '"x\r\ny"', '"\n"', '"last\nwords"']
    if comment_first:
        lines = ["comment,userId,movieId,rating"]
        lines += [f"{row},{i},{i},3" for i, row in enumerate(rows)] + ['"a\nbc",9,8,bad']
        return "\n".join(lines).encode(), r"bad\.csv:11:9: .*bad"
    lines = ["userId,movieId,rating,comment"]
    lines += [f"{i},{i},3,{row}" for i, row in enumerate(rows)] + ['9,8,bad,"a\nb"']
    return "\n".join(lines).encode(), r"bad\.csv:10:5: .*bad"


# Each: content of bad.csv, and how the line goes on after "cfmpi: error: "
ROWS_REFUSED = {
    **{f"rating_{word or 'empty'}": row_at(17, f"1,99,{word},0", "6") for word in (
        "abc", "", "  ", "NaN", "-nan", "inf", "-Infinity", "1e39", "0x10", "4.5.6", "--4",
        "1e", "4 5", "4%", "1_000", "\u0664", "4\x01")},
    "rating_of_many_letters": row_at(17, f"1,99,x{'é' * 300},0", "6"),
    "rating_quoted": row_at(17, '1,99,"4,5",0', "6"),
    "rating_in_far_place": row_at(202, "20,99,bad,0", "7"),
    "decimal_comma": (GOOD.replace(",", ";").replace(";4.5;", ";4,5;", 1).encode(),
                      r"bad\.csv:8:5: .*4,5"),
    "user_empty": row_at(5, ",88,4,0", "1"),
    "item_empty": row_at(5, "7,,4,0", "3"),
    "item_empty_in_quotes": row_at(5, '7,"",4,0', "3"),
    "user_of_256_bytes": row_at(5, f"{'u' * 256},88,4,0", "1"),
    "too_many_columns": row_at(5, "7,88,4,0,1", words=r".*\b5 .*\b4\b"),
    "too_few_columns": row_at(5, "7,88,4", words=r".*\b3 .*\b4\b"),
    "one_column": row_at(5, "7", words=r".*\b1 .*\b4\b"),
    "blanks_only": row_at(5, "  "),
    "last_row_cut_short": (utf8(GOOD + "20,99"), r"bad\.csv:202:\d+: .*\b2 .*\b4\b"),
    "last_rating_cut_short": (utf8(GOOD + "20,99,"), r"bad\.csv:202:\d+: "),
    "zero_byte_in_id": (utf8(with_row("7,8\0,4,0", 5)), r"bad\.csv:5:3: .*(zero|NUL)"),
    "zero_byte_in_rating": (utf8(with_row("7,88,4\0,0", 5)), r"bad\.csv:5:6: "),
    "zero_byte_far_down": (utf8("7,8\0,4,0\n".join(cut_before(15_000))),
                           r"bad\.csv:15000:3: .*(zero|NUL)"),
    "far_down": (utf8("7,88,4O,0\n".join(cut_before(19_000))), r"bad\.csv:19000:6: .*4O"),
    "quote_never_closed": row_at(5, '7,"88,4,0', words=".*quote"),
    "last_quote_never_closed": (utf8(GOOD + '20,99,"4,0\n'), r"bad\.csv:202:\d+: .*quote"),
    "comment_before": after_a_quoted_line_end(True),
    "comment_behind": after_a_quoted_line_end(False),
    "after_byte_order_mark": ("\ufeff1,2,3\n".encode() + b"4,5,x\n", r"bad\.csv:2:5: .*x"),
    "latin1_rating": ("7;Zoë;3\n8;Zoë;dreï\n".encode("latin-1"), r"bad\.csv:2:7: "),
    "latin1_id_of_128_letters": (
        b"userId,movieId,rating\nx,y,1\n" + b"\xe9" * 128 + b",y,1\n",
        r"bad\.csv:3:1: .*255"),
}

FILES_REFUSED = {
    "empty": (b"", r"bad\.csv: "),
    "header_only": (utf8(HEADER), r"bad\.csv: .*no ratings"),
    "header_without_newline": (utf8(HEADER.strip()), r"bad\.csv: .*no ratings"),
    "byte_order_mark_only": ("\ufeff".encode(), r"bad\.csv"),
    "blank_lines_only": (b"\n\r\n\n", r"bad\.csv"),
    "zero_bytes_only": (bytes(5000), r"bad\.csv"),
    "utf16_little": (GOOD.encode("utf-16"), r"bad\.csv.*UTF-16"),
    "utf16_big": (b"\xfe\xff" + GOOD.encode("utf-16-be"), r"bad\.csv.*UTF-16"),
    "utf16_without_mark": (GOOD.encode("utf-16-le"), r"bad\.csv"),
    "carriage_returns_alone": (utf8(GOOD.replace("\n", "\r")),
                               r"bad\.csv.*carriage return"),
    "carriage_returns_alone_bare": (utf8("".join(ROWS).replace("\n", "\r")),
                                    r"bad\.csv.*carriage return"),
    "unknown_header": (b"who,what,how\n1,2,3\n",
                       r"bad\.csv:1:1: .*who,what,how.*--columns"),
    "ratings_of_another_name": (b"userId,movieId,prediction\n1,2,3\n1,3,4\n",
                                r"bad\.csv:1:1: .*prediction.*--columns"),
    "header_of_one_column": (b"userId\n1\n2\n", r"bad\.csv:1:1: "),
    "prose": (b"It was a dark and stormy night;\nthe rain fell in torrents\n",
              r"bad\.csv:[12]:\d+: "),
    "program": (b"\x7fELF\2\1\1\0" + bytes(range(256)) * 40, r"bad\.csv"),
}

MANY = HEADER.encode() + b"".join(b"%d,%d,3,0\n" % (i, i * i) for i in range(20_000))
PACKED, FRAME = gzip.compress(MANY), zstd(MANY)
DAMAGED = {
    "gzip_cut_in_half": ("bad.csv.gz", PACKED[:len(PACKED) // 2], "end"),
    "gzip_without_its_last_bytes": ("bad.csv.gz", PACKED[:-5], "end"),
    "gzip_header_only": ("bad.csv.gz", PACKED[:10], "end"),
    "gzip_with_a_changed_byte": (
        "bad.csv.gz", PACKED[:500] + bytes([PACKED[500] ^ 255]) + PACKED[501:],
        r"damaged|corrupt|:\d+:\d+:"),
    "gzip_with_a_wrong_checksum": (
        "bad.csv.gz", PACKED[:-8] + bytes(4) + PACKED[-4:], "damaged|corrupt"),
    "zstd_cut_in_half": ("bad.csv.zst", FRAME[:len(FRAME) // 2], "end"),
    "zstd_without_its_last_byte": ("bad.csv.zst", FRAME[:-1], "end"),
    "zstd_with_a_changed_byte": (
        "bad.csv.zst", FRAME[:900] + bytes([FRAME[900] ^ 255]) + FRAME[901:],
        r"damaged|corrupt|:\d+:\d+:"),
    "bzip2": ("bad.csv.bz2", b"BZh91AY&SY\x94$|\x0e\0\0", ""),
    "zip": ("bad.zip", b"PK\3\4\x14\0\0\0\x08\0" + bytes(40), ""),
}

BANNER = "%%MatrixMarket matrix coordinate real general\n"
MATRICES_REFUSED = {
    "complex": ("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 2 3\n",
                "1:1: .*complex"),
    "array": ("%%MatrixMarket matrix array real general\n1 1\n2\n", "1:1: .*array"),
    "unknown_type": ("%%MatrixMarket matrix coordinate rational general\n1 1 1\n1 1 2\n",
                     "1:1: .*rational"),
    "no_sizes": (BANNER + "% and that was it\n", ""),
    "sizes_of_two": (BANNER + "3 4\n1 1 5\n", r"2:1: "),
    "sizes_of_words": (BANNER + "% hm\nthree 4 1\n1 1 5\n", r"3:1: .*three"),
    "row_too_large": (BANNER + "3 4 2\n1 1 5\n4 1 5\n", r"4:1: .*\b4\b"),
    "row_zero": (BANNER + "3 4 2\n1 1 5\n0 1 5\n", r"4:1: .*\b0\b"),
    "column_too_large": (BANNER + "3 4 2\n1 1 5\n 2  5 5\n", r"4:5: .*\b5\b"),
    "value_missing": (BANNER + "3 4 2\n1 1 5\n2 2\n", r"4:\d+: "),
    "value_no_number": (BANNER + "3 4 2\n1 1 5\n2 2 x\n", r"4:5: .*x"),
    "too_few_entries": (BANNER + "3 4 3\n1 1 5\n2 2 4\n", r".*\b3\b.*\b2\b|.*\b2\b.*\b3\b"),
    "too_many_entries": (BANNER + "3 4 1\n1 1 5\n2 2 4\n", r".*\b1\b.*\b2\b|.*\b2\b.*\b1\b"),
    "twice": (BANNER + "3 4 2\n1 1 5\n1 1 4\n", r"4:1: .*--duplicates"),
}

DENSE = ("--format", "dense", "--missing", "99")
WITH_OPTIONS = {
    # name: (content, options, message)
    "off_scale": (with_row("1,99,6,0", 17), ["--scale", "0.5:5"],
                  r"17:6: .*\b6\b.*0\.5.*\b5\b"),
    "under_scale": (with_row("1,99,0,0", 90), ["--scale", "0.5:5"],
                    r"90:6: .*\b0\b.*0\.5.*\b5\b"),
    "no_column_of_times": ("userId,movieId,rating\n1,2,3\n", ["--keep-time"],
                           r"1:1: .*time.*--columns"),
    "no_column_for_a_range_of_times": ("1,2,3\n", ["--time-range", "0:9"],
                                       r"1:1: .*time.*--columns"),
    "time_no_number": (with_row("1,99,3,noon", 17), ["--keep-time"], r"17:8: .*noon"),
    "time_no_date": (with_row("1,99,3,2015-02-29", 17), ["--keep-time"],
                     r"17:8: .*2015-02-29"),
    "named_column_missing": (GOOD, ["--columns", "user=reader,item=movieId"],
                             r"1:1: .*reader"),
    "placed_column_missing": (GOOD, ["--columns", "user=9"], r"1:1: .*\b9\b.*\b4\b"),
    "dense_uneven": ("1,2,99\n4,5\n", DENSE, r"2:\d+: .*\b2 .*\b3\b"),
    "dense_word": ("1,2,99\n4,x,5\n", DENSE, r"2:3: .*x"),
    "dense_off_scale": ("1,2,99\n4,50,5\n", [*DENSE, "--scale", "0:10"], r"2:3: .*50"),
}


def refusals():
    """name: (files, arguments, what the line must match)"""
    for name, (content, message) in {**ROWS_REFUSED, **FILES_REFUSED}.items():
        yield name, {"bad.csv": content}, ["bad.csv"], message
    for name in ("rating_abc", "last_row_cut_short", "far_down", "comment_before",
                 "quote_never_closed", "header_only"):
        content, message = {**ROWS_REFUSED, **FILES_REFUSED}[name]
        for end in (".gz", ".zst"):
            yield (name + end.replace(".", "_"), {"bad.csv" + end: pack(content, end)},
                   ["bad.csv" + end], message.replace("csv", "csv" + end))
    for name, (path, content, message) in DAMAGED.items():
        yield name, {path: content}, [path], rf"{re.escape(path)}.*({message})"
    # What is behind the damage is lost, so no rule for bad rows covers it.
    path, content, message = DAMAGED["gzip_cut_in_half"]
    yield ("gzip_cut_in_half_skip", {path: content},
           [path, "--on-bad-row", "skip", "--duplicates", "last"],
           rf"{re.escape(path)}.*({message})")
    for name, (content, message) in MATRICES_REFUSED.items():
        yield f"market_{name}", {"m.mtx": content}, ["m.mtx"], rf"m\.mtx:?{message}"
    for name, (content, options, message) in WITH_OPTIONS.items():
        yield name, {"bad.csv": content}, ["bad.csv", *options], rf"bad\.csv:{message}"
    yield ("all_rows_bad", {"bad.csv": HEADER + "1,2,x\n" * 9},
           ["bad.csv", "--on-bad-row", "skip"], r"bad\.csv: .*no ratings")


REFUSED = {name: rest for name, *rest in refusals()}
RANKS = (0, 3)  # 0 is one rank without mpirun


@pytest.fixture(scope="module")
def refused(cfmpi, tmp_path_factory):
    """Outcomes of all these, made at once: a failed mpirun takes its time."""
    folder = tmp_path_factory.mktemp("refused")

    def one(case):
        name, ranks = case
        files, args, _ = REFUSED[name]
        here = folder / f"{list(REFUSED).index(name)}-{ranks}"
        here.mkdir()
        for path, content in files.items():
            (here / path).write_bytes(utf8(content))
        outcome = cfmpi("ingest", *args, "-o", "m.h5", ranks=ranks, cwd=here, code=None)
        return outcome, sorted(path.name for path in here.iterdir())
    cases = list(itertools.product(REFUSED, RANKS))
    return dict(zip(cases, together(one, cases, 16)))


def check_refusal(outcome, message, code=65):
    assert outcome.code == code, outcome.stderr
    check_error(outcome, f"^cfmpi: error: {message}")
    # What was found is told in a line of a width to be read, then what to do.
    assert re.search(r"; \S.{6,}|expected \S+", outcome.errors[0]), outcome.errors[0]
    assert len(outcome.errors[0]) < 500 and outcome.errors[0].isprintable()
    assert "\ufffd" not in outcome.errors[0], "a message is UTF-8"


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("name", REFUSED)
def test_refused(refused, name, ranks):
    outcome, left = refused[name, ranks]
    files, _, message = REFUSED[name]
    check_refusal(outcome, message)
    assert left == sorted(files)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_the_same_words_at_any_rank_count(refused, name):
    one, more = (refused[name, ranks][0].errors for ranks in RANKS)
    assert one == more


# What comes first in a damaged file is told, at any number of ranks

HOW = {
    "cut": lambda packed: packed[:len(packed) // 2],
    "no_begin": lambda packed: bytes([packed[0] ^ 255]) + packed[1:],
}


def rows_to_damage(count):
    draw = random.Random(3)
    return [f"{i},{draw.randrange(10**6)},3,0\n" for i in range(count)]


def check_first(cfmpi, folder, name, content, message):
    (folder / name).write_bytes(content)
    outcomes = together(lambda ranks: cfmpi(
        "ingest", name, "-o", "m.h5", "--duplicates", "last", ranks=ranks, cwd=folder,
        code=65), (0, 2, 3, 7))
    assert {tuple(outcome.errors) for outcome in outcomes} == {tuple(outcomes[0].errors)}
    check_error(outcomes[0], f"^cfmpi: error: {re.escape(name)}{message}")


@pytest.mark.parametrize("count", [1, 2000, 9000, 100_000])
@pytest.mark.parametrize("name", ["r.csv.gz", "r.csv.zst"])
@pytest.mark.parametrize("how", HOW)
def test_bad_row_right_before_the_damage(cfmpi, tmp_path, name, how, count):
    """In the block that is looked at first, the same one as the damage, or the
    one before."""
    rows = rows_to_damage(count + 5000)
    whole = HEADER + "".join(rows[:count]) + "7,88,4O,0\n"
    content = pack(whole.encode(), name) + HOW[how](pack("".join(rows[count:]).encode(), name))
    check_first(cfmpi, tmp_path, name, content, rf":{count + 2}:6: .*4O")


@pytest.mark.parametrize("name", ["r.csv.gz", "r.csv.zst"])
@pytest.mark.parametrize("line", [10, 20_000, 50_000])
@pytest.mark.parametrize("cut", [True, False])
def test_bad_row_long_before_the_damage(cfmpi, tmp_path, name, line, cut):
    rows = rows_to_damage(120_000)
    rows[line] = "7,88,4O,0\n"
    packed = pack((HEADER + "".join(rows)).encode(), name)
    half = len(packed) // 2
    content = packed[:half] if cut else packed[:half] + bytes(99) + packed[half + 99:]
    check_first(cfmpi, tmp_path, name, content, rf":{line + 2}:6: .*4O")


@pytest.mark.parametrize("count", [1, 2000, 9000, 100_000])
@pytest.mark.parametrize("name", ["r.csv.gz", "r.csv.zst"])
def test_row_that_damage_cuts_is_no_bad_row(cfmpi, tmp_path, name, count):
    rows = rows_to_damage(count)
    content = pack((HEADER + "".join(rows) + "7,").encode(), name) + \
        pack(b"88,4,0\n", name)[:-2]
    check_first(cfmpi, tmp_path, name, content, ".* end early")


# Several files

SEVERAL = {
    # name: (contents of a.csv and b.csv, code, message)
    "other_names": (GOOD, "movieId,userId,rating,timestamp\n1,900,3,0\n", 65,
                    r"b\.csv:1:1: .*movieId,userId.*a\.csv.*userId,movieId"),
    "header_in_the_second_only": ("1,2,3\n2,2,3\n", "userId,movieId,rating\n3,3,3\n", 65,
                                  r"b\.csv:1:1: .*header.*a\.csv"),
    "header_in_the_first_only": (GOOD, "900,1,3,0\n", 65, r"b\.csv:1:1: .*header.*a\.csv"),
    "other_separator": ("1,2,3\n2,2,3\n", "3;3;3\n", 65, r"b\.csv:1:1: .*a\.csv"),
    "other_number_of_columns": ("1,2,3\n2,2,3\n", "3,3,3,7\n", 65, r"b\.csv:1:1: .*a\.csv"),
    "bad_row_in_the_second": (GOOD, HEADER + "900,1,bad,0\n", 65, r"b\.csv:2:7: .*bad"),
    "twice_in_two_files": (GOOD, HEADER + "900,1,3,0\n20,10,3,0\n", 65,
                           r"b\.csv:3:1: .*\b20\b.*\b10\b.*201.*a\.csv.*--duplicates"),
    "second_cut_short": (GOOD, DAMAGED["gzip_cut_in_half"][1], 65, r"b\.csv.*end"),
    "bad_row_in_the_second_cut_short": (
        GOOD, gzip.compress(utf8(HEADER + "900,1,bad,0\n")) + PACKED[:99], 65,
        r"b\.csv:2:7: .*bad"),
    "second_missing": (GOOD, None, 66, r"b\.csv: "),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_files(cfmpi, tmp_path, name):
    first, second, code, message = SEVERAL[name]
    (tmp_path / "a.csv").write_bytes(utf8(first))
    if second is not None:
        (tmp_path / "b.csv").write_bytes(utf8(second))
    for outcome in together(lambda ranks: cfmpi(
            "ingest", "a.csv", "b.csv", "-o", "m.h5", ranks=ranks, cwd=tmp_path, code=None),
            RANKS):
        assert outcome.code == code, outcome.stderr
        check_error(outcome, f"^cfmpi: error: {message}")
    assert not (tmp_path / "m.h5").exists()


@pytest.mark.parametrize("arguments, code, message", [
    (["empty"], 66, r"empty: .*folder"), (["hidden"], 66, r"hidden: .*folder"),
    (["part-*.csv"], 66, r"part-\*\.csv: "), (["good.csv", "empty"], 66, r"empty: .*folder"),
    (["good.csv", "-"], 64, r"-: "), (["-", "good.csv"], 64, r"-: "),
], ids=["empty_folder", "folder_of_hidden_files", "pattern", "file_and_empty_folder",
        "pipe_second", "pipe_first"])
def test_nothing_there(cfmpi, tmp_path, arguments, code, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/.ratings.csv").write_text(GOOD)
    (tmp_path / "good.csv").write_text(GOOD)
    for outcome in together(lambda ranks: cfmpi(
            "ingest", *arguments, "-o", "m.h5", ranks=ranks, cwd=tmp_path, code=None), RANKS):
        assert outcome.code == code, outcome.stderr
        check_error(outcome, f"^cfmpi: error: .*{message}")


# Bad rows left out on demand

BAD_ROWS = {2: "1,99,abc,0", 3: "7,88", 60: ",3,4,0", 61: "9,,4,0", 100: "8,77,nan,0",
            101: "8,76,4,0,0", 150: "8,75,inf,0", 203: "8,74", 209: "oops"}


@pytest.mark.parametrize("inputs", [["bad.csv"], ["bad.csv.gz"], ["parts"]],
                         ids=["one_file", "gzip", "parts"])
def test_skipped_rows(ingest, tmp_path, inputs):
    """Counted, and the first five shown, whichever rank met them."""
    lines = [HEADER, *ROWS]
    for line, row in BAD_ROWS.items():
        lines.insert(line - 1, row + "\n")
    content = "".join(lines).encode()
    name = inputs[0]
    if name == "parts":
        (tmp_path / "parts").mkdir()
        (tmp_path / "parts/a.csv").write_bytes(content)
        (tmp_path / "parts/b.csv").write_text(HEADER + "900,1,3,0\nx\n")
    else:
        (tmp_path / name).write_bytes(pack(content, name))
    more = name == "parts"
    table = TABLE + [("900", "1", "3", "0")] * more
    made = ingest(matrix(table), *inputs, "--on-bad-row", "skip", ranks=(1, 3, 7))
    for _, outcome in made:
        shown = re.findall(r"^cfmpi: .*\.csv(?:\.gz)?:(\d+):\d+: .*$", outcome.stderr, re.M)
        assert shown == [str(line) for line in list(BAD_ROWS)[:5]]
        assert re.search(rf"\b{len(BAD_ROWS) + more}\b.*\bbad rows", outcome.stderr)
    assert {one.input["rows_skipped"] for one in made} == {len(BAD_ROWS) + more}


def test_skipped_rows_are_reported(cfmpi, tmp_path):
    (tmp_path / "bad.csv").write_text(with_row("1,99,abc,0", 7))
    cfmpi("ingest", "bad.csv", "-o", "m.h5", "--on-bad-row=skip", "--report", "r.json",
          "--scale", "1:4.5", ranks=3, cwd=tmp_path)
    told = json.loads((tmp_path / "r.json").read_text())["input"]
    off = sum(not 1 <= float(row[2]) <= 4.5 for row in TABLE)
    assert off > 0 and told["rows_skipped"] == 1 + off
    assert told["ratings"] == len(TABLE) - off


# What is read

def write(folder, content):
    (folder / "r.csv").write_bytes(utf8(content))
    return "r.csv"


def check_shifted(cfmpi, folder, before, content, expected, shifts, name="r.csv"):
    """Blank lines in front move the borders of ranks and blocks over the rows;
    each such file is read by 2, 3 or 7 ranks in turn."""
    def one(shift):
        source, path = folder / f"{shift}-{name}", folder / f"{shift}.h5"
        source.write_bytes(pack(utf8(before + "\n" * shift + content), name))
        cfmpi("ingest", source, "-o", path, ranks=(7, 2, 3)[shift % 3])
        check(path, expected)
        source.unlink()
    together(one, shifts)


@pytest.mark.parametrize("header", [HEADER.replace("\n", "\r\n"), ""], ids=["header", "bare"])
@pytest.mark.parametrize("mark", ["\ufeff", ""], ids=["mark", "plain"])
@pytest.mark.parametrize("final", ["\r\n", ""], ids=["newline", "cut"])
def test_every_border_of_ranks(cfmpi, tmp_path, header, mark, final):
    content = "\r\n".join(row.strip() for row in ROWS[:23]) + final
    check_shifted(cfmpi, tmp_path, mark + header, content, matrix(TABLE[:23]),
                  range(0, 27, 3))


@pytest.mark.parametrize("mark", ["\ufeff", ""], ids=["mark", "plain"])
def test_border_behind_the_header(cfmpi, tmp_path, mark):
    """Rows that begin with quotes, and halves that meet about their begin."""
    rows = "".join('"{}","{}","{}","so"\n'.format(*row) for row in TABLE[:20])

    def one(shift):
        source, path = tmp_path / f"{shift}.csv", tmp_path / f"{shift}.h5"
        header = '"userId","movieId","rating","' + "x" * (len(rows) - 30 + shift) + '"\n'
        source.write_text(mark + header + rows)
        cfmpi("ingest", source, "-o", path, ranks=2)
        check(path, matrix(TABLE[:20]))
    together(one, range(-9, 3))


@pytest.fixture(scope="module")
def blocks():
    """1.3 MB of rows of 16 bytes, and their matrix; whole blocks of any size
    that is a power of two end within the same byte of a row."""
    rng = random.Random(1)
    pairs = rng.sample(range(90_000 * 3), 80_000)
    rows = [(str(10_000 + pair // 3), str(20_000 + pair % 3), str(rng.randint(10, 50)), "0")
            for pair in pairs]
    return "".join(f"{user},{item},{rating}\r\n" for user, item, rating, _ in rows), matrix(rows)


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.csv.zst"])
@pytest.mark.parametrize("shift", range(0, 16, 4))
def test_every_border_of_blocks(cfmpi, tmp_path, blocks, name, shift):
    content, expected = blocks
    check_shifted(cfmpi, tmp_path, "", content, expected, range(shift, shift + 4), name)


@pytest.fixture(scope="module")
def quoted_blocks():
    """Rows of 32 bytes, most of them within quotes, with line ends and what
    looks like rows."""
    rng = random.Random(2)
    inside = ['a\n""\r\n1,2,30x', ',""\n,""\n,""\nz', "\n" * 13, '""' * 6 + ","]
    rows = [(str(10_000 + i), str(20_000 + i % 100), str(rng.randint(10, 50)), "0")
            for i in range(20_000)]
    lines = [f'{user},{item},{rating},"{inside[rng.randrange(4)]}"\r\n'
             for user, item, rating, _ in rows]
    assert {len(line) for line in lines} == {32}
    return "".join(lines), matrix(rows)


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz"])
@pytest.mark.parametrize("shift", range(0, 32, 8))
def test_every_border_of_blocks_within_quotes(cfmpi, tmp_path, quoted_blocks, name, shift):
    content, expected = quoted_blocks
    check_shifted(cfmpi, tmp_path, "", content, expected, range(shift, shift + 8), name)


def test_field_longer_than_the_share_of_a_rank(ingest, tmp_path):
    """In quotes, full of what looks like rows, and as one plain word."""
    for i, field in enumerate(['"' + '1,2,3,""4\r\n,"""",\n' * 40_000 + '"', "x" * 600_000]):
        lines = [HEADER, *ROWS]
        lines[100] = lines[100].replace(",0\n", f",{field}\n")
        (tmp_path / f"{i}.csv").write_text("".join(lines), newline="")
        ingest(matrix(TABLE), f"{i}.csv", ranks=(1, 2, 3, 7))


def test_quotes_within_words_open_nothing(ingest, tmp_path):
    """Inches, and a lone quote at the end of a field; odd in number."""
    comments = ['12" disc', 'so"', ' "blank first', 'x""', '"it" was', '"a""b"c"d,e'[:9]]
    rows = [(f"{i}\"", str(i % 17), "3", "0") for i in range(300)]
    lines = [f'{user},{item},{rating},{comments[i % 6]}\n'
             for i, (user, item, rating, _) in enumerate(rows)]
    ingest(matrix(rows), write(tmp_path, "userId,movieId,rating,comment\n" + "".join(lines)),
           ranks=(1, 2, 3, 7))


@pytest.mark.parametrize("content", [
    "1,2,3\n", "1,2,3", "userId,movieId,rating\r\n1,2,3", '\ufeff"1","2","3"',
    "\n\n1,2,3\n\n\n\n\n", "1::2::3",
])
def test_more_ranks_than_lines(ingest, tmp_path, content):
    ingest(matrix([("1", "2", "3", "0")]), write(tmp_path, content), ranks=(1, 7, 16))


@pytest.mark.parametrize("id", [
    str(2**63), str(-2**63 - 1), "1" * 40, "0x1F", "1e3", "12.0", "-", "+1", "00", "-5",
    "x" * 255, "é" * 127, "NaN", "null", "a b", "a\tb", "=1+1", "\u200b1", "\u202e1", "\x7f",
])
def test_odd_ids(ingest, tmp_path, id):
    """Integers of 64 bits as such, everything else as the text it is."""
    rows = [(id, "1", "3", "0"), ("2", id, "4", "0"), *TABLE]
    ingest(matrix(rows), write(tmp_path, text(rows)), ranks=(3,))


@pytest.mark.parametrize("rating, value", [
    (" 4.5 ", "4.5"), ("\t4", "4"), ('"4.5"', "4.5"), ('" 4 "', "4"), ("+4", "4"), ("4.", "4"),
    (".5", ".5"), ("-0.0", "-0.0"), ("4E+0", "4"), ("0.1", "0.1"), ("16777217", "16777217"),
    ("3.4028235e38", "3.4028235e38"), ("1e-46", "1e-46"), ("0" * 300 + "4", "4"),
    ("4." + "0" * 300 + "1", "4"), ("2.00000011920928955078125", "2.00000011920928955078125"),
])
def test_ways_to_write_a_rating(ingest, tmp_path, rating, value):
    ingest(matrix([*TABLE, ("900", "1", value, "0")]),
           write(tmp_path, GOOD + f"900,1,{rating},0\n"), ranks=(3,))


@pytest.mark.parametrize("item", ["x" * 256, "a\0b", "é" * 130], ids=["long", "zero", "latin1"])
def test_ids_of_a_skipped_row_leave_no_trace(ingest, tmp_path, item):
    """Neither a user without ratings nor ids that are text."""
    blank = "\n" * (1 << 17) # beyond every look at the beginning of a file
    write(tmp_path, f"{GOOD}{blank}99999,{item},3,0\n".encode("latin1"))
    ingest(matrix(TABLE), "r.csv", "--on-bad-row", "skip", ranks=(1, 3))


@pytest.mark.parametrize("option", [["--keep-time"], ["--time-range", "2015-01-01:"],
                                    ["--columns", "user=2,item=1"]])
@pytest.mark.parametrize("form", ["mtx", "dense"])
def test_matrices_have_no_times_nor_columns(cfmpi, tmp_path, form, option):
    banner = "%%MatrixMarket matrix coordinate real general\n"
    write(tmp_path, banner * (form == "mtx") + "1 2 1\n1 2 3\n")
    outcome = cfmpi("ingest", "r.csv", "-o", "m.h5", "--format", form, *option, ranks=2,
                    cwd=tmp_path, code=64)
    check_error(outcome, rf"^cfmpi: error: r\.csv: a matrix .*{option[0]}")


def test_symmetric_matrix_that_is_no_square(cfmpi, tmp_path):
    write(tmp_path, "%%MatrixMarket matrix coordinate real symmetric\n3 5 1\n1 5 3\n")
    outcome = cfmpi("ingest", "r.csv", "-o", "m.h5", ranks=2, cwd=tmp_path, code=65)
    check_error(outcome, r"^cfmpi: error: r\.csv:2:1: .*no square")
