"""SciPy's npz: what comes out is the matrix that went in, for any rank count;
what is wrong is named."""
import io
import json
import struct
import zipfile

import h5py
import numpy as np
import pytest
import scipy.sparse as sparse
from matrix_files import (FEW_RANKS, check, ingest, random_matrix, refuse,
                          replaced)
from reference import digest, load, text

RANKS = [1, 2, 3, 7]
FORMATS = ["csr", "csc", "coo"]


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("form", FORMATS)
def test_formats(cfmpi, tmp_path, form, compressed, ranks):
    matrix, path = random_matrix(), tmp_path / "m.npz"
    sparse.save_npz(path, matrix.asformat(form), compressed=compressed)
    out, told = ingest(cfmpi, path, ranks)
    check(out, matrix)
    assert told["bytes"] == path.stat().st_size
    with h5py.File(out, "r") as file:
        stored = json.loads(text(file.attrs["input"]))
    assert stored["digest"] == digest(path.read_bytes())
    assert (told["users"], told["items"]) == matrix.shape
    assert told["ratings"] == matrix.nnz and told["rows_skipped"] == 0


@pytest.mark.parametrize("form", FORMATS)
def test_many_blocks(cfmpi, tmp_path, form):
    matrix = random_matrix(2000, 700, 300_000).asformat(form)
    sparse.save_npz(tmp_path / "m.npz", matrix)
    check(ingest(cfmpi, tmp_path / "m.npz", 2)[0], matrix)


@pytest.mark.parametrize("form", FORMATS)
def test_more_ranks_than_rows(cfmpi, tmp_path, form):
    matrix = sparse.coo_matrix(([1.5, 2, 3], ([0, 2, 2], [1, 0, 3])), (3, 5))
    sparse.save_npz(tmp_path / "m.npz", matrix.asformat(form))
    check(ingest(cfmpi, tmp_path / "m.npz", 7)[0], matrix)


@pytest.mark.parametrize("dtype", "? i1 u1 i2 >i2 u2 i4 >u4 i8 u8 >u8 f2 >f2 f4 "
                         ">f4 f8 >f8".split())
def test_value_types(cfmpi, tmp_path, dtype):
    matrix = random_matrix()
    values = matrix.data.astype(dtype)
    if values.dtype.kind in "iu" and values.itemsize == 8:
        values[:3] = 2**53 + 2**29 + 1, 2**62, 9  # to float32 at one rounding
    write_npz(tmp_path / "m.npz", form="coo", data=values, row=matrix.row,
              col=matrix.col, shape=matrix.shape)
    out, _ = ingest(cfmpi, tmp_path / "m.npz", 2)
    rows, cols = matrix.row, matrix.col
    order = np.lexsort((cols, rows))
    assert np.array_equal(load(out, "ratings/values"),
                          values[order].astype(np.float32))


@pytest.mark.parametrize("dtype", "i1 u1 >i2 u2 >i4 u4 >i8 u8".split())
def test_index_types(cfmpi, tmp_path, dtype):
    matrix = random_matrix(nnz=100)
    write_npz(tmp_path / "m.npz", form="coo", data=matrix.data,
              row=matrix.row.astype(dtype), col=matrix.col.astype(dtype),
              shape=np.array(matrix.shape, dtype))
    check(ingest(cfmpi, tmp_path / "m.npz", 3)[0], matrix)


def test_other_ways_to_write_it(cfmpi, tmp_path):
    """Text of another kind, headers of version 2 and 3, sparse arrays."""
    matrix = random_matrix().tocsr()
    parts = csr_parts(matrix)
    for name, version in (("data", (2, 0)), ("indices", (3, 0))):
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, parts[name], version)
        parts[name] = buffer.getvalue()
    write_npz(tmp_path / "m.npz", **parts, format=np.array("csr"),
              _is_array=np.array(True))
    check(ingest(cfmpi, tmp_path / "m.npz", 3)[0], matrix)


