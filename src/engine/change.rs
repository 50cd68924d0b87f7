//! Changes under versions: a change that did not name a version is tried again when another one came in between.

use crate::error::{Code, Result};

/// Tries before the caller is told that others are faster.
const TRIES_MAX: usize = 10;

/// Runs a change that reads a row and writes it over the version it read.
pub(crate) async fn again_if_stale<T, F, Fut>(version_wanted: Option<i64>, change: F) -> Result<T>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let mut tries = 1;
    loop {
        match change().await {
            Err(error) if error.code == Code::StaleVersion && version_wanted.is_none() && tries < TRIES_MAX => {
                tries += 1;
            }
            result => return result,
        }
    }
}
