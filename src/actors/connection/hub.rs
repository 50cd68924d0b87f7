//! Where gates are found: the actors of connections register here when they have read their rows.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::Addr;
use tokio::sync::Notify;

use crate::{
    actors::connection::{
        actor::ConnectionActor,
        gate::{Gate, Refused},
        prepared::Prepared,
    },
    clock::Clock,
    domain::ids::{ConnectionId, TenantId},
    http::Outbound,
    store::Store,
};

/// How long one waits for the actor of an enabled connection: it may be reading its row just now.
const ACTOR_WAIT_MAX: Duration = Duration::from_secs(15);
/// When to ask again for an actor that did not come, milliseconds.
const ASK_AGAIN_MS: u64 = 1_000;

/// The gates of an engine. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionGates {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    outbound: Outbound,
    clock: Clock,
    posts: Mutex<HashMap<ConnectionId, Arc<Post>>>,
    came: Notify,
}

/// A live actor, and what it read last.
pub(super) struct Post {
    pub tenant_id: TenantId,
    pub id: ConnectionId,
    pub actor: Addr<ConnectionActor>,
    prepared: Mutex<Arc<Prepared>>,
    /// Gates that lead here.
    pub guests: AtomicUsize,
    /// The actor ends when the last guest has gone.
    pub is_closing: AtomicBool,
}

impl Post {
    pub fn prepared(&self) -> Arc<Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The actor has read a later version.
    fn set(&self, prepared: Arc<Prepared>) {
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = prepared;
    }
}

impl ConnectionGates {
    /// No gates yet.
    pub(crate) fn new(store: Store, outbound: Outbound, clock: Clock) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                outbound,
                clock,
                posts: Mutex::default(),
                came: Notify::new(),
            }),
        }
    }

    /// The way to a connection of a tenant. Waits a little for an actor that is just starting.
    ///
    /// # Errors
    /// [`Refused::Disabled`]: the connection is disabled, or there is none; [`Refused::Unavailable`].
    pub async fn gate(&self, tenant: TenantId, id: ConnectionId) -> Result<Gate, Refused> {
        if let Some(post) = self.post(tenant, id) {
            return Ok(Gate::new(self.clone(), post));
        }
        let row = self.inner.store.connection_row(tenant, id).await;
        match row.map_err(|error| unavailable(format!("The connection {id} cannot be read: {error}.")))? {
            None => Err(Refused::Disabled(format!(
                "The connection {id} is disabled, or there is none; enable it, then try again."
            ))),
            Some(row) => match tokio::time::timeout(ACTOR_WAIT_MAX, self.comes(tenant, id)).await {
                Ok(post) => Ok(Gate::new(self.clone(), post)),
                Err(_) => Err(unavailable(format!(
                    "The connection {} is being started; try again in a moment.",
                    row.name
                ))),
            },
        }
    }

    /// As [`ConnectionGates::gate`], when the actor has read this version of the row or a later one; waits a little for that.
    ///
    /// # Errors
    /// As [`ConnectionGates::gate`].
    pub async fn gate_of(&self, tenant: TenantId, id: ConnectionId, version: i64) -> Result<Gate, Refused> {
        let read = async {
            loop {
                let came = self.inner.came.notified();
                tokio::pin!(came);
                // Before the look: what comes after it is heard.
                came.as_mut().enable();
                let gate = self.gate(tenant, id).await?;
                if gate.account().version >= version {
                    return Ok(gate);
                }
                came.await;
            }
        };
        let late = || {
            unavailable(format!(
                "The connection {id} was changed just now; try again in a moment."
            ))
        };
        tokio::time::timeout(ACTOR_WAIT_MAX, read)
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    /// An actor has read its row anew.
    pub(super) fn renewed(&self, post: &Post, prepared: Arc<Prepared>) {
        post.set(prepared);
        self.inner.came.notify_waiters();
    }

    pub(super) fn outbound(&self) -> &Outbound {
        &self.inner.outbound
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// An actor has read its row for the first time.
    pub(super) fn register(&self, actor: Addr<ConnectionActor>, prepared: Arc<Prepared>) -> Arc<Post> {
        let post = Arc::new(Post {
            tenant_id: prepared.account.tenant_id,
            id: prepared.account.id,
            actor,
            prepared: Mutex::new(prepared),
            guests: AtomicUsize::new(0),
            is_closing: AtomicBool::new(false),
        });
        self.posts().insert(post.id, post.clone());
        self.inner.came.notify_waiters();
        post
    }

    /// An actor is to end: no gate leads there any more. Whether there are some that did, and tell it when they have gone.
    pub(super) fn close(&self, post: &Arc<Post>) -> bool {
        self.leave(post);
        post.is_closing.store(true, Ordering::SeqCst);
        post.guests.load(Ordering::SeqCst) > 0
    }

    /// An actor ends.
    pub(super) fn leave(&self, post: &Arc<Post>) {
        let mut posts = self.posts();
        if posts.get(&post.id).is_some_and(|known| Arc::ptr_eq(known, post)) {
            posts.remove(&post.id);
        }
    }

    async fn comes(&self, tenant: TenantId, id: ConnectionId) -> Arc<Post> {
        loop {
            let came = self.inner.came.notified();
            tokio::pin!(came);
            // Before the look: what comes after it is heard.
            came.as_mut().enable();
            if let Some(post) = self.post(tenant, id) {
                return post;
            }
            came.await;
        }
    }

    /// The live actor of a connection, if there is one.
    pub(super) fn post(&self, tenant: TenantId, id: ConnectionId) -> Option<Arc<Post>> {
        let posts = self.posts();
        let post = posts.get(&id).filter(|post| post.tenant_id == tenant)?;
        post.actor.connected().then(|| post.clone())
    }

    fn posts(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Arc<Post>>> {
        self.inner.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(message: String) -> Refused {
    Refused::Unavailable {
        message,
        retry_after_ms: Some(ASK_AGAIN_MS),
    }
}
