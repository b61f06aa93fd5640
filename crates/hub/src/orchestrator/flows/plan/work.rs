//! What each action does: the platform's own with memory and inference, an outside one as far as it can
//! be prepared here.

use std::fmt::Write as _;

use futures_util::future::try_join_all;
use seaworthy_wizard::{Action, template};
use seaworthy_workflow::Failure;
use serde_json::{Map, Value, json};

use super::super::approval::Approval;
use super::super::picture::Picture;
use super::super::{Act, Hand, NOT_SENT, Note, document, markdown, minutes, shorten};
use super::board::{Job, Made, Piece, Told};
use crate::memory::{LONGEST_KEY, LONGEST_METADATA};

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
    let query = shorten(&job.text("query").unwrap_or_else(|| job.title.clone()), LONGEST_QUERY);
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
    // What was found is handed on as it was found, note by note.
    let piece = Piece { channel: None, text: Some(found), artifact, grounded: false };
    Ok(Made { told: Told::done(&job, vec![piece.artifact.clone()]), pieces: vec![piece], notes })
}

/// Has something remembered under `key`: its `value`, or else its name and its metadata in words. What
/// memory would not take is cut or left out, and the record says so.
async fn remember(act: Act, job: Job) -> Result<Made, Failure> {
    let key = as_key(&job.text("key").unwrap_or_else(|| job.title.clone()));
    let mut metadata = Map::new();
    for (name, param) in &job.params {
        match (name.as_str(), param) {
            ("key" | "value", _) => {}
            ("metadata", Value::Object(members)) => metadata.extend(members.clone()),
            _ => drop(metadata.insert(name.clone(), param.clone())),
        }
    }
    let value = job.text("value").unwrap_or_else(|| {
        let mut value = format!("{}.", job.campaign_name);
        for (name, param) in &metadata {
            let _ = write!(value, "\n{}: {}", name.replace('_', " "), template::words(param));
        }
        value
    });
    let value = shorten(&value, LONGEST_PROMPT);
    act.permit(&format!("{value}\n{}", job.words())).await?;
    metadata.insert("workflow_id".to_owned(), act.run().id().into());
    let size = serde_json::to_vec(&metadata).map_or(usize::MAX, |text| text.len());
    let left_out = size > LONGEST_METADATA;
    if left_out {
        metadata.retain(|name, _| name == "workflow_id");
    }
    act.remember_as(&key, &value, metadata.clone()).await?;
    let artifact = format!("{}.json", job.name());
    let mut record = json!({"key": key, "value": value, "metadata": metadata});
    if left_out {
        let why = format!("the metadata is longer than {LONGEST_METADATA} bytes");
        record["left_out"] = why.into();
    }
    act.keep(vec![document(artifact.clone(), &record)]).await?;
    let piece = Piece { channel: None, text: Some(value), artifact, grounded: false };
    let told = Told::done(&job, vec![piece.artifact.clone()]);
    Ok(Made { told, pieces: vec![piece], notes: Vec::new() })
}

/// A text as memory takes it for a key.
fn as_key(text: &str) -> String {
    let line: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line[..line.floor_char_boundary(LONGEST_KEY)].to_owned()
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
    let artifacts = written.iter().flat_map(|one| one.told.artifacts.clone()).collect();
    let grounded = written.iter().all(|one| one.told.grounded == Some(true));
    let told = Told { grounded: Some(grounded), ..Told::done(&job, artifacts) };
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
        format!("Written by {}.", reply.model)
    } else {
        format!("Nothing known to {} bears on this: the order stands in its place.", reply.model)
    };
    let quoted = order.replace('\n', "\n> ");
    let page = format!("# {heading}\n\n> {quoted}\n\n{text}\n\n{basis}\n");
    let artifact = format!("{name}.md");
    act.keep(vec![markdown(artifact.clone(), page)]).await?;
    let quoted = |source: crate::inference::Source| Note { key: source.key, text: source.value };
    Ok(Made {
        told: Told { grounded: Some(reply.grounded), ..Told::done(&job, vec![artifact.clone()]) },
        pieces: vec![Piece { channel, text: Some(text), artifact, grounded: reply.grounded }],
        notes: reply.sources.into_iter().map(quoted).collect(),
    })
}

/// What inference is asked: the prompt, and every other parameter, with artifacts' names in the place of
/// what was made; what those hold are notes.
fn order(job: &Job, channel: Option<&str>) -> String {
    let mut order = job.text("prompt").unwrap_or_else(|| job.title.clone());
    if let Some(channel) = channel {
        let _ = write!(order, "\nChannel: {channel}");
    }
    for (name, value) in &job.named {
        let words = template::words(value);
        if !["prompt", "channels"].contains(&name.as_str()) && !words.is_empty() {
            let _ = write!(order, "\n{}: {words}", name.replace('_', " "));
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
    let (template, mut names) = (job.text("template"), Vec::new());
    let (mut drawn, mut pieces) = (Vec::new(), Vec::new());
    for (at, (channel, body)) in shown.into_iter().enumerate() {
        // A channel's name is its first picture's; others go by their place.
        let name = channel.map(|channel| file_name(channel, at)).filter(|one| !names.contains(one));
        let name = name.unwrap_or_else(|| (at + 1).to_string());
        let artifact = format!("{}-{name}.svg", job.name());
        names.push(name);
        let picture = Picture {
            channel: channel.unwrap_or_default(),
            title: &job.campaign_name,
            body,
            template: template.as_deref(),
        };
        drawn.push(picture.draw(artifact.clone(), at));
        pieces.push(Piece {
            channel: channel.map(str::to_owned),
            text: None,
            artifact,
            grounded: false,
        });
    }
    act.keep(drawn).await?;
    let told = Told::done(&job, pieces.iter().map(|piece| piece.artifact.clone()).collect());
    Ok(Made { told, pieces, notes: Vec::new() })
}

/// Everything that whoever has the tool needs to do it. Nothing outside is configured, so nothing is
/// sent.
async fn prepare(act: Act, job: Job) -> Result<Made, Failure> {
    // Answers and texts were judged one by one; this is what they make together.
    act.permit(&job.words()).await?;
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
    let pieces = vec![Piece { channel: None, text: None, artifact, grounded: false }];
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
    let piece = Piece { channel: None, text: by, artifact, grounded: false };
    Ok(Made { told, pieces: vec![piece], notes: Vec::new() })
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
        let (action, status) = (job.action.clone(), "done".to_owned());
        Self { action, status, reason: None, grounded: None, artifacts }
    }
}
