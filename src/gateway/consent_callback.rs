//! `/OData/Consents/callback`: where another system sends a person back to who was asked for a consent. A page for people: they come
//! with a browser and without a token. Neither the code nor the `state` is shown or logged: logs have no query strings.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{self, ServiceConfig},
};
use url::form_urlencoded;

use super::{headers, outer::AsItIs, rate, request_id::RequestId};
use crate::{
    actors::integration::consent::CALLBACK_PATH,
    engine::{
        Engine,
        integrations::consents::{ConsentAnswer, Told, ToldOutcome},
    },
    error::{Error, Result},
    http::Secret,
};

pub(super) const PATH: &str = CALLBACK_PATH;
/// The page has text only.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Longest query that is read, bytes.
const QUERY_BYTES_MAX: usize = 16_384;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("").route(web::get().to(callback)));
}

async fn callback(request: HttpRequest, engine: web::Data<Engine>) -> Result<HttpResponse> {
    rate::admit_sign_in(&engine, &request)?;
    let answer = read(request.query_string());
    let request_id = RequestId::of(&request);
    // The code is spent once: a browser that goes away must not take its tokens with it.
    let work = async move { engine.integrations().consent_answered(answer, request_id).await };
    let told = actix_web::rt::spawn(Box::pin(work)).await.map_err(Error::internal)??;
    Ok(page(&told))
}

/// Parameters must not come twice (RFC 6749, section 3.1): one that does is none.
fn read(query: &str) -> ConsentAnswer {
    if query.len() > QUERY_BYTES_MAX {
        return ConsentAnswer::default();
    }
    let get = |name: &str| -> Option<Cow<'_, str>> {
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
        let first = values.next().map(|(_, value)| value);
        first.filter(|_| values.next().is_none())
    };
    ConsentAnswer {
        state: get("state").map(|state| Secret::new(state.as_ref())),
        code: get("code").map(|code| Secret::new(code.as_ref())),
        error: get("error").map(Cow::into_owned),
        error_description: get("error_description").map(Cow::into_owned),
    }
}

fn page(told: &Told) -> HttpResponse {
    let (status, title, text) = words(told);
    let (title, text) = (escaped(&title), escaped(&text));
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1><p>{text}</p></body>\n</html>\n"
    );
    let mut response = HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(body);
    headers::secure(response.headers_mut());
    // The outer layer makes problem documents of errors, which browsers do not show to people.
    response.extensions_mut().insert(AsItIs);
    response
}

fn words(told: &Told) -> (StatusCode, String, String) {
    let again = "Ask for a new link in Orrery, then follow that one.";
    let what = match &told.subject {
        Some(subject) => format!(
            "The integration {} of {} with {}",
            subject.integration, subject.tenant, subject.system
        ),
        None => String::new(),
    };
    let (status, title, text) = match &told.outcome {
        ToldOutcome::Granted => (
            StatusCode::OK,
            "The consent is given",
            format!("{what} may be used now. You can close this page."),
        ),
        ToldOutcome::Refused => (
            StatusCode::OK,
            "The consent is not given",
            format!("{what} is not used. You can close this page."),
        ),
        ToldOutcome::Failed(why) => (
            StatusCode::BAD_REQUEST,
            "The consent could not be given",
            format!("{what} has no consent yet. {why} {again}"),
        ),
        ToldOutcome::Late => (
            StatusCode::BAD_REQUEST,
            "The link has ended",
            format!("{what} has no consent yet: it took too long. {again}"),
        ),
        ToldOutcome::Overtaken => (
            StatusCode::BAD_REQUEST,
            "The consent was changed meanwhile",
            format!("{what}: somebody changed the consent while you were asked. Nothing was stored. {again}"),
        ),
        ToldOutcome::Unknown => (
            StatusCode::BAD_REQUEST,
            "The link is not known",
            format!("It was used already, or a newer one was made, or it is not complete. {again}"),
        ),
    };
    (status, title.to_owned(), text)
}

/// Text in a page: names were given by people, reasons by other systems.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::integrations::consents::ToldSubject;

    #[test]
    fn what_comes_twice_is_none() {
        let answer = read("code=a&state=b&error=%3Cx%3E+y&code=c");
        assert_eq!(answer.code, None);
        assert_eq!(answer.state, Some("b".into()));
        assert_eq!(answer.error.as_deref(), Some("<x> y"));
        let long = format!("state={}", "x".repeat(QUERY_BYTES_MAX));
        assert_eq!(read(&long).state, None);
    }

    #[actix_web::test]
    async fn a_page_shows_names_as_text_and_runs_nothing() {
        let told = Told {
            outcome: ToldOutcome::Failed("\"quoted\" & 'so'".to_owned()),
            subject: Some(ToldSubject {
                tenant: "<script>alert(1)</script>".to_owned(),
                integration: "I".to_owned(),
                system: "S".to_owned(),
            }),
        };
        let response = page(&told);
        assert_eq!(response.status(), 400);
        let policy = response.headers().get("content-security-policy").unwrap();
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(response.headers().get("referrer-policy").unwrap(), "no-referrer");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("&lt;script&gt;") && body.contains("&quot;quoted&quot; &amp; &#39;so&#39;"),
            "{body}"
        );
        assert!(!body.contains("<script"), "{body}");
    }
}
