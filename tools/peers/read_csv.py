"""From ratings in CSV to ascending ids and a SciPy matrix, as one would write
it with care in pandas or polars.

    read_csv.py pandas|polars|polars-strings FILE   one JSON line: seconds
        (imports left out), peak memory in bytes, users, items, ratings
    read_csv.py make-strings FILE OUT               the same ratings with ids
        of 12 characters
"""
import json
import resource
import sys
import time

COLUMNS = ["userId", "movieId", "rating"]


def with_pandas():
    import pandas
    from scipy.sparse import csr_matrix

    def read(path):
        table = pandas.read_csv(path, usecols=COLUMNS, dtype={"rating": "float32"})
        user, item = (table[name].astype("category").cat for name in COLUMNS[:2])
        return csr_matrix((table["rating"].to_numpy(), (user.codes, item.codes)),
                          shape=(len(user.categories), len(item.categories)))
    return read


def with_polars(encode):
    import polars
    from scipy.sparse import csr_matrix

    def read(path):
        table = polars.read_csv(path, columns=COLUMNS,
                                schema_overrides={"rating": polars.Float32})
        user, users = encode(table["userId"])
        item, items = encode(table["movieId"])
        return csr_matrix((table["rating"].to_numpy(), (user, item)),
                          shape=(len(users), len(items)))
    return read


def encode_integers(column):
    """Small integers find their place in an array, faster than in any join."""
    import numpy
    ids = column.unique().sort().to_numpy()
    place = numpy.zeros(ids[-1] + 1, numpy.int32)
    place[ids] = numpy.arange(len(ids), dtype=numpy.int32)
    return place[column.to_numpy()], ids


def encode_strings(column):
    """An enumeration of the sorted ids numbers them in one cast."""
    import numpy
    import polars
    ids = column.unique().sort()
    return column.cast(polars.Enum(ids)).to_physical().to_numpy().astype(numpy.int32), ids


def make_strings(source, target):
    """Distinct ids stay distinct: the modulus is a prime above them all."""
    import polars

    def named(letter, column):
        number = polars.col(column) * 2654435761 % 99999999977
        return (letter + number.cast(polars.String).str.zfill(11)).alias(column)
    polars.read_csv(source).with_columns(
        named("u", "userId"), named("i", "movieId")).write_csv(target)


PEERS = {"pandas": with_pandas, "polars": lambda: with_polars(encode_integers),
         "polars-strings": lambda: with_polars(encode_strings)}


def main(step, path, *rest):
    if step == "make-strings":
        make_strings(path, *rest)
        return
    read = PEERS[step]()
    begin = time.perf_counter()
    matrix = read(path)
    seconds = time.perf_counter() - begin
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak": peak, "users": matrix.shape[0],
                      "items": matrix.shape[1], "ratings": matrix.nnz}))


main(*sys.argv[1:])
