//! The versions of a script: who wrote them and when, the source of each, and what it changed.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use super::{
    HERE, Names, WAY, by,
    difference::{self, Difference, Line},
    path_of, tabs,
};
use crate::{
    domain::ids::ScriptId,
    engine::{
        Engine,
        scripts::{Script, ScriptVersion, WrittenVersion},
    },
    error::{Code, Error, Result},
    gateway::{
        console::{
            ui::{self, Tone},
            view::View,
        },
        json::{PathId, Query},
        page::PageQuery,
    },
};

pub(super) async fn list(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let scripts = engine.named_scripts();
    let whole = scripts.get(view.caller(), id.0).await?;
    let versions = scripts.versions(view.caller(), id.0, page).await?;
    let by = versions.items.iter().filter_map(|version| version.created_by);
    let names = engine.names().users(view.caller(), by).await?;
    let (script, current) = (&whole.script, whole.current.version);
    let rows: Vec<Markup> = versions
        .items
        .iter()
        .map(|version| row(&view, script, version, current, &names))
        .collect();
    let path = format!("{}/versions", path_of(script));
    let title = format!("Versions of {}", script.name);
    let content = html! {
        (ui::head(&view, WAY, &script.name, &html! {}))
        (tabs(&view, script, true))
        (ui::table("Versions of the source, newest first", &["Version", "Written by", "Written"], &rows))
        (ui::pager(&view, &path, "", cursor.as_deref(), versions.next_cursor.as_deref()))
        p .quiet { "A save that changes only the name or the description raises the version too, and is not listed." }
    };
    Ok(view.page(HERE, &title, &content))
}

fn row(view: &View, script: &Script, version: &WrittenVersion, current: i64, names: &Names) -> Markup {
    let path = format!("{}/versions/{}", path_of(script), version.version);
    html! {
        tr {
            td {
                a href=(view.url(&path)) { "Version " (version.version) }
                @if version.version == current { " " (ui::badge(Tone::Good, "in force")) }
            }
            td { (by(names, version.created_by)) }
            td { (ui::time(version.created_at)) }
        }
    }
}

pub(super) async fn one(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let text = request.match_info().get("version").unwrap_or_default();
    let wanted: i64 = text.parse().map_err(|_| {
        let refusal = format!("There is no version {text:?}: versions are whole numbers.");
        Error::new(Code::NotFound, refusal)
    })?;
    let scripts = engine.named_scripts();
    let whole = scripts.get(view.caller(), id.0).await?;
    let version = scripts.version(view.caller(), id.0, wanted).await?;
    let before = scripts.version_before(view.caller(), id.0, wanted).await?;
    let names = engine.names().users(view.caller(), version.created_by).await?;
    let (script, in_force) = (&whole.script, wanted == whole.current.version);
    let title = format!("Version {wanted}");
    let path = path_of(script);
    let way = [WAY, &[(script.name.as_str(), path.as_str())]].concat();
    let actions = html! {
        @if in_force { (ui::link_button(&view, &path, "Edit")) }
        @else { (ui::link_button(&view, &format!("{path}?version={wanted}"), "Edit from this version")) }
    };
    let content = html! {
        (ui::head(&view, &way, &title, &actions))
        (tabs(&view, script, true))
        (ui::facts(&[
            ("State", if in_force { ui::badge(Tone::Good, "in force") } else { ui::badge(Tone::Quiet, "replaced") }),
            ("Written by", by(&names, version.created_by)),
            ("Written", ui::time(version.created_at)),
        ]))
        (changes(&view, &path, before.as_ref(), &version))
        h2 { "Source" }
        (ui::code(&version.source))
    };
    Ok(view.page(HERE, &title, &content))
}

fn changes(view: &View, path: &str, before: Option<&ScriptVersion>, version: &ScriptVersion) -> Markup {
    let Some(before) = before else {
        return html! { p .quiet { "This is the first version." } };
    };
    let earlier = before.version;
    html! {
        h2 { "What it changed" }
        p { "Compared with "
            a href=(view.url(&format!("{path}/versions/{earlier}"))) { "version " (earlier) } "." }
        @match difference::between(&before.source, &version.source) {
            Difference::TooLong => p .note { "The sources are too long to be compared line by line." },
            Difference::Lines(lines, more) => {
                (table(earlier, version.version, &lines))
                @if more { p .quiet { "More lines differ than are shown here." } }
            }
        }
    }
}

fn table(earlier: i64, later: i64, lines: &[Line<'_>]) -> Markup {
    let heading = |version: i64| html! { th scope="col" .number { span .hidden { "Line in version " } (version) } };
    html! {
        div .scroll tabindex="0" role="region" aria-label="Changed lines" {
            table .difference {
                caption .hidden { "Lines that are gone, new, and around them" }
                thead { tr { (heading(earlier)) (heading(later)) th scope="col" { "Source" } } }
                tbody { @for line in lines { (shown(line)) } }
            }
        }
    }
}

fn shown(line: &Line<'_>) -> Markup {
    let row = |class: &str, old: Option<usize>, new: Option<usize>, sign: &str, word: &str, text: &str| {
        html! {
            tr class=(class) {
                td .number { @if let Some(old) = old { (old) } }
                td .number { @if let Some(new) = new { (new) } }
                td { code { span aria-hidden="true" { (sign) " " } @if !word.is_empty() { span .hidden { (word) ": " } } (text) } }
            }
        }
    };
    match *line {
        Line::Same(old, new, text) => row("", Some(old), Some(new), " ", "", text),
        Line::Gone(old, text) => row("gone", Some(old), None, "−", "gone", text),
        Line::Come(new, text) => row("come", None, Some(new), "+", "new", text),
        Line::Left => html! { tr .left { td colspan="3" { "Lines that are the same" } } },
    }
}
