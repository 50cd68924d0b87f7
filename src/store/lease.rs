//! Lease.

/// Advisory lock.
pub(super) const FENCE_LOCK: i64 = 0x6f72_7265_7279_0001;
