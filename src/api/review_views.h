#pragma once

/// What the service shows and changes of reviews. The recipes know what a clustering is; `app` brings them in. Who may see
/// a clustering has been checked before any of these is called.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "store/database.h"

namespace baleen::api {

/// Which windows of a clustering, in which order.
struct WindowQuery {
  std::optional<std::int64_t> cluster;
  std::optional<std::string> label;
  std::string order = "time";
  std::int64_t first = 0, count = 50;
};

/// Who changes a review; `expected_version` is that of the review they looked at.
struct ReviewAuthor {
  std::string made_by;
  std::optional<std::int64_t> expected_version;
};

/// Bytes that a map is drawn from. The tag changes when they do.
struct TaggedBytes {
  std::string etag;   ///< Without quotes.
  std::string bytes;  ///< Empty where `known(etag)` said that they need not be sent.
};
using KnownFn = std::function<bool(const std::string& etag)>;

// Shapes of requests and answers: specs/openapi.yaml.
struct Reviews {
  using Database = store::Database;
  using Answer = Result<json::object>;
  std::function<Answer(Database&, const std::string& collection_id)> list = {};
  std::function<Answer(Database&, const std::string& clustering_id)> show = {};
  std::function<Answer(Database&, const std::string& clustering_id)> recordings = {};
  std::function<Answer(Database&, const std::string& clustering_id, const WindowQuery&)> windows =
      {};
  std::function<Answer(Database&, const std::string& clustering_id, std::int64_t row)> window = {};
  std::function<Result<TaggedBytes>(Database&, const std::string&clustering_id, const KnownFn&)>
      points = {},
      labels = {};
  std::function<Answer(Database&, const std::string& clustering_id)> actions = {};
  std::function<Answer(Database&,
                       const std::string& clustering_id,
                       const json::object& request,
                       const ReviewAuthor&)>
      act = {};
  std::function<Answer(Database&, const std::string&clustering_id, const ReviewAuthor&)> undo = {},
                                                                                         redo = {};
};

}  // namespace baleen::api
