//! What each action does: the platform's own with memory and inference, an outside one as far as it can
//! be prepared here.

use std::fmt::Write as _;

use futures_util::future::try_join_all;
use seaworthy_wizard::Action;
use seaworthy_workflow::Failure;
use serde_json::{Map, Value, json};

use super::super::approval::Approval;
use super::super::picture::Picture;
use super::super::{Act, Hand, Note, document, markdown, minutes, shorten};
use super::board::{Job, Made, NOT_SENT, Piece, Told};

/// The longest question to memory and the longest order to inference, in characters.
const LONGEST_QUERY: usize = 4_000;
const LONGEST_PROMPT: usize = 15_000;

/// How many memories an order may rest on.
const MOST_NOTES: usize = 20;

/// Does what a job says.
pub(super) async fn carry_out(hand: &Hand, job: Job) -> Result<Made, Failure> {
    let name = job.name();
    match Action::read(&job.action) {
        Some(Action::Complete) => write_all(hand, job).await,
        Some(Action::Retrieve) => hand.step(&name, minutes(5), job, retrieve).await,
        Some(Action::Remember) => hand.step(&name, minutes(5), job, remember).await,
        Some(Action::Draw) => hand.step(&name, minutes(5), job, draw).await,
        Some(Action::Outside) => hand.step(&name, minutes(5), job, prepare).await,
        Some(Action::Review) | None => {
            let message = format!("the platform does not do `{}`", job.action);
            Err(Failure::lasting("unknown_action", message))
        }
    }
}

/// Looks for what is remembered about `query`.
async fn retrieve(act: Act, job: Job) -> Result<Made, Failure> {
    let query = shorten(job.text("query").unwrap_or(&job.title), LONGEST_QUERY);
    let notes = act.recall(&query).await?;
    let mut text = format!("# {}\n\nAsked of memory: {query}\n\n", job.title);
    if notes.is_empty() {
        text.push_str("Nothing in memory bears on this.\n");
    }
    for Note { key, text: note } in &notes {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "- {} [{key}]", note.replace('\n', " "));
    }
    let found = notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>().join("\n");
    let artifact = format!("{}.md", job.name());
    act.keep(vec![markdown(artifact.clone(), text)]).await?;
    let piece = Piece { channel: None, text: Some(found), artifact };
    Ok(Made { told: Told::done(&job, vec![piece.artifact.clone()]), pieces: vec![piece], notes })
}

/// Has something remembered under `key`: its `value`, or else what was made for it.
async fn remember(act: Act, job: Job) -> Result<Made, Failure> {
    let key = job.text("key").unwrap_or(&job.title).to_owned();
    let mut value = job.text("value").map(str::to_owned).unwrap_or_default();
    if value.is_empty() {
        value = format!("{}: {}.", job.campaign_name, job.title);
        for (name, param) in
            job.params.get("metadata").and_then(Value::as_object).into_iter().flatten()
        {
            let _ = write!(value, "\n{}: {}", name.replace('_', " "), words(param));
        }
    }
    let mut metadata = Map::new();
    for (name, param) in
        job.params.iter().filter(|(name, _)| !["key", "value"].contains(&name.as_str()))
    {
        metadata.insert(name.clone(), param.clone());
    }
    metadata.insert("workflow_id".to_owned(), act.run().id().into());
    act.remember_as(&key, &value, metadata.clone()).await?;
    let artifact = format!("{}.json", job.name());
    let record = json!({"key": key, "value": value, "metadata": metadata});
    act.keep(vec![document(artifact.clone(), &record)]).await?;
    let piece = Piece { channel: None, text: Some(value), artifact };
    let told = Told::done(&job, vec![piece.artifact.clone()]);
    Ok(Made { told, pieces: vec![piece], notes: Vec::new() })
}

/// A text for each of `channels`, or one.
async fn write_all(hand: &Hand, job: Job) -> Result<Made, Failure> {
    let mut channels: Vec<Option<String>> = match job.params.get("channels") {
        Some(Value::Array(entries)) => {
            entries.iter().filter_map(Value::as_str).map(|one| Some(one.to_owned())).collect()
        }
        Some(Value::String(one)) if !one.is_empty() => vec![Some(one.clone())],
        _ => Vec::new(),
    };
    let mut seen = Vec::new();
    channels.retain(|channel| {
        !seen.contains(channel) && {
            seen.push(channel.clone());
            true
        }
    });
    if channels.is_empty() {
        channels.push(None);
    }
    let writing = channels.into_iter().enumerate().map(|(at, channel)| {
        let name = match &channel {
            Some(channel) => format!("{}-{}", job.name(), file_name(channel, at)),
            None => job.name(),
        };
        let order = (job.clone(), name.clone(), channel);
        async move { hand.step(&name, minutes(15), order, write).await }
    });
    let written: Vec<Made> = try_join_all(writing).await?;
    let told =
        Told::done(&job, written.iter().flat_map(|one| one.told.artifacts.clone()).collect());
    let mut all = Made { told, pieces: Vec::new(), notes: Vec::new() };
    for one in written {
        all.pieces.extend(one.pieces);
        let new = |note: &Note| !all.notes.iter().any(|known| known.key == note.key);
        let notes: Vec<Note> = one.notes.into_iter().filter(new).collect();
        all.notes.extend(notes);
    }
    Ok(all)
}

