//! events (under construction).
