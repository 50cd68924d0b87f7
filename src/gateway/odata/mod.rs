//! OData 4 under `/OData`: what its paths lead to. The model, the options and how things are written are in `domain/odata`; what is read
//! and changed, in the engine.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Payload, ServiceConfig},
};

use super::{background::links, etag::IfMatch, problem::ODATA_VERSION, roots::ODATA};
use crate::{
    domain::{
        odata::{self, Asked, EntitySet, Nothing, Options, Resource},
        validate::FieldError,
    },
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
};

mod change;
mod format;
mod read;

use format::Format;

/// What is under the root.
pub(super) const RESOURCES: &[fn(&mut ServiceConfig)] = &[routes];

fn routes(config: &mut ServiceConfig) {
    // Paths of OData have keys in parentheses, with anything in them: they are read as a whole.
    for path in ["", "/{path:.*}"] {
        config.service(web::resource(path).to(handle));
    }
}

/// A request, taken apart.
struct Asking<'a> {
    engine: &'a Engine,
    caller: &'a Caller,
    request: &'a HttpRequest,
    resource: Resource,
    /// The path below the root, as it was written.
    path: String,
}

async fn handle(
    caller: Caller,
    engine: Data<Engine>,
    request: HttpRequest,
    if_match: IfMatch,
    payload: Payload,
) -> Result<HttpResponse> {
    let path = request.match_info().get("path").unwrap_or_default().to_owned();
    if let Some((what, instead)) = odata::unsupported(&path) {
        let message = format!("{what} is not supported by this service: {instead}.");
        return Err(Error::new(Code::NotImplemented, message));
    }
    let resource = odata::parse_path(&path)
        .map_err(|Nothing(why)| Error::new(Code::NotFound, format!("There is nothing here: {why}.")))?;
    let asking = Asking {
        engine: engine.as_ref(),
        caller: &caller,
        request: &request,
        resource,
        path,
    };
    let mut response = match *request.method() {
        Method::GET => asking.read().await,
        Method::POST => asking.post(payload.into_inner()).await,
        Method::PATCH => asking.patch(payload.into_inner(), if_match.0).await,
        Method::DELETE => asking.delete(if_match.0).await,
        _ => Err(not_allowed("entities are changed with POST, PATCH and DELETE")),
    }?;
    super::headers::set(response.headers_mut(), ODATA_VERSION, "4.0");
    Ok(response)
}

impl Asking<'_> {
    /// Where links begin: the root of the service.
    fn root(&self) -> String {
        let mount = self.request.path().split(ODATA.path).next().unwrap_or_default();
        format!("{}{}", links::base_url(self.engine, self.request, mount), ODATA.path)
    }

    fn options(&self, set: EntitySet, asked: Asked) -> Result<Options> {
        odata::parse(set, asked, self.request.query_string()).map_err(|refused| {
            let message = refused.to_string();
            Error::new(Code::BadRequest, message).with_fields(vec![FieldError::new(refused.option, refused.message)])
        })
    }

    fn format(&self, options: &Options) -> Result<Format> {
        Format::of(self.request, options.format.as_deref())
    }
}

/// 405.
fn not_allowed(why: &str) -> Error {
    Error::new(Code::MethodNotAllowed, format!("This is not possible here: {why}."))
}
