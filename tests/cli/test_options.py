"""The option table as its three readers show it: help, command line, file."""
import json
import re

import h5py
import pytest
from reference import digests, load

EVERYWHERE = {"output", "force", "report", "progress", "threads", "quiet", "verbose",
              "memory-limit", "config", "print-config", "help", "version"}
RATINGS = {"format", "columns", "missing", "titles", "duplicates", "on-bad-row", "scale",
           "rating-range", "time-range", "binarize", "min-user-ratings",
           "min-item-ratings", "keep-time"}
SVD = {"dim", "tol", "max-passes", "svd", "variance", "weighting", "center", "embedding",
       "start"}
NEIGHBORS = {"neighbors", "side", "similarity", "graph", "min-similarity", "space",
             "min-overlap", "significance", "shrinkage", "alpha", "beta"}
RECOMMEND = {"top", "score", "baseline-weight", "min-popularity", "allow", "exclude", "fill"}
RULE = {"rule", "fallback", "min-neighbors", "clip", "sweeps", "lambda-users",
        "lambda-items", "neighbors", "similarity", "min-similarity", "space", "min-overlap",
        "significance", "shrinkage", "alpha", "beta"}
EVALUATE = {"split", "test-share", "folds", "leave", "cut", "test", "allow-leak", "at",
            "relevant", "by", "grid", "measure"}
COMMANDS = {
    "run": RATINGS | SVD | NEIGHBORS | RECOMMEND,
    "ingest": RATINGS,
    "svd": RATINGS | SVD,
    "neighbors": RATINGS | SVD | NEIGHBORS | {"queries", "only", "max-distance"},
    "recommend": RECOMMEND | {"only"},
    "predict": (RATINGS | RULE | {"pairs"}) - {"titles", "keep-time"},
    "evaluate": (RATINGS | SVD | NEIGHBORS | RULE | RECOMMEND | EVALUATE) - {
        "titles", "keep-time", "start", "side", "graph", "top", "allow", "exclude"},
    "synth": {"users", "items", "ratings", "titles", "holdout", "holdout-share", "vectors",
              "dim"},
    "query": (RATINGS | RECOMMEND | {"neighbors", "new", "exclude-user"}) - {
        "titles", "keep-time", "min-user-ratings", "min-item-ratings"},
    "explain": RULE | {"score", "baseline-weight", "user", "item"},
    "info": {"user"},
    "verify": {"sample"},
    "export": {"part"},
}
SHORT = {"o": "output", "k": "neighbors", "n": "top", "q": "quiet", "v": "verbose"}
RATINGS_TEXT = ("userId,movieId,rating,timestamp\n1,1,5,0\n1,2,3,0\n2,1,4,0\n"
                "2,3,1,0\n3,2,2,0\n3,3,5,0\n4,1,1,0\n4,3,4,0\n")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ratings.csv").write_text(RATINGS_TEXT)
    return tmp_path


