//! The questions of a definition: ids, steps, options, bounds and defaults.

use std::collections::BTreeSet;

use jiff::civil::date;
use seaworthy_document::{Finding, Located};
use serde_json::Value;

use super::Check;
use crate::day::Day;
use crate::expression::KEYWORDS;
use crate::question::{
    Choice, Fallback, Kind, LONGEST_LONG_TEXT, LONGEST_TEXT, Length, MOST_ENTRIES, Question,
};
use crate::spec;

/// The most options of one question.
const MOST_OPTIONS: usize = 200;

pub(super) fn read(check: &mut Check<'_>, typed: Vec<spec::Question>) -> Vec<Question> {
    check.twice(typed.iter().map(|question| &question.id), "the question");
    steps(check, &typed);
    let mut questions: Vec<(usize, Question)> = typed
        .into_iter()
        .enumerate()
        .map(|(index, typed)| {
            let step = typed.step.as_ref().map_or(index + 1, |step| step.value as usize);
            (step, question(check, step, typed))
        })
        .collect();
    questions.sort_by_key(|(step, _)| *step);
    questions.into_iter().map(|(_, question)| question).collect()
}

/// Either no question has a step, or they are 1 to n, each once.
fn steps(check: &mut Check<'_>, typed: &[spec::Question]) {
    let given: Vec<&Located<u32>> = typed.iter().filter_map(|one| one.step.as_ref()).collect();
    if given.is_empty() {
        return;
    }
    let mut seen = BTreeSet::new();
    for step in given {
        let fits = (1..=typed.len()).contains(&(step.value as usize)) && seen.insert(step.value);
        if !fits {
            let reason = format!("there is no room for a question at step {}", step.value);
            let hint = format!("{} questions have the steps 1 to {0}, each once", typed.len());
            check.say(Finding::error("wizard-steps", reason).hint(hint), step);
        }
    }
    for question in typed.iter().filter(|question| question.step.is_none()) {
        let reason = format!("`{}` has no step, but others have", question.id.value);
        check.error("wizard-steps", &question.id, reason);
    }
}

fn question(check: &mut Check<'_>, step: usize, typed: spec::Question) -> Question {
    check.id(&typed.id, "a question");
    if KEYWORDS.contains(&typed.id.as_str()) {
        let reason = format!("`{}` means something else in conditions", typed.id.value);
        check.say(Finding::error("wizard-id", reason).hint("choose another id"), &typed.id);
    }
    if typed.prompt.trim().is_empty() {
        check.error("wizard-id", &typed.prompt, "the question's prompt is empty");
    }
    unfit(check, &typed);
    let kind = kind(check, &typed);
    let mut question = Question {
        id: typed.id.value,
        step,
        prompt: typed.prompt.value,
        kind,
        required: typed.required,
        default: None,
        placeholder: typed.placeholder,
        help: typed.help,
    };
    if let Some(default) = typed.default {
        question.default = self::default(check, &question, &default);
    }
    question
}

/// What is said of a question that its type has not.
fn unfit(check: &mut Check<'_>, typed: &spec::Question) {
    use spec::Kind::{Date, LongText, MultiSelect, MultiText, Number, Select, Text};
    fn at<T>(value: &Option<Located<T>>) -> Option<Located<()>> {
        value.as_ref().map(|value| value.with(()))
    }
    let bounds = &typed.validation;
    type Said<'s> = (&'s str, Option<Located<()>>, &'s [spec::Kind]);
    let said: [Said<'_>; 11] = [
        ("min_length", at(&bounds.min_length), &[Text, LongText, MultiText]),
        ("max_length", at(&bounds.max_length), &[Text, LongText, MultiText]),
        ("min", at(&bounds.min), &[Number]),
        ("max", at(&bounds.max), &[Number]),
        ("min_date", at(&bounds.min_date), &[Date]),
        ("max_date", at(&bounds.max_date), &[Date]),
        ("min_selections", at(&bounds.min_selections), &[MultiText, MultiSelect]),
        ("min_selections", at(&typed.min_selections), &[MultiText, MultiSelect]),
        ("unit", at(&typed.unit), &[Number]),
        ("rows", at(&typed.rows), &[LongText]),
        ("options", typed.options.as_ref().map(|_| typed.kind.with(())), &[Select, MultiSelect]),
    ];
    for (name, place, kinds) in said {
        if let Some(place) = place
            && !kinds.contains(&typed.kind)
        {
            let reason = format!("`{name}` means nothing for the type of `{}`", typed.id.value);
            check.error("wizard-unfit", &place, reason);
        }
    }
    if let (Some(_), Some(again)) = (&typed.min_selections, &bounds.min_selections) {
        check.error("wizard-unfit", again, "`min_selections` is said twice");
    }
}

fn kind(check: &mut Check<'_>, typed: &spec::Question) -> Kind {
    let least_selections =
        typed.min_selections.as_ref().or(typed.validation.min_selections.as_ref());
    let least = least_selections.map_or(usize::from(typed.required), |least| least.value as usize);
    match typed.kind.value {
        spec::Kind::Text => Kind::Text(length(check, typed, LONGEST_TEXT)),
        spec::Kind::LongText => Kind::LongText {
            length: length(check, typed, LONGEST_LONG_TEXT),
            rows: typed.rows.as_ref().map(|rows| rows.value),
        },
        spec::Kind::MultiText => {
            selections(check, least_selections, MOST_ENTRIES);
            Kind::MultiText { length: length(check, typed, LONGEST_TEXT), least }
        }
        spec::Kind::Select => Kind::Select(options(check, typed)),
        spec::Kind::MultiSelect => {
            let options = options(check, typed);
            selections(check, least_selections, options.len());
            Kind::MultiSelect { options, least }
        }
        spec::Kind::Date => dates(check, typed),
        spec::Kind::Number => numbers(check, typed),
        spec::Kind::Boolean => Kind::Boolean,
    }
}

