#include "engine/system_calls.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "core/file.h"

namespace baleen::engine {
namespace {

static_assert(sizeof(sock_filter) == sizeof(std::uint64_t));

struct Releaser {
  void operator()(void* context) const noexcept { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Releaser>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

// Files below what Landlock leaves, memory, time, and the one socket that is open already.
constexpr std::initializer_list<const char*> kComputing = {"read",
                                                           "readv",
                                                           "pread64",
                                                           "preadv",
                                                           "write",
                                                           "writev",
                                                           "pwrite64",
                                                           "pwritev",
                                                           "lseek",
                                                           "close",
                                                           "fstat",
                                                           "newfstatat",
                                                           "fstatat64",
                                                           "stat",
                                                           "lstat",
                                                           "statx",
                                                           "access",
                                                           "faccessat",
                                                           "faccessat2",
                                                           "fcntl",
                                                           "flock",
                                                           "fsync",
                                                           "fdatasync",
                                                           "sync_file_range",
                                                           "ftruncate",
                                                           "fallocate",
                                                           "fadvise64",
                                                           "rename",
                                                           "renameat",
                                                           "renameat2",
                                                           "unlink",
                                                           "unlinkat",
                                                           "getdents64",
                                                           "readlink",
                                                           "readlinkat",
                                                           "getcwd",
                                                           "dup",
                                                           "dup2",
                                                           "dup3",
                                                           "statfs",
                                                           "fstatfs",
                                                           "munmap",
                                                           "mremap",
                                                           "madvise",
                                                           "brk",
                                                           "msync",
                                                           "mincore",
                                                           "futex",
                                                           "sched_yield",
                                                           "sched_getaffinity",
                                                           "nanosleep",
                                                           "clock_nanosleep",
                                                           "clock_gettime",
                                                           "clock_getres",
                                                           "gettimeofday",
                                                           "time",
                                                           "getpid",
                                                           "gettid",
                                                           "getppid",
                                                           "getuid",
                                                           "geteuid",
                                                           "getgid",
                                                           "getegid",
                                                           "getrusage",
                                                           "times",
                                                           "getrlimit",
                                                           "sysinfo",
                                                           "uname",
                                                           "poll",
                                                           "ppoll",
                                                           "sendto",
                                                           "sendmsg",
                                                           "recvfrom",
                                                           "recvmsg",
                                                           "exit",
                                                           "exit_group",
                                                           "rt_sigprocmask",
                                                           "rt_sigreturn",
                                                           "sigaltstack",
                                                           "restart_syscall",
                                                           "pause",
                                                           "kill",
                                                           "tgkill",
                                                           "getrandom",
                                                           "set_robust_list",
                                                           "rseq",
                                                           "set_tid_address",
                                                           "membarrier",
                                                           "getcpu"};

// What only an intruder wants.
constexpr std::initializer_list<const char*> kNetwork = {"socket", "socketpair", "connect", "bind",
                                                         "listen", "accept",     "accept4"};
constexpr std::initializer_list<const char*> kProcesses = {"fork", "vfork"};
constexpr std::initializer_list<const char*> kPowers = {
    "execve",          "execveat",    "ptrace",      "process_vm_readv",  "process_vm_writev",
    "io_uring_setup",  "mount",       "umount2",     "open_by_handle_at", "bpf",
    "perf_event_open", "keyctl",      "add_key",     "request_key",       "unshare",
    "setns",           "chroot",      "pivot_root",  "kexec_load",        "init_module",
    "finit_module",    "userfaultfd", "pidfd_getfd", "truncate",          "reboot",
    "swapon"};

// What a libc asks clone for when a thread is started: to share everything with the process it is in.
constexpr scmp_datum_t kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                      CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                      CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__s390__)
constexpr unsigned kFlagsOfClone = 1;  // Which argument they are.
#else
constexpr unsigned kFlagsOfClone = 0;
#endif

class Builder {
 public:
  explicit Builder(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {}

  void add(std::uint32_t action, std::initializer_list<const char*> names) {
    for (const char* name : names) add_if(action, name, {});
  }
  /// Only where every comparison holds. A call that this processor does not have is left out.
  void add_if(std::uint32_t action,
              const char* name,
              std::initializer_list<scmp_arg_cmp> comparisons) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number < 0) return;
    const int status =
        seccomp_rule_add_array(context_.get(), action, number,
                               static_cast<unsigned>(comparisons.size()), comparisons.begin());
    if (status != 0 && status != -EEXIST && status != -EACCES && status_ == 0) status_ = status;
  }

  [[nodiscard]] Result<SystemCallFilter> compile() const {
    if (context_ == nullptr || status_ != 0) return core::errno_error(-status_, "libseccomp");
    const core::Fd file(::memfd_create("filter", MFD_CLOEXEC));
    if (!file.is_open()) return core::errno_error(errno, "memfd_create");
    if (const int status = seccomp_export_bpf(context_.get(), file.get()); status != 0)
      return core::errno_error(-status, "seccomp_export_bpf");
    const auto size_bytes = static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END));
    SystemCallFilter filter(size_bytes / sizeof(sock_filter));
    if (::pread(file.get(), filter.data(), size_bytes, 0) != static_cast<ssize_t>(size_bytes))
      return core::errno_error(EIO, "read the filter");
    return filter;
  }

