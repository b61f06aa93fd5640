//! Which ids, names and capabilities are acceptable.

use http::StatusCode;

use crate::problem::Problem;

/// Most capabilities a user may hold.
const CAPABILITIES: usize = 256;

/// An id: 1 to 128 letters, digits and `. _ @ -`, starting with a letter or digit.
pub(super) fn id(place: &str, id: &str) -> Result<(), Problem> {
    let mut letters = id.bytes();
    let first = letters.next().is_some_and(|letter| letter.is_ascii_alphanumeric());
    let rest = letters.all(|letter| letter.is_ascii_alphanumeric() || b"._@-".contains(&letter));
    if first && rest && id.len() <= 128 {
        return Ok(());
    }
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_id",
        "an id is 1 to 128 letters, digits and `. _ @ -`, starting with a letter or digit",
    );
    Err(if place.is_empty() { problem } else { problem.pointer(place) })
}

/// A name or a reason that people read: up to 256 characters, none of them control characters, not blank.
pub(super) fn name(place: &str, name: &str) -> Result<(), Problem> {
    let fits = name.chars().count() <= 256 && !name.chars().any(char::is_control);
    if fits && !name.trim().is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(place, "it has 1 to 256 characters, none of them a control character"))
    }
}

/// An e-mail address, loosely: something on both sides of one `@`, and no blanks.
pub(super) fn email(place: &str, email: &str) -> Result<(), Problem> {
    let whole = email.len() <= 254
        && !email.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    match email.split_once('@') {
        Some((user, host))
            if whole && !user.is_empty() && !host.is_empty() && !host.contains('@') =>
        {
            Ok(())
        }
        _ => Err(Problem::invalid(place, "this is not an e-mail address")),
    }
}

/// Capabilities: `*` or `noun:verb`, each once.
pub(super) fn capabilities(place: &str, capabilities: &[String]) -> Result<(), Problem> {
    if capabilities.len() > CAPABILITIES {
        let detail = format!("there are more than {CAPABILITIES} capabilities");
        return Err(Problem::invalid(place, detail));
    }
    for (index, one) in capabilities.iter().enumerate() {
        let place = format!("{place}/{index}");
        let word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|letter| letter.is_ascii_alphanumeric() || b"._-".contains(&letter))
        };
        let sound =
            one == "*" || one.split_once(':').is_some_and(|(noun, verb)| word(noun) && word(verb));
        if !sound || one.len() > 128 {
            return Err(Problem::invalid(place, "a capability is `*` or `noun:verb`"));
        }
        if capabilities[..index].contains(one) {
            return Err(Problem::invalid(place, "this capability is there twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for good in ["a", "acme-1", "ada@acme.example", "A.b_c"] {
            assert!(id("", good).is_ok(), "{good}");
        }
        for wrong in ["", "-a", "../a", "a/b", "a b", "é", "a\0", &"a".repeat(129)] {
            assert!(id("", wrong).is_err(), "{wrong}");
        }
        assert!(name("", "Ada Lovelace").is_ok());
        for wrong in ["", "  ", "a\nb"] {
            assert!(name("", wrong).is_err(), "{wrong}");
        }
        assert!(email("", "ada@acme.example").is_ok());
        for wrong in ["", "ada", "@", "a@b@c", "a b@c"] {
            assert!(email("", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn capabilities_are_noun_and_verb() {
        let check = |list: &[&str]| {
            capabilities("/c", &list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())
        };
        assert!(check(&[]).is_ok());
        assert!(check(&["*", "memory:write", "policy:read"]).is_ok());
        assert_eq!(check(&["ok:yes", "no"]).unwrap_err().pointer.as_deref(), Some("/c/1"));
        assert!(check(&["a:b", "a:b"]).is_err());
        assert!(check(&["a:b:c"]).is_err());
    }
}
