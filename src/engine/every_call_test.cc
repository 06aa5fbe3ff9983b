// Every system call of a history fails once: what the disk refuses is told, and asking again ends as if nothing had
// been refused.

#include "core/testing/syscall_faults.h"
#include "engine/testing/world.h"

namespace baleen::engine {
namespace {

using core::testing::syscall_faults;
using testing::World;

struct Fault {
  const char* call;
  int error;
};

class EveryCall : public ::testing::TestWithParam<Fault> {
 protected:
  ~EveryCall() override { syscall_faults().reset(); }
};

TEST_P(EveryCall, FailsOnceAndTheEndIsTheSame) {
  World undisturbed;
  undisturbed.play();
  const std::string expected = undisturbed.end();
  int n_tried = 0;
  for (std::int64_t i = 0;; ++i) {
    SCOPED_TRACE(std::string(GetParam().call) + " " + std::to_string(i));
    World world;
    world.is_expected = [](const Error&) { return true; };
    syscall_faults().reset();
    syscall_faults().call = GetParam().call;
    syscall_faults().error = GetParam().error;
    syscall_faults().skipped = i;
    world.play();
    const bool was_met = syscall_faults().times == 0;
    syscall_faults().reset();
    const std::string end = world.end();
    // What cannot be removed stays, and the log says so.
    const bool may_stay = std::string_view(GetParam().call) == "unlink";
    EXPECT_EQ(may_stay ? end.substr(0, end.find("left behind")) : end, expected);
    if (!was_met || ::testing::Test::HasFailure()) break;
    ++n_tried;
  }
  EXPECT_GT(n_tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Calls,
                         EveryCall,
                         ::testing::Values(Fault{"fsync", EIO},
                                           Fault{"rename", EIO},
                                           Fault{"rename", ENOSPC},
                                           Fault{"open", EMFILE},
                                           Fault{"pwrite", ENOSPC},
                                           Fault{"pwrite", EIO},
                                           Fault{"pwrite", 0},
                                           Fault{"pread", EIO},
                                           Fault{"unlink", EACCES},
                                           Fault{"lseek", EIO}),
                         [](const auto& fault) {
                           return std::string(fault.param.call) + std::to_string(fault.param.error);
                         });

/// What an ingested file and an upload are must be safe on the disk before they have their names.
TEST(Durability, TheOriginalIsSyncedBeforeItIsRenamedAndItsFolderAfter) {
  World world;
  syscall_faults().reset();
  syscall_faults().is_logging = true;
  world.ingest(7);
  const auto log = syscall_faults().log;
  syscall_faults().reset();
  const auto rename = std::find(log.begin(), log.end(), "rename");
  ASSERT_NE(rename, log.end());
  EXPECT_NE(std::find(log.begin(), rename, "fsync file"), rename);
  ASSERT_NE(rename + 1, log.end());
  EXPECT_EQ(*(rename + 1), "fsync folder");
  EXPECT_NE(std::find(rename + 2, log.end(), "fsync folder"), log.end())
      << "its parent is new as well";
}

TEST(Durability, AnUploadIsSyncedBeforeItsDigestIsRecorded) {
  World world;
  world.ingest(7);
  syscall_faults().reset();
  syscall_faults().is_logging = true;
  world.upload();
  const auto log = syscall_faults().log;
  syscall_faults().reset();
  const auto rename = std::find(log.begin(), log.end(), "rename");
  ASSERT_NE(rename, log.end());
  EXPECT_NE(std::find(log.begin(), rename, "fsync file"), rename);
}

}  // namespace
}  // namespace baleen::engine
