//! A marketing campaign: research, content, design, review, distribution, analytics.

use futures_util::future::try_join_all;
use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::{self, APPROVE, Approval, Sent};
use super::{Act, Hand, Note, PROGRESS, markdown, minutes};
use crate::problem::Problem;

mod campaign;
mod content;
mod delivery;
mod design;

pub(crate) use campaign::Campaign;
use campaign::is_page;
use content::Piece;
use delivery::Prepared;

/// The kind's name.
pub(crate) const KIND: &str = "marketing";

/// The signal by which a text is written anew.
const UPDATE: &str = "update_content";

/// What came of a campaign.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// `success`, or `rejected` when it was not approved of.
    status: String,
    campaign_name: String,
    /// Who approved of it or rejected it, and what they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<Approval>,
    research_count: usize,
    content_count: usize,
    design_count: usize,
    /// How many deliveries were prepared and sent, and why the rest was not.
    prepared_count: usize,
    sent_count: usize,
    deliveries: Vec<Prepared>,
    /// Where the report is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    report_key: Option<String>,
}

/// What the research found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Findings {
    findings: Vec<Finding>,
    /// Pages that were not looked at, as nothing that fetches pages is configured.
    not_fetched: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Finding {
    question: String,
    notes: Vec<Note>,
}

/// The signal `update_content`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    content_id: String,
    new_content: String,
}

/// The campaign, from the first question to the report.
pub(super) async fn run(hand: Hand, campaign: Campaign) -> Result<Outcome, Failure> {
    let run = &hand.run;
    let mut view = View::of(&campaign);
    view.show(&hand);
    hand.step("policy", minutes(1), campaign.brief(), permit).await?;

    run.progress(0, "research");
    let found = hand.step("research", minutes(5), campaign.clone(), research).await?;

    run.progress(20, "content_creation");
    hand.discard_if_undone("content");
    let writing = campaign.channels().into_iter().map(|channel| {
        let name = format!("write {channel}");
        let (hand, order) = (hand.clone(), (campaign.clone(), channel, found.clone()));
        async move { hand.step(&name, minutes(15), order, content::write).await }
    });
    let mut pieces: Vec<Piece> = try_join_all(writing).await?;

    run.progress(40, "design");
    hand.discard_if_undone("design");
    let order = (campaign.clone(), pieces.clone());
    let designs: Vec<String> = hand.step("design", minutes(10), order, design::draw).await?;

    run.progress(60, "review");
    let mut approval = None;
    if campaign.needs_approval() {
        approval = approval::wait(&hand, None, &campaign.reviewers()).await?;
        view.approval_received = approval.is_some();
        if !approval.as_ref().is_some_and(|approval| approval.approved) {
            run.undo().await;
            return Ok(Outcome::rejected(campaign, approval, &found));
        }
    }
    revise(&hand, &mut view, &mut pieces).await?;
    hand.step("review", minutes(5), pieces.clone(), content::review).await?;

    run.progress(70, "distribution");
    if let Some(launch) = campaign.schedule_time {
        run.sleep(launch.since(run.now())).await?;
    }
    hand.discard_if_undone("distribution");
    let order = (campaign.clone(), pieces.clone());
    let deliveries: Vec<Prepared> =
        hand.step("distribution", minutes(10), order, delivery::prepare).await?;

    run.progress(90, "analytics");
    hand.discard_if_undone("report.md");
    hand.discard_if_undone("analytics.json");
    let mut outcome = Outcome {
        status: "success".to_owned(),
        campaign_name: campaign.campaign_name.clone(),
        review: approval,
        research_count: found.count(),
        content_count: pieces.len(),
        design_count: designs.len(),
        prepared_count: deliveries.len(),
        sent_count: deliveries.iter().filter(|delivery| delivery.is_sent()).count(),
        deliveries,
        report_key: None,
    };
    let order = (campaign, pieces, found, outcome.clone());
    outcome.report_key = Some(hand.step("analytics", minutes(2), order, delivery::report).await?);
    run.progress(100, "analytics");
    Ok(outcome)
}