@pytest.mark.parametrize("ranks", FEW_RANKS)
def test_bad_values_are_skipped_and_counted(cfmpi, tmp_path, ranks):
    matrix = random_matrix().tocsr()
    bad = [3, 4, 100, 200, 201, 300, 400]
    matrix.data[bad] = [np.nan, np.inf, -np.inf, 1e39, np.nan, np.nan, np.nan]
    sparse.save_npz(tmp_path / "m.npz", matrix)
    out, report = tmp_path / "m.h5", tmp_path / "m.json"
    told = cfmpi("ingest", tmp_path / "m.npz", "-o", out, "--report", report,
                 "--on-bad-row=skip", ranks=ranks).stderr
    for entry, value in zip(bad[:5], ("nan", "inf", "-inf", "1e+39", "nan")):
        assert f"m.npz: data[{entry}] is {value}, not a rating" in told
    assert f"data[{bad[5]}]" not in told
    assert json.loads(report.read_text())["input"]["rows_skipped"] == len(bad)
    rest = matrix.tocoo()
    keep = np.abs(rest.data) < 1e38
    check(out, sparse.coo_matrix(
        (rest.data[keep], (rest.row[keep], rest.col[keep])), rest.shape))


def test_rules_for_single_ratings(cfmpi, tmp_path):
    matrix = random_matrix().tocsr()
    sparse.save_npz(tmp_path / "m.npz", matrix)
    first = int(np.flatnonzero(matrix.data > 90)[0])
    outcome = cfmpi("ingest", "m.npz", "-o", "m.h5", "--scale", "0:90", ranks=3,
                    code=65, cwd=tmp_path)
    assert f"m.npz: data[{first}] is " in outcome.errors[0]
    assert "outside the scale of 0 to 90" in outcome.errors[0]
    outcome = cfmpi("ingest", "m.npz", "-o", "m.h5", "--keep-time", ranks=3,
                    code=64, cwd=tmp_path)
    assert "m.npz: a matrix holds no times" in outcome.errors[0]
    cfmpi("ingest", "m.npz", "-o", "m.h5", "--rating-range", "10:", ranks=3,
          cwd=tmp_path)
    matrix.data[matrix.data < 10] = 0
    matrix.eliminate_zeros()
    check(tmp_path / "m.h5", matrix)


@pytest.mark.parametrize("ranks", FEW_RANKS)
def test_place_that_comes_twice(cfmpi, tmp_path, ranks):
    write_npz(tmp_path / "m.npz", "coo", data=np.array([2.0, 1, 4]),
              row=np.array([1, 0, 1]), col=np.array([3, 1, 3]), shape=(2, 4))
    refuse(cfmpi, tmp_path, "m.npz",
           r"m\.npz: user 1 rated item 3 .*--duplicates=", ranks)
    cfmpi("ingest", "m.npz", "-o", "m.h5", "--duplicates=sum", ranks=ranks,
          cwd=tmp_path)
    check(tmp_path / "m.h5", sparse.coo_matrix(([1, 6], ([0, 1], [1, 3])), (2, 4)))


@pytest.mark.parametrize("ranks", FEW_RANKS)
@pytest.mark.parametrize("shape", [(4, 3), (0, 3), (0, 0)])
def test_without_ratings(cfmpi, tmp_path, shape, ranks):
    write_npz(tmp_path / "m.npz", **csr_parts(sparse.csr_matrix(shape)))
    refuse(cfmpi, tmp_path, "m.npz", r"m\.npz: no ratings", ranks)


# Files that are wrong

def csr_parts(matrix):
    return {"data": matrix.data, "indices": matrix.indices,
            "indptr": matrix.indptr, "shape": matrix.shape}


def write_npz(path, form="csr", compression=zipfile.ZIP_STORED, **members):
    """Members from arrays, or from bytes as they are; None leaves one out."""
    members = {"format": np.array(form.encode()), **members}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            if content is not None and not isinstance(content, bytes):
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asanyarray(content))
                content = buffer.getvalue()
            if content is not None:
                archive.writestr(name + ".npy", content)
    return path


def array_file(dtype, count, content=b"", order="False", start=b"\x93NUMPY\1\0"):
    """The bytes of a .npy file with any header."""
    header = (f"{{'descr': {dtype!r}, 'fortran_order': {order}, "
              f"'shape': ({count},), }}").encode().ljust(117) + b"\n"
    return start + struct.pack("<H", len(header)) + header + content


GOOD = random_matrix().tocsr()
NNZ = GOOD.nnz
COO = {"data": GOOD.data, "row": GOOD.tocoo().row, "col": GOOD.tocoo().col,
       "shape": GOOD.shape}


def csr(**changes):
    return lambda path: write_npz(path, **{**csr_parts(GOOD), **changes})


def csc(**changes):
    matrix = GOOD.tocsc()
    return lambda path: write_npz(path, "csc", **{**csr_parts(matrix), **changes})


def coo(**changes):
    return lambda path: write_npz(path, "coo", **{**COO, **changes})


