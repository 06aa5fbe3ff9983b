#include "audio/recorder_metadata.h"

#include <gmock/gmock.h>

#include <random>

#include "audio/recorder_statements.h"
#include "audio/riff_chunks.h"
#include "audio/testing/test_audio.h"

namespace baleen::audio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::little_endian;
using testing::TempDir;
using testing::wav_bytes;
using testing::write_bytes;

std::string chunk(const std::string& id, const std::string& content) {
  return id + little_endian(static_cast<std::uint32_t>(content.size())) + content +
         std::string(content.size() % 2, '\0');
}

/// A short WAV file with more chunks behind its samples.
std::string wav_with(const std::string& chunks, int rate = 48000) {
  std::string bytes = wav_bytes({.sample_rate = rate}, std::vector<std::int16_t>(10)) + chunks;
  const auto size = static_cast<std::uint32_t>(bytes.size() - 8);
  return bytes.replace(4, 4, little_endian(size));
}

std::string padded(std::string text, std::size_t size) {
  text.resize(size, '\0');
  return text;
}

std::string bext(const std::string& date, const std::string& time, std::uint64_t reference) {
  return padded("the description", 256) + padded("a recorder", 32) + padded("", 32) + date + time +
         little_endian(reference) + padded("", 256);
}

std::string wamd_field(std::uint16_t id, const std::string& content) {
  return little_endian(id) + little_endian(static_cast<std::uint32_t>(content.size())) + content;
}

std::string start_of(const RecorderStatement& statement) {
  return statement.start ? to_string(*statement.start) : "";
}

TEST(AudioMothComment, EveryFirmwareIsUnderstood) {
  struct Case {
    const char* text;
    const char* start;
    const char* serial;
    const char* gain;
    std::optional<double> battery_v, temperature_c;
  };
  const Case cases[] = {
      {"Recorded at 19:00:00 28/05/2018 by AudioMoth 0123456789ABCDEF at gain setting 2 while "
       "battery "
       "state was 4.5V",
       "2018-05-28T19:00:00",
       "0123456789ABCDEF",
       "2",
       4.5,
       {}},
      {"Recorded at 19:00:00 28/05/2018 (UTC) by AudioMoth 0123456789ABCDEF at gain setting 2 "
       "while "
       "battery state was < 3.6V",
       "2018-05-28T19:00:00Z",
       "0123456789ABCDEF",
       "2",
       {},
       {}},
      {"Recorded at 10:25:00 04/04/2020 (UTC) by AudioMoth 24526B065D325963 at gain setting 2 "
       "while "
       "battery state was 4.7V.",
       "2020-04-04T10:25:00Z",
       "24526B065D325963",
       "2",
       4.7,
       {}},
      {"Recorded at 10:25:00 04/04/2020 (UTC+2) by AudioMoth 24526B065D325963 at gain setting 3 "
       "while "
       "battery state was greater than 4.9V.",
       "2020-04-04T10:25:00+02:00",
       "24526B065D325963",
       "3",
       {},
       {}},
      {"Recorded at 16:41:20 09/12/2020 (UTC-3:30) by AudioMoth 24526B065D325963 at medium gain "
       "setting "
       "while battery state was 4.1V and temperature was -7.5C. Band-pass filter applied with "
       "cut-off "
       "frequencies of 1.0kHz and 8.0kHz. Amplitude threshold was 128.",
       "2020-12-09T16:41:20-03:30", "24526B065D325963", "medium", 4.1, -7.5},
      {"Recorded at 16:41:20 09/12/2021 (UTC) during deployment 9A3E0C5D7B1F2468 at medium-high "
       "gain "
       "while battery was 4.3V and temperature was 12.8C. Frequency trigger (8.0kHz and window "
       "length of "
       "16 samples) threshold was 1% with 1s minimum trigger duration.",
       "2021-12-09T16:41:20Z", "", "medium-high", 4.3, 12.8},
      {"Recorded at 10:00:00.125 28/05/2024 (UTC+5:45) by AudioMoth 243B1F026488F56E using "
       "external "
       "microphone at low gain while battery was less than 2.5V and temperature was 0.0C.",
       "2024-05-28T10:00:00.125+05:45",
       "243B1F026488F56E",
       "low",
       {},
       0.0},
  };
  for (const Case& expected : cases) {
    SCOPED_TRACE(expected.text);
    const auto said = parse_audiomoth_comment(expected.text);
    ASSERT_TRUE(said.has_value());
    EXPECT_EQ(start_of(*said), expected.start);
    EXPECT_EQ(said->serial.value_or(""), expected.serial);
    EXPECT_EQ(said->gain, expected.gain);
    EXPECT_EQ(said->battery_v, expected.battery_v);
    EXPECT_EQ(said->temperature_c, expected.temperature_c);
    EXPECT_EQ(said->model, "AudioMoth");
    EXPECT_EQ(said->comment, expected.text);
  }
  EXPECT_EQ(parse_audiomoth_comment(cases[5].text)->deployment, "9A3E0C5D7B1F2468");
}

