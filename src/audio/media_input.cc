#include "audio/media_input.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "audio/libav_functions.h"
#include "audio/sniff.h"
#include "core/clock.h"
#include "core/sparse_file.h"

namespace baleen::audio {
namespace {

constexpr int kIoBufferBytes = 64 << 10;
constexpr std::int64_t kProbeBytesMax = 5'000'000;
constexpr int kStreamsMax = 100;
// A demuxer may seek about (interleaved tracks, an index at the end), but not without end.
constexpr std::int64_t kRereadsMax = 16;
constexpr std::int64_t kReadBytesExtra = std::int64_t{256} << 20;
// Tags, pictures and indexes come before the audio and are held in memory. Pictures are never decoded.
constexpr std::int64_t kHeaderBytesMax = std::int64_t{128} << 20;
constexpr std::int64_t kPacketsWithoutReadMax = 2'000'000;
constexpr double kTickS = 0.5;
constexpr unsigned kCallsBetweenTicks =
    16;  // libav asks several times per packet; a clock costs 30 ns.
constexpr int kSampleRateMin = 1'000;
constexpr int kSampleRateMax = 1'536'000;
constexpr int kChannelsMax = 256;

/// Every audio decoder of this libavcodec, as a whitelist: no picture or video decoder may run.
const std::string& audio_decoders() {
  static const std::string names = [] {
    std::string list;
    void* cursor = nullptr;
    while (const AVCodec* codec = libav().av_codec_iterate(&cursor)) {
      if (codec->type != AVMEDIA_TYPE_AUDIO || libav().av_codec_is_decoder(codec) == 0) continue;
      if (!list.empty()) list += ',';
      list += codec->name;
    }
    return list;
  }();
  return names;
}

int refuse_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EACCES);  // Nothing in a file may open another one.
}

bool is_decodable_audio(const AVStream& stream) {
  return stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO &&
         libav().avcodec_find_decoder(stream.codecpar->codec_id) != nullptr;
}

std::optional<double> duration_of(const AVFormatContext& format, const AVStream& stream) {
  if (stream.duration != AV_NOPTS_VALUE && stream.duration > 0) {
    return static_cast<double>(stream.duration) * av_q2d(stream.time_base);
  }
  if (format.duration != AV_NOPTS_VALUE && format.duration > 0) {
    return static_cast<double>(format.duration) / AV_TIME_BASE;
  }
  return std::nullopt;
}

}  // namespace

/// What libav's callbacks see: the file, and the bounds on reading it.
struct MediaInput::Io {
  const SourceFile* source = nullptr;
  KeepGoing keep_going;
  core::HoleFinder holes;
  std::int64_t position = 0;
  std::int64_t bytes_read = 0;
  std::int64_t packets_since_read = 0;
  double last_tick_s = core::steady_s();
  unsigned n_asked = 0;
  int error_number = 0;
  bool is_stopped = false;
  bool is_circling = false;
  bool is_opening = true;
  bool is_header_too_large = false;

  /// True if the work must end now.
  bool must_stop() {
    if (is_stopped || !keep_going || ++n_asked % kCallsBetweenTicks != 0) return is_stopped;
    const double now_s = core::steady_s();
    if (now_s - last_tick_s < kTickS) return false;
    last_tick_s = now_s;
    is_stopped = !keep_going();
    return is_stopped;
  }