 private:
  Context context_;
  int status_ = 0;
};

scmp_arg_cmp is(unsigned argument, scmp_datum_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp masked(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

/// Opening, but for O_TRUNC without the right to write, which Landlock before Linux 6.2 does not see.
void add_opening(Builder& builder) {
  for (const auto& [name, flags] : {std::pair{"open", 1U}, std::pair{"openat", 2U}}) {
    for (const scmp_datum_t mode : {O_WRONLY, O_RDWR})
      builder.add_if(SCMP_ACT_ALLOW, name, {masked(flags, O_ACCMODE, mode)});
    builder.add_if(SCMP_ACT_ALLOW, name, {masked(flags, O_ACCMODE | O_TRUNC, O_RDONLY)});
  }
}

/// A libc tries clone3 first. Its flags lie in memory, where no filter looks; it fails with ENOSYS like everything that
/// is not listed, and clone is what is tried next.
void add_cloning(Builder& builder, CellThreads threads) {
  if (threads == CellThreads::one) return builder.add(SCMP_ACT_TRAP, {"clone"});
  builder.add_if(SCMP_ACT_ALLOW, "clone", {is(kFlagsOfClone, kThreadFlags)});
  builder.add_if(SCMP_ACT_TRAP, "clone", {{kFlagsOfClone, SCMP_CMP_NE, kThreadFlags, 0}});
}

}  // namespace

bool has_system_call_filters() {
  // A filter at no address: EFAULT where filters are known, EINVAL where they are not.
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) != 0 && errno == EFAULT;
}

Result<SystemCallFilter> computing_calls(CellThreads threads) {
  Builder builder(SCMP_ACT_ERRNO(ENOSYS));
  builder.add(SCMP_ACT_ALLOW, kComputing);
  add_opening(builder);
  // Memory that is both written and executed is how intruders bring their own code.
  builder.add_if(SCMP_ACT_ALLOW, "mmap", {masked(2, PROT_EXEC, 0)});
  builder.add_if(SCMP_ACT_ALLOW, "mprotect", {masked(2, PROT_EXEC, 0)});
  // Limits may be read, not changed. SIGSYS stays ours: every other signal may be handled.
  builder.add_if(SCMP_ACT_ALLOW, "prlimit64", {is(2, 0)});
  builder.add_if(SCMP_ACT_ALLOW, "rt_sigaction", {{0, SCMP_CMP_NE, SIGSYS, 0}});
  builder.add(SCMP_ACT_TRAP, kNetwork);
  builder.add(SCMP_ACT_TRAP, kPowers);
  if (kIsSanitized) {  // They look at /proc and start threads when they report.
    builder.add(SCMP_ACT_ALLOW, {"clone", "clone3", "prctl", "mmap", "mprotect", "openat", "ioctl",
                                 "pipe2", "wait4", "sched_getparam"});
  } else {
    builder.add(SCMP_ACT_TRAP, kProcesses);
    add_cloning(builder, threads);
  }
  return builder.compile();
}

Result<SystemCallFilter> calls_without_network() {
  Builder builder(SCMP_ACT_ALLOW);
  // A socket pair connects only a process with itself and its children.
  builder.add(SCMP_ACT_ERRNO(EPERM), {"socket", "connect", "bind", "listen", "accept", "accept4"});
  if (!kIsSanitized) builder.add(SCMP_ACT_ERRNO(EPERM), kPowers);
  return builder.compile();
}

Result<void> enter_filter(const SystemCallFilter& filter) {
  std::vector<sock_filter> instructions(filter.size());
  std::memcpy(instructions.data(), filter.data(), filter.size() * sizeof(sock_filter));
  const sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
    return core::errno_error(errno, "prctl(PR_SET_SECCOMP)");
  return {};
}

Result<void> keep_signals_to_self() {
  // Written by hand because it holds this process's own number: the other filters are compiled once.
  const auto load = [](std::size_t offset) {
    return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
  };
  constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
  constexpr std::size_t kFirstArgument =
      offsetof(seccomp_data, args) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
  const std::array program{
      load(offsetof(seccomp_data, nr)),
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, __NR_kill},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 3, __NR_tgkill},
      load(kFirstArgument),
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, static_cast<std::uint32_t>(::getpid())},
      sock_filter{BPF_RET | BPF_K, 0, 0, kRefuse},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  SystemCallFilter filter(program.size());
  std::memcpy(filter.data(), program.data(), sizeof(program));
  return enter_filter(filter);
}

std::string system_call_name(int number) {
  char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
  std::string text = name != nullptr ? name : fmt::format("number {}", number);
  std::free(name);  // NOLINT(cppcoreguidelines-no-malloc): libseccomp's.
  return text;
}

}  // namespace baleen::engine
