//! Comma-separated values with the place of each cell.

/// A cell and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Reads rows of cells as RFC 4180 has them; lines without anything are passed over.
///
/// # Errors
/// Where a quote is opened that is never closed, or what follows one that was.
pub(super) fn rows(text: &str) -> Result<Vec<Vec<Cell>>, (u32, u32, &'static str)> {
    let mut rows = Vec::new();
    let mut row: Vec<Cell> = Vec::new();
    let mut letters = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    let (mut line, mut column) = (1_u32, 1_u32);
    while letters.peek().is_some() {
        let mut cell = Cell { text: String::new(), line, column };
        let mut quoted = false;
        if letters.next_if_eq(&'"').is_some() {
            quoted = true;
            column += 1;
            loop {
                match letters.next() {
                    Some('"') => {
                        column += 1;
                        if letters.next_if_eq(&'"').is_none() {
                            break;
                        }
                        column += 1;
                        cell.text.push('"');
                    }
                    Some(letter) => {
                        (line, column) =
                            if letter == '\n' { (line + 1, 1) } else { (line, column + 1) };
                        cell.text.push(letter);
                    }
                    None => {
                        return Err((
                            cell.line,
                            cell.column,
                            "a quote is opened here and never closed",
                        ));
                    }
                }
            }
        }
        let mut ended = true;
        for letter in letters.by_ref() {
            match letter {
                ',' => {
                    column += 1;
                    ended = false;
                    break;
                }
                '\n' => {
                    (line, column) = (line + 1, 1);
                    break;
                }
                '\r' => column += 1,
                _ if quoted && !letter.is_whitespace() => {
                    return Err((line, column, "there is more behind a closing quote"));
                }
                letter => {
                    column += 1;
                    cell.text.push(letter);
                }
            }
        }
        if !quoted {
            let blank = cell.text.chars().take_while(|letter| letter.is_whitespace()).count();
            cell.column += u32::try_from(blank).unwrap_or(0);
            cell.text = cell.text.trim().to_owned();
        }
        let at_end = !ended && letters.peek().is_none();
        row.push(cell);
        if at_end {
            row.push(Cell { text: String::new(), line, column });
        }
        if ended || at_end {
            let row = std::mem::take(&mut row);
            if row.len() > 1 || row.iter().any(|cell| !cell.text.is_empty()) {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_know_where_they_stand() {
        let rows = rows("name, url\n\n\"a \"\"b\"\"\",\"x\ny\"\r\n c ,d").unwrap();
        let shown: Vec<Vec<(&str, u32, u32)>> = rows
            .iter()
            .map(|row| row.iter().map(|it| (it.text.as_str(), it.line, it.column)).collect())
            .collect();
        assert_eq!(
            shown,
            [
                vec![("name", 1, 1), ("url", 1, 7)],
                vec![("a \"b\"", 3, 1), ("x\ny", 3, 11)],
                vec![("c", 5, 2), ("d", 5, 5)],
            ]
        );
    }

    #[test]
    fn quotes_that_go_wrong_have_a_place() {
        assert_eq!(rows("a,\"b\nc").unwrap_err().0, 1);
        assert_eq!(rows("a\n\"b\"c").unwrap_err(), (2, 4, "there is more behind a closing quote"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(cells in proptest::collection::vec("[a-z\",\n é]{0,8}", 2..6)) {
            let quoted: Vec<String> =
                cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let read = rows(&format!("{}\n", quoted.join(","))).unwrap();
            let texts: Vec<&String> = read[0].iter().map(|cell| &cell.text).collect();
            prop_assert_eq!(texts, cells.iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_text_panics(text in "(?s).{0,100}") {
            let _ = rows(&text);
        }
    }
}
