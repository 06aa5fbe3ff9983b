#include "ml/download.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "core/file.h"

namespace baleen::ml {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(100);

// A child whose standard error comes to us; killed and reaped if it is still there at the end.
class Curl {
 public:
  static Result<Curl> start(const std::vector<std::string>& arguments) {
    std::array<int, 2> pipe_fds{};
    if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) return core::errno_error(errno, "pipe");
    Curl curl;
    curl.errors_ = core::Fd(pipe_fds[0]);
    const core::Fd write_end(pipe_fds[1]);
    ::fcntl(curl.errors_.get(), F_SETFL, O_NONBLOCK);

    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), 2);
    const int error = ::posix_spawnp(&curl.pid_, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error == ENOENT) {
      curl.pid_ = -1;
      return fail(ErrorCode::model_download_failed,
                  "the program curl is not installed: apt-get install curl");
    }
    if (error != 0) {
      curl.pid_ = -1;
      return core::errno_error(error, "start curl");
    }
    return curl;
  }
  ~Curl() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Curl(Curl&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        errors_(std::move(other.errors_)),
        text_(std::move(other.text_)) {}
  Curl& operator=(Curl&&) = delete;

  // The exit status once it has ended; -1 while it runs.
  int poll() {
    read_errors();
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(pid_, &status, WNOHANG)) < 0 && errno == EINTR) {
    }
    if (ended == 0) return -1;
    pid_ = -1;
    read_errors();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] std::string message() const { return text_.substr(0, text_.find('\n')); }

 private:
  Curl() = default;
  void read_errors() {
    std::array<char, 512> block{};
    ssize_t size = 0;
    while ((size = ::read(errors_.get(), block.data(), block.size())) > 0) {
      if (text_.size() < 4096) text_.append(block.data(), static_cast<std::size_t>(size));
    }
  }
  pid_t pid_ = -1;
  core::Fd errors_;
  std::string text_;
};

std::int64_t size_so_far(const std::filesystem::path& file) {
  const Result<std::int64_t> size = core::file_size_bytes(file);
  return size.ok() ? *size : 0;
}

}  // namespace

Result<void> download(const std::string& url,
                      const std::filesystem::path& file,
                      const DownloadOptions& options) {
  if (!url.starts_with("https://") && !url.starts_with("http://") && !url.starts_with("file://")) {
    return fail(ErrorCode::invalid_argument, "'{}' is no https, http or file URL", url);
  }
  BALEEN_ASSIGN_OR_RETURN(Curl curl, Curl::start({"curl",
                                                  "--fail",
                                                  "--location",
                                                  "--silent",
                                                  "--show-error",
                                                  "--globoff",
                                                  "--proto",
                                                  "=https,http,file",
                                                  "--proto-redir",
                                                  "=https,http",
                                                  "--retry",
                                                  "3",
                                                  "--connect-timeout",
                                                  "20",
                                                  "--speed-limit",
                                                  "1000",
                                                  "--speed-time",
                                                  "60",
                                                  "--max-filesize",
                                                  std::to_string(options.bytes_max),
                                                  "--continue-at",
                                                  "-",
                                                  "--output",
                                                  file.string(),
                                                  "--url",
                                                  url}));
  int status = -1;
  while ((status = curl.poll()) < 0) {
    const std::int64_t bytes = size_so_far(file);
    // --max-filesize only helps where the server tells the size beforehand.
    if (bytes > options.bytes_max) {
      return fail(ErrorCode::model_download_failed, "{}: more than the {} bytes expected", url,
                  options.bytes_max);
    }
    if (options.progress && !options.progress(bytes))
      return fail(ErrorCode::canceled, "download of {} stopped after {} bytes", url, bytes);
    std::this_thread::sleep_for(kPollInterval);
  }
  if (status != 0) {
    return fail(ErrorCode::model_download_failed, "{}: {} (curl's exit status {})", url,
                curl.message(), status);
  }
  return {};
}

}  // namespace baleen::ml
