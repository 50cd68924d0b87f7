//! clock (under construction).
