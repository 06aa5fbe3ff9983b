#pragma once

/// A decoder that a crafted file has taken over: the stage `attack` does what the name in its original says
/// and ends well only if it got away with it. It is in two recipes: one whose stage has one thread, one whose stage
/// may have more.

#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"
#include "engine/stage.h"
#include "engine/system_calls.h"
#include "engine/testing/toy_recipe.h"

namespace baleen::engine::testing {

/// What an act may use: the file of another asset, and the moment it began.
struct Victim {
  std::filesystem::path file;
  const ProgressFn& progress;
  const StageRequest& request;
  StageOutcome& outcome;
};
using Act = std::function<Result<void>(const Victim&)>;

/// An error if the call failed, as it should.
inline Result<void> expect_failure(long status, std::string_view what) {
  return status < 0 ? Result<void>(core::errno_error(errno, what)) : Result<void>();
}

inline Result<void> try_all(
    const std::vector<std::pair<std::string, std::function<long()>>>& tries) {
  Result<void> last;
  for (const auto& [name, call] : tries) {
    last = expect_failure(call(), name);
    if (last.ok()) return {};  // Got away with it.
  }
  return last;
}

inline constexpr unsigned long kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                              CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                              CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

/// An error, unless the system does what no filter lets it do: nothing of it is ever meant to go well.
inline Result<void> clone(unsigned long flags) {
  return expect_failure(::syscall(SYS_clone, flags, 0, 0, 0, 0), "clone");
}

inline Result<void> in_a_thread(const std::function<Result<void>()>& work) {
  Result<void> outcome;
  std::thread([&] { outcome = work(); }).join();
  return outcome;
}

inline const std::map<std::string, Act>& acts() {
  using std::filesystem::path;
  static const std::map<std::string, Act> all = {
      {"nothing", [](const Victim&) { return Result<void>(); }},
      {"read another asset",
       [](const Victim& v) { return expect_failure(::open(v.file.c_str(), O_RDONLY), "open"); }},
      {"read the database",
       [](const Victim& v) {
         const path root = v.request.work_directory.parent_path().parent_path();
         return expect_failure(::open((root / "baleen.db").c_str(), O_RDONLY), "open");
       }},
      {"read the system",
       [](const Victim&) {
         return try_all({{"passwd", [] { return ::open("/etc/passwd", O_RDONLY); }},
                         {"environ", [] { return ::open("/proc/self/environ", O_RDONLY); }},
                         {"parent", [] { return ::open("/proc/1/cmdline", O_RDONLY); }},
                         {"root", [] { return ::open("/", O_RDONLY | O_DIRECTORY); }}});
       }},
      {"write outside",
       [](const Victim& v) {
         const path beside = v.file.parent_path() / "new";
         const path above = v.request.work_directory.parent_path() / "new";
         return try_all(
             {{"overwrite", [&] { return ::open(v.file.c_str(), O_WRONLY); }},
              {"create beside", [&] { return ::open(beside.c_str(), O_WRONLY | O_CREAT, 0600); }},
              {"create above", [&] { return ::open(above.c_str(), O_WRONLY | O_CREAT, 0600); }},
              {"create in /tmp", [&] { return ::open("/tmp", O_WRONLY | O_TMPFILE, 0600); }},
              {"truncate by reading", [&] { return ::open(v.file.c_str(), O_RDONLY | O_TRUNC); }},
              {"remove", [&] { return ::unlink(v.file.c_str()); }},
              {"rename", [&] { return ::rename(v.file.c_str(), beside.c_str()); }},
              {"take in",
               [&] { return ::rename(v.file.c_str(), (v.request.work_directory / "x").c_str()); }},
              {"link",
               [&] { return ::link(v.file.c_str(), (v.request.work_directory / "x").c_str()); }},
              {"symlink",
               [&] { return ::symlink(v.file.c_str(), (v.request.work_directory / "x").c_str()); }},
              {"mkdir", [&] { return ::mkdir((v.request.work_directory / "x").c_str(), 0700); }},
              {"chmod", [&] { return ::chmod(v.file.c_str(), 0); }}});
       }},
      {"truncate another file",
       [](const Victim& v) { return expect_failure(::truncate(v.file.c_str(), 0), "truncate"); }},
      {"open a socket",
       [](const Victim&) { return expect_failure(::socket(AF_INET, SOCK_STREAM, 0), "socket"); }},
      {"open a socket behind a handler of its own",
       [](const Victim&) {
         struct sigaction ignore {};
         ignore.sa_handler = SIG_IGN;
         ::sigaction(SIGSYS, &ignore, nullptr);
         sigset_t all_signals;
         ::sigfillset(&all_signals);
         ::sigprocmask(SIG_BLOCK, &all_signals, nullptr);
         return expect_failure(::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
       }},
      {"fork", [](const Victim&) { return expect_failure(::fork(), "fork"); }},
      {"start a thread",
       [](const Victim&) {
         std::thread([] {}).join();
         return Result<void>();
       }},
      {"compute in many threads",
       [](const Victim&) {
         std::vector<std::vector<int>> parts(8);
         {
           std::vector<std::jthread> threads;
           for (auto& part : parts)
             threads.emplace_back([&part] { part.assign(std::size_t{1} << 20U, 1); });
         }
         std::size_t n = 0;
         for (const auto& part : parts) n += part.size();
         return n == parts.size() << 20U ? Result<void>()
                                         : fail(ErrorCode::internal, "{} are missing", n);
       }},
      {"start threads without end",
       [](const Victim&) {
         while (true) std::thread([] { ::pause(); }).detach();
         return Result<void>();
       }},
      {"fork in a thread",
       [](const Victim&) { return in_a_thread([] { return expect_failure(::fork(), "fork"); }); }},
      {"open a socket in a thread",
       [](const Victim&) {
         return in_a_thread(
             [] { return expect_failure(::socket(AF_INET, SOCK_STREAM, 0), "socket"); });
       }},
      {"read another asset in a thread",
       [](const Victim& v) {
         return in_a_thread(
             [&] { return expect_failure(::open(v.file.c_str(), O_RDONLY), "open"); });
       }},
      {"kill its parent in a thread",
       [](const Victim&) {
         return in_a_thread([] { return expect_failure(::kill(::getppid(), SIGKILL), "kill"); });
       }},
      {"share its memory with a process",
       [](const Victim&) { return clone(CLONE_VM | CLONE_VFORK | SIGCHLD); }},
      {"enter a namespace with a process",
       [](const Victim&) { return clone(CLONE_NEWUSER | SIGCHLD); }},
      {"enter a namespace with a thread",
       [](const Victim&) { return clone(kThreadFlags | CLONE_NEWNET); }},
      {"start less than a thread", [](const Victim&) { return clone(kThreadFlags & ~CLONE_FS); }},
      {"start a thread with a flag that the kernel cuts off",
       [](const Victim&) { return clone(kThreadFlags | 1UL << 32U); }},
      {"fork by the other call",
       [](const Victim&) {
         std::array<std::uint64_t, 8> arguments{};  // struct clone_args
         arguments[4] = SIGCHLD;
         return expect_failure(::syscall(SYS_clone3, arguments.data(), sizeof(arguments)),
                               "clone3");
       }},
      {"spawn a program",
       [](const Victim&) {
         std::array<char*, 1> none{};
         pid_t pid = 0;
         errno = ::posix_spawn(&pid, "/bin/true", nullptr, nullptr, none.data(), none.data());
         return expect_failure(errno == 0 ? 0 : -1, "posix_spawn");
       }},
      {"start a program",
       [](const Victim&) {
         return expect_failure(::execl("/bin/true", "true", nullptr), "execve");
       }},
      {"trace its parent",
       [](const Victim&) {
         return expect_failure(::syscall(SYS_ptrace, 16, ::getppid(), 0, 0), "ptrace");
       }},
      {"kill its parent",
       [](const Victim&) {
         return try_all(
             {{"kill", [] { return ::kill(::getppid(), SIGKILL); }},
              {"tgkill", [] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), SIGKILL); }},
              {"group", [] { return ::kill(0, SIGKILL); }}});
       }},
      {"bring code",
       [](const Victim&) {
         void* page =
             ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return try_all(
             {{"mprotect", [&] { return ::mprotect(page, 4096, PROT_READ | PROT_EXEC); }},
              {"mmap", [] {
                 return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                            ? -1L
                            : 0L;
               }}});
       }},
      {"lift its limits",
       [](const Victim&) {
         const rlimit all_files{1000, 1000};
         return expect_failure(::setrlimit(RLIMIT_NOFILE, &all_files), "setrlimit");
       }},
      {"allocate without end",
       [](const Victim&) {
         std::vector<std::vector<char>> hoard;
         while (true) hoard.emplace_back(std::size_t{16} << 20U, 'x');
         return Result<void>();
       }},
      {"run forever",
       [](const Victim& v) {
         for (double fraction = 0;; fraction = 0.5) v.progress(fraction);
         return Result<void>();
       }},
      {"sleep forever behind a closed socket",
       [](const Victim&) {
         for (int fd = 3; fd < 64; ++fd) ::close(fd);
         ::pause();
         return Result<void>();
       }},
      {"write without end",
       [](const Victim& v) -> Result<void> {
         BALEEN_ASSIGN_OR_RETURN(const core::Fd file,
                                 core::create_file(v.request.work_directory / "large"));
         const std::vector<std::byte> block(1 << 20);
         while (true) BALEEN_RETURN_IF_ERROR(core::write_all(file, block));
       }},
      {"talk nonsense",
       [](const Victim&) {
         for (int fd = 3; fd < 64; ++fd) (void)!::write(fd, "}{\n", 3);
         ::pause();
         return Result<void>();
       }},
      {"pass another file off as its work",
       [](const Victim& v) {
         v.outcome.artifacts.front().temporary = v.file;
         return Result<void>();
       }},
      {"crash", [](const Victim&) { return expect_failure(::raise(SIGSEGV), "raise"); }},
  };
  return all;
}

