"""What the tests of matrices in binary files share."""
import json
import re

import numpy as np
import scipy.sparse as sparse
from reference import load

# The plain program, and three ranks: mpirun takes its time after a failure.
FEW_RANKS = [0, 3]


def random_matrix(rows=61, cols=47, nnz=700, seed=1):
    """Distinct places, and at least every tenth row and column empty."""
    random = np.random.default_rng(seed)
    cells = random.choice(rows * cols, nnz, replace=False)
    row, col = cells // cols, cells % cols
    kept = (row % 10 != 3) & (col % 10 != 4)
    values = random.integers(1, 100, nnz) + random.random(nnz)
    return sparse.coo_matrix((values[kept], (row[kept], col[kept])),
                             shape=(rows, cols))


def ingest(cfmpi, path, ranks, *options):
    """The matrix file made of `path`, and the report's part on the input."""
    out, report = path.parent / "m.h5", path.parent / "m.json"
    cfmpi("ingest", path, "-o", out, "--force", "--report", report, *options,
          ranks=ranks)
    return out, json.loads(report.read_text())["input"]


def check(out, matrix, users=None, items=None):
    """The file holds `matrix`, whose rows and columns have these ids."""
    n, m = matrix.shape
    users = np.arange(n) if users is None else np.array(users, dtype=object)
    items = np.arange(m) if items is None else np.array(items, dtype=object)
    by_user, by_item = np.argsort(users), np.argsort(items)
    want = sparse.csr_matrix(matrix)[by_user][:, by_item]
    want.sort_indices()
    indptr, indices, values, user, item = load(
        out, "ratings/indptr", "ratings/indices", "ratings/values", "users/id",
        "items/id")
    assert np.array_equal(indptr, want.indptr)
    assert np.array_equal(indices, want.indices)
    assert np.array_equal(values, want.data.astype(np.float32))
    for stored, ids in ((user, users[by_user]), (item, items[by_item])):
        if stored.dtype != np.int64:
            stored = np.array([name.decode() for name in stored], dtype=object)
        assert np.array_equal(stored, ids)


def refuse(cfmpi, folder, name, message, ranks):
    """One line that says so, and no output."""
    outcome = cfmpi("ingest", name, "-o", "m.h5", ranks=ranks, code=65,
                    cwd=folder)
    assert len(outcome.errors) == 1, outcome.stderr
    assert re.search(message, outcome.errors[0]), outcome.errors[0]
    assert not (folder / "m.h5").exists()
    assert "MPI_ABORT" not in outcome.stderr
    assert "HDF5-DIAG" not in outcome.stderr


def replaced(array, place, value):
    if array.dtype.kind == "i":
        array = array.astype(np.int64)
    array = array.copy()
    array[place] = value
    return array
