//! What the fake Xero has of one kind: objects as JSON texts by id, so that 100,000 of them take little room, and their lists.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// One kind of objects.
pub struct Endpoint {
    pub name: &'static str,
    pub id: &'static str,
    pub paged: bool,
    /// Members that each object needs.
    needed: &'static [&'static str],
}

const fn endpoint(name: &'static str, id: &'static str, paged: bool, needed: &'static [&'static str]) -> Endpoint {
    Endpoint {
        name,
        id,
        paged,
        needed,
    }
}

pub const ENDPOINTS: [Endpoint; 8] = [
    endpoint("Contacts", "ContactID", true, &["Name"]),
    endpoint("Invoices", "InvoiceID", true, &["Type", "Contact"]),
    endpoint("CreditNotes", "CreditNoteID", true, &["Type", "Contact"]),
    endpoint("BankTransactions", "BankTransactionID", true, &["Type"]),
    endpoint("Payments", "PaymentID", true, &["Amount"]),
    endpoint("PurchaseOrders", "PurchaseOrderID", true, &["Contact"]),
    endpoint("Items", "ItemID", false, &["Code"]),
    endpoint("Accounts", "AccountID", false, &["Code", "Name"]),
];

/// The objects of one kind.
pub struct Stock {
    endpoint: &'static Endpoint,
    objects: BTreeMap<String, Stored>,
    /// Contacts by name, which is unique.
    names: HashMap<String, String>,
    /// So many objects were made.
    made: u64,
    /// The last list that was asked for, as long as nothing changes: its pages are read one after the other.
    listed: Option<(Asked, Arc<Vec<String>>)>,
}

struct Stored {
    text: Box<str>,
    updated: Timestamp,
}

/// What a list depends on: since when, which condition, by id, with archived ones.
type Asked = (Option<Timestamp>, Option<(String, String)>, bool, bool);

impl Stock {
    pub fn new(endpoint: &'static Endpoint) -> Stock {
        Stock {
            endpoint,
            objects: BTreeMap::new(),
            names: HashMap::new(),
            made: 0,
            listed: None,
        }
    }

    pub fn count(&self) -> usize {
        self.objects.len()
    }

    /// An object with its dates as Xero writes them.
    pub fn get(&self, id: &str) -> Option<Map<String, Value>> {
        let stored = self.objects.get(id)?;
        serde_json::from_str(&stored.text).ok()
    }

    /// The text of an object.
    pub fn shown(&self, id: &str) -> String {
        self.objects[id].text.to_string()
    }

    /// Makes many contacts at once, as texts: a value for each would take its time.
    pub fn put_contacts(&mut self, count: usize, now: Timestamp) {
        let updated = super::date(now);
        for number in 1..=count {
            let id = self.next_id();
            let email = if number % 3 == 0 {
                String::new()
            } else {
                format!("contact{number}@example.com")
            };
            let text = format!(
                "{{\"ContactID\":\"{id}\",\"Name\":\"Contact {number}\",\"AccountNumber\":\"A{number}\",\
                 \"EmailAddress\":\"{email}\",\"ContactStatus\":\"ACTIVE\",\"IsSupplier\":true,\
                 \"UpdatedDateUTC\":\"{updated}\"}}"
            );
            self.names.insert(format!("Contact {number}"), id.clone());
            let text = text.into_boxed_str();
            self.objects.insert(id, Stored { text, updated: now });
        }
        self.listed = None;
    }

    /// An id that says nothing of its age.
    fn next_id(&mut self) -> String {
        self.made += 1;
        let name = format!("{} {}", self.endpoint.name, self.made);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    }

    /// Stores an object, a new one under a new id.
    pub fn put(&mut self, id: Option<&str>, mut members: Map<String, Value>, now: Timestamp) -> String {
        let id = id.map_or_else(|| self.next_id(), str::to_owned);
        if let Some(name) = self.get(&id).as_ref().and_then(|old| old.get("Name")?.as_str()) {
            self.names.remove(name);
        }
        members.insert(self.endpoint.id.to_owned(), id.clone().into());
        members.insert("UpdatedDateUTC".to_owned(), super::date(now).into());
        if self.endpoint.name == "Contacts"
            && let Some(name) = members.get("Name").and_then(Value::as_str)
        {
            self.names.insert(name.to_owned(), id.clone());
        }
        let text = Value::Object(members).to_string().into_boxed_str();
        self.objects.insert(id.clone(), Stored { text, updated: now });
        self.listed = None;
        id
    }

    /// What Xero refuses about an object.
    pub fn wrong(&self, id: Option<&str>, members: &Map<String, Value>) -> Vec<String> {
        let absent = |name: &&&str| match members.get(**name) {
            None | Some(Value::Null) => true,
            Some(value) => value.as_str() == Some(""),
        };
        let needed = self.endpoint.needed.iter().filter(absent);
        let mut wrong: Vec<String> = needed.map(|name| format!("{name} must be specified")).collect();
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
        let owner = self.names.get(text("Name"));
        if owner.is_some_and(|owner| Some(owner.as_str()) != id) {
            let name = text("Name");
            wrong.push(format!(
                "The contact name {name} is already assigned to another contact."
            ));
        }
        let email = text("EmailAddress");
        if !email.is_empty() && !email.contains('@') {
            wrong.push(format!("Email address {email} is not valid"));
        }
        wrong
    }

    /// The ids of a list: by id if that is asked for, else by the time of the last change, so that a change shifts the others.
    pub fn list(
        &mut self,
        since: Option<Timestamp>,
        condition: Option<(String, String)>,
        by_id: bool,
        archived: bool,
    ) -> Arc<Vec<String>> {
        let asked = (since, condition, by_id, archived);
        if let Some((before, ids)) = &self.listed
            && *before == asked
        {
            return Arc::clone(ids);
        }
        let mut found: Vec<(&String, &Stored)> = self
            .objects
            .iter()
            .filter(|(_, stored)| since.is_none_or(|since| stored.updated.as_second() >= since.as_second()))
            .filter(|(_, stored)| archived || !stored.text.contains("\"ARCHIVED\""))
            .filter(|(_, stored)| match &asked.1 {
                Some((member, value)) => stored.text.contains(&format!("\"{member}\":\"{value}\"")),
                None => true,
            })
            .collect();
        if !by_id {
            found.sort_by_key(|(_, stored)| stored.updated);
        }
        let ids = Arc::new(found.into_iter().map(|(id, _)| id.clone()).collect());
        self.listed = Some((asked, Arc::clone(&ids)));
        ids
    }
}
