//! The events of a tenant as a stream that can be resumed: for live views.

use std::{collections::VecDeque, time::Duration};

use futures_util::{Stream, stream};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    domain::rights::Right,
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
    events::{Event, listeners::Place},
};

/// After so long without an event the listener is told that all is well, so that the connection is kept open.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long it takes a stream at most to notice that the engine stops.
const STOP_NOTICED: Duration = Duration::from_secs(1);

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Something happened.
    Event(Event),
    /// The listener was too slow: so many events, of all tenants, are lost to it.
    Lost(u64),
    /// Nothing happened for a while.
    Quiet,
}

struct Listener {
    engine: Engine,
    /// As it was when the stream began.
    caller: Caller,
    missed: VecDeque<Event>,
    receiver: Receiver<Event>,
    #[expect(dead_code, reason = "gives its place back when the listener goes")]
    place: Place,
}

impl Engine {
    /// What happens in the caller's tenant from now on; with `last_event_id`, first what has happened since that event, as
    /// far as it is kept. The stream ends when the engine stops, and when the caller's token or right does. A slow listener holds up nobody: it loses events.
    ///
    /// # Errors
    /// `forbidden` without `actors.inspect`; `rate_limited` where too many listen.
    pub fn event_stream(
        &self,
        caller: &Caller,
        last_event_id: Option<u64>,
    ) -> Result<impl Stream<Item = Heard> + use<>> {
        caller.require(Right::ActorsInspect)?;
        let place = self.services().listeners.take(caller.user_id).ok_or_else(|| {
            let full = "Too many listeners hear the events of this engine already, or too many of this user; end some, or try again \
                        in a while.";
            Error::new(Code::RateLimited, full).with_retry_after_ms(10_000)
        })?;
        let (missed, receiver) = match last_event_id {
            Some(last) => self.events().resume(caller.tenant_id, last),
            None => (Vec::new(), self.events().subscribe()),
        };
        let listener = Listener {
            engine: self.clone(),
            caller: caller.clone(),
            missed: missed.into(),
            receiver,
            place,
        };
        Ok(stream::unfold(listener, |mut listener| async move {
            let heard = listener.next().await?;
            Some((heard, listener))
        }))
    }
}

impl Listener {
    async fn next(&mut self) -> Option<Heard> {
        if !self.missed.is_empty() && !self.may_hear().await {
            return None;
        }
        if let Some(event) = self.missed.pop_front() {
            return Some(Heard::Event(event));
        }
        // Real deadlines, also under a clock that is moved by hand: the other side waits in real time.
        match tokio::time::timeout(HEARTBEAT, self.heard()).await {
            Ok(heard) => heard,
            Err(_) => Some(Heard::Quiet),
        }
    }

    /// The right may be lost since the stream began, or the token ended, as by a sign-out; asked of a cache.
    async fn may_hear(&self) -> bool {
        let then = &self.caller;
        let access = self.engine.access();
        let now = access.caller_again(then.tenant_id, then.user_id, then.token_id, String::new());
        now.await.is_ok_and(|now| now.rights.contains(Right::ActorsInspect))
    }

    /// The next event of the tenant; none once the engine stops, or the caller may not hear it any more.
    async fn heard(&mut self) -> Option<Heard> {
        while !self.engine.services().is_draining() && self.may_hear().await {
            match tokio::time::timeout(STOP_NOTICED, self.receiver.recv()).await {
                Ok(Ok(event)) if event.tenant_id == self.caller.tenant_id => return Some(Heard::Event(event)),
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(RecvError::Lagged(count))) => return Some(Heard::Lost(count)),
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
        None
    }
}
