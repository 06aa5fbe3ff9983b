// Page headers and footers to bytes.

#include "formats/parquet_metadata.h"

#include "formats/parquet_thrift.h"

namespace baleen::formats {

const char* parquet_type_name(ParquetType type) {
  switch (type) {
    case ParquetType::boolean: return "boolean";
    case ParquetType::int32: return "int32";
    case ParquetType::int64: return "int64";
    case ParquetType::float32: return "float32";
    case ParquetType::float64: return "float64";
    case ParquetType::string: return "string";
    case ParquetType::float_list: return "float_list";
  }
  return "?";
}

}  // namespace baleen::formats

namespace baleen::formats::parquet {
namespace {

// "name version x (build y)": other readers look there for known defects of a writer, and some ignore statistics of
// a writer that they cannot parse. Not the version of the program: equal tables give equal bytes.
constexpr std::string_view kCreatedBy = "baleen version 1.0.0 (build 1)";

void write_statistics(ThriftWriter& w, int id, const Statistics& statistics) {
  if (!statistics.min && !statistics.null_count) return;
  w.structure(id, [&] {
    if (statistics.null_count) w.i64(3, *statistics.null_count);
    if (statistics.max) w.binary(5, *statistics.max);
    if (statistics.min) w.binary(6, *statistics.min);
  });
}

/// One element of the schema that has children.
void write_group(ThriftWriter& w, std::string_view name, std::int32_t repetition, bool is_list) {
  w.element([&] {
    w.i32(3, repetition);
    w.binary(4, name);
    w.i32(5, 1);
    if (is_list) {
      w.i32(6, kConvertedList);
      w.structure(10, [&] { w.structure(kLogicalList, [] {}); });
    }
  });
}

void write_leaf(ThriftWriter& w, std::string_view name, PhysicalType type, bool is_nullable) {
  w.element([&] {
    w.i32(1, static_cast<std::int32_t>(type));
    w.i32(3, is_nullable ? kOptional : kRequired);
    w.binary(4, name);
    if (type == PhysicalType::byte_array) {
      w.i32(6, kConvertedUtf8);
      w.structure(10, [&] { w.structure(kLogicalString, [] {}); });
    }
  });
}

void write_schema(ThriftWriter& w, const std::vector<Leaf>& leaves) {
  std::size_t n_elements = 1;
  for (const Leaf& leaf : leaves) n_elements += leaf.column.type == ParquetType::float_list ? 3 : 1;
  w.list(2, ThriftType::structure, n_elements);
  w.element([&] {
    w.binary(4, "schema");
    w.i32(5, static_cast<std::int32_t>(leaves.size()));
  });
  for (const Leaf& leaf : leaves) {
    if (leaf.column.type == ParquetType::float_list) {
      write_group(w, leaf.column.name, kRequired, true);
      write_group(w, "list", kRepeated, false);
      write_leaf(w, "element", leaf.physical, false);
    } else {
      write_leaf(w, leaf.column.name, leaf.physical, leaf.column.is_nullable);
    }
  }
}

void write_chunk(ThriftWriter& w, const Leaf& leaf, const ChunkMeta& chunk) {
  const bool is_list = leaf.column.type == ParquetType::float_list;
  w.element([&] {
    w.i64(2, 0);  // Where a copy of the metadata is; there is none.
    w.structure(3, [&] {
      w.i32(1, static_cast<std::int32_t>(chunk.type));
      w.list(2, ThriftType::i32, chunk.encodings.size());
      for (const Encoding encoding : chunk.encodings)
        w.i32_element(static_cast<std::int32_t>(encoding));
      w.list(3, ThriftType::binary, is_list ? 3 : 1);
      w.binary_element(leaf.column.name);
      if (is_list) w.binary_element("list");
      if (is_list) w.binary_element("element");
      w.i32(4, static_cast<std::int32_t>(chunk.codec));
      w.i64(5, chunk.n_values);
      w.i64(6, chunk.uncompressed_bytes);
      w.i64(7, chunk.compressed_bytes);
      w.i64(9, chunk.data_page_offset);
      if (chunk.dictionary_page_offset >= 0) w.i64(11, chunk.dictionary_page_offset);
      write_statistics(w, 12, chunk.statistics);
    });
  });
}

void write_row_group(ThriftWriter& w, const std::vector<Leaf>& leaves, const RowGroupMeta& group) {
  std::int64_t uncompressed_bytes = 0;
  std::int64_t compressed_bytes = 0;
  for (const ChunkMeta& chunk : group.chunks) {
    uncompressed_bytes += chunk.uncompressed_bytes;
    compressed_bytes += chunk.compressed_bytes;
  }
  w.element([&] {
    w.list(1, ThriftType::structure, group.chunks.size());
    for (std::size_t i = 0; i < group.chunks.size(); ++i)
      write_chunk(w, leaves[i], group.chunks[i]);
    w.i64(2, uncompressed_bytes);
    w.i64(3, group.n_rows);
    const ChunkMeta& first = group.chunks.front();
    w.i64(5, first.dictionary_page_offset >= 0 ? first.dictionary_page_offset
                                               : first.data_page_offset);
    w.i64(6, compressed_bytes);
  });
}

}  // namespace

PhysicalType physical_type(ParquetType type) {
  switch (type) {
    case ParquetType::boolean: return PhysicalType::boolean;
    case ParquetType::int32: return PhysicalType::int32;
    case ParquetType::int64: return PhysicalType::int64;
    case ParquetType::float32:
    case ParquetType::float_list: return PhysicalType::float32;
    case ParquetType::float64: return PhysicalType::float64;
    case ParquetType::string: return PhysicalType::byte_array;
  }
  return PhysicalType::int32;
}

std::vector<Leaf> leaves_of(const ParquetSchema& schema) {
  std::vector<Leaf> leaves;
  for (const ParquetColumn& column : schema) {
    const bool is_list = column.type == ParquetType::float_list;
    leaves.push_back({.column = column,
                      .physical = physical_type(column.type),
                      .definition_max = is_list || column.is_nullable ? 1 : 0,
                      .repetition_max = is_list ? 1 : 0,
                      .unsupported = {}});
  }
  return leaves;
}

void append_page_header(const PageHeader& header, std::string& out) {
  ThriftWriter w(out);
  w.element([&] {
    w.i32(1, static_cast<std::int32_t>(header.type));
    w.i32(2, header.uncompressed_bytes);
    w.i32(3, header.compressed_bytes);
    if (header.crc) w.i32(4, static_cast<std::int32_t>(*header.crc));
    if (header.type == PageType::dictionary) {
      w.structure(7, [&] {
        w.i32(1, header.n_values);
        w.i32(2, static_cast<std::int32_t>(header.encoding));
      });
      return;
    }
    w.structure(5, [&] {
      w.i32(1, header.n_values);
      w.i32(2, static_cast<std::int32_t>(header.encoding));
      w.i32(3, static_cast<std::int32_t>(Encoding::rle));
      w.i32(4, static_cast<std::int32_t>(Encoding::rle));
      write_statistics(w, 5, header.statistics);
    });
  });
}

std::string footer_bytes(const FileMeta& meta) {
  std::string out;
  ThriftWriter w(out);
  w.element([&] {
    w.i32(1, 1);
    write_schema(w, meta.leaves);
    w.i64(3, meta.n_rows);
    w.list(4, ThriftType::structure, meta.row_groups.size());
    for (const RowGroupMeta& group : meta.row_groups) write_row_group(w, meta.leaves, group);
    w.list(5, ThriftType::structure, meta.metadata.size());
    for (const auto& [key, value] : meta.metadata) {
      w.element([&, key = &key, value = &value] {
        w.binary(1, *key);
        w.binary(2, *value);
      });
    }
    w.binary(6, kCreatedBy);
    // The order of min and max: that of the type. Without this readers must ignore them.
    w.list(7, ThriftType::structure, meta.leaves.size());
    for (std::size_t i = 0; i < meta.leaves.size(); ++i) w.element([&] { w.structure(1, [] {}); });
  });
  return out;
}

}  // namespace baleen::formats::parquet
