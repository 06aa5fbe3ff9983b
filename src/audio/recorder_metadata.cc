#include "audio/recorder_metadata.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "audio/media_input.h"
#include "audio/recorder_statements.h"
#include "audio/riff_chunks.h"
#include "core/clock.h"

namespace baleen::audio {
namespace {

constexpr std::int64_t kStartToleranceUs =
    2'000'000;                             // Names have whole seconds, and some clocks even ones.
constexpr double kDegreeTolerance = 1e-3;  // Some 100 m.

/// Takes the first statement of a field.
template <typename T>
void take(const std::vector<RecorderStatement>& statements,
          std::optional<T> RecorderStatement::*field,
          std::optional<Stated<T>>& out) {
  for (const RecorderStatement& statement : statements) {
    if (!(statement.*field)) continue;
    out = Stated<T>{*(statement.*field), statement.source};
    return;
  }
}

/// Reports every later statement that says something else.
template <typename T, typename Same>
void compare(const std::vector<RecorderStatement>& statements,
             std::optional<T> RecorderStatement::*field,
             const std::optional<Stated<T>>& taken,
             std::string_view name,
             const Same& same,
             std::vector<std::string>& contradictions) {
  if (!taken) return;
  for (const RecorderStatement& statement : statements) {
    if (!(statement.*field) || same(*(statement.*field), taken->value)) continue;
    contradictions.push_back(fmt::format("{}: {} by {}, but {} by {}", name, taken->value,
                                         taken->source, *(statement.*field), statement.source));
  }
}

/// A time with a zone and one without agree if some zone lies between them.
bool could_be_same(const FieldTime& a, const FieldTime& b) {
  const auto near = [](std::int64_t difference_us) {
    return std::abs(difference_us) <= kStartToleranceUs;
  };
  if (a.utc_offset_s && b.utc_offset_s) return near(*a.utc_us() - *b.utc_us());
  if (!a.utc_offset_s && !b.utc_offset_s) return near(a.wall_us - b.wall_us);
  const FieldTime& zoned = a.utc_offset_s ? a : b;
  const FieldTime& wall = a.utc_offset_s ? b : a;
  const auto offset_s = static_cast<double>(wall.wall_us - *zoned.utc_us()) / 1e6;
  const double nearest_s = std::round(offset_s / 900) * 900;
  return is_utc_offset(static_cast<int>(std::clamp(nearest_s, -1e6, 1e6))) &&
         std::abs(offset_s - nearest_s) * 1e6 <= static_cast<double>(kStartToleranceUs);
}

void take_start(const std::vector<RecorderStatement>& statements,
                const RecorderMetadataOptions& options,
                RecorderMetadata& metadata) {
  const RecorderStatement* chosen = nullptr;
  for (const bool must_have_zone : {true, false})
    for (const RecorderStatement& statement : statements)
      if (chosen == nullptr && statement.start &&
          (statement.start->utc_offset_s || !must_have_zone))
        chosen = &statement;
  if (chosen == nullptr) return;
  FieldTime start = *chosen->start;
  const bool is_given = !start.utc_offset_s && options.utc_offset_s;
  if (is_given) start.utc_offset_s = options.utc_offset_s;
  const std::string source = chosen->source + (is_given ? ", in the zone that was given" : "");
  metadata.start = Stated<FieldTime>{start, source};
  if (const auto utc_us = start.utc_us()) {
    metadata.start_utc_us = Stated<std::int64_t>{*utc_us, source};
    metadata.utc_offset_s = Stated<int>{*start.utc_offset_s, source};
  }
  for (const RecorderStatement& statement : statements) {
    if (!statement.start || could_be_same(*statement.start, *chosen->start)) continue;
    metadata.contradictions.push_back(fmt::format("start: {} by {}, but {} by {}",
                                                  to_string(*chosen->start), chosen->source,
                                                  to_string(*statement.start), statement.source));
  }
}

/// Both numbers of a place come from one source.
void take_position(const std::vector<RecorderStatement>& statements, RecorderMetadata& metadata) {
  take(statements, &RecorderStatement::latitude_deg, metadata.latitude_deg);
  take(statements, &RecorderStatement::longitude_deg, metadata.longitude_deg);
  const auto near = [](double a, double b) { return std::abs(a - b) <= kDegreeTolerance; };
  compare(statements, &RecorderStatement::latitude_deg, metadata.latitude_deg, "latitude", near,
          metadata.contradictions);
  compare(statements, &RecorderStatement::longitude_deg, metadata.longitude_deg, "longitude", near,
          metadata.contradictions);
}

void compare_rate(double header_rate_hz, RecorderMetadata& metadata) {
  if (!metadata.sample_rate_hz || header_rate_hz <= 0) return;
  const double stated_hz = metadata.sample_rate_hz->value;
  const double expansion = metadata.time_expansion ? metadata.time_expansion->value : 1;
  const auto near = [stated_hz](double rate_hz) {
    return std::abs(rate_hz - stated_hz) <= 1e-3 * stated_hz;
  };
  if (near(header_rate_hz) || near(header_rate_hz * expansion)) return;
  metadata.contradictions.push_back(
      fmt::format("sample rate: {} Hz by {}, but {} Hz in the file's header, with a time expansion "
                  "of {}",
                  stated_hz, metadata.sample_rate_hz->source, header_rate_hz, expansion));
}

double rate_in_format(std::string_view content) {
  std::uint32_t rate_hz = 0;
  if (content.size() >= 8) std::memcpy(&rate_hz, content.data() + 4, sizeof rate_hz);
  return rate_hz;
}

/// Statements that are found in chunks, each at its place in the order of precedence.
struct ChunkStatements {
  std::optional<RecorderStatement> guano, wamd, ixml, bext;
  std::vector<std::pair<std::string, std::string>> tags;
  double rate_hz = 0;
  std::string bext_content;

