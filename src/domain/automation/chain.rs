//! Automations that start others: following the names, and refusing what would come back to where it began.

use std::collections::HashSet;

use crate::domain::ids::{AutomationId, ConnectionId};

/// What has to be known of each automation to follow chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: AutomationId,
    /// Unique within the connection.
    pub name: String,
    /// Whose names it uses.
    pub connection_id: ConnectionId,
    /// Id or name of the automation that it starts.
    pub another: Option<String>,
}

/// The automation that `another` means for one of `connection_id`: an id among all links, or else a name of the same connection.
#[must_use]
pub fn named<'a>(links: &'a [Link], connection_id: ConnectionId, another: &str) -> Option<&'a Link> {
    let another = another.trim();
    let by_id = another
        .parse()
        .ok()
        .and_then(|id: AutomationId| links.iter().find(|link| link.id == id));
    by_id.or_else(|| {
        links
            .iter()
            .find(|link| link.connection_id == connection_id && link.name == another)
    })
}

/// Whether an automation would, after it is written as `changed`, start itself in the end. `links` are all automations of the
/// tenant; where `changed` is among them, it counts as it is to be. Chains that go round elsewhere are not its doing.
///
/// # Errors
/// The names on the way, from the automation back to itself: `["A", "B", "A"]`.
pub fn check(changed: &Link, links: &[Link]) -> Result<(), Vec<String>> {
    let links: Vec<Link> = links
        .iter()
        .filter(|link| link.id != changed.id)
        .chain([changed])
        .cloned()
        .collect();
    let mut names = vec![changed.name.clone()];
    let mut seen = HashSet::from([changed.id]);
    let mut at = changed;
    while let Some(next) = at
        .another
        .as_deref()
        .and_then(|another| named(&links, at.connection_id, another))
    {
        names.push(next.name.clone());
        if next.id == changed.id {
            return Err(names);
        }
        if !seen.insert(next.id) {
            return Ok(());
        }
        at = next;
    }
    Ok(())
}

/// What to tell the person who would have made a chain go round.
#[must_use]
pub fn refusal(names: &[String]) -> String {
    let way: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!(
        "would make the automation start itself again and again: {}; name another one, or none",
        way.join(" starts ")
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn link(id: u128, name: &str, connection: u128, another: Option<&str>) -> Link {
        Link {
            id: Uuid::from_u128(id).into(),
            name: name.to_owned(),
            connection_id: Uuid::from_u128(connection).into(),
            another: another.map(str::to_owned),
        }
    }

    fn names(names: &[&str]) -> Result<(), Vec<String>> {
        Err(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_chain_that_comes_back_is_refused() {
        let links = [
            link(1, "A", 1, Some("B")),
            link(2, "B", 1, Some("C")),
            link(3, "C", 1, None),
            link(4, "A", 2, Some("B")),
        ];
        assert_eq!(check(&link(3, "C", 1, Some("A")), &links), names(&["C", "A", "B", "C"]));
        assert_eq!(check(&link(3, "C", 1, Some("C")), &links), names(&["C", "C"]));
        // By its id, also across connections.
        let id = Uuid::from_u128(4).to_string();
        assert_eq!(check(&link(3, "C", 1, Some(&id)), &links), Ok(()));
        let crossing = [link(5, "B", 2, Some(&Uuid::from_u128(3).to_string())), links[3].clone()];
        assert_eq!(
            check(&link(3, "C", 1, Some(&id)), &crossing),
            names(&["C", "A", "B", "C"])
        );
        // A new one, whose name another one waits for.
        let waiting = [link(1, "A", 1, Some("New"))];
        assert_eq!(
            check(&link(9, "New", 1, Some("A")), &waiting),
            names(&["New", "A", "New"])
        );
        assert_eq!(check(&link(9, "New", 2, Some("A")), &waiting), Ok(()));
    }

    #[test]
    fn what_ends_or_goes_round_elsewhere_is_allowed() {
        let links = [
            link(1, "A", 1, Some("B")),
            link(2, "B", 1, Some("A")),
            link(3, "C", 1, None),
        ];
        assert_eq!(check(&link(3, "C", 1, Some("A")), &links), Ok(()));
        assert_eq!(check(&link(3, "C", 1, Some("nobody")), &links), Ok(()));
        assert_eq!(check(&link(3, "C", 1, None), &links), Ok(()));
        // As it is to be, not as it was.
        assert_eq!(check(&link(2, "B", 1, None), &links), Ok(()));
        // Renamed: nobody starts it any more.
        assert_eq!(check(&link(2, "B2", 1, Some("A")), &links), Ok(()));
    }

    #[test]
    fn the_refusal_names_the_way() {
        let names = ["A", "B", "A"].map(str::to_owned);
        assert_eq!(
            refusal(&names),
            "would make the automation start itself again and again: \"A\" starts \"B\" starts \"A\"; name another one, or none"
        );
    }
}
