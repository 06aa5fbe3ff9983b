#pragma once

/// The languages in which recorders speak, each as a pure function of what was read. All bytes are foreign: what cannot
/// be understood says nothing. Internal to the room.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audio/recorder_metadata.h"

namespace baleen::audio {

/// The content of a "guan" chunk. Source: GUANO specification 1.0 (riggsd/guano-spec).
[[nodiscard]] std::optional<RecorderStatement> parse_guano(std::string_view content);

/// The content of a "wamd" chunk: records of id (16 bits), length (32 bits) and content.
[[nodiscard]] std::optional<RecorderStatement> parse_wamd(std::string_view content);

/// AudioMoth's sentence in all its firmwares from 1.0 to 1.11: "Recorded at 19:00:00 28/05/2018 (UTC+2) by AudioMoth
/// 243B1F026488F56E at medium gain while battery was 4.5V and temperature was 15.2C." and what may follow.
[[nodiscard]] std::optional<RecorderStatement> parse_audiomoth_comment(std::string_view text);

/// "opso_metadata{…}": what opensoundscape writes into the comment of the clips that it saves.
[[nodiscard]] std::optional<RecorderStatement> parse_opensoundscape(std::string_view text);

/// The content of a "bext" chunk (EBU Tech 3285). The time reference counts samples at `rate_hz` (0: unknown).
[[nodiscard]] std::optional<RecorderStatement> parse_bext(std::string_view content, double rate_hz);

/// The content of an "iXML" chunk, as far as it tells time and place.
[[nodiscard]] std::optional<RecorderStatement> parse_ixml(std::string_view content);

/// Tags with names in lower case or a WAV file's INFO ids: every language above may hide in a comment. The statements
/// in the order of their precedence.
[[nodiscard]] std::vector<RecorderStatement> parse_tags(
    const std::vector<std::pair<std::string, std::string>>& tags);

/// A file's name, without folders: times of Song Meter, AudioMoth, SWIFT, SoundTrap, AMAR, BAR-LT and others.
[[nodiscard]] std::optional<RecorderStatement> parse_recorder_name(std::string_view name);

/// Whether any field is set.
[[nodiscard]] bool says_anything(const RecorderStatement& statement);

/// A place of two numbers, if it is one on earth. 0, 0 is what receivers without a fix write.
[[nodiscard]] bool set_position(RecorderStatement& statement, double latitude, double longitude);

}  // namespace baleen::audio
