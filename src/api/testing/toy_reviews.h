#pragma once

/// Reviews for tests of the routes: says what it was asked, and counts its versions.

#include <mutex>
#include <string>

#include "api/review_views.h"

namespace baleen::api::testing {

class ToyReviews {
 public:
  Reviews functions() {
    Reviews reviews;
    reviews.list = [](store::Database&, const std::string& id) -> Result<json::object> {
      return json::object{{"list", id}};
    };
    const auto echo = [](std::string name) {
      return [name = std::move(name)](store::Database&,
                                      const std::string& id) -> Result<json::object> {
        return json::object{{name, id}};
      };
    };
    reviews.show = echo("show");
    reviews.recordings = echo("recordings");
    reviews.actions = echo("actions");
    reviews.windows = [](store::Database&, const std::string&,
                         const WindowQuery& query) -> Result<json::object> {
      return json::object{{"cluster", query.cluster.value_or(-2)},
                          {"label", query.label.value_or("any")},
                          {"order", query.order},
                          {"first", query.first},
                          {"count", query.count}};
    };
    reviews.window = [](store::Database&, const std::string&,
                        std::int64_t row) -> Result<json::object> {
      if (row > 9) return fail(ErrorCode::not_found, "there is no window {}", row);
      return json::object{{"row", row}};
    };
    reviews.points = [](store::Database&, const std::string&, const KnownFn& is_known) {
      return bytes("points", is_known);
    };
    reviews.labels = [this](store::Database&, const std::string&, const KnownFn& is_known) {
      return bytes("labels-" + std::to_string(version()), is_known);
    };
    reviews.act = [this](store::Database&, const std::string&, const json::object& request,
                         const ReviewAuthor& author) { return change(request, author); };
    reviews.undo =
        reviews.redo = [this](store::Database&, const std::string&, const ReviewAuthor& author) {
          return change({{"kind", "step"}}, author);
        };
    return reviews;
  }

 private:
  std::int64_t version() {
    const std::lock_guard lock(mutex_);
    return version_;
  }
  Result<json::object> change(const json::object& request, const ReviewAuthor& author) {
    const std::lock_guard lock(mutex_);
    if (author.expected_version.value_or(version_) != version_)
      return fail(ErrorCode::conflict, "the review is of version {}", version_);
    return json::object{{"action", {{"made_by", author.made_by}, {"asked", request}}},
                        {"review_version", ++version_}};
  }
  static Result<TaggedBytes> bytes(const std::string& etag, const KnownFn& is_known) {
    return TaggedBytes{etag, is_known(etag) ? "" : std::string("\0\xff", 2) + etag};
  }

  std::mutex mutex_;
  std::int64_t version_ = 0;  // Guarded by mutex_.
};

}  // namespace baleen::api::testing
