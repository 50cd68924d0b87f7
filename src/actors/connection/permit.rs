//! Permits: the actor gives one to each request, and hears of its end, also of one that is dropped half-way.

use std::sync::{Arc, atomic::Ordering};

use actix::{Addr, Message};
use tokio::sync::oneshot;

use crate::{
    actors::connection::{actor::ConnectionActor, gate::Refused, hub::Post, prepared::Prepared},
    domain::connection::machine::{Outcome, Pledge},
};

/// Somebody wants to send.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ask {
    /// A person wants to see whether it works now.
    pub by_hand: bool,
    pub(super) reply: oneshot::Sender<Result<Granted, Refused>>,
}

/// May send, with these.
pub(super) struct Granted {
    pub permit: Permit,
    pub prepared: Arc<Prepared>,
}

/// A request ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ended {
    pub(super) pledge: Pledge,
    pub(super) outcome: Outcome,
}

/// The last gate of an actor that is on its way out has gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deserted;

/// Counts a gate as long as it is there: an actor whose end was asked for lives on until its gates have gone.
pub(super) struct Guest {
    pub post: Arc<Post>,
}

impl Guest {
    pub fn new(post: Arc<Post>) -> Self {
        post.guests.fetch_add(1, Ordering::SeqCst);
        Self { post }
    }
}

impl Drop for Guest {
    #[expect(
        clippy::disallowed_methods,
        reason = "the last word of the last guest: a full mailbox must not lose it, and a drop cannot wait"
    )]
    fn drop(&mut self) {
        let is_last = self.post.guests.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last && self.post.is_closing.load(Ordering::SeqCst) {
            self.post.actor.do_send(Deserted);
        }
    }
}

/// The right to have one request under way. Dropped without [`Permit::end`], it says nothing about the other side.
pub(super) struct Permit {
    actor: Addr<ConnectionActor>,
    pledge: Pledge,
    outcome: Outcome,
}

impl Permit {
    pub fn new(actor: Addr<ConnectionActor>, pledge: Pledge) -> Self {
        Self {
            actor,
            pledge,
            outcome: Outcome::Lost,
        }
    }

    /// Gives it back.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Permit {
    #[expect(
        clippy::disallowed_methods,
        reason = "a place given back: a full mailbox must not lose it, and a drop cannot wait"
    )]
    fn drop(&mut self) {
        self.actor.do_send(Ended {
            pledge: self.pledge,
            outcome: std::mem::replace(&mut self.outcome, Outcome::Lost),
        });
    }
}
