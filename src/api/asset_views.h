#pragma once

/// What the page of an asset asks for. The recipes know how to look into their artifacts; `app` brings them in.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace baleen::api {

struct ViewQuery {
  double start_s = 0;
  std::optional<double> end_s;
  int columns = 1000;
  int rows = 256;                        ///< Of a spectrogram.
  std::optional<double> db_min, db_max;  ///< Of a spectrogram.
  double at_s = 0;                       ///< Of similarity.
};

/// The file of the asset's newest artifact of a type; NOT_FOUND if there is none.
using FindFileFn = std::function<Result<std::filesystem::path>(std::string_view artifact_type)>;
using AssetView = std::function<Result<json::object>(const FindFileFn&, const ViewQuery&)>;

struct AssetViews {
  AssetView waveform, spectrogram, similarity;
};

}  // namespace baleen::api
