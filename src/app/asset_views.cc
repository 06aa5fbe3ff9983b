#include "app/asset_views.h"

#include "recipes/ssis/views.h"

namespace baleen {
namespace {

ssis::ViewRange range_of(const api::ViewQuery& query) {
  return {query.start_s, query.end_s, query.columns};
}

}  // namespace

api::AssetViews asset_views() {
  api::AssetViews views;
  views.waveform = [](const api::FindFileFn& find,
                      const api::ViewQuery& query) -> Result<json::object> {
    BALEEN_ASSIGN_OR_RETURN(const std::filesystem::path wav, find("normalized_wav"));
    BALEEN_ASSIGN_OR_RETURN(const std::filesystem::path waveform, find("waveform_v1"));
    return ssis::waveform_view(wav, waveform, range_of(query));
  };
  views.spectrogram = [](const api::FindFileFn& find,
                         const api::ViewQuery& query) -> Result<json::object> {
    BALEEN_ASSIGN_OR_RETURN(const std::filesystem::path wav, find("normalized_wav"));
    return ssis::spectrogram_view(wav, range_of(query), {query.rows, query.db_min, query.db_max});
  };
  views.similarity = [viewer = std::make_shared<ssis::SimilarityViewer>()](
                         const api::FindFileFn& find,
                         const api::ViewQuery& query) -> Result<json::object> {
    BALEEN_ASSIGN_OR_RETURN(const std::filesystem::path pack, find("feature_pack"));
    return viewer->view(pack, query.at_s, range_of(query));
  };
  return views;
}

}  // namespace baleen
