//! A virtual user's session: its client, its cookies, and redirects followed as browsers do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HOST, HeaderName, LOCATION, PROXY_AUTHORIZATION, REFERER,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::client::{Client, Keep, Options, Request, Response};
use crate::cookies::Jar;
use crate::error::{Error, Failure};
use crate::timings::Timings;
use crate::url::{Scheme, Url};

mod reference;

/// One user's connections and cookies.
#[derive(Debug)]
pub struct Session {
    client: Client,
    jar: Jar,
    request_timeout: Duration,
    clock: seaworthy_base::Clock,
}

/// What a fetch does beyond one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    /// How many redirects are followed; with 0 the first one is handed back as the answer.
    pub redirects: u8,
    /// Whether cookies are kept and sent.
    pub cookies: bool,
}

impl Default for Follow {
    /// Ten redirects, with cookies.
    fn default() -> Self {
        Self { redirects: 10, cookies: true }
    }
}

impl Session {
    /// A session without connections and cookies.
    pub fn new(options: impl Into<Arc<Options>>) -> Self {
        let options = options.into();
        Self {
            jar: Jar::new(options.clock.clone()),
            request_timeout: options.request_timeout,
            clock: options.clock.clone(),
            client: Client::new(options),
        }
    }

    /// The client, for requests that need neither cookies nor redirects.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The cookies.
    pub fn jar_mut(&mut self) -> &mut Jar {
        &mut self.jar
    }

    /// Forgets the cookies; connections stay.
    pub fn clear(&mut self) {
        self.jar.clear();
    }

    /// Closes the kept connections; cookies stay.
    pub fn close(&mut self) {
        self.client.close();
    }

    /// Sends `request` to `origin` and follows where the answer leads; `hop` is told of each answer
    /// that was followed, with the URL it came from. The answer, and the failure, are the last
    /// hop's. The request's time limit is for all hops together.
    ///
    /// 301, 302 and 303 are followed with `GET` (`HEAD` stays) and without the body, 307 and 308
    /// with method and body. On the way to another origin `Authorization`, `Proxy-Authorization`,
    /// `Host` and the request's own `Cookie` are left behind, from `https` to `http` `Referer` too.
    /// A redirect without `Location` is an answer.
    ///
    /// # Errors
    /// Besides a request's own: `too_many_redirects`, also for circles, and `invalid_redirect`.
    pub async fn fetch(
        &mut self,
        origin: &Url,
        request: Request,
        follow: &Follow,
        hop: &mut impl FnMut(&Url, &Response),
    ) -> Result<Response, Failure> {
        if follow.redirects == 0 && !follow.cookies {
            return self.client.send(origin, request).await;
        }
        let limit = request.timeout.unwrap_or(self.request_timeout);
        let deadline = self.clock.now().checked_add(limit);
        let keep = request.keep;
        let (mut origin, mut request) = (origin.clone(), request);
        let mut followed = 0;
        loop {
            // What a redirect or a cookie says stands in headers of answers that did not fail.
            let mut sent = Request { keep: Keep::Everything, ..request.clone() };
            if let Some(deadline) = deadline {
                sent.timeout = Some(deadline.saturating_duration_since(self.clock.now()));
            }
            if follow.cookies {
                self.add_cookies(&origin, &mut sent);
            }
            let mut response = self.client.send(&origin, sent).await.map_err(|mut failure| {
                if let Error::Timeout { after } = &mut failure.error {
                    *after = limit;
                }
                failure
            })?;
            if follow.cookies {
                self.jar.store(&origin, &request.target, &response.headers);
            }
            let location = location(&response).filter(|_| follow.redirects > 0);
            let Some(location) = location else {
                if keep == Keep::Failures && response.status < 400 {
                    response.headers = HeaderMap::new();
                    response.body = Bytes::new();
                }
                return Ok(response);
            };
            if followed == follow.redirects {
                let error = Error::TooManyRedirects { limit: follow.redirects };
                return Err(failed(error, &response));
            }
            let next = match reference::resolve(&origin, &request.target, location.as_bytes()) {
                Ok(next) => next,
                Err(error) => return Err(failed(error, &response)),
            };
            let from = reference::whole(&origin, &request.target);
            hop(from.as_ref().unwrap_or(&origin), &response);
            followed += 1;
            redirect(&mut request, response.status, &origin, &next);
            origin = next;
        }
    }

    fn add_cookies(&mut self, origin: &Url, request: &mut Request) {
        let Some((name, value)) = self.jar.header(origin, &request.target) else { return };
        // There is one `Cookie` header (RFC 6265bis §5.8.1); the request's own come first.
        let own = request.headers.iter_mut().find(|(name, _)| name == COOKIE);
        match own {
            None => request.headers.push((name, value)),
            Some((_, own)) => {
                let joined = [own.as_bytes(), b"; ", value.as_bytes()].concat();
                // Two values with `; ` between them are a value.
                if let Ok(joined) = HeaderValue::from_bytes(&joined) {
                    *own = joined;
                }
            }
        }
    }
}

/// Where a redirect leads, if this is one.
fn location(response: &Response) -> Option<HeaderValue> {
    matches!(response.status, 301 | 302 | 303 | 307 | 308)
        .then(|| response.headers.get(LOCATION).cloned())
        .flatten()
}

/// What of the request goes on from `origin` to `next`.
fn redirect(request: &mut Request, status: u16, origin: &Url, next: &Url) {
    const OF_THE_BODY: [HeaderName; 4] =
        [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION];
    const OF_THE_ORIGIN: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST];
    if matches!(status, 301..=303) && request.method != Method::HEAD {
        if request.method != Method::GET {
            request.headers.retain(|(name, _)| !OF_THE_BODY.contains(name));
        }
        request.method = Method::GET;
        request.body = Bytes::new();
    }
    if !origin.same_origin(next) {
        request.headers.retain(|(name, _)| !OF_THE_ORIGIN.contains(name));
    }
    if origin.scheme() == Scheme::Https && next.scheme() == Scheme::Http {
        request.headers.retain(|(name, _)| name != REFERER);
    }
    next.base().clone_into(&mut request.target);
}

fn failed(error: Error, response: &Response) -> Failure {
    let timings: Timings = response.timings;
    let (bytes_sent, bytes_received) = (response.bytes_sent, response.bytes_received);
    Failure { error, timings, bytes_sent, bytes_received }
}
