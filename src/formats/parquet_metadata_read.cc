// Page headers and footers from foreign bytes.

#include <span>

#include "formats/parquet_metadata.h"
#include "formats/parquet_thrift.h"

namespace baleen::formats::parquet {
namespace {

constexpr std::size_t kLeavesMax = 10'000;
constexpr std::size_t kSchemaElementsMax = 3 * kLeavesMax;
constexpr std::size_t kKeysMax = 100'000;

template <typename Enum>
bool read_enum(ThriftReader& r, ThriftType type, Enum& value) {
  std::int32_t number = 0;
  if (!r.i32(type, number)) return false;
  value = static_cast<Enum>(number);
  return true;
}

bool read_statistics(ThriftReader& r, ThriftType type, Statistics& statistics) {
  return r.structure(type, [&](int id, ThriftType field) {
    switch (id) {
      case 3: return r.i64(field, statistics.null_count.emplace());
      case 5: return r.binary(field, statistics.max.emplace());
      case 6: return r.binary(field, statistics.min.emplace());
      default: return false;
    }
  });
}

bool read_data_page(ThriftReader& r, ThriftType type, PageHeader& header) {
  return r.structure(type, [&](int id, ThriftType field) {
    switch (id) {
      case 1: return r.i32(field, header.n_values);
      case 2: return read_enum(r, field, header.encoding);
      case 3: return read_enum(r, field, header.level_encoding);
      case 5: return read_statistics(r, field, header.statistics);
      default: return false;
    }
  });
}

bool read_dictionary_page(ThriftReader& r, ThriftType type, PageHeader& header) {
  return r.structure(type, [&](int id, ThriftType field) {
    switch (id) {
      case 1: return r.i32(field, header.n_values);
      case 2: return read_enum(r, field, header.encoding);
      default: return false;
    }
  });
}

bool read_data_page_v2(ThriftReader& r, ThriftType type, PageHeader& header) {
  return r.structure(type, [&](int id, ThriftType field) {
    switch (id) {
      case 1: return r.i32(field, header.n_values);
      case 4: return read_enum(r, field, header.encoding);
      case 5: return r.i32(field, header.definition_bytes);
      case 6: return r.i32(field, header.repetition_bytes);
      case 7: return r.boolean(field, header.is_compressed);
      case 8: return read_statistics(r, field, header.statistics);
      default: return false;
    }
  });
}

/// An element of the schema as it stands in the file: a tree in the order of its nodes.
struct SchemaElement {
  std::int32_t type = -1;  ///< -1: a group.
  std::int32_t repetition = kRequired;
  std::int32_t n_children = 0;
  bool is_list = false;
  std::string name;
};

void read_schema_element(ThriftReader& r, std::vector<SchemaElement>& elements) {
  SchemaElement element;
  std::int32_t converted = -1;
  r.structure([&](int id, ThriftType field) {
    switch (id) {
      case 1: return r.i32(field, element.type);
      case 3: return r.i32(field, element.repetition);
      case 4: return r.binary(field, element.name);
      case 5: return r.i32(field, element.n_children);
      case 6: return r.i32(field, converted);
      case 10:
        return r.structure(field, [&](int logical, ThriftType) {
          element.is_list |= logical == kLogicalList;
          return false;
        });
      default: return false;
    }
  });
  element.is_list |= converted == kConvertedList;
  elements.push_back(std::move(element));
  if (elements.size() > kSchemaElementsMax) r.reject();
}

bool read_chunk_meta(ThriftReader& r, ThriftType type, ChunkMeta& chunk) {
  return r.structure(type, [&](int id, ThriftType field) {
    switch (id) {
      case 1: return read_enum(r, field, chunk.type);
      case 4: return read_enum(r, field, chunk.codec);
      case 5: return r.i64(field, chunk.n_values);
      case 6: return r.i64(field, chunk.uncompressed_bytes);
      case 7: return r.i64(field, chunk.compressed_bytes);
      case 9: return r.i64(field, chunk.data_page_offset);
      case 11: return r.i64(field, chunk.dictionary_page_offset);
      case 12: return read_statistics(r, field, chunk.statistics);
      default: return false;
    }
  });
}

void read_row_group(ThriftReader& r, RowGroupMeta& group) {
  r.structure([&](int id, ThriftType field) {
    switch (id) {
      case 1:
        return r.list(field, ThriftType::structure, [&] {
          ChunkMeta& chunk = group.chunks.emplace_back();
          r.structure([&](int part, ThriftType part_type) {
            return part == 3 && read_chunk_meta(r, part_type, chunk);
          });
          // At once, so that a few bytes cannot become many chunks in memory.
          if (chunk.n_values < 0 || chunk.compressed_bytes < 0 || chunk.data_page_offset < 0)
            r.reject();
        });
      case 3: return r.i64(field, group.n_rows);
      default: return false;
    }
  });
  if (group.n_rows < 0 || group.chunks.empty()) r.reject();
}

void read_key_value(ThriftReader& r, ParquetMetadata& metadata) {
  auto& [key, value] = metadata.emplace_back();
  r.structure([&, key = &key, value = &value](int id, ThriftType field) {
    switch (id) {
      case 1: return r.binary(field, *key);
      case 2: return r.binary(field, *value);
      default: return false;
    }
  });
  if (metadata.size() > kKeysMax) r.reject();
}

/// Walks the tree of the schema and lists its leaves.
class LeafLister {
 public:
  explicit LeafLister(std::span<const SchemaElement> elements) : elements_(elements) {}