def options_of_help(printed):
    return set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", printed))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_every_option_of_a_command(cfmpi, command):
    printed = cfmpi(command, "--help", ranks=0).stdout
    assert options_of_help(printed) >= COMMANDS[command] | EVERYWHERE
    assert options_of_help(printed) <= set.union(*COMMANDS.values()) | EVERYWHERE | {"seed"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_a_seed(cfmpi, command):
    assert "seed" in options_of_help(cfmpi(command, "--help", ranks=0).stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(cfmpi, command):
    printed = cfmpi(command, "--help", ranks=0).stdout
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_help_shows_every_command(cfmpi):
    printed = cfmpi("--help", ranks=0).stdout
    assert all(re.search(rf"^\s+{name}\b", printed, re.M) for name in COMMANDS)


@pytest.mark.parametrize("short", SHORT)
def test_help_shows_short_names(cfmpi, short):
    assert re.search(rf"-{short}, --{SHORT[short]}\b", cfmpi("run", "--help").stdout)


@pytest.mark.parametrize("ranks", [0, 2])
def test_version(cfmpi, ranks):
    outcome = cfmpi("--version", ranks=ranks)
    assert re.fullmatch(r"cfmpi \d+\.\d+\.\d+\n", outcome.stdout)
    assert outcome.stderr == ""


def keys(printed):
    return dict(re.findall(r"^([a-z-]+) *= *(.*)$", printed, re.M))


def test_print_config_shows_what_is_in_force(cfmpi, folder):
    printed = cfmpi("run", "ratings.csv", "--dim", 2, "-k", 3,
                    "--side=both", "-o", "r.h5", "--print-config", cwd=folder).stdout
    shown = keys(printed)
    assert shown["command"] == "run" and shown["input"] == "ratings.csv"
    assert shown["dim"] == "2" and shown["neighbors"] == "3"
    assert shown["side"] == "both" and shown["output"] == "r.h5"
    assert shown["top"] == "10" and shown["similarity"] == "cosine"
    unset = {"titles", "start", "columns", "missing", "scale", "rating-range", "time-range",
             "binarize", "min-similarity", "shrinkage", "allow", "exclude"}
    assert set(shown) >= COMMANDS["run"] - unset
    assert not (folder / "r.h5").exists()


def test_print_config_can_be_read_back(cfmpi, folder):
    printed = cfmpi("run", "ratings.csv", "--dim", 2, "-k", 3, "--tol", 1e-4,
                    "--memory-limit", "3G", "-o", "r.h5", "--print-config",
                    cwd=folder).stdout
    (folder / "saved.conf").write_text(printed)
    again = cfmpi("--config", "saved.conf", "--print-config", cwd=folder).stdout
    assert again == printed
    cfmpi("--config", "saved.conf", ranks=2, cwd=folder)
    assert load(folder / "r.h5", "embedding/singular_values").shape == (2,)


def test_config_file_alone(cfmpi, folder):
    (folder / "cfmpi.conf").write_text(
        "# what is read and where the result goes\n"
        "input = ratings.csv\n\n  output = r.h5\ndim=2\n")
    cfmpi(ranks=2, cwd=folder)
    assert load(folder / "r.h5", "embedding/users").shape == (4, 2)


def test_config_file_names_another_command(cfmpi, folder):
    (folder / "cfmpi.conf").write_text("command = ingest\ninput = ratings.csv\n"
                                       "output = m.h5\n")
    cfmpi(cwd=folder)
    assert all(name.split("/")[0] in ("users", "items", "ratings")
               for name in digests(folder / "m.h5"))


def test_command_line_overrides_config_file(cfmpi, folder):
    (folder / "my.conf").write_text("input = nowhere.csv\noutput = a.h5\ndim = 3\n")
    cfmpi("run", "ratings.csv", "--config", "my.conf", "--dim", 2, "-o", "b.h5",
          cwd=folder)
    assert load(folder / "b.h5", "embedding/users").shape == (4, 2)
    assert not (folder / "a.h5").exists()


@pytest.mark.parametrize("of_neighbors", ["only = ids.txt", "queries = q.h5",
                                          "max-distance = 1"])
def test_options_of_other_commands_in_a_config_file(cfmpi, folder, of_neighbors):
    (folder / "my.conf").write_text(f"{of_neighbors}\nside = both\n")
    cfmpi("run", "ratings.csv", "--config", "my.conf", "--dim", 2, "-k", 1, "-o", "r.h5",
          ranks=2, cwd=folder)
    cfmpi("svd", "ratings.csv", "--config", "my.conf", "--dim", 2, "-o", "s.h5", cwd=folder)
    assert len(load(folder / "r.h5", "recommendations/index")) == 4


def test_no_arguments_and_no_config_file(cfmpi, tmp_path):
    for ranks in (0, 3):
        outcome = cfmpi(code=64, ranks=ranks, cwd=tmp_path)
        assert outcome.stdout == "" and "usage" in outcome.stderr.lower()


def test_input_alone_means_run(cfmpi, folder):
    cfmpi("ratings.csv", "-o", "short.h5", "--dim", 2, cwd=folder)
    cfmpi("run", "ratings.csv", "-o", "long.h5", "--dim", 2, cwd=folder)
    assert digests(folder / "short.h5") == digests(folder / "long.h5")
    assert any(name.startswith("recommendations/") for name in digests(folder / "short.h5"))


def test_standard_input(cfmpi, folder):
    cfmpi("ingest", "ratings.csv", "-o", "file.h5", cwd=folder)
    cfmpi("ingest", "-", "-o", "pipe.h5", cwd=folder, ranks=2,
          stdin=RATINGS_TEXT.encode())
    assert digests(folder / "pipe.h5") == digests(folder / "file.h5")


def test_attributes_of_the_file(cfmpi, folder):
    cfmpi("run", "ratings.csv", "-o", "r.h5", "--dim", 2, "--seed", 5, ranks=2,
          cwd=folder)
    with h5py.File(folder / "r.h5", "r") as file:
        told = {name: value.decode() if isinstance(value, bytes) else value
                for name, value in file.attrs.items()}
        described = [name for name in digests(folder / "r.h5")
                     if not file[name].attrs["description"]]
    assert told["format"] == "cfmpi" and told["format_version"] == 1
    assert told["program"].startswith("cfmpi ")
    assert told["seed"] == 5 and told["ranks"] == 2 and told["complete"] == 1
    assert set(json.loads(told["input"])) >= {"name", "bytes", "digest"}
    assert json.loads(told["command"])["dim"] == 2
    assert described == []


@pytest.mark.parametrize("rule, value", [("first", 5), ("last", 1), ("mean", 3), ("sum", 9)])
@pytest.mark.parametrize("ranks", [1, 4])
def test_duplicates(cfmpi, folder, rule, value, ranks):
    """User 1 rates item 1 again in the last line, and once in the middle."""
    rows = RATINGS_TEXT.splitlines(keepends=True)
    (folder / "twice.csv").write_text("".join(rows[:5] + ["1,1,3,0\n"] + rows[5:]
                                              + ["1,1,1,0\n"]))
    cfmpi("ingest", "twice.csv", "-o", "m.h5", "--duplicates", rule, cwd=folder,
          ranks=ranks)
    assert load(folder / "m.h5", "ratings/values")[0] == value
    assert len(load(folder / "m.h5", "ratings/values")) == 8


@pytest.mark.parametrize("separator, name", [(",", "a.csv"), ("\t", "a.tsv"),
                                             ("::", "a.dat"), ("\t", "u.data")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("final", [True, False])
def test_formats(cfmpi, folder, separator, name, end, final):
    lines = RATINGS_TEXT.replace(",", separator).splitlines()
    content = end.join(lines if separator == "," else lines[1:]) + (end if final else "")
    (folder / name).write_bytes(content.encode())
    cfmpi("ingest", name, "-o", "m.h5", ranks=3, cwd=folder)
    assert load(folder / "m.h5", "users/id").tolist() == [1, 2, 3, 4]
    assert load(folder / "m.h5", "ratings/values").tolist() == [5, 3, 4, 1, 2, 5, 1, 4]


@pytest.mark.parametrize("form, separator", [("csv", ","), ("tsv", "\t"), ("dat", "::")])
def test_format_given(cfmpi, folder, form, separator):
    rows = RATINGS_TEXT.splitlines()[1:]
    (folder / "ratings").write_text("\n".join(rows).replace(",", separator))
    cfmpi("ingest", "ratings", "--format", form, "-o", "m.h5", ranks=2, cwd=folder)
    assert load(folder / "m.h5", "items/id").tolist() == [1, 2, 3]


@pytest.mark.parametrize("content", [
    "\ufeffuserId,movieId,rating\n1,7,5\n2,7,.5\n",
    "1,7,5.0\n2,7,5e-1\n",
    "userId,movieId,rating\n1,7,5\n\n2,7,0.50\n\n",
    "movieId,rating,timestamp,userId\n7,5,0,1\n7,0.5,0,2\n",
], ids=["byte_order_mark", "no_header", "empty_lines", "other_order"])
@pytest.mark.parametrize("ranks", [1, 3])
def test_text_of_other_programs(cfmpi, folder, content, ranks):
    (folder / "other.csv").write_text(content)
    cfmpi("ingest", "other.csv", "-o", "m.h5", ranks=ranks, cwd=folder)
    assert load(folder / "m.h5", "users/id").tolist() == [1, 2]
    assert load(folder / "m.h5", "items/id").tolist() == [7]
    assert load(folder / "m.h5", "ratings/values").tolist() == [5, 0.5]


def test_output_in_place_of_its_input(cfmpi, folder):
    cfmpi("ingest", "ratings.csv", "-o", "m.h5", cwd=folder)
    cfmpi("svd", "m.h5", "-o", "e.h5", "--dim", 2, cwd=folder, ranks=2)
    cfmpi("svd", "m.h5", "-o", "m.h5", "--dim", 2, "--force", cwd=folder, ranks=2)
    assert digests(folder / "m.h5") == digests(folder / "e.h5")


def test_ids_of_64_bits(cfmpi, folder):
    (folder / "wide.csv").write_text(
        "userId,movieId,rating\n9223372036854775807,3,1\n-4,-9223372036854775808,2.5\n"
        "0,3,4\n")
    cfmpi("ingest", "wide.csv", "-o", "m.h5", ranks=2, cwd=folder)
    assert load(folder / "m.h5", "users/id").tolist() == [-4, 0, 2**63 - 1]
    assert load(folder / "m.h5", "items/id").tolist() == [-2**63, 3]
