//! The C library's allocator: fewer arenas, because each keeps freed memory to itself.

/// Allows one arena per core that this process may use; glibc's own limit is eight. At 100,000 calls that is 30 to 40 MiB less
/// (benches/RESULTS.md). Before the first thread is started.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a parameter of malloc can be set in no other way")]
pub fn bound_arenas() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // SAFETY: mallopt takes two integers and touches no memory of ours; no other thread runs yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, i32::try_from(cores).unwrap_or(i32::MAX)) };
}

/// Other systems keep their defaults.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn bound_arenas() {}
