//! Whether a step of a schema can be taken while everybody works: no index that is built under a lock, no
//! table that is rewritten or read through under one, nothing taken away that the last version uses.
//!
//! What is not known to be harmless is refused. Tables that the step itself makes are nobody's yet.

use std::collections::HashSet;

/// How a step is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// All statements in one transaction.
    Together,
    /// One index of this name, beside everybody's work and outside a transaction.
    Index(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word or a name, in small letters.
    Word(String),
    /// A text or a number.
    Literal,
    Symbol(char),
}

/// How the step is taken, or what it would do to others.
pub(super) fn check(sql: &str) -> Result<Form, String> {
    let statements = statements(sql)?;
    let mut made = HashSet::new();
    for statement in &statements {
        let words: Vec<&str> = statement.iter().map(word).collect();
        if let Some(name) = concurrent_index(&words) {
            if statements.len() > 1 {
                return Err("an index built concurrently needs a step of its own".to_owned());
            }
            return Ok(Form::Index(name?));
        }
        judge(&words, &mut made).map_err(|reason| format!("`{}`: {reason}", words.join(" ")))?;
    }
    Ok(Form::Together)
}

/// A token as a word; what is none cannot be mistaken for one.
fn word(token: &Token) -> &str {
    match token {
        Token::Word(word) => word,
        Token::Literal => "…",
        Token::Symbol('(') => "(",
        Token::Symbol(')') => ")",
        Token::Symbol(',') => ",",
        Token::Symbol(_) => "·",
    }
}

fn concurrent_index(words: &[&str]) -> Option<Result<String, String>> {
    let rest = words.strip_prefix(&["create"])?;
    let rest = rest.strip_prefix(&["unique"]).unwrap_or(rest);
    let rest = rest.strip_prefix(&["index", "concurrently"])?;
    Some(match rest {
        ["if", ..] => {
            Err("an index that an attempt left behind is dropped first: without IF".into())
        }
        ["on", ..] | [] => Err("an index needs a name".to_owned()),
        [name, ..] => Ok((*name).to_owned()),
    })
}

fn judge<'a>(words: &[&'a str], made: &mut HashSet<&'a str>) -> Result<(), String> {
    let refuse = |reason: &str| Err(reason.to_owned());
    match words {
        ["create", "table", "if", "not", "exists", name, ..] | ["create", "table", name, ..] => {
            if words.contains(&"as") && !words.contains(&"identity") {
                return refuse("a table is made empty, and filled by the program");
            }
            made.insert(*name);
            Ok(())
        }
        ["create", "unique", "index", rest @ ..] | ["create", "index", rest @ ..] => {
            let table = rest.iter().skip_while(|word| **word != "on").nth(1);
            match table {
                Some(table) if made.contains(table) => Ok(()),
                _ => refuse("building an index stops all writes to its table: use CONCURRENTLY"),
            }
        }
        ["insert", "into", ..] => Ok(()),
        ["update" | "delete", "from", name, ..] | ["update", name, ..] if made.contains(name) => {
            Ok(())
        }
        ["update" | "delete", ..] => {
            refuse("it holds every row it touches until the end: let the program do it bit by bit")
        }
        ["alter", "table", "if", "exists", name, changes @ ..]
        | ["alter", "table", name, changes @ ..] => {
            if made.contains(name) {
                return Ok(());
            }
            split(changes).into_iter().try_for_each(alter)
        }
        ["comment", "on", ..] => Ok(()),
        ["drop", "index", ..] => refuse("it waits for everybody and everybody for it"),
        ["drop", ..] => refuse("the last version, which may still run, needs it"),
        ["truncate" | "lock" | "cluster" | "vacuum" | "reindex", ..] => {
            refuse("it locks the whole table")
        }
        _ => refuse("nobody knows what it would lock"),
    }
}

