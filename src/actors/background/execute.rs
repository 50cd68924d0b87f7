//! One request from its claim to the commit of its end. Its stages are those of `domain::background::life`.

use std::{panic::AssertUnwindSafe, rc::Rc, time::Duration};

use actix_http::{
    Method,
    header::{HeaderName, HeaderValue},
};
use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::{
    actors::{
        background::{
            desk::{Desk, Report},
            end,
            envelope::{self, Body, Envelope},
            keep::{Keeper, Kept, NotKept},
            own::{Answer, OwnRequest},
            recover,
        },
        services::RunningGuard,
    },
    domain::{
        background::life::Event,
        ids::{BackgroundId, TenantId},
        rights::Right,
    },
    engine::{caller::Caller, upstreams::Headers},
    error::{Code, Error},
    http::{StreamBody, StreamError},
    store::background::{BodyKind, Claim, Claimed},
};

/// How long a request to our own resources may take.
const OWN_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// How often who may do what is looked up again while the store does not answer.
const LOOK_UPS_MAX: u32 = 10;

/// Where a task begins.
pub(super) enum Begin {
    /// With the claim of a queued request.
    Claim {
        tenant_id: TenantId,
        received_at: Timestamp,
    },
    /// With the next question about one that the other side has accepted, before a crash of ours.
    Adopt { tenant_id: TenantId },
}

/// What came of the execution.
pub(super) enum Done {
    /// An answer.
    Answered(Kept),
    /// None, and why.
    Failed(String),
    /// It is no longer ours to end.
    Left,
}

/// One request that is ours.
pub(super) struct Job {
    pub desk: Rc<Desk>,
    pub claimed: Claimed,
    /// While it is here, a shutdown waits for us.
    pub guard: Option<RunningGuard>,
}

/// Executes a request, and tells the actor of each step.
pub(super) async fn run(desk: Rc<Desk>, id: BackgroundId, begin: Begin, guard: RunningGuard) {
    // A panic outside of the execution itself: the request keeps no slot and no lane, and the sweep settles its row.
    let is_committed = AssertUnwindSafe(work(&desk, id, begin, guard)).catch_unwind().await;
    let last = match is_committed {
        Ok(true) => Event::Committed,
        Ok(false) => Event::Left,
        Err(_) => {
            tracing::error!(background.id = %id, "the task of a request panicked");
            Event::Left
        }
    };
    desk.tell(Report::Heard(id, last));
}

async fn work(desk: &Rc<Desk>, id: BackgroundId, begin: Begin, guard: RunningGuard) -> bool {
    let claimed = match begin {
        Begin::Claim { tenant_id, received_at } => match claim(desk, id, tenant_id).await {
            Some(claimed) => {
                let waited = claimed.started_at.duration_since(received_at).as_secs_f64();
                desk.services.metrics.background.wait_seconds.observe(waited.max(0.0));
                claimed
            }
            None => return false,
        },
        Begin::Adopt { tenant_id } => match recover::adopted(desk, tenant_id, id).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(background.id = %id, error = ?error, "a request that is followed is not taken over");
                return false;
            }
        },
    };
    let mut job = Job {
        desk: desk.clone(),
        claimed,
        guard: Some(guard),
    };
    let envelope = match Envelope::open(&desk.services.sealer, job.claimed.tenant_id, id, &job.claimed.request) {
        Ok(envelope) => envelope,
        Err(error) => {
            tracing::error!(background.id = %id, error = ?error, "a stored request does not open");
            let why = "The stored request cannot be opened: it is damaged, or was sealed with another key.".to_owned();
            return end::commit(&job, "", Done::Failed(why)).await;
        }
    };
    job.claimed.request = Vec::new();
    let base_url = envelope.base_url.clone();
    let begun = desk.services.clock.monotonic();
    // A panic ends this request and nothing else.
    let done = AssertUnwindSafe(job.carry_out(envelope)).catch_unwind().await;
    let done = done.unwrap_or_else(|_| {
        tracing::error!(background.id = %id, "executing a request panicked");
        Done::Failed("Executing this request went wrong inside Orrery; the log has it under this id.".to_owned())
    });
    let took = desk.services.clock.monotonic().saturating_sub(begun);
    desk.services.metrics.background.seconds.observe(took.as_secs_f64());
    if matches!(done, Done::Left) {
        return false;
    }
    desk.tell(Report::Heard(id, Event::Answered));
    end::commit(&job, &base_url, done).await
}

/// Claims a queued request; none if it is not queued any more, or the store takes nothing any more.
async fn claim(desk: &Desk, id: BackgroundId, tenant_id: TenantId) -> Option<Claimed> {
    let services = &desk.services;
    let epoch = services.epoch;
    let mut tries = 0_u32;
    let claim = async || {
        tries += 1;
        let claim = Claim {
            id,
            tenant_id,
            epoch,
            started_at: services.clock.now(),
        };
        let claimed = services.store.ledger().claim(claim).await?;
        if claimed.is_none() && tries > 1 {
            // A try that seemed to fail may have been committed; nobody else claims what is in our queue.
            return services.store.readopt_background(tenant_id, id, epoch).await;
        }
        Ok(claimed)
    };
    match desk.while_serving("claim of a request", claim).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::warn!(background.id = %id, error = ?error, "a request is not claimed");
            None
        }
    }
}

impl Job {
    pub fn id(&self) -> BackgroundId {
        self.claimed.id
    }

