//! `localeCompare` as k6 has it: one order for all languages, accents and cases last.

use std::cmp::Ordering;

use rquickjs::function::{Opt, This};
use rquickjs::{Coerced, Ctx, Function, Object, String as Text};

/// What is no letter and no digit, in Unicode's order for sorting.
const SIGNS: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// Gives texts the method.
pub(crate) fn install(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    let prototype =
        ctx.globals().get::<_, Object<'_>>("String")?.get::<_, Object<'_>>("prototype")?;
    let method = Function::new(ctx.clone(), locale_compare)?.with_name("localeCompare")?;
    prototype
        .prop("localeCompare", rquickjs::object::Property::from(method).writable().configurable())
}

fn locale_compare<'js>(
    ctx: Ctx<'js>,
    own: This<Coerced<String>>,
    other: Opt<Coerced<String>>,
) -> rquickjs::Result<i32> {
    let other = other.0.map_or_else(|| "undefined".to_owned(), |other| other.0);
    let (one, other) = (apart(&ctx, own.0.0)?, apart(&ctx, other)?);
    Ok(compare(&one, &other) as i32)
}

/// The text with accents as signs of their own.
fn apart<'js>(ctx: &Ctx<'js>, text: String) -> rquickjs::Result<String> {
    if text.is_ascii() {
        return Ok(text);
    }
    let prototype =
        ctx.globals().get::<_, Object<'js>>("String")?.get::<_, Object<'js>>("prototype")?;
    let normalize: Function<'js> = prototype.get("normalize")?;
    let text = Text::from_str(ctx.clone(), &text)?;
    normalize.call((This(text), "NFD"))
}

/// Letters decide first, then accents, then case: small letters go first.
fn compare(one: &str, other: &str) -> Ordering {
    let letters = |text: &str| -> Vec<(u8, u32)> { text.chars().filter_map(rank).collect() };
    let accents = |text: &str| -> Vec<(usize, char)> {
        let (mut place, mut found) = (0, Vec::new());
        for letter in text.chars() {
            match rank(letter) {
                Some(_) => place += 1,
                None => found.push((usize::MAX - place, letter)),
            }
        }
        found
    };
    let cases = |text: &str| -> Vec<bool> { text.chars().map(char::is_uppercase).collect() };
    letters(one)
        .cmp(&letters(other))
        .then_with(|| accents(one).cmp(&accents(other)))
        .then_with(|| cases(one).cmp(&cases(other)))
}

/// Where a letter goes, whatever its case; accents have no place of their own.
fn rank(letter: char) -> Option<(u8, u32)> {
    if ('\u{300}'..='\u{36f}').contains(&letter) {
        return None;
    }
    if let Some(place) = SIGNS.find(letter) {
        return Some((1, place as u32));
    }
    let small = letter.to_lowercase().next().unwrap_or(letter);
    let class = match small {
        _ if small.is_whitespace() => 0,
        _ if small.is_numeric() => 3,
        _ if small.is_alphabetic() => 4,
        _ => 2,
    };
    Some((class, small.into()))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn texts_are_in_the_order_of_dictionaries() {
        // As k6 sorts them, taken apart.
        let sorted = [
            "",
            " ",
            "_",
            "-",
            ",",
            "!",
            ".",
            "$",
            "1",
            "10",
            "2",
            "a",
            "A",
            "a\u{308}",
            "a b",
            "a-b",
            "ab",
            "aB",
            "Ab",
            "b",
            "B",
            "co op",
            "co-op",
            "CO-OP",
            "coop",
            "coo\u{308}p",
            "e",
            "E",
            "e\u{301}",
            "E\u{301}",
            "ea",
            "f",
            "n",
            "n\u{303}",
            "o",
            "o\u{308}",
            "O\u{308}",
            "z",
            "Z",
            "α",
            "я",
            "Я",
            "日",
        ];
        let mut other = sorted;
        other.reverse();
        other.sort_by(|one, other| compare(one, other));
        assert_eq!(other, sorted);
    }
}
