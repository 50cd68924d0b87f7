//! actors (under construction).
