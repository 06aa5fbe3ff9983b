// usage: fuzz_pack_seed FILE: writes a small feature pack, as a seed for the fuzzer.
#include <vector>

#include "core/check.h"
#include "formats/feature_pack.h"

using namespace baleen;

int main(int argc, char** argv) {
  BALEEN_CHECK(argc == 2);
  formats::FeaturePackInfo info;
  info.asset_id = "asset-1";
  info.computed_at = "2026-01-02T03:04:05.678Z";
  info.feature_spec_id = "spec";
  info.feature_spec_alias = "0123456789ab";
  info.embedding_backend = "builtin";
  info.embedding_model_id = "builtin1024";
  info.embedding_model_hash = "sha256:" + std::string(64, '0');
  info.pipeline_version = info.worker_version = "1";
  info.n_frames = 5;
  info.n_embeddings = 2;
  info.n_mels = 4;
  info.n_dims = 8;
  formats::FeaturePackWriter writer = formats::FeaturePackWriter::create(argv[1], info).value();
  BALEEN_CHECK(writer.append_melspec(std::vector<float>(5 * 4, -20.0F)).ok());
  BALEEN_CHECK(writer.append_embeddings(std::vector<float>(2 * 8, 0.5F)).ok());
  BALEEN_CHECK(writer.finish().ok());
  return 0;
}
