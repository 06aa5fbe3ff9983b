#include "audio/normalize.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audio/checkpoint.h"
#include "audio/decoder.h"
#include "audio/libav.h"
#include "audio/partial_file.h"
#include "audio/resample.h"
#include "audio/resample_kernels.h"
#include "audio/source_file.h"
#include "core/clock.h"
#include "core/failpoint.h"
#include "core/json.h"
#include "core/locked_file.h"
#include "core/sha256.h"

namespace baleen::audio {
namespace {

/// Raised whenever the same source would give other bytes.
constexpr int kCodeVersion = 1;
constexpr double kProgressS = 0.5;
constexpr std::int64_t kFingerprintBytes = 64 << 10;
/// The part of a RIFF file's capacity from which on room for RF64 is reserved.
constexpr double kRoomyFraction = 0.95;
/// Of a file that does not say how long it is: the lowest bit rate there is, 8 kbit/s.
constexpr double kLowestByteRate = 1000;
constexpr double kDurationSlackS = 1e-9;
/// An hour may come out of any file: digital silence compresses as well as one likes.
constexpr double kUnquestionedS = 3600;

/// Everything that decides the output, as one digest.
Result<std::string> identity_of(const SourceFile& source, const NormalizeOptions& options) {
  core::Sha256 content;
  std::vector<std::byte> bytes(kFingerprintBytes);
  for (const std::int64_t offset :
       {std::int64_t{0}, std::max<std::int64_t>(0, source.size_bytes - kFingerprintBytes)}) {
    BALEEN_ASSIGN_OR_RETURN(const std::size_t size, read_at(source.fd, offset, bytes));
    content.update(std::span<const std::byte>(bytes).first(size));
  }
  const json::object facts = {{"code_version", kCodeVersion},
                              {"libav", libav_fingerprint()},
                              {"source_bytes", source.size_bytes},
                              {"source_modified_ns", source.modified_ns},
                              {"source_ends", content.finish_hex()},
                              {"sample_rate", options.sample_rate.value},
                              {"min_duration_s", options.min_duration_s},
                              {"max_duration_s", options.max_duration_s},
                              {"riff_data_bytes_max", options.riff_data_bytes_max}};
  return core::sha256_hex(core::to_canonical_json(facts));
}

std::int64_t choose_header_bytes(const AudioInfo& info, const NormalizeOptions& options) {
  const double duration_s =
      info.duration_s.value_or(static_cast<double>(info.bytes) / kLowestByteRate);
  const double data_bytes = 2 * duration_s * options.sample_rate.value;
  return data_bytes > kRoomyFraction * static_cast<double>(options.riff_data_bytes_max)
             ? kRoomyHeaderBytes
             : kPlainHeaderBytes;
}

/// True for errors that the next try would meet again.
bool is_final(ErrorCode code) {
  switch (code) {
    case ErrorCode::codec_unsupported:
    case ErrorCode::file_corrupt:
    case ErrorCode::decode_budget_exceeded:
    case ErrorCode::file_too_short:
    case ErrorCode::file_too_long: return true;
    default: return false;
  }
}

/// Adds the wall time of a scope to a sum.
class Timer {
 public:
  explicit Timer(double& sum_s) : sum_s_(sum_s), begin_s_(core::steady_s()) {}
  ~Timer() { sum_s_ += core::steady_s() - begin_s_; }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  double& sum_s_;
  double begin_s_;
};

/// A part of the source with one sample rate; nearly always there is just one.
struct Segment {
  Resampler resampler;
  Hertz sample_rate;
  std::int64_t output_begin = 0;  ///< Of the whole output.
  std::int64_t feed_from = 0;     ///< Frames before this one are not needed for what is missing.
  std::int64_t frames = 0;        ///< So far.
};

enum class Outcome { done, needs_room };

class Normalizer {
 public:
  Normalizer(const NormalizePaths& paths, const NormalizeOptions& options, const Progress& progress)
      : paths_(paths),
        options_(options),
        progress_(progress),
        chunk_samples_(
            std::max<std::int64_t>(1, std::llround(options.chunk_s * options.sample_rate.value))) {}

