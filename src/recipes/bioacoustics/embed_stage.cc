// embed: original → one vector for each window, in a Parquet file that grows row group by row group.

#include <algorithm>
#include <cmath>
#include <optional>

#include "audio/mono_stream.h"
#include "audio/probe.h"
#include "core/clock.h"
#include "core/failpoint.h"
#include "core/locked_file.h"
#include "core/process.h"
#include "core/sha256.h"
#include "formats/document.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/embedder.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/stages.h"
#include "recipes/bioacoustics/windows.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kBatchWindows = 16;
/// Raised whenever the same recording and model would give other rows.
constexpr int kCodeVersion = 1;

/// The rows that go into the file together.
struct Rows {
  std::vector<std::int32_t> row_index;
  std::vector<double> start_s, end_s;
  std::vector<std::uint8_t> is_padded;
  std::vector<float> embedding;

  void clear() { *this = {}; }
};

class EmbedRun {
 public:
  EmbedRun(const engine::StageRequest& request,
           const EmbedSettings& settings,
           Encoding encoding,
           Embedder& embedder)
      : request_(request),
        settings_(settings),
        encoding_(std::move(encoding)),
        embedder_(embedder) {}

  Result<engine::StageOutcome> run(const engine::ProgressFn& progress) {
    BALEEN_ASSIGN_OR_RETURN(plan_, WindowPlan::create(encoding_.window_s, encoding_.hop_s, rate()));
    BALEEN_RETURN_IF_ERROR(open_writer());
    first_ = next_ = writer_->n_rows();
    audio::MonoStreamOptions options;
    options.sample_rate = rate();
    options.time_expansion = encoding_.time_expansion;
    options.expansion_max = settings_.expansion_max;
    options.begin_sample = plan_.begin(first_);
    BALEEN_ASSIGN_OR_RETURN(audio::MonoStream stream,
                            audio::MonoStream::open(request_.input("original").path, options));
    BALEEN_RETURN_IF_ERROR(embed_all(stream, progress));
    const std::int64_t n_expected = plan_.count(stream.n_samples());
    if (next_ != n_expected) {
      return fail(ErrorCode::internal, "{} windows were written of {} s of audio, and not {}",
                  next_, stream.duration_s(), n_expected);
    }
    return publish(stream);
  }

 private:
  [[nodiscard]] Hertz rate() const {
    return Hertz{static_cast<std::int32_t>(encoding_.sample_rate_hz)};
  }

  Result<void> open_writer() {
    const engine::StageOutputSlot& slot = request_.output("embedding_set");
    const formats::ParquetSchema schema =
        formats::embeddings_schema(static_cast<int>(embedder_.size()));
    formats::ParquetOptions options = formats::embeddings_options();
    options.rows_per_group = settings_.rows_per_group;
    // What another version of this program or of its decoders has begun is not gone on with.
    formats::ParquetResume resume{
        request_.scratch.front(),
        core::sha256_hex(fmt::format("{}/{}/{}/{}", request_.signature, kCodeVersion,
                                     core::version(), audio::decoder_fingerprint()))};
    path_ = slot.temporary;
    Result<core::Fd> file = core::open_locked(path_);
    if (!file.ok() && file.error().code == ErrorCode::conflict) {
      // A worker that lost its lease still has the file open. This attempt makes one of its own.
      path_ = slot.alternative;
      resume.checkpoint = slot.alternative.string() + ".checkpoint";
      file = core::open_locked(path_);
    }
    if (!file.ok()) return std::move(file).error();
    BALEEN_ASSIGN_OR_RETURN(
        writer_, formats::ParquetWriter::resume(std::move(*file), path_, schema, options, resume));
    return {};
  }

  Result<void> embed_all(audio::MonoStream& stream, const engine::ProgressFn& progress) {
    WindowCutter cutter(plan_);
    std::vector<float> samples;
    bool is_over = false;
    while (!is_over) {
      samples.clear();
      BALEEN_ASSIGN_OR_RETURN(const bool is_more, stream.read(samples));
      is_over = !is_more;
      cutter.push(samples, windows_);
      if (is_over) cutter.finish(plan_.count(stream.n_samples()) - first_, windows_);
      BALEEN_RETURN_IF_ERROR(embed_batches(stream, is_over));
      const std::optional<double> duration_s = stream.info().duration_s;
      if (duration_s && *duration_s > 0)
        progress(std::min(1.0, stream.duration_s() * encoding_.time_expansion / *duration_s));
    }
    return {};
  }

