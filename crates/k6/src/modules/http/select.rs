//! What a selector of `json()` finds: GJSON's paths, with its modifiers `@keys` and `@values`.

/// The JSON that is found, if there is some.
pub(super) fn select(text: &str, selector: &str) -> Option<String> {
    let Some((before, modifier, after)) = parted(selector) else {
        let found = gjson::get(text, selector);
        return found.exists().then(|| found.json().to_owned());
    };
    let whole =
        if before.is_empty() { text.to_owned() } else { select(text, before).unwrap_or_default() };
    let mut parts: Vec<String> = Vec::new();
    gjson::parse(&whole).each(|name, value| {
        parts.push(match (modifier, name.exists()) {
            ("@keys", true) => name.json().to_owned(),
            // Elements of an array have no names.
            ("@keys", false) => "null".to_owned(),
            _ => value.json().to_owned(),
        });
        true
    });
    let list = format!("[{}]", parts.join(","));
    if after.is_empty() { Some(list) } else { select(&list, after) }
}

/// A path before the first of the modifiers, that modifier, and the path behind it.
fn parted(selector: &str) -> Option<(&str, &'static str, &str)> {
    let found = ["@keys", "@values"].into_iter().filter_map(|modifier| {
        let at = selector.find(modifier)?;
        let (before, after) = (&selector[..at], &selector[at + modifier.len()..]);
        let ends = |text: &str| text.is_empty() || text.ends_with(['.', '|']);
        let begins = |text: &str| text.is_empty() || text.starts_with(['.', '|']);
        // Within queries, literals and lists it is something else.
        let plain = !before.contains(['(', '{', '[', '"', '\\']);
        let whole = plain && ends(before) && begins(after);
        whole.then(|| (at, before.trim_end_matches(['.', '|']), modifier, after))
    });
    let (_, before, modifier, after) = found.min_by_key(|(at, ..)| *at)?;
    Some((before, modifier, after.trim_start_matches(['.', '|'])))
}

#[cfg(test)]
mod tests {
    use super::select;

    #[test]
    fn names_and_values_can_be_asked_for() {
        let text = r#"{"o":{"b":1,"a":[1,2]},"l":[5,6],"@keys":3}"#;
        for (selector, found) in [
            ("@keys", Some(r#"["o","l","@keys"]"#)),
            ("o.@keys", Some(r#"["b","a"]"#)),
            ("o|@keys|0", Some(r#""b""#)),
            ("o.@values", Some("[1,[1,2]]")),
            ("o.@values.1.@reverse", Some("[2,1]")),
            ("o.@keys.#", Some("2")),
            ("l.@keys", Some("[null,null]")),
            ("none.@keys", Some("[]")),
            ("o.b", Some("1")),
        ] {
            assert_eq!(select(text, selector).as_deref(), found, "{selector}");
        }
    }
}