  /// `needs_room`: the output became larger than a plain header can say; start anew with a roomy one.
  Result<Outcome> run(bool is_roomy);
  [[nodiscard]] const NormalizeReport& report() const { return report_; }

 private:
  Result<void> open(bool is_roomy);
  Result<std::optional<PcmChecksum>> verify(core::Fd& file, std::int64_t header_bytes);
  Result<void> open_decoder();
  Result<void> seek_to_resume();
  Result<Outcome> decode_all();
  Result<Outcome> accept(MonoBlock block);
  Result<void> begin_segment(Hertz sample_rate);
  Result<Outcome> end_segment();
  Result<Outcome> emit();
  Result<Outcome> commit(bool is_complete);
  Result<bool> write_out(bool is_complete);
  Result<void> check_duration() const;
  void count_not_finite(std::span<float> samples);
  bool report_progress();
  Result<void> report_progress_sometimes();
  [[nodiscard]] Error nothing_decoded() const;
  [[nodiscard]] double duration_s() const;

  const NormalizePaths& paths_;
  const NormalizeOptions& options_;
  const Progress& progress_;
  std::int64_t chunk_samples_;
  NormalizeReport report_;

  std::string identity_;
  std::int64_t header_bytes_ = 0;
  Checkpoint resume_;  ///< Where this run began; output_samples is 0 for a fresh start.
  std::optional<Decoder> decoder_;
  std::optional<PartialWriter> writer_;
  std::optional<Segment> segment_;
  std::vector<float> resampled_;
  double finished_s_ = 0;            ///< Duration of the segments before this one.
  std::int64_t input_frames_ = 0;    ///< Position in the source, all segments.
  std::int64_t counted_frames_ = 0;  ///< Frames whose NaNs are in the count already.
  std::int64_t earlier_errors_ = 0;  ///< Decode errors before the place where we entered.
  double last_progress_s_ = core::steady_s();
};

// --- opening -------------------------------------------------------------------------------------

Result<void> Normalizer::open_decoder() {
  BALEEN_ASSIGN_OR_RETURN(decoder_,
                          Decoder::open(paths_.source, [this] { return report_progress(); }));
  return {};
}

/// The checksum of the samples that the checkpoint vouches for, if it may be believed.
Result<std::optional<PcmChecksum>> Normalizer::verify(core::Fd& file, std::int64_t header_bytes) {
  std::optional<Checkpoint> found = load_checkpoint(paths_.checkpoint, identity_);
  if (!found || (found->header_bytes != header_bytes && found->header_bytes != kRoomyHeaderBytes)) {
    return std::optional<PcmChecksum>();
  }
  BALEEN_ASSIGN_OR_RETURN(std::optional<PcmChecksum> checksum,
                          checksum_of(file, found->header_bytes, found->output_samples));
  if (!checksum || checksum->to_hex() != found->pcm_checksum) return std::optional<PcmChecksum>();
  resume_ = *found;
  return checksum;
}

Result<void> Normalizer::open(bool is_roomy) {
  BALEEN_RETURN_IF_ERROR(open_decoder());
  report_.source = decoder_->info();
  header_bytes_ = is_roomy ? kRoomyHeaderBytes : choose_header_bytes(report_.source, options_);
  BALEEN_ASSIGN_OR_RETURN(identity_, identity_of(decoder_->source(), options_));
  BALEEN_ASSIGN_OR_RETURN(core::Fd file, core::open_locked(paths_.partial));
  BALEEN_ASSIGN_OR_RETURN(const std::optional<PcmChecksum> checksum, verify(file, header_bytes_));
  if (checksum) header_bytes_ = resume_.header_bytes;
  const WavWriterOptions wav = {options_.sample_rate, header_bytes_, options_.riff_data_bytes_max};
  BALEEN_ASSIGN_OR_RETURN(writer_,
                          PartialWriter::start(std::move(file), wav, resume_.output_samples,
                                               checksum.value_or(PcmChecksum())));
  report_.resumed_chunks = resume_.is_complete
                               ? (resume_.output_samples + chunk_samples_ - 1) / chunk_samples_
                               : resume_.output_samples / chunk_samples_;
  report_.clipped_samples = resume_.clipped_samples;
  return {};
}

/// Enters a PCM source at the checkpoint. Everything else is decoded again from the start.
Result<void> Normalizer::seek_to_resume() {
  if (resume_.output_samples == 0) return {};
  BALEEN_RETURN_IF_ERROR(begin_segment(decoder_->info().sample_rate));
  BALEEN_ASSIGN_OR_RETURN(const bool is_exact, decoder_->seek_exact(segment_->feed_from));
  if (!is_exact) {
    segment_.reset();
    return open_decoder();
  }
  segment_->frames = segment_->feed_from;
  input_frames_ = segment_->feed_from;
  counted_frames_ = resume_.input_frames;
  report_.nan_samples = resume_.nan_samples;
  earlier_errors_ = resume_.decode_errors;
  return {};
}

// --- samples -------------------------------------------------------------------------------------

double Normalizer::duration_s() const {
  if (!segment_) return finished_s_;
  return finished_s_ + static_cast<double>(segment_->frames) / segment_->sample_rate.value;
}

Result<void> Normalizer::begin_segment(Hertz sample_rate) {
  const std::int64_t output_begin =
      segment_ ? segment_->output_begin + segment_->resampler.output_samples(segment_->frames) : 0;
  Result<Resampler> resampler = Resampler::create(sample_rate, options_.sample_rate);
  if (!resampler.ok()) return fail(ErrorCode::file_corrupt, "{}", resampler.error().message);
  finished_s_ = duration_s();
  segment_.emplace(Segment{std::move(*resampler), sample_rate, output_begin});
  if (resume_.output_samples > output_begin) {
    segment_->feed_from = segment_->resampler.start_at(resume_.output_samples - output_begin);
  }
  return {};
}

Result<Outcome> Normalizer::end_segment() {
  if (!segment_) return Outcome::done;
  resampled_.clear();
  segment_->resampler.flush(resampled_);
  return emit();
}

void Normalizer::count_not_finite(std::span<float> samples) {
  const auto n_counted = static_cast<std::size_t>(
      std::clamp<std::int64_t>(counted_frames_ - input_frames_, 0, std::ssize(samples)));
  make_finite(samples.data(), n_counted);
  report_.nan_samples += make_finite(samples.data() + n_counted, samples.size() - n_counted);
}

Result<Outcome> Normalizer::accept(MonoBlock block) {
  if (!segment_ || segment_->sample_rate != block.sample_rate) {
    BALEEN_ASSIGN_OR_RETURN(const Outcome outcome, end_segment());
    if (outcome != Outcome::done) return outcome;
    BALEEN_RETURN_IF_ERROR(begin_segment(block.sample_rate));
  }
  const Timer timer(report_.resample_s);
  Segment& segment = *segment_;
  count_not_finite(block.samples);
  const auto n_skipped = static_cast<std::size_t>(
      std::clamp<std::int64_t>(segment.feed_from - segment.frames, 0, std::ssize(block.samples)));
  segment.frames += std::ssize(block.samples);
  input_frames_ += std::ssize(block.samples);
  resampled_.clear();
  if (n_skipped < block.samples.size()) {
    segment.resampler.process(block.samples.subspan(n_skipped), resampled_);
  }
  return emit();
}

/// Rounds what was resampled into the file, and commits each chunk that becomes full.
Result<Outcome> Normalizer::emit() {
  std::span<const float> rest = resampled_;
  while (!rest.empty()) {
    const std::span<std::int16_t> space = writer_->space();
    const std::int64_t chunk_rest = chunk_samples_ - writer_->n_samples() % chunk_samples_;
    const std::size_t n =
        std::min({rest.size(), space.size(), static_cast<std::size_t>(chunk_rest)});
    report_.clipped_samples += quantise_kernel(rest.data(), n, space.data());
    rest = rest.subspan(n);
    BALEEN_ASSIGN_OR_RETURN(const bool fits, writer_->take(n));
    if (!fits) return Outcome::needs_room;
    if (writer_->n_samples() % chunk_samples_ == 0) {
      BALEEN_ASSIGN_OR_RETURN(const Outcome outcome, commit(/*is_complete=*/false));
      if (outcome != Outcome::done) return outcome;
    }
  }
  return Outcome::done;
}

/// Writes and syncs. What could not be synced is thrown away, also for the next attempt: the kernel may have dropped
/// it, and another fsync of the same file would not say so.
Result<bool> Normalizer::write_out(bool is_complete) {
  Result<bool> fits = is_complete ? writer_->finish() : writer_->sync();
  if (!fits.ok()) {
    (void)remove_checkpoint(paths_.checkpoint).ok();  // The first error is the one to tell.
    (void)core::remove_file(paths_.partial).ok();
  }
  return fits;
}

/// Bytes first, then the checkpoint that vouches for them.
Result<Outcome> Normalizer::commit(bool is_complete) {
  BALEEN_ASSIGN_OR_RETURN(const bool fits, write_out(is_complete));
  if (!fits) return Outcome::needs_room;
  BALEEN_FAILPOINT("DECODE_AFTER_CHUNK_WRITE");
  Checkpoint checkpoint;
  checkpoint.identity = identity_;
  checkpoint.header_bytes = header_bytes_;
  checkpoint.output_samples = writer_->n_samples();
  checkpoint.pcm_checksum = writer_->checksum();
  checkpoint.is_complete = is_complete;
  checkpoint.input_frames = std::max(input_frames_, counted_frames_);
  checkpoint.duration_s = duration_s();
  checkpoint.nan_samples = report_.nan_samples;
  checkpoint.clipped_samples = report_.clipped_samples;
  checkpoint.decode_errors = earlier_errors_ + decoder_->decode_errors();
  BALEEN_RETURN_IF_ERROR(save_checkpoint(paths_.checkpoint, checkpoint));
  BALEEN_FAILPOINT("DECODE_AFTER_CHECKPOINT");
  if (!report_progress() && !is_complete) {
    return fail(ErrorCode::canceled, "stopped after {:.0f} s of audio", duration_s());
  }
  return Outcome::done;
}

// --- the run -------------------------------------------------------------------------------------

bool Normalizer::report_progress() {
  last_progress_s_ = core::steady_s();
  if (!progress_) return true;
  const double done_s = duration_s();
  const double fraction =
      report_.source.duration_s ? std::clamp(done_s / *report_.source.duration_s, 0.0, 1.0) : -1.0;
  return progress_(fraction, done_s);
}

Result<void> Normalizer::report_progress_sometimes() {
  if (core::steady_s() - last_progress_s_ < kProgressS || report_progress()) return {};
  return fail(ErrorCode::canceled, "stopped after {:.0f} s of audio", duration_s());
}

Result<void> Normalizer::check_duration() const {
  if (options_.max_duration_s > 0 && duration_s() > options_.max_duration_s + kDurationSlackS) {
    return fail(ErrorCode::file_too_long, "it is longer than {} s", options_.max_duration_s);
  }
  if (options_.expansion_max <= 0 || duration_s() < kUnquestionedS) return {};
  const double bytes = 2 * duration_s() * options_.sample_rate.value;
  if (bytes > options_.expansion_max * static_cast<double>(report_.source.bytes)) {
    return fail(ErrorCode::decode_budget_exceeded,
                "{:.0f} s of audio came out of {} bytes and there is more: {} times its size is "
                "allowed (decode.expansion_max)",
                duration_s(), report_.source.bytes, options_.expansion_max);
  }
  return {};
}

Error Normalizer::nothing_decoded() const {
  if (decoder_->decode_errors() == 0 && decoder_->last_error().empty()) {
    return fail(ErrorCode::file_too_short, "it is {} audio without a single sample",
                report_.source.codec);
  }
  return fail(ErrorCode::file_corrupt, "none of its {} audio could be decoded{}{}",
              report_.source.codec, decoder_->last_error().empty() ? "" : ": ",
              decoder_->last_error());
}

Result<Outcome> Normalizer::decode_all() {
  while (true) {
    const auto next_block = [this]() -> Result<std::optional<MonoBlock>> {
      const Timer timer(report_.decode_s);
      return decoder_->next();
    };
    BALEEN_ASSIGN_OR_RETURN(const std::optional<MonoBlock> block, next_block());
    if (!block) break;
    BALEEN_ASSIGN_OR_RETURN(const Outcome outcome, accept(*block));
    if (outcome != Outcome::done) return outcome;
    BALEEN_RETURN_IF_ERROR(check_duration());
    BALEEN_RETURN_IF_ERROR(report_progress_sometimes());
  }
  if (input_frames_ == 0) return nothing_decoded();
  if (duration_s() + kDurationSlackS < options_.min_duration_s) {
    return fail(ErrorCode::file_too_short, "{:.2f} s of audio, at least {:.2f} s are needed",
                duration_s(), options_.min_duration_s);
  }
  BALEEN_ASSIGN_OR_RETURN(const Outcome outcome, end_segment());
  if (outcome != Outcome::done) return outcome;
  return commit(/*is_complete=*/true);
}

Result<Outcome> Normalizer::run(bool is_roomy) {
  BALEEN_RETURN_IF_ERROR(open(is_roomy));
  if (resume_.is_complete) {
    report_.duration_s = resume_.duration_s;
    report_.nan_samples = resume_.nan_samples;
    report_.decode_errors = resume_.decode_errors;
    BALEEN_ASSIGN_OR_RETURN(const bool fits, write_out(/*is_complete=*/true));
    BALEEN_CHECK(fits);
  } else {
    BALEEN_RETURN_IF_ERROR(seek_to_resume());
    BALEEN_ASSIGN_OR_RETURN(const Outcome outcome, decode_all());
    if (outcome != Outcome::done) return outcome;
    report_.duration_s = duration_s();
    report_.decode_errors = earlier_errors_ + decoder_->decode_errors();
  }
  report_.output_samples = writer_->n_samples();
  report_.chunks = (report_.output_samples + chunk_samples_ - 1) / chunk_samples_;
  return Outcome::done;
}

Result<NormalizeReport> normalize_once_or_twice(const NormalizePaths& paths,
                                                const NormalizeOptions& options,
                                                const Progress& progress) {
  for (const bool is_roomy : {false, true}) {
    Normalizer normalizer(paths, options, progress);
    BALEEN_ASSIGN_OR_RETURN(const Outcome outcome, normalizer.run(is_roomy));
    if (outcome == Outcome::done) return normalizer.report();
    // Longer than the file said: its plain header has no room for the size. Once more, with room.
    BALEEN_RETURN_IF_ERROR(remove_checkpoint(paths.checkpoint));
  }
  return fail(ErrorCode::internal, "a header with room had no room");
}

}  // namespace

Result<NormalizeReport> normalize(const NormalizePaths& paths,
                                  const NormalizeOptions& options,
                                  const Progress& progress) {
  if (!(options.chunk_s > 0) || options.riff_data_bytes_max > kRiffDataBytesMax) {
    return fail(ErrorCode::invalid_argument, "chunks of {} s", options.chunk_s);
  }
  Result<NormalizeReport> report = normalize_once_or_twice(paths, options, progress);
  if (!report.ok() && is_final(report.error().code)) {
    BALEEN_RETURN_IF_ERROR(core::remove_file(paths.partial));
    BALEEN_RETURN_IF_ERROR(remove_checkpoint(paths.checkpoint));
    return std::move(report).error().context(printable(paths.source.filename()));
  }
  return report;
}

}  // namespace baleen::audio
