//! Background requests as a service: taking them ([`Intake`]), and showing and cancelling what was taken.
//!
//! Who sees one: the user who sent it, signed in; the API token that it was sent with, which sees nothing else, because it may
//! do less than its user; and administrators of its tenant, signed in, which are those who have `users.manage` there. For
//! everybody else it does not exist. What an administrator of all tenants was answered is only for such.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Engine, caller::Caller};
use crate::{
    actors::{
        background::envelope::{self, Body},
        delivery::notify::{NotificationState, of_background},
    },
    domain::{
        background::{Status, header},
        ids::{BackgroundId, TenantId, UserId},
        rights::Right,
    },
    error::{Code, Error, Result},
    store::{
        Page, Paged,
        background::{BackgroundFilter, BackgroundRow, BodyKind, Finish},
        deliveries::Delivery,
    },
};

mod intake;
mod notify;

pub use intake::{Head, Intake, Taken};

/// When to ask again for the content of what has not ended, milliseconds.
const NOT_ENDED_RETRY_MS: u64 = 1_000;

/// Background requests of a caller's tenant.
pub struct Background<'a> {
    engine: &'a Engine,
}

/// An operation as it is shown.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Id.
    pub id: BackgroundId,
    /// Who sent it.
    pub user_id: Option<UserId>,
    /// Where it is.
    pub status: Status,
    /// HTTP status of the answer; 0 until there is one.
    pub status_code: u16,
    /// When the request came.
    pub received_at: Timestamp,
    /// When its execution began, of the last attempt.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Who is told: a URL, `none` or `subscription`.
    pub webhook_address: String,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// Method of the request.
    pub method: String,
    /// Path and query of the request.
    pub original_uri: String,
    /// Whether the request had a body.
    pub has_request: bool,
    /// Whether the answer has one.
    pub has_response: bool,
    /// Headers of the answer.
    pub response_headers: Option<BTreeMap<String, String>>,
    /// How often its execution was begun.
    pub attempts: u32,
}

/// The stored body of an answer.
pub struct Content {
    /// Media type, as the endpoint gave it.
    pub content_type: Option<String>,
    /// Coding of the bytes, as the endpoint gave it.
    pub encoding: Option<String>,
    /// The bytes.
    pub body: ContentBody,
}

/// See [`Content`].
pub enum ContentBody {
    /// A small one.
    Whole(Bytes),
    /// A long one, read from the store as it is asked for.
    Parts(BoxStream<'static, Result<Bytes>>),
}

impl Engine {
    /// Background requests.
    pub fn background(&self) -> Background<'_> {
        Background { engine: self }
    }
}

