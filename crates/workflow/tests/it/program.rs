//! Workflows made of data: any program of steps, sleeps, branches and failures, and what must come of it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seaworthy_workflow::{Attempt, Entry, Event, Failure, Registry, Retry, Run};
use serde::{Deserialize, Serialize};

/// One thing a program does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Op {
    /// A step whose first attempts fail.
    Step { fails: u32 },
    /// A step that can be undone.
    Order,
    /// A step that fails for good; the program goes on all the same.
    Lost,
    /// A sleep of some milliseconds.
    Sleep(u64),
    /// A wait for a signal that does not come.
    Listen,
    /// Several programs side by side.
    Branch(Vec<Vec<Op>>),
    /// The end, and a failure.
    Fail,
}

/// Where effects take place: a file for each key, made once, and a line for each time it was tried.
#[derive(Clone, Debug)]
pub(crate) struct World(Arc<PathBuf>);

impl World {
    pub(crate) fn at(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        Self(Arc::new(folder.to_owned()))
    }

    /// Does what a step does: at least once on disk, once by its key.
    pub(crate) fn effect(&self, attempt: &Attempt) {
        let path = self.0.join(attempt.key.replace('/', "_"));
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{}", attempt.number).unwrap();
    }

    /// The keys that there are effects of.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(&*self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub(crate) fn mark(&self, name: &str) {
        File::create(self.0.with_extension(name)).unwrap();
    }
}

/// The kind of workflow that runs programs. `touch` is called before and after each effect.
pub(crate) fn registry(
    world: &World,
    touch: impl Fn() + Clone + Send + Sync + 'static,
) -> Registry {
    let world = world.clone();
    Registry::new().with("program", move |run: Run, program: Vec<Op>| {
        let (world, touch) = (world.clone(), touch.clone());
        async move {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let player = Player { run, world, touch: Arc::new(touch), seen: Arc::clone(&seen) };
            player.play("p".to_owned(), program).await?;
            let seen = seen.lock().unwrap().clone();
            Ok(seen)
        }
    })
}

#[derive(Clone)]
struct Player {
    run: Run,
    world: World,
    touch: Arc<dyn Fn() + Send + Sync>,
    /// The names of what the code has seen done, in that order.
    seen: Arc<Mutex<Vec<String>>>,
}

type Playing = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl Player {
    fn play(self, path: String, program: Vec<Op>) -> Playing {
        Box::pin(async move {
            for (at, op) in program.into_iter().enumerate() {
                self.clone().one(format!("{path}.{at}"), op).await?;
            }
            Ok(())
        })
    }

    async fn one(self, name: String, op: Op) -> Result<(), Failure> {
        match op {
            Op::Step { fails } => self.step(&name, fails).await?,
            Op::Order => {
                self.step(&name, 0).await?;
                let (world, touch) = (self.world.clone(), self.touch.clone());
                self.run.undo_with(&name, Retry::never(), move |attempt| {
                    touch();
                    world.effect(&attempt);
                    touch();
                    async { Ok(()) }
                });
            }
            Op::Lost => {
                let lost = |_| async { Err::<(), _>(Failure::lasting("lost", "at sea")) };
                assert!(self.run.step(&name, Retry::default(), lost).await.is_err());
            }
            Op::Sleep(milliseconds) => self.run.sleep(Duration::from_millis(milliseconds)).await?,
            Op::Listen => {
                let heard: Option<()> = self.run.signal(&name, Duration::from_millis(1)).await?;
                assert!(heard.is_none());
            }
            Op::Branch(branches) => {
                let branches = branches.into_iter().enumerate();
                let playing =
                    branches.map(|(at, branch)| self.clone().play(format!("{name}-{at}"), branch));
                futures_util::future::try_join_all(playing).await?;
            }
            Op::Fail => return Err(Failure::lasting("failed", name)),
        }
        Ok(())
    }

    async fn step(&self, name: &str, fails: u32) -> Result<(), Failure> {
        let (world, touch) = (self.world.clone(), self.touch.clone());
        let retry = Retry { first: Duration::from_millis(1), ..Retry::times(fails + 1) };
        let effect = move |attempt: Attempt| {
            touch();
            world.effect(&attempt);
            touch();
            async move {
                if attempt.number <= fails { Err(Failure::new("busy", "later")) } else { Ok(()) }
            }
        };
        self.run.step(name, retry, effect).await?;
        self.seen.lock().unwrap().push(name.to_owned());
        Ok(())
    }
}

/// Checks a journal against what was done and what the code has seen.
pub(crate) fn check(history: &[Entry], run_id: &str, world: &World, seen: Option<&[String]>) {
    let sequences: Vec<u64> = history.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (0..history.len() as u64).collect::<Vec<_>>(), "gaps in the journal");
    let (mut answered, mut keys, mut steps) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for entry in history {
        let (command, name) = match &entry.event {
            Event::Step { command, name, .. } => (command, name.as_str()),
            Event::Slept { command } => (command, "sleep"),
            Event::Silence { command, name } | Event::Failed { command, name, .. } => {
                (command, name.as_str())
            }
            _ => continue,
        };
        assert!(answered.insert(*command), "command {command} was answered twice");
        if let Event::Step { .. } = &entry.event {
            keys.insert(format!("{run_id}_{command}_{name}"));
            if !name.starts_with("undo ") {
                steps.push(name.to_owned());
            }
        }
    }
    // A step that was under way when its branch's sibling failed may have an effect and no entry.
    let missing: Vec<_> = keys.difference(&world.keys()).cloned().collect();
    assert!(missing.is_empty(), "journaled and not done: {missing:?}");
    if let Some(seen) = seen {
        assert_eq!(steps, seen, "the code saw its steps in the journal's order");
        assert_eq!(world.keys(), keys, "every effect is some step's, once");
    }
}

/// What a program shall do, without failures that cut it short: how many steps and entries.
pub(crate) fn steps(program: &[Op]) -> usize {
    let count = |op: &Op| match op {
        Op::Step { .. } | Op::Order => 1,
        Op::Branch(branches) => branches.iter().map(|branch| steps(branch)).sum(),
        _ => 0,
    };
    program.iter().map(count).sum()
}
