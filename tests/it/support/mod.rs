//! Support: engines under test, fake upstreams, waits.
