//! What happens to items of integrations: requests, scripts, credentials, fetches, partner functions; with real servers.

mod credentials;
mod fixture;
mod functions;
mod guarded;
mod inbound;
mod managed;
mod requests;
mod scripts;
mod versions;