fn selections(check: &mut Check<'_>, least: Option<&Located<u32>>, most: usize) {
    if let Some(least) = least
        && least.value as usize > most
    {
        let reason = format!("{} selections cannot be made of {most}", least.value);
        check.error("wizard-bounds", least, reason);
    }
}

fn length(check: &mut Check<'_>, typed: &spec::Question, usual: usize) -> Length {
    let bounds = &typed.validation;
    let least = bounds.min_length.as_ref().map_or(0, |least| least.value as usize);
    let most = bounds.max_length.as_ref().map_or(usual.max(least), |most| most.value as usize);
    for bound in [&bounds.min_length, &bounds.max_length].into_iter().flatten() {
        if bound.value as usize > LONGEST_LONG_TEXT {
            let reason = format!("texts have at most {LONGEST_LONG_TEXT} characters");
            check.error("wizard-bounds", bound, reason);
        }
    }
    if let Some(bound) = bounds.max_length.as_ref().filter(|_| least > most || most == 0) {
        check.error("wizard-bounds", bound, format!("no text has {least} to {most} characters"));
    }
    Length { least, most }
}

fn options(check: &mut Check<'_>, typed: &spec::Question) -> Vec<Choice> {
    let options = typed.options.as_deref().unwrap_or_default();
    if options.is_empty() || options.len() > MOST_OPTIONS {
        let reason = format!(
            "`{}` has {} options; 1 to {MOST_OPTIONS} are possible",
            typed.id.value,
            options.len()
        );
        check.error("wizard-options", &typed.kind, reason);
        return Vec::new();
    }
    check.twice(options.iter().map(|option| &option.value), "the option");
    for option in options {
        if option.value.trim() != option.value.value || option.value.is_empty() {
            let reason = "an option's value is empty, or has spaces around it";
            check.error("wizard-options", &option.value, reason);
        }
    }
    let read = options.iter().map(|option| Choice {
        value: option.value.value.clone(),
        label: option.label.clone().unwrap_or_else(|| option.value.value.clone()),
        description: option.description.clone(),
        tools: option.tools.clone(),
    });
    read.collect()
}

fn dates(check: &mut Check<'_>, typed: &spec::Question) -> Kind {
    let mut read = |text: &Option<Located<String>>| {
        let text = text.as_ref()?;
        let day = Day::read(text);
        if day.is_none() {
            let reason = format!("`{}` is no day", text.value);
            let hint = "write `today`, `+6 months`, `-1 week` or `2026-12-01`";
            check.say(Finding::error("wizard-date", reason).hint(hint), text);
        }
        day
    };
    let earliest = read(&typed.validation.min_date);
    let latest = read(&typed.validation.max_date);
    if let (Some(earliest), Some(latest), Some(at)) = (earliest, latest, &typed.validation.max_date)
        && certainly_before(latest, earliest)
    {
        check.error("wizard-bounds", at, "the last day is before the first");
    }
    Kind::Date { earliest, latest }
}

/// Whether a day is before another whenever today is. Of a fixed day and one that moves nobody knows.
fn certainly_before(one: Day, other: Day) -> bool {
    let reference = date(2024, 1, 1);
    one.moves() == other.moves() && one.on(reference) < other.on(reference)
}

fn numbers(check: &mut Check<'_>, typed: &spec::Question) -> Kind {
    let bounds = &typed.validation;
    for bound in [&bounds.min, &bounds.max].into_iter().flatten() {
        if !bound.value.is_finite() {
            check.error("wizard-bounds", bound, "a bound is a finite number");
        }
    }
    let value = |bound: &Option<Located<f64>>| bound.as_ref().map(|bound| bound.value);
    let (least, most) = (value(&bounds.min), value(&bounds.max));
    if let (Some(least), Some(most), Some(at)) = (least, most, &bounds.max)
        && least > most
    {
        check.error("wizard-bounds", at, format!("no number is {least} to {most}"));
    }
    Kind::Number { least, most, unit: typed.unit.as_ref().map(|unit| unit.value.clone()) }
}

/// The default, which must be an answer that is taken.
fn default(check: &mut Check<'_>, question: &Question, typed: &Located<Value>) -> Option<Fallback> {
    if let (Kind::Date { earliest, latest }, Value::String(text)) = (&question.kind, &typed.value) {
        let Some(day) = Day::read(text) else {
            let reason = format!("the default `{text}` is no day");
            let hint = "write `today`, `+2 weeks` or `2026-12-01`";
            check.say(Finding::error("wizard-default", reason).hint(hint), typed);
            return None;
        };
        if earliest.is_some_and(|earliest| certainly_before(day, earliest))
            || latest.is_some_and(|latest| certainly_before(latest, day))
        {
            check.error("wizard-default", typed, "the default is not within the question's bounds");
        }
        return Some(Fallback::Day(day));
    }
    // No kind but dates looks at the day.
    let taken = question.read(&typed.value).and_then(|answer| {
        question.judge(&answer, date(2024, 1, 1))?;
        Ok(answer)
    });
    match taken {
        Ok(answer) => Some(Fallback::Fixed(answer)),
        Err(error) => {
            check.error("wizard-default", typed, format!("the default is not taken: {error}"));
            None
        }
    }
}
