#include "engine/ingest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>

#include "core/clock.h"
#include "core/file.h"
#include "core/ids.h"
#include "core/log.h"
#include "core/process.h"
#include "core/sha256.h"
#include "store/artifacts.h"
#include "store/host_guard.h"

namespace baleen::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kExtensionCharsMax = 8;

struct Source {
  core::Fd file;
  std::int64_t bytes = 0;
};

/// Opens a regular file; a FIFO or device must not block or be read for ever.
Result<Source> open_source(const fs::path& path) {
  Source source;
  source.file = core::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!source.file.is_open()) return core::errno_error(errno, "open " + path.string());
  struct stat status {};
  if (::fstat(source.file.get(), &status) != 0)
    return core::errno_error(errno, "stat " + path.string());
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::file_not_found, "{} is not a regular file", path.string());
  }
  source.bytes = status.st_size;
  return source;
}

/// The file's extension if it is harmless, else "bin".
std::string safe_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  if (!extension.empty()) extension.erase(0, 1);
  const bool is_safe = !extension.empty() && extension.size() <= kExtensionCharsMax &&
                       std::all_of(extension.begin(), extension.end(),
                                   [](unsigned char c) { return std::isalnum(c) != 0 && c < 128; });
  if (!is_safe) return "bin";
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

std::string file_uri(const fs::path& path) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::error_code ignored;
  const fs::path absolute = fs::absolute(path, ignored);
  std::string uri = "file://";
  for (const char letter : absolute.string()) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalnum(byte) != 0 ||
        std::string_view("/-._~").find(letter) != std::string_view::npos) {
      uri += letter;
    } else {
      uri += '%';
      uri += kDigits[byte >> 4U];
      uri += kDigits[byte & 15U];
    }
  }
  return uri;
}

bool has_original(const store::DataRoot& root, const store::Asset& asset) {
  const Result<std::int64_t> bytes = core::file_size_bytes(root.at(asset.original_path));
  return bytes.ok() && *bytes == asset.bytes;
}

fs::path incoming_name(const store::DataRoot& root) {
  static std::atomic<int> counter{0};
  const core::ProcessIdentity& self = core::this_process();
  return root.incoming() / fmt::format("ingest.{}.{}.{}.{}.tmp", self.pid, self.start_ticks,
                                       self.pid_namespace, ++counter);
}

Result<void> record(store::Database& database,
                    const store::Asset& asset,
                    const json::object& metrics,
                    std::int64_t started_us) {
  const std::int64_t now_us = core::system_clock().now_us();
  BALEEN_RETURN_IF_ERROR(store::insert_asset(database, asset));
  BALEEN_RETURN_IF_ERROR(database.execute(
      "INSERT INTO pipeline_jobs (asset_id, stage, status, attempt, metrics_json, artifact_path, "
      "trace_id, worker, "
      "started_at_us, finished_at_us, owner_entity_id) VALUES ($1, 'ingest', 'complete', 1, $2, "
      "$3, "
      "$4, $5, $6, $7, $8)",
      asset.asset_id, core::to_json(metrics), asset.original_path, core::new_id(),
      core::this_process().to_string(), started_us, now_us, asset.owner_entity_id));
  store::Artifact original;
  original.asset_id = asset.asset_id;
  original.type = "original";
  original.path = asset.original_path;
  original.sha256 = original.content_sha256 = asset.content_hash;
  original.bytes = asset.bytes;
  original.schema_id = "original";
  original.version = "1.0.0";
  original.signature_json =
      core::to_canonical_json(json::object{{"stage", "ingest"}, {"sha256", asset.content_hash}});
  original.signature = core::sha256_hex(original.signature_json);
  original.producer = "ingest@1";
  original.job_id = database.last_insert_id();
  original.created_at_us = now_us;
  return store::insert_artifact(database, original);
}

/// Pictures in containers that also hold sound.
std::string_view name_if_picture(std::string_view first_bytes) {
  const auto at = [&](std::size_t offset, std::string_view magic) {
    return first_bytes.size() >= offset + magic.size() &&
           first_bytes.substr(offset, magic.size()) == magic;
  };
  if (at(0, "RIFF") && at(8, "WEBP")) return "a WebP picture";
  for (const std::string_view brand : {"heic", "heix", "mif1", "avif"}) {
    if (at(4, "ftyp") && at(8, brand)) return "a HEIF picture";
  }
  return "";
}

}  // namespace

