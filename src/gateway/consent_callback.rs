//! `/OData/Consents/callback`: where another system sends a person back to who was asked for a consent. A page for people: they come
//! with a browser and without a token. Neither the code nor the `state` is logged: logs have no query strings.
//!
//! Coming here changes nothing: somebody else may have sent the browser. The page says what would be connected; only what its button
//! posts takes the answer.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{self, Bytes, ServiceConfig},
};
use maud::{DOCTYPE, Markup, html};
use url::form_urlencoded;

use super::{headers, outer::AsItIs, rate, request_id::RequestId};
use crate::{
    actors::integration::consent::CALLBACK_PATH,
    engine::{
        Engine,
        integrations::consents::{ConsentAnswer, Met, Told, ToldOutcome, ToldSubject},
    },
    error::{Error, Result},
    http::Secret,
};

pub(super) const PATH: &str = CALLBACK_PATH;
/// The page has text only, and where it asks, a form that goes to where it came from.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const POLICY_OF_FORM: &str = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// Longest query and form that are read, bytes.
const ANSWER_BYTES_MAX: usize = 16_384;
/// With which browsers say which page a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

pub(super) fn routes(config: &mut ServiceConfig) {
    let resource = web::resource("").route(web::get().to(ask)).route(web::post().to(take));
    config.service(resource);
}

/// Asks the person who came.
async fn ask(request: HttpRequest, engine: web::Data<Engine>) -> Result<HttpResponse> {
    rate::admit_sign_in(&engine, &request)?;
    let answer = read(request.query_string().as_bytes());
    Ok(match engine.integrations().consent_met(&answer).await? {
        Met::Link(subject) => question(&subject, &answer),
        Met::Nothing(told) => page(&told),
    })
}

/// Takes what the person confirmed.
async fn take(request: HttpRequest, engine: web::Data<Engine>, form: Bytes) -> Result<HttpResponse> {
    rate::admit_sign_in(&engine, &request)?;
    // Browsers that do not say it have the unguessable `state` and code alone.
    let site = request.headers().get(FETCH_SITE);
    if site.is_some_and(|site| site.as_bytes() != b"same-origin") {
        let why = "Another page sent this, not Orrery's. Nothing was changed. Follow the link again, and use the button of the page \
                   at its end.";
        let content = html! { p { (why) } };
        return Ok(written(
            StatusCode::FORBIDDEN,
            POLICY,
            "The consent is not given",
            &content,
        ));
    }
    let answer = read(&form);
    let request_id = RequestId::of(&request);
    // The code is spent once: a browser that goes away must not take its tokens with it.
    let work = async move { engine.integrations().consent_answered(answer, request_id).await };
    let told = actix_web::rt::spawn(Box::pin(work)).await.map_err(Error::internal)??;
    Ok(page(&told))
}

/// Parameters must not come twice (RFC 6749, section 3.1): one that does is none.
fn read(text: &[u8]) -> ConsentAnswer {
    if text.len() > ANSWER_BYTES_MAX {
        return ConsentAnswer::default();
    }
    let get = |name: &str| -> Option<Cow<'_, str>> {
        let mut values = form_urlencoded::parse(text).filter(|(known, _)| known == name);
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

/// What would be connected, and a button that carries the answer on.
fn question(subject: &ToldSubject, answer: &ConsentAnswer) -> HttpResponse {
    let is_refusal = answer.error.is_some();
    let (title, button) = if is_refusal {
        ("The consent was not given there", "Go on")
    } else {
        ("Give the consent?", "Give the consent")
    };
    let ToldSubject {
        tenant,
        integration,
        system,
        origin,
    } = subject;
    let fields = [
        ("state", answer.state.as_ref().map(Secret::expose)),
        ("code", answer.code.as_ref().map(Secret::expose)),
        ("error", answer.error.as_deref()),
        ("error_description", answer.error_description.as_deref()),
    ];
    let content = html! {
        p {
            @if is_refusal {
                b { (system) } " did not give the consent for the integration " b { (integration) } " of " b { (tenant) } "."
            } @else {
                "The integration " b { (integration) } " of " b { (tenant) } " will be connected with what you signed in to at "
                b { (system) } ", and may use it from then on."
                @if let Some(origin) = origin { " Its requests go to " b { (origin) } "." }
            }
        }
        p { "If you did not ask for this, close the page: then nothing is connected." }
        // Not to a path of ours: whatever stands before the engine may have changed it.
        form method="post" action="?" {
            @for (name, value) in fields {
                @if let Some(value) = value { input type="hidden" name=(name) value=(value); }
            }
            button type="submit" { (button) }
        }
    };
    written(StatusCode::OK, POLICY_OF_FORM, title, &content)
}

fn page(told: &Told) -> HttpResponse {
    let (status, title, text) = words(told);
    written(status, POLICY, title, &html! { p { (text) } })
}

/// A page by itself: names were given by people and reasons by other systems, and are text in it.
fn written(status: StatusCode, policy: &'static str, title: &str, content: &Markup) -> HttpResponse {
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (title) } }
            body { h1 { (title) } (content) }
        }
    };
    let mut response = HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .body(body.into_string());
    headers::secure(response.headers_mut());
    // The outer layer makes problem documents of errors, which browsers do not show to people.
    response.extensions_mut().insert(AsItIs);
    response
}