class HostileStage final : public Stage {
 public:
  Result<StageOutcome> run(const StageRequest& request, const ProgressFn& progress) override {
    BALEEN_ASSIGN_OR_RETURN(const std::string order, core::read_text_file(request.inputs[0].path));
    const std::size_t line_end = order.find('\n');
    const StageOutputSlot& slot = request.outputs.front();
    BALEEN_RETURN_IF_ERROR(core::write_file_synced(slot.temporary, "spoils"));
    StageOutcome outcome;
    outcome.artifacts.push_back({slot.type, slot.temporary, "", ""});
    BALEEN_RETURN_IF_ERROR(acts().at(order.substr(0, line_end))(
        {order.substr(line_end + 1), progress, request, outcome}));
    return outcome;
  }
};

/// "hostile" or, where threads may be started, "hostile_threads".
inline Recipe hostile_recipe(CellThreads threads) {
  StageSpec spec;
  spec.name = "attack";
  spec.version = "1";
  spec.uses_threads = threads == CellThreads::many;
  spec.inputs.push_back({"original", false, ErrorCode::input_not_found});
  spec.outputs.push_back({"attack_v1", "attack/{asset}.txt", "attack.v1", "1.0.0", false});
  spec.setup = [](const PlanView&) -> Result<StageSetup> { return StageSetup{}; };
  spec.make = [] { return std::make_unique<HostileStage>(); };
  Recipe recipe{spec.uses_threads ? "hostile_threads" : "hostile", "attacks", {}};
  recipe.stages.push_back(std::move(spec));
  return recipe;
}

}  // namespace baleen::engine::testing
