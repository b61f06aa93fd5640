//! `WWW-Authenticate`, taken apart (RFC 9110 §11.3).

/// One challenge: a scheme and its parameters, or a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    /// What stands behind the scheme without a name, in base64 mostly.
    pub(super) token: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter, unquoted.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.parameters.iter();
        all.find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

/// The challenges in one header value; several may stand there, with the commas that also stand
/// between parameters.
pub(super) fn all(value: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    for item in items(value) {
        let (first, rest) = match item.find([' ', '\t']) {
            Some(end) => (&item[..end], item[end..].trim_start()),
            None => (item, ""),
        };
        let rest = if first.contains('=') || rest.starts_with('=') {
            // A parameter of the challenge before.
            item
        } else {
            challenges.push(Challenge { scheme: first.to_owned(), ..Challenge::default() });
            rest
        };
        let Some(challenge) = challenges.last_mut() else { continue };
        match parameter(rest) {
            Some(parameter) => challenge.parameters.push(parameter),
            None if !rest.is_empty() => rest.clone_into(&mut challenge.token),
            None => {}
        }
    }
    challenges
}

/// What stands between commas outside of quotes.
fn items(value: &str) -> Vec<&str> {
    let (mut items, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in value.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(value[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(value[start..].trim());
    items.retain(|item| !item.is_empty());
    items
}

/// `name=value` or `name="value"`. A token's padding is no value.
fn parameter(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) || value.trim_matches('=').is_empty() {
        return None;
    }
    let Some(inside) = value.strip_prefix('"') else {
        return Some((name.to_owned(), value.to_owned()));
    };
    let mut unquoted = String::new();
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => unquoted.extend(letters.next()),
            letter => unquoted.push(letter),
        }
    }
    Some((name.to_owned(), unquoted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn challenges_and_parameters_share_their_commas() {
        let found = all(
            r#"Digest realm="a, \"b\"", qop="auth,auth-int" , nonce=x,, Basic realm="c=d", NTLM TlRM==, Negotiate"#,
        );
        let schemes: Vec<&str> = found.iter().map(|it| &*it.scheme).collect();
        assert_eq!(schemes, ["Digest", "Basic", "NTLM", "Negotiate"]);
        assert_eq!(found[0].get("REALM"), Some("a, \"b\""));
        assert_eq!(
            (found[0].get("qop"), found[0].get("nonce")),
            (Some("auth,auth-int"), Some("x"))
        );
        assert_eq!((found[1].get("realm"), found[1].get("nonce")), (Some("c=d"), None));
        assert_eq!((&*found[2].token, &*found[3].token), ("TlRM==", ""));
        // Spaces around the sign are bad manners, but understood.
        assert_eq!(all("Digest nonce = \"x\"")[0].get("nonce"), Some("x"));
        assert_eq!(all("Digest a=1, nonce = \"x\"")[0].get("nonce"), Some("x"));
        assert!(all("").is_empty() && all("realm=\"x\"").is_empty());
    }

    proptest! {
        #[test]
        fn no_value_panics_and_what_is_quoted_comes_back(text in "\\PC{0,40}", value in "[ -~]{1,20}") {
            _ = all(&text);
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let found = all(&format!("Digest a=\"{quoted}\", b=c"));
            prop_assert_eq!(found.len(), 1);
            let trivial = format!("\"{quoted}\"").trim_matches('=').is_empty();
            prop_assert!(trivial || found[0].get("a") == Some(&value));
            prop_assert_eq!(found[0].get("b"), Some("c"));
        }
    }
}
