//! How actors try again what the store refused.

use std::time::Duration;

use crate::{actors::services::Services, store};

/// Shortest and longest wait between two tries to write what was done.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Tries of a transaction that another one stands in the way of.
const BEATEN_TRIES_MAX: u32 = 5;

/// What was done may not be forgotten because the database is away for a moment: tries until it is written, or until that is no
/// use. A try whose answer was lost may have been written: `work` has to bear that.
///
/// # Errors
/// What no further try can mend; what the last one met, where the engine is on its way out.
pub(super) async fn until_stored<T>(
    services: &Services,
    what: &str,
    mut work: impl AsyncFnMut() -> store::Result<T>,
) -> store::Result<T> {
    let mut wait = RETRY.0;
    loop {
        let error = match work().await {
            Err(error @ store::Error::Database(_)) => error,
            other => return other,
        };
        if services.is_draining() {
            return Err(error);
        }
        tracing::warn!(error = ?error, what, "the store refuses what became of something; trying again");
        services.clock.sleep(wait).await;
        wait = (wait * 2).min(RETRY.1);
    }
}

/// Repeats a transaction that was given up because another one stood in its way.
///
/// # Errors
/// What the last try met.
pub(super) async fn again_if_beaten<T>(mut work: impl AsyncFnMut() -> store::Result<T>) -> store::Result<T> {
    let mut tries = 1;
    loop {
        match work().await {
            Err(error) if error.is_beaten() && tries < BEATEN_TRIES_MAX => tries += 1,
            other => return other,
        }
    }
}