std::string guess_format(std::string_view first_bytes) {
  const auto at = [&](std::size_t offset, std::string_view magic) {
    return first_bytes.size() >= offset + magic.size() &&
           first_bytes.substr(offset, magic.size()) == magic;
  };
  if (!name_if_picture(first_bytes).empty()) return "application/octet-stream";
  if (at(0, "RIFF") || at(0, "RF64") || at(0, "riff")) return "audio/wav";
  if (at(0, "fLaC")) return "audio/flac";
  if (at(0, "OggS")) return at(28, "OpusHead") ? "audio/opus" : "audio/ogg";
  if (at(4, "ftyp")) return "audio/mp4";
  if (at(0, "FORM")) return "audio/aiff";
  if (at(0, "caff")) return "audio/x-caf";
  if (at(0, ".snd")) return "audio/basic";
  if (at(0, "\x1a\x45\xdf\xa3")) return "audio/x-matroska";
  if (at(0, "wvpk")) return "audio/x-wavpack";
  if (at(0, "MAC ")) return "audio/x-ape";
  if (at(0, "ID3")) return "audio/mpeg";
  if (first_bytes.size() > 1 && first_bytes[0] == '\xff' &&
      (static_cast<unsigned char>(first_bytes[1]) & 0xe0U) == 0xe0U) {
    return "audio/mpeg";
  }
  return "application/octet-stream";
}

std::string_view name_if_no_audio(std::string_view first_bytes) {
  if (const std::string_view picture = name_if_picture(first_bytes); !picture.empty())
    return picture;
  if (guess_format(first_bytes) != "application/octet-stream") return "";
  struct Magic {
    std::string_view bytes, name;
  };
  using std::string_view_literals::operator""sv;
  static constexpr std::array kMagics = {
      Magic{"PK\3\4"sv, "a ZIP archive or an office document"},
      Magic{"PK\5\6"sv, "an empty ZIP archive"},
      Magic{"\x7f"
            "ELF"sv,
            "a program"},
      Magic{"MZ"sv, "a program"},
      Magic{"#!"sv, "a script"},
      Magic{"%PDF-"sv, "a PDF document"},
      Magic{"%!PS"sv, "a PostScript document"},
      Magic{"{\\rtf"sv, "an RTF document"},
      Magic{"\x89PNG"sv, "a PNG picture"},
      Magic{"\xff\xd8\xff"sv, "a JPEG picture"},
      Magic{"GIF8"sv, "a GIF picture"},
      Magic{"II*\0"sv, "a TIFF picture"},
      Magic{"MM\0*"sv, "a TIFF picture"},
      Magic{"\x1f\x8b"sv, "a gzip archive"},
      Magic{"BZh"sv, "a bzip2 archive"},
      Magic{"\xfd"
            "7zXZ"sv,
            "an xz archive"},
      Magic{"7z\xbc\xaf"sv, "a 7-Zip archive"},
      Magic{"Rar!"sv, "a RAR archive"},
      Magic{"\x28\xb5\x2f\xfd"sv, "a Zstandard archive"},
      Magic{"SQLite format 3"sv, "an SQLite database"},
  };
  for (const Magic& magic : kMagics) {
    if (first_bytes.starts_with(magic.bytes)) return magic.name;
  }
  if (first_bytes.starts_with("\xef\xbb\xbf")) first_bytes.remove_prefix(3);  // A byte order mark.
  std::string text(
      first_bytes.substr(std::min(first_bytes.find_first_not_of(" \t\r\n"), first_bytes.size())));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view tag : {"<!doctype html", "<html", "<head", "<body", "<script"}) {
    if (text.starts_with(tag)) return "an HTML page";
  }
  if (text.starts_with("<?xml") || text.starts_with("<svg")) return "an XML document";
  return "";
}

std::string asset_id_of(std::string_view owner_entity_id, std::string_view sha256) {
  return core::derived_id(std::string(owner_entity_id) + "\n" + std::string(sha256));
}

Result<Ingested> ingest_file(store::Database& database,
                             const store::DataRoot& root,
                             const IngestRequest& request,
                             const ProbeAssetFn& probe) {
  Arrival arrival;
  arrival.started_us = core::system_clock().now_us();
  BALEEN_ASSIGN_OR_RETURN(Source source, open_source(request.source));
  BALEEN_ASSIGN_OR_RETURN(
      const bool may_be_known,
      store::has_asset_of_size(database, request.owner_entity_id, source.bytes));
  const double hash_begin_s = core::steady_s();
  if (may_be_known) {
    BALEEN_ASSIGN_OR_RETURN(const Digest digest, hash_file(source.file, request.keep_going));
    BALEEN_ASSIGN_OR_RETURN(
        std::optional<store::Asset> known,
        store::find_asset_by_hash(database, request.owner_entity_id, digest.sha256));
    if (known && has_original(root, *known)) return Ingested{std::move(*known), false, {}};
  }

  BALEEN_RETURN_IF_ERROR(core::make_directories(root.incoming()));
  arrival.file = incoming_name(root);
  Result<Digest> copied = copy_in(source.file, arrival.file, request.keep_going);
  if (!copied.ok()) {
    (void)core::remove_file(arrival.file).ok();  // The copy's own error is the one to tell.
    return std::move(copied).error().context(request.source.string());
  }
  arrival.hash_s = core::steady_s() - hash_begin_s;
  arrival.filename = request.source.filename().string();
  arrival.source_uri = file_uri(request.source);
  arrival.owner_entity_id = request.owner_entity_id;
  arrival.metadata = request.metadata;
  arrival.sha256 = std::move(copied->sha256);
  arrival.bytes = copied->bytes;
  arrival.first_bytes = std::move(copied->first_bytes);
  Result<Ingested> adopted = adopt_file(database, root, arrival, probe);
  (void)core::remove_file(arrival.file)
      .ok();  // Still there if another process was faster, or it failed.
  return adopted;
}

