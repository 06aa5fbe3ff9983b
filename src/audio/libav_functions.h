#pragma once

/// The functions of libav that this room calls, loaded when the first of them is needed. Internal to
/// this room's sources: it brings libav's headers.
///
/// Debian's libavformat and libavcodec need about 150 other libraries, 24 ms of loading. Most processes
/// (every command but those that look into a file, and the supervisor always) decode nothing: they
/// neither wait for them nor have a decoder in their address space.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/cpu.h>
#include <libavutil/dict.h>
#include <libavutil/error.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
}

#include "core/result.h"

namespace baleen::audio {

#define BALEEN_LIBAVFORMAT_FUNCTIONS(X) \
  X(av_find_input_format)               \
  X(av_read_frame)                      \
  X(av_seek_frame)                      \
  X(avformat_alloc_context)             \
  X(avformat_close_input)               \
  X(avformat_find_stream_info)          \
  X(avformat_open_input)                \
  X(avformat_version)                   \
  X(avio_alloc_context)                 \
  X(avio_context_free)

#define BALEEN_LIBAVCODEC_FUNCTIONS(X) \
  X(av_codec_is_decoder)               \
  X(av_codec_iterate)                  \
  X(av_get_exact_bits_per_sample)      \
  X(av_packet_alloc)                   \
  X(av_packet_free)                    \
  X(av_packet_unref)                   \
  X(avcodec_alloc_context3)            \
  X(avcodec_find_decoder)              \
  X(avcodec_free_context)              \
  X(avcodec_get_name)                  \
  X(avcodec_open2)                     \
  X(avcodec_parameters_to_context)     \
  X(avcodec_receive_frame)             \
  X(avcodec_send_packet)               \
  X(avcodec_version)

#define BALEEN_LIBAVUTIL_FUNCTIONS(X)     \
  X(av_channel_layout_channel_from_index) \
  X(av_channel_layout_default)            \
  X(av_channel_layout_index_from_channel) \
  X(av_dict_get)                          \
  X(av_frame_alloc)                       \
  X(av_frame_free)                        \
  X(av_freep)                             \
  X(av_get_cpu_flags)                     \
  X(av_log_set_callback)                  \
  X(av_malloc)                            \
  X(av_max_alloc)                         \
  X(av_strdup)                            \
  X(av_strerror)

struct LibavFunctions {
#define BALEEN_POINTER(name) decltype(&::name) name = nullptr;
  BALEEN_LIBAVFORMAT_FUNCTIONS(BALEEN_POINTER)
  BALEEN_LIBAVCODEC_FUNCTIONS(BALEEN_POINTER)
  BALEEN_LIBAVUTIL_FUNCTIONS(BALEEN_POINTER)
#undef BALEEN_POINTER
};

/// Once per process: loads the libraries of the major versions that this program was compiled for, takes
/// over their log and bounds each of their allocations. Thread-safe. NOT_SUPPORTED says what is missing.
[[nodiscard]] Result<void> load_libav();

/// For use after load_libav() succeeded.
[[nodiscard]] const LibavFunctions& libav();

}  // namespace baleen::audio
