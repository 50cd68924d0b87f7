//! error (under construction).
