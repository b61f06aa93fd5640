//! A Python file: its text, parsed, and where each part of it stands.

use ruff_python_ast::ModModule;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer, parse_module};
use ruff_text_size::{Ranged, TextRange, TextSize};
use seaworthy_document::{Finding, Place};

/// The largest file that is read, in bytes.
const MOST_BYTES: usize = 1024 * 1024;
/// The deepest nesting of one statement. Python itself gives up at 1,000 or earlier.
const DEEPEST: usize = 400;
/// The most blocks within blocks; Python's own limit.
const MOST_INDENTED: usize = 100;

/// A file's name and text, for the places of findings.
#[derive(Debug)]
pub(crate) struct Source<'t> {
    /// The file as the user named it.
    pub(crate) file: &'t str,
    text: &'t str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    pub(crate) fn new(file: &'t str, text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = vec![0];
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                lines.push(at + 1);
            }
        }
        Self { file, text, lines }
    }

    /// Parses the text.
    ///
    /// # Errors
    /// Why it is not a Python file that can be read.
    pub(crate) fn parse(&self) -> Result<ModModule, Finding> {
        if self.text.len() > MOST_BYTES {
            let reason = format!("the file has {} bytes", self.text.len());
            return Err(Finding::error("locust-python", reason)
                .at(Place { file: self.file.to_owned(), line: 0, column: 0 })
                .hint(format!("at most {MOST_BYTES} are read: move data into files of its own")));
        }
        if self.is_too_deep() {
            let reason = format!("a statement or a block nests more than {DEEPEST} deep");
            return Err(Finding::error("locust-python", reason)
                .at(Place { file: self.file.to_owned(), line: 0, column: 0 })
                .hint("split it; Python itself reads no such file"));
        }
        match parse_module(self.text) {
            Ok(parsed) => Ok(parsed.into_syntax()),
            Err(error) => {
                let reason = format!("this is not Python 3: {}", lowered(&error.error.to_string()));
                Err(Finding::error("locust-python", reason)
                    .at(self.place_at(error.location.start()))
                    .hint("`python3 -m py_compile FILE` says the same"))
            }
        }
    }

    /// Where a part of the text begins.
    pub(crate) fn place(&self, part: &impl Ranged) -> Place {
        self.place_at(part.range().start())
    }

    /// The line a part of the text begins in, from 1.
    pub(crate) fn line(&self, part: &impl Ranged) -> u32 {
        self.place(part).line
    }

    /// The file without its folders, for comments in the plan.
    pub(crate) fn short(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(self.file)
    }

    /// A part of the text as it was written, in one line and not too long.
    pub(crate) fn quote(&self, part: &impl Ranged) -> String {
        let range: TextRange = part.range();
        let text = self.text.get(range.start().to_usize()..range.end().to_usize());
        let words: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
        let line = words.join(" ");
        if line.chars().count() <= 60 {
            return line;
        }
        line.chars().take(57).chain("...".chars()).collect()
    }

    fn place_at(&self, at: TextSize) -> Place {
        let at = at.to_usize().min(self.text.len());
        let line = self.lines.partition_point(|begin| *begin <= at);
        let begin = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(begin..at).map_or(0, |before| before.chars().count());
        let narrow = |number: usize| u32::try_from(number).unwrap_or(0);
        Place { file: self.file.to_owned(), line: narrow(line), column: narrow(column + 1) }
    }

    /// Whether a statement nests so deeply that what walks its tree might run out of stack.
    ///
    /// Whatever makes a tree deeper is one token (an operator, a dot, a bracket); a comma begins
    /// beside what came before. So the tokens since the last comma, over all brackets that are
    /// open, bound the depth from above.
    fn is_too_deep(&self) -> bool {
        let mut tokens = lexer::lex(self.text, Mode::Module);
        let mut open: Vec<Chain> = vec![Chain::default()];
        let mut indented = 0_usize;
        loop {
            let kind = tokens.next_token();
            let depth = open.iter().map(|chain| chain.links + chain.lambdas + 1).sum::<usize>();
            if depth > DEEPEST || indented > MOST_INDENTED {
                return true;
            }
            let last = open.len() - 1;
            match kind {
                TokenKind::EndOfFile => return false,
                TokenKind::Indent => indented += 1,
                TokenKind::Dedent => indented = indented.saturating_sub(1),
                TokenKind::Newline | TokenKind::Semi => open = vec![Chain::default()],
                TokenKind::Comma => open[last].links = 0,
                TokenKind::Lambda => open[last].lambdas += 1,
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                    open.push(Chain::default());
                }
                TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                    if last > 0 {
                        open.pop();
                    }
                    let last = open.len() - 1;
                    open[last].links += 1;
                }
                TokenKind::Name
                | TokenKind::Int
                | TokenKind::Float
                | TokenKind::Complex
                | TokenKind::String
                | TokenKind::FStringMiddle
                | TokenKind::FStringEnd
                | TokenKind::Comment
                | TokenKind::NonLogicalNewline
                | TokenKind::Colon
                | TokenKind::Equal
                | TokenKind::None
                | TokenKind::True
                | TokenKind::False => {}
                _ => open[last].links += 1,
            }
        }
    }
}

/// What has been chained within one pair of brackets.
#[derive(Clone, Copy, Default)]
struct Chain {
    links: usize,
    /// Lambdas nest over commas, since these stand between their parameters.
    lambdas: usize,
}

/// A message with its first letter small, as the house writes reasons.
fn lowered(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect::<String>().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_python_is_a_finding_with_its_place() {
        let source = Source::new("locustfile.py", "import locust\nclass A(:\n    pass\n");
        let finding = source.parse().unwrap_err();
        let place = finding.place.clone().unwrap();
        assert_eq!((finding.code, place.line), ("locust-python", 2), "{finding}");
        assert!(finding.reason.starts_with("this is not Python 3: "), "{finding}");
    }

    #[test]
    fn depth_is_bounded_before_it_is_walked() {
        for deep in [
            "x = ".to_owned() + &"(".repeat(50_000),
            "x = ".to_owned() + &"-".repeat(200_000) + "1",
            "x = 1".to_owned() + &" + 1".repeat(200_000),
            "x = a".to_owned() + &".a".repeat(200_000),
            "x = f".to_owned() + &"()".repeat(200_000),
            "x = ".to_owned() + &"lambda a, b: ".repeat(50_000) + "1",
            "x = ".to_owned() + &"a if b else ".repeat(50_000) + "c",
            "x = ".to_owned() + &"f'{".repeat(1000),
            "x = ".to_owned() + &"not ".repeat(100_000) + "1",
        ] {
            let source = Source::new("f.py", &deep);
            assert_eq!(source.parse().unwrap_err().code, "locust-python");
        }
        let blocks: String = (0..200).map(|depth| " ".repeat(depth) + "if 1:\n").collect();
        assert!(Source::new("f.py", &blocks).parse().is_err());
    }

    #[test]
    fn long_tables_are_not_deep() {
        let rows = "    {\"a\": [1, 2, (3, 4)], \"b\": \"c\".upper()},\n".repeat(5_000);
        let text = format!("ROWS = [\n{rows}]\n");
        assert!(Source::new("f.py", &text).parse().is_ok());
    }

    #[test]
    fn places_count_characters() {
        let text = "\u{feff}a = 'é' + b\r\nc = 1\n";
        let source = Source::new("f.py", text);
        let module = source.parse().unwrap();
        let place = source.place(&module.body[1]);
        assert_eq!((place.line, place.column), (2, 1));
        assert_eq!(source.quote(&module.body[0]), "a = 'é' + b");
    }
}
