//! Items at the same time, over the whole engine: permits that are handed out in turn over tenants.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::domain::{ids::TenantId, integration::turns::Turns};

type Waiting = Turns<oneshot::Sender<ItemPermit>>;

/// Hands out permits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ItemPermits {
    turns: Arc<Mutex<Waiting>>,
}

/// An item may be processed for as long as this lives.
#[derive(Debug)]
pub struct ItemPermit {
    turns: Option<Arc<Mutex<Waiting>>>,
    tenant: TenantId,
}

/// A place in the turns; becomes a permit. Dropped, it is given up.
#[derive(Debug)]
pub struct Asking(oneshot::Receiver<ItemPermit>);

impl ItemPermits {
    /// At most `max` at the same time.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            turns: Arc::new(Mutex::new(Turns::new(max))),
        }
    }

    /// Takes a place in the turns.
    #[must_use]
    pub fn ask(&self, tenant: TenantId) -> Asking {
        let (sender, receiver) = oneshot::channel();
        locked(&self.turns).ask(tenant, sender);
        hand_out(&self.turns);
        Asking(receiver)
    }
}

impl Asking {
    /// The permit, if it has come.
    pub fn try_now(&mut self) -> Option<ItemPermit> {
        self.0.try_recv().ok()
    }
}

impl Future for Asking {
    type Output = ItemPermit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ItemPermit> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Ok(permit)) => Poll::Ready(permit),
            // A sender goes only with its permit, or with the engine.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for ItemPermit {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            locked(&turns).ended(self.tenant);
            hand_out(&turns);
        }
    }
}

/// Gives permits to those whose turn it is, until nobody is left who may have one.
fn hand_out(turns: &Arc<Mutex<Waiting>>) {
    loop {
        // Not in the condition: the lock would be held while the permit is sent.
        let next = locked(turns).take_next();
        let Some((tenant, sender)) = next else { return };
        let permit = ItemPermit {
            turns: Some(turns.clone()),
            tenant,
        };
        if let Err(mut permit) = sender.send(permit) {
            // Whoever asked has gone; the loop goes on instead of the permit's drop.
            permit.turns = None;
            locked(turns).ended(tenant);
        }
    }
}

fn locked(turns: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        TenantId::from(Uuid::from_u128(number))
    }

    #[test]
    fn a_permit_that_ends_goes_to_whose_turn_it_is() {
        let permits = ItemPermits::new(1);
        let first = permits.ask(tenant(1)).now_or_never().unwrap();
        let (second, other) = (permits.ask(tenant(1)), permits.ask(tenant(2)));
        let mut third = permits.ask(tenant(1));
        drop(first);
        let second = second.now_or_never().unwrap();
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        let other = other.now_or_never().unwrap();
        assert!((&mut third).now_or_never().is_none());
        drop(other);
        assert!(third.now_or_never().is_some());
    }

    #[test]
    fn a_place_that_is_given_up_holds_nobody_up() {
        let permits = ItemPermits::new(1);
        let going = permits.ask(tenant(1)).now_or_never().unwrap();
        let places: Vec<Asking> = (0..1_000).map(|_| permits.ask(tenant(1))).collect();
        let last = permits.ask(tenant(2));
        drop(places);
        drop(going);
        drop(last.now_or_never().unwrap());
        assert_eq!(locked(&permits.turns).going(), 0);
        assert_eq!(locked(&permits.turns).waiting(), 0);
        // One that is handed out to somebody who goes without looking ends, too.
        drop(permits.ask(tenant(3)));
        assert_eq!(locked(&permits.turns).going(), 0);
    }
}
