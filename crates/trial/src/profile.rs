//! Named profiles: how much load, for how long, with the numbers people plan capacity with.
//!
//! The numbers are those of the documents this product was asked for; `docs/reference/plan.md` says
//! which document each is from, and how to write what another one says. A test holds the table there
//! against the one here.

use std::time::Duration;

use schemars::JsonSchema;
use seaworthy_base::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The profiles' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// 100 virtual users for 1 hour.
    Light,
    /// 500 virtual users for 4 hours.
    Medium,
    /// 1,000 virtual users for 1 hour.
    Heavy,
    /// 500 virtual users for 24 hours.
    Endurance,
    /// From none to 2,000 virtual users and back in 10 minutes.
    Spike,
    /// 50 more virtual users a second up to 1,000, held for 30 minutes.
    Stress,
    /// 10 more virtual users a second up to 100; 10 minutes in all.
    Baseline,
    /// 5 more virtual users a second up to 200; 4 hours in all.
    Soak,
}

/// A profile's numbers.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// What it is called.
    pub name: Name,
    /// Virtual users at the start.
    start: u32,
    /// Seconds and the number of virtual users at their end, one after another.
    stages: &'static [(u64, u32)],
    /// Seconds at the beginning that are shown and not judged, when the phase does not say.
    warmup: u64,
}

const HOUR: u64 = 3_600;

/// Every profile.
pub const PROFILES: [Profile; 8] = [
    steady(Name::Light, 100, &[(HOUR, 100)]),
    steady(Name::Medium, 500, &[(4 * HOUR, 500)]),
    steady(Name::Heavy, 1_000, &[(HOUR, 1_000)]),
    steady(Name::Endurance, 500, &[(24 * HOUR, 500)]),
    Profile { name: Name::Spike, start: 0, stages: &[(300, 2_000), (300, 0)], warmup: 0 },
    Profile { name: Name::Stress, start: 0, stages: &[(20, 1_000), (1_800, 1_000)], warmup: 20 },
    Profile { name: Name::Baseline, start: 0, stages: &[(10, 100), (590, 100)], warmup: 10 },
    Profile { name: Name::Soak, start: 0, stages: &[(40, 200), (4 * HOUR - 40, 200)], warmup: 40 },
];

/// All virtual users at once; nothing is said of a warm-up, so there is none.
const fn steady(name: Name, vus: u32, stages: &'static [(u64, u32)]) -> Profile {
    Profile { name, start: vus, stages, warmup: 0 }
}

impl Name {
    /// The name in a plan and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
            Self::Endurance => "endurance",
            Self::Spike => "spike",
            Self::Stress => "stress",
            Self::Baseline => "baseline",
            Self::Soak => "soak",
        }
    }

    /// The profile of this name.
    pub fn profile(self) -> &'static Profile {
        // The table is in the order of the names; a test holds it so.
        &PROFILES[self as usize]
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = PROFILES.iter().find(|profile| profile.name.as_str() == text);
        known.map(|profile| profile.name).ok_or_else(|| {
            let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name.as_str()).collect();
            format!("there is no profile `{text}`; there are {}", names.join(", "))
        })
    }
}

impl Profile {
    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.stages.iter().map(|(seconds, _)| seconds).sum())
    }

    /// How much of its beginning is not judged, when the phase does not say.
    pub fn warmup(&self) -> Duration {
        Duration::from_secs(self.warmup)
    }

    /// The virtual users at its height.
    pub fn vus(&self) -> u32 {
        self.stages.iter().map(|(_, target)| *target).fold(self.start, u32::max)
    }

    /// What the documentation's table says of it: virtual users, how they come and go, length and
    /// warm-up.
    pub fn row(&self) -> String {
        let stage = |(seconds, target): &(u64, u32)| {
            format!("{target} after {}", Span(Duration::from_secs(*seconds)))
        };
        let steps: Vec<String> = match self.start {
            0 => self.stages.iter().map(stage).collect(),
            _ => vec!["all from the start".to_owned()],
        };
        format!(
            "| `{}` | {} | {} | {} | {} |",
            self.name,
            self.vus(),
            steps.join(", then "),
            Span(self.duration()),
            Span(self.warmup())
        )
    }

    /// The load of a phase that drives these flows, each with its weight, as it would be typed.
    pub fn load(&self, flows: &[(String, f64)]) -> Value {
        let flows: Vec<Value> =
            flows.iter().map(|(flow, weight)| json!({"flow": flow, "weight": weight})).collect();
        let stage = |(seconds, target): &(u64, u32)| json!({"duration": format!("{seconds}s"), "target": target});
        let stages: Vec<Value> = self.stages.iter().map(stage).collect();
        json!([{
            "flows": flows,
            "executor": "ramping-vus",
            "startVUs": self.start,
            "stages": stages,
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_same_numbers() {
        let page = include_str!("../../../docs/reference/plan.md");
        for profile in PROFILES {
            let row = profile.row();
            let said = page.lines().any(|line| line.starts_with(&row));
            assert!(said, "docs/reference/plan.md has no line that begins with\n{row}");
        }
        let table = page.lines().skip_while(|line| !line.starts_with("| profile |")).skip(2);
        let rows = table.take_while(|line| line.starts_with('|')).count();
        assert_eq!(rows, PROFILES.len(), "a profile that does not exist is documented");
    }

    #[test]
    fn names_lead_to_their_profiles() {
        for profile in PROFILES {
            assert_eq!(profile.name.profile().name, profile.name);
            assert_eq!(profile.name.as_str().parse(), Ok(profile.name));
            assert_eq!(json!(profile.name), profile.name.as_str());
        }
        assert!("sok".parse::<Name>().unwrap_err().contains("soak"));
    }
}
