//! The upstream of the crash tests: gives every call a new item with each answer, and remembers what it has given to which
//! due time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::upstream::{Behaviour, Recorded, Upstream};

/// Active calls; one more runs on request only.
pub const CALLS: usize = 40;
/// The number of the call that runs on request only, a POST.
pub const MANUAL: usize = CALLS;

/// How a call asks for items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GET of what came after the last item of the last committed run: what a commit lost would never come again.
    Cursor,
    /// GET of everything there ever was.
    All,
    /// POST that makes one item, named by its due time.
    Post,
}

pub fn kind(number: usize) -> Kind {
    match number % 5 {
        0 | 1 if number != MANUAL => Kind::Cursor,
        2 | 3 => Kind::All,
        _ => Kind::Post,
    }
}

pub struct Shop {
    upstream: Upstream,
    kept: Arc<Vec<Mutex<Kept>>>,
}

/// What one call was given.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Items so far; they are named 1, 2, 3, ...
    pub items: u64,
    /// The items in the last answer to a due time (microseconds): from, to.
    pub answers: HashMap<i64, (u64, u64)>,
    /// How often a POST of a due time came.
    pub posts: HashMap<i64, u32>,
    /// All requests.
    pub requests: u64,
}

impl Shop {
    pub fn open() -> Self {
        let upstream = Upstream::start();
        let kept: Arc<Vec<Mutex<Kept>>> = Arc::new((0..=CALLS).map(|_| Mutex::default()).collect());
        for number in 0..=CALLS {
            let kept = kept.clone();
            let answer = move |request: &Recorded| kept[number].lock().unwrap().answer(request);
            // Some are slow, so that a kill meets them at work.
            let wait = Duration::from_millis(number as u64 % 8 * 6);
            let answer = Behaviour::Late(wait, Box::new(Behaviour::Computed(Arc::new(answer))));
            upstream.on(&format!("/{number}"), answer);
        }
        Self { upstream, kept }
    }

    pub fn url(&self, number: usize) -> String {
        self.upstream.url(&format!("/{number}"))
    }

    pub fn kept(&self, number: usize) -> Kept {
        self.kept[number].lock().unwrap().clone()
    }

    /// Requests so far, by call.
    pub fn requests(&self) -> Vec<u64> {
        self.kept.iter().map(|kept| kept.lock().unwrap().requests).collect()
    }
}

impl Kept {
    fn answer(&mut self, request: &Recorded) -> Value {
        self.requests += 1;
        if request.method == "POST" {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let due_us = microseconds(body["dueAt"].as_str().unwrap());
            *self.posts.entry(due_us).or_default() += 1;
            return json!([{"id": format!("due {due_us}")}]);
        }
        let url = url::Url::parse(&format!("http://shop{}", request.target)).unwrap();
        let query: HashMap<_, _> = url.query_pairs().collect();
        let after: u64 = query["after"].parse().unwrap();
        self.items += 1;
        self.answers
            .insert(microseconds(&query["due"]), (after + 1, self.items));
        (after + 1..=self.items).map(|id| json!({"id": id})).collect()
    }
}

fn microseconds(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_microsecond()
}
