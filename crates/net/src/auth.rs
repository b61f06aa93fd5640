//! Authentication that answers a challenge: Digest and NTLM.
//!
//! [`digest`] and [`ntlm`] turn a challenge and credentials into a header, and do nothing else.
//! [`send`] is the whole conversation.

use std::fmt;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::client::{Request, Response};
use crate::dial::Limit;
use crate::error::{Error, Failure};
use crate::pool::Pool;
use crate::url::Url;

pub mod digest;
pub mod ntlm;

mod challenge;

/// A way to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 7616.
    Digest,
    /// MS-NLMP over HTTP (RFC 4559), of the connection.
    Ntlm,
}

/// Who wants in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name; for NTLM it may be `DOMAIN\name`.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Sends `request`, and once more with what the server's challenge asks for, each time on the same
/// connection while it lasts. `told` hears of each answer but the last one; the request's time
/// limit is for all together. An `Authorization` of the request's own is not sent.
///
/// The last answer may well be another 401: the server does not want this login, or asks for
/// another scheme.
///
/// # Errors
/// Besides a request's own: `authentication_failed` for a challenge that cannot be answered, and
/// for NTLM when the connection ends before it is authenticated.
pub async fn send(
    pool: &Pool,
    origin: &Url,
    request: &Request,
    scheme: Scheme,
    login: &Login,
    told: &mut impl FnMut(&Response),
) -> Result<Response, Failure> {
    let mut talk = Talk::new(pool, origin, request);
    let result = match scheme {
        Scheme::Digest => talk.digest(login, told).await,
        Scheme::Ntlm => talk.ntlm(login, told).await,
    };
    pool.put_back(talk.held);
    result
}

/// Exchanges that follow each other on one connection.
struct Talk<'t> {
    pool: &'t Pool,
    origin: &'t Url,
    request: Request,
    limit: Limit,
    held: Option<crate::connection::Connection>,
}

impl<'t> Talk<'t> {
    fn new(pool: &'t Pool, origin: &'t Url, request: &Request) -> Self {
        let options = pool.options();
        let limit = request.timeout.unwrap_or(options.request_timeout);
        let limit = Limit::new(options.clock.now(), limit);
        let mut request = request.clone();
        request.headers.retain(|(name, _)| name != AUTHORIZATION);
        Self { pool, origin, request, limit, held: None }
    }

    /// The request with this `Authorization`, without one if there is none.
    async fn ask(&mut self, authorization: Option<HeaderValue>) -> Result<Response, Failure> {
        let mut request = self.request.clone();
        request.headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        if let Some(deadline) = self.limit.deadline {
            let now = self.pool.options().clock.now();
            request.timeout = Some(deadline.saturating_duration_since(now));
        }
        let result = self.pool.go_on(&mut self.held, self.origin, &request).await;
        result.map_err(|mut failure| {
            if let Error::Timeout { after } = &mut failure.error {
                *after = self.limit.after;
            }
            failure
        })
    }

    async fn digest(
        &mut self,
        login: &Login,
        told: &mut impl FnMut(&Response),
    ) -> Result<Response, Failure> {
        let mut response = self.ask(None).await?;
        // The second time only for a number that was used up.
        for again in [false, true] {
            if response.status != 401 {
                break;
            }
            let challenge = match digest::Challenge::find(&response.headers) {
                Ok(Some(challenge)) if !again || challenge.is_stale() => challenge,
                Ok(_) => break,
                Err(error) => return Err(failed(error, &response)),
            };
            let Request { method, target, body, .. } = &self.request;
            let answer = challenge
                .answer(login, method, target, body, &nonce(), 1)
                .map_err(|error| failed(error, &response))?;
            told(&response);
            response = self.ask(Some(answer)).await?;
        }
        Ok(response)
    }

    async fn ntlm(
        &mut self,
        login: &Login,
        told: &mut impl FnMut(&Response),
    ) -> Result<Response, Failure> {
        let response = self.ask(None).await?;
        let Some(scheme) = ntlm_of(&response) else { return Ok(response) };
        told(&response);
        let negotiate = ntlm::negotiate();
        let response = self.ask(Some(ntlm::header(scheme, &negotiate))).await?;
        let challenge = ntlm::Challenge::find(&response.headers, scheme);
        let challenge = match challenge {
            Ok(Some(challenge)) if response.status == 401 => challenge,
            Ok(_) => return Ok(response),
            Err(error) => return Err(failed(error, &response)),
        };
        if self.held.is_none() {
            return Err(failed(cut_off(), &response));
        }
        let mut random = [0; 8];
        seaworthy_base::chance::fill_secret(&mut random);
        let now = self.pool.options().clock.wall();
        let answer = challenge.answer(login, &negotiate, random, now);
        told(&response);
        let response = self.ask(Some(ntlm::header(scheme, &answer))).await?;
        if response.connected {
            return Err(failed(cut_off(), &response));
        }
        Ok(response)
    }
}

fn cut_off() -> Error {
    let reason = "the server closed the connection that was being authenticated";
    Error::AuthenticationFailed(reason.to_owned())
}

/// What NTLM goes by in this answer, if it is asked for.
fn ntlm_of(response: &Response) -> Option<&'static str> {
    if response.status != 401 {
        return None;
    }
    let asked = |wanted: &&&str| {
        values(&response.headers).any(|value| {
            challenge::all(value).iter().any(|it| it.scheme.eq_ignore_ascii_case(wanted))
        })
    };
    ["NTLM", "Negotiate"].iter().find(asked).copied()
}

fn values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// A number that nobody has used before.
fn nonce() -> String {
    let mut bytes = [0; 16];
    seaworthy_base::chance::fill_secret(&mut bytes);
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn failed(error: Error, response: &Response) -> Failure {
    let Response { timings, bytes_sent, bytes_received, peer, .. } = *response;
    Failure { error, timings, bytes_sent, bytes_received, peer }
}
