"""Generated hostile files, read by Python's csv module and by the program."""
import csv
import io
import random
import re

import pytest
from conftest import together
from reference import digests, input_of
from tables import check, matrix

RANKS = (0, 2, 3, 7)  # 0 is one rank without mpirun
BATCHES, FILES = 12, 5
NUMBER = re.compile(r"[ \t]*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?[ \t]*", re.A | re.I)
PIECES = ["a", "7", "0", "Zoë", "映", " ", ",", ";", "|", "\t", "::", '"', '""', "\n", "\r\n",
          "1,2,3\n", "-", "'", "\\", "#"]


class Writer:
    """One file: random columns in a random order, fields written in every way
    that csv reads back."""

    def __init__(self, seed):
        self.random = rng = random.Random(seed)
        self.separator = rng.choice(",,,;\t|")
        self.ends = rng.choice([["\n"], ["\r\n"], ["\n", "\r\n"]])
        self.roles = ["user", "item", "rating"] + rng.choices(["other"], k=rng.randint(0, 4))
        rng.shuffle(self.roles)
        self.header = rng.random() < 0.6
        self.quoting = rng.choice([0.05, 0.4, 0.9])
        self.bad = rng.choice([0, 0, 0.15])
        words = rng.random() < 0.6, rng.random() < 0.6
        self.ids = [self.some_ids(word, rng.randint(1, 12)) for word in words]

    def some_ids(self, words, count):
        rng = self.random
        if not words:
            return [str(rng.randint(-5, 10 ** rng.randint(1, 17))) for _ in range(count)]
        return ["".join(rng.choices(PIECES, k=rng.randint(1, 6))) for _ in range(count)]

    def text(self):
        """Whatever may stand in a column that is not looked at."""
        rng = self.random
        return "".join(rng.choices(PIECES, k=rng.choice([0, 0, 1, 3, 9, 40])))

    def rating(self):
        rng = self.random
        number = rng.choice([f"{rng.randint(0, 10) / 2}", str(rng.randint(1, 5)), ".5", "4.",
                             f"{rng.uniform(-9, 9)}", f"{rng.random()}e{rng.randint(-9, 9)}"])
        blanks = ["", "", "", " ", "  "]
        return rng.choice(blanks) + number + rng.choice(blanks)

    def written(self, value):
        """A way to write the value; None where there is none without quotes."""
        rng = self.random
        plain = not value.startswith('"') and not re.search(
            f"[\r\n{re.escape(self.separator)}]", value)
        if plain and rng.random() >= self.quoting:
            return value
        # Text behind the closing quote belongs to the field as it is.
        cut = len(value)
        if rng.random() < 0.2:
            cut = rng.randint(0, len(value))
            if value[cut:].startswith('"') or re.search(
                    f"[\r\n{re.escape(self.separator)}]", value[cut:]):
                cut = len(value)
        return '"' + value[:cut].replace('"', '""') + '"' + value[cut:]

    def row(self):
        rng = self.random
        values = {"user": lambda: rng.choice(self.ids[0]), "item": lambda: rng.choice(self.ids[1]),
                  "rating": self.rating, "other": self.text}
        fields = [values[role]() for role in self.roles]
        if rng.random() < self.bad:
            return self.spoilt(fields)
        return fields

    def spoilt(self, fields):
        """A row that must be found bad, whatever its other fields hold."""
        rng = self.random
        kind = rng.choice(["more", "fewer", "empty", "word"])
        if kind == "more":
            return fields + ["1"]
        if kind == "fewer":
            return fields[:-1]
        place = self.roles.index("rating" if kind == "word" else rng.choice(["user", "item"]))
        fields[place] = rng.choice(["x", "", "1,5", "nan", "4 5"]) if kind == "word" else ""
        return fields

    def line(self, fields):
        line = self.separator.join(map(self.written, fields))
        # Nothing at all would be a blank line; two quotes are a field.
        return (line or '""') + self.random.choice(self.ends)

    def content(self):
        rng = self.random
        lines = []
        if self.header:
            names = {"user": "userId", "item": "movieId", "rating": "rating"}
            quote = rng.choice(["", '"'])
            lines.append(self.separator.join(
                quote + names.get(role, f"note {i}") + quote
                for i, role in enumerate(self.roles)) + rng.choice(self.ends))
        else:  # rows that leave no doubt about the separator
            lines += [self.separator.join(
                {"rating": "3", "other": "x"}.get(role, str(i)) for role in self.roles) + "\n"
                for i in range(60)]
        for _ in range(rng.randint(1, 60)):
            lines.append(self.line(self.row()))
            if rng.random() < 0.05:
                lines.append(rng.choice(self.ends))
        whole = "".join(lines)
        if rng.random() < 0.3:
            whole = re.sub("\r?\n$", "", whole)
        return (rng.choice(["", "\ufeff"]) + whole).encode()

    def options(self):
        if self.header:
            return []
        places = {role: place for place, role in enumerate(self.roles, 1)}
        return ["--columns", ",".join(f"{role}={places[role]}"
                                      for role in ("user", "item", "rating"))]


