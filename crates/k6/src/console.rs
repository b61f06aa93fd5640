//! Where messages go: the script's `console`, and what a run has to say, in the form k6 users know.

use std::io::Write;
use std::sync::{Arc, Mutex};

use seaworthy_base::{Clock, Instant};

use crate::shared::lock;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `console.debug`; shown with `--verbose` only.
    Debug,
    /// `console.log` and `console.info`.
    Info,
    /// `console.warn`.
    Warning,
    /// `console.error`, and exceptions.
    Error,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Debug => "DEBU",
            Self::Info => "INFO",
            Self::Warning => "WARN",
            Self::Error => "ERRO",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How a message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `INFO[0003] hello  source=console`, for people.
    #[default]
    Text,
    /// `time="…" level=info msg=hello source=console`, for what reads logs of k6.
    Logfmt,
    /// An object a line.
    Json,
    /// The message alone.
    Raw,
}

/// Takes messages. Cheap to clone; clones write to the same place.
#[derive(Clone)]
pub struct Console(Arc<Inner>);

struct Inner {
    clock: Clock,
    began: Instant,
    least: Level,
    form: Form,
    /// Our own messages, and the script's unless it has a place of its own.
    to: Mutex<Box<dyn Write + Send>>,
    /// `--console-output`.
    script: Mutex<Option<Box<dyn Write + Send>>>,
}

impl Console {
    /// Writes to `to` what is at least as grave as `least`, for people.
    pub fn new(clock: Clock, least: Level, to: Box<dyn Write + Send>) -> Self {
        Self::with_form(clock, least, Form::Text, to)
    }

    /// The same in another form.
    pub fn with_form(clock: Clock, least: Level, form: Form, to: Box<dyn Write + Send>) -> Self {
        let began = clock.now();
        let (to, script) = (Mutex::new(to), Mutex::default());
        Self(Arc::new(Inner { clock, began, least, form, to, script }))
    }

    /// Gives the script's own messages a place of their own.
    pub fn divert_script(&self, to: Box<dyn Write + Send>) {
        *lock(&self.0.script) = Some(to);
    }

    /// What the script says.
    pub(crate) fn script(&self, level: Level, message: &str) {
        if level < self.0.least {
            return;
        }
        if let Some(to) = lock(&self.0.script).as_mut() {
            // In a place of its own nothing has to be told apart from it; nobody watches it either.
            let form = if self.0.form == Form::Text { Form::Logfmt } else { self.0.form };
            // Where messages cannot be written there is nobody to tell.
            let _ = to.write_all(self.line(form, level, message, "").as_bytes());
            return;
        }
        self.write(level, message, "source=console");
    }

    /// What the run says. `fields` are `name=value` pairs, quoted where there is a space in them.
    pub fn say(&self, level: Level, message: &str, fields: &str) {
        if level >= self.0.least {
            self.write(level, message, fields);
        }
    }

    fn write(&self, level: Level, message: &str, fields: &str) {
        let line = self.line(self.0.form, level, message, fields);
        let _ = lock(&self.0.to).write_all(line.as_bytes());
    }

    fn line(&self, form: Form, level: Level, message: &str, fields: &str) -> String {
        let Inner { clock, began, .. } = &*self.0;
        let between = |space: &'static str| if fields.is_empty() { "" } else { space };
        // To the second, as k6.
        let time = || format!("{}Z", &clock.wall().to_string()[..SECONDS]);
        match form {
            Form::Text => {
                let seconds = clock.now().saturating_duration_since(*began).as_secs();
                format!("{}[{seconds:04}] {message}{}{fields}\n", level.word(), between("  "))
            }
            Form::Logfmt => {
                let (name, message) = (level.name(), quoted(message));
                let time = time();
                format!("time=\"{time}\" level={name} msg={message}{}{fields}\n", between(" "))
            }
            Form::Json => {
                let mut object = pairs(fields);
                object.insert("level".to_owned(), level.name().into());
                object.insert("msg".to_owned(), message.into());
                object.insert("time".to_owned(), time().into());
                object.sort_keys();
                format!("{}\n", serde_json::Value::Object(object))
            }
            Form::Raw => format!("{message}\n"),
        }
    }
}

/// `2026-11-28T19:20:40`
const SECONDS: usize = 19;

/// As logfmt quotes a value.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

/// `name=value` pairs as an object.
fn pairs(fields: &str) -> serde_json::Map<String, serde_json::Value> {
    let mut object = serde_json::Map::new();
    let mut rest = fields.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let mut escaped = false;
        let inside = |letter: char| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        };
        let (value, after) = match after.strip_prefix('"') {
            Some(text) => match text.find(inside) {
                Some(end) => {
                    let literal = &after[..end + 2];
                    let value =
                        serde_json::from_str(literal).unwrap_or_else(|_| text[..end].into());
                    (value, &after[end + 2..])
                }
                None => (text.into(), ""),
            },
            None => {
                let end = after.find(' ').unwrap_or(after.len());
                (after[..end].into(), &after[end..])
            }
        };
        object.insert(name.trim().to_owned(), value);
        rest = after.trim_start();
    }
    object
}

impl std::fmt::Debug for Console {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Console").field("least", &self.0.least).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn said(form: Form, act: impl Fn(&Console)) -> String {
        let said = Said::default();
        let console =
            Console::with_form(Clock::system(), Level::Info, form, Box::new(said.clone()));
        act(&console);
        let bytes = lock(&said.0).clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn messages_have_the_form_that_was_asked_for() {
        let speak = |console: &Console| {
            console.script(Level::Debug, "too quiet");
            console.script(Level::Info, "he said \"ahoy\"");
            let error = format!("error={:?} url=http://x/?a=b", "a \"b\" c");
            console.say(Level::Warning, "Request Failed", &error);
        };
        assert_eq!(
            said(Form::Text, speak),
            "INFO[0000] he said \"ahoy\"  source=console\n\
             WARN[0000] Request Failed  error=\"a \\\"b\\\" c\" url=http://x/?a=b\n"
        );
        assert_eq!(said(Form::Raw, speak), "he said \"ahoy\"\nRequest Failed\n");
        let text = said(Form::Logfmt, speak);
        assert!(text.starts_with("time=\"20"), "{text}");
        let line = "Z\" level=info msg=\"he said \\\"ahoy\\\"\" source=console\n";
        assert!(text.contains(line), "{text}");
        let json: Vec<serde_json::Value> = said(Form::Json, speak)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(json[0]["msg"], "he said \"ahoy\"");
        assert_eq!((&json[0]["source"], &json[0]["level"]), (&"console".into(), &"info".into()));
        assert_eq!(
            (&json[1]["error"], &json[1]["url"]),
            (&"a \"b\" c".into(), &"http://x/?a=b".into())
        );
    }

    #[test]
    fn a_scripts_own_place_has_its_messages_alone() {
        let own = Said::default();
        let rest = said(Form::Text, |console| {
            console.divert_script(Box::new(own.clone()));
            console.script(Level::Info, "hi");
            console.say(Level::Info, "ours", "");
        });
        assert_eq!(rest, "INFO[0000] ours\n");
        let own = String::from_utf8(lock(&own.0).clone()).unwrap();
        assert!(own.ends_with("Z\" level=info msg=hi\n"), "{own}");
    }
}
