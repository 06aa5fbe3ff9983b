#pragma once

/// Keeps event streams up to the moment: wakes them when the database was written to, and shows progress once a
/// second while anybody looks.

#include <functional>
#include <thread>
#include <vector>

#include "api/server.h"
#include "core/file.h"
#include "store/watch.h"

namespace baleen::api {

class LiveFeed {
 public:
  using ReadProgressFn = std::function<std::vector<Event>()>;

  /// The server must outlive the feed.
  LiveFeed(Server& server, const store::DataRoot& root, ReadProgressFn read_progress);
  ~LiveFeed();
  LiveFeed(const LiveFeed&) = delete;
  LiveFeed& operator=(const LiveFeed&) = delete;

 private:
  void run();

  Server& server_;
  const ReadProgressFn read_progress_;
  store::DatabaseWatch watch_;
  core::Fd stop_;  ///< An eventfd.
  std::thread thread_;
};

}  // namespace baleen::api
