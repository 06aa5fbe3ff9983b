#!/usr/bin/env python3
"""Parquet: pyarrow and DuckDB read what we write, and we read what they write.

Both are in PyPI (pip install pyarrow duckdb). Where they are not installed for this Python, that of
BALEEN_BENCH_PYTHON is taken; without either the test is skipped.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import duckdb
    import pyarrow
    import pyarrow.parquet as pq
except ImportError as missing:
    other = os.environ.get("BALEEN_BENCH_PYTHON")
    if other and not os.environ.get("BALEEN_PEERS_TRIED"):
        os.execve(other, [other, *sys.argv], {**os.environ, "BALEEN_PEERS_TRIED": "1"})
    print(f"skipped: {missing} (pip install pyarrow duckdb; BALEEN_BENCH_PYTHON=that python)")
    sys.exit(77)

BUILD = pathlib.Path(__file__).resolve().parent.parent.parent / "build"
TOOL = os.environ.get("BALEEN_PARQUET_TOOL", BUILD / "tests/peers/parquet_tool")


def tool(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def embeddings(n, dim):
    return {"row_index": list(range(n)), "start_s": [2.5 * i for i in range(n)],
            "end_s": [2.5 * i + 5 for i in range(n)], "is_padded": [i == n - 1 for i in range(n)],
            "embedding": [[i + j / 64 for j in range(dim)] for i in range(n)]}


def types(n=1000):
    rows = {"truth": lambda i: i % 3 == 0, "small": lambda i: 7919 * i - 4_000_000, "large": lambda i: i << 33,
            "single": lambda i: i / 4, "double": lambda i: i / 3,
            "text": lambda i: f"t{i % 10 if i < n // 2 else i}"}
    return {name: [None if i % 7 == 3 else value(i) for i in range(n)] for name, value in rows.items()}


TYPES = {"truth": pyarrow.bool_(), "small": pyarrow.int32(), "large": pyarrow.int64(), "single": pyarrow.float32(),
         "double": pyarrow.float64(), "text": pyarrow.string()}


class OurFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        tool("write", cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    EMBEDDINGS = {"embeddings": (100, 33), "embeddings_gzip": (1000, 33), "embeddings_wide": (3000, 1024),
                  "embeddings_none": (0, 33)}

    def test_pyarrow_reads_all_columns_and_metadata(self):
        for name, (n, dim) in self.EMBEDDINGS.items():
            with self.subTest(name):
                table = pq.read_table(self.path / f"{name}.parquet", page_checksum_verification=True)
                self.assertEqual(table.to_pydict(), embeddings(n, dim))
                self.assertEqual([str(field.type) for field in table.schema],
                                 ["int32", "double", "double", "bool", "list<element: float not null>"])
                self.assertTrue(all(not field.nullable for field in table.schema))
                metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
                self.assertEqual(metadata["asset_id"], "asset-ä")
                self.assertEqual(metadata["hop_seconds"], "2.5")
                self.assertEqual(metadata["vector_dim"], str(dim))
        for name in ("types", "types_gzip"):
            with self.subTest(name):
                table = pq.read_table(self.path / f"{name}.parquet", page_checksum_verification=True)
                self.assertEqual(table.to_pydict(), types())
                self.assertEqual({field.name: field.type for field in table.schema}, TYPES)

    def test_duckdb_reads_all_columns_and_metadata(self):
        for name, (n, dim) in self.EMBEDDINGS.items():
            with self.subTest(name):
                path = self.path / f"{name}.parquet"
                rows = duckdb.sql(f"SELECT * FROM '{path}' ORDER BY row_index").fetchall()
                expected = embeddings(n, dim)
                self.assertEqual(rows, list(zip(*expected.values())))
                keys = dict(duckdb.sql(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{path}')").fetchall())
                self.assertEqual(keys["asset_id"], "asset-ä")
                self.assertEqual(keys["encoding_signature"], "signature")
        for name in ("types", "types_gzip"):
            with self.subTest(name):
                rows = duckdb.sql(f"SELECT * FROM '{self.path / name}.parquet'").fetchall()
                self.assertEqual(rows, list(zip(*types().values())))

    def test_both_filter_by_our_statistics(self):
        path = self.path / "types.parquet"
        expected = [value for value in types()["double"] if value is not None and value > 330.5]
        self.assertEqual(pq.read_table(path, filters=[("double", ">", 330.5)])["double"].to_pylist(), expected)
        self.assertEqual(duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE double > 330.5").fetchall()[0][0], len(expected))
        self.assertEqual(duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE text = 't3'").fetchall()[0][0],
                         types()["text"].count("t3"))
        self.assertEqual(duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE text IS NULL").fetchall()[0][0], 143)

    def test_statistics_are_there_and_right(self):
        file = pq.ParquetFile(self.path / "types.parquet")
        values = types()
        for group in range(file.metadata.num_row_groups):
            rows = slice(300 * group, 300 * (group + 1))
            for i, name in enumerate(values):
                statistics = file.metadata.row_group(group).column(i).statistics
                there = [value for value in values[name][rows] if value is not None]
                self.assertEqual((statistics.min, statistics.max), (min(there), max(there)), name)
                self.assertEqual(statistics.null_count, len(values[name][rows]) - len(there))

    def test_our_mapping_gives_the_same(self):
        n, dim = self.EMBEDDINGS["embeddings"]
        expected = [value for row in embeddings(n, dim)["embedding"] for value in row]
        self.assertEqual(json.loads(tool("mapped", self.path / "embeddings.parquet")), expected)


class TheirFiles(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = pathlib.Path(self.folder.name) / "t.parquet"

    def tearDown(self):
        self.folder.cleanup()

    def check(self, expected):
        found = json.loads(tool("read", self.file))
        self.assertNotIn("error", found)
        self.assertEqual(found["n_rows"], len(next(iter(expected.values()))))
        for name, values in expected.items():
            if values and isinstance(values[0], list):
                values = [value for row in values for value in row]
            self.assertEqual(found["columns"][name], values, name)
        return found

    def table(self, n=300, dim=33):
        values = {**embeddings(n, dim), **types(n)}
        arrays = {name: pyarrow.array(column, TYPES.get(name)) for name, column in values.items()}
        arrays["row_index"] = pyarrow.array(values["row_index"], pyarrow.int32())
        arrays["embedding"] = pyarrow.array(values["embedding"], pyarrow.list_(pyarrow.float32()))
        return pyarrow.table(arrays).replace_schema_metadata({"model": "ä"}), values

    def test_pyarrow_with_many_settings(self):
        table, values = self.table(1500, 33)
        fixed = table.set_column(4, "embedding", table["embedding"].cast(pyarrow.list_(pyarrow.float32(), 33)))
        for version in ("1.0", "2.0"):
            for compression in ("none", "snappy", "gzip"):
                for options in ({}, {"use_dictionary": False}, {"row_group_size": 400}, {"data_page_size": 2000},
                                {"write_page_checksum": True}, {"write_page_index": True}):
                    for kind in (table, fixed):
                        with self.subTest(version=version, compression=compression, **options):
                            pq.write_table(kind, self.file, compression=compression, data_page_version=version, **options)
                            self.assertEqual(self.check(values)["metadata"]["model"], "ä")

    def test_duckdb(self):
        theirs, values = self.table(3000, 33)  # DuckDB finds the variable by its name.
        for options in ("", ", COMPRESSION gzip", ", COMPRESSION uncompressed", ", ROW_GROUP_SIZE 2048"):
            with self.subTest(options):
                duckdb.sql(f"COPY (SELECT * FROM theirs) TO '{self.file}' (FORMAT parquet{options})")
                self.check(values)

    def test_what_is_not_read_is_told(self):
        table, _ = self.table()
        for compression in ("zstd", "brotli", "lz4"):
            pq.write_table(table, self.file, compression=compression)
            columns = json.loads(tool("read", self.file))["columns"]
            for name, values in columns.items():
                self.assertIn("NOT_SUPPORTED", values)
        pq.write_table(table, self.file, use_dictionary=False, column_encoding={"large": "DELTA_BINARY_PACKED"})
        self.assertIn("DELTA_BINARY_PACKED", json.loads(tool("read", self.file))["columns"]["large"])
        odd = pyarrow.table({"e": pyarrow.array([[1.0], [2.0, 3.0]], pyarrow.list_(pyarrow.float32())),
                             "holes": pyarrow.array([[1.0, None], None], pyarrow.list_(pyarrow.float32())),
                             "group": pyarrow.array([{"a": 1, "b": [2]}, {"a": 3, "b": []}]),
                             "n": pyarrow.array([1, 2], pyarrow.int32())})
        pq.write_table(odd, self.file)
        columns = json.loads(tool("read", self.file))["columns"]
        self.assertEqual(columns.pop("n"), [1, 2])
        self.assertEqual(sorted(columns), ["e", "group.a", "group.b.list.element", "holes"])
        for name, values in columns.items():
            self.assertIn("NOT_SUPPORTED", values, name)


if __name__ == "__main__":
    unittest.main()
