#include "recipes/ssis/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <vector>

#include "audio/wav.h"
#include "core/base64.h"
#include "dsp/fft.h"
#include "dsp/peaks.h"
#include "dsp/window.h"
#include "formats/feature_pack.h"
#include "formats/waveform.h"

namespace baleen::ssis {
namespace {

constexpr int kWindowsPerColumnMax = 4;
constexpr double kDynamicRangeDb = 80;
constexpr double kFloorDb = -160;
/// Sine waves of full scale lose half their amplitude in a Hann window, and half to negative frequencies.
constexpr double kHannGain = 0.25;

/// A range in samples, or in rows, and how it falls into columns.
struct Columns {
  std::int64_t begin = 0, end = 0;
  int count = 1;

  /// Column i has [edge(i), edge(i + 1)), never nothing.
  [[nodiscard]] std::int64_t edge(int i) const { return begin + (end - begin) * i / count; }
};

/// Checks a range and rounds it to `units` of 1/`rate` seconds; fewer columns where there are fewer units.
Result<Columns> columns_of(const ViewRange& range,
                           int columns_max,
                           double rate,
                           std::int64_t n_units) {
  if (range.columns < 1 || range.columns > columns_max)
    return fail(ErrorCode::invalid_argument, "{} columns are not 1 to {}", range.columns,
                columns_max);
  const double duration_s = static_cast<double>(n_units) / rate;
  const double end_s = std::min(range.end_s.value_or(duration_s), duration_s);
  if (!(range.start_s >= 0) || !(range.start_s < end_s))
    return fail(ErrorCode::invalid_argument, "no part of {:.3f} s lies from {:.3f} to {:.3f} s",
                duration_s, range.start_s, range.end_s.value_or(duration_s));
  Columns columns;
  columns.begin = std::clamp<std::int64_t>(std::llround(range.start_s * rate), 0, n_units - 1);
  columns.end = std::clamp<std::int64_t>(std::llround(end_s * rate), columns.begin + 1, n_units);
  columns.count =
      static_cast<int>(std::min<std::int64_t>(range.columns, columns.end - columns.begin));
  return columns;
}

json::object describe(const Columns& columns, double rate, std::int64_t n_units) {
  return {{"start_s", static_cast<double>(columns.begin) / rate},
          {"end_s", static_cast<double>(columns.end) / rate},
          {"duration_s", static_cast<double>(n_units) / rate},
          {"columns", columns.count}};
}

/// Columns of a waveform, from samples or from blocks of them: `read` gives the pair of each unit.
template <typename ReadFn>
Result<std::vector<dsp::Peak>> peaks_of(const Columns& columns, ReadFn read) {
  constexpr std::int64_t kUnitsAtOnce = 65536;
  std::vector<dsp::Peak> peaks;
  std::vector<dsp::Peak> units;
  for (int i = 0; i < columns.count; ++i) {
    std::optional<dsp::Peak> column;
    for (std::int64_t at = columns.edge(i); at < columns.edge(i + 1); at += kUnitsAtOnce) {
      units.resize(static_cast<std::size_t>(std::min(kUnitsAtOnce, columns.edge(i + 1) - at)));
      BALEEN_RETURN_IF_ERROR(read(at, std::span<dsp::Peak>(units)));
      for (const dsp::Peak& unit : units) column = column ? join(*column, unit) : unit;
    }
    peaks.push_back(*column);
  }
  return peaks;
}

void add_peaks(json::object& view, const std::vector<dsp::Peak>& peaks) {
  json::array min, max;
  min.reserve(peaks.size());
  max.reserve(peaks.size());
  for (const dsp::Peak& peak : peaks) {
    min.emplace_back(peak.min);
    max.emplace_back(peak.max);
  }
  view["min"] = std::move(min);
  view["max"] = std::move(max);
}

/// Power spectra of single windows.
class Analyzer {
 public:
  static Result<Analyzer> create(const audio::WavReader& wav, std::size_t n_fft) {
    BALEEN_ASSIGN_OR_RETURN(dsp::RealFft fft, dsp::RealFft::create(n_fft));
    return Analyzer(wav, std::move(fft));
  }

