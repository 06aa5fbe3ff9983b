// waveform: normalized.wav → its outline, so that a day of sound can be drawn at once.

#include "audio/wav.h"
#include "core/file.h"
#include "dsp/peaks.h"
#include "formats/waveform.h"
#include "recipes/ssis/stages.h"

namespace baleen::ssis {
namespace {

constexpr std::int64_t kBlockSamples = 65536;
constexpr int kSamplesPerPixel = 512;

class WaveformStage final : public engine::Stage {
 public:
  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    BALEEN_ASSIGN_OR_RETURN(const audio::WavReader wav,
                            audio::WavReader::open(request.input("normalized_wav").path));
    const engine::StageOutputSlot& slot = request.output("waveform_v1");
    BALEEN_RETURN_IF_ERROR(core::write_file_synced(
        slot.temporary, [&](const core::Fd& file) { return draw(wav, file, progress); }));
    engine::StageOutcome outcome;
    outcome.artifacts.push_back({"waveform_v1", slot.temporary, "", ""});
    outcome.metrics = {{"samples_per_pixel", kSamplesPerPixel}};
    return outcome;
  }

 private:
  static Result<void> draw(const audio::WavReader& wav,
                           const core::Fd& file,
                           const engine::ProgressFn& progress) {
    const formats::WaveformInfo info{wav.sample_rate().value, kSamplesPerPixel,
                                     (wav.n_samples() + kSamplesPerPixel - 1) / kSamplesPerPixel};
    BALEEN_ASSIGN_OR_RETURN(formats::WaveformWriter writer,
                            formats::WaveformWriter::start(file, info));
    dsp::PeakStream stream(kSamplesPerPixel);
    std::vector<std::int16_t> samples(kBlockSamples);
    std::vector<dsp::Peak> peaks;
    const auto write = [&] {
      static_assert(sizeof(dsp::Peak) == 2 * sizeof(std::int16_t));
      const auto* values = reinterpret_cast<const std::int16_t*>(peaks.data());
      Result<void> written = writer.append({values, 2 * peaks.size()});
      peaks.clear();
      return written;
    };
    for (std::int64_t begin = 0; begin < wav.n_samples();) {
      BALEEN_ASSIGN_OR_RETURN(const std::size_t n,
                              wav.read(begin, std::span<std::int16_t>(samples)));
      if (n == 0)
        return fail(ErrorCode::artifact_corrupt, "normalized.wav ends before its header says");
      stream.push(std::span<const std::int16_t>(samples).first(n), peaks);
      BALEEN_RETURN_IF_ERROR(write());
      begin += static_cast<std::int64_t>(n);
      progress(static_cast<double>(begin) / static_cast<double>(wav.n_samples()));
    }
    stream.finish(peaks);
    BALEEN_RETURN_IF_ERROR(write());
    return writer.finish();
  }
};

}  // namespace

std::unique_ptr<engine::Stage> make_waveform_stage() { return std::make_unique<WaveformStage>(); }

}  // namespace baleen::ssis
