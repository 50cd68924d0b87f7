//! Settings → Tenants: companies whose things no other company sees. Administrators make them.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    form::{self, Form},
    session::TENANT,
    shell::Here,
    ui::{self, Entry, Input, Tone, Wrong},
    view::View,
};
use crate::{
    domain::{ids::TenantId, rights::Right},
    engine::{Engine, tenants::Tenant},
    error::{Error, Result},
    gateway::{
        dto::identity::TenantBody,
        json::{PathId, Query},
        page::PageQuery,
    },
};

const HERE: Here = Here::Tenants;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Settings", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Tenants", "/tenants")];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/tenants")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/tenants/new").route(web::get().to(new)))
        .service(
            web::resource("/tenants/{id}")
                .route(web::get().to(edit))
                .route(web::post().to(update)),
        )
        .service(web::resource("/tenants/{id}/delete").route(web::post().to(delete)));
}

/// Only administrators make and change tenants.
fn may_change(view: &View) -> bool {
    view.caller().all_tenants && view.may(Right::SettingsManage)
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let tenants = engine.tenants().list(view.caller(), page).await?;
    let rows: Vec<Markup> = tenants.items.iter().map(|tenant| row(&view, tenant)).collect();
    let add = html! { @if may_change(&view) { (ui::main_button(&view, "/tenants/new", "New tenant")) } };
    let content = html! {
        (ui::head(&view, ABOVE, "Tenants", &add))
        (ui::table("Tenants", &["Name", "Company id", "Changed"], &rows))
        (ui::pager(&view, "/tenants", "", cursor.as_deref(), tenants.next_cursor.as_deref()))
    };
    Ok(view.page(HERE, "Tenants", &content))
}

fn row(view: &View, tenant: &Tenant) -> Markup {
    html! {
        tr {
            td .long {
                a href=(view.url(&path_of(tenant))) { (tenant.name) }
                @if is_here(view, tenant) { " " (ui::badge(Tone::Quiet, "you are here")) }
            }
            td { code { (tenant.company_id) } }
            td { (ui::time(tenant.updated_at)) }
        }
    }
}

fn is_here(view: &View, tenant: &Tenant) -> bool {
    tenant.id == view.caller().tenant_id
}

async fn new(view: View) -> HttpResponse {
    let content = page(&view, None, &json!({}), &Wrong::default());
    view.page(HERE, "New tenant", &content)
}

async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let entered = entered(&form);
    let made = async {
        let body: TenantBody = form::body(&entered)?;
        engine.tenants().create(view.caller(), body.into()).await
    };
    match made.await {
        Ok(tenant) => {
            let said = format!(
                "The tenant {} is made. Switch to it above, then make its groups and users.",
                tenant.name
            );
            Ok(view.redirect_saying("/tenants", &said))
        }
        Err(error) => view.again(error, HERE, "New tenant", |wrong| page(&view, None, &entered, wrong)),
    }
}

async fn edit(view: View, engine: web::Data<Engine>, id: PathId<TenantId>) -> Result<HttpResponse> {
    let tenant = engine.tenants().get(view.caller(), id.0).await?;
    let content = page(&view, Some(&tenant), &shown(&tenant), &Wrong::default());
    Ok(view.page(HERE, &tenant.name, &content))
}

async fn update(view: View, engine: web::Data<Engine>, id: PathId<TenantId>, form: Form) -> Result<HttpResponse> {
    let tenant = engine.tenants().get(view.caller(), id.0).await?;
    let entered = entered(&form);
    let changed = async {
        let body: TenantBody = form::body(&entered)?;
        let tenants = engine.tenants();
        tenants.update(view.caller(), id.0, form.version(), body.into()).await
    };
    match changed.await {
        Ok(changed) => {
            let mut answer = view.redirect_saying("/tenants", &format!("The tenant {} is saved.", changed.name));
            if is_here(&view, &changed) {
                // The chosen tenant is remembered by its company id, which may be another one now.
                let chosen = view.jar().cookie(TENANT, changed.company_id);
                answer.add_cookie(&chosen).map_err(Error::internal)?;
            }
            Ok(answer)
        }
        Err(error) => view.again(error, HERE, &tenant.name, |wrong| {
            page(&view, Some(&tenant), &entered, wrong)
        }),
    }
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<TenantId>) -> Result<HttpResponse> {
    let tenant = engine.tenants().get(view.caller(), id.0).await?;
    match engine.tenants().delete(view.caller(), id.0, None).await {
        Ok(()) => Ok(view.redirect_saying("/tenants", &format!("The tenant {} is deleted.", tenant.name))),
        Err(error) => view.again(error, HERE, &tenant.name, |wrong| {
            page(&view, Some(&tenant), &shown(&tenant), wrong)
        }),
    }
}

fn path_of(tenant: &Tenant) -> String {
    format!("/tenants/{}", tenant.id)
}

/// What an API client would send.
fn entered(form: &Form) -> Value {
    json!({ "companyId": form.text("companyId"), "name": form.text("name") })
}

fn shown(tenant: &Tenant) -> Value {
    json!({ "companyId": tenant.company_id, "name": tenant.name })
}

fn page(view: &View, tenant: Option<&Tenant>, values: &Value, wrong: &Wrong) -> Markup {
    let title = tenant.map_or("New tenant", |tenant| &tenant.name);
    let path = tenant.map_or_else(|| "/tenants".to_owned(), path_of);
    let may = may_change(view);
    let entry = Entry {
        values,
        wrong,
        locked: !may,
    };
    let delete = html! {
        // The tenant in which one is is not empty: oneself is in it.
        @if let Some(tenant) = tenant.filter(|tenant| may && !is_here(view, tenant)) {
            (ui::act_asking(view, &format!("{path}/delete"), "Delete",
                &format!("Delete the tenant {}? Only an empty tenant can be deleted.", tenant.name), "danger"))
        }
    };
    html! {
        (ui::head(view, WAY, title, &delete))
        (wrong.summary())
        @if !may { p .note { "Tenants are made and changed by administrators, who reach every tenant." } }
        form .card.form method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(tenant.map(|tenant| tenant.version)))
            (Input::text("name", "Name").required().show(&entry))
            (Input::text("companyId", "Company id").required()
                .help(html! { "Letters, digits, dots, hyphens and underscores. Programs name the tenant by it in the header "
                    code { "ipp-company-id" } "." })
                .show(&entry))
            @if may {
                div .buttons {
                    button .primary type="submit" { "Save" }
                    a href=(view.url("/tenants")) { "Cancel" }
                }
            }
        }
    }
}
