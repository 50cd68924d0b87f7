//! One page of memory shared with a worker: which run it is executing, and what that run has logged so far. It outlives the worker, so
//! that a killed run is known and its log is kept, and it costs no system call.
#![expect(unsafe_code, reason = "mapping shared memory; all other code uses the safe methods")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Layout: number of the executing run (8 bytes), log bytes used (4), log truncated (4), log. `v8_seam.cc` writes the last three.
const LOG_HEAD_AT: usize = 8;
const LOG_AT: usize = 16;

/// A mapping of the page. The worker may write anything to it at any time: nothing read from it is trusted.
pub(super) struct SharedPage {
    base: *mut u8,
    length: usize,
}

// SAFETY: the fields that both processes use are atomics; the log is read through raw copies.
unsafe impl Send for SharedPage {}
// SAFETY: as above.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    /// A new page with room for `log_bytes_max`, and the descriptor to give to the worker.
    pub fn create(log_bytes_max: usize) -> io::Result<(Self, OwnedFd)> {
        // SAFETY: the name is a C string; the descriptor is checked before it is owned.
        let descriptor =
            unsafe { libc::memfd_create(c"orrery-script".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: memfd_create gave us this descriptor.
        let file = unsafe { File::from_raw_fd(descriptor) };
        file.set_len((LOG_AT + log_bytes_max) as u64)?;
        // The worker cannot shrink it under our feet.
        // SAFETY: plain numbers.
        let sealed = unsafe { libc::fcntl(descriptor, libc::F_ADD_SEALS, libc::F_SEAL_SHRINK | libc::F_SEAL_GROW) };
        if sealed < 0 {
            return Err(io::Error::last_os_error());
        }
        let descriptor = OwnedFd::from(file);
        Ok((Self::map(&descriptor, LOG_AT + log_bytes_max)?, descriptor))
    }

    /// The worker's mapping of the page that it was given.
    pub fn open(descriptor: OwnedFd) -> io::Result<Self> {
        let file = File::from(descriptor);
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if length < LOG_AT {
            return Err(io::Error::other("the shared page is too short"));
        }
        Self::map(&OwnedFd::from(file), length)
    }

    fn map(descriptor: &OwnedFd, length: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping of a descriptor that we own; the result is checked.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                protection,
                libc::MAP_SHARED,
                descriptor.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            base: base.cast(),
            length,
        })
    }

    /// The number of the run that the worker is executing; 0 between runs.
    pub fn current(&self) -> u64 {
        self.number().load(Ordering::Acquire)
    }

    /// Says that the worker now executes this run.
    pub fn set_current(&self, number: u64) {
        self.number().store(number, Ordering::Release);
    }

    /// Empties the log.
    pub fn clear_log(&self) {
        self.log_word(0).store(0, Ordering::Relaxed);
        self.log_word(4).store(0, Ordering::Relaxed);
    }

    /// A copy of the log's entries, and whether more was written than it holds.
    pub fn log(&self) -> (Vec<u8>, bool) {
        let used = self.log_word(0).load(Ordering::Acquire) as usize;
        let mut entries = vec![0; used.min(self.length - LOG_AT)];
        // SAFETY: within the mapping, which outlives self; the bytes may be changed meanwhile by the worker, which a byte copy survives.
        unsafe { std::ptr::copy_nonoverlapping(self.base.add(LOG_AT), entries.as_mut_ptr(), entries.len()) };
        (entries, self.log_word(4).load(Ordering::Relaxed) != 0)
    }

    /// Whether the log is empty.
    pub fn log_is_empty(&self) -> bool {
        self.log_word(0).load(Ordering::Relaxed) == 0 && self.log_word(4).load(Ordering::Relaxed) == 0
    }

    /// Where the log's head begins, and the bytes from there: for the C++ side, which writes the log.
    pub fn log_area(&self) -> (*mut u8, usize) {
        // SAFETY: within the mapping.
        (unsafe { self.base.add(LOG_HEAD_AT) }, self.length - LOG_HEAD_AT)
    }

    fn number(&self) -> &AtomicU64 {
        // SAFETY: the mapping is page-aligned, longer than 16 bytes and lives as long as self.
        unsafe { AtomicU64::from_ptr(self.base.cast()) }
    }

    fn log_word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: as in `number`; the offset is 0 or 4.
        unsafe { AtomicU32::from_ptr(self.base.add(LOG_HEAD_AT + offset).cast()) }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: base and length come from mmap.
        unsafe { libc::munmap(self.base.cast(), self.length) };
    }
}
