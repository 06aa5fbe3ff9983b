#include "formats/h5.h"

#include <vector>

namespace baleen::formats::h5 {
namespace {

constexpr std::size_t kTextAttributeMax = 65'536;
// As counted on the disk; in memory, HDF5 1.10 takes seven times as much for the index of the chunks.
constexpr std::size_t kMetadataCacheBytes = std::size_t{128} << 10;

herr_t keep_innermost(unsigned /*n*/, const H5E_error2_t* error, void* data) {
  auto& innermost = *static_cast<std::string*>(data);
  if (innermost.empty() && error->desc != nullptr) innermost = error->desc;
  return 0;
}

/// A file access list: everything closes with the file, no locks, a metadata cache that stays small.
Id access_list() {
  Id list(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(list.get(), H5F_CLOSE_STRONG);
  // Locks fail on some network and overlay file systems; a temporary file has one writer, and a
  // published one never changes.
  H5Pset_file_locking(list.get(), false, true);
  H5AC_cache_config_t cache;
  cache.version = H5AC__CURR_CACHE_CONFIG_VERSION;
  H5Pget_mdc_config(list.get(), &cache);
  cache.set_initial_size = true;
  cache.initial_size = kMetadataCacheBytes;
  cache.min_size = kMetadataCacheBytes;
  cache.max_size = kMetadataCacheBytes;
  cache.incr_mode = H5C_incr__off;
  cache.flash_incr_mode = H5C_flash_incr__off;
  cache.decr_mode = H5C_decr__off;
  H5Pset_mdc_config(list.get(), &cache);
  return list;
}

Id text_type(std::size_t size) {
  Id type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), size);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

Result<void> write_scalar(
    hid_t object, const std::string& name, hid_t file_type, hid_t memory_type, const void* value) {
  const Id space(H5Screate(H5S_SCALAR));
  const Id attribute(
      H5Acreate2(object, name.c_str(), file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute.is_valid() || H5Awrite(attribute.get(), memory_type, value) < 0)
    return last_error("write attribute " + name, ErrorCode::io_error);
  return {};
}

Result<Id> open_scalar(hid_t object, const std::string& name) {
  if (H5Aexists(object, name.c_str()) <= 0)
    return fail(ErrorCode::artifact_corrupt, "attribute {} is missing", name);
  Id attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT));
  if (!attribute.is_valid())
    return last_error("read attribute " + name, ErrorCode::artifact_corrupt);
  const Id space(H5Aget_space(attribute.get()));
  if (H5Sget_simple_extent_npoints(space.get()) != 1)
    return fail(ErrorCode::artifact_corrupt, "attribute {} is not one value", name);
  return attribute;
}

Result<std::string> read_variable_text(hid_t attribute, const std::string& name, hid_t file_type) {
  const Id type = text_type(H5T_VARIABLE);
  H5Tset_cset(type.get(), H5Tget_cset(file_type));
  char* text = nullptr;
  if (H5Aread(attribute, type.get(), static_cast<void*>(&text)) < 0)
    return last_error("read attribute " + name, ErrorCode::artifact_corrupt);
  std::string value = text == nullptr ? "" : text;
  H5free_memory(text);
  return value;
}

}  // namespace

void be_quiet() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

Error last_error(std::string_view what, ErrorCode code) {
  std::string innermost;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &innermost);
  return fail(code, "{}: HDF5: {}", what, innermost.empty() ? "failed" : innermost);
}

Result<Id> create_file(Sink& sink) {
  const Id creation(H5Pcreate(H5P_FILE_CREATE));
  H5Pset_obj_track_times(creation.get(), false);
  const Id access = access_list();
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  if (!sink.attach_to(access.get())) return last_error("create", ErrorCode::internal);
  Id file(H5Fcreate("sink", H5F_ACC_TRUNC, creation.get(), access.get()));
  if (!file.is_valid()) return last_error("create", ErrorCode::internal);
  BALEEN_RETURN_IF_ERROR(sink.check());
  return file;
}

Result<Id> open_file(const std::filesystem::path& path) {
  const Id access = access_list();
  Id file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
  if (!file.is_valid()) return last_error("open " + path.string(), ErrorCode::artifact_corrupt);
  return file;
}

Result<void> write_attribute(hid_t object, const std::string& name, const std::string& value) {
  const Id type = text_type(H5T_VARIABLE);
  const char* text = value.c_str();
  return write_scalar(object, name, type.get(), type.get(), static_cast<const void*>(&text));
}

Result<void> write_attribute(hid_t object, const std::string& name, double value) {
  return write_scalar(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

Result<std::string> read_text_attribute(hid_t object, const std::string& name) {
  BALEEN_ASSIGN_OR_RETURN(const Id attribute, open_scalar(object, name));
  const Id file_type(H5Aget_type(attribute.get()));
  if (H5Tget_class(file_type.get()) != H5T_STRING)
    return fail(ErrorCode::artifact_corrupt, "attribute {} is no text", name);
  if (H5Tis_variable_str(file_type.get()) > 0)
    return read_variable_text(attribute.get(), name, file_type.get());
  const std::size_t size = H5Tget_size(file_type.get());
  if (size == 0 || size > kTextAttributeMax)
    return fail(ErrorCode::artifact_corrupt, "attribute {} has {} bytes", name, size);
  std::vector<char> text(size + 1, '\0');
  if (H5Aread(attribute.get(), file_type.get(), text.data()) < 0)
    return last_error("read attribute " + name, ErrorCode::artifact_corrupt);
  return std::string(text.data());
}

Result<double> read_double_attribute(hid_t object, const std::string& name) {
  BALEEN_ASSIGN_OR_RETURN(const Id attribute, open_scalar(object, name));
  double value = 0.0;
  if (H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0)
    return last_error("read attribute " + name, ErrorCode::artifact_corrupt);
  return value;
}

}  // namespace baleen::formats::h5
