//! The diary: what happened, written to `events.jsonl` as it happens and kept for the report.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use seaworthy_base::{Clock, Event};

use crate::error::Error;
use crate::folder::Folder;
use crate::progress::{Progress, Speaker};

/// Cheap to clone; all clones write the same diary.
#[derive(Clone)]
pub(crate) struct Diary {
    clock: Clock,
    speaker: Speaker,
    pages: Arc<Mutex<Pages>>,
}

struct Pages {
    file: File,
    events: Vec<Event>,
    failure: Option<std::io::Error>,
}

impl Diary {
    pub(crate) fn open(folder: &Folder, clock: Clock, speaker: Speaker) -> Result<Self, Error> {
        let file = folder.append("events.jsonl")?;
        let pages = Arc::new(Mutex::new(Pages { file, events: Vec::new(), failure: None }));
        Ok(Self { clock, speaker, pages })
    }

    /// Takes over the events of a trial that this one goes on with.
    pub(crate) fn take_over(&self, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.write(event));
    }

    /// Notes an event.
    pub(crate) fn note(&self, kind: &str, subject: &str, text: impl Into<String>) {
        self.write(Event::new(self.clock.wall(), kind, subject, text));
    }

    fn write(&self, event: Event) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(mut line) = serde_json::to_vec(&event) {
            line.push(b'\n');
            if let Err(error) = pages.file.write_all(&line) {
                // Kept until `close`, where the trial ends with it: an event that was lost on its
                // way to the disk must not be missing silently.
                pages.failure.get_or_insert(error);
            }
        }
        pages.events.push(event);
    }

    /// Notes an event and says it to whoever watches.
    pub(crate) fn tell(&self, kind: &str, subject: &str, text: impl Into<String>) {
        let text = text.into();
        self.speaker.say(Progress::Said(text.clone()));
        self.note(kind, subject, text);
    }

    /// All events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).events.clone()
    }

    /// Syncs the file; fails if any event could not be written.
    pub(crate) fn close(&self, folder: &Folder) -> Result<(), Error> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let path = folder.path().join("events.jsonl");
        match pages.failure.take() {
            Some(error) => Err(Error::io("write", &path)(error)),
            None => pages.file.sync_all().map_err(Error::io("sync", &path)),
        }
    }
}