  /// Embeds what has been cut: whole batches, and at the end all of it.
  Result<void> embed_batches(const audio::MonoStream& stream, bool is_over) {
    const auto window_samples = static_cast<std::size_t>(plan_.window_samples);
    std::size_t done = 0;
    while (windows_.size() - done >= (is_over ? 1 : kBatchWindows) * window_samples) {
      const std::size_t n = std::min(kBatchWindows, (windows_.size() - done) / window_samples);
      rows_.clear();
      rows_.embedding.resize(n * embedder_.size());
      const double begin_s = core::steady_s();
      BALEEN_RETURN_IF_ERROR(embedder_.embed(std::span(windows_).subspan(done, n * window_samples),
                                             next_, rows_.embedding));
      inference_s_ += core::steady_s() - begin_s;
      done += n * window_samples;
      BALEEN_RETURN_IF_ERROR(append(n, is_over ? stream.n_samples() : -1));
    }
    windows_.erase(windows_.begin(), windows_.begin() + static_cast<std::ptrdiff_t>(done));
    return {};
  }

  /// @param n_samples  Of the recording; -1 while that is not known, and nothing is padded.
  Result<void> append(std::size_t n, std::int64_t n_samples) {
    const double rate_hz = rate().value;
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t window = next_ + static_cast<std::int64_t>(i);
      const std::int64_t begin = plan_.begin(window);
      const std::int64_t padding = n_samples < 0 ? 0 : plan_.padding(window, n_samples);
      rows_.row_index.push_back(static_cast<std::int32_t>(window));
      rows_.start_s.push_back(static_cast<double>(begin) / rate_hz);
      rows_.end_s.push_back(static_cast<double>(begin + plan_.window_samples - padding) / rate_hz);
      rows_.is_padded.push_back(padding > 0 ? 1 : 0);
    }
    const auto bad = std::find_if(rows_.embedding.begin(), rows_.embedding.end(),
                                  [](float value) { return !std::isfinite(value); });
    if (bad != rows_.embedding.end()) {
      const auto at = static_cast<std::size_t>(bad - rows_.embedding.begin()) / embedder_.size();
      return fail(ErrorCode::embedding_not_finite, "'{}' gives NaN or infinity for {} s to {} s",
                  encoding_.model_version, rows_.start_s[at], rows_.end_s[at]);
    }
    BALEEN_RETURN_IF_ERROR(writer_->append(formats::columns_of(
        {rows_.row_index, rows_.start_s, rows_.end_s, rows_.is_padded, rows_.embedding})));
    next_ += static_cast<std::int64_t>(n);
    return {};
  }

  [[nodiscard]] std::int64_t n_padded_windows(std::int64_t n_samples) const {
    std::int64_t n = 0;
    for (std::int64_t window = plan_.count(n_samples) - 1;
         window >= 0 && plan_.padding(window, n_samples) > 0; --window)
      ++n;
    return n;
  }

  Result<engine::StageOutcome> publish(const audio::MonoStream& stream) {
    const std::string version(core::version());
    formats::EmbeddingsInfo info;
    info.encoding_signature = core::get_string(request_.params, "encoding_signature");
    info.asset_id = request_.asset_id;
    info.audio_checksum = core::get_string(request_.params, "audio_sha256");
    info.model_version = encoding_.model_version;
    info.model_hash = encoding_.model_sha256;
    info.window_size_s = encoding_.window_s;
    info.hop_s = encoding_.hop_s;
    info.target_sample_rate_hz = static_cast<int>(encoding_.sample_rate_hz);
    info.vector_dim = static_cast<int>(embedder_.size());
    info.feature_config = core::to_canonical_json(encoding_.feature_config);
    info.pipeline_version = version;
    BALEEN_ASSIGN_OR_RETURN(const formats::ParquetSummary summary,
                            writer_->finish(formats::to_metadata(info)));
    BALEEN_FAILPOINT("EMBED_BEFORE_FINAL_RENAME");
    const engine::StageOutputSlot& slot = request_.output("embedding_set");
    json::object document = formats::begin_document(
        "embedding_set.v1", {request_.asset_id, request_.computed_at, version, version});
    const std::int64_t n_padded = n_padded_windows(stream.n_samples());
    document["encoding_signature"] = info.encoding_signature;
    document["encoding_id"] = encoding_.id();
    document["model_version"] = encoding_.model_version;
    document["model_sha256"] = encoding_.model_sha256;
    document["window_size_seconds"] = encoding_.window_s;
    document["hop_seconds"] = encoding_.hop_s;
    document["target_sample_rate"] = encoding_.sample_rate_hz;
    document["vector_dim"] = static_cast<std::int64_t>(embedder_.size());
    document["duration_s"] = stream.duration_s();
    document["windows_expected"] = plan_.count(stream.n_samples());
    document["windows_written"] = summary.n_rows;
    document["windows_padded"] = n_padded;
    document["parquet_uri"] = slot.final_path;
    BALEEN_RETURN_IF_ERROR(formats::validate("embedding_set.v1", document));

    engine::StageOutcome outcome;
    outcome.artifacts.push_back({"embedding_set", path_, "", core::to_json(document)});
    outcome.metrics = {{"windows_expected", plan_.count(stream.n_samples())},
                       {"windows_written", summary.n_rows},
                       {"windows_resumed", first_},
                       {"windows_padded", n_padded},
                       {"vector_dim", static_cast<std::int64_t>(embedder_.size())},
                       {"audio_s", stream.duration_s()},
                       {"inference_s", inference_s_},
                       {"nan_samples", stream.nan_samples()},
                       {"decode_errors", stream.decode_errors()}};
    return outcome;
  }

  const engine::StageRequest& request_;
  const EmbedSettings& settings_;
  const Encoding encoding_;
  Embedder& embedder_;
  WindowPlan plan_;
  std::optional<formats::ParquetWriter> writer_;
  std::filesystem::path path_;
  std::int64_t first_ = 0;  // Windows that an attempt before this one has written.
  std::int64_t next_ = 0;
  double inference_s_ = 0;
  std::vector<float> windows_;
  Rows rows_;
};

