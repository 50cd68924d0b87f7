//! The walls around a worker process. What the kernel lacks is reported, not fatal: the operator decides.
#![expect(unsafe_code, reason = "system calls that the standard library does not offer")]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd;

use landlock::{ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetStatus, Scope};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::limits::Confinement;

/// Data memory beyond the V8 heap that a run may use: array buffers, strings on their way out, V8's own structures.
const DATA_BYTES_BEYOND_HEAP: u64 = 96 << 20;
/// Two semi-spaces and the pages that a collection copies to.
const DATA_HEAP_FACTOR: u64 = 2;

/// What has to be opened before the walls stand.
pub(super) struct Early {
    statm: Option<File>,
    null: Option<File>,
    confinement: Confinement,
}

/// Before V8 starts its threads, so that they inherit it: no descriptors, no files, no sockets; dies with its parent.
pub(super) fn enter_early() -> Early {
    // SAFETY: plain numbers; closes what the parent may have leaked into us.
    let closed_descriptors = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) } == 0;
    let statm = File::open("/proc/self/statm").ok();
    // Where the machine runs out of memory, a worker is to go before the engine. Not every container lets us say so.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    let null = OpenOptions::new().read(true).write(true).open("/dev/null").ok();
    // SAFETY: plain numbers and a C string.
    let no_new_privs = unsafe {
        libc::prctl(libc::PR_SET_NAME, c"orrery-script".as_ptr());
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    };
    let landlock_abi = deny_files_and_sockets();
    let confinement = Confinement {
        no_new_privs,
        rlimits: false,
        landlock_abi,
        seccomp: false,
        empty_environment: false,
        closed_descriptors,
    };
    Early {
        statm,
        null,
        confinement,
    }
}

/// After V8 is up: memory, threads, environment, system calls.
pub(super) fn enter_late(early: Early, heap_mib: u32) -> Confinement {
    let Early {
        statm,
        null,
        mut confinement,
    } = early;
    let data_now = statm.and_then(data_bytes);
    let data_max =
        data_now.map(|now| now + u64::from(heap_mib) * (1 << 20) * DATA_HEAP_FACTOR + DATA_BYTES_BEYOND_HEAP);
    if let Some(null) = null {
        // The shared page is mapped already and needs no descriptor; errors are reported through the socket.
        // SAFETY: duplicates a descriptor that we own over descriptors that are ours.
        unsafe {
            libc::dup2(null.as_raw_fd(), 1);
            libc::dup2(null.as_raw_fd(), 2);
        }
    }
    confinement.rlimits = limit(libc::RLIMIT_CORE, 0)
        & limit(libc::RLIMIT_FSIZE, 0)
        & limit(libc::RLIMIT_NPROC, 0)
        & limit(libc::RLIMIT_NOFILE, 0)
        & data_max.is_some_and(|bytes| limit(libc::RLIMIT_DATA, bytes));
    // SAFETY: no other thread of ours reads the environment; V8's threads are idle.
    unsafe { libc::clearenv() };
    confinement.empty_environment = std::env::vars_os().next().is_none();
    confinement.seccomp = allow_few_system_calls().is_some();
    confinement
}

fn deny_files_and_sockets() -> Option<u32> {
    let newest = ABI::V6;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(newest)))
        .and_then(|rules| rules.scope(Scope::from_all(newest)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.restrict_self())
        .ok()?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => None,
        (
            _,
            LandlockStatus::Available {
                effective_abi,
                kernel_abi,
            },
        ) => Some(kernel_abi.map_or(effective_abi as u32, |abi| u32::try_from(abi).unwrap_or_default())),
        _ => None,
    }
}

/// Private writable memory of this process so far.
fn data_bytes(mut statm: File) -> Option<u64> {
    let mut text = String::new();
    statm.read_to_string(&mut text).ok()?;
    let pages: u64 = text.split_whitespace().nth(5)?.parse().ok()?;
    // SAFETY: a plain number.
    let page_bytes = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    Some(pages * page_bytes)
}

fn limit(resource: libc::__rlimit_resource_t, value: u64) -> bool {
    let limit = libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    };
    // SAFETY: a valid structure.
    unsafe { libc::setrlimit(resource, &raw const limit) == 0 }
}

/// What V8, the allocator and our loop need once they run; everything else fails with EPERM.
fn allow_few_system_calls() -> Option<()> {
    let allowed = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_close,
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_membarrier,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_gettimeofday,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_restart_syscall,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_rseq,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let rules: BTreeMap<i64, _> = allowed.into_iter().map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).ok()?);
    let architecture = std::env::consts::ARCH.try_into().ok()?;
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture).ok()?;
    let program: BpfProgram = filter.try_into().ok()?;
    seccompiler::apply_filter_all_threads(&program).ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio, exit};

    use super::{enter_early, enter_late};

    const INSIDE: &str = "ORRERY_TEST_INSIDE_THE_WALLS";
    const ALL_REFUSED: i32 = 100;

    /// Does nothing, unless the test below has started this program again: then it tries what a broken-out script would try.
    #[test]
    fn inside() {
        if std::env::var_os(INSIDE).is_none() {
            return;
        }
        let confinement = enter_late(enter_early(), 128);
        if confinement.landlock_abi.is_none() && !confinement.seccomp {
            exit(ALL_REFUSED);
        }
        let attempts = [
            std::fs::read("/etc/passwd").is_ok(),
            std::fs::write("/tmp/orrery-escaped", "x").is_ok(),
            std::fs::read_dir("/").is_ok(),
            TcpStream::connect("127.0.0.1:1").is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused),
            UdpSocket::bind("127.0.0.1:0").is_ok(),
            UnixStream::pair().is_ok(),
            Command::new("/bin/true").spawn().is_ok(),
            std::thread::Builder::new().spawn(|| ()).is_ok(),
            std::env::vars_os().next().is_some(),
            // SAFETY: plain numbers.
            unsafe { libc::kill(libc::getppid(), 0) } == 0,
        ];
        let escaped = attempts.iter().position(|succeeded| *succeeded);
        exit(escaped.map_or(ALL_REFUSED, |at| i32::try_from(at).unwrap()));
    }

    #[test]
    fn what_a_script_that_broke_out_would_try_is_refused() {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "script::sandbox::tests::inside"])
            .env(INSIDE, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(
            status.code(),
            Some(ALL_REFUSED),
            "the number of the attempt that succeeded, or a death: {status}"
        );
    }
}
