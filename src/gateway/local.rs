//! The engine's own resources as they are called from within, for requests that are executed in the background: the same routes
//! under the same outer layer, without a socket. Who asks is told by whoever calls, never by a header, and is not counted
//! against a rate; nothing is taken for the background again, and no idempotency key is looked at: that was done at acceptance.

use std::rc::Rc;

use actix_http::{HttpMessage, Payload, Request, error::PayloadError};
use actix_web::{
    App,
    body::{BodySize, BoxBody, MessageBody},
    dev::{HttpServiceFactory, Service, ServiceResponse},
    http::{
        Uri,
        header::{HeaderName, HeaderValue},
    },
    middleware::from_fn,
    test,
    web::{self, ServiceConfig},
};
use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::LocalBoxFuture,
    stream::{self, poll_fn},
};

use super::{
    RESOURCES, connections, nothing_here, odata, outer,
    problem::{self, Place},
    request_id::RequestId,
    roots::{INTEGRATION, ODATA, Root, V1},
    whole,
};
use crate::{
    actors::background::own::{Answer, AnswerBody, OwnRequest, OwnResources},
    engine::Engine,
    error::{Code, Error},
    http::StreamBody,
};

/// Makes the service, on the thread where it will be called.
pub(crate) async fn own_resources(engine: Engine) -> Rc<dyn OwnResources> {
    let mut app = App::new().service(scope(&engine, V1, RESOURCES));
    for root in INTEGRATION {
        app = app.service(scope(&engine, root, connections::RESOURCES));
    }
    app = app.service(scope(&engine, ODATA, odata::RESOURCES));
    // Made for tests, and exactly this: an app's service without a server.
    let service = test::init_service(app).await;
    Rc::new(Local(Rc::new(service)))
}

fn scope(engine: &Engine, root: Root, resources: &[fn(&mut ServiceConfig)]) -> impl HttpServiceFactory + use<> {
    let mut scope = web::scope(root.path)
        .app_data(web::Data::new(engine.clone()))
        .app_data(root);
    for routes in resources {
        scope = scope.configure(routes);
    }
    // A cancel drops the call: what it changes is to have its consequences all the same.
    scope
        .default_service(web::to(nothing_here))
        .wrap(from_fn(whole::whole))
        .wrap(from_fn(outer::outer))
}

struct Local<S>(Rc<S>);

impl<S> OwnResources for Local<S>
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + 'static,
{
    fn call(&self, request: OwnRequest) -> LocalBoxFuture<'static, Answer> {
        let service = self.0.clone();
        async move {
            let target = request.target.clone();
            let request_id = request.caller.request_id.clone().unwrap_or_default();
            let request = match inbound(request) {
                Ok(request) => request,
                Err(error) => return refusal(&target, request_id, &error),
            };
            match service.call(request).await {
                Ok(response) => answer(response.into_parts().1),
                Err(error) => answer(error.error_response()),
            }
        }
        .boxed_local()
    }

    fn refuse(&self, target: &str, request_id: String, error: &Error) -> Answer {
        refusal(target, request_id, error)
    }
}

fn refusal(target: &str, request_id: String, error: &Error) -> Answer {
    let path = target.split('?').next();
    let place = Place {
        instance: path.map(str::to_owned),
        request_id: Some(request_id),
        form: path.map(|path| Root::of(path).form).unwrap_or_default(),
    };
    answer(problem::render(error, &place))
}

fn inbound(request: OwnRequest) -> Result<Request, Error> {
    let OwnRequest {
        method,
        target,
        headers,
        body,
        caller,
    } = request;
    let uri = Uri::try_from(target).map_err(|error| {
        Error::new(Code::BadRequest, "The path of this request is none that can be read.").with_source(error)
    })?;
    let mut inbound = Request::with_payload(payload(body));
    let head = inbound.head_mut();
    head.uri = uri;
    head.method = method;
    for (name, value) in headers {
        head.headers_mut().append(name, value);
    }
    if let Some(id) = &caller.request_id {
        inbound.extensions_mut().insert(RequestId(id.clone()));
    }
    inbound.extensions_mut().insert(caller);
    Ok(inbound)
}

fn payload(body: StreamBody) -> Payload {
    match body {
        StreamBody::None => Payload::None,
        StreamBody::Bytes(bytes) => Payload::Stream {
            payload: Box::pin(stream::iter([Ok(bytes)])),
        },
        StreamBody::Stream { stream, .. } => Payload::Stream {
            payload: Box::pin(
                stream.map(|part| part.map_err(|error| PayloadError::Io(std::io::Error::other(error.to_string())))),
            ),
        },
    }
}

fn answer(response: actix_web::HttpResponse<BoxBody>) -> Answer {
    let (head, body) = response.into_parts();
    let headers = head.headers().iter();
    let headers: Vec<(HeaderName, HeaderValue)> = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
    let status = head.status().as_u16();
    let body = match body.size() {
        BodySize::None | BodySize::Sized(0) => AnswerBody::Bytes(Bytes::new()),
        _ => match body.try_into_bytes() {
            Ok(bytes) => AnswerBody::Bytes(bytes),
            Err(mut body) => {
                let parts = poll_fn(move |context| std::pin::Pin::new(&mut body).poll_next(context));
                let parts = parts.map(|part| part.map_err(|error| Error::internal(error.to_string())));
                AnswerBody::Stream(parts.boxed_local())
            }
        },
    };
    Answer { status, headers, body }
}
