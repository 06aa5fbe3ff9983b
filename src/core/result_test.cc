#include "core/result.h"

#include <gtest/gtest.h>

namespace baleen::core {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorCode::invalid_argument, "{} is odd", number);
  return number / 2;
}

Result<int> quarter(int number) {
  BALEEN_ASSIGN_OR_RETURN(const int once, half(number));
  return half(once);
}

Result<void> require_even(int number) {
  BALEEN_RETURN_IF_ERROR(half(number));
  return {};
}

TEST(Result, CarriesTheValueOrTheError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_FALSE(require_even(3).ok());
  EXPECT_TRUE(require_even(4).ok());
}

TEST(Error, ContextGoesInFront) {
  Error error = fail(ErrorCode::file_corrupt, "no frames");
  EXPECT_EQ(std::move(error).context("decode stage").to_string(),
            "FILE_CORRUPT: decode stage: no frames");
}

TEST(ErrorCatalogue, EveryCodeIsFoundByItsNameAndHasACauseAndANextStep) {
  for (const ErrorInfo& info : kErrorCatalogue) {
    SCOPED_TRACE(info.name);
    EXPECT_EQ(parse_error_code(info.name), info.code);
    EXPECT_EQ(error_info(info.code).name, info.name);
    EXPECT_FALSE(info.cause.empty());
    EXPECT_FALSE(info.action.empty());
  }
  EXPECT_EQ(parse_error_code("NO_SUCH_CODE"), std::nullopt);
}

TEST(ErrorCatalogue, MapsErrnoToTheCodeAUserCanActOn) {
  EXPECT_EQ(errno_error(ENOSPC, "write").code, ErrorCode::disk_full);
  EXPECT_EQ(errno_error(EACCES, "open").code, ErrorCode::permission_denied);
  EXPECT_EQ(errno_error(ENOENT, "open").code, ErrorCode::file_not_found);
  EXPECT_EQ(errno_error(EIO, "read").code, ErrorCode::io_error);
  for (const int full : {EFBIG, EDQUOT})
    EXPECT_EQ(errno_error(full, "write").code, ErrorCode::disk_full);
  for (const int denied : {EPERM, EROFS})
    EXPECT_EQ(errno_error(denied, "open").code, ErrorCode::permission_denied);
  for (const int none : {ELOOP, ENAMETOOLONG, ENOTDIR})
    EXPECT_EQ(errno_error(none, "open").code, ErrorCode::file_not_found);
}

TEST(ResultDeathTest, TakingWhatIsNotThereEndsTheProgram) {
  Result<int> number = 3;
  Result<int> none = fail(ErrorCode::conflict, "none");
  Result<void> nothing;
  Result<void> broken = fail(ErrorCode::conflict, "none");
  EXPECT_DEATH((void)none.value(), "");
  EXPECT_DEATH((void)number.error(), "");
  EXPECT_DEATH((void)nothing.error(), "");
  EXPECT_DEATH((void)std::move(nothing).error(), "");
  EXPECT_EQ(std::move(broken).error().message, "none");
  EXPECT_TRUE(number && nothing);
  EXPECT_FALSE(none);
}

}  // namespace
}  // namespace baleen::core
