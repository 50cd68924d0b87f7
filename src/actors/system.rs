//! The engine's own actix system: a thread for it, and the arbiters on which actors live. A host app's system is not touched.

use std::thread::JoinHandle;

use actix::System;
use actix_rt::{Arbiter, ArbiterHandle};

use crate::error::{Error, Result};

/// The threads of one engine's actors.
pub struct ActorSystem {
    system: System,
    main: ArbiterHandle,
    arbiters: Vec<ArbiterHandle>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for ActorSystem {
    /// Also where a start fails half-way: no actor may run on without the engine that owns it.
    fn drop(&mut self) {
        self.system.stop();
    }
}

impl ActorSystem {
    /// Starts a system with this many arbiters.
    ///
    /// # Errors
    /// The machine refuses the threads.
    pub async fn start(arbiters: usize) -> Result<Self> {
        let (ready, started) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("orrery-system".to_owned())
            .spawn(move || {
                let runner = System::new();
                // Arbiters are made on the system's thread; their number is checked by the settings.
                let arbiters: Vec<Arbiter> = (0..arbiters).map(|_| Arbiter::new()).collect();
                let handles = arbiters.iter().map(Arbiter::handle).collect();
                let told = ready.send((System::current(), System::current().arbiter().clone(), handles));
                if told.is_ok() && runner.run().is_err() {
                    tracing::error!("the actor system ended with an error");
                }
                for arbiter in arbiters {
                    arbiter.stop();
                    if arbiter.join().is_err() {
                        tracing::error!("an arbiter ended with a panic");
                    }
                }
            })
            .map_err(Error::internal)?;
        let (system, main, arbiters) = started.await.map_err(Error::internal)?;
        Ok(Self {
            system,
            main,
            arbiters,
            thread: Some(thread),
        })
    }

    /// Where the registry lives.
    pub fn main(&self) -> &ArbiterHandle {
        &self.main
    }

    /// Where children live.
    pub fn arbiters(&self) -> &[ArbiterHandle] {
        &self.arbiters
    }

    /// Ends all actors and threads, without waiting.
    pub fn stop(&self) {
        self.system.stop();
    }

    /// The thread to join after [`Self::stop`], once.
    pub fn take_thread(&mut self) -> Option<JoinHandle<()>> {
        self.thread.take()
    }
}
