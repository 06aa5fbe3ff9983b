#include "app/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/clock.h"
#include "core/sha256.h"
#include "formats/annotations.h"
#include "store/annotations.h"
#include "store/member_names.h"

namespace baleen {
namespace {

/// Detectors pad the last window of a recording; what ends farther behind it is of another recording.
constexpr double kBehindEndMaxS = 10;
constexpr double kRoundedS = 1e-3;
constexpr std::size_t kNamesShown = 10;

using Members = std::vector<const store::NamedMember*>;

std::string names_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i)
    text += fmt::format("{}{}", i > 0 ? ", " : "", core::valid_utf8(names[i]));
  if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
  return text;
}

std::vector<std::string> ids_of(const Members& members) {
  std::vector<std::string> ids;
  for (const store::NamedMember* member : members) ids.push_back(member->asset_id);
  return ids;
}

/// The recording of a table that names none: as it was told, or after the table's own name.
Result<const store::NamedMember*> recording_of_table(const store::MemberNames& names,
                                                     const std::string& recording,
                                                     const std::string& filename) {
  const Members found = recording.empty() ? names.find_by_table(filename) : names.find(recording);
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    return fail(ErrorCode::invalid_argument, "'{}' may mean any of {}; name its asset id",
                recording.empty() ? filename : recording, names_of(ids_of(found)));
  }
  if (!recording.empty()) {
    return fail(ErrorCode::not_found, "the collection has no recording '{}'", recording);
  }
  return fail(ErrorCode::invalid_argument,
              "it does not say of which recording it is, nor does its own name: name the recording "
              "(--recording)");
}

/// What each name of a table means; null: nothing in this collection.
class Recordings {
 public:
  explicit Recordings(const store::MemberNames& names) : names_(names) {}

  Result<void> look_up(const std::vector<formats::Annotation>& annotations) {
    for (const formats::Annotation& annotation : annotations) {
      const auto [at, is_new] = known_.emplace(annotation.file, nullptr);
      if (!is_new) continue;
      const Members found = names_.find(annotation.file);
      if (found.empty()) unknown_.push_back(annotation.file);
      if (found.empty()) continue;
      if (found.size() > 1) {
        return fail(ErrorCode::invalid_argument,
                    "line {}: '{}' may mean any of {}: several recordings of the collection have "
                    "this name, and its folders do not tell which",
                    annotation.line, core::valid_utf8(annotation.file), names_of(ids_of(found)));
      }
      at->second = found.front();
      const auto [other, is_first] = meant_by_.emplace(found.front(), annotation.file);
      if (!is_first) {
        return fail(ErrorCode::invalid_argument,
                    "line {}: '{}' and '{}' would both be the one recording {} of the collection",
                    annotation.line, core::valid_utf8(other->second),
                    core::valid_utf8(annotation.file), core::valid_utf8(found.front()->filename));
      }
    }
    return {};
  }

  [[nodiscard]] const store::NamedMember* at(const std::string& name) const {
    return known_.at(name);
  }
  [[nodiscard]] const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  const store::MemberNames& names_;  // The caller's.
  std::map<std::string, const store::NamedMember*> known_;
  std::map<const store::NamedMember*, std::string> meant_by_;
  std::vector<std::string> unknown_;
};

/// Inside the recording, or INVALID_ARGUMENT. @return whether the end had to be moved.
Result<bool> fit(formats::Annotation& annotation, const store::NamedMember& member) {
  const double end_s = member.duration_s;
  if (end_s <= 0 || annotation.end_s <= end_s) return false;
  const bool is_inside =
      annotation.start_s <= end_s + kRoundedS && annotation.end_s <= end_s + kBehindEndMaxS;
  if (!is_inside) {
    return fail(ErrorCode::invalid_argument, "line {}: from {} to {} s, but {} is {:.3f} s long",
                annotation.line, annotation.start_s, annotation.end_s,
                core::valid_utf8(member.filename), end_s);
  }
  annotation.start_s = std::min(annotation.start_s, end_s);
  annotation.end_s = end_s;
  return true;
}

struct Read {
  std::vector<formats::Annotation> annotations;
  std::string asset_id;  // Of a table that names no recording.
};