  /// Adds the power of the window around a sample, 1 for a sine of full scale. Silence beyond the ends.
  Result<void> add(std::int64_t centre, std::span<double> power) {
    const auto size = static_cast<std::int64_t>(fft_.size());
    const std::int64_t begin = centre - size / 2;
    const std::int64_t skipped = std::clamp<std::int64_t>(-begin, 0, size);
    std::fill(samples_.begin(), samples_.end(), 0.0F);
    BALEEN_RETURN_IF_ERROR(wav_->read(
        begin + skipped, std::span(samples_).subspan(static_cast<std::size_t>(skipped))));
    for (std::size_t i = 0; i < samples_.size(); ++i) signal_[i] = window_[i] * samples_[i];
    fft_.process(signal_, bins_);
    const double scale = 1 / std::pow(kHannGain * static_cast<double>(size), 2);
    for (std::size_t k = 0; k < bins_.size(); ++k) power[k] += scale * std::norm(bins_[k]);
    return {};
  }
  [[nodiscard]] std::size_t n_bins() const { return bins_.size(); }

 private:
  Analyzer(const audio::WavReader& wav, dsp::RealFft fft)
      : wav_(&wav),
        fft_(std::move(fft)),
        window_(dsp::periodic_hann(fft_.size())),
        samples_(fft_.size()),
        signal_(fft_.size()),
        bins_(fft_.bin_count()) {}
  const audio::WavReader* wav_;
  dsp::RealFft fft_;
  std::vector<double> window_;
  std::vector<float> samples_;
  std::vector<double> signal_;
  std::vector<std::complex<double>> bins_;
};

/// The loudest bin of each row, in decibels.
void to_rows(std::span<const double> power, int n_rows, std::vector<double>& db) {
  const auto n_bins = static_cast<int>(power.size());
  for (int row = 0; row < n_rows; ++row) {
    const int begin = row * n_bins / n_rows;
    const int end = std::max(begin + 1, (row + 1) * n_bins / n_rows);
    const double loudest = *std::max_element(power.begin() + begin, power.begin() + end);
    db.push_back(std::max(kFloorDb, 10 * std::log10(loudest + 1e-30)));
  }
}

/// Scales to length 1; silence stays 0.
void normalize(std::span<float> row) {
  double power = 0;
  for (const float value : row) power += static_cast<double>(value) * value;
  const double scale = power > 0 ? 1 / std::sqrt(power) : 0;
  for (float& value : row) value = static_cast<float>(scale * value);
}

}  // namespace

Result<json::object> waveform_view(const std::filesystem::path& normalized_wav,
                                   const std::filesystem::path& waveform,
                                   const ViewRange& range) {
  BALEEN_ASSIGN_OR_RETURN(const audio::WavReader wav, audio::WavReader::open(normalized_wav));
  const double rate = wav.sample_rate().value;
  BALEEN_ASSIGN_OR_RETURN(Columns columns,
                          columns_of(range, kWaveformColumnsMax, rate, wav.n_samples()));
  BALEEN_ASSIGN_OR_RETURN(const formats::WaveformReader blocks,
                          formats::WaveformReader::open(waveform));
  const std::int64_t block = blocks.info().samples_per_pixel;
  json::object view = describe(columns, rate, wav.n_samples());
  std::vector<dsp::Peak> peaks;
  if (columns.end - columns.begin >= 2 * block * columns.count) {
    const Columns in_blocks{columns.begin / block,
                            std::min((columns.end + block - 1) / block, blocks.info().n_pixels),
                            columns.count};
    const auto read = [&](std::int64_t first, std::span<dsp::Peak> pairs) {
      auto* values = reinterpret_cast<std::int16_t*>(pairs.data());
      return blocks.read(first, {values, 2 * pairs.size()});
    };
    BALEEN_ASSIGN_OR_RETURN(peaks, peaks_of(in_blocks, read));
  } else {
    std::vector<std::int16_t> samples;
    const auto read = [&](std::int64_t first, std::span<dsp::Peak> pairs) -> Result<void> {
      samples.resize(pairs.size());
      BALEEN_RETURN_IF_ERROR(wav.read(first, std::span<std::int16_t>(samples)));
      std::transform(samples.begin(), samples.end(), pairs.begin(), [](std::int16_t sample) {
        return dsp::Peak{sample, sample};
      });
      return {};
    };
    BALEEN_ASSIGN_OR_RETURN(peaks, peaks_of(columns, read));
  }
  add_peaks(view, peaks);
  return view;
}

Result<json::object> spectrogram_view(const std::filesystem::path& normalized_wav,
                                      const ViewRange& range,
                                      const SpectrogramOptions& options) {
  if (options.rows < 16 || options.rows > kSpectrogramRowsMax)
    return fail(ErrorCode::invalid_argument, "{} rows are not 16 to {}", options.rows,
                kSpectrogramRowsMax);
  if (options.db_min && options.db_max && *options.db_min >= *options.db_max)
    return fail(ErrorCode::invalid_argument, "db_min must be less than db_max");
  BALEEN_ASSIGN_OR_RETURN(const audio::WavReader wav, audio::WavReader::open(normalized_wav));
  const double rate = wav.sample_rate().value;
  BALEEN_ASSIGN_OR_RETURN(const Columns columns,
                          columns_of(range, kSpectrogramColumnsMax, rate, wav.n_samples()));
  const std::int64_t hop = std::max<std::int64_t>(1, (columns.end - columns.begin) / columns.count);
  BALEEN_ASSIGN_OR_RETURN(Analyzer analyzer, Analyzer::create(wav, hop < 128 ? 512 : 1024));

  // Column after column; written row after row.
  std::vector<double> db;
  db.reserve(static_cast<std::size_t>(columns.count) * static_cast<std::size_t>(options.rows));
  std::vector<double> power(analyzer.n_bins());
  for (int i = 0; i < columns.count; ++i) {
    const std::int64_t begin = columns.edge(i);
    const std::int64_t length = columns.edge(i + 1) - begin;
    const std::int64_t n_windows = std::clamp<std::int64_t>(length / 512, 1, kWindowsPerColumnMax);
    std::fill(power.begin(), power.end(), 0.0);
    for (std::int64_t w = 0; w < n_windows; ++w)
      BALEEN_RETURN_IF_ERROR(analyzer.add(begin + (2 * w + 1) * length / (2 * n_windows), power));
    for (double& bin : power) bin /= static_cast<double>(n_windows);
    to_rows(power, options.rows, db);
  }
  const double loudest = 5 * std::ceil(*std::max_element(db.begin(), db.end()) / 5);
  const double db_max =
      options.db_max.value_or(options.db_min ? std::max(loudest, *options.db_min + 5) : loudest);
  const double db_min = options.db_min.value_or(db_max - kDynamicRangeDb);

  const auto n_rows = static_cast<std::size_t>(options.rows);
  const auto n_columns = static_cast<std::size_t>(columns.count);
  std::string bytes(n_rows * n_columns, '\0');
  for (std::size_t column = 0; column < n_columns; ++column) {
    for (std::size_t row = 0; row < n_rows; ++row) {
      const double level = (db[column * n_rows + row] - db_min) / (db_max - db_min);
      bytes[row * n_columns + column] =
          static_cast<char>(std::lround(255 * std::clamp(level, 0.0, 1.0)));
    }
  }
  json::object view = describe(columns, rate, wav.n_samples());
  view["rows"] = options.rows;
  view["f_min_hz"] = 0;
  view["f_max_hz"] = rate / 2;
  view["scale"] = "linear";
  view["db_min"] = db_min;
  view["db_max"] = db_max;
  view["data"] = core::to_base64(bytes);
  return view;
}

Result<SimilarityViewer::SharedStrip> SimilarityViewer::strip_of(
    const std::filesystem::path& feature_pack, const ViewRange& range) {
  constexpr std::size_t kStripsMax = 4;  // 4 MB each.
  const std::string end = range.end_s ? fmt::format("{}", *range.end_s) : "its end";
  const std::string key =
      fmt::format("{} {} to {} in {}", feature_pack.string(), range.start_s, end, range.columns);
  {
    const std::lock_guard lock(mutex_);
    for (const SharedStrip& known : newest_) {
      if (known->key == key) return known;
    }
  }
  BALEEN_ASSIGN_OR_RETURN(formats::FeaturePackReader pack,
                          formats::FeaturePackReader::open(feature_pack));
  const formats::FeaturePackInfo& info = pack.info();
  if (info.n_embeddings == 0)
    return fail(ErrorCode::not_found, "the recording is too short for an embedding");
  const double rate = 1 / info.embedding_hop_s;
  BALEEN_ASSIGN_OR_RETURN(const Columns columns,
                          columns_of(range, kSimilarityColumnsMax, rate, info.n_embeddings));
  auto strip = std::make_shared<Strip>();
  strip->key = key;
  strip->described = describe(columns, rate, info.n_embeddings);
  strip->described["model_id"] = info.embedding_model_id;
  strip->hop_s = info.embedding_hop_s;
  strip->n_embeddings = info.n_embeddings;
  strip->n_dims = static_cast<std::size_t>(info.n_dims);
  strip->rows.resize(strip->n_dims * static_cast<std::size_t>(columns.count));
  for (int i = 0; i < columns.count; ++i) {
    const std::span<float> row =
        std::span(strip->rows).subspan(strip->n_dims * static_cast<std::size_t>(i), strip->n_dims);
    BALEEN_RETURN_IF_ERROR(
        pack.read_embeddings((columns.edge(i) + columns.edge(i + 1)) / 2, 1, row));
    normalize(row);
  }
  const std::lock_guard lock(mutex_);
  newest_.push_front(strip);
  if (newest_.size() > kStripsMax) newest_.pop_back();
  return SharedStrip(std::move(strip));
}

Result<json::object> SimilarityViewer::view(const std::filesystem::path& feature_pack,
                                            double at_s,
                                            const ViewRange& range) {
  if (!(at_s >= 0)) return fail(ErrorCode::invalid_argument, "at_s may not be negative");
  BALEEN_ASSIGN_OR_RETURN(const SharedStrip strip, strip_of(feature_pack, range));
  BALEEN_ASSIGN_OR_RETURN(formats::FeaturePackReader pack,
                          formats::FeaturePackReader::open(feature_pack));
  const auto last = static_cast<double>(strip->n_embeddings - 1);
  std::vector<float> example(strip->n_dims);
  BALEEN_RETURN_IF_ERROR(pack.read_embeddings(
      static_cast<std::int64_t>(std::min(at_s / strip->hop_s, last)), 1, example));
  normalize(example);
  json::array similarity;
  for (std::size_t at = 0; at < strip->rows.size(); at += strip->n_dims) {
    const double cosine = std::inner_product(
        example.begin(), example.end(), strip->rows.begin() + static_cast<std::ptrdiff_t>(at), 0.0);
    similarity.emplace_back(std::round(1e4 * cosine) / 1e4);
  }
  json::object view = strip->described;
  view["at_s"] = at_s;
  view["hop_s"] = strip->hop_s;
  view["similarity"] = std::move(similarity);
  return view;
}

}  // namespace baleen::ssis
