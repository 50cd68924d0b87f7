//! An answer 202 that names a place where the true end can be asked for: what each answer from there means.
//!
//! Known ways: `Location` that goes on answering 202 until the end; `Operation-Location` (and `Azure-AsyncOperation`) with a
//! document whose `status` says how far it is; a redirect 303 to the result; jobs with `completed` and `progress` whose links
//! lead to the result; and state documents with `status` and `statusCode` as ours, whose `contentLocation` has the content.

use serde_json::Value;

#[cfg(test)]
mod tests;

/// Shortest and longest wait before the next question, where the other side names none, milliseconds.
const WAIT_MS: (u64, u64) = (1_000, 60_000);
/// Longest wait that the other side may ask for, milliseconds.
const RETRY_AFTER_MAX_MS: u64 = 300_000;
/// Places in a row that are asked without a wait.
const HOPS_MAX: u32 = 10;
/// How long an answer that may be the end, or only trouble at the place, counts as trouble, milliseconds.
const TROUBLE_MS: u64 = 300_000;

/// How a place was named, which says what its answers look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Way {
    /// `Location`: 202 until the end, or a document of a known form.
    Location,
    /// `Operation-Location`: a document whose `status` ends in a known word.
    Operation,
    /// The answer from there is the end, whatever it is.
    Result,
}

/// What is seen of an answer. Header values are as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// Its status.
    pub status: u16,
    /// `Location`.
    pub location: Option<&'a str>,
    /// `Operation-Location` or `Azure-AsyncOperation`.
    pub operation_location: Option<&'a str>,
    /// `Retry-After`, if it is a number of seconds.
    pub retry_after_s: Option<u64>,
    /// The body, if it is JSON and small.
    pub json: Option<&'a Value>,
}

/// What it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is the end.
    End,
    /// The end has this status and no content.
    EndAs(u16),
    /// The end is the answer from here; its status is this one, if one is named.
    Fetch {
        /// Where.
        location: String,
        /// The status of the end.
        status: Option<u16>,
    },
    /// Ask here later.
    Wait {
        /// Where, if it is another place than before.
        location: Option<(Way, String)>,
        /// When, milliseconds, if the other side says.
        after_ms: Option<u64>,
    },
    /// Ask there at once, in the same way or another.
    Hop {
        /// What is asked for there.
        way: Way,
        /// Where.
        location: String,
    },
    /// The other side could not do it either.
    Failed(String),
}

/// How the questions about one request have gone so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    asked: u32,
    hops: u32,
    trouble_since_ms: Option<u64>,
}

impl Pace {
    /// Another place is asked at once. False: that happened too often without a wait.
    #[must_use]
    pub fn hop(&mut self) -> bool {
        self.asked = self.asked.saturating_add(1);
        self.hops += 1;
        self.trouble_since_ms = None;
        self.hops <= HOPS_MAX
    }

    /// The next question comes later; gives the wait, milliseconds.
    #[must_use]
    pub fn wait_ms(&mut self, after_ms: Option<u64>) -> u64 {
        let wait_ms = wait_ms(self.asked, after_ms);
        self.asked = self.asked.saturating_add(1);
        self.hops = 0;
        wait_ms
    }

    /// Whether an answer with this status says nothing about the operation, only that the place cannot answer now. What may be
    /// the end as well, is it when it stays so. `now_ms` is of any clock that only goes forward.
    #[must_use]
    pub fn is_trouble(&mut self, way: Way, status: u16, now_ms: u64) -> bool {
        let may_be_the_end = match status {
            408 | 425 | 429 | 502 | 503 | 504 => way == Way::Result,
            500 => true,
            _ => {
                self.trouble_since_ms = None;
                return false;
            }
        };
        let since_ms = *self.trouble_since_ms.get_or_insert(now_ms);
        !may_be_the_end || now_ms.saturating_sub(since_ms) < TROUBLE_MS
    }
}

/// Whether an answer to the request itself is to be followed; none: it is the end.
#[must_use]
pub fn accepted(seen: &Seen<'_>) -> Option<Judged> {
    if seen.status != 202 {
        return None;
    }
    let location = match (seen.operation_location, seen.location) {
        (Some(operation), _) => (Way::Operation, operation.to_owned()),
        (None, Some(location)) => (Way::Location, location.to_owned()),
        (None, None) => return None,
    };
    Some(Judged::Wait {
        location: Some(location),
        after_ms: after_ms(seen),
    })
}