Result<Read> read_table(const std::string& format,
                        const std::string& text,
                        const std::string& filename,
                        const std::string& recording,
                        const store::MemberNames& names) {
  formats::AnnotationReadOptions options;
  options.source = fmt::format("{}: {}", format, core::valid_utf8(filename));
  // In the order of their names, which is that of their times: recorders write these there.
  if (formats::names_its_files(text)) {
    for (const store::NamedMember& member : names.members())
      options.files.push_back({member.filename, member.duration_s, ""});
  }
  Read read;
  BALEEN_ASSIGN_OR_RETURN(read.annotations, formats::read_annotations(format, text, options));
  std::set<std::string> named;
  for (const formats::Annotation& annotation : read.annotations) named.insert(annotation.file);
  const bool is_nameless = named.erase("") > 0;
  if (!is_nameless && recording.empty()) return read;
  if (!recording.empty() && named.size() > 1) {
    return fail(ErrorCode::invalid_argument,
                "it names {} recordings itself, so it cannot be all of '{}'", named.size(),
                recording);
  }
  BALEEN_ASSIGN_OR_RETURN(const store::NamedMember* const member,
                          recording_of_table(names, recording, filename));
  read.asset_id = member->asset_id;
  for (formats::Annotation& annotation : read.annotations)
    if (annotation.file.empty() || !recording.empty()) annotation.file = member->asset_id;
  return read;
}

struct Matched {
  std::vector<store::StoredAnnotation> annotations;
  std::int64_t n_left_out = 0, n_shortened = 0;
};

Result<Matched> match(std::vector<formats::Annotation>& annotations,
                      const store::MemberNames& names,
                      bool skips_unknown) {
  Recordings recordings(names);
  BALEEN_RETURN_IF_ERROR(recordings.look_up(annotations));
  if (!recordings.unknown().empty() && !skips_unknown) {
    return fail(ErrorCode::invalid_argument,
                "{} recordings that it names are not in the collection: {}; put them there, or "
                "leave their annotations out (--skip-unknown)",
                recordings.unknown().size(), names_of(recordings.unknown()));
  }
  Matched matched;
  matched.annotations.reserve(annotations.size());
  for (formats::Annotation& a : annotations) {
    const store::NamedMember* const member = recordings.at(a.file);
    if (member == nullptr) {
      ++matched.n_left_out;
      continue;
    }
    BALEEN_ASSIGN_OR_RETURN(const bool is_shortened, fit(a, *member));
    matched.n_shortened += is_shortened ? 1 : 0;
    matched.annotations.push_back({member->asset_id, a.start_s, a.end_s, a.low_hz, a.high_hz,
                                   std::move(a.label), a.confidence, a.is_manual,
                                   std::move(a.source)});
  }
  return matched;
}

}  // namespace

Result<json::object> import_annotations(const store::DataRoot&,
                                        store::Database& database,
                                        const json::object& request) {
  store::AnnotationImport import;
  import.collection_id = core::get_string(request, "collection_id");
  import.filename = core::get_string(request, "filename");
  import.made_by = core::get_string(request, "made_by");
  import.created_at_us = core::system_clock().now_us();
  const std::string text = core::get_string(request, "text");
  import.sha256 = core::sha256_hex(text);
  const auto named = [&](Error error) { return std::move(error).context(import.filename); };

  import.format = core::get_string(request, "format", "auto");
  if (import.format == "auto") {
    Result<std::string> format = formats::detect_annotation_format(text);
    if (!format.ok()) return named(std::move(format).error());
    import.format = std::move(*format);
  }
  BALEEN_ASSIGN_OR_RETURN(const store::MemberNames names,
                          store::MemberNames::of_collection(database, import.collection_id));
  Result<Read> read = read_table(import.format, text, import.filename,
                                 core::get_string(request, "recording"), names);
  if (!read.ok()) return named(std::move(read).error());
  import.asset_id = read->asset_id;
  Result<Matched> matched =
      match(read->annotations, names, core::get_bool(request, "skip_unknown"));
  if (!matched.ok()) return named(std::move(matched).error());
  import.n_left_out = matched->n_left_out;
  BALEEN_ASSIGN_OR_RETURN(const store::Imported imported,
                          store::import_annotations(database, import, matched->annotations));
  json::object answer = imported.import.to_json();
  answer["reused"] = !imported.is_new;
  answer["shortened"] = imported.is_new ? matched->n_shortened : 0;
  return answer;
}

}  // namespace baleen
