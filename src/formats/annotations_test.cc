#include "formats/annotations.h"

#include <gmock/gmock.h>

#include <random>

#include "core/file.h"

namespace baleen::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string golden(const std::string& name) {
  return core::read_text_file(std::filesystem::path(BALEEN_SOURCE_DIR "/tests/golden/annotations") /
                              name)
      .value();
}

Annotation make(std::string file,
                double start_s,
                double end_s,
                std::optional<double> low_hz,
                std::optional<double> high_hz,
                std::string label) {
  Annotation a;
  a.file = std::move(file);
  a.start_s = start_s;
  a.end_s = end_s;
  a.low_hz = low_hz;
  a.high_hz = high_hz;
  a.label = std::move(label);
  a.source = "test";
  a.is_manual = true;
  return a;
}

const AnnotationReadOptions kOptions = {
    .source = "test", .default_file = "x.wav", .label_column = {}, .files = {}};

std::string message_of(const Result<std::vector<Annotation>>& result) {
  EXPECT_FALSE(result.ok());
  if (result.ok()) return "";
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  return result.error().message;
}

// Golden: tests/golden/annotations/ORIGIN.md.
TEST(AnnotationGolden, RavenListsHaveOffsetsInTheirFiles) {
  const auto read = read_raven(golden("raven_list.selections.txt"), kOptions);
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_THAT(*read, ElementsAre(make("a.wav", 2.5, 4, 812.5, 3000, "song"),
                                 make("b.wav", 1.25, 2, 100, 250, "call \"low\"")));
}

TEST(AnnotationGolden, AudacityLabelsHaveBands) {
  const auto read = read_audacity(golden("audacity_labels.txt"), kOptions);
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_THAT(*read, ElementsAre(make("x.wav", 2.5, 4, 812.5, 3000, "song"),
                                 make("x.wav", 10, 10, {}, {}, "point"),
                                 make("x.wav", 20, 21.5, {}, 5000, "")));
  EXPECT_EQ(write_audacity(*read), golden("audacity_labels.txt"));
}

TEST(AnnotationGolden, KaleidoscopePutsPeopleBeforeItself) {
  const auto bats = read_kaleidoscope(golden("kaleidoscope_id.csv"), kOptions);
  ASSERT_TRUE(bats.ok()) << bats.error().to_string();
  Annotation automatic =
      make("site1/night1/S4U09523_20190522_220000.wav", 0, 4.5, 38'250, 62'500, "MYOLUC");
  automatic.is_manual = false;
  automatic.confidence = 0.75;
  EXPECT_THAT(*bats, ElementsAre(automatic, make("b,1.wav", 1.5, 3.5, 18'000, 30'000, "EPTFUS")));
  const auto clusters = read_kaleidoscope(golden("kaleidoscope_cluster.csv"), kOptions);
  ASSERT_TRUE(clusters.ok()) << clusters.error().to_string();
  Annotation cluster = make("site1/c.wav", 12.25, 13, 2500, 3500, "cluster01");
  cluster.is_manual = false;
  EXPECT_THAT(*clusters, ElementsAre(cluster));
}

/// Annotations of two files with everything that a table can hold, in microseconds.
std::vector<Annotation> random_annotations(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Annotation> annotations;
  for (int i = 0; i < 30; ++i) {
    const double start_s = static_cast<double>(random() % 3'000'000'000) / 1e6;
    const double end_s =
        rounded_to_millionths(start_s + static_cast<double>(random() % 9'000'000) / 1e6);
    Annotation a = make(random() % 2 == 0 ? "a.wav" : "b b.wav", start_s, end_s, {}, {},
                        "l, \"" + std::to_string(random() % 5) + "\" \xC3\xA4");
    if (random() % 2 == 0) {
      a.low_hz = static_cast<double>(random() % 10'000'000) / 1000;
      a.high_hz = *a.low_hz + 1000;
    }
    if (random() % 2 == 0) {
      a.confidence = static_cast<double>(random() % 1000) / 1000;
      a.is_manual = false;
    }
    annotations.push_back(std::move(a));
  }
  return annotations;
}

void expect_near(const std::vector<Annotation>& read, const std::vector<Annotation>& expected) {
  ASSERT_EQ(read.size(), expected.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].file, expected[i].file);
    EXPECT_EQ(read[i].label, expected[i].label);
    EXPECT_EQ(read[i].confidence, expected[i].confidence);
    EXPECT_EQ(read[i].is_manual, expected[i].is_manual);
    EXPECT_NEAR(read[i].start_s, expected[i].start_s, 1e-9);
    EXPECT_NEAR(read[i].end_s, expected[i].end_s, 1e-9);
    EXPECT_EQ(read[i].low_hz.has_value(), expected[i].low_hz.has_value());
    EXPECT_NEAR(read[i].low_hz.value_or(0), expected[i].low_hz.value_or(0), 1e-6);
    EXPECT_NEAR(read[i].high_hz.value_or(0), expected[i].high_hz.value_or(0), 1e-6);
  }
}

