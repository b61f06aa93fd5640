//! Digest authentication (RFC 7616): a challenge and a login make an `Authorization`.

use std::fmt::Write as _;

use http::Method;
use http::header::{HeaderMap, HeaderValue};
use md5::{Digest as _, Md5};
use sha2::{Sha256, Sha512_256};

use crate::auth::challenge::{self, Challenge as Parts};
use crate::auth::{Login, hex, values};
use crate::error::Error;

/// What a server asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    hash: Hash,
    /// Whether the secret is hashed with both sides' numbers (`-sess`).
    session: bool,
    /// The name of the algorithm as the server has it, if it has one.
    algorithm: Option<String>,
    protection: Option<Protection>,
    stale: bool,
    /// Whether the user's name is sent hashed.
    hides_user: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512,
}

/// What the answer vouches for (`qop`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    Request,
    RequestAndBody,
}

impl Challenge {
    /// The first challenge among an answer's headers that is understood here, as the server has
    /// them in order of preference. `None` when there is no Digest among them.
    ///
    /// # Errors
    /// `authentication_failed` when there are only others: an unknown algorithm or `qop`, or no
    /// nonce.
    pub fn find(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let mut refused = None;
        for value in values(headers) {
            for parts in challenge::all(value) {
                if parts.scheme.eq_ignore_ascii_case("Digest") {
                    match Self::read(&parts) {
                        Ok(challenge) => return Ok(Some(challenge)),
                        Err(reason) => refused = refused.or(Some(reason)),
                    }
                }
            }
        }
        refused.map_or(Ok(None), |reason| Err(Error::AuthenticationFailed(reason)))
    }