/// One text: what inference answers on the ground of the notes; the order itself where nothing bears on
/// it. The policy judges what came of it.
async fn write(
    act: Act,
    (job, name, channel): (Job, String, Option<String>),
) -> Result<Made, Failure> {
    let order = order(&job, channel.as_deref());
    let notes: Vec<Note> = job.notes.iter().take(MOST_NOTES).cloned().collect();
    let reply = act.ask(&order, &notes).await?;
    let text = if reply.grounded { reply.completion.clone() } else { order.clone() };
    let answer = act.judge(&text).await?;
    if !answer.allowed {
        let message = format!("the tenant's policy denies the text `{name}`");
        return Err(Failure::lasting("content_denied", message));
    }
    let heading =
        channel.as_ref().map_or_else(|| job.title.clone(), |one| format!("{} ({one})", job.title));
    let basis = if reply.grounded {
        ""
    } else {
        "\nNothing known bears on this: the order stands in its place.\n"
    };
    let page = format!(
        "# {heading}\n\n> {}\n\n{}\n{basis}\nWritten by {}.\n",
        order.replace('\n', "\n> "),
        reply.completion,
        reply.model
    );
    let artifact = format!("{name}.md");
    act.keep(vec![markdown(artifact.clone(), page)]).await?;
    let quoted = |source: crate::inference::Source| Note { key: source.key, text: source.value };
    Ok(Made {
        told: Told::done(&job, vec![artifact.clone()]),
        pieces: vec![Piece { channel, text: Some(text), artifact }],
        notes: reply.sources.into_iter().map(quoted).collect(),
    })
}

/// What inference is asked: the prompt, and every other parameter that does not name what was made.
fn order(job: &Job, channel: Option<&str>) -> String {
    let mut order = job.text("prompt").unwrap_or(&job.title).to_owned();
    if let Some(channel) = channel {
        let _ = write!(order, "\nChannel: {channel}");
    }
    for (name, value) in &job.params {
        let told = ["prompt", "channels"].contains(&name.as_str());
        if !told && !job.taken.contains(name) && !value.is_null() {
            let _ = write!(order, "\n{}: {}", name.replace('_', " "), words(value));
        }
    }
    shorten(&order, LONGEST_PROMPT)
}

/// A picture for each text it was given, or for itself.
async fn draw(act: Act, job: Job) -> Result<Made, Failure> {
    let texts: Vec<&Piece> = job.pieces.iter().filter(|piece| piece.text.is_some()).collect();
    let shown: Vec<(Option<&str>, &str)> = match texts.as_slice() {
        [] => vec![(None, job.title.as_str())],
        texts => texts
            .iter()
            .map(|piece| (piece.channel.as_deref(), piece.text.as_deref().unwrap_or_default()))
            .collect(),
    };
    let template = job.text("template");
    let (mut drawn, mut pieces) = (Vec::new(), Vec::new());
    for (at, (channel, body)) in shown.into_iter().enumerate() {
        let place = channel.map_or_else(|| (at + 1).to_string(), |channel| file_name(channel, at));
        let artifact = format!("{}-{place}.svg", job.name());
        let picture = Picture {
            channel: channel.unwrap_or_default(),
            title: &job.campaign_name,
            body,
            template,
        };
        drawn.push(picture.draw(artifact.clone(), at));
        pieces.push(Piece { channel: channel.map(str::to_owned), text: None, artifact });
    }
    act.keep(drawn).await?;
    let told = Told::done(&job, pieces.iter().map(|piece| piece.artifact.clone()).collect());
    Ok(Made { told, pieces, notes: Vec::new() })
}

/// Everything that whoever has the tool needs to do it. Nothing outside is configured, so nothing is
/// sent.
async fn prepare(act: Act, job: Job) -> Result<Made, Failure> {
    let tool = job.action.split('.').next().unwrap_or_default();
    let reason = format!("no `{tool}` is configured");
    let artifact = format!("{}.json", job.name());
    let prepared = json!({
        "action": job.action,
        "status": NOT_SENT,
        "reason": reason,
        "prepared_at": act.now(),
        "campaign_name": job.campaign_name,
        "launch_date": job.launch_date,
        "params": job.params,
        "made_of": job.pieces.iter().map(|piece| &piece.artifact).collect::<Vec<_>>(),
    });
    act.keep(vec![document(artifact.clone(), &prepared)]).await?;
    let told = Told {
        status: NOT_SENT.to_owned(),
        reason: Some(reason),
        ..Told::done(&job, vec![artifact.clone()])
    };
    let pieces = vec![Piece { channel: None, text: None, artifact }];
    Ok(Made { told, pieces, notes: Vec::new() })
}

/// Keeps who approved, of what.
pub(super) async fn record(
    act: Act,
    (job, decided): (Job, Option<Approval>),
) -> Result<Made, Failure> {
    let artifact = format!("{}.json", job.name());
    let made_of: Vec<&String> = job.pieces.iter().map(|piece| &piece.artifact).collect();
    let record = json!({"decided": decided, "made_of": made_of, "params": job.params});
    act.keep(vec![document(artifact.clone(), &record)]).await?;
    let by = decided.map(|decided| format!("approved by {}", decided.by));
    let told = Told { status: "approved".to_owned(), ..Told::done(&job, vec![artifact.clone()]) };
    Ok(Made { told, pieces: vec![Piece { channel: None, text: by, artifact }], notes: Vec::new() })
}

/// A value as it stands in a sentence.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(entries) => entries.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What a channel's file is called: by its name, or where that is no name, by its place.
fn file_name(channel: &str, at: usize) -> String {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let is_name = (1..=40).contains(&channel.len()) && channel.chars().all(fine);
    // A number cannot be taken for another's place.
    let is_number = channel.bytes().all(|byte| byte.is_ascii_digit());
    if is_name && !is_number { channel.to_owned() } else { (at + 1).to_string() }
}

impl Told {
    fn done(job: &Job, artifacts: Vec<String>) -> Self {
        Self { action: job.action.clone(), status: "done".to_owned(), reason: None, artifacts }
    }
}
