//! A virtual user's session: its client, its cookies, and redirects followed as browsers do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HOST, HeaderName, LOCATION, PROXY_AUTHORIZATION, REFERER,
};
use http::{HeaderValue, Method};

use crate::client::{Client, Keep, Options, Prepared, Request, Response};
use crate::connection::Order;
use crate::cookies::Jar;
use crate::dial::Limit;
use crate::error::{Error, Failure};
use crate::headers::Headers;
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

impl Follow {
    /// No redirects and no cookies: one request and its answer.
    pub const NOTHING: Self = Self { redirects: 0, cookies: false };
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
        if *follow == Follow::NOTHING {
            return self.client.send(origin, request).await;
        }
        let limit = request.timeout.unwrap_or(self.request_timeout);
        let limit = Limit::new(self.clock.now(), limit);
        self.onwards(origin, request, follow, hop, limit, None).await
    }

    /// As [`Session::fetch`], with a request that was written out before: as fast as
    /// [`Client::repeat`] when it was prepared with [`Keep::Leads`] or [`Keep::Everything`] and no
    /// cookie goes with it.
    ///
    /// # Errors
    /// As [`Session::fetch`].
    pub async fn repeat(
        &mut self,
        origin: &Url,
        prepared: &Prepared,
        follow: &Follow,
        hop: &mut impl FnMut(&Url, &Response),
    ) -> Result<Response, Failure> {
        let request = prepared.request();
        let blind = request.keep == Keep::Failures && *follow != Follow::NOTHING;
        if blind || (follow.cookies && self.jar.header(origin, &request.target).is_some()) {
            return Box::pin(self.fetch(origin, request.clone(), follow, hop)).await;
        }
        let response = self.client.repeat(origin, prepared).await?;
        if follow.redirects == 0 || location(&response).is_none() {
            if follow.cookies {
                self.jar.store(origin, &request.target, &response.headers);
            }
            return Ok(trimmed(response, request.keep));
        }
        let limit = request.timeout.unwrap_or(self.request_timeout);
        let spent = Duration::from_nanos(response.timings.total());
        let left = Limit::new(self.clock.now(), limit.saturating_sub(spent));
        let limit = Limit { after: limit, ..left };
        // Large while it runs, and who waits here is to be small.
        Box::pin(self.onwards(origin, request.clone(), follow, hop, limit, Some(response))).await
    }

    /// Follows `request` to its end; `answered` is the first hop's answer, if there is one already.
    async fn onwards(
        &mut self,
        origin: &Url,
        mut request: Request,
        follow: &Follow,
        hop: &mut impl FnMut(&Url, &Response),
        limit: Limit,
        mut answered: Option<Response>,
    ) -> Result<Response, Failure> {
        let keep = request.keep;
        if keep == Keep::Failures {
            request.keep = Keep::Leads;
        }
        let mut origin = origin.clone();
        let mut followed = 0;
        loop {
            let response = match answered.take() {
                Some(response) => response,
                None => self.ask(&origin, &mut request, follow, limit).await?,
            };
            if follow.cookies {
                self.jar.store(&origin, &request.target, &response.headers);
            }
            let location = location(&response).filter(|_| follow.redirects > 0);
            let Some(location) = location else { return Ok(trimmed(response, keep)) };
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

    /// One hop, with the cookies that go there.
    async fn ask(
        &mut self,
        origin: &Url,
        request: &mut Request,
        follow: &Follow,
        limit: Limit,
    ) -> Result<Response, Failure> {
        request.timeout = match limit.deadline {
            Some(deadline) => Some(deadline.saturating_duration_since(self.clock.now())),
            None => Some(limit.after),
        };
        let cookies = match follow.cookies {
            true => self.jar.header(origin, &request.target),
            false => None,
        };
        let result = match cookies {
            None => self.client.call(origin, Order::Request(request)).await,
            Some((name, value)) => {
                let mut sent = request.clone();
                add_cookies(&mut sent, name, value);
                self.client.call(origin, Order::Request(&sent)).await
            }
        };
        result.map_err(|mut failure| {
            if let Error::Timeout { after } = &mut failure.error {
                *after = limit.after;
            }
            failure
        })
    }
}

fn add_cookies(request: &mut Request, name: HeaderName, value: HeaderValue) {
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

/// The answer without what its request did not want kept.
fn trimmed(mut response: Response, keep: Keep) -> Response {
    if keep == Keep::Failures && response.status < 400 {
        response.headers = Headers::default();
        response.body = Bytes::new();
    }
    response
}

/// Where a redirect leads, if this is one.
fn location(response: &Response) -> Option<HeaderValue> {
    matches!(response.status, 301 | 302 | 303 | 307 | 308)
        .then(|| response.headers.get(LOCATION).cloned())
        .flatten()
}

/// Where `response`, which came for `target` at `origin`, says to go on; `None` unless it is a
/// redirect with a `Location`.
///
/// # Errors
/// `invalid_redirect`.
pub fn leads_to(origin: &Url, target: &str, response: &Response) -> Result<Option<Url>, Error> {
    let location = location(response);
    location.map(|it| reference::resolve(origin, target, it.as_bytes())).transpose()
}

/// Turns `request`, answered at `origin` with a redirect of this status, into the one that goes on
/// to `next`: see [`Session::fetch`] for what changes.
pub fn redirect(request: &mut Request, status: u16, origin: &Url, next: &Url) {
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
    Failure { error, timings, bytes_sent, bytes_received, peer: response.peer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_depends_on_status_and_origin() {
        let secure = Url::parse("https://a/").unwrap();
        let all = [CONTENT_TYPE, AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST, REFERER];
        let sent = |method: Method, status, next: &str| {
            let mut request = Request::new(method, "/old");
            request.headers =
                all.iter().map(|name| (name.clone(), HeaderValue::from_static("x"))).collect();
            request.body = Bytes::from_static(b"body");
            redirect(&mut request, status, &secure, &Url::parse(next).unwrap());
            assert_eq!(request.target, "/new?q");
            let names: Vec<_> = request.headers.iter().map(|(name, _)| name.clone()).collect();
            (request.method, names, request.body.len())
        };
        let same = "https://A:443/new?q";
        assert_eq!(sent(Method::POST, 307, same), (Method::POST, all.to_vec(), 4));
        assert_eq!(sent(Method::PUT, 302, same), (Method::GET, all[1..].to_vec(), 0));
        assert_eq!(sent(Method::HEAD, 303, same), (Method::HEAD, all.to_vec(), 4));
        let here = [CONTENT_TYPE, REFERER];
        assert_eq!(sent(Method::PATCH, 308, "https://b/new?q"), (Method::PATCH, here.to_vec(), 4));
        assert_eq!(
            sent(Method::PATCH, 308, "https://a:1/new?q"),
            (Method::PATCH, here.to_vec(), 4)
        );
        // Down to plain HTTP not even the page that led there is told.
        assert_eq!(
            sent(Method::POST, 308, "http://a/new?q"),
            (Method::POST, vec![CONTENT_TYPE], 4)
        );
        assert_eq!(sent(Method::POST, 301, "http://a/new?q"), (Method::GET, vec![], 0));
    }
}
