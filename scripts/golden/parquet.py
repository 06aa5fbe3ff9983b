#!/usr/bin/env python3
"""Makes tests/golden/parquet: one small table, written by pyarrow and by DuckDB with their own settings.

usage: parquet.py [OUT]      (needs pyarrow and duckdb)
"""
import pathlib
import sys

import duckdb
import pyarrow
import pyarrow.parquet as pq

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                   pathlib.Path(__file__).resolve().parent.parent.parent / "tests/golden/parquet")
ROWS, DIM = 40, 6


def column(value, kind):
    return pyarrow.array([None if i % 7 == 3 and kind != pyarrow.list_(pyarrow.float32()) else value(i)
                          for i in range(ROWS)], kind)


table = pyarrow.table({
    "truth": column(lambda i: i % 3 == 0, pyarrow.bool_()),
    "small": column(lambda i: 7919 * i - 100_000, pyarrow.int32()),
    "large": column(lambda i: i << 33, pyarrow.int64()),
    "single": column(lambda i: i / 4, pyarrow.float32()),
    "double": column(lambda i: i / 8, pyarrow.float64()),
    "text": column(lambda i: f"asset-{i % 3}", pyarrow.string()),
    "embedding": column(lambda i: [i + j / 64 for j in range(DIM)], pyarrow.list_(pyarrow.float32())),
}).replace_schema_metadata({"model": "stub"})

OUT.mkdir(parents=True, exist_ok=True)
pq.write_table(table, OUT / "pyarrow.parquet")
pq.write_table(table, OUT / "pyarrow_v2_gzip.parquet", data_page_version="2.0", compression="gzip",
               row_group_size=16)
duckdb.sql(f"COPY (SELECT * FROM \"table\") TO '{OUT / 'duckdb.parquet'}' (FORMAT parquet, KV_METADATA {{model: 'stub'}})")
print(f"pyarrow {pyarrow.__version__}, duckdb {duckdb.__version__}")
for path in sorted(OUT.glob("*.parquet")):
    print(path.name, path.stat().st_size)
