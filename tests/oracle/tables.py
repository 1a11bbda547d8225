"""Rows of ratings: as text in any form, and as the matrix they must become."""
import functools
import gzip
import re
import subprocess
from typing import NamedTuple, Optional

import h5py
import numpy as np

HEADER = ("userId", "movieId", "rating", "timestamp")
INTEGER = re.compile("0|-?[1-9][0-9]*")


# Rows are tuples (user, item, rating, time) of text.

@functools.lru_cache(None)
def rows_of(path, separator, header):
    lines = path.read_text().splitlines()[header:]
    return tuple(tuple(line.split(separator)) for line in lines)


def with_ids(rows, user=str, item=str):
    """The rows with other ids, made from the old ones."""
    users = {row[0]: user(row[0]) for row in rows}
    items = {row[1]: item(row[1]) for row in rows}
    return [(users[row[0]], items[row[1]], *row[2:]) for row in rows]


# Text

def text(rows, separator=",", header=HEADER, end="\n", final=True, mark=False,
         quoted=False, order=(0, 1, 2, 3), encoding="utf-8"):
    """Bytes of a file: `order` names the columns that it has, `header` what
    each of the four is called."""
    table = [header, *rows] if header else rows
    field = '"{}"'.format if quoted else str
    lines = [separator.join(field(row[c]) for c in order) for row in table]
    content = ("\ufeff" if mark else "") + end.join(lines) + (end if final else "")
    return content.encode(encoding)


def zstd(content):
    return subprocess.run(["zstd", "-q", "-c"], input=content, check=True,
                          stdout=subprocess.PIPE).stdout


def pack(content, name):
    """What a file of this name holds."""
    if name.endswith(".gz"):
        return gzip.compress(content, 1)
    return zstd(content) if name.endswith(".zst") else content


def split(rows, parts):
    """Consecutive pieces, each twice as long as the one before."""
    cuts = [len(rows) * (2**i - 1) // (2**parts - 1) for i in range(parts + 1)]
    return [rows[begin:end] for begin, end in zip(cuts, cuts[1:])]


# Matrix

class Matrix(NamedTuple):
    users: np.ndarray  # int64 or bytes
    items: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    times: Optional[np.ndarray] = None


def ordered(ids):
    """Distinct ids, ascending, and the place of each: by value when all are
    canonical integers of 64 bits, otherwise by their bytes."""
    if all(INTEGER.fullmatch(id) and -2**63 <= int(id) < 2**63 for id in ids):
        order = sorted(ids, key=int)
        array = np.array([int(id) for id in order], np.int64)
    else:
        order = sorted(ids, key=str.encode)
        array = np.array([id.encode() for id in order])
    return array, {id: place for place, id in enumerate(order)}


def merged(rule, cell):
    """One rating of a user and item's several, (value, time) in file order."""
    if rule in ("first", "last"):
        return cell[0 if rule == "first" else -1]
    total = sum(float(value) for value, time in cell)
    return np.float32(total / (len(cell) if rule == "mean" else 1)), cell[-1][1]


def matrix(rows, duplicates=None, timed=False):
    """What the rows become; `timed` with --keep-time."""
    cells = {}
    for user, item, rating, *time in rows:
        cells.setdefault((user, item), []).append(
            (np.float32(float(rating)), int(time[0]) if timed else 0))
    users, row_of = ordered({user for user, item in cells})
    items, column_of = ordered({item for user, item in cells})
    entries = sorted((row_of[user], column_of[item], *merged(duplicates, cell))
                     if len(cell) > 1 else
                     (row_of[user], column_of[item], *cell[0])
                     for (user, item), cell in cells.items())
    row, column, value, time = zip(*entries)
    count = np.bincount(row, minlength=len(users))
    return Matrix(users, items, np.concatenate([[0], np.cumsum(count)]),
                  np.array(column), np.array(value, np.float32),
                  np.array(time, np.int64) if timed else None)


def matrix_of(csr, users, items):
    """SciPy's matrix between these ids."""
    csr = csr.tocsr()
    csr.sort_indices()
    return Matrix(users, items, csr.indptr, csr.indices,
                  csr.data.astype(np.float32))


# Matrix files

def check_ids(stored, ids):
    if ids.dtype == np.int64:
        assert stored.dtype == np.int64
    else:
        kind = h5py.check_string_dtype(stored.dtype)
        assert kind is not None, f"{stored.name} is {stored.dtype}"
        assert kind.encoding == "utf-8"
        assert stored.id.get_type().get_strpad() == h5py.h5t.STR_NULLPAD
        assert kind.length == max(map(len, ids.tolist()))
    assert np.array_equal(stored[()], ids)


def check_side(group, ids, place, values):
    """`place` is each rating's row of this side."""
    check_ids(group["id"], ids)
    count = np.bincount(place, minlength=len(ids))
    assert np.array_equal(group["count"][()], count)
    total = np.bincount(place, values.astype(float), minlength=len(ids))
    with np.errstate(invalid="ignore"):
        mean = total / count
    assert np.allclose(group["mean"][()], mean, rtol=1e-6, atol=1e-12, equal_nan=True)


def check(path, expected):
    """The matrix file holds what was expected, bit for bit but the means."""
    with h5py.File(path, "r") as file:
        ratings = file["ratings"]
        assert {name: ratings[name].dtype.str for name in ratings} == {
            "indptr": "<i8", "indices": "<i4", "values": "<f4",
            **({} if expected.times is None else {"time": "<i8"})}
        assert np.array_equal(ratings["indptr"][()], expected.indptr)
        assert np.array_equal(ratings["indices"][()], expected.indices)
        assert np.array_equal(ratings["values"][()], expected.values)
        if expected.times is not None:
            assert np.array_equal(ratings["time"][()], expected.times)
        rows = np.repeat(np.arange(len(expected.users)), np.diff(expected.indptr))
        check_side(file["users"], expected.users, rows, expected.values)
        check_side(file["items"], expected.items, expected.indices, expected.values)