async fn permit(act: Act, brief: String) -> Result<f64, Failure> {
    act.permit(&brief).await.map(|answer| answer.score)
}

async fn research(act: Act, campaign: Campaign) -> Result<Findings, Failure> {
    let mut findings = Vec::new();
    for question in campaign.questions() {
        let notes = act.recall(&question).await?;
        findings.push(Finding { question, notes });
    }
    let pages = campaign.research_sources.iter().filter(|source| is_page(source));
    let not_fetched = pages.chain(&campaign.competitor_urls).cloned().collect();
    let found = Findings { findings, not_fetched };
    act.keep(vec![markdown("research.md", found.to_string())]).await?;
    Ok(found)
}

/// Refuses signals that a campaign would not understand: it would fail on them.
pub(super) fn check_signal(name: &str, payload: &Value) -> Result<(), Problem> {
    match name {
        APPROVE => approval::check(payload),
        UPDATE => approval::heard::<Update>(payload).map(drop),
        _ => {
            let detail = format!("a campaign hears `{APPROVE}` and `{UPDATE}`, not `{name}`");
            Err(Problem::invalid("/name", detail))
        }
    }
}

/// Takes over what people wrote meanwhile.
async fn revise(hand: &Hand, view: &mut View, pieces: &mut [Piece]) -> Result<(), Failure> {
    let mut updated = Vec::new();
    for Sent { payload, .. } in hand.run.received::<Sent<Update>>(UPDATE)? {
        if let Some(piece) = pieces.iter_mut().find(|piece| piece.content_id == payload.content_id)
        {
            piece.rewrite(payload.new_content);
            updated.push(piece.clone());
            view.content_updates += 1;
        }
    }
    view.show(hand);
    if updated.is_empty() {
        return Ok(());
    }
    hand.step("revise", minutes(1), updated, content::keep).await
}

/// What `get_progress` tells beyond progress, phase and times.
#[derive(Debug, Default, Serialize)]
struct View {
    content_updates: usize,
    approval_required: bool,
    approval_received: bool,
    reviewers: Vec<String>,
}

impl View {
    fn of(campaign: &Campaign) -> Self {
        let (approval_required, reviewers) = (campaign.needs_approval(), campaign.reviewers());
        Self { approval_required, reviewers, ..Self::default() }
    }

    fn show(&self, hand: &Hand) {
        hand.run.show(PROGRESS, self);
    }
}

impl Findings {
    fn count(&self) -> usize {
        self.findings.iter().map(|finding| finding.notes.len()).sum()
    }

    /// All notes, each once.
    fn notes(&self) -> Vec<Note> {
        let mut notes: Vec<Note> = Vec::new();
        for note in self.findings.iter().flat_map(|finding| &finding.notes) {
            if !notes.iter().any(|known| known.key == note.key) {
                notes.push(note.clone());
            }
        }
        notes
    }
}

impl std::fmt::Display for Findings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "# Research")?;
        for Finding { question, notes } in &self.findings {
            writeln!(formatter, "\n## {question}\n")?;
            if notes.is_empty() {
                writeln!(formatter, "Nothing in memory bears on this.")?;
            }
            for Note { key, text } in notes {
                writeln!(formatter, "- {} [{key}]", text.replace('\n', " "))?;
            }
        }
        if !self.not_fetched.is_empty() {
            writeln!(formatter, "\n## Not looked at\n")?;
            for page in &self.not_fetched {
                writeln!(formatter, "- {page}: nothing that fetches pages is configured")?;
            }
        }
        Ok(())
    }
}

impl Outcome {
    fn rejected(campaign: Campaign, review: Option<Approval>, found: &Findings) -> Self {
        Self {
            status: "rejected".to_owned(),
            campaign_name: campaign.campaign_name,
            review,
            research_count: found.count(),
            content_count: 0,
            design_count: 0,
            prepared_count: 0,
            sent_count: 0,
            deliveries: Vec::new(),
            report_key: None,
        }
    }
}