  /// Fills the buffer from the position on, as read_at does. Holes are not asked for: reading their zeros costs more than
  /// decoding them.
  Result<std::size_t> fill(std::span<std::uint8_t> buffer) {
    const auto hole = static_cast<std::size_t>(holes.hole_bytes_at(source->fd, position));
    const std::size_t n = std::min(hole, buffer.size());
    std::fill_n(buffer.begin(), n, std::uint8_t{0});
    if (n == buffer.size()) return n;
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n_read,
                            read_at(source->fd, position + static_cast<std::int64_t>(n),
                                    std::as_writable_bytes(buffer.subspan(n))));
    return n + n_read;
  }

  static int read(void* opaque, std::uint8_t* buffer, int size) {
    Io& io = *static_cast<Io*>(opaque);
    if (io.must_stop()) return AVERROR_EXIT;
    if (io.bytes_read > kRereadsMax * io.source->size_bytes + kReadBytesExtra) {
      io.is_circling = true;
      return AVERROR_EOF;
    }
    if (io.is_opening && io.bytes_read > kHeaderBytesMax) {
      io.is_header_too_large = true;
      return AVERROR_EOF;
    }
    // A damaged header may send libav to places where no file system has bytes: those are behind the end, too.
    if (io.position >= io.source->size_bytes) return AVERROR_EOF;
    const Result<std::size_t> filled = io.fill({buffer, static_cast<std::size_t>(size)});
    if (!filled.ok()) {
      io.error_number = EIO;
      return AVERROR(EIO);
    }
    if (*filled == 0) return AVERROR_EOF;
    io.position += static_cast<std::int64_t>(*filled);
    io.bytes_read += static_cast<std::int64_t>(*filled);
    io.packets_since_read = 0;
    return static_cast<int>(*filled);
  }

  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) {
    Io& io = *static_cast<Io*>(opaque);
    std::int64_t from = 0;
    switch (whence & ~AVSEEK_FORCE) {
      case AVSEEK_SIZE: return io.source->size_bytes;
      case SEEK_SET: break;
      case SEEK_CUR: from = io.position; break;
      case SEEK_END: from = io.source->size_bytes; break;
      default: return AVERROR(EINVAL);
    }
    std::int64_t target = 0;
    if (__builtin_add_overflow(from, offset, &target) || target < 0) return AVERROR(EINVAL);
    return io.position = target;
  }

  static int interrupt(void* opaque) { return static_cast<Io*>(opaque)->must_stop() ? 1 : 0; }
};

MediaInput::MediaInput() = default;
MediaInput::~MediaInput() = default;

Result<std::unique_ptr<MediaInput>> MediaInput::open(const std::filesystem::path& path,
                                                     KeepGoing keep_going) {
  BALEEN_RETURN_IF_ERROR(load_libav());
  std::unique_ptr<MediaInput> input(new MediaInput);
  BALEEN_ASSIGN_OR_RETURN(input->source_, open_source(path));
  input->io_ = std::make_unique<Io>();
  input->io_->source = &input->source_;
  input->io_->keep_going = std::move(keep_going);
  BALEEN_RETURN_IF_ERROR(input->open_format());
  return input;
}

Result<void> MediaInput::open_format() {
  BALEEN_ASSIGN_OR_RETURN(const Sniffed kind, sniff(source_));
  words_ = kind.words;
  info_.container = kind.container;
  info_.bytes = source_.size_bytes;
  const AVInputFormat* demuxer = libav().av_find_input_format(std::string(kind.demuxer).c_str());
  if (demuxer == nullptr) {
    return fail(ErrorCode::codec_unsupported, "it looks like {}, which this libav cannot open",
                words_);
  }

  const LogCapture log;
  auto* buffer = static_cast<unsigned char*>(libav().av_malloc(kIoBufferBytes));
  avio_.reset(libav().avio_alloc_context(buffer, kIoBufferBytes, 0, io_.get(), &Io::read, nullptr,
                                         &Io::seek));
  AVFormatContext* context = libav().avformat_alloc_context();
  BALEEN_CHECK(buffer != nullptr && avio_ != nullptr && context != nullptr);
  context->pb = avio_.get();
  context->flags |= AVFMT_FLAG_CUSTOM_IO;
  context->io_open = &refuse_open;
  context->interrupt_callback = {&Io::interrupt, io_.get()};
  context->probesize = kProbeBytesMax;
  context->max_streams = kStreamsMax;
  context->protocol_whitelist = libav().av_strdup("");
  context->codec_whitelist = libav().av_strdup(audio_decoders().c_str());
  int status =
      libav().avformat_open_input(&context, nullptr, demuxer, nullptr);  // Frees it on failure.
  if (status >= 0) {
    format_.reset(context);
    for (unsigned i = 0; i < format_->nb_streams; ++i) {
      AVStream& stream = *format_->streams[i];
      if (stream.codecpar->codec_type != AVMEDIA_TYPE_AUDIO) stream.discard = AVDISCARD_ALL;
    }
    status = libav().avformat_find_stream_info(format_.get(), nullptr);
  }
  last_error_ = log.last_error();
  io_->is_opening = false;
  if (io_->is_header_too_large) status = AVERROR_INVALIDDATA;  // However much libav made of it.
  if (status < 0) {
    Error error = open_error(status);
    if (!last_error_.empty()) error.message += " (" + last_error_ + ")";
    return error;
  }
  return choose_stream();
}