    /// Whether the answer before was right but for its nonce, which is used up.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    fn read(parts: &Parts) -> Result<Self, String> {
        let text = |name| parts.get(name).map(str::to_owned);
        let algorithm = text("algorithm");
        let named = algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
        let (name, session) = match named.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (&*named, false),
        };
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512,
            _ => return Err(format!("the digest algorithm `{named}` is not known here")),
        };
        let protection = match parts.get("qop") {
            None => None,
            Some(offered) => {
                let has =
                    |wanted| offered.split(',').any(|it| it.trim().eq_ignore_ascii_case(wanted));
                match (has("auth"), has("auth-int")) {
                    (true, _) => Some(Protection::Request),
                    (false, true) => Some(Protection::RequestAndBody),
                    _ => {
                        return Err(format!(
                            "the quality of protection `{offered}` is not known here"
                        ));
                    }
                }
            }
        };
        Ok(Self {
            realm: text("realm").unwrap_or_default(),
            nonce: text("nonce").ok_or("the challenge has no nonce")?,
            opaque: text("opaque"),
            hash,
            session,
            algorithm,
            protection,
            stale: parts.get("stale").is_some_and(|it| it.eq_ignore_ascii_case("true")),
            hides_user: parts.get("userhash").is_some_and(|it| it.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Authorization` for a request to `target` (path and query, as they go on the
    /// wire). `own` is the client's nonce, and `count` says for how many requests the server's has
    /// been used, this one included.
    ///
    /// # Errors
    /// `authentication_failed` for a name, a realm or a target that does not go into a header.
    pub fn answer(
        &self,
        login: &Login,
        method: &Method,
        target: &str,
        body: &[u8],
        own: &str,
        count: u32,
    ) -> Result<HeaderValue, Error> {
        let Login { user, password } = login;
        let Self { realm, nonce, .. } = self;
        let hash = |text: String| self.hash.of(text.as_bytes());
        let mut secret = hash(format!("{user}:{realm}:{password}"));
        if self.session {
            secret = hash(format!("{secret}:{nonce}:{own}"));
        }
        let asked = match self.protection {
            Some(Protection::RequestAndBody) => {
                hash(format!("{method}:{target}:{}", self.hash.of(body)))
            }
            _ => hash(format!("{method}:{target}")),
        };
        let quality = self.protection.map(|protection| match protection {
            Protection::Request => "auth",
            Protection::RequestAndBody => "auth-int",
        });
        let response = match quality {
            Some(quality) => hash(format!("{secret}:{nonce}:{count:08x}:{own}:{quality}:{asked}")),
            None => hash(format!("{secret}:{nonce}:{asked}")),
        };
        let mut text = String::from("Digest ");
        if self.hides_user {
            quoted(&mut text, "username", &hash(format!("{user}:{realm}")));
        } else if user.is_ascii() {
            quoted(&mut text, "username", user);
        } else {
            text.push_str("username*=UTF-8''");
            percent_encode(&mut text, user);
            text.push_str(", ");
        }
        quoted(&mut text, "realm", realm);
        quoted(&mut text, "nonce", nonce);
        quoted(&mut text, "uri", target);
        if let Some(algorithm) = &self.algorithm {
            bare(&mut text, "algorithm", algorithm);
        }
        if let Some(quality) = quality {
            bare(&mut text, "qop", quality);
            bare(&mut text, "nc", &format!("{count:08x}"));
        }
        if quality.is_some() || self.session {
            quoted(&mut text, "cnonce", own);
        }
        if let Some(opaque) = &self.opaque {
            quoted(&mut text, "opaque", opaque);
        }
        if self.hides_user {
            bare(&mut text, "userhash", "true");
        }
        quoted(&mut text, "response", &response);
        HeaderValue::from_bytes(text.trim_end_matches(", ").as_bytes()).map_err(|_| {
            let reason = "the user's name or the challenge does not go into a header";
            Error::AuthenticationFailed(reason.to_owned())
        })
    }
}

impl Hash {
    fn of(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(bytes)),
            Self::Sha256 => hex(&Sha256::digest(bytes)),
            Self::Sha512 => hex(&Sha512_256::digest(bytes)),
        }
    }
}

fn quoted(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str("=\"");
    for letter in value.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push_str("\", ");
}

fn bare(text: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    _ = write!(text, "{name}={value}, ");
}

/// RFC 8187.
fn percent_encode(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::WWW_AUTHENTICATE;

    fn find(values: &[&str]) -> Result<Option<Challenge>, Error> {
        let headers = values
            .iter()
            .map(|value| (WWW_AUTHENTICATE, HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        Challenge::find(&headers.collect())
    }

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.to_owned(), password: password.to_owned() }
    }

    fn parts(value: &HeaderValue) -> Parts {
        let text = std::str::from_utf8(value.as_bytes()).unwrap();
        let mut all = challenge::all(text);
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    #[test]
    fn the_answers_are_those_of_rfc_7616() {
        let (md5, sha256) = ("MD5", "SHA-256");
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let challenge = |algorithm| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let mufasa = login("Mufasa", "Circle of Life");
        for (algorithm, response) in [
            (md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let found = find(&[&challenge(algorithm)]).unwrap().unwrap();
            let answer =
                found.answer(&mufasa, &Method::GET, "/dir/index.html", b"", cnonce, 1).unwrap();
            let said = parts(&answer);
            assert_eq!(said.get("response"), Some(response));
            for (name, value) in [
                ("username", "Mufasa"),
                ("realm", "http-auth@example.org"),
                ("uri", "/dir/index.html"),
                ("algorithm", algorithm),
                ("nonce", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
                ("nc", "00000001"),
                ("cnonce", cnonce),
                ("qop", "auth"),
                ("opaque", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
            ] {
                assert_eq!(said.get(name), Some(value), "{name}");
            }
        }
        // The server's order is its preference.
        let both = [challenge(sha256), challenge(md5)];
        let found = find(&[&both[0], &both[1]]).unwrap().unwrap();
        assert_eq!(found.hash, Hash::Sha256);
        let found = find(&[&challenge("SHA-3"), "Basic realm=x", &both[1]]).unwrap().unwrap();
        assert_eq!(found.hash, Hash::Md5);
    }

    #[test]
    fn the_answer_is_that_of_rfc_2617() {
        let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
            opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let found = find(&[challenge]).unwrap().unwrap();
        let mufasa = login("Mufasa", "Circle Of Life");
        let answer =
            found.answer(&mufasa, &Method::GET, "/dir/index.html", b"", "0a4f113b", 1).unwrap();
        assert_eq!(parts(&answer).get("response"), Some("6629fae49393a05397450978507c4ef1"));
        assert_eq!(parts(&answer).get("algorithm"), None);
    }

    #[test]
    fn names_beyond_ascii_are_encoded_or_hidden() {
        let challenge = |hides: &str| {
            format!(
                "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
                nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", userhash={hides}"
            )
        };
        let jason = login("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
        let answered = |hides| {
            let found = find(&[&challenge(hides)]).unwrap().unwrap();
            let answer = found.answer(&jason, &Method::GET, "/doe.json", b"", "x", 1).unwrap();
            parts(&answer)
        };
        assert_eq!(answered("false").get("username*"), Some("UTF-8''J%C3%A4s%C3%B8n%20Doe"));
        let hidden = answered("true");
        assert_eq!(hidden.get("userhash"), Some("true"));
        // SHA-512/256 of the name and the realm, as OpenSSL has it.
        assert_eq!(
            hidden.get("username"),
            Some("793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b")
        );
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        for (value, reason) in [
            ("Digest realm=\"x\"", "no nonce"),
            ("Digest nonce=\"x\", algorithm=SHA3", "`SHA3` is not known"),
            ("Digest nonce=\"x\", qop=\"auth-conf\"", "`auth-conf` is not known"),
        ] {
            let error = find(&[value]).unwrap_err();
            assert_eq!(error.code(), "authentication_failed");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(find(&["Basic realm=\"x\""]).unwrap(), None);
        let found = find(&["Digest nonce=\"x\""]).unwrap().unwrap();
        let wrong = login("a\r\nb", "");
        assert!(found.answer(&wrong, &Method::GET, "/", b"", "", 1).is_err());
    }
}
