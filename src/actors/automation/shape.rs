//! What happens to a record between the two sides: pre-run script, criteria, mapping, post-run script.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::{
    actors::{
        automation::{
            halt::{Halt, of_script},
            way::{Mapped, Script, Way},
        },
        services::Services,
    },
    domain::{
        mapping::KEY_TARGET,
        retry::{RetryPolicy, next_retry_at},
    },
    providers::Account,
    script::{self, Context, Job, Kind, RecordAbout, RecordInfo},
};

/// Records of a page that are shaped at the same time; scripts of more wait their turn.
pub(in crate::actors) const SHAPED_AT_ONCE: usize = 8;
/// Waits while no script worker is free.
const BUSY: RetryPolicy = RetryPolicy {
    base_ms: 100,
    cap_ms: 5_000,
    floor_ms: 20,
    retry_after_cap_ms: 10_000,
};
/// Tries while no script worker is free; then the run goes on later.
const BUSY_TRIES_MAX: u32 = 10;

/// See the module.
pub(in crate::actors) struct Shaper {
    pub services: Arc<Services>,
    pub way: Arc<Way>,
    pub account: Arc<Account>,
}

/// What became of a record.
#[derive(Debug, PartialEq)]
pub(in crate::actors) enum Shaped {
    /// A script left it out, or the criteria are not met.
    Out,
    /// It goes on.
    Data {
        /// A JSON object.
        data: Value,
        /// The key that the mapping gave it.
        key: Option<String>,
    },
    /// It cannot be taken.
    Failed(String),
}

/// Which record a script looks at.
#[derive(Clone, Copy)]
pub(in crate::actors) struct Which<'a> {
    pub key: Option<&'a str>,
    pub remote_id: Option<&'a str>,
}

impl Shaper {
    /// Of a record from the provider: pre-run script, criteria, mapping, post-run script.
    pub async fn incoming(&self, data: Value, which: Which<'_>) -> Result<Shaped, Halt> {
        let Some(data) = self.scripted(self.way.pre_run.as_ref(), data, which).await? else {
            return Ok(Shaped::Out);
        };
        if !self.is_met(&data) {
            return Ok(Shaped::Out);
        }
        let mut data = match self.mapped(data, which).await? {
            Ok(Some(data)) => data,
            Ok(None) => return Ok(Shaped::Out),
            Err(message) => return Ok(Shaped::Failed(message)),
        };
        let key = match taken_key(&mut data) {
            Ok(key) => key,
            Err(message) => return Ok(Shaped::Failed(message)),
        };
        let which = Which {
            key: key.as_deref().or(which.key),
            ..which
        };
        match self.scripted(self.way.post_run.as_ref(), data, which).await? {
            Some(data) => Ok(Shaped::Data { data, key }),
            None => Ok(Shaped::Out),
        }
    }

    /// Of a record of ours: criteria, pre-run script, mapping.
    pub async fn outgoing(&self, data: Value, which: Which<'_>) -> Result<Shaped, Halt> {
        if !self.is_met(&data) {
            return Ok(Shaped::Out);
        }
        let Some(data) = self.scripted(self.way.pre_run.as_ref(), data, which).await? else {
            return Ok(Shaped::Out);
        };
        Ok(match self.mapped(data, which).await? {
            Ok(Some(mut data)) => {
                // The key is ours; the other side knows no such member.
                if let Some(members) = data.as_object_mut() {
                    members.remove(KEY_TARGET);
                }
                Shaped::Data { data, key: None }
            }
            Ok(None) => Shaped::Out,
            Err(message) => Shaped::Failed(message),
        })
    }

    /// After a record was sent; what the script returns does not matter.
    pub async fn sent(&self, data: Value, which: Which<'_>) -> Result<(), Halt> {
        if let Some(script) = &self.way.post_run {
            self.run(script, &data, which).await?;
        }
        Ok(())
    }

    fn is_met(&self, data: &Value) -> bool {
        self.way.criteria.as_ref().is_none_or(|criteria| criteria.matches(data))
    }

