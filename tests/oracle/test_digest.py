"""Digests in the file against the definition."""
import json

import h5py
import pytest
import reference


@pytest.mark.parametrize("content, expected", [
    (b"", "99aa06d3014798d86001c324468d497f"),  # XXH3-128 of nothing
], ids=["empty"])
def test_reference_digest(content, expected):
    assert reference.digest(content) == expected


@pytest.mark.parametrize("dataset", ["ml-1m", "ml-100k"], indirect=True)
def test_every_dataset(result, dataset):
    stored = reference.digests(result.path)
    assert stored == {name: reference.digest(reference.stored_bytes(result.path, name))
                      for name in reference.datasets(result.path)}


def test_input_file(result, dataset):
    with h5py.File(result.path, "r") as file:
        told = json.loads(file.attrs["input"])
    content = dataset.ratings.read_bytes()
    assert told["bytes"] == len(content)
    assert told["digest"] == reference.digest(content)
