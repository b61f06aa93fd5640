//! The block of the summary that says what gave out.

use super::{DIM, Page};
use crate::Outcome;
use crate::outcome::{Found, Status};

impl Page {
    /// The sentence, what to do, and what was found leaking; how much was not measured.
    pub(super) fn gave_out(&mut self, outcome: &Outcome) {
        let Some(saturation) = &outcome.saturation else { return };
        self.title("What gave out");
        self.wrapped("", 2, &saturation.sentence);
        self.wrapped("", 2, &format!("To do: {}", saturation.advice));
        if saturation.knee.is_none() {
            self.wrapped(DIM, 2, &saturation.ramp);
        }
        for leak in outcome.leaks.iter().filter(|leak| leak.status == Found::Found) {
            self.wrapped("33", 2, &format!("found: {}", leak.sentence));
        }
        let count = |status: Status| {
            outcome.resources.iter().filter(|resource| resource.status == status).count()
        };
        let short = outcome.leaks.iter().filter(|leak| leak.status == Found::NotEnoughData).count();
        let mut words = format!(
            "{} resource(s) over their bounds, {} within, {} not measured",
            count(Status::Over),
            count(Status::Within),
            count(Status::NotMeasured)
        );
        if short > 0 {
            words.push_str(&format!("; too little data to look for {short} kind(s) of leak"));
        }
        self.wrapped(DIM, 2, &words);
    }
}