    async fn mapped(&self, data: Value, which: Which<'_>) -> Result<Result<Option<Value>, String>, Halt> {
        match &self.way.mapping {
            Mapped::AsItIs => Ok(Ok(Some(data))),
            Mapped::Pairs(mapping) => Ok(mapping.apply(&data).map(Some).map_err(|error| error.to_string())),
            Mapped::Script(script) => self.scripted(Some(script), data, which).await.map(Ok),
        }
    }

    /// None: the script left it out.
    async fn scripted(&self, script: Option<&Script>, data: Value, which: Which<'_>) -> Result<Option<Value>, Halt> {
        let Some(script) = script else { return Ok(Some(data)) };
        match self.run(script, &data, which).await? {
            script::Value::Unchanged => Ok(Some(data)),
            script::Value::Json(text) => match serde_json::from_str(&text) {
                Ok(data @ Value::Object(_)) => Ok(Some(data)),
                _ => Err(Halt::Script(format!(
                    "{} returned what is no JSON object.",
                    script.name
                ))),
            },
            _ => Ok(None),
        }
    }

    async fn run(&self, script: &Script, data: &Value, which: Which<'_>) -> Result<script::Value, Halt> {
        let mut tries = 0;
        loop {
            let error = match self.services.scripts.run(self.job(script, data, which)).await {
                Ok(output) => return Ok(output.value),
                Err(error) => of_script(error)?,
            };
            tries += 1;
            let now = self.services.clock.now();
            let seed = self.way.user.as_u64_pair().1;
            let until = next_retry_at(now, tries, &BUSY, seed, None);
            if tries >= BUSY_TRIES_MAX {
                let reason = error.to_string();
                return Err(Halt::Wait { until, reason });
            }
            tokio::select! {
                () = self.services.clock.sleep_until(until) => {}
                () = self.services.draining_began() => return Err(Halt::Leave),
            }
        }
    }

    fn job(&self, script: &Script, data: &Value, which: Which<'_>) -> Job {
        let way = &self.way;
        let about = RecordAbout {
            connection: way.connection_id.to_string(),
            provider: self.account.provider.as_str().to_owned(),
            automation: way.user.to_string(),
            direction: way.direction.as_str().to_owned(),
            entity: way.entity.clone(),
            object: way.object.name.clone(),
            key: which.key.map(str::to_owned),
            remote_id: which.remote_id.map(str::to_owned),
            now: self.services.clock.now().to_string(),
        };
        let record = RecordInfo {
            data: Bytes::from(data.to_string()),
            about,
        };
        Job {
            kind: Kind::Record,
            name: script.name.clone(),
            source: script.source.clone(),
            context: Context {
                record: Some(record),
                ..Context::default()
            },
            wall_ms: None,
        }
    }
}

/// Takes the key out of the mapped data.
fn taken_key(data: &mut Value) -> Result<Option<String>, String> {
    let Some(key) = data.as_object_mut().and_then(|members| members.remove(KEY_TARGET)) else {
        return Ok(None);
    };
    let key = match key {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        other => return Err(format!("The mapping makes the key {other}, which is no text.")),
    };
    match crate::domain::record::check_key(KEY_TARGET, &key) {
        Ok(()) => Ok(Some(key)),
        Err(error) => Err(format!("The mapping makes a key that cannot be used: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_key_is_taken_out_of_the_data() {
        let cases = [
            (json!({"$key": "a", "b": 1}), Ok(Some("a")), json!({"b": 1})),
            (json!({"$key": 17}), Ok(Some("17")), json!({})),
            (json!({"$key": null}), Ok(None), json!({})),
            (json!({"$key": ""}), Ok(None), json!({})),
            (json!({"b": 1}), Ok(None), json!({"b": 1})),
        ];
        for (mut data, key, rest) in cases {
            assert_eq!(
                taken_key(&mut data),
                key.map(|key: Option<&str>| key.map(str::to_owned))
            );
            assert_eq!(data, rest);
        }
        for wrong in [
            json!({"$key": {}}),
            json!({"$key": "a\nb"}),
            json!({"$key": "x".repeat(300)}),
        ] {
            assert!(taken_key(&mut wrong.clone()).is_err(), "{wrong}");
        }
    }
}
