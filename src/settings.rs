//! settings (under construction).