Result<Ingested> adopt_file(store::Database& database,
                            const store::DataRoot& root,
                            const Arrival& arrival,
                            const ProbeAssetFn& probe) {
  store::Asset asset;
  asset.asset_id = asset_id_of(arrival.owner_entity_id, arrival.sha256);
  asset.owner_entity_id = arrival.owner_entity_id;
  asset.content_hash = arrival.sha256;
  asset.source_uri = arrival.source_uri;
  asset.original_filename = arrival.filename;
  asset.original_path = "audio/" + asset.asset_id + "/original." + safe_extension(arrival.filename);
  asset.bytes = arrival.bytes;
  asset.metadata_json = core::to_json(arrival.metadata);
  asset.created_at_us = core::system_clock().now_us();

  BALEEN_ASSIGN_OR_RETURN(std::optional<store::Asset> known,
                          store::find_asset(database, asset.asset_id));
  if (known && has_original(root, *known)) return Ingested{std::move(*known), false, {}};
  if (known)
    asset.original_path = known->original_path;  // Known, but its file was lost: put it back.
  const fs::path final_path = root.at(asset.original_path);
  if (std::error_code ignored; fs::exists(arrival.file, ignored)) {
    BALEEN_RETURN_IF_ERROR(core::make_directories(final_path.parent_path()));
    if (Result<void> published = core::publish_file(arrival.file, final_path); !published.ok()) {
      // The new name may not last, and another fsync of the folder would not say so: it is given again.
      if (!fs::exists(arrival.file, ignored)) fs::rename(final_path, arrival.file, ignored);
      return std::move(published).error();
    }
  } else if (!has_original(root, asset)) {
    return fail(ErrorCode::file_not_found, "{} is gone", arrival.file.string());
  } else {
    BALEEN_RETURN_IF_ERROR(core::sync_directory(final_path.parent_path()));
  }
  if (known) return Ingested{std::move(*known), false, {}};
  BALEEN_RETURN_IF_ERROR(core::sync_directory(final_path.parent_path().parent_path()));

  json::object metrics{{"file_size_bytes", arrival.bytes},
                       {"hash_s", arrival.hash_s},
                       {"format_guess", guess_format(arrival.first_bytes)}};
  if (const Result<json::object> info = probe(final_path); info.ok()) {
    asset.container = core::get_string(*info, "container");
    asset.codec = core::get_string(*info, "codec");
    asset.duration_s = core::get_double(*info, "duration_s");
    asset.sample_rate_hz = core::get_int(*info, "sample_rate_hz");
    asset.channels = core::get_int(*info, "channels");
  } else {
    metrics["probe_error"] = info.error().to_string();
  }
  metrics["seconds"] =
      1e-6 * static_cast<double>(core::system_clock().now_us() - arrival.started_us);
  std::optional<store::Asset> rival;
  BALEEN_RETURN_IF_ERROR(database.transaction("INGEST", [&]() -> Result<void> {
    // Another process may have ingested the same bytes meanwhile.
    BALEEN_ASSIGN_OR_RETURN(rival, store::find_asset(database, asset.asset_id));
    if (rival) return {};
    return record(database, asset, metrics, arrival.started_us);
  }));
  if (rival) {
    if (rival->original_path != asset.original_path) (void)core::remove_file(final_path).ok();
    return Ingested{*std::move(rival), false, {}};
  }
  core::log(core::LogLevel::info, "ingested",
            {{"stage", "ingest"},
             {"asset_id", asset.asset_id},
             {"source_uri", asset.source_uri},
             {"metrics", metrics}});
  return Ingested{std::move(asset), true, std::move(metrics)};
}

Result<int> sweep_incoming(const store::DataRoot& root) {
  std::error_code error;
  int removed = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(root.incoming(), error)) {
    const std::string name = entry.path().filename().string();
    int pid = 0;
    unsigned long long start_ticks = 0, pid_namespace = 0;
    int counter = 0;
    const int n = std::sscanf(name.c_str(), "ingest.%d.%llu.%llu.%d", &pid, &start_ticks,
                              &pid_namespace, &counter);
    if (n < 2) continue;
    core::ProcessIdentity owner = core::this_process();
    owner.pid = pid;
    owner.start_ticks = start_ticks;
    if (n == 4) owner.pid_namespace = pid_namespace;  // Older versions wrote none.
    if (store::liveness(root, owner) != core::Liveness::dead) continue;
    BALEEN_RETURN_IF_ERROR(core::remove_file(entry.path()));
    ++removed;
  }
  return removed;
}

}  // namespace baleen::engine
