//! Which code runs which kind of workflow.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::effect::written;
use crate::failure::Failure;
use crate::run::Run;

/// The code under way.
pub(crate) type Story = Pin<Box<dyn Future<Output = Result<Box<RawValue>, Failure>> + Send>>;

type Begin = Arc<dyn Fn(Run, &str) -> Result<Story, String> + Send + Sync>;

/// The kinds of workflows an engine can run. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Code>);

#[derive(Clone)]
struct Code {
    begin: Begin,
    check: fn(&str) -> Result<(), String>,
}

impl Registry {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With `code` for the kind `kind`. A failure it returns is followed by what it said how to undo.
    #[must_use]
    pub fn with<I, O, F, Fut>(mut self, kind: &'static str, code: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + 'static,
        F: Fn(Run, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        let code = Arc::new(code);
        let begin: Begin = Arc::new(move |run, input| {
            let input: I = serde_json::from_str(input).map_err(|error| error.to_string())?;
            let code = Arc::clone(&code);
            let story: Story = Box::pin(async move {
                let told = code(run.clone(), input).await.and_then(|output| written(&output));
                if told.is_err() {
                    run.undo().await;
                }
                told
            });
            Ok(story)
        });
        let check = |input: &str| {
            serde_json::from_str::<I>(input).map(drop).map_err(|error| error.to_string())
        };
        self.0.insert(kind, Code { begin, check });
        self
    }

    /// The kinds there are.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }

    /// Why `input` is nothing the kind takes; none when there is no such kind.
    pub(crate) fn check(&self, kind: &str, input: &str) -> Option<Result<(), String>> {
        self.0.get(kind).map(|code| (code.check)(input))
    }

    /// Begins the code, or says why not.
    pub(crate) fn begin(&self, kind: &str, run: Run, input: &str) -> Result<Story, String> {
        let code = self.0.get(kind).ok_or_else(|| format!("there is no code for `{kind}`"))?;
        (code.begin)(run, input)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