    pub fn keeper(&self) -> Keeper<'_> {
        Keeper {
            desk: &self.desk,
            tenant_id: self.claimed.tenant_id,
            id: self.claimed.id,
        }
    }

    async fn carry_out(&mut self, mut envelope: Envelope) -> Done {
        if self.claimed.attempts > 1 || self.claimed.follow.is_some() {
            // An attempt before may have left parts of an answer.
            self.keeper().drop_chunks().await;
        }
        if let (Some(sealed), Some(prefix)) = (self.claimed.follow.take(), self.claimed.upstream.clone()) {
            return self.go_on_asking(&envelope, &prefix, &sealed).await;
        }
        let caller = match self.caller().await {
            Ok(caller) => caller,
            Err(error) => return self.refused(&error).await,
        };
        match self.claimed.upstream.clone() {
            Some(prefix) => self.pass_on(&mut envelope, &prefix).await,
            None => self.ask_ourselves(envelope, caller).await,
        }
    }

    /// Who asked, with the rights of now: they may have lost the right to the background since.
    pub async fn caller(&self) -> crate::error::Result<Caller> {
        let services = &self.desk.services;
        let Claimed {
            tenant_id,
            user_id,
            token_id,
            ..
        } = self.claimed;
        let mut wait = Duration::from_millis(100);
        for _ in 0..LOOK_UPS_MAX {
            let found = services
                .access
                .caller_again(tenant_id, user_id, token_id, self.id().to_string());
            match found.await {
                Err(error) if matches!(error.code, Code::Internal | Code::Unavailable) && !services.is_draining() => {
                    tracing::warn!(background.id = %self.id(), error = ?error, "rights cannot be read; trying again");
                }
                other => return other.and_then(|caller| caller.require(Right::BackgroundUse).map(|()| caller)),
            }
            services.clock.sleep(wait).await;
            wait *= 2;
        }
        Err(Error::new(
            Code::Unavailable,
            "The rights of the caller could not be read.",
        ))
    }

    /// A refusal is an answer like any other.
    async fn refused(&self, error: &Error) -> Done {
        if matches!(error.code, Code::Internal | Code::Unavailable) {
            return Done::Failed(error.message.clone().into_owned());
        }
        match self.desk.own.get() {
            Some(own) => {
                self.kept(own.refuse(&self.claimed.original_uri, self.id().to_string(), error))
                    .await
            }
            None => Done::Failed(error.message.clone().into_owned()),
        }
    }

    async fn ask_ourselves(&self, mut envelope: Envelope, caller: Caller) -> Done {
        let (Some(own), Ok(method)) = (self.desk.own.get(), Method::from_bytes(self.claimed.method.as_bytes())) else {
            return Done::Failed(format!("The method {} is none that is known.", self.claimed.method));
        };
        let request = OwnRequest {
            method,
            target: self.claimed.original_uri.clone(),
            headers: headers_of(&envelope),
            body: self.body_of(&mut envelope),
            caller,
        };
        drop(envelope);
        match tokio::time::timeout(OWN_TIMEOUT, async { self.kept(own.call(request).await).await }).await {
            Ok(done) => done,
            Err(_) => {
                self.keeper().drop_chunks().await;
                let minutes = OWN_TIMEOUT.as_secs() / 60;
                Done::Failed(format!("There was no answer within {minutes} minutes."))
            }
        }
    }

    pub async fn kept(&self, answer: Answer) -> Done {
        match self.keeper().keep(answer).await {
            Ok(kept) => Done::Answered(kept),
            Err(NotKept::Failed(why)) => Done::Failed(why),
            Err(NotKept::Left) => Done::Left,
        }
    }

    /// The body of the request: at hand, or as it comes from the store. It is taken out of the envelope, so that it is gone when
    /// it is sent.
    pub fn body_of(&self, envelope: &mut Envelope) -> StreamBody {
        if let Some(body) = envelope.body.take() {
            return StreamBody::Bytes(body);
        }
        let chunks = self.claimed.request_chunks;
        if chunks == 0 {
            return StreamBody::None;
        }
        let (services, tenant_id, id) = (self.desk.services.clone(), self.claimed.tenant_id, self.claimed.id);
        let parts = stream::iter(0..chunks).then(move |seq| {
            let services = services.clone();
            async move {
                let lost = || StreamError(format!("part {seq} of the stored body cannot be read"));
                let sealed = services.store.body_chunk(tenant_id, id, BodyKind::Request, seq).await;
                let sealed = sealed.ok().flatten().ok_or_else(lost)?;
                envelope::open_chunk(&services.sealer, tenant_id, id, Body::Request, seq, &sealed).map_err(|_| lost())
            }
        });
        StreamBody::Stream {
            stream: parts.boxed_local(),
            length: None,
        }
    }

    /// Waits without a slot, where that is possible. False: the engine is stopping, and the next one goes on.
    pub async fn wait(&mut self, wait: Duration) -> bool {
        let services = self.desk.services.clone();
        let Some(following) = self.desk.follow() else {
            services.clock.sleep(wait).await;
            return !services.is_draining();
        };
        self.guard = None;
        self.desk.tell(Report::Heard(self.id(), Event::Waits));
        services.clock.sleep(wait).await;
        let (turn, comes) = oneshot::channel();
        self.desk.tell(Report::Due(self.id(), turn));
        let has_turn = comes.await.is_ok();
        drop(following);
        self.guard = services.enter_run();
        has_turn && self.guard.is_some()
    }
}

/// The headers that were kept; what was one, is one again.
pub(super) fn headers_of(envelope: &Envelope) -> Headers {
    let kept = envelope.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value).ok()?))
    });
    kept.collect()
}
