//! Answers and queries of `/api/v1/background`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    actors::delivery::notify::NotificationState,
    domain::{
        background::Status,
        delivery::State,
        ids::{BackgroundId, DeliveryId},
    },
    engine::background::Operation,
};

/// The query of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `Queued`, `Started`, `Finished`, `Failed` or `Cancelled`.
    #[param(value_type = Option<String>)]
    pub status: Option<Status>,
    /// Received at this time or later.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Items at most, 1 to 200 (50).
    pub limit: Option<u64>,
    /// `nextCursor` of the answer before.
    pub cursor: Option<String>,
}

/// The answer to a request that is executed in the background.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackgroundAccepted)]
pub struct AcceptedAnswer {
    #[schema(value_type = uuid::Uuid)]
    pub(in crate::gateway) id: BackgroundId,
    pub(in crate::gateway) state_location: String,
}

/// The state of a background request. Members that are null are left out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackgroundState)]
pub struct StateAnswer {
    #[schema(value_type = uuid::Uuid)]
    id: BackgroundId,
    /// `Queued`, `Started`, `Finished`, `Failed` or `Cancelled`. Finished is not success: see `statusCode`.
    #[schema(value_type = String)]
    status: Status,
    /// HTTP status of the answer; 0 until there is one.
    status_code: u16,
    #[schema(value_type = String, format = DateTime)]
    received_utc: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    started_utc: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_utc: Option<Timestamp>,
    /// The URL that is notified, `none` or `subscription`.
    webhook_address: String,
    /// Why there is no answer; what the endpoint itself has to say is its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    /// The caller's own reference, from the header's pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Path and query of the request.
    original_uri: String,
    method: String,
    has_request_content: bool,
    has_response_content: bool,
    /// Where the content is, if there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_location: Option<String>,
    /// Headers of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_headers: Option<BTreeMap<String, String>>,
    /// How often its execution was begun.
    attempts: u32,
    /// Where its notification stands; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<NotificationAnswer>,
}

/// Where the notification of a background request stands. Members that are null are left out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackgroundNotification)]
pub struct NotificationAnswer {
    /// `pending`, `delivered`, `failed` or `gone`.
    #[schema(value_type = String)]
    state: State,
    attempts: u32,
    /// HTTP status of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<u16>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
    /// Each is the `webhook-id` of its requests, and can be replayed.
    #[schema(value_type = Vec<uuid::Uuid>)]
    delivery_ids: Vec<DeliveryId>,
}

impl StateAnswer {
    /// An operation whose content would be at `content_location`.
    pub(in crate::gateway) fn new(operation: Operation, content_location: String) -> Self {
        Self {
            id: operation.id,
            status: operation.status,
            status_code: operation.status_code,
            received_utc: operation.received_at,
            started_utc: operation.started_at,
            finished_utc: operation.finished_at,
            webhook_address: operation.webhook_address,
            error_message: operation.error,
            reference: operation.reference,
            original_uri: operation.original_uri,
            method: operation.method,
            has_request_content: operation.has_request,
            has_response_content: operation.has_response,
            content_location: operation.has_response.then_some(content_location),
            response_headers: operation.response_headers,
            attempts: operation.attempts,
            notification: None,
        }
    }

    /// The same with its notification.
    pub(in crate::gateway) fn with(self, notification: Option<NotificationState>) -> Self {
        let notification = notification.map(|notification| NotificationAnswer {
            state: notification.state,
            attempts: notification.attempts,
            last_status: notification.last_status,
            last_error: notification.last_error,
            next_at: notification.next_at,
            delivered_at: notification.delivered_at,
            delivery_ids: notification.delivery_ids,
        });
        Self { notification, ..self }
    }
}
