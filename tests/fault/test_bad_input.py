"""Each bad input: one line, the right exit code, nothing left behind."""
import os

import pytest
from faults import HEADER, ROWS, check_error, snapshot, with_row

RANKS = [1, 3, 7]


@pytest.fixture
def refuse(cfmpi, tmp_path):
    """refuse(code, message, *args): the run must fail in this way, and leave
    the folder with the files it had."""
    (tmp_path / "good.csv").write_text(HEADER + "".join(ROWS))
    (tmp_path / "r.h5").write_bytes(b"an earlier result")

    def call(code, message, *args, ranks=3):
        before = snapshot(tmp_path)
        outcome = cfmpi(*args, ranks=ranks, code=code, cwd=tmp_path)
        check_error(outcome, message)
        assert snapshot(tmp_path) == before
    call.folder = tmp_path
    return call


BAD_TEXT = {
    # name: (text of the file, what the line must say after "bad.csv")
    "empty": ("", ""),
    "header_only": (HEADER, ""),
    "header_without_newline": (HEADER.strip(), ""),
    "rating_no_number": (with_row("1,99,abc,0", 17), r":17:6: .*abc"),
    "bad_last_row": (with_row("20,99,abc,0", 202), r":202:7: .*abc"),
    "bad_last_row_cut_short": (HEADER + "".join(ROWS) + "20,99", r":202:"),
    "two_columns": (with_row("7,8", 5), r":5:"),
    "rating_missing": (with_row("7,88,,0", 5), r":5:6: "),
    "nan": (with_row("7,88,NaN,0", 120), r":120:6: .*NaN"),
    "infinite": (with_row("7,88,inf,0", 120), r":120:6: .*inf"),
    "over_float_range": (with_row("7,88,1e39,0", 120), r":120:6: .*1e39"),
    "first_of_several": ("".join([HEADER, *ROWS[:90], "1,99,bad,0\n", *ROWS[90:190],
                                  "1,98,worse,0\n", *ROWS[190:]]), r":92:6: .*bad"),
    "words": ("some\nother\nfile\n", ""),
    "binary": ("\0\1\2\3\n" * 50, ""),
    "duplicate_near": (with_row("1,1,5,0", 3), ".*duplicate"),
    "duplicate_far": (with_row("1,1,5,0", 202), ".*duplicate"),
}


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("name", BAD_TEXT)
def test_bad_text(refuse, name, ranks):
    content, message = BAD_TEXT[name]
    (refuse.folder / "bad.csv").write_text(content)
    refuse(65, rf"^cfmpi: error: bad\.csv{message}", "run", "bad.csv", "-o", "r.h5",
           "--force", ranks=ranks)


@pytest.mark.parametrize("command", ["ingest", "svd", "neighbors"])
def test_bad_text_in_other_commands(refuse, command):
    (refuse.folder / "bad.csv").write_text(with_row("1,99,abc,0", 17))
    refuse(65, r"bad\.csv:17:6:", command, "bad.csv", "-o", "new.h5")


@pytest.mark.parametrize("ranks", RANKS)
def test_missing_file(refuse, ranks):
    refuse(66, r"nowhere\.csv", "run", "nowhere.csv", "-o", "r.h5", "--force",
           ranks=ranks)


@pytest.mark.parametrize("ranks", RANKS)
def test_folder_as_input(refuse, ranks):
    (refuse.folder / "folder.csv").mkdir()
    refuse(66, r"folder\.csv.*(folder|directory)", "run", "folder.csv", "-o", "r.h5", "--force",
           ranks=ranks)


@pytest.mark.parametrize("command", ["recommend", "predict", "info", "verify", "export"])
def test_missing_result_file(refuse, command):
    (refuse.folder / "pairs.csv").write_text("1,1\n")
    extra = {"recommend": ["-o", "new.h5"], "predict": ["--pairs", "pairs.csv"],
             "export": ["--part", "users"]}.get(command, [])
    refuse(66, r"nowhere\.h5", command, "nowhere.h5", *extra)


def test_missing_titles_file(refuse):
    refuse(66, r"nowhere\.dat", "run", "good.csv", "--titles", "nowhere.dat", "-o",
           "new.h5")


def test_missing_config_file(refuse):
    refuse(66, r"nowhere\.conf", "--config", "nowhere.conf")


def test_no_input_named(refuse):
    refuse(64, "input", "run", "-o", "new.h5")


def test_no_output_named(refuse):
    refuse(64, "output", "run", "good.csv")


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("dim", [11, 10**6])
def test_explicit_dim_over_the_smaller_side(refuse, ranks, dim):
    refuse(64, rf"--dim.*\b{dim}\b.*\b10\b", "run", "good.csv", "--dim", dim, "-o",
           "r.h5", "--force", ranks=ranks)