fn words(told: &Told) -> (StatusCode, &'static str, String) {
    let again = "Ask for a new link in Orrery, then follow that one.";
    let what = match &told.subject {
        Some(subject) => format!(
            "The integration {} of {} with {}",
            subject.integration, subject.tenant, subject.system
        ),
        None => String::new(),
    };
    match &told.outcome {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> ToldSubject {
        ToldSubject {
            tenant: "<script>alert(1)</script>".to_owned(),
            integration: "I".to_owned(),
            system: "\"S\"".to_owned(),
            origin: Some("https://a.example".to_owned()),
        }
    }

    async fn text(response: HttpResponse) -> String {
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn what_comes_twice_is_none() {
        let answer = read(b"code=a&state=b&error=%3Cx%3E+y&code=c");
        assert_eq!(answer.code, None);
        assert_eq!(answer.state, Some("b".into()));
        assert_eq!(answer.error.as_deref(), Some("<x> y"));
        let long = format!("state={}", "x".repeat(ANSWER_BYTES_MAX));
        assert_eq!(read(long.as_bytes()).state, None);
    }

    #[actix_web::test]
    async fn a_page_shows_names_as_text_and_runs_nothing() {
        let told = Told {
            outcome: ToldOutcome::Failed("\"quoted\" & 'so'".to_owned()),
            subject: Some(subject()),
        };
        let response = page(&told);
        assert_eq!(response.status(), 400);
        let policy = response.headers().get("content-security-policy").unwrap();
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(response.headers().get("referrer-policy").unwrap(), "no-referrer");
        let body = text(response).await;
        assert!(
            body.contains("&lt;script&gt;") && body.contains("&quot;quoted&quot; &amp; 'so'"),
            "{body}"
        );
        assert!(!body.contains("<script") && !body.contains("<form"), "{body}");
    }

    #[actix_web::test]
    async fn a_question_says_what_is_connected_and_carries_the_answer_as_text() {
        let answer = read(b"state=s&code=%22%3E%3Cscript%3E");
        let response = question(&subject(), &answer);
        let policy = response.headers().get("content-security-policy").unwrap();
        let policy = policy.to_str().unwrap().to_owned();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("form-action 'self'"),
            "{policy}"
        );
        let body = text(response).await;
        for part in [
            "<b>I</b>",
            "&lt;script&gt;alert(1)",
            "<b>&quot;S&quot;</b>",
            "<b>https://a.example</b>",
            "name=\"state\" value=\"s\"",
            "name=\"code\" value=\"&quot;&gt;&lt;script&gt;\"",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
        assert!(!body.contains("<script") && !body.contains("name=\"error"), "{body}");
        let refused = text(question(&subject(), &read(b"state=s&error=access_denied"))).await;
        assert!(
            refused.contains("did not give") && refused.contains("value=\"access_denied\""),
            "{refused}"
        );
    }
}