TEST(AnnotationRoundTrip, RavenKeepsAllWithAndWithoutOffsets) {
  const std::vector<AnnotatedFile> files = {{"a.wav", 4000.123456, "/rec/a.wav"},
                                            {"b b.wav", 5000, ""}};
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const std::vector<Annotation> annotations = random_annotations(seed);
    const std::string table = write_raven(annotations, files).value();
    expect_near(read_raven(table, kOptions).value(), annotations);
    // The same without the columns of the file: the cumulative times and the durations say it, too.
    AnnotationReadOptions options = kOptions;
    options.files = files;
    std::string cumulative = table;
    cumulative.replace(cumulative.find("File Offset (s)"), 15, "Something Else");
    cumulative.replace(cumulative.find("Begin File"), 10, "Some File");
    expect_near(read_raven(cumulative, options).value(), annotations);
  }
}

TEST(AnnotationRoundTrip, AudacityKeepsTimesBandsAndLabels) {
  std::vector<Annotation> annotations = random_annotations(1);
  for (Annotation& a : annotations) {
    a.file = "x.wav";
    a.confidence.reset();
    a.is_manual = true;
  }
  expect_near(read_audacity(write_audacity(annotations), kOptions).value(), annotations);
}

TEST(AnnotationRoundTrip, KaleidoscopeKeepsAll) {
  std::vector<Annotation> annotations = random_annotations(2);
  for (Annotation& a : annotations) a.file = "night 1/" + a.file;
  expect_near(read_kaleidoscope(write_kaleidoscope(annotations), kOptions).value(), annotations);
}

constexpr const char* kRavenHeader =
    "Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin "
    "File\tSpecies\tScore\n";

TEST(Raven, CumulativeTimesOfSeveralFilesNeedTheirDurations) {
  const std::string table =
      std::string(kRavenHeader) + "1\t1\t2\t\t\ta.wav\tx\t\n2\t11\t12\t\t\tb.wav\ty\t0.5\n";
  EXPECT_THAT(message_of(read_raven(table, kOptions)), HasSubstr("File Offset (s)"));
  AnnotationReadOptions options = kOptions;
  options.files = {{"a.wav", 10, ""}, {"b.wav", 10, ""}};
  const auto read = read_raven(table, options).value();
  EXPECT_EQ(read[1].file, "b.wav");
  EXPECT_EQ(read[1].start_s, 1);
  EXPECT_EQ(read[1].end_s, 2);
  EXPECT_EQ(read[1].confidence, 0.5);
  EXPECT_FALSE(read[1].is_manual);
  options.files.pop_back();
  EXPECT_THAT(message_of(read_raven(table, options)),
              HasSubstr("line 3: the times count through several recordings, and b.wav is not"));
  options.files = {{"b.wav", 10, ""}, {"a.wav", 10, ""}};
  EXPECT_THAT(message_of(read_raven(table, options)),
              HasSubstr("line 2: begins at 1 s since the first recording, which is not in a.wav"));
}

TEST(Raven, OneNamedFileIsNotPlacedByItsTimesAmongOthers) {
  const std::string table = std::string(kRavenHeader) + "1\t1\t2\t\t\tb.wav\tx\t\n";
  AnnotationReadOptions options = kOptions;
  options.files = {{"a.wav", 10, ""}, {"b.wav", 10, ""}};
  const auto read = read_raven(table, options).value();
  EXPECT_EQ(read[0].file, "b.wav");
  EXPECT_EQ(read[0].start_s, 1);
  EXPECT_EQ(read[0].line, 2);
}

TEST(AnnotationFormat, IsToldByTheFirstLine) {
  EXPECT_EQ(detect_annotation_format("\xEF\xBB\xBF" + std::string(kRavenHeader)).value(), "raven");
  EXPECT_EQ(detect_annotation_format("\r\n0.5\t1.25\tcall\n").value(), "audacity");
  EXPECT_EQ(detect_annotation_format("INDIR,FOLDER,IN FILE,offset,\"DURATION\"\r\n").value(),
            "kaleidoscope");
  for (const char* other : {"", "a,b\n", "Begin Time (s),End Time (s)\n", "1,5\t2\tx\n"})
    EXPECT_EQ(detect_annotation_format(other).error().code, ErrorCode::invalid_argument) << other;
  EXPECT_TRUE(names_its_files(kRavenHeader));
  EXPECT_FALSE(names_its_files("0.5\t1.25\tcall\n"));
  EXPECT_FALSE(read_annotations("word", "", kOptions).ok());
}

