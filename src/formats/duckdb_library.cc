#include "formats/duckdb_library.h"

#include <dlfcn.h>

#include <map>
#include <memory>
#include <mutex>

#include "core/process.h"

namespace baleen::formats::duckdb {
namespace {

constexpr const char* kName = "libduckdb.so";

template <typename Function>
bool resolve(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

/// The name of the first function that is missing, or null.
const char* first_missing(void* handle, Library& library) {
#define BALEEN_DUCKDB_RESOLVE(name)                                              \
  do {                                                                           \
    if (!resolve(handle, "duckdb_" #name, library.name)) return "duckdb_" #name; \
  } while (false)
  BALEEN_DUCKDB_RESOLVE(library_version);
  BALEEN_DUCKDB_RESOLVE(open);
  BALEEN_DUCKDB_RESOLVE(close);
  BALEEN_DUCKDB_RESOLVE(connect);
  BALEEN_DUCKDB_RESOLVE(disconnect);
  BALEEN_DUCKDB_RESOLVE(query);
  BALEEN_DUCKDB_RESOLVE(destroy_result);
  BALEEN_DUCKDB_RESOLVE(result_error);
  BALEEN_DUCKDB_RESOLVE(column_count);
  BALEEN_DUCKDB_RESOLVE(column_name);
  BALEEN_DUCKDB_RESOLVE(column_type);
  BALEEN_DUCKDB_RESOLVE(fetch_chunk);
  BALEEN_DUCKDB_RESOLVE(destroy_data_chunk);
  BALEEN_DUCKDB_RESOLVE(data_chunk_get_size);
  BALEEN_DUCKDB_RESOLVE(data_chunk_get_vector);
  BALEEN_DUCKDB_RESOLVE(vector_get_data);
  BALEEN_DUCKDB_RESOLVE(vector_get_validity);
  BALEEN_DUCKDB_RESOLVE(extract_statements);
  BALEEN_DUCKDB_RESOLVE(extract_statements_error);
  BALEEN_DUCKDB_RESOLVE(destroy_extracted);
  BALEEN_DUCKDB_RESOLVE(prepare);
  BALEEN_DUCKDB_RESOLVE(prepare_error);
  BALEEN_DUCKDB_RESOLVE(prepared_statement_type);
  BALEEN_DUCKDB_RESOLVE(destroy_prepare);
  BALEEN_DUCKDB_RESOLVE(appender_create);
  BALEEN_DUCKDB_RESOLVE(appender_error);
  BALEEN_DUCKDB_RESOLVE(appender_end_row);
  BALEEN_DUCKDB_RESOLVE(appender_close);
  BALEEN_DUCKDB_RESOLVE(appender_destroy);
  BALEEN_DUCKDB_RESOLVE(append_null);
  BALEEN_DUCKDB_RESOLVE(append_int64);
  BALEEN_DUCKDB_RESOLVE(append_double);
  BALEEN_DUCKDB_RESOLVE(append_varchar_length);
#undef BALEEN_DUCKDB_RESOLVE
  return nullptr;
}

}  // namespace

Result<const Library*> library() {
  static std::mutex mutex;
  static auto* const loaded = new std::map<std::string, std::unique_ptr<Library>>();
  const std::lock_guard lock(mutex);
  const std::string path = core::environment("DUCKDB_LIBRARY");
  if (const auto known = loaded->find(path); known != loaded->end()) return known->second.get();
  const std::string name = path.empty() ? kName : path;
  void* const handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  auto library = std::make_unique<Library>();
  const char* const missing = handle == nullptr ? nullptr : first_missing(handle, *library);
  if (handle != nullptr && missing == nullptr)
    return loaded->emplace(path, std::move(library)).first->second.get();
  const char* const reason = handle == nullptr ? ::dlerror() : nullptr;
  const std::string why = missing != nullptr  ? fmt::format("{} has no function {}", name, missing)
                          : reason != nullptr ? std::string(reason)
                                              : name;
  if (handle != nullptr) ::dlclose(handle);
  return fail(
      ErrorCode::not_supported,
      "questions in SQL are answered by DuckDB, which is no part of Baleen and could not be "
      "loaded: {}. Take libduckdb of version 1.2 or newer from "
      "https://github.com/duckdb/duckdb/releases (libduckdb-linux-*.zip), and let "
      "BALEEN_DUCKDB_LIBRARY be the path of its libduckdb.so",
      why);
}

}  // namespace baleen::formats::duckdb