class EmbedStage final : public engine::Stage {
 public:
  EmbedStage(const ml::ModelStore& models, const EmbedSettings& settings)
      : models_(models), settings_(settings) {}

  Result<void> warm_up(const engine::StageRequest& request) override {
    formats::prepare_schema("embedding_set.v1");
    BALEEN_RETURN_IF_ERROR(audio::load_decoders());
    const Encoding encoding = Encoding::from_json(core::get_object(request.params, "encoding"));
    if (encoding.kind != EmbedderKind::network || encoding.model_sha256 == warm_sha256_) return {};
    std::optional<ml::InstalledModel> model = models_.find(encoding.model_version);
    if (!model) {
      return fail(ErrorCode::model_not_found, "'{}' is no longer installed",
                  encoding.model_version);
    }
    BALEEN_ASSIGN_OR_RETURN(const std::string actual, core::sha256_file(model->path));
    if (actual != encoding.model_sha256) {
      return fail(ErrorCode::model_invalid, "{} was replaced: its sha256 is {}, planned was {}",
                  model->path.string(), actual, encoding.model_sha256);
    }
    warm_sha256_.clear();
    BALEEN_ASSIGN_OR_RETURN(ml::Session session, ml::Session::open(model->path, {}));
    card_ = std::move(model->card);
    BALEEN_ASSIGN_OR_RETURN(network_, ml::EmbeddingNetwork::create(std::move(session), card_));
    warm_sha256_ = actual;
    return {};
  }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    const Encoding encoding = Encoding::from_json(core::get_object(request.params, "encoding"));
    const bool is_network = encoding.kind == EmbedderKind::network;
    BALEEN_ASSIGN_OR_RETURN(
        const std::unique_ptr<Embedder> embedder,
        make_embedder(encoding, is_network ? &*network_ : nullptr, is_network ? &card_ : nullptr));
    return EmbedRun(request, settings_, encoding, *embedder).run(progress);
  }

 private:
  const ml::ModelStore models_;
  const EmbedSettings settings_;
  std::optional<ml::EmbeddingNetwork> network_;  // Warm between tasks.
  ml::ModelCard card_;
  std::string warm_sha256_;
};

}  // namespace

std::unique_ptr<engine::Stage> make_embed_stage(const ml::ModelStore& models,
                                                const EmbedSettings& settings) {
  return std::make_unique<EmbedStage>(models, settings);
}

}  // namespace baleen::bioacoustics
