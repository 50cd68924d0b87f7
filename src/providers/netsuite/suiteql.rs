//! SuiteQL: the statement of one page, and records from its rows.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{LINKS, ObjectData, unusable};
use crate::providers::{ListQuery, RemoteRecord, Trouble, common};

/// How SuiteQL writes and reads times, in its words and in ours.
const TIME: (&str, &str) = ("YYYY-MM-DD HH24:MI:SS", "%Y-%m-%d %H:%M:%S");
/// How SuiteQL writes dates.
const DATE: &str = "YYYY-MM-DD";
/// Columns are in the user's own format unless they are asked for in another one; these hold them.
const AS_TEXT: &str = "orrery_";

/// The statement of one page: after the last id of the page before, so that 100,000 rows are no limit and changes shift nothing.
pub(super) fn statement(object: &ObjectData, zone: &TimeZone, query: ListQuery<'_>) -> Result<String, Trouble> {
    let table = object.path.as_deref().unwrap_or(&object.name);
    let mut columns = vec![format!("{table}.*")];
    let mut conditions: Vec<String> = object.filter.clone().into_iter().collect();
    if let Some(place) = query.place {
        let last: i64 = (place.0.parse()).map_err(|_| unusable("the place in the list is not one of NetSuite"))?;
        conditions.push(format!("{table}.{} > {last}", object.id));
    }
    if let Some(updated) = &object.updated {
        columns.push(as_text(table, updated, TIME.0));
        if let Some(since) = query.since {
            let since = earliest_text(since, zone);
            conditions.push(format!("{table}.{updated} >= TO_TIMESTAMP('{since}', '{}')", TIME.0));
        }
    }
    columns.extend(object.dates.iter().map(|date| as_text(table, date, DATE)));
    let wheres = if conditions.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", conditions.join(" AND "))
    };
    Ok(format!(
        "SELECT {} FROM {table}{wheres} ORDER BY {table}.{}",
        columns.join(", "),
        object.id
    ))
}

fn as_text(table: &str, column: &str, format: &str) -> String {
    format!("TO_CHAR({table}.{column}, '{format}') AS {AS_TEXT}{column}")
}

/// The local time of an instant, cut to the second. In the hour before clocks are set back it is the earlier time that they are set to:
/// what changes in the hour that comes twice has such a time too.
fn earliest_text(at: Timestamp, zone: &TimeZone) -> String {
    let local = zone.to_datetime(at);
    let after = zone
        .following(at)
        .next()
        .map(|change| zone.to_datetime(change.timestamp()));
    after
        .map_or(local, |after| local.min(after))
        .strftime(TIME.1)
        .to_string()
}

/// A row as a record: without links, its times in RFC 3339.
pub(super) fn record(object: &ObjectData, zone: &TimeZone, row: &Value) -> Result<RemoteRecord, Trouble> {
    let Some(mut members) = row.as_object().cloned() else {
        return Err(unusable("NetSuite sent a row that is no object"));
    };
    members.remove(LINKS);
    let Some(id) = members.get(&object.id).and_then(common::text_of) else {
        return Err(unusable(&format!("NetSuite sent a {} without an id", object.name)));
    };
    let mut updated_at = None;
    for column in object.updated.iter().chain(&object.dates) {
        let Some(text) = members.remove(&format!("{AS_TEXT}{column}")) else {
            continue;
        };
        let is_updated = object.updated.as_ref() == Some(column);
        let shown = match text.as_str() {
            Some(text) if is_updated => {
                updated_at = common::time(text, zone);
                updated_at.map_or(Value::Null, |at| Value::String(at.to_string()))
            }
            _ => text,
        };
        members.insert(column.clone(), shown);
    }
    Ok(RemoteRecord {
        id,
        version: None,
        updated_at,
        deleted: false,
        data: Value::Object(members),
    })
}
