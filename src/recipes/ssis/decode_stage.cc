// decode: any audio file → normalized.wav (22050 Hz, mono, 16 bits), with a checkpoint every minute.

#include "audio/normalize.h"
#include "core/failpoint.h"
#include "core/file.h"
#include "recipes/ssis/stages.h"

namespace baleen::ssis {
namespace {

class DecodeStage final : public engine::Stage {
 public:
  explicit DecodeStage(const DecodeSettings& settings) : settings_(settings) {}

  Result<void> warm_up(const engine::StageRequest&) override { return audio::load_decoders(); }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    const engine::StageOutputSlot& slot = request.output("normalized_wav");
    audio::NormalizeOptions options;
    options.sample_rate =
        Hertz{static_cast<std::int32_t>(core::get_int(request.params, "sample_rate_hz"))};
    options.min_duration_s = core::get_double(request.params, "min_duration_s");
    options.max_duration_s = core::get_double(request.params, "max_duration_s");
    options.chunk_s = settings_.chunk_s;
    options.expansion_max = settings_.expansion_max;
    const auto on_progress = [&](double fraction, double) {
      progress(fraction);
      return true;
    };
    audio::NormalizePaths paths{request.input("original").path, slot.temporary,
                                request.scratch.front()};
    Result<audio::NormalizeReport> report = audio::normalize(paths, options, on_progress);
    if (!report.ok() && report.error().code == ErrorCode::conflict) {
      // A worker that lost its lease still has the file open. This attempt makes one of its own.
      paths.partial = slot.alternative;
      paths.checkpoint = slot.alternative.string() + ".checkpoint";
      report = audio::normalize(paths, options, on_progress);
      BALEEN_RETURN_IF_ERROR(core::remove_file(paths.checkpoint));
    }
    if (!report.ok()) return std::move(report).error();
    BALEEN_FAILPOINT("DECODE_BEFORE_FINAL_RENAME");

    engine::StageOutcome outcome;
    outcome.artifacts.push_back({"normalized_wav", paths.partial, "", ""});
    outcome.metrics = {{"output_duration_s",
                        static_cast<double>(report->output_samples) / options.sample_rate.value},
                       {"output_samples", report->output_samples},
                       {"chunk_count", report->chunks},
                       {"resumed_chunks", report->resumed_chunks},
                       {"resample_s", report->resample_s},
                       {"decode_s", report->decode_s},
                       {"nan_samples", report->nan_samples},
                       {"clipped_samples", report->clipped_samples},
                       {"decode_errors", report->decode_errors},
                       {"source_container", report->source.container},
                       {"source_codec", report->source.codec},
                       {"source_sample_rate_hz", report->source.sample_rate.value},
                       {"source_channels", report->source.channels},
                       {"source_duration_s", report->duration_s}};
    return outcome;
  }

 private:
  DecodeSettings settings_;
};

}  // namespace

std::unique_ptr<engine::Stage> make_decode_stage(const DecodeSettings& settings) {
  return std::make_unique<DecodeStage>(settings);
}

}  // namespace baleen::ssis
