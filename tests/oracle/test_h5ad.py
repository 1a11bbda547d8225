"""AnnData's sparse matrices in HDF5: what comes out is the matrix that went in,
for any rank count; what is wrong is named."""
import json

import h5py
import numpy as np
import pytest
import scipy.sparse as sparse
from matrix_files import (FEW_RANKS, check, ingest, random_matrix, refuse,
                          replaced)
from reference import digest, text

RANKS = [1, 2, 3, 7]
GOOD = random_matrix().tocsr()
ROWS, COLS = GOOD.shape
NNZ = GOOD.nnz
USERS = [f"reader {i * 7 % 61}" for i in range(ROWS)]
ITEMS = [f"Bücher-{i}" for i in range(COLS)]


def strings(names, encoding="utf-8"):
    return dict(data=np.array(names, object), dtype=h5py.string_dtype(encoding))


def write(path, matrix=GOOD, group="X", users=None, items=None, attrs=None,
          chunks=None, **datasets):
    """AnnData's layout; what `datasets` names replaces those of the matrix
    (None leaves one out), `users` and `items` are arguments of
    create_dataset."""
    parts = {name: getattr(matrix, name) for name in ("data", "indices", "indptr")}
    attributes = {"encoding-type": f"{matrix.format}_matrix",
                  "encoding-version": "0.1.0", "shape": matrix.shape}
    with h5py.File(path, "w") as file:
        node = file.require_group(group)
        for name, content in {**parts, **datasets}.items():
            if content is not None:
                node.create_dataset(name, data=content, **(chunks or {}))
        node.attrs.update(attributes if attrs is None else attrs)
        for name, ids in (("obs", users), ("var", items)):
            if ids is not None:
                table = file.create_group(name)
                table.attrs["_index"] = "names"
                table.create_dataset("names", **ids)
    return path


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_names_and_gzip(cfmpi, tmp_path, form, ranks):
    path = write(tmp_path / "m.h5ad", GOOD.asformat(form), users=strings(USERS),
                 items=strings(ITEMS),
                 chunks=dict(chunks=(40,), compression="gzip"))
    out, told = ingest(cfmpi, path, ranks)
    check(out, GOOD, USERS, ITEMS)
    with h5py.File(out, "r") as file:
        stored = json.loads(text(file.attrs["input"]))
    assert stored["digest"] == digest(path.read_bytes())
    assert told["bytes"] == path.stat().st_size
    assert (told["users"], told["items"]) == GOOD.shape