  Result<std::vector<Leaf>> list() {
    if (elements_.empty()) return fail(ErrorCode::artifact_corrupt, "a schema of no elements");
    const std::int32_t n_columns = elements_[next_++].n_children;
    for (std::int32_t i = 0; i < n_columns && is_good_; ++i) column();
    if (!is_good_ || next_ != elements_.size() || leaves_.size() > kLeavesMax)
      return fail(ErrorCode::artifact_corrupt, "a schema whose elements form no tree of columns");
    return std::move(leaves_);
  }

 private:
  const SchemaElement* take() {
    if (next_ >= elements_.size()) is_good_ = false;
    return is_good_ ? &elements_[next_++] : nullptr;
  }

  void column() {
    const SchemaElement* top = take();
    if (top == nullptr) return;
    if (top->type >= 0) {
      add(*top, top->name, top->repetition == kOptional ? 1 : 0, 0,
          top->repetition == kRepeated ? "a repeated field outside of a list" : "");
    } else if (top->is_list && top->n_children == 1 && top->repetition != kRepeated) {
      list_column(*top);
    } else {
      skip_group(*top, top->name, 0);
    }
  }

  /// A list is a group with a repeated group with an element; old writers leave the inner group out.
  void list_column(const SchemaElement& top) {
    const SchemaElement* repeated = take();
    if (repeated == nullptr) return;
    const int outer = top.repetition == kOptional ? 1 : 0;
    if (repeated->repetition != kRepeated) {
      is_good_ = false;
    } else if (repeated->type >= 0) {
      add(*repeated, top.name, outer + 1, 1, "");
    } else if (repeated->n_children == 1 && next_ < elements_.size() &&
               elements_[next_].type >= 0 && elements_[next_].repetition != kRepeated) {
      const SchemaElement& element = *take();
      add(element, top.name, outer + 1 + (element.repetition == kOptional ? 1 : 0), 1, "");
    } else {
      skip_group(*repeated, top.name, 0);
    }
  }

  void skip_group(const SchemaElement& group, const std::string& path, int depth) {
    constexpr int kDepthMax = 32;
    if (depth > kDepthMax || group.n_children < 0) is_good_ = false;
    for (std::int32_t i = 0; i < group.n_children && is_good_; ++i) {
      const SchemaElement* child = take();
      if (child == nullptr) return;
      const std::string child_path = path + "." + child->name;
      if (child->type < 0)
        skip_group(*child, child_path, depth + 1);
      else
        add(*child, child_path, 0, 0, "a field inside of a group");
    }
  }