Error MediaInput::open_error(int code) const {
  if (io_->is_stopped) return fail(ErrorCode::canceled, "stopped while opening");
  if (io_->error_number != 0) return core::errno_error(io_->error_number, "read");
  if (io_->is_header_too_large) {
    return fail(ErrorCode::decode_budget_exceeded,
                "{} with more than {} MiB of tags, pictures or index before its audio", words_,
                kHeaderBytesMax >> 20U);
  }
  if (code == AVERROR_PATCHWELCOME || code == AVERROR_DECODER_NOT_FOUND) {
    return fail(ErrorCode::codec_unsupported, "it looks like {}, of a kind that libav cannot read",
                words_);
  }
  return fail(
      ErrorCode::file_corrupt, "it looks like {}, but it cannot be opened: {}", words_,
      code == AVERROR(ENOMEM) ? "it asks for more memory than is allowed" : libav_error_text(code));
}

Result<void> MediaInput::choose_stream() {
  int chosen = -1;
  const AVStream* undecodable = nullptr;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    const AVStream& stream = *format_->streams[i];
    if (stream.codecpar->codec_type != AVMEDIA_TYPE_AUDIO) continue;
    if (!is_decodable_audio(stream)) {
      undecodable = &stream;
    } else if (chosen < 0 ||
               ((stream.disposition & AV_DISPOSITION_DEFAULT) != 0 &&
                (format_->streams[chosen]->disposition & AV_DISPOSITION_DEFAULT) == 0)) {
      chosen = static_cast<int>(i);
    }
  }
  if (chosen < 0 && undecodable != nullptr) {
    const AVCodecID id = undecodable->codecpar->codec_id;
    return fail(ErrorCode::codec_unsupported, "{} whose audio is coded as {}: no decoder for that",
                words_,
                id == AV_CODEC_ID_NONE ? "something unknown" : libav().avcodec_get_name(id));
  }
  if (chosen < 0) return fail(ErrorCode::codec_unsupported, "{} without any audio stream", words_);

  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    format_->streams[i]->discard =
        static_cast<int>(i) == chosen ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  stream_ = format_->streams[chosen];
  const AVCodecParameters& parameters = *stream_->codecpar;
  decoder_ = libav().avcodec_find_decoder(parameters.codec_id);
  info_.codec = libav().avcodec_get_name(parameters.codec_id);
  info_.sample_rate = Hertz{parameters.sample_rate};
  info_.channels = parameters.ch_layout.nb_channels;
  info_.duration_s = duration_of(*format_, *stream_);
  if (info_.channels <= 0) {
    return fail(ErrorCode::file_corrupt, "{} that claims to have {} channels", words_,
                info_.channels);
  }
  if (info_.sample_rate.value <= 0) {
    return fail(ErrorCode::file_corrupt, "{} that claims a sample rate of {} Hz", words_,
                info_.sample_rate.value);
  }
  if (info_.sample_rate.value < kSampleRateMin || info_.sample_rate.value > kSampleRateMax ||
      info_.channels > kChannelsMax) {
    return fail(ErrorCode::codec_unsupported,
                "{} with {} channels at {} Hz: up to {} channels at {} to {} Hz can be read",
                words_, info_.channels, info_.sample_rate.value, kChannelsMax, kSampleRateMin,
                kSampleRateMax);
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> MediaInput::tags() const {
  constexpr std::size_t kTagsMax = 200;
  constexpr std::size_t kTagBytesMax = 65'536;
  std::vector<std::pair<std::string, std::string>> tags;
  for (const AVDictionary* dictionary : {format_->metadata, stream_->metadata}) {
    const AVDictionaryEntry* entry = nullptr;
    while (tags.size() < kTagsMax &&
           (entry = libav().av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
      std::string name(entry->key, ::strnlen(entry->key, kTagBytesMax));
      for (char& letter : name)
        letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
      tags.emplace_back(std::move(name),
                        std::string(entry->value, ::strnlen(entry->value, kTagBytesMax)));
    }
  }
  return tags;
}

Result<bool> MediaInput::read_packet(AVPacket& packet) {
  while (true) {
    libav().av_packet_unref(&packet);
    const int status = libav().av_read_frame(format_.get(), &packet);
    if (io_->is_stopped) return fail(ErrorCode::canceled, "stopped while reading");
    if (io_->error_number != 0) return core::errno_error(io_->error_number, "read");
    if (io_->is_circling || ++io_->packets_since_read > kPacketsWithoutReadMax) {
      return fail(ErrorCode::file_corrupt, "{} whose index leads round in circles", words_);
    }
    if (status == AVERROR(EAGAIN)) continue;
    if (status < 0) {
      if (status != AVERROR_EOF) ++read_errors_;
      return false;
    }
    if (packet.stream_index == stream_->index) return true;
  }
}

Result<bool> MediaInput::seek_pcm(std::int64_t frame, AVPacket& packet) {
  const AVCodecParameters& parameters = *stream_->codecpar;
  const bool is_pcm = parameters.codec_id >= AV_CODEC_ID_FIRST_AUDIO &&
                      parameters.codec_id < AV_CODEC_ID_ADPCM_IMA_QT;
  const int block = parameters.block_align;
  const int sample_bits = libav().av_get_exact_bits_per_sample(parameters.codec_id);
  if (!is_pcm || block <= 0 || sample_bits <= 0 ||
      block * 8 != sample_bits * parameters.ch_layout.nb_channels ||
      av_cmp_q(stream_->time_base, AVRational{1, parameters.sample_rate}) != 0) {
    return false;
  }
  BALEEN_ASSIGN_OR_RETURN(const bool has_first, read_packet(packet));
  const std::int64_t first_byte = packet.pos;
  const std::int64_t first_pts = packet.pts;
  if (!has_first || first_byte < 0 || first_pts == AV_NOPTS_VALUE) return false;
  if (libav().av_seek_frame(format_.get(), stream_->index, first_pts + frame,
                            AVSEEK_FLAG_BACKWARD) < 0) {
    return false;
  }
  BALEEN_ASSIGN_OR_RETURN(const bool has_packet, read_packet(packet));
  return has_packet && packet.pos == first_byte + frame * block;
}

double MediaInput::start_time_s() const {
  return stream_->start_time == AV_NOPTS_VALUE
             ? 0
             : static_cast<double>(stream_->start_time) * av_q2d(stream_->time_base);
}

bool MediaInput::seek_before(double time_s) {
  const double ticks = (time_s + start_time_s()) / av_q2d(stream_->time_base);
  return libav().av_seek_frame(format_.get(), stream_->index,
                               static_cast<std::int64_t>(std::floor(ticks)),
                               AVSEEK_FLAG_BACKWARD) >= 0;
}

}  // namespace baleen::audio
