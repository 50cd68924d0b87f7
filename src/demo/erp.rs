//! The sample ERP behind the gateway: slow on purpose, so that there is a reason for the background, and a receiver that
//! shows which notifications came.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes, Data, Path, Query, ServiceConfig},
};
use orrery::clock::Clock;
use serde::Deserialize;
use serde_json::{Value, json};

/// Where it is reached through the gateway.
pub const PREFIX: &str = "/erp";
/// How long a list takes.
const LIST_TAKES: Duration = Duration::from_secs(2);
/// Invoices that are there from the start.
const FIRST_INVOICES: u64 = 250;
/// Most invoices of a page.
const PAGE_MAX: u64 = 100;
/// Notifications that the receiver shows.
const NOTIFICATIONS_MAX: usize = 20;
/// Headers of a notification that it shows.
const SHOWN_HEADERS: [&str; 4] = ["webhook-id", "webhook-timestamp", "webhook-signature", "reference"];

/// What it has.
pub struct Erp {
    clock: Clock,
    invoices: Mutex<BTreeMap<u64, Value>>,
    notifications: Mutex<Vec<Value>>,
}

impl Erp {
    /// With some invoices.
    pub fn new(clock: Clock) -> Self {
        let invoice = |number| {
            (
                number,
                json!({"customer": format!("C{}", number % 20), "amount": number * 10}),
            )
        };
        Self {
            clock,
            invoices: Mutex::new((1..=FIRST_INVOICES).map(invoice).collect()),
            notifications: Mutex::default(),
        }
    }

    fn invoices(&self) -> MutexGuard<'_, BTreeMap<u64, Value>> {
        self.invoices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notifications(&self) -> MutexGuard<'_, Vec<Value>> {
        self.notifications.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its paths.
pub fn routes(config: &mut ServiceConfig, erp: &Data<Erp>) {
    config
        .app_data(erp.clone())
        .route("/erp/api/v1/customerinvoice", web::get().to(list))
        .route("/erp/api/v2/customerinvoice", web::post().to(create))
        .route("/erp/api/v1/customerinvoice/{number}", web::put().to(replace))
        .route("/receiver", web::post().to(receive))
        .route("/receiver", web::get().to(received));
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pages {
    page_number: Option<u64>,
    page_size: Option<u64>,
}

fn shown(number: u64, invoice: &Value) -> Value {
    json!({"referenceNumber": format!("{number:06}"), "customer": invoice.get("customer"), "amount": invoice.get("amount")})
}

fn has_customer(invoice: &Value) -> bool {
    invoice.get("customer").is_some_and(Value::is_string)
}

fn refused(message: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "message": message }))
}

/// `?pageNumber=1&pageSize=100`
async fn list(erp: Data<Erp>, pages: Query<Pages>) -> HttpResponse {
    erp.clock.sleep(LIST_TAKES).await;
    HttpResponse::Ok().json(page(&erp, &pages))
}

fn page(erp: &Erp, pages: &Pages) -> Vec<Value> {
    let size = pages.page_size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let before = pages.page_number.unwrap_or(1).saturating_sub(1).saturating_mul(size);
    let invoices = erp.invoices();
    let page = invoices
        .iter()
        .skip(usize::try_from(before).unwrap_or(usize::MAX))
        .take(usize::try_from(size).unwrap_or(0));
    page.map(|(number, invoice)| shown(*number, invoice)).collect()
}

async fn create(erp: Data<Erp>, body: Bytes) -> HttpResponse {
    let invoice: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !has_customer(&invoice) {
        return refused("'Customer' cannot be empty.");
    }
    let mut invoices = erp.invoices();
    let number = invoices.keys().last().map_or(1, |last| last + 1);
    invoices.insert(number, invoice);
    let location = format!("/erp/api/v1/customerinvoice/{number:06}");
    HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .finish()
}

async fn replace(erp: Data<Erp>, number: Path<u64>, body: Bytes) -> HttpResponse {
    let invoice: Value = serde_json::from_slice(&body).unwrap_or_default();
    match erp.invoices().get_mut(&number) {
        Some(found) if has_customer(&invoice) => {
            *found = invoice;
            HttpResponse::NoContent().finish()
        }
        Some(_) => refused("'Customer' cannot be empty."),
        None => HttpResponse::NotFound().json(json!({ "message": format!("There is no invoice {number}.") })),
    }
}

/// Takes a notification.
async fn receive(request: HttpRequest, erp: Data<Erp>, body: Bytes) -> HttpResponse {
    let header = |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
    let headers: serde_json::Map<String, Value> = SHOWN_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), header(name)?.into())))
        .collect();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut notifications = erp.notifications();
    notifications.insert(0, json!({ "headers": headers, "body": body }));
    notifications.truncate(NOTIFICATIONS_MAX);
    HttpResponse::NoContent().finish()
}

/// The notifications that came, newest first.
async fn received(erp: Data<Erp>) -> HttpResponse {
    HttpResponse::Ok().json(&*erp.notifications())
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test};

    use super::*;

    #[actix_rt::test]
    async fn invoices_are_paged_made_and_replaced() {
        let erp = Data::new(Erp::new(Clock::system()));
        let third = Pages {
            page_number: Some(3),
            page_size: Some(100),
        };
        let invoices = page(&erp, &third);
        assert_eq!(
            (invoices.len(), &invoices[0]["referenceNumber"]),
            (50, &json!("000201"))
        );
        let app = test::init_service(App::new().configure(|config| routes(config, &erp))).await;
        let mut statuses = Vec::new();
        for (method, path, body) in [
            ("POST", "/erp/api/v2/customerinvoice", json!({"customer": "C1"})),
            ("POST", "/erp/api/v2/customerinvoice", json!({})),
            ("PUT", "/erp/api/v1/customerinvoice/251", json!({"customer": "C2"})),
            ("PUT", "/erp/api/v1/customerinvoice/9999", json!({"customer": "C2"})),
            ("POST", "/receiver", json!({"id": "x"})),
        ] {
            let request = test::TestRequest::with_uri(path)
                .method(method.parse().unwrap())
                .set_json(body);
            statuses.push(test::call_service(&app, request.to_request()).await.status().as_u16());
        }
        assert_eq!(statuses, [201, 400, 204, 404, 204]);
        assert_eq!(erp.notifications()[0]["body"]["id"], "x");
    }
}
