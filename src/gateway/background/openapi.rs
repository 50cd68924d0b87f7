//! The header `erp-api-background` in the OpenAPI document: every operation that can be had in the background says so.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder,
        path::{ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

use super::intercept::direct;
use crate::{
    domain::background::header,
    gateway::{
        dto::background::AcceptedAnswer,
        roots::{Root, V1},
    },
};

/// Name of the parameter and of the answer among the components.
const COMPONENT: &str = "Background";
/// Where the own resources are.
const OWN: &str = "/api/v1/";

/// Adds the header and the answer 202 to all operations whose requests are taken.
pub(in crate::gateway) fn describe(api: &mut OpenApi) {
    let components = api.components.get_or_insert_default();
    let parameter = ParameterBuilder::new()
        .name(header::NAME)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Has the request executed in the background. `none`: nobody is told of its end. An http(s) URL: its end is told \
             there. `subscription` or `subscription:name=value,...`: it is told to the tenant's webhook subscriptions, the \
             pairs as headers.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build();
    components.parameters.insert(COMPONENT.to_owned(), RefOr::T(parameter));
    let name = AcceptedAnswer::name();
    components.schemas.insert(name.to_string(), AcceptedAnswer::schema());
    let schema = Ref::from_schema_name(name);
    let response = ResponseBuilder::new()
        .description("Taken: it is executed in the background. Only with the header erp-api-background.")
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
        .build();
    components.responses.insert(COMPONENT.to_owned(), RefOr::T(response));
    for (path, item) in &mut api.paths.paths {
        let operations = [
            ("GET", &mut item.get),
            ("PUT", &mut item.put),
            ("POST", &mut item.post),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        let below = path.strip_prefix(OWN);
        let of_integrations = Root::of(path) != V1;
        let taken = |method: &str| of_integrations || below.is_some_and(|path| direct(method, path).is_none());
        let operations = operations.into_iter().filter(|(method, _)| taken(method));
        for operation in operations.filter_map(|(_, operation)| operation.as_mut()) {
            let parameter = Ref::new(format!("#/components/parameters/{COMPONENT}"));
            let parameters = operation.parameters.get_or_insert_default();
            parameters.push(RefOr::Ref(parameter));
            let response = Ref::new(format!("#/components/responses/{COMPONENT}"));
            let responses = &mut operation.responses.responses;
            responses.entry("202".to_owned()).or_insert(RefOr::Ref(response));
        }
    }
}
