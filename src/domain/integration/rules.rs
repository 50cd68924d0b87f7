//! Rules of an integration's flags: when rows may become items again; and where an action's secrets may go.

use super::{Action, Integration, IntegrationDirection, address::written_origin};

/// A rule with a word of its own, on which clients may branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Rule {
    IncludeUpdateLocked,
    IncludeUpdateNotAllowed,
    ContinuousNotAllowed,
    ContinuousWithoutExpiry,
    ScheduleFixed,
    SecretHeadersNeedHost,
}

impl Rule {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IncludeUpdateLocked => "include_update_locked",
            Self::IncludeUpdateNotAllowed => "include_update_not_allowed",
            Self::ContinuousNotAllowed => "continuous_not_allowed",
            Self::ContinuousWithoutExpiry => "continuous_without_expiry",
            Self::ScheduleFixed => "schedule_fixed",
            Self::SecretHeadersNeedHost => "secret_headers_need_host",
        }
    }
}

/// A rule that a definition breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub rule: Rule,
    /// The member that breaks it.
    pub member: &'static str,
    /// For people.
    pub message: String,
}

/// The rules of flags:
/// - `include_update_locked`: `IncludeUpdate` cannot be changed while `Continuous` is and stays true;
/// - `include_update_not_allowed`: `IncludeUpdate` is true only if `Active` and Outbound;
/// - `continuous_not_allowed`: `Continuous` is true only if `Active`, Outbound and `IncludeUpdate`.
///
/// Flags are looked at as they would be in the end, so that a change may bring several of them at once.
#[must_use]
pub fn flags(before: Option<&Integration>, after: &Integration) -> Option<Broken> {
    let stays_continuous = after.continuous && before.is_some_and(|before| before.continuous);
    if stays_continuous && before.is_some_and(|before| before.include_update != after.include_update) {
        return Some(Broken {
            rule: Rule::IncludeUpdateLocked,
            member: "IncludeUpdate",
            message: "cannot be changed while Continuous is true: set Continuous to false first, or with it".to_owned(),
        });
    }
    let lacks = |with_updates: bool| {
        let mut lacks = Vec::new();
        if !after.active {
            lacks.push("Active is false");
        }
        if after.integration_direction_id != IntegrationDirection::Outbound {
            lacks.push("IntegrationDirectionId is Inbound");
        }
        if with_updates && !after.include_update {
            lacks.push("IncludeUpdate is false");
        }
        lacks.join(" and ")
    };
    let outbound = lacks(false);
    if after.include_update && !outbound.is_empty() {
        return Some(Broken {
            rule: Rule::IncludeUpdateNotAllowed,
            member: "IncludeUpdate",
            message: format!("may be true only for integrations that are active and outbound, and {outbound}"),
        });
    }
    let updates = lacks(true);
    (after.continuous && !updates.is_empty()).then(|| Broken {
        rule: Rule::ContinuousNotAllowed,
        member: "Continuous",
        message: format!(
            "may be true only for integrations that are active and outbound and have IncludeUpdate, and {updates}"
        ),
    })
}

/// `continuous_without_expiry`: where rows become items at each run, the filter must say until when; `mentions_time`: it does.
#[must_use]
pub fn expiry(after: &Integration, mentions_time: bool) -> Option<Broken> {
    (after.continuous && !mentions_time).then(|| Broken {
        rule: Rule::ContinuousWithoutExpiry,
        member: "Filter",
        message: "must mention a time where Continuous is true, so that rows are not processed for ever: for example \
                  `and CreatedAt > DateTime.UtcNow.AddDays(-7)`"
            .to_owned(),
    })
}

/// `secret_headers_need_host`: where an action has secret headers, its address writes out scheme and host. They would go to
/// whatever host the values, or the connection of a client, name.
#[must_use]
pub fn secret_headers(after: &Action, has_secrets: bool) -> Option<Broken> {
    let has_host = after.url.as_deref().and_then(written_origin).is_some();
    (has_secrets && !has_host).then(|| Broken {
        rule: Rule::SecretHeadersNeedHost,
        member: "Url",
        message: "must name its scheme and host before the first value that is put in, because the action has secret headers: \
                  for example `https://example.com/orders/{{ item.Id }}`"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::integration::{ActionKind, ConsentType};

    fn with(direction: IntegrationDirection, active: bool, include_update: bool, continuous: bool) -> Integration {
        Integration {
            integration_name: "i".to_owned(),
            entity_id: "customer".to_owned(),
            integration_direction_id: direction,
            integration_system_id: 1.into(),
            action_id: None,
            element_id: None,
            comment: None,
            filter: None,
            schedule_id: 1.into(),
            max_attempts: 5,
            batch_size: 1,
            execute_in_parallel: false,
            include_update,
            continuous,
            managed: false,
            allow_schedule_change: false,
            consent_type_id: ConsentType::None,
            active,
        }
    }

    #[test]
    fn every_combination_of_flags() {
        use IntegrationDirection::{Inbound, Outbound};
        for direction in [Inbound, Outbound] {
            for bits in 0..8_u8 {
                let (active, updates, continuous) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
                let is_fit = active && direction == Outbound;
                let expected = if updates && !is_fit {
                    Some(Rule::IncludeUpdateNotAllowed)
                } else if continuous && !(is_fit && updates) {
                    Some(Rule::ContinuousNotAllowed)
                } else {
                    None
                };
                let found = flags(None, &with(direction, active, updates, continuous));
                assert_eq!(found.map(|broken| broken.rule), expected, "{direction} {bits:03b}");
            }
        }
    }

    #[test]
    fn updates_are_locked_while_continuous() {
        use IntegrationDirection::Outbound;
        let before = with(Outbound, true, true, true);
        let rule = |after| flags(Some(&before), &after).map(|broken| broken.rule);
        assert_eq!(rule(with(Outbound, true, false, true)), Some(Rule::IncludeUpdateLocked));
        assert_eq!(rule(with(Outbound, true, false, false)), None);
        assert_eq!(rule(with(Outbound, true, true, false)), None);
        assert_eq!(rule(before.clone()), None);
    }

    #[test]
    fn secrets_need_a_host() {
        let action = |url: &str| Action {
            name: "a".to_owned(),
            kind: ActionKind::Http,
            method: None,
            url: Some(url.to_owned()),
            headers: None,
            body: None,
            body_script: None,
            result_script: None,
            client_id: None,
            partner_function_id: None,
        };
        for (url, has_host) in [
            ("https://a.example/{{ item.Id }}", true),
            ("/orders", false),
            ("https://{{ item.Host }}/orders", false),
            ("{{ item.Url }}", false),
        ] {
            assert_eq!(secret_headers(&action(url), false), None, "{url}");
            let found = secret_headers(&action(url), true).map(|broken| (broken.rule, broken.member));
            let expected = (!has_host).then_some((Rule::SecretHeadersNeedHost, "Url"));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn continuous_needs_an_expiry() {
        use IntegrationDirection::Outbound;
        let continuous = with(Outbound, true, true, true);
        assert_eq!(expiry(&continuous, false).unwrap().rule, Rule::ContinuousWithoutExpiry);
        assert_eq!(expiry(&continuous, true), None);
        assert_eq!(expiry(&with(Outbound, true, true, false), false), None);
    }
}
