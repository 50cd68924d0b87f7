//! Query options: read from the query string, checked against the model.

use std::fmt;

use super::{
    EntitySet,
    check::{self, Type},
    model::{Access, EntityType, Link, Navigation, Property},
    split,
};
use crate::domain::expression::{Expr, Problem, odata};

/// Longest query string, bytes.
const BYTES_MAX: usize = 8_192;
/// Most parts of `$orderby`.
const ORDER_MAX: usize = 8;
/// Deepest `$expand`.
const EXPAND_DEPTH_MAX: usize = 3;
/// Most navigations in a request, nested ones included.
const EXPAND_MAX: usize = 20;
/// Most entities passed over.
const SKIP_MAX: u64 = 1_000_000_000;

/// What is asked of a set, or of what a navigation leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Which set.
    pub set: EntitySet,
    /// Which entities.
    pub filter: Option<Expr>,
    /// In which order; after that by key.
    pub order: Vec<Order>,
    /// How many at most.
    pub top: Option<u64>,
    /// How many are passed over.
    pub skip: u64,
    /// Begins behind this one, in the order of keys.
    pub after: Option<i64>,
    /// Whether all are to be counted.
    pub count: bool,
    /// Which properties; none: all.
    pub select: Option<Vec<&'static Property>>,
    /// What else of each.
    pub expand: Vec<Expand>,
}

/// A part of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// By what.
    pub by: Expr,
    /// From the greatest to the least.
    pub descending: bool,
}

/// Entities that are answered within others.
#[derive(Debug, Clone, PartialEq)]
pub struct Expand {
    /// Which.
    pub navigation: &'static Navigation,
    /// What is asked of them.
    pub query: Query,
    /// Its options as they were written, for links.
    pub written: String,
}

/// The options of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What is asked.
    pub query: Query,
    /// `$format`.
    pub format: Option<String>,
    /// Every option as it was written, by name, decoded; for links.
    pub written: Vec<(String, String)>,
}

/// Why options cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which option.
    pub option: String,
    /// Why.
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.option, self.message)
    }
}

/// Which options make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A list.
    Many,
    /// One entity.
    One,
    /// Only how many there are.
    Count,
    /// Neither: metadata, a property, an action.
    Nothing,
}

impl Query {
    /// Everything of a set.
    #[must_use]
    pub fn all(set: EntitySet) -> Self {
        Self {
            set,
            filter: None,
            order: Vec::new(),
            top: None,
            skip: 0,
            after: None,
            count: false,
            select: None,
            expand: Vec::new(),
        }
    }

    /// The properties that are answered.
    #[must_use]
    pub fn properties(&self) -> Vec<&'static Property> {
        match &self.select {
            Some(selected) => selected.clone(),
            None => self.set.entity_type().readable().collect(),
        }
    }
}

/// Reads the options of a query string.
///
/// # Errors
/// [`Refused`].
pub fn parse(set: EntitySet, asked: Asked, query_string: &str) -> Result<Options, Refused> {
    if query_string.len() > BYTES_MAX {
        return Err(refused("the query string", format!("is longer than {BYTES_MAX} bytes")));
    }
    let mut options = Options {
        query: Query::all(set),
        format: None,
        written: Vec::new(),
    };
    let pairs = query_string.split('&').filter(|pair| !pair.is_empty());
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        // Without one of these signs it is the caller's own, and means nothing here.
        if !name.starts_with(['$', '@']) {
            continue;
        }
        if options.written.iter().any(|(known, _)| *known == name) {
            return Err(refused(&name, "is given more than once"));
        }
        match name.as_str() {
            "$format" => options.format = Some(value.clone()),
            _ => apply(&mut options.query, asked, &name, &value)?,
        }
        options.written.push((name, value));
    }
    let mut left = EXPAND_MAX;
    count_expanded(&options.query, &mut left)?;
    Ok(options)
}

