//! The console: who gets in, what forms need, and that people can use it, in a real browser.

mod access;
mod frame;
mod integrations;