TEST(AudioMothComment, OtherProseIsNone) {
  for (const char* text :
       {"", "Recorded at home", "Recorded at 19:00:00 28/05/2018 by my uncle",
        "Recorded at 19:00:00 31/02/2018 (UTC) by AudioMoth 0123456789ABCDEF at gain setting 2"})
    EXPECT_FALSE(parse_audiomoth_comment(text).has_value()) << text;
}

TEST(Guano, FieldsAndItsFormsOfTimeAndPlaceAreUnderstood) {
  const auto said = parse_guano(
      "GUANO|Version: 1.0\nTimestamp: 2017-04-02T03:21:15.123-06:00\nMake: Pettersson\nModel: "
      "D500X\n"
      "Serial: 1234\nFirmware Version: 2.1\nTE: 10\nSamplerate: 500000\nLoc Position: 32.1878016 "
      "-86.1057312\n"
      "Loc Elevation: 123.5\nTemperature Int: 30.5\nTemperature Ext: 21.25\nOAD|Battery Voltage: "
      "4.1\n"
      "OAD|Gain: medium\nNote: a river\r\nSpecies Auto ID: MYSO");
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(start_of(*said), "2017-04-02T03:21:15.123-06:00");
  EXPECT_EQ(said->latitude_deg, 32.1878016);
  EXPECT_EQ(said->longitude_deg, -86.1057312);
  EXPECT_EQ(said->elevation_m, 123.5);
  EXPECT_EQ(said->temperature_c, 21.25);
  EXPECT_EQ(said->battery_v, 4.1);
  EXPECT_EQ(said->gain, "medium");
  EXPECT_EQ(said->make, "Pettersson");
  EXPECT_EQ(said->model, "D500X");
  EXPECT_EQ(said->serial, "1234");
  EXPECT_EQ(said->firmware, "2.1");
  EXPECT_EQ(said->time_expansion, 10);
  EXPECT_EQ(said->sample_rate_hz, 500'000);
  EXPECT_EQ(said->comment, "a river");
  const auto of = [](const std::string& line) {
    return parse_guano("GUANO|Version:1.0\nNote:x\n" + line).value();
  };
  EXPECT_EQ(start_of(of("Timestamp: 2017-04-02 03:21:15")), "2017-04-02T03:21:15");
  EXPECT_EQ(start_of(of("Timestamp: 2017-04-02T03:21:15Z")), "2017-04-02T03:21:15Z");
  EXPECT_EQ(start_of(of("Timestamp: yesterday")), "");
  EXPECT_EQ(of("Loc Position: (50.5N, 1.25W)").longitude_deg, -1.25);
  EXPECT_EQ(of("Loc Position: 0.0 0.0").latitude_deg, std::nullopt);
  EXPECT_EQ(of("Loc Position: 91 0").latitude_deg, std::nullopt);
  EXPECT_EQ(of("Temperature Int: 30.5").temperature_c, 30.5);
  EXPECT_FALSE(parse_guano("Timestamp: 2017-04-02T03:21:15Z").has_value());
}

TEST(Wamd, RecordsAreUnderstoodAndTornOnesEndIt) {
  const std::string whole =
      wamd_field(0x00, little_endian<std::uint16_t>(1)) + wamd_field(0x01, "SM4BAT-FS") +
      wamd_field(0x02, "S4U09523") + wamd_field(0x03, "2.2.1") +
      wamd_field(0x05, "2014-04-02 22:59:14-05:00") +
      wamd_field(0x06, "WGS84, 44.5, N, 68.25, W, 12") + wamd_field(0x0A, "by the lake") +
      wamd_field(0x0F, little_endian<std::uint16_t>(10)) + wamd_field(0x15, "21.50C") +
      wamd_field(0xFFFF, "\0\0");
  const auto said = parse_wamd(whole);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(start_of(*said), "2014-04-02T22:59:14-05:00");
  EXPECT_EQ(said->model, "SM4BAT-FS");
  EXPECT_EQ(said->serial, "S4U09523");
  EXPECT_EQ(said->latitude_deg, 44.5);
  EXPECT_EQ(said->longitude_deg, -68.25);
  EXPECT_EQ(said->elevation_m, 12);
  EXPECT_EQ(said->time_expansion, 10);
  EXPECT_EQ(said->temperature_c, 21.5);
  EXPECT_EQ(said->comment, "by the lake");
  const auto signs = parse_wamd(wamd_field(0x06, "WGS84,-44.5,-68.25"));
  EXPECT_EQ(signs->latitude_deg, -44.5);
  EXPECT_EQ(signs->longitude_deg, -68.25);
  EXPECT_EQ(start_of(*parse_wamd(wamd_field(0x05, "2014-04-02 22:59:14.000"))),
            "2014-04-02T22:59:14");
  for (std::size_t n = 0; n < whole.size(); ++n) (void)parse_wamd(whole.substr(0, n));
  EXPECT_FALSE(parse_wamd("").has_value());
}

TEST(Bext, TheTimeReferenceGivesFractionsOnlyWhereItAgrees) {
  const auto at = [](std::uint64_t reference) {
    return start_of(*parse_bext(bext("2019-05-22", "06:00:00", reference), 48'000));
  };
  constexpr std::uint64_t kSix = 6ULL * 3600 * 48'000;
  EXPECT_EQ(at(0), "2019-05-22T06:00:00");
  EXPECT_EQ(at(kSix + 24'000), "2019-05-22T06:00:00.500");
  EXPECT_EQ(at(kSix + 480'000), "2019-05-22T06:00:00");  // It counts something else.
  EXPECT_EQ(at(UINT64_MAX), "2019-05-22T06:00:00");
  EXPECT_EQ(start_of(*parse_bext(bext("2019:05:22", "06-00-01", 0), 0)), "2019-05-22T06:00:01");
  EXPECT_EQ(start_of(*parse_bext(bext("0000-00-00", "00:00:00", 0), 0)), "");
  EXPECT_EQ(parse_bext(bext("2019-05-22", "06:00:00", 0), 0)->comment, "the description");
  EXPECT_FALSE(parse_bext("too short", 0).has_value());
}

TEST(Ixml, TimePlaceAndNoteAreUnderstood) {
  const auto said = parse_ixml(
      "<?xml version=\"1.0\"?><BWFXML><IXML_VERSION>1.5</IXML_VERSION><NOTE>A &amp; B</NOTE><SPEED>"
      "<FILE_SAMPLE_RATE>96000</FILE_SAMPLE_RATE></SPEED><BEXT><BWF_ORIGINATION_DATE>2019-05-22"
      "</BWF_ORIGINATION_DATE><BWF_ORIGINATION_TIME>06:00:00</BWF_ORIGINATION_TIME></"
      "BEXT><LOCATION>"
      "<LOCATION_GPS>47.756787, "
      "-123.729977</LOCATION_GPS><LOCATION_ALTITUDE>12.5</LOCATION_ALTITUDE>"
      "</LOCATION></BWFXML>");
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(start_of(*said), "2019-05-22T06:00:00");
  EXPECT_EQ(said->latitude_deg, 47.756787);
  EXPECT_EQ(said->longitude_deg, -123.729977);
  EXPECT_EQ(said->elevation_m, 12.5);
  EXPECT_EQ(said->sample_rate_hz, 96'000);
  EXPECT_EQ(said->comment, "A & B");
  EXPECT_FALSE(parse_ixml("<BWFXML>").has_value());
}

TEST(RecorderName, TimesAreFoundAndNothingIsInvented) {
  const auto check = [](const char* name, const char* start, const char* serial = "") {
    SCOPED_TRACE(name);
    const auto said = parse_recorder_name(name);
    ASSERT_TRUE(said.has_value());
    EXPECT_EQ(start_of(*said), start);
    EXPECT_EQ(said->serial.value_or(""), serial);
  };
  check("S4A03895_20190522_060000.wav", "2019-05-22T06:00:00", "S4A03895");
  check("SITE-7_0+1_20161023$195550.wac", "2016-10-23T19:55:50");
  check("20190522_060000.WAV", "2019-05-22T06:00:00");
  check("20190522_060000T.WAV", "2019-05-22T06:00:00");
  check("20240528_100000_125.WAV", "2024-05-28T10:00:00.125");
  check("20190522T060000Z.flac", "2019-05-22T06:00:00Z");
  check("20200331T063902+1000_REC [-27.5 153.25].flac", "2020-03-31T06:39:02+10:00");
  check("SWIFT01_20210715_060000-0400.wav", "2021-07-15T06:00:00-04:00");
  check("SWIFT01_20210715_060000_-0400.wav", "2021-07-15T06:00:00-04:00");
  check("S1067_20190522_060000_Z012.wav", "2019-05-22T06:00:00");
  check("LOCA_2021_09_24_652_3.wav", "2021-09-24T06:52:00");
  check("2021_09_24_06_52_03.wav", "2021-09-24T06:52:03");
  check("site 2021-09-24T06-52-03.5.mp3", "2021-09-24T06:52:03");
  check("5AB2CD3E.WAV", "2018-03-21T21:23:10Z");
  check("671879189.200101120000.wav", "2020-01-01T12:00:00", "671879189");
  check("5146.210320120000.wav", "2021-03-20T12:00:00", "5146");
  check("AMAR668.9.20190524T120000Z.wav", "2019-05-24T12:00:00Z");
  check("190522-060000.wav", "2019-05-22T06:00:00");
  check("RBW6661_20200101_000000.wav", "2020-01-01T00:00:00");
  check("20190522_060000_123456.wav", "2019-05-22T06:00:00.123");
  EXPECT_EQ(parse_recorder_name("20200331T063902+1000_REC [-27.5 153.25].flac")->latitude_deg,
            -27.5);
  for (const char* name : {"", ".", ".wav", "aru_1.wav", "birds_10s.wav", "20190522.wav",
                           "2019.wav", "12345678_123456.wav", "20191322_060000.wav", "DEADBEEF.wav",
                           "20190522_0600001.wav", "1.2.3", "00000000.WAV", "1-2-2019.wav"})
    EXPECT_FALSE(parse_recorder_name(name).has_value()) << name;
}

class RecorderFile : public ::testing::Test {
 protected:
  RecorderMetadata read(const std::string& bytes,
                        const std::string& name = "a.wav",
                        const RecorderMetadataOptions& options = {}) {
    write_bytes(dir_ / name, bytes);
    const Result<RecorderMetadata> metadata = read_recorder_metadata(dir_ / name, options);
    EXPECT_TRUE(metadata.ok());
    return metadata.ok() ? *metadata : RecorderMetadata{};
  }
  TempDir dir_{testing::memory_folder()};
};

constexpr const char* kGuano = "GUANO|Version:1.0\nTimestamp:2019-05-22T06:00:00+02:00\nMake:X\n";

TEST_F(RecorderFile, ATimeWithAZoneWinsAndEachFactSaysWhereItStands) {
  const RecorderMetadata metadata =
      read(wav_with(chunk("bext", bext("2019-05-22", "06:00:00", 0)) + chunk("guan", kGuano)),
           "20190522_060000.wav");
  EXPECT_EQ(metadata.start_rfc3339(), "2019-05-22T04:00:00.000Z");
  EXPECT_EQ(metadata.start->source, "guano");
  EXPECT_EQ(metadata.utc_offset_s->value, 7200);
  EXPECT_EQ(metadata.make->source, "guano");
  EXPECT_EQ(metadata.comment->source, "bext");
  EXPECT_THAT(metadata.contradictions, IsEmpty());
}

TEST_F(RecorderFile, ALocalTimeStaysLocalUnlessTheZoneIsGiven) {
  const std::string bytes = wav_with("");
  const RecorderMetadata local = read(bytes, "S4A03895_20190522_060000.wav");
  EXPECT_EQ(local.start_utc_us, std::nullopt);
  EXPECT_EQ(to_string(local.start->value), "2019-05-22T06:00:00");
  const RecorderMetadata known =
      read(bytes, "S4A03895_20190522_060000.wav", {.utc_offset_s = -4 * 3600});
  EXPECT_EQ(known.start_rfc3339(), "2019-05-22T10:00:00.000Z");
  EXPECT_EQ(known.start_utc_us->source, "file name, in the zone that was given");
  // A zone that is stated is not overruled.
  EXPECT_EQ(read(bytes, "20190522T060000Z.wav", {.utc_offset_s = 3600}).start_rfc3339(),
            "2019-05-22T06:00:00.000Z");
}

TEST_F(RecorderFile, ContradictionsAreReported) {
  const std::string guano = chunk(
      "guan", std::string(kGuano) + "Serial:1\nSamplerate:500000\nLoc Position:10 20\nTE:1\n");
  const std::string wamd = chunk("wamd", wamd_field(0x02, "2") + wamd_field(0x06, "WGS84,10.5,20"));
  const RecorderMetadata metadata = read(wav_with(guano + wamd), "20190522_063000.wav");
  EXPECT_EQ(metadata.serial->value, "1");
  EXPECT_EQ(metadata.latitude_deg->value, 10);
  // 06:30 local and 04:00 UTC: there is a zone of +02:30 nowhere now, but it is a possible one.
  EXPECT_THAT(metadata.contradictions,
              ElementsAre(HasSubstr("latitude: 10 by guano, but 10.5 by wamd"),
                          HasSubstr("serial: 1 by guano, but 2 by wamd"),
                          HasSubstr("sample rate: 500000 Hz by guano, but 48000 Hz")));
  EXPECT_THAT(read(wav_with(guano), "20190522_060700.wav").contradictions,
              ElementsAre(HasSubstr("start: 2019-05-22T06:00:00+02:00 by guano, but "
                                    "2019-05-22T06:07:00 by file name"),
                          HasSubstr("sample rate")));
  EXPECT_THAT(read(wav_with(chunk("guan", kGuano)), "20190522T060000Z.wav").contradictions,
              ElementsAre(HasSubstr("start:")));
}

TEST_F(RecorderFile, TimeExpansionExplainsTheRate) {
  const std::string guano = "GUANO|Version:1.0\nTE:10\nSamplerate:480000\n";
  const RecorderMetadata metadata = read(wav_with(chunk("guan", guano)));
  EXPECT_EQ(metadata.sample_rate_hz->value, 480'000);
  EXPECT_EQ(metadata.time_expansion->value, 10);
  EXPECT_THAT(metadata.contradictions, IsEmpty());
}

TEST_F(RecorderFile, TagsOfOtherFormatsSpeakTheSameLanguages) {
  const RecorderMetadata metadata =
      read("no WAV file at all", "a.flac",
           {.tags = {{"artist", "AudioMoth 24526B065D325963"},
                     {"comment",
                      "Recorded at 10:25:00 04/04/2020 (UTC) by AudioMoth 24526B065D325963 at gain "
                      "setting 2 while battery state was 4.7V."}}});
  EXPECT_EQ(metadata.start_rfc3339(), "2020-04-04T10:25:00.000Z");
  EXPECT_EQ(metadata.serial->value, "24526B065D325963");
  EXPECT_EQ(metadata.battery_v->value, 4.7);
}

TEST_F(RecorderFile, SamplesOfMoreThanFourGigabytesAreSteppedOver) {
  std::string head =
      "RF64" + little_endian<std::uint32_t>(0xFFFFFFFF) + "WAVE" +
      chunk("ds64", little_endian<std::uint64_t>(5'000'000'100) +
                        little_endian<std::uint64_t>(5'000'000'000) +
                        little_endian<std::uint64_t>(0) + little_endian<std::uint32_t>(0)) +
      "data" + little_endian<std::uint32_t>(0xFFFFFFFF);
  write_bytes(dir_ / "a.wav", head);
  std::filesystem::resize_file(dir_ / "a.wav", head.size() + 5'000'000'000);
  std::ofstream(dir_ / "a.wav", std::ios::binary | std::ios::app) << chunk("guan", kGuano);
  EXPECT_EQ(read_recorder_metadata(dir_ / "a.wav")->start_rfc3339(), "2019-05-22T04:00:00.000Z");
}

TEST_F(RecorderFile, HostileFilesSayLessButHarmNothing) {
  const std::string whole = wav_with(
      chunk("bext", bext("2019-05-22", "06:00:00", 7)) + chunk("guan", kGuano) +
      chunk("wamd", wamd_field(0x01, "SM4") + wamd_field(0x06, "WGS84, 44.5, N, 68.25, W")) +
      chunk("LIST",
            "INFO" + chunk("ICMT", "opso_metadata{\"comment\": \"x\"}") + chunk("IART", "b")) +
      chunk("iXML", "<BWFXML><NOTE>x</NOTE></BWFXML>"));
  for (std::size_t n = 0; n <= whole.size(); ++n) (void)read(whole.substr(0, n));
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = whole;
    for (int j = 0; j < 4; ++j) damaged[random() % damaged.size()] = static_cast<char>(random());
    const RecorderMetadata metadata = read(damaged);
    EXPECT_LE(metadata.latitude_deg ? std::abs(metadata.latitude_deg->value) : 0.0, 90);
  }
  std::string many = "RIFF" + little_endian<std::uint32_t>(0xFFFFFFF0) + "WAVE";
  for (int i = 0; i < 5000; ++i) many += chunk("LIST", "INFO");
  (void)read(many);
  EXPECT_EQ(read_recorder_metadata(dir_ / "none").error().code, ErrorCode::file_not_found);
}

// What the recordings of the shared folder really hold, looked at with ffprobe and xxd.
TEST(SharedRecorderFiles, AreUnderstood) {
  const auto shared = testing::shared_dir();
  if (!shared) GTEST_SKIP() << "no shared recordings (set BALEEN_SHARED)";
  const auto read = [&](const char* name) {
    return read_recorder_metadata(*shared / "audio" / name).value();
  };
  const RecorderMetadata gps = read("bioacoustic/audiomoth_gps.wav");
  EXPECT_EQ(gps.start_rfc3339(), "2024-05-28T10:00:00.000Z");
  EXPECT_EQ(gps.start->source, "opensoundscape");
  EXPECT_EQ(gps.serial->value, "243B1F026488F56E");
  EXPECT_EQ(gps.gain->value, "medium");
  EXPECT_EQ(gps.battery_v->value, 3.8);
  EXPECT_EQ(gps.temperature_c->value, 12.8);
  const RecorderMetadata moth = read("bioacoustic/metadata.wav");
  EXPECT_EQ(moth.start_rfc3339(), "2020-04-04T10:25:00.000Z");
  EXPECT_EQ(moth.start->source, "audiomoth");
  EXPECT_EQ(moth.gain->value, "2");
  EXPECT_EQ(moth.battery_v->value, 4.7);
  const RecorderMetadata clip = read("bioacoustic/LOCA_2021_09_24_652_3.wav");
  EXPECT_EQ(clip.start_rfc3339(), "2021-09-24T06:52:00.000Z");
  EXPECT_EQ(clip.start->source, "opensoundscape");
  const RecorderMetadata site = read("soundscape24h/S4A03895_20190522_180000.wav");
  EXPECT_EQ(to_string(site.start->value), "2019-05-22T18:00:00");
  EXPECT_EQ(site.serial->value, "S4A03895");
  EXPECT_FALSE(site.start_utc_us.has_value());
  EXPECT_FALSE(read("bioacoustic/bat_test_file_441kHz.wav").start.has_value());
  for (const RecorderMetadata& metadata : {gps, moth, clip, site})
    EXPECT_THAT(metadata.contradictions, IsEmpty());
}

TEST(SharedRecorderFiles, LibavsTagsSayTheSame) {
  const auto shared = testing::shared_dir();
  if (!shared) GTEST_SKIP() << "no shared recordings (set BALEEN_SHARED)";
  const auto tags = media_tags(*shared / "audio/bioacoustic/metadata.wav");
  ASSERT_TRUE(tags.ok()) << tags.error().to_string();
  const std::vector<RecorderStatement> said = parse_tags(*tags);
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(start_of(said[0]), "2020-04-04T10:25:00Z");
}

}  // namespace
}  // namespace baleen::audio