fn count_expanded(query: &Query, left: &mut usize) -> Result<(), Refused> {
    for expand in &query.expand {
        *left = left.checked_sub(1).ok_or_else(|| {
            refused(
                "$expand",
                format!("more than {EXPAND_MAX} navigations are not answered at once"),
            )
        })?;
        count_expanded(&expand.query, left)?;
    }
    Ok(())
}

fn apply(query: &mut Query, asked: Asked, name: &str, value: &str) -> Result<(), Refused> {
    let wanted = |kinds: &[Asked]| match kinds.contains(&asked) {
        true => Ok(()),
        false => Err(refused(name, "makes no sense on this path")),
    };
    match name {
        "$filter" => {
            wanted(&[Asked::Many, Asked::Count])?;
            query.filter = Some(filter(query.set, name, value)?);
        }
        "$orderby" => {
            wanted(&[Asked::Many])?;
            query.order = order(query.set, value)?;
        }
        "$top" => {
            wanted(&[Asked::Many])?;
            query.top = Some(number(name, value)?);
        }
        "$skip" => {
            wanted(&[Asked::Many])?;
            query.skip = number(name, value)?;
        }
        "$count" => {
            wanted(&[Asked::Many])?;
            query.count = match value {
                "true" => true,
                "false" => false,
                _ => return Err(refused(name, "is true or false")),
            };
        }
        "$skiptoken" => {
            wanted(&[Asked::Many])?;
            token(query, value)?;
        }
        "$select" => {
            wanted(&[Asked::Many, Asked::One])?;
            query.select = select(query.set.entity_type(), value)?;
        }
        "$expand" => {
            wanted(&[Asked::Many, Asked::One])?;
            query.expand = expand(query.set.entity_type(), value, 1)?;
        }
        "$search" | "$apply" | "$compute" | "$levels" | "$index" | "$schemaversion" | "$deltatoken" | "$id" => {
            return Err(refused(name, "is an option of OData that is not supported here"));
        }
        _ if name.starts_with('@') => return Err(refused(name, "parameter aliases are not supported here")),
        _ => return Err(refused(name, "is no option that is known")),
    }
    Ok(())
}

/// Reads the `$skiptoken` that a next link had.
fn token(query: &mut Query, value: &str) -> Result<(), Refused> {
    let parsed = match value.split_once('-') {
        Some(("after", key)) => key.parse().ok().map(|key| query.after = Some(key)),
        Some(("skip", count)) => count.parse().ok().map(|count: u64| query.skip = count.min(SKIP_MAX)),
        _ => None,
    };
    parsed.ok_or_else(|| refused("$skiptoken", "is none of ours: follow @odata.nextLink as it is"))
}

fn number(name: &str, value: &str) -> Result<u64, Refused> {
    let parsed: Option<u64> = value.trim().parse().ok().filter(|number| *number <= SKIP_MAX);
    parsed.ok_or_else(|| refused(name, format!("is a whole number from 0 to {SKIP_MAX}")))
}

fn filter(set: EntitySet, name: &str, value: &str) -> Result<Expr, Refused> {
    let fault = |problem: Problem| refused(name, problem.told(value));
    let expr = odata::parse(value).map_err(fault)?;
    match check::check(set.entity_type(), &expr).map_err(fault)? {
        Type::Boolean | Type::Null => Ok(expr),
        other => Err(refused(name, format!("is a condition, and this is {other}"))),
    }
}

fn order(set: EntitySet, value: &str) -> Result<Vec<Order>, Refused> {
    let name = "$orderby";
    let parts = split::at(value, ',').ok_or_else(|| refused(name, "its parentheses or quotes do not match"))?;
    if parts.len() > ORDER_MAX {
        return Err(refused(name, format!("has at most {ORDER_MAX} parts")));
    }
    let mut orders = Vec::new();
    for part in parts {
        let part = part.trim();
        let (by, descending) = match part.rsplit_once(char::is_whitespace) {
            Some((by, "desc")) => (by, true),
            Some((by, "asc")) => (by, false),
            _ => (part, false),
        };
        let fault = |problem: Problem| refused(name, format!("in \"{}\", {}", split::cut(part), problem.told(part)));
        let by = odata::parse(by).map_err(fault)?;
        if check::check(set.entity_type(), &by).map_err(fault)? == Type::Null {
            return Err(refused(name, "null is no order"));
        }
        orders.push(Order { by, descending });
    }
    Ok(orders)
}