impl Background<'_> {
    /// The caller's own operations, newest first; of an API token, what was sent with it; of a caller without a user, those of
    /// the tenant.
    ///
    /// # Errors
    /// `forbidden` without `background.use`; `bad_request` for a foreign cursor.
    pub async fn list(
        &self,
        caller: &Caller,
        status: Option<Status>,
        from: Option<Timestamp>,
        page: Page,
    ) -> Result<Paged<Operation>> {
        caller.require(Right::BackgroundUse)?;
        let filter = BackgroundFilter {
            user: caller.user_id,
            token: caller.token_id.filter(|_| caller.is_part),
            status,
            from,
        };
        let store = self.engine.store();
        let found = store.background_page(caller.tenant_id, filter, &page).await?;
        found.try_map(shown)
    }

    /// Everybody's operations in the tenant, newest first, for administrators of it; headers of answers are left out.
    ///
    /// # Errors
    /// `forbidden` without `users.manage`, and for API tokens; `bad_request` for a foreign cursor.
    pub async fn list_of_all(&self, caller: &Caller, status: Option<Status>, page: Page) -> Result<Paged<Operation>> {
        caller.require(Right::UsersManage)?;
        if caller.is_part {
            let text = "An API token sees what was sent with it, and nothing else: sign in to see everybody's.";
            return Err(Error::new(Code::Forbidden, text));
        }
        let filter = BackgroundFilter {
            status,
            ..BackgroundFilter::default()
        };
        let found = self
            .engine
            .store()
            .background_page(caller.tenant_id, filter, &page)
            .await?;
        found.try_map(|row| {
            Ok(Operation {
                response_headers: None,
                ..shown(row)?
            })
        })
    }

    /// The notifications of an operation with all their attempts, which tell of receivers and what they answered.
    ///
    /// # Errors
    /// As [`Background::get`]; `forbidden` without `settings.manage`.
    pub async fn deliveries(&self, caller: &Caller, id: BackgroundId) -> Result<Vec<Delivery>> {
        caller.require(Right::SettingsManage)?;
        let row = self.kept(caller, id).await?;
        Ok(self.engine.store().attempts_of_background(row.tenant_id, id).await?)
    }

    /// One operation, and where its notification stands once it has ended. Headers of an answer that this caller may not see
    /// are left out.
    ///
    /// # Errors
    /// `forbidden` without `background.use`; `not_found`, also for what is somebody else's; `gone` once it is no longer kept.
    pub async fn get(&self, caller: &Caller, id: BackgroundId) -> Result<(Operation, Option<NotificationState>)> {
        let row = self.kept(caller, id).await?;
        let notification = match row.webhook_address == header::NONE || !row.status.is_end() {
            true => None,
            false => of_background(self.engine.store(), row.tenant_id, id).await?,
        };
        let may_see_answer = self.may_see_answer(caller, &row).await?;
        let mut operation = shown(row)?;
        if !may_see_answer {
            operation.response_headers = None;
        }
        Ok((operation, notification))
    }

    /// The body of an answer; none if the operation ended without one.
    ///
    /// # Errors
    /// As [`Background::get`]; `forbidden` for an answer that is only for administrators of all tenants; `wrong_state` while
    /// it has not ended.
    pub async fn content(&self, caller: &Caller, id: BackgroundId) -> Result<Option<Content>> {
        let row = self.kept(caller, id).await?;
        if !self.may_see_answer(caller, &row).await? {
            let text = format!(
                "The background request {id} was sent by an administrator of all tenants: only such administrators see its content."
            );
            return Err(Error::new(Code::Forbidden, text));
        }
        if !row.status.is_end() {
            let text = format!(
                "The background request {id} is {}: there is content once it has ended.",
                row.status
            );
            return Err(Error::new(Code::WrongState, text).with_retry_after_ms(NOT_ENDED_RETRY_MS));
        }
        if !row.has_response {
            return Ok(None);
        }
        let engine = self.engine.clone();
        let body = if row.response_chunks == 0 {
            let store = engine.store();
            let sealed = store.background_response(row.tenant_id, id).await?;
            let sealed = sealed.ok_or_else(|| gone(id))?;
            ContentBody::Whole(envelope::open_response(engine.sealer(), row.tenant_id, id, &sealed)?)
        } else {
            // The first part is read here: what fails already is an answer, not a body that breaks off.
            let first = part(&engine, row.tenant_id, id, 0).await?;
            let (tenant_id, count) = (row.tenant_id, row.response_chunks);
            let rest = stream::iter(1..count).then(move |seq| {
                let engine = engine.clone();
                async move { part(&engine, tenant_id, id, seq).await }
            });
            ContentBody::Parts(stream::iter([Ok(first)]).chain(rest).boxed())
        };
        let encoding = headers_of(&row)?.and_then(|mut headers| headers.remove("content-encoding"));
        Ok(Some(Content {
            content_type: row.content_type,
            encoding,
            body,
        }))
    }

    /// Cancels what is queued, and stops waiting for what runs. `base_url` is where links begin for this caller; see `Ended`.
    ///
    /// # Errors
    /// As [`Background::get`]; `wrong_state` once it has ended.
    pub async fn cancel(&self, caller: &Caller, id: BackgroundId, base_url: &str) -> Result<()> {
        let row = self.kept(caller, id).await?;
        let services = self.engine.services();
        let now = services.clock.now();
        let is_own = is_own(caller, &row);
        let audit = caller.audit(
            "background.cancel",
            "background",
            id,
            Some(serde_json::json!({ "status": row.status })),
            Some(serde_json::json!({ "status": Status::Cancelled })),
        );
        let finish = Finish {
            id,
            tenant_id: row.tenant_id,
            epoch: services.epoch,
            finished_at: now,
            status: Status::Cancelled,
            status_code: 0,
            error: Some(why_cancelled(row.status, is_own).to_owned()),
            response_headers: None,
            content_type: None,
            response: None,
            response_chunks: 0,
            has_response: false,
            deliveries: notify::of_cancelled(self.engine, &row, base_url).await?,
            audit: Some(audit),
        };
        let deliveries = finish.deliveries.clone();
        if row.status.is_end() || !services.store.ledger().finish(finish).await? {
            let text = format!("The background request {id} has ended: there is nothing to cancel.");
            return Err(Error::new(Code::WrongState, text));
        }
        services.background.stop_waiting(id);
        services.deliveries.created(&deliveries);
        let data = serde_json::json!({ "status": Status::Cancelled, "statusCode": 0 });
        let events = &services.events;
        events.publish(row.tenant_id, now, "background.cancelled", id.uuid(), data);
        Ok(())
    }

    /// The row of an operation that this caller may see, and that is kept.
    async fn kept(&self, caller: &Caller, id: BackgroundId) -> Result<BackgroundRow> {
        caller.require_any(&[Right::BackgroundUse, Right::UsersManage])?;
        let unknown = || Error::not_found("background request", id);
        let found = self.engine.store().background(caller.tenant_id, id).await?;
        let row = found.ok_or_else(unknown)?;
        let is_visible = match caller.is_part {
            true => is_own(caller, &row) && row.token_id == caller.token_id,
            false => is_own(caller, &row) || caller.rights.contains(Right::UsersManage),
        };
        if !is_visible {
            return Err(unknown());
        }
        match self.age(&row) {
            Age::Kept => Ok(row),
            Age::Gone => Err(gone(id)),
            Age::Forgotten => Err(unknown()),
        }
    }

    /// Whether somebody who sees a request sees its answer too: it may tell of other tenants what its sender may know.
    async fn may_see_answer(&self, caller: &Caller, row: &BackgroundRow) -> Result<bool> {
        if caller.all_tenants || is_own(caller, row) {
            return Ok(true);
        }
        // A program that is its own user has every right.
        let Some(user_id) = row.user_id else {
            return Ok(false);
        };
        let sender = self.engine.access().identity().reach(user_id).await?;
        Ok(sender.as_ref().as_ref().is_some_and(|sender| !sender.administrator))
    }

    /// By the clock, whether or not the purge has come by.
    fn age(&self, row: &BackgroundRow) -> Age {
        let settings = &self.engine.settings().background;
        let hours = |hours: u64| SignedDuration::from_hours(i64::try_from(hours).unwrap_or(i64::MAX / 3_600));
        let ended = row.finished_at.map(|at| self.engine.clock().now().duration_since(at));
        let kept = hours(settings.retention_hours);
        match ended {
            Some(ended) if ended >= kept.saturating_add(hours(settings.gone_hours)) => Age::Forgotten,
            Some(ended) if ended >= kept => Age::Gone,
            _ if row.erased_at.is_some() => Age::Gone,
            _ => Age::Kept,
        }
    }
}

