#pragma once

/// What recorders write about a recording, in whichever of their ways, as one struct that says of each fact where it
/// stands. Nothing is guessed: a time without a zone stays local time unless the caller gives the zone, and sources that
/// contradict each other are reported.
///
/// Precedence, first wins: GUANO, WAMD (Wildlife Acoustics), AudioMoth's comment, what opensoundscape keeps, iXML, bext,
/// other tags, the file's name. For the start a time with a zone wins over all without one.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audio/field_time.h"
#include "core/result.h"

namespace baleen::audio {

/// What one source says.
struct RecorderStatement {
  /// "guano", "wamd", "audiomoth", "opensoundscape", "ixml", "bext", "tags", "file name".
  std::string source = {};
  std::optional<FieldTime> start = {};
  std::optional<double> latitude_deg = {};   ///< WGS 84, north is positive.
  std::optional<double> longitude_deg = {};  ///< East is positive.
  std::optional<double> elevation_m = {};    ///< Above the sea; negative is depth.
  std::optional<std::string> gain = {};      ///< As stated: "medium", "2", "24 dB".
  std::optional<double> temperature_c = {};
  /// A measured value; "less than 2.5V" stays in the comment.
  std::optional<double> battery_v = {};
  std::optional<std::string> make = {};
  std::optional<std::string> model = {};
  std::optional<std::string> serial = {};
  std::optional<std::string> firmware = {};
  std::optional<std::string> deployment = {};
  /// At which sound was sampled, before any time expansion.
  std::optional<double> sample_rate_hz = {};
  /// 10: the file plays ten times slower than it was recorded.
  std::optional<double> time_expansion = {};
  std::optional<std::string> comment = {};
};

template <typename T>
struct Stated {
  T value;
  std::string source;
};

struct RecorderMetadata {
  std::optional<Stated<std::int64_t>> start_utc_us;  ///< Only where the zone is known.
  std::optional<Stated<FieldTime>> start;            ///< As the recorder's clock showed it.
  std::optional<Stated<int>> utc_offset_s;
  std::optional<Stated<double>> latitude_deg;
  std::optional<Stated<double>> longitude_deg;
  std::optional<Stated<double>> elevation_m;
  std::optional<Stated<std::string>> gain;
  std::optional<Stated<double>> temperature_c;
  std::optional<Stated<double>> battery_v;
  std::optional<Stated<std::string>> make;
  std::optional<Stated<std::string>> model;
  std::optional<Stated<std::string>> serial;
  std::optional<Stated<std::string>> firmware;
  std::optional<Stated<std::string>> deployment;
  std::optional<Stated<double>> sample_rate_hz;
  std::optional<Stated<double>> time_expansion;
  std::optional<Stated<std::string>> comment;
  std::vector<std::string> contradictions;  ///< Sentences for people.

  /// RFC 3339 with milliseconds, in UTC.
  [[nodiscard]] std::optional<std::string> start_rfc3339() const;
};

struct RecorderMetadataOptions {
  /// The zone of clocks that do not tell theirs, if the caller knows.
  std::optional<int> utc_offset_s = {};
  /// Tags of a FLAC, MP3 or Ogg file (media_tags). A WAV file's own are read anyway.
  std::vector<std::pair<std::string, std::string>> tags = {};
  /// What the recorder called the file; empty: the last part of its path.
  std::string filename = {};
};

/// What the file's chunks, the given tags and its name say. FILE_NOT_FOUND, PERMISSION_DENIED, IO_ERROR; a file of any
/// content is fine, and a damaged chunk says nothing. Reads some megabytes at most.
[[nodiscard]] Result<RecorderMetadata> read_recorder_metadata(
    const std::filesystem::path& path, const RecorderMetadataOptions& options = {});

/// The statements of a file in the order of their precedence, and the rate in its header (0: none).
struct RecorderStatements {
  std::vector<RecorderStatement> statements;
  double header_rate_hz = 0;
};
[[nodiscard]] Result<RecorderStatements> read_recorder_statements(
    const std::filesystem::path& path, const RecorderMetadataOptions& options = {});

/// Statements, in the order of their precedence, put together.
[[nodiscard]] RecorderMetadata merge_statements(const RecorderStatements& statements,
                                                const RecorderMetadataOptions& options = {});

/// The tags that libav finds in a file, names in lower case. CODEC_UNSUPPORTED, FILE_CORRUPT and so on as probe().
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> media_tags(
    const std::filesystem::path& path);

}  // namespace baleen::audio