KINDS = {
    "ascii": (strings([str(i) + "x" for i in range(COLS)], "ascii"),
              [str(i) + "x" for i in range(COLS)]),
    "fixed": (dict(data=np.array([i.encode() for i in ITEMS], "S20")), ITEMS),
    "integers": (dict(data=np.arange(COLS, dtype="u2")[::-1] * 3),
                 list(range(3 * COLS - 3, -1, -3))),
    "digits": (strings([str(5 * i) for i in range(COLS)]),
               list(range(0, 5 * COLS, 5))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_names(cfmpi, tmp_path, kind):
    stored, ids = KINDS[kind]
    write(tmp_path / "m.h5ad", users=strings(USERS), items=stored)
    check(ingest(cfmpi, tmp_path / "m.h5ad", 3)[0], GOOD, USERS, ids)


@pytest.mark.parametrize("name", ["_index", "index"])
def test_names_that_no_attribute_tells(cfmpi, tmp_path, name):
    path = write(tmp_path / "m.h5ad")
    with h5py.File(path, "a") as file:
        file.create_dataset(f"obs/{name}", **strings(USERS))
    check(ingest(cfmpi, path, 2)[0], GOOD, USERS)


def test_names_in_tables_and_old_attributes(cfmpi, tmp_path):
    """As AnnData wrote before version 0.7."""
    path = write(tmp_path / "m.h5ad", attrs={"h5sparse_format": np.bytes_("csr"),
                                             "h5sparse_shape": GOOD.shape})
    with h5py.File(path, "a") as file:
        for name, ids, kind in (("obs", USERS, "S20"),
                                ("var", ITEMS, h5py.string_dtype())):
            table = np.zeros(len(ids), [("count", "f4"), ("index", kind)])
            table["index"] = [i.encode() for i in ids] if kind == "S20" else ids
            file.create_dataset(name, data=table)
    check(ingest(cfmpi, path, 3)[0], GOOD, USERS, ITEMS)


@pytest.mark.parametrize("ranks", RANKS)
def test_numbers_stand_for_names_of_another_length(cfmpi, tmp_path, ranks):
    path = write(tmp_path / "m.h5ad", users=strings(USERS),
                 items=strings(ITEMS[1:]))
    out = tmp_path / "m.h5"
    told = cfmpi("ingest", path, "-o", out, ranks=ranks).stderr
    assert told.count(f"/var holds no names of the {COLS} items") == 1
    assert "users" not in told
    check(out, GOOD, USERS)


@pytest.mark.parametrize("group, name", [
    ("layers/counts", "m.h5ad:/layers/counts"), ("matrix", "m.h5ad:/matrix/"),
    ("/", "m.h5ad:/")])
def test_named_group(cfmpi, tmp_path, group, name):
    write(tmp_path / "m.h5ad", group=group, users=strings(USERS))
    cfmpi("ingest", name, "-o", "m.h5", ranks=2, cwd=tmp_path)
    check(tmp_path / "m.h5", GOOD, USERS)


def test_colon_in_the_file_name(cfmpi, tmp_path):
    (tmp_path / "a:").mkdir()
    write(tmp_path / "a:/X")
    cfmpi("ingest", "a:/X", "-o", "m.h5", cwd=tmp_path)
    check(tmp_path / "m.h5", GOOD)


def test_raw_has_its_own_items(cfmpi, tmp_path):
    path = write(tmp_path / "m.h5ad", group="raw/X", users=strings(USERS),
                 items=strings([f"{i} filtered" for i in range(COLS)]))
    with h5py.File(path, "a") as file:
        file.create_dataset("raw/var/_index", **strings(ITEMS))
    cfmpi("ingest", "m.h5ad:/raw/X", "-o", "m.h5", cwd=tmp_path)
    check(tmp_path / "m.h5", GOOD, USERS, ITEMS)


@pytest.mark.parametrize("dtype", "? i1 u1 >i2 u4 i8 u8 f2 f4 >f4 f8".split())
def test_value_types(cfmpi, tmp_path, dtype):
    matrix = GOOD.copy()
    values = matrix.data.astype(dtype)
    if dtype in ("i8", "u8"):
        values[:2] = 2**53 + 2**29 + 1, 2**62  # to float32 at one rounding
    write(tmp_path / "m.h5ad", data=values, indices=matrix.indices.astype("u2"))
    matrix.data = values.astype(np.float32)
    check(ingest(cfmpi, tmp_path / "m.h5ad", 2)[0], matrix)


@pytest.mark.parametrize("ranks", [1, 3])
def test_many_blocks_and_large_chunks(cfmpi, tmp_path, ranks):
    matrix = random_matrix(2000, 700, 300_000).tocsc()
    names = [f"{i * 37 % 2000:05}" for i in range(2000)]
    write(tmp_path / "m.h5ad", matrix, users=strings(names),
          chunks=dict(chunks=(200_000,), compression="gzip", maxshape=(None,)))
    check(ingest(cfmpi, tmp_path / "m.h5ad", ranks)[0], matrix, names)


def test_more_ranks_than_rows(cfmpi, tmp_path):
    matrix = sparse.csr_matrix(([1.5, 2, 3], ([0, 2, 2], [1, 0, 3])), (3, 5))
    write(tmp_path / "m.h5ad", matrix, users=strings(["x", "y", "z"]))
    check(ingest(cfmpi, tmp_path / "m.h5ad", 7)[0], matrix, ["x", "y", "z"])


def test_bad_values_are_skipped_and_counted(cfmpi, tmp_path):
    write(tmp_path / "m.h5ad", users=strings(USERS),
          data=replaced(GOOD.data, [3, 200], np.nan))
    out, report = tmp_path / "m.h5", tmp_path / "m.json"
    told = cfmpi("ingest", tmp_path / "m.h5ad", "-o", out, "--report", report,
                 "--on-bad-row=skip", ranks=3).stderr
    assert "m.h5ad: /X/data[3] is nan, not a rating" in told
    assert json.loads(report.read_text())["input"]["rows_skipped"] == 2
    rest, keep = GOOD.tocoo(), np.delete(np.arange(NNZ), [3, 200])
    check(out, sparse.coo_matrix(
        (rest.data[keep], (rest.row[keep], rest.col[keep])), rest.shape), USERS)


# Files that are wrong

def good(**changes):
    return lambda path: write(path, **changes)


def attributes(**changes):
    """Changes attributes of the group; None leaves one out."""
    names = {"encoding": "encoding-type", "shape": "shape"}
    given = {"encoding-type": "csr_matrix", "shape": GOOD.shape,
             **{names[name]: value for name, value in changes.items()}}
    return good(attrs={name: value for name, value in given.items()
                       if value is not None})


def edited(edit, **options):
    def build(path):
        with h5py.File(write(path, **options), "a") as file:
            edit(file)
    return build


def dense(file):
    del file["X"]
    file["X"] = GOOD.toarray()


def never_written(file):
    del file["X/data"]
    file["X"].create_dataset("data", (NNZ,), "f4", chunks=(64,))
    file["X/data"][:64] = 1


def late(file):
    del file["X/data"]
    file["X"].create_dataset("data", (NNZ,), "f4")


def with_bytes(change, **options):
    def build(path):
        content = bytearray(write(path, **options).read_bytes())
        path.write_bytes(change(content) or content)
    return build


def damage_chunk(content):
    """Gzip's first bytes, 78 5e or so, stand at the begin of each chunk."""
    at = content.rindex(b"\x78\x5e")
    content[at:at + 2] = b"\0\0"


def named(names):
    return good(users=strings(USERS), items=strings(names))


BAD = {
    # name: (what writes it, group, what the message says after the file's name)
    "nan": (good(data=replaced(GOOD.data, 17, np.nan)), "",
            r"/X/data\[17\] is nan, not a rating; .*--on-bad-row=skip"),
    "over_float_range": (good(data=replaced(GOOD.data, NNZ - 1, -1e39)), "",
                         rf"/X/data\[{NNZ - 1}\] is -1e\+39, not a rating"),
    "index_over": (good(indices=replaced(GOOD.indices, 400, COLS)), "",
                   rf"/X/indices\[400\] is {COLS}, .* {COLS} columns"),
    "index_negative": (good(matrix=GOOD.tocsc(),
                            indices=replaced(GOOD.tocsc().indices, 3, -1)), "",
                       rf"/X/indices\[3\] is -1, .* {ROWS} rows"),
    "indptr_start": (good(indptr=replaced(GOOD.indptr, 0, 1)), "",
                     r"/X/indptr\[0\] is 1"),
    "indptr_descends": (good(indptr=replaced(GOOD.indptr, 30, 0)), "",
                        r"/X/indptr\[30\] is 0, less than"),
    "indptr_over": (good(indptr=replaced(GOOD.indptr, ROWS, NNZ + 1)), "",
                    rf"/X/indptr\[{ROWS}\] is {NNZ + 1}, but /X/data has {NNZ} "),
    "indptr_short": (good(indptr=GOOD.indptr[:-1]), "",
                     rf"/X/indptr has {ROWS} elements, .* {ROWS} rows"),
    "indices_short": (good(indices=GOOD.indices[:-1]), "",
                      rf"/X/indices has {NNZ - 1} elements, but /X/data has {NNZ}"),
    **{f"without_{name}": (good(**{name: None}), "", rf"has no dataset /X/{name}")
       for name in ("data", "indices", "indptr")},
    "two_dimensions": (good(data=GOOD.data[:, None]), "", "/X/data has 2 dim"),
    "scalar": (good(data=1.5), "", "/X/data has 0 dim"),
    "text": (good(data=GOOD.data.astype("S4")), "", "/X/data holds no numbers"),
    "index_with_fraction": (good(indices=GOOD.indices.astype("f4")), "",
                            "/X/indices holds no whole numbers"),
    "without_encoding": (attributes(encoding=None), "",
                         "/X has no attribute encoding-type"),
    "encoding_unknown": (attributes(encoding="dataframe"), "",
                         "/X is a 'dataframe'; csr_matrix and csc_matrix"),
    "without_shape": (attributes(shape=None), "", "/X has no attribute shape"),
    "shape_of_three": (attributes(shape=(ROWS, COLS, 1)), "",
                       "/X has no attribute shape with its two sizes"),
    "shape_negative": (attributes(shape=(ROWS, -COLS)), "", "its shape is 61 x -47"),
    "columns_over": (attributes(shape=(ROWS, 2**31)), "",
                     rf"its shape has {2**31} columns"),
    "dense": (edited(dense), "", "/X is no group .* dense dataset"),
    "no_x": (good(group="layers/counts"), "", "has no group /X; name the one"),
    "no_group": (good(), ":/layers/none", "has no group /layers/none"),
    "group_is_dataset": (good(), ":/X/data", "/X/data is no group"),
    "never_written": (edited(never_written), "",
                      "parts of /X/data were never written"),
    "never_begun": (edited(late), "", "parts of /X/data were never written"),
    "unknown_filter": (good(chunks=dict(chunks=(40,), compression="lzf")), "",
                       "/X/.* is compressed with the filter 'lzf'"),
    "name_twice": (named(ITEMS[:-1] + ITEMS[3:4]), "",
                   rf"/var/names\[3\] and \[{COLS - 1}\] are the same"),
    "name_twice_in_integers": (
        good(users=dict(data=np.zeros(ROWS, "i4"))), "",
        r"/obs/names\[0\] and \[1\] are the same"),
    "name_empty": (named(ITEMS[:20] + [""] + ITEMS[21:]), "",
                   r"/var/names\[20\] is empty"),
    "name_too_long": (named(ITEMS[:40] + ["n" * 256] + ITEMS[41:]), "",
                      r"/var/names\[40\] is longer than 255 bytes"),
    "name_over_int64": (
        good(items=dict(data=np.arange(COLS, dtype="u8") + 2**63 - 9)), "",
        rf"/var/names\[9\] is {2**63}, but"),
    "cut_short": (with_bytes(lambda content: content[:len(content) // 2]), "",
                  "damaged or truncated HDF5 file"),
    "chunk_damaged": (with_bytes(damage_chunk, chunks=dict(
        chunks=(1000,), compression="gzip", maxshape=(None,))), "",
                      "/X/.* cannot be read, it is damaged"),
}


@pytest.mark.parametrize("ranks", FEW_RANKS)
@pytest.mark.parametrize("name", BAD)
def test_bad(cfmpi, tmp_path, name, ranks):
    build, group, message = BAD[name]
    build(tmp_path / "bad.h5ad")
    refuse(cfmpi, tmp_path, "bad.h5ad" + group,
           rf"^cfmpi: error: bad\.h5ad: {message}", ranks)