@pytest.mark.parametrize("args, message", [
    (["--dimension", "4"], "--dimension"),
    (["--evaluate"], "--evaluate"),
    (["-x"], "-x"),
    (["--dim"], "--dim"),
    (["--dim", "0"], "--dim.*0"),
    (["--dim", "-3"], "--dim.*-3"),
    (["--dim", "4.5"], "--dim.*4.5"),
    (["--dim", "many"], "--dim.*many"),
    (["--dim="], "--dim"),
    (["--tol", "nan"], "--tol.*nan"),
    (["--tol", "-1"], "--tol.*-1"),
    (["-k", "0"], "(-k|--neighbors).*0"),
    (["-n", "99999999999999999999"], "(-n|--top)"),
    (["--side", "left"], "--side.*left"),
    (["--similarity", "magic"], "--similarity.*magic"),
    (["--score", "magic"], "--score.*magic"),
    (["--memory-limit", "lots"], "--memory-limit.*lots"),
    (["--duplicates", "most"], "--duplicates.*most"),
    (["--columns", "user=0"], "--columns.*user=0"),
    (["--columns", "user=1,reader=2"], "--columns.*reader=2"),
    (["--columns", "user=1,user=2"], "--columns.*user=2"),
    (["--columns", "user=2"], "--columns.*2.*user.*item"),
    (["--columns", "user"], "--columns.*user"),
    (["--min-user-ratings", "-1"], "--min-user-ratings.*-1"),
    (["--min-item-ratings", "few"], "--min-item-ratings.*few"),
    (["--scale", "5"], "--scale.*5"),
    (["--scale", "5:1"], "--scale.*5:1"),
    (["--rating-range", "low:high"], "--rating-range.*low:high"),
    (["--rating-range", "4:nan"], "--rating-range.*4:nan"),
    (["--time-range", "2015-02-30:2015-03-01"], "--time-range.*2015-02-30"),
    (["--time-range", "2015-03-01"], "--time-range.*2015-03-01"),
    (["--time-range", "20:10"], "--time-range.*20:10"),
    (["--binarize", "high"], "--binarize.*high"),
    (["--missing", "none", "--format", "dense"], "--missing.*none"),
    (["--format", "doc"], "--format.*doc"),
    (["--force=maybe"], "--force"),
])
def test_bad_option(refuse, args, message):
    refuse(64, message, "run", "good.csv", "-o", "new.h5", *args)


@pytest.mark.parametrize("ranks", [0, 1, 7])
def test_unknown_option_whatever_the_rank_count(refuse, ranks):
    refuse(64, "--frobnicate", "run", "good.csv", "-o", "new.h5", "--frobnicate",
           ranks=ranks)


def test_option_of_another_command(refuse):
    refuse(64, "--top", "ingest", "good.csv", "-o", "new.h5", "--top", "3")


@pytest.mark.parametrize("line, message", [
    ("dimension = 4", "dimension"),
    ("dim = four", "dim.*four"),
    ("dim", ""),
    ("command = dance", "dance"),
    ("= 4", ""),
])
def test_bad_config_line(refuse, line, message):
    (refuse.folder / "my.conf").write_text(
        f"# a comment\ninput = good.csv\noutput = new.h5\n{line}\n")
    refuse(64, rf"my\.conf:4:.*{message}", "--config", "my.conf")


@pytest.mark.parametrize("command", ["run", "ingest", "svd", "neighbors"])
@pytest.mark.parametrize("ranks", RANKS)
def test_output_exists(refuse, command, ranks):
    refuse(73, r"r\.h5.*--force", command, "good.csv", "-o", "r.h5", ranks=ranks)


def test_output_folder_missing(refuse):
    refuse(73, r"nowhere/r\.h5", "run", "good.csv", "-o", "nowhere/r.h5")


def test_output_is_a_folder(refuse):
    (refuse.folder / "taken").mkdir()
    refuse(73, "taken", "run", "good.csv", "-o", "taken", "--force")
    assert list((refuse.folder / "taken").iterdir()) == []


def test_output_in_a_folder_that_takes_no_files(refuse):
    """/proc lets nobody make a file, not even root."""
    refuse(73, "/proc/r.h5", "run", "good.csv", "-o", "/proc/r.h5")


def test_report_that_cannot_be_written(refuse):
    refuse(73, r"nowhere/r\.json", "run", "good.csv", "-o", "new.h5", "--report",
           "nowhere/r.json")


def test_output_is_checked_before_the_work(refuse):
    """A refusal comes at once, even when the input would fail as well."""
    (refuse.folder / "bad.csv").write_text(with_row("1,99,abc,0", 17))
    refuse(73, r"r\.h5.*--force", "run", "bad.csv", "-o", "r.h5")
    (refuse.folder / "pairs.csv").write_text("1\n")
    for out in "r.h5", "good.csv":
        refuse(73, rf"{out}.*--force", "predict", "bad.csv", "--pairs", "pairs.csv", "-o", out)


