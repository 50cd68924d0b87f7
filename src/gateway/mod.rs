//! gateway (under construction).