def read(writer, content):
    """Good rows and the number of bad ones, by csv."""
    table = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""),
                       delimiter=writer.separator)
    places = [writer.roles.index(role) for role in ("user", "item", "rating")]
    good, bad = [], 0
    for fields in list(table)[writer.header:]:
        if not fields:
            continue
        row = [fields[place] for place in places] if len(fields) == len(writer.roles) else None
        if row and row[0] and row[1] and NUMBER.fullmatch(row[2]):
            good.append((*row, "0"))
        else:
            bad += 1
    return good, bad


@pytest.mark.parametrize("batch", range(BATCHES))
def test_as_csv_reads_it(cfmpi, tmp_path, batch):
    expected = {}
    for seed in range(batch * FILES, (batch + 1) * FILES):
        writer = Writer(seed)
        content = writer.content()
        good, bad = read(writer, content)
        if good:
            (tmp_path / f"{seed}.csv").write_bytes(content)
            expected[seed] = matrix(good, "last"), bad, writer.options()

    def one(case):
        seed, ranks = case
        path = tmp_path / f"{seed}-{ranks}.h5"
        cfmpi("ingest", f"{seed}.csv", *expected[seed][2], "-o", path, "--on-bad-row", "skip",
              "--duplicates", "last", ranks=ranks, cwd=tmp_path)
        return path
    cases = [(seed, ranks) for seed in expected for ranks in RANKS]
    made = dict(zip(cases, together(one, cases)))
    for (seed, ranks), path in made.items():
        wanted, bad, _ = expected[seed]
        try:
            check(path, wanted)
            assert input_of(path)["rows_skipped"] == bad
            assert digests(path) == digests(made[seed, RANKS[0]])
        except AssertionError as error:
            raise AssertionError(f"file of seed {seed} on {ranks} ranks") from error


@pytest.mark.parametrize("header", ['"user"Id,"movie"Id,"""rating"""', 'userId,movieId,""rating',
                                    '"userId","movieId","rating","a ""\n,note"'])
def test_header_as_csv_reads_it(ingest, tmp_path, header):
    names = next(csv.reader(io.StringIO(header, newline="")))
    row = "1,2,3" + ",4" * (len(names) - 3)
    (tmp_path / "r.csv").write_text(f"{header}\n{row}\n", newline="")
    options = ["--columns", "rating=" + names[2]] if names[2] != "rating" else []
    ingest(matrix([("1", "2", "3", "0")]), "r.csv", *options, ranks=(1, 3))


def test_the_files_are_hostile():
    """That the generator makes what it is for."""
    made = [(writer, writer.content()) for writer in map(Writer, range(BATCHES * FILES))]
    text = b"\n".join(content for _, content in made)
    for piece in (b'""', b'"\r\n', b',"', b'";"', b"\t", "映".encode(), b'\n"', b"\xef\xbb\xbf"):
        assert piece in text, piece
    read_back = [read(writer, content) for writer, content in made]
    assert sum(bad for _, bad in read_back) > 50
    assert sum(len(good) for good, _ in read_back) > 1000
    assert any('"' in user and "\n" in user for good, _ in read_back for user, *_ in good)