/// The changes of one ALTER TABLE, parted by commas outside of brackets.
fn split<'a>(changes: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (index, word) in changes.iter().enumerate() {
        match *word {
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if depth == 0 => {
                parts.push(&changes[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&changes[start..]);
    parts
}

fn alter(change: &[&str]) -> Result<(), String> {
    let refuse = |reason: &str| Err(reason.to_owned());
    match change {
        ["add", "constraint", _, "check" | "foreign", ..] => match change {
            [.., "not", "valid"] => Ok(()),
            _ => {
                refuse("it reads the whole table under a lock: add it NOT VALID, validate it later")
            }
        },
        ["add", "constraint", _, "unique" | "primary", rest @ ..] if rest.contains(&"using") => {
            Ok(())
        }
        ["add", "constraint" | "unique" | "primary" | "check" | "foreign" | "exclude", ..] => {
            refuse("it builds or checks under a lock: make the index first, or add it NOT VALID")
        }
        ["validate", "constraint", _] => Ok(()),
        ["add", "column", "if", "not", "exists", column @ ..]
        | ["add", "column", column @ ..]
        | ["add", column @ ..] => add_column(column),
        ["alter", "column", _, rest @ ..] | ["alter", _, rest @ ..] => match rest {
            ["set", "default", ..] | ["drop", "default"] | ["drop", "not", "null"] => Ok(()),
            ["set", "statistics", _] => Ok(()),
            ["set", "not", "null"] => {
                refuse("it reads the whole table under a lock: check it by a constraint NOT VALID")
            }
            _ => refuse("it may write the whole table anew under a lock"),
        },
        ["rename", ..] | ["drop", ..] => refuse("the last version, which may still run, needs it"),
        _ => refuse("nobody knows what it would lock"),
    }
}

/// `name type ...`: a constant default costs nothing, one that is computed writes every row.
fn add_column(column: &[&str]) -> Result<(), String> {
    let refuse = |reason: &str| Err(reason.to_owned());
    let [_, kind, rest @ ..] = column else { return refuse("it is no column") };
    if kind.ends_with("serial") || rest.contains(&"generated") {
        return refuse("its values are computed, which writes the whole table anew");
    }
    for forbidden in ["references", "unique", "primary", "check"] {
        if rest.contains(&forbidden) {
            return refuse(
                "its constraint is built or checked under a lock: add it in a later step",
            );
        }
    }
    let default = rest.iter().position(|word| *word == "default");
    let null = rest.windows(2).any(|pair| pair == ["not", "null"]);
    match default.map(|at| &rest[at + 1..]) {
        None if null => refuse("rows that are there have no value: give a default"),
        None
        | Some(
            ["…" | "true" | "false" | "null"]
            | ["…" | "true" | "false", "not", "null"]
            // A sign.
            | ["·", "…"]
            | ["·", "…", "not", "null"],
        ) => Ok(()),
        Some(_) => refuse("its default is computed, which may write the whole table anew"),
    }
}

/// The statements, without comments.
fn statements(sql: &str) -> Result<Vec<Vec<Token>>, String> {
    let mut done = Vec::new();
    let mut statement = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ';' => done.extend(Some(std::mem::take(&mut statement)).filter(|one| !one.is_empty())),
            '-' if rest.peek() == Some(&'-') => {
                while rest.next_if(|next| *next != '\n').is_some() {}
            }
            '/' if rest.peek() == Some(&'*') => return Err("a comment in /* */".to_owned()),
            '$' => return Err("a text between dollars".to_owned()),
            '\'' => {
                quoted(&mut rest, '\'')?;
                // A doubled quote begins the same text again.
                if statement.last() != Some(&Token::Literal) {
                    statement.push(Token::Literal);
                }
            }
            '"' => statement.push(Token::Word(quoted(&mut rest, '"')?)),
            digit if digit.is_ascii_digit() => {
                while rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '.').is_some() {}
                statement.push(Token::Literal);
            }
            letter if letter.is_alphabetic() || letter == '_' => {
                let mut word = letter.to_lowercase().collect::<String>();
                let inside = |next: &char| next.is_alphanumeric() || *next == '_';
                while let Some(next) = rest.next_if(inside) {
                    word.extend(next.to_lowercase());
                }
                statement.push(Token::Word(word));
            }
            blank if blank.is_whitespace() => {}
            symbol => statement.push(Token::Symbol(symbol)),
        }
    }
    done.extend(Some(statement).filter(|one| !one.is_empty()));
    Ok(done)
}

