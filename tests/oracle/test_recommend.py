"""Predictions and top-N lists against a transcription of the formula."""
import csv
import json

import h5py
import numpy as np
import pytest
import reference
from conftest import together
from reference import digests, load

LISTS = ("neighbors/users/index", "neighbors/users/score")
TOP = ("recommendations/index", "recommendations/score", "recommendations/count")


def check_top(path, matrix, top):
    index, score, count = load(path, *TOP)
    assert index.shape == score.shape == (matrix.shape[0], top)
    assert score.dtype == np.float32 and count.dtype == np.int32
    for user, (near, similarity) in enumerate(zip(*load(path, *LISTS))):
        items, scores = reference.top_items(matrix, user, near, similarity, top)
        n = len(items)
        assert count[user] == n, user
        assert np.array_equal(index[user, :n], items), user
        assert np.array_equal(score[user, :n], scores), user
        assert np.all(index[user, n:] == -1) and np.all(np.isnan(score[user, n:]))


def test_top_items_of_every_user(result, dataset):
    check_top(result.path, dataset.matrix, 10)


def test_no_seen_item_is_recommended(result, dataset):
    index, count = load(result.path, TOP[0], TOP[2])
    for user in range(len(index)):
        assert not np.isin(index[user, :count[user]],
                           dataset.matrix[user].indices).any(), user


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("top", [1, 9724])
def test_other_lengths(cfmpi, result, dataset, tmp_path, top):
    """9,724 is every item there is: the lists end early and say so."""
    out = tmp_path / "r.h5"
    cfmpi("recommend", result.path, "-o", out, "-n", top, "--score", "mean",
          ranks=3)
    check_top(out, dataset.matrix, top)


def draw_pairs(dataset, rng):
    """10,000 pairs; about one in fifty names a user or item nobody knows."""
    user = rng.choice(np.append(dataset.users, [0, -5]), 10_000)
    item = rng.choice(np.append(dataset.items, [10**12]), 10_000)
    user[rng.random(10_000) < 0.01] = 987654321
    item[rng.random(10_000) < 0.01] = 0
    return user, item


def expected_predictions(path, dataset, users, items):
    index, score = load(path, *LISTS)
    entries = dataset.matrix.tocoo()
    rating_of = dict(zip(zip(entries.row.tolist(), entries.col.tolist()),
                         entries.data.tolist()))
    row_of = {int(user): row for row, user in enumerate(dataset.users)}
    column_of = {int(item): column for column, item in enumerate(dataset.items)}
    for user, item in zip(users.tolist(), items.tolist()):
        if user in row_of and item in column_of:
            row = row_of[user]
            yield reference.predict(rating_of, index[row], score[row], column_of[item])
        else:
            yield None


@pytest.mark.parametrize("ranks", [3])
@pytest.mark.parametrize("dataset", ["ml-1m", "ml-100k", "ml-latest-small"],
                         indirect=True)
def test_ten_thousand_predictions(cfmpi, result, dataset, tmp_path, ranks):
    users, items = draw_pairs(dataset, np.random.default_rng(7))
    pairs, table, file = (tmp_path / name for name in ("p.csv", "o.csv", "o.h5"))
    np.savetxt(pairs, np.c_[users, items], "%d", ",", header="user,item", comments="")
    for out in (table, file):
        cfmpi("predict", result.path, "--pairs", pairs, "--rule", "mean", "-o", out,
              ranks=ranks)
    expected = list(expected_predictions(result.path, dataset, users, items))
    with open(table, newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == ["user", "item", "prediction"]
    assert [(int(row[0]), int(row[1])) for row in rows] \
        == list(zip(users.tolist(), items.tolist()))
    assert [row[2] == "" for row in rows] == [value is None for value in expected]
    known = np.array([value is not None for value in expected])
    values = np.array([value for value in expected if value is not None])
    printed = np.array([row[2] for row in rows])[known].astype(float)
    assert np.abs(printed - values).max() <= 1e-6
    with h5py.File(file, "r") as stored:
        assert np.array_equal(stored["predictions/user"], users)
        assert np.array_equal(stored["predictions/item"], items)
        rating = stored["predictions/rating"][()]
    assert rating.dtype == np.float32
    assert np.array_equal(np.isnan(rating), ~known)
    assert np.abs(rating[known] - values).max() <= 1e-6
    assert (values > 0).any() and (values == 0).any() and not known.all()


# ---- nodes ----

@pytest.mark.parametrize("dataset", ["ml-1m"], indirect=True)
def test_rows_come_once_a_node(cfmpi, result, dataset, tmp_path):
    """Letters are the nodes of ranks, the last run has no room for shared memory.
    Rows pass between nodes only, and a node has them once."""
    del dataset
    env = {"a": {}, "aabbbb": {}, "abcdef": {}, "abcabc": {
        "OMPI_MCA_osc_sm_backing_directory": "/nowhere"}}

    def one(nodes):
        out, report = tmp_path / f"{nodes}.h5", tmp_path / f"{nodes}.json"
        cfmpi("recommend", result.path, "-o", out, "--score", "mean", "--report", report,
              ranks=6, env={"CFMPI_NODES": nodes, **env[nodes]})
        told = json.loads(report.read_text())
        stage, = (s for s in told["stages"] if s["name"] == "recommend")
        return (digests(out), stage["bytes_sent_rank"]["sum"],
                told["peak_bytes_rank"]["sum"] / 6 - told["base_bytes_rank"])

    one_node, two, alone, no_room = together(one, env, 2)
    assert one_node[0] == two[0] == alone[0] == no_room[0]
    assert one_node[0].items() >= {
        name: digest for name, digest in digests(result.path).items()
        if name.startswith("/recommendations")}.items()
    rows = 4 * len(load(result.path, "ratings/values"))
    assert one_node[1] < 1.1 * rows and two[1] < 1.1 * 2 * rows
    assert 4 * rows < alone[1] < 1.1 * 6 * rows
    assert alone[1] == pytest.approx(no_room[1], rel=0.01)
    assert alone[2] - one_node[2] > 0.25 * rows