BAD_PAIRS = {
    "missing": (None, 66, r"pairs\.csv"),
    "one_column": ("user,item\n1,2\n3\n", 65, r"pairs\.csv:3:"),
    "no_item": ("user,item\n1,2\n3,\n", 65, r"pairs\.csv:3:3: .*empty"),
    "no_pairs": ("user,item\n", 65, r"pairs\.csv: there are no pairs in it"),
}


@pytest.mark.parametrize("name", BAD_PAIRS)
def test_bad_pairs(cfmpi, refuse, name):
    content, code, message = BAD_PAIRS[name]
    cfmpi("run", "good.csv", "-o", "made.h5", cwd=refuse.folder)
    if content is not None:
        (refuse.folder / "pairs.csv").write_text(content)
    refuse(code, message, "predict", "made.h5", "--pairs", "pairs.csv", "-o", "p.csv")


def test_user_who_is_not_in_the_file(cfmpi, refuse):
    cfmpi("run", "good.csv", "-o", "made.h5", cwd=refuse.folder)
    before = snapshot(refuse.folder)
    outcome = cfmpi("info", "made.h5", "--user", "777", cwd=refuse.folder, code=None)
    assert "777" in outcome.stdout + outcome.stderr
    assert snapshot(refuse.folder) == before


def test_unknown_part(cfmpi, refuse):
    cfmpi("run", "good.csv", "-o", "made.h5", cwd=refuse.folder)
    refuse(64, "--part.*legs", "export", "made.h5", "--part", "legs")


@pytest.mark.parametrize("args", [
    ("--report", "good.csv"), ("--titles", "good.csv"),
    ("--report", "new.h5")])
def test_one_file_in_two_parts(refuse, args):
    refuse(64, "the same file", "run", "good.csv", "-o", "new.h5", *args)


def test_ratings_are_never_overwritten(refuse):
    refuse(64, "good.csv", "ingest", "good.csv", "-o", "good.csv", "--force")
    (refuse.folder / "other.csv").write_text((refuse.folder / "good.csv").read_text())
    (refuse.folder / "link.csv").symlink_to("good.csv")
    for out in "./good.csv", "link.csv":
        refuse(64, "good.csv", "ingest", "good.csv", "-o", out, "--force", ranks=2)
        refuse(64, out, "ingest", "other.csv", "good.csv", "-o", out, "--force")
        refuse(64, "are the same file", "run", "other.csv", "--report", out, "--titles",
               "good.csv", "-o", "new.h5")


@pytest.mark.parametrize("command", ["predict", "query", "explain", "evaluate", "export"])
def test_what_does_not_go_on_is_no_place_for_the_output(refuse, command):
    args = {"predict": ["--pairs", "p.csv"], "query": ["--new", "n.csv"],
            "explain": ["--user", "1", "--item", "1"], "export": ["--part", "users"]}
    refuse(64, "input and --output are the same file, good.csv", command, "good.csv",
           *args.get(command, []), "-o", "good.csv", "--force")


def test_pipe_as_input(refuse):
    os.mkfifo(refuse.folder / "pipe")
    refuse(66, "pipe.*-", "ingest", "pipe", "-o", "new.h5")


def test_items_alone_have_no_recommendations(refuse):
    refuse(64, "--side", "run", "good.csv", "--side", "items", "-o", "new.h5")


@pytest.mark.parametrize("option", ["--dim", "--neighbors"])
def test_option_of_a_step_that_is_done(cfmpi, refuse, option):
    cfmpi("run", "good.csv", "-o", "done.h5", cwd=refuse.folder)
    refuse(64, option, "run", "done.h5", option, 5, "-o", "new.h5")


def test_quote_that_never_closes(refuse):
    (refuse.folder / "movies.csv").write_text('movieId,title\n1,"Heat\n2,Alien\n')
    refuse(65, r"movies\.csv:2: .*quote", "ingest", "good.csv", "--titles",
           "movies.csv", "-o", "new.h5")


def test_ratings_beyond_float32_vectors(refuse):
    (refuse.folder / "huge.csv").write_text(
        "userId,movieId,rating\n" + "".join(
            f"{user},{item},3e38\n" for user in range(4) for item in range(4)))
    refuse(65, "huge.csv", "svd", "huge.csv", "-o", "new.h5")


@pytest.mark.parametrize("method", ["gram", "krylov"])
def test_centred_ratings_beyond_float32(refuse, method):
    """3e38 less the user's mean of -1e38 is no float32."""
    (refuse.folder / "far.csv").write_text(
        "userId,movieId,rating\n" + "".join(
            f"{user},{item},{'3e38' if item == user else '-3e38'}\n"
            for user in range(3) for item in range(3)))
    refuse(65, "far.csv: ratings are beyond float32", "svd", "far.csv",
           "--center=user", "--dim=1", f"--svd={method}", "-o", "new.h5")
