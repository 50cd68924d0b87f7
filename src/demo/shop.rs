//! The sample shop: a remote system on loopback whose list of orders grows, so that there is something to import.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{self, Data, Query},
};
use jiff::Timestamp;
use orrery::{clock::Clock, settings::Upstream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::{self, Books},
    erp::{self, Erp},
};
use crate::command::Failure;

/// The header that the shop wants.
pub const KEY_HEADER: &str = "X-Api-Key";
/// What it wants in there. No secret: the shop answers on loopback only, and README.md shows it.
pub const KEY: &str = "sample-key";

/// A new order comes in so often.
const ORDER_EVERY: Duration = Duration::from_secs(3);
/// Orders that are there from the start.
const FIRST_ORDERS: u64 = 2;
/// The list holds so many of the latest orders: most of them were in the last answer too.
const LISTED_MAX: u64 = 10;
/// How long `/slow` may be asked to take, seconds.
const SLOW_SECONDS_MAX: u64 = 120;

/// The shop while it is open.
pub struct Shop {
    /// Where it answers.
    pub address: SocketAddr,
    state: Data<State>,
    handle: ServerHandle,
}

struct State {
    clock: Clock,
    opened: Timestamp,
    served: Mutex<BTreeSet<u64>>,
}

impl Shop {
    /// Opens it on any free port of the loopback address.
    pub fn open(clock: Clock) -> Result<Self, Failure> {
        let refused =
            |error: std::io::Error| Failure::new(format!("The sample shop cannot listen on 127.0.0.1: {error}."));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let state = Data::from(Arc::new(State {
            opened: clock.now(),
            clock,
            served: Mutex::default(),
        }));
        let shared = state.clone();
        let erp = Data::new(Erp::new(state.clock.clone()));
        let books = Data::new(Books::new(state.clock.clone()));
        let app = move || {
            App::new()
                .configure(|config| routes(config, &shared))
                .configure(|config| erp::routes(config, &erp))
                .configure(|config| books::routes(config, &books))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .shutdown_timeout(1)
            .listen(listener)
            .map_err(refused)?
            .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Self { address, state, handle })
    }

    /// The sample ERP, which answers at the same address.
    pub fn upstream(&self) -> Upstream {
        let target = format!("http://{}{}", self.address, erp::PREFIX);
        Upstream::new(erp::PREFIX, &target)
    }

    /// The numbers of all orders that it has shown.
    pub fn orders_served(&self) -> BTreeSet<u64> {
        self.state.served().clone()
    }

    /// Closes it.
    pub async fn close(&self) {
        self.handle.stop(false).await;
    }
}

impl State {
    fn served(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of the latest order.
    fn latest(&self) -> u64 {
        let open_ms = self.clock.now().duration_since(self.opened).as_millis();
        let grown = u64::try_from(open_ms).unwrap_or(0) / 1_000 / ORDER_EVERY.as_secs();
        FIRST_ORDERS + grown
    }

    fn order(&self, number: u64) -> Value {
        let age = i64::try_from(number.saturating_sub(FIRST_ORDERS) * ORDER_EVERY.as_secs()).unwrap_or(0);
        let created = self.opened + jiff::SignedDuration::from_secs(age);
        let (name, comment) = match number % 3 {
            0 => ("Kari", "To be delivered before noon"),
            1 => ("Admin", "Dette er en test"),
            _ => ("Ola", ""),
        };
        json!({
            "rfqId": number, "createdTime": format!("{created:.3}"), "userId": 1 + number % 4, "modelId": 1 + number % 7,
            "modelVersionId": 1, "configurationId": 1 + number % 5, "name": name, "email": "", "comment": comment,
            "customFields": [],
        })
    }
}

fn routes(config: &mut web::ServiceConfig, state: &Data<State>) {
    config
        .app_data(state.clone())
        .route("/orders", web::get().to(orders))
        .route("/orders/broken", web::get().to(broken))
        .route("/slow", web::get().to(slow));
}

fn keyless(request: &HttpRequest) -> Option<HttpResponse> {
    let key = request
        .headers()
        .get(KEY_HEADER)
        .map(actix_web::http::header::HeaderValue::as_bytes);
    let answer = json!({"error": format!("send the header {KEY_HEADER}: {KEY}")});
    (key != Some(KEY.as_bytes())).then(|| HttpResponse::Unauthorized().json(answer))
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

/// The latest orders; with `?after=7` only those with a higher number.
async fn orders(request: HttpRequest, state: Data<State>, after: Query<After>) -> HttpResponse {
    if let Some(refusal) = keyless(&request) {
        return refusal;
    }
    let latest = state.latest();
    let first = latest.saturating_sub(LISTED_MAX - 1).max(after.after.unwrap_or(0) + 1);
    let numbers = first..=latest;
    state.served().extend(numbers.clone());
    HttpResponse::Ok().json(numbers.map(|number| state.order(number)).collect::<Vec<_>>())
}

/// An answer that is cut in the middle.
async fn broken(request: HttpRequest) -> HttpResponse {
    keyless(&request).unwrap_or_else(|| {
        HttpResponse::Ok()
            .content_type("application/json")
            .body("[{\"rfqId\": 1, \"na")
    })
}

#[derive(Deserialize)]
struct Slow {
    seconds: Option<u64>,
}

/// An answer that takes its time: `?seconds=`, ten where it says nothing.
async fn slow(request: HttpRequest, state: Data<State>, slow: Query<Slow>) -> HttpResponse {
    if let Some(refusal) = keyless(&request) {
        return refusal;
    }
    let seconds = slow.seconds.unwrap_or(10).min(SLOW_SECONDS_MAX);
    state.clock.sleep(Duration::from_secs(seconds)).await;
    HttpResponse::Ok().json(json!([]))
}

#[cfg(test)]
mod tests {
    use actix_web::test;

    use super::*;

    async fn get(state: &Data<State>, path: &str, key: &str) -> (u16, String) {
        let app = test::init_service(App::new().configure(|config| routes(config, state))).await;
        let request = test::TestRequest::get()
            .uri(path)
            .insert_header((KEY_HEADER, key))
            .to_request();
        let response = test::call_service(&app, request).await;
        let status = response.status().as_u16();
        (
            status,
            String::from_utf8(test::read_body(response).await.to_vec()).unwrap(),
        )
    }

    #[actix_rt::test]
    async fn orders_grow_and_repeat() {
        let (clock, manual) = Clock::manual("2026-01-02T03:04:05Z".parse().unwrap());
        let state = Data::new(State {
            opened: clock.now(),
            clock,
            served: Mutex::default(),
        });
        assert_eq!(get(&state, "/orders", "").await.0, 401);
        let (status, first) = get(&state, "/orders", KEY).await;
        assert_eq!((status, first.matches("rfqId").count()), (200, 2));
        manual.advance(Duration::from_secs(60));
        let (_, later) = get(&state, "/orders", KEY).await;
        let later: Vec<Value> = serde_json::from_str(&later).unwrap();
        assert_eq!(later.len(), 10);
        assert_eq!(later[9]["rfqId"], 22);
        assert_eq!(later[9]["createdTime"], "2026-01-02T03:05:05.000Z");
        assert_eq!(state.served().len(), 12);
        assert_eq!(get(&state, "/orders?after=21", KEY).await.1.matches("rfqId").count(), 1);
        assert_eq!(get(&state, "/orders?after=22", KEY).await.1, "[]");
        assert!(serde_json::from_str::<Value>(&get(&state, "/orders/broken", KEY).await.1).is_err());
    }
}
