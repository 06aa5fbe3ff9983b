// Feature tool of the training: the product's own code from samples to feature windows.
//
//   smn_features < clips.pcm > windows.f32
//
// In: repeated [int32 n_samples][int16 samples at 22050 Hz]. Out: per window, float32
// [clip number, block number, level_dbfs, active_fraction, values...]. `smn_features names` prints
// the names of the values.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "dsp/clip_features.h"
#include "dsp/log_mel.h"

int main(int argc, char** argv) {
  using namespace baleen;
  if (argc > 1 && std::strcmp(argv[1], "names") == 0) {
    for (const auto& name : dsp::ClipFeatures::names()) std::printf("%s\n", name.c_str());
    return 0;
  }
  auto mel = dsp::LogMel::create({});
  if (!mel.ok()) return 1;
  dsp::ClipFeatures features;
  std::vector<std::int16_t> pcm;
  std::vector<float> samples;
  std::vector<float> rows;
  std::vector<dsp::ClipFeatureWindow> windows;
  std::int32_t n_samples = 0;
  for (int clip = 0; std::fread(&n_samples, sizeof n_samples, 1, stdin) == 1; ++clip) {
    pcm.resize(static_cast<std::size_t>(n_samples));
    if (std::fread(pcm.data(), sizeof(std::int16_t), pcm.size(), stdin) != pcm.size()) return 1;
    samples.clear();
    for (const std::int16_t s : pcm) samples.push_back(static_cast<float>(s) / 32768.0F);
    rows.clear();
    windows.clear();
    mel.value().reset();
    mel.value().push(samples, rows);
    mel.value().finish(rows);
    features.push(rows, windows);
    features.finish(windows);
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const float head[4] = {static_cast<float>(clip), static_cast<float>(i), windows[i].level_dbfs,
                             windows[i].active_fraction};
      std::fwrite(head, sizeof(float), 4, stdout);
      std::fwrite(windows[i].values.data(), sizeof(float), windows[i].values.size(), stdout);
    }
  }
  return 0;
}
