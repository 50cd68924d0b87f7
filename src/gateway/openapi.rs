//! `/openapi.json`: the HTTP API in OpenAPI 3.1, made from the handlers themselves.

use actix_web::{HttpResponse, web};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Object, ObjectBuilder, RefOr, ResponseBuilder, Schema,
        schema::{ArrayBuilder, SchemaType, Type},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Orrery",
        description = "Scheduled calls of external APIs, their scripts, and the transactions that they make. Errors are \
            problem documents (RFC 9457) with a stable `code`. Lists take `limit` and `cursor`. Changes take `If-Match`, \
            POSTs `Idempotency-Key`. `ipp-company-id` chooses the tenant. `erp-api-background` has a request executed in the \
            background. What is under `/integration` is also under `/integration-connections`, and both are also below \
            `/api/v2` and `/api/v3`; a slash at the end makes no difference, and what is enabled and disabled with POST is so \
            with PUT, too. Integrations are a service of OData 4 under `/OData`, which `/OData/$metadata` describes."
    ),
    paths(
        super::sign_in::get_token,
        super::me::me,
        super::tokens::list,
        super::tokens::create,
        super::tokens::delete,
        super::users::list,
        super::users::create,
        super::users::get,
        super::users::replace,
        super::users::patch,
        super::users::delete,
        super::groups::list,
        super::groups::create,
        super::groups::get,
        super::groups::replace,
        super::groups::patch,
        super::groups::delete,
        super::tenants::list,
        super::tenants::create,
        super::tenants::get,
        super::tenants::replace,
        super::tenants::patch,
        super::tenants::delete,
        super::clients::list,
        super::clients::create,
        super::clients::get,
        super::clients::replace,
        super::clients::patch,
        super::clients::delete,
        super::clients::check,
        super::connections::automation::list,
        super::connections::automation::create,
        super::connections::automation::get,
        super::connections::automation::patch,
        super::connections::automation::delete,
        super::connections::automation::enable,
        super::connections::automation::disable,
        super::connections::automation::explain,
        super::connections::automation::run,
        super::connections::automation::runs,
        super::connections::automation::one_run,
        super::connections::mapping::list,
        super::connections::mapping::get,
        super::connections::mapping::put,
        super::connections::mapping::delete,
        super::connections::connection::list,
        super::connections::connection::create,
        super::connections::connection::get,
        super::connections::connection::patch,
        super::connections::connection::delete,
        super::connections::connection::enable,
        super::connections::connection::disable,
        super::connections::connection::check,
        super::connections::partner_function::list,
        super::connections::partner_function::create,
        super::connections::partner_function::get,
        super::connections::partner_function::patch,
        super::connections::partner_function::delete,
        super::connections::partner_function::enable,
        super::connections::partner_function::disable,
        super::call_apis::list,
        super::call_apis::create,
        super::call_apis::get,
        super::call_apis::replace,
        super::call_apis::patch,
        super::call_apis::delete,
        super::call_apis::activate,
        super::call_apis::deactivate,
        super::call_apis::run,
        super::call_apis::preview_schedule,
        super::test_call::test,
        super::test_call::test_unsaved,
        super::test_call::run_response,
        super::test_call::run_response_unsaved,
        super::runs::list,
        super::runs::get,
        super::transactions::list,
        super::transactions::create,
        super::transactions::get,
        super::transactions::edit,
        super::transactions::changes,
        super::transactions::commit,
        super::transactions::discard,
        super::transactions::commit_many,
        super::background::list,
        super::background::get,
        super::background::content::content,
        super::background::cancel,
        super::webhooks::list,
        super::webhooks::create,
        super::webhooks::get,
        super::webhooks::replace,
        super::webhooks::patch,
        super::webhooks::delete,
        super::webhooks::rotate_secret,
        super::webhooks::deliveries,
        super::webhooks::replay,
        super::webhooks::replay_one,
        super::webhooks::own_secret,
        super::webhooks::rotate_own_secret,
        super::records::list,
        super::records::get,
        super::records::put,
        super::records::patch,
        super::records::delete,
        super::scripts::list,
        super::scripts::create,
        super::scripts::get,
        super::scripts::replace,
        super::scripts::patch,
        super::scripts::delete,
        super::scripts::versions,
        super::scripts::version,
        super::actors::list,
        super::actors::summary,
        super::actors::get,
        super::actors::restart,
        super::events::events,
        super::audit::list,
        super::health::live,
        super::health::ready,
        super::metrics::metrics,
    ),
    security(("token" = [])),
    modifiers(&Common),
)]
struct Api;

