//! The events of a tenant as a stream that can be resumed: for live views.

use std::{collections::VecDeque, time::Duration};

use futures_util::{Stream, stream};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{Receiver, error::RecvError},
};

use crate::{
    domain::{
        ids::{TenantId, UserId},
        rights::Right,
    },
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
    events::Event,
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
    tenant_id: TenantId,
    /// None: a library user, whose rights do not change.
    user_id: Option<UserId>,
    missed: VecDeque<Event>,
    receiver: Receiver<Event>,
    #[expect(dead_code, reason = "gives its place back when the listener goes")]
    place: OwnedSemaphorePermit,
}

impl Engine {
    /// What happens in the caller's tenant from now on; with `last_event_id`, first what has happened since that event, as
    /// far as it is kept. The stream ends when the engine stops. A slow listener holds up nobody: it loses events.
    ///
    /// # Errors
    /// `forbidden` without `actors.inspect`; `rate_limited` where too many listen.
    pub fn event_stream(
        &self,
        caller: &Caller,
        last_event_id: Option<u64>,
    ) -> Result<impl Stream<Item = Heard> + use<>> {
        caller.require(Right::ActorsInspect)?;
        let places = self.services().event_streams.clone();
        let place = places.try_acquire_owned().map_err(|_| {
            let full = "Too many listeners hear the events of this engine already; try again in a while.";
            Error::new(Code::RateLimited, full).with_retry_after_ms(10_000)
        })?;
        let (missed, receiver) = match last_event_id {
            Some(last) => self.events().resume(caller.tenant_id, last),
            None => (Vec::new(), self.events().subscribe()),
        };
        let listener = Listener {
            engine: self.clone(),
            tenant_id: caller.tenant_id,
            user_id: caller.user_id,
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
        if let Some(event) = self.missed.pop_front() {
            return Some(Heard::Event(event));
        }
        // Real deadlines, also under a clock that is moved by hand: the other side waits in real time.
        match tokio::time::timeout(HEARTBEAT, self.heard()).await {
            Ok(heard) => heard,
            Err(_) => Some(Heard::Quiet),
        }
    }

    /// The user may have lost the right since the stream began; asked of a cache.
    async fn may_hear(&self) -> bool {
        let Some(user_id) = self.user_id else { return true };
        let rights = self.engine.access().identity().rights_of(self.tenant_id, user_id).await;
        matches!(rights, Ok(Some(rights)) if rights.contains(Right::ActorsInspect))
    }

    /// The next event of the tenant; none once the engine stops, or the right is lost.
    async fn heard(&mut self) -> Option<Heard> {
        while !self.engine.services().is_draining() && self.may_hear().await {
            match tokio::time::timeout(STOP_NOTICED, self.receiver.recv()).await {
                Ok(Ok(event)) if event.tenant_id == self.tenant_id => return Some(Heard::Event(event)),
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(RecvError::Lagged(count))) => return Some(Heard::Lost(count)),
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
        None
    }
}