fn is_own(caller: &Caller, row: &BackgroundRow) -> bool {
    caller.user_id.is_some() && row.user_id == caller.user_id
}

enum Age {
    Kept,
    Gone,
    Forgotten,
}

async fn part(engine: &Engine, tenant_id: TenantId, id: BackgroundId, seq: u32) -> Result<Bytes> {
    let store = engine.store();
    let sealed = store.body_chunk(tenant_id, id, BodyKind::Response, seq).await?;
    let sealed = sealed.ok_or_else(|| gone(id))?;
    Ok(envelope::open_chunk(
        engine.sealer(),
        tenant_id,
        id,
        Body::Response,
        seq,
        &sealed,
    )?)
}

fn gone(id: BackgroundId) -> Error {
    let text = format!("The background request {id} ended too long ago: it is no longer kept.");
    Error::new(Code::Gone, text)
}

const fn why_cancelled(status: Status, is_own: bool) -> &'static str {
    match (status, is_own) {
        (Status::Started, true) => {
            "Cancelled by its caller while it ran: the endpoint may have done what was asked all the same."
        }
        (Status::Started, false) => {
            "Cancelled by an administrator while it ran: the endpoint may have done what was asked all the same."
        }
        (_, true) => "Cancelled by its caller before it began.",
        (_, false) => "Cancelled by an administrator before it began.",
    }
}

fn headers_of(row: &BackgroundRow) -> Result<Option<BTreeMap<String, String>>> {
    let Some(text) = &row.response_headers else {
        return Ok(None);
    };
    let headers: BTreeMap<String, Value> = serde_json::from_str(text).map_err(Error::internal)?;
    let text_of = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let headers = headers.into_iter().map(|(name, value)| (name, text_of(value)));
    Ok(Some(headers.collect()))
}

fn shown(row: BackgroundRow) -> Result<Operation> {
    Ok(Operation {
        id: row.id,
        user_id: row.user_id,
        status: row.status,
        status_code: row.status_code,
        received_at: row.received_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        response_headers: headers_of(&row)?,
        webhook_address: row.webhook_address,
        error: row.error,
        reference: row.reference,
        method: row.method,
        original_uri: row.original_uri,
        has_request: row.has_request,
        has_response: row.has_response,
        attempts: row.attempts,
    })
}