def with_bytes(change, write=csr()):
    """The file that `write` makes, its bytes changed in place."""
    def build(path):
        content = bytearray(write(path).read_bytes())
        path.write_bytes(change(content) or content)
        return path
    return build


def flip(member, offset):
    """Changes a bit `offset` bytes behind a member's local header."""
    def change(content):
        at = content.index(member + b".npy") + offset
        content[at] ^= 0x10
    return change


def encrypt(content):
    """Sets the flag in every local and central header."""
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        begin = content.find(mark)
        while begin >= 0:
            content[begin + at] |= 1
            begin = content.find(mark, begin + 4)


def claim(member, size):
    """Has the archive's directory say that a member inflates to `size` bytes."""
    def change(content):
        at = content.rindex(member + b".npy") - 46
        content[at + 24:at + 28] = struct.pack("<I", size)
    return change


ROWS, COLS = GOOD.shape
HUGE = 500_000_000  # of 8 bytes: just fits the 32-bit size of a member
BAD = {
    # name: (what writes it, what the message says after the file's name)
    "nan": (csr(data=replaced(GOOD.data, 17, np.nan)),
            r"data\[17\] is nan, not a rating; .*--on-bad-row=skip"),
    "infinite": (coo(data=replaced(GOOD.data, NNZ - 1, -np.inf)),
                 rf"data\[{NNZ - 1}\] is -inf, not a rating"),
    "over_float_range": (csc(data=replaced(GOOD.data, 40, 1e39)),
                         r"data\[40\] is 1e\+39, not a rating"),
    "first_of_several": (csr(data=replaced(GOOD.data, [9, NNZ - 2], np.nan)),
                         r"data\[9\] is nan"),
    "index_over": (csr(indices=replaced(GOOD.indices, 400, COLS)),
                   rf"indices\[400\] is {COLS}, .* {COLS} columns"),
    "index_negative": (csc(indices=replaced(GOOD.tocsc().indices, 3, -1)),
                       rf"indices\[3\] is -1, .* {ROWS} rows"),
    "row_over": (coo(row=replaced(COO["row"], NNZ - 1, ROWS)),
                 rf"row\[{NNZ - 1}\] is {ROWS}, .* {ROWS} rows"),
    "col_over": (coo(col=replaced(COO["col"], 5, 2**40)),
                 rf"col\[5\] is {2**40}, .* {COLS} columns"),
    "index_over_int64": (coo(col=replaced(COO["col"].astype("u8"), 5, 2**64 - 1)),
                         rf"col\[5\] is {2**63 - 1}, .* {COLS} columns"),
    "indptr_start": (csr(indptr=replaced(GOOD.indptr, 0, 1)), r"indptr\[0\] is 1"),
    "indptr_descends": (csr(indptr=replaced(GOOD.indptr, 30, 0)),
                        r"indptr\[30\] is 0, less than"),
    "indptr_over": (csr(indptr=replaced(GOOD.indptr, ROWS, NNZ + 1)),
                    rf"indptr\[{ROWS}\] is {NNZ + 1}, but data has {NNZ} "),
    "indptr_under": (csr(indptr=replaced(GOOD.indptr, ROWS, NNZ - 1)),
                     r"indptr\["),
    "indptr_short": (csr(indptr=GOOD.indptr[:-1]),
                     rf"indptr has {ROWS} elements, .* {ROWS} rows"),
    "indptr_empty": (csr(indptr=GOOD.indptr[:0]), r"indptr has 0 elements"),
    "indices_short": (csr(indices=GOOD.indices[:-1]),
                      rf"indices has {NNZ - 1} elements, but data has {NNZ}"),
    "row_long": (coo(row=np.append(COO["row"], 1)),
                 rf"row has {NNZ + 1} elements, but data has {NNZ}"),
    **{f"without_{name}": (csr(**{name: None}), rf"has no member {name}\.npy")
       for name in ("data", "indices", "indptr", "shape", "format")},
    **{f"without_{name}": (coo(**{name: None}), rf"has no member {name}\.npy")
       for name in ("row", "col")},
    **{f"format_{name}": (csr(form=name), rf"format\.npy says '{name}'; csr, csc")
       for name in ("bsr", "dia", "lil")},
    "format_number": (csr(format=np.array(7)), r"format\.npy has dtype"),
    "shape_of_three": (csr(shape=(3, 4, 5)), r"shape\.npy has 1 dimensions and 3"),
    "shape_negative": (coo(shape=(-1, COLS)), r"its shape is -1 x"),
    "shape_with_fraction": (csr(shape=(61.0, 47.0)), r"shape\.npy has dtype '<f8'"),
    "columns_over": (csr(shape=(ROWS, 2**31)), rf"its shape has {2**31} columns"),
    "complex": (csr(data=GOOD.data.astype("c16")), r"data\.npy has dtype '<c16'"),
    "long_double": (csr(data=GOOD.data.astype("g")), r"data\.npy has dtype '<f16'"),
    "dates": (csr(data=GOOD.data.astype("M8[s]")), r"data\.npy has dtype '<M8"),
    "text": (csr(data=GOOD.data.astype("S4")), r"data\.npy has dtype '\|S4', not"),
    "records": (csr(data=np.zeros(NNZ, [("a", "f4")])), r"data\.npy has dtype"),
    "index_with_fraction": (csr(indices=GOOD.indices.astype("f8")),
                            r"indices\.npy has dtype '<f8', not whole numbers"),
    "objects": (csr(data=GOOD.data.astype(object)), r"data\.npy .*pickled"),
    "two_dimensions": (csr(data=GOOD.data[:, None]), r"data\.npy has 2 dim"),
    "no_dimensions": (csr(data=np.array(1.5)), r"data\.npy has 0 dim"),
    "fortran": (csr(data=array_file("<f8", NNZ, GOOD.data.tobytes(), "True")),
                r"data\.npy is stored in Fortran order"),
    "magic": (csr(indices=b"\x93NUMPU" + bytes(100)), r"indices\.npy is no NumPy"),
    "empty_member": (csr(indices=b""), r"indices\.npy ends early"),
    "version": (csr(data=array_file("<f8", 0, start=b"\x93NUMPY\7\0")),
                r"data\.npy has version 7\.0"),
    "header_of_words": (csr(data=array_file("<f8", "many")), r"data\.npy .*header"),
    "header_too_long": (csr(data=b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(50)),
                        r"data\.npy has a header of 4294967295 bytes"),
    "shorter_than_said": (csr(data=array_file("<f8", NNZ, bytes(8 * NNZ - 1))),
                          r"data\.npy holds .* bytes, .*header"),
    "longer_than_said": (csr(data=array_file("<f8", NNZ, bytes(8 * NNZ + 8))),
                         r"data\.npy holds .* bytes, .*header"),
    "count_over_all_bounds": (csr(data=array_file("<f8", 2**61 + NNZ,
                                                  bytes(8 * NNZ))),
                              r"data\.npy holds .* bytes, .*header"),
    "no_archive": (with_bytes(lambda content: b"PK\3\4" + bytes(200)),
                   r"is no npz file, or is cut short"),
    "cut_in_half": (with_bytes(lambda content: content[:len(content) // 2]),
                    r"is no npz file, or is cut short"),
    "encrypted": (with_bytes(encrypt), r"format\.npy is encrypted"),
    "flipped_value": (with_bytes(flip(b"data", 2000)), r"data\.npy is corrupt"),
    "flipped_index": (with_bytes(flip(b"indices", 2002)),
                      r"indices\.npy is corrupt"),
    "flipped_row": (with_bytes(flip(b"indptr", 200)), r"indptr\.npy is corrupt"),
    "flipped_shape": (with_bytes(flip(b"shape", 140)), r"shape\.npy is corrupt"),
    "flipped_in_compressed": (
        with_bytes(flip(b"data", 2000), csr(compression=zipfile.ZIP_DEFLATED)),
        r"data\.npy is (corrupt|damaged)"),
    "claims_much": (
        with_bytes(claim(b"data", 128 + 8 * HUGE),
                   with_bytes(claim(b"row", 128 + 8 * HUGE), with_bytes(
                       claim(b"col", 128 + 8 * HUGE),
                       coo(compression=zipfile.ZIP_DEFLATED,
                           **{name: array_file("<i8", HUGE, bytes(8000))
                              for name in ("data", "row", "col")})))),
        r"row\.npy ends early"),
    "rows_by_far": (coo(shape=(2**30, COLS)),
                    rf"its shape has {2**30} rows for {NNZ} entries"),
    "columns_by_far": (csr(shape=(ROWS, 2**30)),
                       rf"its shape has {2**30} columns for {NNZ} entries"),
}


@pytest.mark.parametrize("ranks", FEW_RANKS)
@pytest.mark.parametrize("name", BAD)
def test_bad(cfmpi, tmp_path, name, ranks):
    write, message = BAD[name]
    write(tmp_path / "bad.npz")
    refuse(cfmpi, tmp_path, "bad.npz", rf"^cfmpi: error: bad\.npz: {message}", ranks)