/// What an answer from the place means.
#[must_use]
pub fn judge(way: Way, seen: &Seen<'_>) -> Judged {
    let wait = |location: Option<(Way, String)>| Judged::Wait {
        location,
        after_ms: after_ms(seen),
    };
    match (seen.status, seen.location) {
        (202, _) => wait(accepted(seen).and_then(|judged| match judged {
            Judged::Wait { location, .. } => location,
            _ => None,
        })),
        (303, Some(location)) => Judged::Fetch {
            location: location.to_owned(),
            status: None,
        },
        (301 | 302 | 307 | 308, Some(location)) => Judged::Hop {
            way,
            location: location.to_owned(),
        },
        (200..=299, _) if way != Way::Result => match seen.json {
            Some(document) => of_document(way, document, seen).unwrap_or(Judged::End),
            None => Judged::End,
        },
        _ => Judged::End,
    }
}

/// The wait before question number `asked` (from 0), milliseconds: what the other side says within limits, else growing.
#[must_use]
pub fn wait_ms(asked: u32, after_ms: Option<u64>) -> u64 {
    if let Some(after_ms) = after_ms {
        return after_ms.clamp(WAIT_MS.0, RETRY_AFTER_MAX_MS);
    }
    let mut wait_ms = WAIT_MS.0;
    for _ in 0..asked.min(20) {
        wait_ms = (wait_ms + wait_ms / 2).min(WAIT_MS.1);
    }
    wait_ms
}

fn after_ms(seen: &Seen<'_>) -> Option<u64> {
    seen.retry_after_s.map(|seconds| seconds.saturating_mul(1_000))
}

fn of_document(way: Way, document: &Value, seen: &Seen<'_>) -> Option<Judged> {
    of_state_document(document, seen)
        .or_else(|| of_job(document, seen))
        .or_else(|| (way == Way::Operation).then(|| of_operation(document, seen)).flatten())
}

/// `{"status":"Started","statusCode":0,"contentLocation":...}`
fn of_state_document(document: &Value, seen: &Seen<'_>) -> Option<Judged> {
    let status = document.get("status")?.as_str()?;
    let status_code = document.get("statusCode")?.as_u64()?;
    match status {
        "Queued" | "Started" => Some(Judged::Wait {
            location: None,
            after_ms: after_ms(seen),
        }),
        "Finished" => {
            let status = u16::try_from(status_code)
                .ok()
                .filter(|status| (100..=599).contains(status))?;
            match text(document, "contentLocation") {
                Some(location) if document.get("hasResponseContent") != Some(&Value::Bool(false)) => {
                    Some(Judged::Fetch {
                        location: location.to_owned(),
                        status: Some(status),
                    })
                }
                _ => Some(Judged::EndAs(status)),
            }
        }
        "Failed" | "Cancelled" => {
            let why = text(document, "errorMessage").unwrap_or("it does not say why");
            Some(Judged::Failed(format!(
                "The other side accepted the request, and then it was {} there: {}",
                status.to_lowercase(),
                shortened(why)
            )))
        }
        _ => None,
    }
}

/// `{"completed":false,"progress":"pending","task":{"links":[...]}}`, and the task that it leads to.
fn of_job(document: &Value, seen: &Seen<'_>) -> Option<Judged> {
    let is_completed = document.get("completed")?.as_bool()?;
    document.get("progress")?.as_str()?;
    if !is_completed {
        return Some(Judged::Wait {
            location: None,
            after_ms: after_ms(seen),
        });
    }
    if let Some(result) = link(document, "result") {
        return Some(Judged::Fetch {
            location: result.to_owned(),
            status: None,
        });
    }
    let tasks = document.get("task")?;
    let task = tasks
        .get("items")
        .and_then(|items| link(items.get(0)?, "self"))
        .or_else(|| link(tasks, "self"))?;
    Some(Judged::Hop {
        way: Way::Location,
        location: task.to_owned(),
    })
}

/// `{"status":"Running"}`, ends with `Succeeded`, `Failed` or `Canceled`.
fn of_operation(document: &Value, seen: &Seen<'_>) -> Option<Judged> {
    let status = text(document, "status").or_else(|| text(document.get("properties")?, "provisioningState"))?;
    Some(match status.to_ascii_lowercase().as_str() {
        "succeeded" => match text(document, "resourceLocation") {
            Some(location) => Judged::Fetch {
                location: location.to_owned(),
                status: None,
            },
            None => Judged::End,
        },
        "failed" | "canceled" | "cancelled" => Judged::End,
        _ => Judged::Wait {
            location: None,
            after_ms: after_ms(seen),
        },
    })
}

fn text<'a>(document: &'a Value, member: &str) -> Option<&'a str> {
    document.get(member)?.as_str().filter(|text| !text.is_empty())
}

/// `"links":[{"rel":"result","href":"..."}]`
fn link<'a>(document: &'a Value, rel: &str) -> Option<&'a str> {
    let links = document.get("links")?.as_array()?;
    let found = links.iter().find(|link| text(link, "rel") == Some(rel))?;
    text(found, "href")
}

/// Somebody else's words, cut to what fits into an error message.
fn shortened(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(500).collect()
}
