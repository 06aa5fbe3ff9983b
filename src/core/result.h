#pragma once

/// Result<T>: a value or an Error. The channel for every failure that is not our own bug.
///
///   Result<Clip> read(const Path& path) {
///     BALEEN_ASSIGN_OR_RETURN(const Bytes bytes, read_file(path));
///     if (bytes.empty()) return fail(ErrorCode::file_corrupt, "{}: empty", path);
///     return Clip(bytes);
///   }

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "core/check.h"
#include "core/error.h"

namespace baleen::core {

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return error;` are the whole vocabulary.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & { return checked<0>(state_); }
  [[nodiscard]] const T& value() const& { return checked<0>(state_); }
  [[nodiscard]] T&& value() && { return std::move(checked<0>(state_)); }
  [[nodiscard]] const Error& error() const& { return checked<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::move(checked<1>(state_)); }

  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

 private:
  template <std::size_t kIndex, typename State>
  static auto& checked(State& state) {
    BALEEN_CHECK(state.index() == kIndex);
    return *std::get_if<kIndex>(&state);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT

  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  [[nodiscard]] const Error& error() const& {
    BALEEN_CHECK(!ok_);
    return error_;
  }
  [[nodiscard]] Error&& error() && {
    BALEEN_CHECK(!ok_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

/// An Error with a formatted message.
template <typename... Args>
[[nodiscard]] Error fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return {code, fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace baleen::core

namespace baleen {
using core::fail;
using core::Result;
}  // namespace baleen

#define BALEEN_CONCAT_INNER(a, b) a##b
#define BALEEN_CONCAT(a, b) BALEEN_CONCAT_INNER(a, b)

#define BALEEN_RETURN_IF_ERROR_INNER(temporary, expression)                                  \
  do {                                                                                       \
    if (auto temporary = (expression); !temporary.ok()) return std::move(temporary).error(); \
  } while (false)

/// Returns from the enclosing function if the expression is an error.
#define BALEEN_RETURN_IF_ERROR(expression) \
  BALEEN_RETURN_IF_ERROR_INNER(BALEEN_CONCAT(baleen_result_, __COUNTER__), expression)

#define BALEEN_ASSIGN_OR_RETURN_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                                          \
  if (!temporary.ok()) return std::move(temporary).error();               \
  declaration = std::move(temporary).value()

/// `BALEEN_ASSIGN_OR_RETURN(const Clip clip, read(path));`
#define BALEEN_ASSIGN_OR_RETURN(declaration, expression) \
  BALEEN_ASSIGN_OR_RETURN_INNER(BALEEN_CONCAT(baleen_result_, __COUNTER__), declaration, expression)