  Result<void> read(const SourceFile& source) {
    BALEEN_ASSIGN_OR_RETURN(const std::vector<RiffChunk> chunks, list_riff_chunks(source));
    int n_read = 0;
    for (const RiffChunk& chunk : chunks) {
      constexpr int kReadMax = 32;  // Of at most 1 MiB each.
      if (!is_known(chunk.id) || ++n_read > kReadMax) continue;
      BALEEN_ASSIGN_OR_RETURN(const std::string content, read_riff_chunk(source, chunk));
      add(chunk.id, content);
    }
    if (!bext_content.empty()) bext = parse_bext(bext_content, rate_hz);
    return {};
  }

 private:
  static bool is_known(std::string_view id) {
    return id == "fmt " || id == "guan" || id == "wamd" || id == "bext" || id == "iXML" ||
           id == "LIST";
  }
  void add(std::string_view id, const std::string& content) {
    if (id == "fmt ") rate_hz = rate_in_format(content);
    if (id == "guan" && !guano) guano = parse_guano(content);
    if (id == "wamd" && !wamd) wamd = parse_wamd(content);
    if (id == "iXML" && !ixml) ixml = parse_ixml(content);
    if (id == "bext" && bext_content.empty()) bext_content = content;
    if (id != "LIST") return;
    for (auto& tag : parse_info_list(content)) tags.push_back(std::move(tag));
  }
};

}  // namespace

std::optional<std::string> RecorderMetadata::start_rfc3339() const {
  if (!start_utc_us) return std::nullopt;
  return core::rfc3339(start_utc_us->value);
}

Result<RecorderStatements> read_recorder_statements(const std::filesystem::path& path,
                                                    const RecorderMetadataOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(const SourceFile source, open_source(path));
  ChunkStatements chunks;
  BALEEN_RETURN_IF_ERROR(chunks.read(source));
  RecorderStatements result;
  result.header_rate_hz = chunks.rate_hz;
  const auto add = [&result](std::optional<RecorderStatement>&& statement) {
    if (statement) result.statements.push_back(std::move(*statement));
  };
  std::vector<std::pair<std::string, std::string>> tags = std::move(chunks.tags);
  tags.insert(tags.end(), options.tags.begin(), options.tags.end());
  std::vector<RecorderStatement> tagged = parse_tags(tags);
  const auto plain = std::find_if(tagged.begin(), tagged.end(),
                                  [](const RecorderStatement& s) { return s.source == "tags"; });
  add(std::move(chunks.guano));
  add(std::move(chunks.wamd));
  result.statements.insert(result.statements.end(), tagged.begin(), plain);
  add(std::move(chunks.ixml));
  add(std::move(chunks.bext));
  result.statements.insert(result.statements.end(), plain, tagged.end());
  add(parse_recorder_name(options.filename.empty() ? path.filename().string() : options.filename));
  return result;
}

RecorderMetadata merge_statements(const RecorderStatements& all,
                                  const RecorderMetadataOptions& options) {
  const std::vector<RecorderStatement>& s = all.statements;
  RecorderMetadata metadata;
  take_start(s, options, metadata);
  take_position(s, metadata);
  take(s, &RecorderStatement::elevation_m, metadata.elevation_m);
  take(s, &RecorderStatement::gain, metadata.gain);
  take(s, &RecorderStatement::temperature_c, metadata.temperature_c);
  take(s, &RecorderStatement::battery_v, metadata.battery_v);
  take(s, &RecorderStatement::make, metadata.make);
  take(s, &RecorderStatement::model, metadata.model);
  take(s, &RecorderStatement::serial, metadata.serial);
  take(s, &RecorderStatement::firmware, metadata.firmware);
  take(s, &RecorderStatement::deployment, metadata.deployment);
  take(s, &RecorderStatement::sample_rate_hz, metadata.sample_rate_hz);
  take(s, &RecorderStatement::time_expansion, metadata.time_expansion);
  take(s, &RecorderStatement::comment, metadata.comment);
  const auto equal = [](const auto& a, const auto& b) { return a == b; };
  compare(s, &RecorderStatement::serial, metadata.serial, "serial", equal, metadata.contradictions);
  compare(s, &RecorderStatement::time_expansion, metadata.time_expansion, "time expansion", equal,
          metadata.contradictions);
  compare_rate(all.header_rate_hz, metadata);
  return metadata;
}

Result<RecorderMetadata> read_recorder_metadata(const std::filesystem::path& path,
                                                const RecorderMetadataOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(const RecorderStatements statements,
                          read_recorder_statements(path, options));
  return merge_statements(statements, options);
}

Result<std::vector<std::pair<std::string, std::string>>> media_tags(
    const std::filesystem::path& path) {
  Result<std::unique_ptr<MediaInput>> input = MediaInput::open(path, {});
  if (!input.ok()) return std::move(input).error().context(printable(path.filename()));
  return (*input)->tags();
}

}  // namespace baleen::audio