  void add(const SchemaElement& element,
           const std::string& name,
           int definition_max,
           int repetition_max,
           const char* unsupported) {
    Leaf leaf;
    leaf.column.name = name;
    leaf.physical = static_cast<PhysicalType>(element.type);
    leaf.definition_max = definition_max;
    leaf.repetition_max = repetition_max;
    leaf.column.is_nullable = repetition_max == 0 ? definition_max > 0 : definition_max > 1;
    leaf.unsupported = unsupported;
    set_type(leaf);
    leaves_.push_back(std::move(leaf));
  }

  static void set_type(Leaf& leaf) {
    const auto only_if = [&leaf](bool is_scalar, ParquetType type) {
      leaf.column.type = type;
      if (!is_scalar && leaf.unsupported.empty()) leaf.unsupported = "a list of other than floats";
    };
    const bool is_scalar = leaf.repetition_max == 0;
    switch (leaf.physical) {
      case PhysicalType::boolean: return only_if(is_scalar, ParquetType::boolean);
      case PhysicalType::int32: return only_if(is_scalar, ParquetType::int32);
      case PhysicalType::int64: return only_if(is_scalar, ParquetType::int64);
      case PhysicalType::float64: return only_if(is_scalar, ParquetType::float64);
      case PhysicalType::byte_array: return only_if(is_scalar, ParquetType::string);
      case PhysicalType::float32:
        return only_if(true, is_scalar ? ParquetType::float32 : ParquetType::float_list);
      case PhysicalType::int96:
      case PhysicalType::fixed_len_byte_array: break;
    }
    if (leaf.unsupported.empty()) leaf.unsupported = "of a physical type that is not read here";
  }

  std::span<const SchemaElement> elements_;  // The caller's.
  std::size_t next_ = 0;
  bool is_good_ = true;
  std::vector<Leaf> leaves_;
};

}  // namespace

Result<ParsedPageHeader> parse_page_header(std::string_view bytes) {
  ParsedPageHeader parsed;
  PageHeader& header = parsed.header;
  ThriftReader r(bytes);
  r.structure([&](int id, ThriftType field) {
    std::int32_t crc = 0;
    switch (id) {
      case 1: return read_enum(r, field, header.type);
      case 2: return r.i32(field, header.uncompressed_bytes);
      case 3: return r.i32(field, header.compressed_bytes);
      case 4:
        if (!r.i32(field, crc)) return false;
        header.crc = static_cast<std::uint32_t>(crc);
        return true;
      case 5: return read_data_page(r, field, header);
      case 7: return read_dictionary_page(r, field, header);
      case 8: return read_data_page_v2(r, field, header);
      default: return false;
    }
  });
  const bool has_values = header.type == PageType::index || header.n_values >= 0;
  if (r.failed() || header.uncompressed_bytes < 0 || header.compressed_bytes < 0 || !has_values ||
      header.definition_bytes < 0 || header.repetition_bytes < 0)
    return fail(ErrorCode::artifact_corrupt, "a page header that cannot be understood");
  parsed.bytes = r.position();
  return parsed;
}

Result<FileMeta> parse_footer(std::string_view bytes) {
  FileMeta meta;
  std::vector<SchemaElement> elements;
  ThriftReader r(bytes);
  r.structure([&](int id, ThriftType field) {
    switch (id) {
      case 2:
        return r.list(field, ThriftType::structure, [&] { read_schema_element(r, elements); });
      case 3: return r.i64(field, meta.n_rows);
      case 4:
        return r.list(field, ThriftType::structure,
                      [&] { read_row_group(r, meta.row_groups.emplace_back()); });
      case 5:
        return r.list(field, ThriftType::structure, [&] { read_key_value(r, meta.metadata); });
      case 6: return r.binary(field, meta.created_by);
      default: return false;
    }
  });
  if (r.failed())
    return fail(ErrorCode::artifact_corrupt, "a Parquet footer that cannot be understood");
  BALEEN_ASSIGN_OR_RETURN(meta.leaves, LeafLister(elements).list());
  return meta;
}

}  // namespace baleen::formats::parquet
