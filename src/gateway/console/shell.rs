//! What surrounds every page: head, navigation by rights, tenant, person.

use maud::{DOCTYPE, Markup, html};

use super::{form::TOKEN_FIELD, view::View};
use crate::domain::rights::Right;

/// Which entry of the navigation a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    Overview,
    Transactions,
    Records,
    Background,
    Connections,
    Integrations,
    Queue,
    Actors,
    Audit,
    CallApis,
    Clients,
    Scripts,
    Webhooks,
    Users,
    Groups,
    Tenants,
    Tokens,
}

/// A link of the navigation; without a right it is for everybody.
struct Entry(Here, &'static str, &'static str, Option<Right>);

/// The groups of the navigation, with their heading.
const NAVIGATION: &[(&str, &[Entry])] = &[
    ("", &[Entry(Here::Overview, "", "Overview", None)]),
    (
        "Data",
        &[
            Entry(
                Here::Transactions,
                "/transactions",
                "Transactions",
                Some(Right::TransactionsRead),
            ),
            Entry(Here::Records, "/records", "Records", Some(Right::ConnectionsManage)),
            Entry(
                Here::Background,
                "/background",
                "Background requests",
                Some(Right::BackgroundUse),
            ),
        ],
    ),
    (
        "Exchange",
        &[
            Entry(
                Here::Connections,
                "/connections",
                "Connections",
                Some(Right::ConnectionsManage),
            ),
            Entry(
                Here::Integrations,
                "/integrations",
                "Integrations",
                Some(Right::IntegrationsManage),
            ),
            Entry(Here::Queue, "/queue", "Queue", Some(Right::IntegrationsManage)),
        ],
    ),
    (
        "Engine",
        &[
            Entry(Here::Actors, "/actors", "Actors", Some(Right::ActorsInspect)),
            Entry(Here::Audit, "/audit", "Audit", Some(Right::AuditRead)),
        ],
    ),
    (
        "Settings · Imports",
        &[Entry(Here::CallApis, "/call-apis", "Call APIs", Some(Right::CallsRead))],
    ),
    (
        "Settings",
        &[
            Entry(Here::Clients, "/clients", "Clients", Some(Right::ClientsManage)),
            Entry(Here::Scripts, "/scripts", "Scripts", Some(Right::ConnectionsManage)),
            Entry(Here::Webhooks, "/webhooks", "Webhooks", Some(Right::SettingsManage)),
            Entry(Here::Users, "/users", "Users", Some(Right::UsersManage)),
            Entry(Here::Groups, "/groups", "Groups", Some(Right::UsersManage)),
            Entry(Here::Tenants, "/tenants", "Tenants", Some(Right::UsersManage)),
            Entry(Here::Tokens, "/tokens", "Tokens", None),
        ],
    ),
];

/// A whole page for somebody who is signed in.
pub(super) fn page(view: &View, here: Here, title: &str, content: &Markup) -> Markup {
    let body = html! {
        body data-base=(view.url("")) data-events[view.may(Right::ActorsInspect)] {
            a .skip href="#main" { "To the content" }
            header .top {
                a .brand href=(view.url("")) { (mark()) "Orrery" }
                // Narrow screens only; on wide ones the navigation always shows.
                button .menu type="button" popovertarget="menu" { "Menu" }
                (person(view))
            }
            div .sides {
                nav #menu .side aria-label="Main" popover { (navigation(view, here)) }
                main #main tabindex="-1" {
                    @if let Some(said) = view.said() { p .said role="status" { (said) } }
                    (content)
                }
            }
        }
    };
    document(&view.url(""), title, &body)
}

/// A page for anybody: signing in, errors.
pub(super) fn bare(base: &str, title: &str, content: &Markup) -> Markup {
    let body = html! {
        body data-base=(base) {
            header .top { a .brand href=(base) { (mark()) "Orrery" } }
            main #main .bare { (content) }
        }
    };
    document(base, title, &body)
}

fn document(base: &str, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Orrery" }
                link rel="icon" href={ (base) "/assets/icon.svg" } type="image/svg+xml";
                link rel="stylesheet" href={ (base) "/assets/base.css" };
                link rel="stylesheet" href={ (base) "/assets/parts.css" };
                link rel="stylesheet" href={ (base) "/assets/calls.css" };
                link rel="stylesheet" href={ (base) "/assets/settings.css" };
                link rel="stylesheet" href={ (base) "/assets/data.css" };
                link rel="stylesheet" href={ (base) "/assets/connections.css" };
                link rel="stylesheet" href={ (base) "/assets/charts.css" };
                script type="module" src={ (base) "/assets/app.js" } {}
            }
            (body)
        }
    }
}

fn navigation(view: &View, here: Here) -> Markup {
    html! {
        @for (heading, entries) in NAVIGATION {
            @let shown: Vec<&Entry> = entries.iter().filter(|entry| entry.3.is_none_or(|right| view.may(right))).collect();
            @if !shown.is_empty() {
                @if !heading.is_empty() { h2 { (heading) } }
                ul {
                    @for Entry(at, path, name, _) in shown {
                        li { a href=(view.url(path)) aria-current=[(*at == here).then_some("page")] { (name) } }
                    }
                }
            }
        }
    }
}

fn person(view: &View) -> Markup {
    let me = view.me();
    let name = me
        .user
        .display_name
        .as_ref()
        .filter(|name| !name.is_empty())
        .unwrap_or(&me.user.username);
    html! {
        div .person {
            @if me.tenants.len() > 1 {
                form method="post" action=(view.url("/tenant")) {
                    input type="hidden" name=(TOKEN_FIELD) value=(view.token());
                    label .hidden for="tenant" { "Tenant" }
                    select #tenant name="companyId" data-submit {
                        @for tenant in &me.tenants {
                            option value=(tenant.company_id) selected[tenant.id == me.tenant.id] {
                                (tenant.name) " (" (tenant.company_id) ")"
                            }
                        }
                    }
                    button .small type="submit" { "Switch" }
                }
            } @else {
                span .tenant { (me.tenant.name) }
            }
            span .who { (name) }
            form method="post" action=(view.url("/sign-out")) {
                input type="hidden" name=(TOKEN_FIELD) value=(view.token());
                button .small type="submit" { "Sign out" }
            }
        }
    }
}

/// The sun, an orbit and what runs on it.
fn mark() -> Markup {
    html! {
        svg .mark viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" {
            circle .orbit cx="12" cy="12" r="9.5" fill="none" {}
            circle .sun cx="12" cy="12" r="4" {}
            circle .planet cx="18.7" cy="5.3" r="2.6" {}
        }
    }
}