/// What all operations have in common.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        super::background::describe(api);
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components
            .schemas
            .insert("Problem".to_owned(), RefOr::T(Schema::Object(problem_schema())));
        let problem = ResponseBuilder::new()
            .description("A problem document: what went wrong and what to do.")
            .content(
                problem::MEDIA_TYPE,
                ContentBuilder::new()
                    .schema(Some(utoipa::openapi::Ref::from_schema_name("Problem")))
                    .build(),
            )
            .build();
        for item in api.paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in operations.into_iter().flatten() {
                // The handlers' names repeat themselves; with their tag they are unique, as OpenAPI wants them.
                let tag = operation.tags.iter().flatten().next().map_or("", String::as_str);
                let name = operation.operation_id.as_deref().unwrap_or_default();
                operation.operation_id = Some(format!("{} {name}", tag.to_lowercase()).trim().replace([' ', '-'], "_"));
                let responses = &mut operation.responses.responses;
                responses.insert("default".to_owned(), RefOr::T(problem.clone()));
            }
        }
    }
}

fn problem_schema() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let number = || ObjectBuilder::new().schema_type(Type::Integer).build();
    let error = ObjectBuilder::new()
        .property("field", text())
        .property("message", text())
        .build();
    ObjectBuilder::new()
        .schema_type(SchemaType::from(Type::Object))
        .property("type", text())
        .property("title", text())
        .property("status", number())
        .property("detail", text())
        .property("instance", text())
        .property("code", text())
        .property("requestId", text())
        .property("errors", ArrayBuilder::new().items(error).build())
        .property("step", text())
        .required("type")
        .required("title")
        .required("status")
        .required("detail")
        .required("code")
        .build()
}

/// The whole document.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// The document, made once for each worker.
pub(super) async fn openapi(document: web::Data<utoipa::openapi::OpenApi>) -> HttpResponse {
    HttpResponse::Ok().json(document.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_openapi_3_1_and_every_operation_tells_of_problems() {
        let document = serde_json::to_value(document()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut seen = std::collections::HashSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(
                    operation["responses"]["default"]["content"][problem::MEDIA_TYPE].is_object(),
                    "{method} {path}"
                );
                assert!(
                    seen.insert(operation["operationId"].clone()),
                    "{}",
                    operation["operationId"]
                );
            }
        }
        assert!(document["paths"]["/api/v1/users/{id}"]["patch"].is_object());
        let taken = |path: &str| document["paths"][path]["get"]["responses"]["202"].is_object();
        assert!(taken("/api/v1/users") && !taken("/api/v1/events") && !taken("/api/v1/background/{id}"));
        let can_be_posted = |path: &str| document["paths"][path]["post"]["responses"]["202"].is_object();
        assert!(can_be_posted("/api/v1/groups") && can_be_posted("/api/v1/webhook-subscriptions/{id}/replay"));
        assert!(taken("/api/v1/tokens") && taken("/api/v1/webhook-subscriptions"));
        for shows_a_secret in [
            "tokens",
            "webhook-subscriptions",
            "webhook-subscriptions/{id}/rotate-secret",
        ] {
            assert!(!can_be_posted(&format!("/api/v1/{shows_a_secret}")), "{shows_a_secret}");
        }
        assert!(!taken("/api/v1/webhook-secret") && !can_be_posted("/api/v1/webhook-secret/rotate"));
        assert!(document["components"]["parameters"]["Background"]["name"] == "erp-api-background");
        assert!(document["paths"]["/api/v1/call-apis/{id}/test/response"]["post"].is_object());
    }
}
