//! Paths of the integration API: each with and without a slash at its end, and the ids in them.

use std::str::FromStr;

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};

use crate::{
    domain::ids::ConnectionId,
    engine::Engine,
    error::{Code, Error, Result},
    gateway::{background::links, roots::Root},
};

/// The path of a resource, with and without a slash at its end.
pub(super) fn either(path: &str) -> [String; 2] {
    [path.to_owned(), format!("{path}/")]
}

/// A connection's id, and that of something of it: `{connection}` and `{id}` in the path.
#[derive(Debug)]
pub(in crate::gateway) struct Ids<T>(pub(super) ConnectionId, pub(super) T);

impl<T: FromStr> FromRequest for Ids<T> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let ids = id(request, "connection").and_then(|connection| Ok(Self(connection, id(request, "id")?)));
        std::future::ready(ids)
    }
}

/// A connection's id, and the name of something of it, the two parts of the path.
#[derive(Debug)]
pub(in crate::gateway) struct Named(pub(super) ConnectionId, pub(super) String);

impl FromRequest for Named {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Takes the name's last encoded characters out, too, which the router leaves as they are.
        let parts = web::Path::<(String, String)>::from_request(request, payload).into_inner();
        let found = parts.map_err(|error| {
            Error::new(Code::NotFound, "The name in the path cannot be read.").with_source(error.to_string())
        });
        std::future::ready(found.and_then(|parts| Ok(Self(id(request, "connection")?, parts.into_inner().1))))
    }
}

/// An id in the path. What is not an id is a thing that does not exist.
pub(super) fn id<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T> {
    let text = request.match_info().get(name).unwrap_or_default();
    T::from_str(text).map_err(|_| {
        Error::new(
            Code::NotFound,
            format!("There is nothing with the id {text:?}: ids are UUIDs."),
        )
    })
}

/// The request's own path, as its caller writes it, without a slash at the end: for links.
pub(super) fn own_url(engine: &Engine, request: &HttpRequest) -> String {
    let path = request.path().trim_end_matches('/');
    let root = request.app_data::<Root>().map_or("/", |root| root.path);
    let mount = path.find(root).and_then(|at| path.get(..at)).unwrap_or_default();
    let rest = path.get(mount.len()..).unwrap_or_default();
    format!("{}{rest}", links::base_url(engine, request, mount))
}