fn quoted(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    quote: char,
) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match rest.next() {
            None => return Err("a quote that is never closed".to_owned()),
            Some(end) if end == quote => return Ok(text),
            Some(character) => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_locks_nothing_for_long_is_taken() {
        for sql in [
            "CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n TEXT NOT NULL)",
            "CREATE TABLE t (n TEXT); CREATE INDEX i ON t (n); INSERT INTO t VALUES ('it''s; ok');",
            "CREATE TABLE t (n BIGINT); UPDATE t SET n = 1; ALTER TABLE t ALTER COLUMN n SET NOT NULL",
            "CREATE TABLE t (n TEXT); CREATE UNIQUE INDEX i ON t (n)",
            "ALTER TABLE old ADD COLUMN a TEXT",
            "ALTER TABLE old ADD a BIGINT DEFAULT 0 NOT NULL",
            "ALTER TABLE old ADD a BIGINT NOT NULL DEFAULT -1",
            "ALTER TABLE old ADD COLUMN IF NOT EXISTS a BOOLEAN DEFAULT false, ALTER b DROP NOT NULL",
            "ALTER TABLE old ALTER COLUMN a SET DEFAULT 7",
            "ALTER TABLE old ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            "ALTER TABLE old VALIDATE CONSTRAINT c",
            "-- a word of explanation; no statement\nINSERT INTO old VALUES (1)",
        ] {
            assert_eq!(check(sql), Ok(Form::Together), "{sql}");
        }
        let index = check("CREATE UNIQUE INDEX CONCURRENTLY by_name ON old (name)");
        assert_eq!(index, Ok(Form::Index("by_name".to_owned())));
    }

    #[test]
    fn what_would_stop_others_is_refused() {
        for sql in [
            "CREATE INDEX i ON old (n)",
            "CREATE TABLE t (n TEXT); CREATE INDEX i ON old (n)",
            "CREATE INDEX CONCURRENTLY i ON old (n); SELECT 1",
            "CREATE INDEX CONCURRENTLY ON old (n)",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON old (n)",
            "ALTER TABLE old ALTER COLUMN a TYPE BIGINT",
            "ALTER TABLE old ALTER a SET DATA TYPE TEXT",
            "ALTER TABLE old ALTER COLUMN a SET NOT NULL",
            "ALTER TABLE old ADD COLUMN a TEXT NOT NULL",
            "ALTER TABLE old ADD COLUMN a TIMESTAMPTZ DEFAULT clock_timestamp()",
            "ALTER TABLE old ADD COLUMN a BIGSERIAL",
            "ALTER TABLE old ADD COLUMN a BIGINT GENERATED ALWAYS AS (b * 2) STORED",
            "ALTER TABLE old ADD COLUMN a TEXT UNIQUE",
            "ALTER TABLE old ADD COLUMN a TEXT REFERENCES other (id)",
            "ALTER TABLE old ADD COLUMN a TEXT, RENAME b TO c",
            "ALTER TABLE old ADD CONSTRAINT c CHECK (a > 0)",
            "ALTER TABLE old ADD CONSTRAINT c UNIQUE (a)",
            "ALTER TABLE old ADD PRIMARY KEY (a)",
            "ALTER TABLE old RENAME TO new",
            "ALTER TABLE old DROP COLUMN a",
            "ALTER TABLE old SET UNLOGGED",
            "ALTER TABLE old CLUSTER ON i",
            "DROP TABLE old",
            "DROP INDEX i",
            "UPDATE old SET a = 1",
            "DELETE FROM old",
            "TRUNCATE old",
            "LOCK TABLE old",
            "VACUUM FULL old",
            "REINDEX TABLE old",
            "CREATE TABLE t AS SELECT * FROM old",
            "DO $$ BEGIN EXECUTE 'DROP TABLE old'; END $$",
            "/* CREATE TABLE */ DROP TABLE old",
            "COMMIT",
            "CREATE TABLE t (n TEXT DEFAULT 'never closed)",
            "'DROP' TABLE old",
        ] {
            assert!(check(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn the_refusal_names_the_statement() {
        let reason = check("CREATE TABLE t (a TEXT); DROP TABLE \"Old\"").unwrap_err();
        assert!(reason.starts_with("`drop table Old`"), "{reason}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = check(&text);
        }

        #[test]
        fn no_quoting_hides_a_drop(before in "[a-z ';\"-]{0,20}", after in "[a-z ';\"-]{0,20}") {
            // Whatever stands around it, a statement of its own that drops is seen, unless it is a part
            // of a text, a name or a comment; then the whole is no harm or is not understood.
            let sql = format!("{before}\n;DROP TABLE old;{after}");
            let quotes = |quote| before.matches(quote).count();
            let inside = before.contains("--") || quotes('\'') > 0 || quotes('"') > 0;
            prop_assert!(inside || check(&sql).is_err(), "{}", sql);
        }
    }
}