TEST(Raven, WhatIsWrongIsNamedByLineAndColumn) {
  const auto message = [](const std::string& line) {
    return message_of(read_raven(kRavenHeader + line, kOptions));
  };
  EXPECT_THAT(message("1\t1,5\t2\t\t\ta\tx\t\n"),
              HasSubstr("line 2, column Begin Time (s): \"1,5\" has a decimal comma"));
  EXPECT_THAT(message("1\t\t2\t\t\ta\tx\t\n"), HasSubstr("column Begin Time (s): empty"));
  EXPECT_THAT(message("1\t3\t2\t\t\ta\tx\t\n"), HasSubstr("line 2: from 3 to 2 s"));
  EXPECT_THAT(message("1\t1\t2\t500\t100\ta\tx\t\n"), HasSubstr("500 to 100 Hz"));
  EXPECT_THAT(message("1\t-1\t2\t\t\ta\tx\t\n"), HasSubstr("before 0"));
  EXPECT_THAT(message_of(read_raven("a\tb\n", kOptions)),
              HasSubstr("no column \"Begin Time (s)\""));
  EXPECT_FALSE(write_raven(std::vector<Annotation>{make("z.wav", 0, 1, {}, {}, "")}, {}).ok());
}

TEST(Audacity, WhatIsWrongIsNamedByLine) {
  const auto message = [](std::string_view text) {
    return message_of(read_audacity(text, kOptions));
  };
  EXPECT_THAT(message("1,5\t2\tx\n"), HasSubstr("line 1: \"1,5\" has a decimal comma"));
  EXPECT_THAT(message("\\\t1\t2\n"), HasSubstr("line 1: frequencies without a label"));
  EXPECT_THAT(message("1\t2\ta\n\\\t5\t2\n"), HasSubstr("line 2: from 1 to 2 s, 5 to 2 Hz"));
  EXPECT_THAT(message("hello\n"), HasSubstr("line 1: no start, end and label"));
}

TEST(Kaleidoscope, WhatIsWrongIsNamed) {
  EXPECT_THAT(message_of(read_kaleidoscope("IN FILE;OFFSET;DURATION\na;1,5;2\n", kOptions)),
              HasSubstr("separated by semicolons"));
  EXPECT_THAT(message_of(read_kaleidoscope("IN FILE,OFFSET,DURATION\na,\"1,5\",2\n", kOptions)),
              HasSubstr("decimal comma"));
}

TEST(DarwinCore, WhatIsNotKnownStaysEmpty) {
  Occurrence known;
  known.occurrence_id = "set-1:0";
  known.annotation = make("a.wav", 1.5, 3, 100, {}, "whale, \"humpback\"");
  known.scientific_name = "Megaptera novaeangliae";
  known.recording_start_us = 1'558'504'800'000'000;
  known.latitude_deg = -27.5;
  known.longitude_deg = 153.25;
  known.elevation_m = -40;
  known.identified_by = "A. Nna";
  known.location_id = "deployment-7";
  Occurrence unknown;
  unknown.occurrence_id = "set-1:1";
  unknown.annotation = make("a.wav", 0, 1, {}, {}, "cluster 3");
  unknown.annotation.is_manual = false;
  unknown.annotation.confidence = 0.5;
  unknown.license = "CC0-1.0";
  EXPECT_EQ(
      write_darwin_core(std::vector<Occurrence>{known, unknown}).value(),
      "occurrenceID,basisOfRecord,occurrenceStatus,eventDate,decimalLatitude,decimalLongitude,"
      "geodeticDatum,"
      "minimumElevationInMeters,maximumElevationInMeters,locationID,scientificName,"
      "verbatimIdentification,"
      "identifiedBy,identificationVerificationStatus,identificationRemarks,recordedBy,"
      "samplingProtocol,"
      "associatedMedia,occurrenceRemarks,license\r\n"
      "set-1:0,MachineObservation,present,2019-05-22T06:00:01.500Z/"
      "2019-05-22T06:00:03.000Z,-27.5,153.25,"
      "EPSG:4326,-40,-40,deployment-7,Megaptera novaeangliae,\"whale, \"\"humpback\"\"\",A. Nna,"
      "labelled by a person,test,,,a.wav,\"1.500000 to 3.000000 s of the recording, from 100 "
      "Hz\",\r\n"
      "set-1:1,MachineObservation,present,,,,,,,,,cluster 3,,unverified,confidence 0.5 by "
      "test,,,a.wav,"
      "0.000000 to 1.000000 s of the recording,CC0-1.0\r\n");
  known.is_start_utc = false;
  EXPECT_THAT(write_darwin_core(std::vector<Occurrence>{known}).value(),
              HasSubstr(",2019-05-22T06:00:01.500/2019-05-22T06:00:03.000,"))
      << "a time of day whose zone nobody knows is no UTC";
  EXPECT_FALSE(write_darwin_core(std::vector<Occurrence>{known, known}).ok());
  known.latitude_deg = 91;
  EXPECT_FALSE(write_darwin_core(std::vector<Occurrence>{known}).ok());
}

}  // namespace
}  // namespace baleen::formats
