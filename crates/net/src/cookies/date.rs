//! Dates in `Expires`, read as leniently as RFC 6265 §5.1.1 wants it.

use seaworthy_base::Timestamp;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The time that `text` means, if it holds a time of day, a day, a month and a year in any order.
/// Before 1970 it is 1970, which is over as well; after 2554 it is then.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let delimiter =
        |byte: &u8| matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~');
    for token in text.as_bytes().split(delimiter) {
        if time.is_none()
            && let Some(found) = time_of_day(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_named(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let (hour, minute, second) = time?;
    if year < 1601 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let small = |number: u16| i8::try_from(number).ok();
    let time = jiff::civil::DateTime::new(
        i16::try_from(year).ok()?,
        month?,
        small(day?)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .ok()?;
    let nanos = match jiff::tz::Offset::UTC.to_timestamp(time) {
        Ok(time) => u64::try_from(time.as_nanosecond().max(0)).unwrap_or(u64::MAX),
        // The last day of the year 9999.
        Err(_) => u64::MAX,
    };
    Some(Timestamp::from_nanos(nanos))
}

/// The digits that `token` begins with, if they are `least` to `most` and no other digit follows.
fn number(token: &[u8], least: usize, most: usize) -> Option<u16> {
    let length = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(least..=most).contains(&length) {
        return None;
    }
    std::str::from_utf8(&token[..length]).ok()?.parse().ok()
}

fn time_of_day(token: &[u8]) -> Option<(u16, u16, u16)> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let whole = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if !whole(hour) || !whole(minute) {
        return None;
    }
    Some((number(hour, 1, 2)?, number(minute, 1, 2)?, number(second, 1, 2)?))
}

fn month_named(token: &[u8]) -> Option<i8> {
    let name = token.get(..3)?;
    let position = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month.as_bytes()))?;
    i8::try_from(position + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_formats_servers_write_are_read() {
        let time: Timestamp = "2030-10-21T07:28:00Z".parse().unwrap();
        for text in [
            "Mon, 21 Oct 2030 07:28:00 GMT",
            "Mon, 21-Oct-2030 07:28:00 GMT",
            "Monday, 21-Oct-30 07:28:00 GMT",
            "Mon Oct 21 07:28:00 2030",
            "21 oct 2030 7:28:00",
            "07:28:00, 2030 October 21st",
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
        assert_eq!(parse("Thu, 01 Jan 1601 00:00:00 GMT"), Some(Timestamp::from_nanos(0)));
        assert_eq!(parse("Fri, 31 Dec 9999 23:59:59 GMT"), Some(Timestamp::from_nanos(u64::MAX)));
        for text in [
            "",
            "soon",
            "Mon, 21 Oct 2030",
            "31 Feb 2030 07:28:00",
            "21 Oct 1600 07:28:00",
            "21 Oct 2030 24:00:00",
            "21 Oct 20300 07:28:00",
            "2 Foo 2030 07:28:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9:, -]{0,6}(jan|Oct|\\PC){0,2}){0,6}") {
            let _ = parse(&text);
        }
    }
}
