//! The environment: what options are read from, and what a script sees of it as `__ENV`.

use std::collections::BTreeMap;

use super::stop::Stop;
use crate::exit::Exit;

/// All variables that are text.
pub(super) fn system() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// `__ENV`: the system's variables, if they are wanted, and then those that were typed.
pub(super) fn of_script(
    system: &BTreeMap<String, String>,
    wanted: bool,
    typed: &[String],
) -> Result<BTreeMap<String, String>, Stop> {
    let mut variables = if wanted { system.clone() } else { BTreeMap::new() };
    for text in typed {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if name.is_empty()
            || name.starts_with(|it: char| it.is_ascii_digit())
            || !name.chars().all(word)
        {
            let words = format!("invalid environment variable name '{name}'");
            return Err(Stop::new(Exit::Unspecified, words).hint("write `-e NAME=value`"));
        }
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_goes_before_the_system() {
        let system =
            BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]);
        let typed = ["B=x=y".to_owned(), "EMPTY".to_owned()];
        let all = of_script(&system, true, &typed).unwrap();
        assert_eq!((all["A"].as_str(), all["B"].as_str(), all["EMPTY"].as_str()), ("1", "x=y", ""));
        let alone = of_script(&system, false, &typed).unwrap();
        assert_eq!(alone.keys().collect::<Vec<_>>(), ["B", "EMPTY"]);
    }

    #[test]
    fn names_are_names() {
        for wrong in ["=x", "1A=x", "A-B=x", "é=x"] {
            let stop = of_script(&BTreeMap::new(), false, &[wrong.to_owned()]).unwrap_err();
            assert_eq!(stop.exit, Exit::Unspecified, "{wrong}");
        }
    }
}
