//! The Rust face of `v8_seam.cc`.
#![expect(unsafe_code, reason = "calls to our own C++")]

use std::ffi::{CStr, c_char};

use super::page::SharedPage;

unsafe extern "C" {
    fn orrery_v8_prepare(flags: *const c_char);
    fn orrery_v8_install(log_area: *mut u8, log_area_bytes: u32);
    fn orrery_v8_memory_exceeded() -> bool;
}

/// Sets V8's flags; before the first isolate.
pub(super) fn prepare(flags: &CStr) {
    // SAFETY: a C string that V8 copies.
    unsafe { orrery_v8_prepare(flags.as_ptr()) };
}

/// Installs limits and natives in the isolate of the mini-v8 callback from which this is called. The page lives as long as the process.
pub(super) fn install(page: &'static SharedPage) {
    let (area, length) = page.log_area();
    // SAFETY: the area is part of a mapping that is never unmapped.
    unsafe { orrery_v8_install(area, u32::try_from(length).unwrap_or(0)) };
}

/// Whether a script has come near the heap limit.
pub(super) fn memory_exceeded() -> bool {
    // SAFETY: reads a flag.
    unsafe { orrery_v8_memory_exceeded() }
}
