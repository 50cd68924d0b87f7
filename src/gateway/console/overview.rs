//! The first page: what runs, what is late, what failed and why.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::html;

use super::{shell::Here, ui, view::View};
use crate::error::Result;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("").route(web::get().to(overview)));
}

async fn overview(view: View) -> Result<HttpResponse> {
    let content = html! { (ui::head(&view, &[], "Overview", &html! {})) };
    Ok(view.page(Here::Overview, "Overview", &content))
}
