//! script (under construction).