fn select(of: &EntityType, value: &str) -> Result<Option<Vec<&'static Property>>, Refused> {
    let mut selected: Vec<&'static Property> = Vec::new();
    let mut all = false;
    for name in value.split(',').map(str::trim) {
        if name == "*" {
            all = true;
        } else if let Some(property) = of
            .property(name)
            .filter(|property| property.access != Access::WriteOnly)
        {
            if !selected.contains(&property) {
                selected.push(property);
            }
        } else if of.navigation(name).is_none() {
            return Err(refused("$select", unknown(of, name)));
        }
    }
    Ok((!all).then_some(selected))
}

fn expand(of: &EntityType, value: &str, depth: usize) -> Result<Vec<Expand>, Refused> {
    let unmatched = || refused("$expand", "its parentheses or quotes do not match");
    if depth > EXPAND_DEPTH_MAX {
        return Err(refused(
            "$expand",
            format!("goes at most {EXPAND_DEPTH_MAX} levels deep"),
        ));
    }
    let mut expanded: Vec<Expand> = Vec::new();
    for part in split::at(value, ',').ok_or_else(unmatched)? {
        let part = part.trim();
        let (name, written) = match part.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.strip_suffix(')').ok_or_else(unmatched)?),
            None => (part, ""),
        };
        if name == "*" && written.is_empty() {
            let single = of
                .navigations
                .iter()
                .filter(|navigation| matches!(navigation.link, Link::One(_)));
            expanded.extend(single.map(whole));
            continue;
        }
        let Some(navigation) = of.navigation(name) else {
            let known: Vec<&str> = of.navigations.iter().map(|navigation| navigation.name).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            let message = format!("{} has no navigation \"{name}\"; known: {known}", of.name);
            return Err(refused("$expand", message));
        };
        if expanded.iter().any(|known| known.navigation == navigation) {
            return Err(refused("$expand", format!("{name} is given more than once")));
        }
        let mut one = whole(navigation);
        written.clone_into(&mut one.written);
        nested(&mut one, written, depth).map_err(|inner| Refused {
            option: format!("$expand={name}({})", inner.option),
            message: inner.message,
        })?;
        expanded.push(one);
    }
    Ok(expanded)
}

fn whole(navigation: &'static Navigation) -> Expand {
    Expand {
        navigation,
        query: Query::all(navigation.target),
        written: String::new(),
    }
}

fn nested(expand_one: &mut Expand, written: &str, depth: usize) -> Result<(), Refused> {
    let parts = split::at(written, ';').ok_or_else(|| refused("$expand", "its parentheses or quotes do not match"))?;
    let asked = match expand_one.navigation.link {
        Link::One(_) => Asked::One,
        Link::Many(_) => Asked::Many,
    };
    for part in parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim() {
            "$expand" => {
                expand_one.query.expand = expand(expand_one.navigation.target.entity_type(), value, depth + 1)?
            }
            "$count" | "$skiptoken" => return Err(refused(name, "is not supported within $expand")),
            name => apply(&mut expand_one.query, asked, name, value)?,
        }
    }
    Ok(())
}

/// What to say of a name that is none of the type's properties.
#[must_use]
pub fn unknown(of: &EntityType, name: &str) -> String {
    match of.property(name) {
        Some(secret) => format!("{} is never answered", secret.name),
        None => format!("{} has no property \"{}\"", of.name, split::cut(name)),
    }
}

fn decoded(text: &str) -> Result<String, Refused> {
    let spaced = text.replace('+', " ");
    split::percent_decoded(&spaced).ok_or_else(|| refused("the query string", "is not percent-encoded UTF-8"))
}

fn refused(option: &str, message: impl Into<String>) -> Refused {
    Refused {
        option: split::cut(option),
        message: message.into(),
    }
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
