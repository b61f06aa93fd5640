//! What a campaign is to be: its order, what is refused of it, and what it says by itself.

use std::time::Duration;

use schemars::JsonSchema;
use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::approval::PATIENCE;
use super::super::minutes;
use crate::auth::Caller;
use crate::problem::Problem;

/// A launch may be this far ahead.
const AHEAD: Duration = Duration::from_secs(31 * 24 * 3_600);

const MOST_ENTRIES: usize = 20;
const LONGEST_ENTRY: usize = 1_000;

/// What a campaign is to be.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Campaign {
    /// Its name.
    pub(crate) campaign_name: String,
    /// Whom it is for.
    #[serde(default)]
    pub(crate) target_audience: String,
    /// What it may cost.
    #[serde(default)]
    pub(crate) budget: f64,
    /// What it is to bring about.
    #[serde(default)]
    pub(crate) campaign_goals: Vec<String>,
    /// Where it appears; by e-mail, on social networks and in a blog unless said otherwise.
    #[serde(default)]
    pub(crate) channels: Vec<String>,
    /// What to look for in memory beside name, audience and goals.
    #[serde(default)]
    pub(crate) research_sources: Vec<String>,
    /// Pages of competitors.
    #[serde(default)]
    pub(crate) competitor_urls: Vec<String>,
    /// How it is to sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tone: Option<String>,
    /// The brand's voice; looked for in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) brand_voice_id: Option<String>,
    /// What designs are to follow, one after the other.
    #[serde(default)]
    pub(crate) design_templates: Vec<String>,
    /// When it is to appear; at once unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) schedule_time: Option<Timestamp>,
    /// Whether somebody has to approve of it before it appears.
    #[serde(default)]
    pub(crate) approval_required: bool,
    /// Who may approve of it; with any, somebody has to.
    #[serde(default)]
    pub(crate) reviewers: Vec<String>,
    /// The caller's tenant; another is refused.
    #[serde(default, alias = "tenant", skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<String>,
    /// The caller; another is refused.
    #[serde(default, alias = "user", skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    /// Anything the caller wants to keep with it. `reviewers` and `approval_required` count here, too.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

impl Campaign {
    /// Refuses what is no campaign.
    pub(crate) fn check(&self, now: Timestamp, caller: &Caller) -> Result<(), Problem> {
        if self.campaign_name.trim().is_empty() || self.campaign_name.chars().count() > 200 {
            let detail = "a campaign's name has 1 to 200 characters";
            return Err(Problem::invalid("/campaign_name", detail));
        }
        if !self.budget.is_finite() || self.budget < 0.0 {
            return Err(Problem::invalid("/budget", "a budget is a number from 0"));
        }
        if self.target_audience.len() > LONGEST_ENTRY {
            return Err(Problem::invalid("/target_audience", "the text is too long"));
        }
        for (name, text) in [("tone", &self.tone), ("brand_voice_id", &self.brand_voice_id)] {
            if text.as_ref().is_some_and(|text| text.len() > LONGEST_ENTRY) {
                return Err(Problem::invalid(format!("/{name}"), "the text is too long"));
            }
        }
        let lists = [
            ("campaign_goals", &self.campaign_goals),
            ("channels", &self.channels),
            ("research_sources", &self.research_sources),
            ("competitor_urls", &self.competitor_urls),
            ("design_templates", &self.design_templates),
            ("reviewers", &self.reviewers),
        ];
        for (name, list) in lists {
            if list.len() > MOST_ENTRIES {
                let detail = format!("at most {MOST_ENTRIES} entries may be given");
                return Err(Problem::invalid(format!("/{name}"), detail));
            }
            let wrong = |entry: &String| entry.trim().is_empty() || entry.len() > LONGEST_ENTRY;
            if let Some(at) = list.iter().position(wrong) {
                let detail = format!("an entry has 1 to {LONGEST_ENTRY} bytes");
                return Err(Problem::invalid(format!("/{name}/{at}"), detail));
            }
        }
        if let Some(at) = self.channels.iter().position(|channel| !is_name(channel)) {
            let detail = "a channel is a name of up to 40 letters, digits, `-` and `_`";
            return Err(Problem::invalid(format!("/channels/{at}"), detail));
        }
        let reviewers = self.reviewers();
        if !reviewers.is_empty() && reviewers.iter().all(|reviewer| *reviewer == caller.subject) {
            let detail = "whoever starts a campaign cannot approve of it: name somebody else, too";
            return Err(Problem::invalid("/reviewers", detail));
        }
        match self.schedule_time {
            Some(launch) if launch.since(now) > AHEAD => {
                Err(Problem::invalid("/schedule_time", "a launch may be 31 days ahead"))
            }
            // What is done then is done with this token.
            Some(launch) if !caller.is_anonymous() && launch >= caller.expires_at => {
                let detail = format!("the token ends before the launch, at {}", caller.expires_at);
                Err(Problem::invalid("/schedule_time", detail)
                    .hint("ask identity for a token that lasts until after the launch"))
            }
            _ => Ok(()),
        }
    }

    /// How long the whole may take.
    pub(crate) fn within(&self, now: Timestamp) -> Duration {
        let wait = self.schedule_time.map_or(Duration::ZERO, |launch| launch.since(now));
        PATIENCE + wait + minutes(120)
    }

    pub(super) fn channels(&self) -> Vec<String> {
        if self.channels.is_empty() {
            return ["email", "social", "blog"].map(str::to_owned).to_vec();
        }
        let mut channels = Vec::new();
        for channel in &self.channels {
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
        channels
    }

    pub(super) fn reviewers(&self) -> Vec<String> {
        let more = self.metadata.get("reviewers").and_then(Value::as_array);
        let more = more.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        self.reviewers.iter().cloned().chain(more).collect()
    }

    pub(super) fn needs_approval(&self) -> bool {
        let asked = self.metadata.get("approval_required").and_then(Value::as_bool);
        self.approval_required || asked == Some(true) || !self.reviewers().is_empty()
    }

    /// The campaign in words.
    pub(super) fn brief(&self) -> String {
        let mut lines = vec![format!("Campaign: {}", self.campaign_name)];
        let mut add = |name: &str, text: &str| {
            if !text.is_empty() {
                lines.push(format!("{name}: {text}"));
            }
        };
        add("Audience", &self.target_audience);
        add("Goals", &self.campaign_goals.join("; "));
        add("Tone", self.tone.as_deref().unwrap_or_default());
        lines.join("\n")
    }

    /// What is to be found out.
    pub(super) fn questions(&self) -> Vec<String> {
        let first = format!("{} {}", self.campaign_name, self.target_audience);
        let voice = self.brand_voice_id.iter().map(|voice| format!("brand voice {voice}"));
        let sources = self.research_sources.iter().filter(|source| !is_page(source)).cloned();
        [first]
            .into_iter()
            .chain(self.campaign_goals.iter().cloned())
            .chain(sources)
            .chain(voice)
            .collect()
    }
}

pub(super) fn is_page(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

fn is_name(text: &str) -> bool {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    text.len() <= 40 && text.chars().all(fine)
}
