//! A task that ends with whoever waits for it: an actor that panics must not leave one behind, beside that of its next instance.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::task::{JoinError, JoinHandle};

/// See the module. Gives what the task gives, or that it panicked.
#[derive(Debug)]
pub(super) struct OwnTask<T>(JoinHandle<T>);

impl<T: 'static> OwnTask<T> {
    /// Begins it, on this thread.
    pub fn begin(task: impl Future<Output = T> + 'static) -> Self {
        Self(actix_rt::spawn(task))
    }
}

impl<T> Future for OwnTask<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for OwnTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
