#pragma once

/// The views of a recording that the recipes offer, for the service.

#include "api/asset_views.h"

namespace baleen {

[[nodiscard]] api::AssetViews asset_views();

}  // namespace baleen
