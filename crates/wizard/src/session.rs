//! A walk through a wizard: which question is next, what was answered, and the plan at the end.

use jiff::civil::Date;
use seaworthy_document::nearest;
use serde_json::{Map, Value};

use crate::answer::{Answer, Answers};
use crate::definition::Definition;
use crate::error::{Error, shortened};
use crate::expression::Facts;
use crate::plan::Plan;
use crate::question::Question;

/// A walk through a wizard. Every step either takes effect whole or changes nothing.
#[derive(Clone, Debug)]
pub struct Session<'d> {
    definition: &'d Definition,
    answers: Answers,
}

/// How far a session is. `completed` never exceeds `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    /// Questions that were answered, with nothing too.
    #[serde(rename = "completed_steps")]
    pub completed: usize,
    /// Questions there are.
    #[serde(rename = "total_steps")]
    pub total: usize,
    /// Whole percent, rounded down: 100 only when every question is answered.
    pub percentage: usize,
}

impl<'d> Session<'d> {
    /// A session in which nothing was answered yet.
    pub fn begin(definition: &'d Definition) -> Self {
        Self { definition, answers: Answers::default() }
    }

    /// A session with the answers that [`Session::answers`] gave as JSON.
    ///
    /// # Errors
    /// [`Error::Unfit`] when they are not answers of this definition.
    pub fn resume(definition: &'d Definition, kept: &Map<String, Value>) -> Result<Self, Error> {
        let mut answers = Answers::default();
        for question in &definition.questions {
            let Some(value) = kept.get(&question.id) else { break };
            let unfit = |_| Error::Unfit { question: question.id.clone() };
            answers.set(&question.id, question.read(value).map_err(unfit)?);
        }
        // Questions are answered in their order, so that none was left out before another.
        match kept.keys().find(|id| answers.get(id).is_none()) {
            Some(question) => Err(Error::Unfit { question: shortened(question) }),
            None => Ok(Self { definition, answers }),
        }
    }

    /// The wizard.
    pub fn definition(&self) -> &'d Definition {
        self.definition
    }

    /// What was answered so far.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The question to be answered now; none when all are.
    pub fn current(&self) -> Option<&'d Question> {
        self.definition.questions.get(self.answers.len())
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let (completed, total) = (self.answers.len(), self.definition.questions.len());
        Progress { completed, total, percentage: (completed * 100).checked_div(total).unwrap_or(0) }
    }

    /// Whether every question is answered.
    pub fn is_complete(&self) -> bool {
        self.current().is_none()
    }

    /// Answers the current question. A rule is judged as soon as all its questions are answered.
    ///
    /// With `question`, it must be the current one: who repeats a request does not answer the next
    /// question by accident.
    ///
    /// # Errors
    /// Why the answer is not taken; nothing has changed then.
    pub fn answer(
        &mut self,
        question: Option<&str>,
        given: &Value,
        today: Date,
    ) -> Result<(), Error> {
        let named = question.map(|id| self.known(id)).transpose()?;
        let current = self.current().ok_or(Error::Complete)?;
        if named.is_some_and(|named| named.id != current.id) {
            return Err(Error::NotCurrent { current: current.id.clone() });
        }
        let mut answers = self.answers.clone();
        answers.set(&current.id, current.accept(given, today)?);
        self.settle(answers, &[&current.id], today)
    }

    /// Changes earlier answers, all of them or none.
    ///
    /// # Errors
    /// Why they are not taken; nothing has changed then.
    pub fn modify(&mut self, changes: &Map<String, Value>, today: Date) -> Result<(), Error> {
        let mut answers = self.answers.clone();
        let mut changed = Vec::new();
        for (id, given) in changes {
            let question = self.known(id)?;
            if self.answers.get(&question.id).is_none() {
                return Err(Error::NotYetAnswered { question: question.id.clone() });
            }
            answers.set(&question.id, question.accept(given, today)?);
            changed.push(question.id.as_str());
        }
        self.settle(answers, &changed, today)
    }

    /// Holds every answer and rule against the day it is: what was right when it was said may be late
    /// by now.
    ///
    /// # Errors
    /// The first that does not hold any more, or [`Error::Incomplete`].
    pub fn review(&self, today: Date) -> Result<(), Error> {
        let open = self.definition.questions.len() - self.answers.len();
        if open > 0 {
            return Err(Error::Incomplete { open });
        }
        for question in &self.definition.questions {
            question.judge(self.answers.get(&question.id).unwrap_or(&Answer::Nothing), today)?;
        }
        self.rules(&self.answers, None, today)
    }

    /// The plan that the answers make.
    ///
    /// # Errors
    /// What [`Session::review`] finds.
    pub fn plan(&self, plan_id: String, today: Date) -> Result<Plan, Error> {
        self.review(today)?;
        Ok(Plan::make(self.definition, &self.answers, plan_id, today))
    }

    fn known(&self, id: &str) -> Result<&'d Question, Error> {
        self.definition.question(id).ok_or_else(|| {
            let ids = self.definition.questions.iter().map(|question| question.id.as_str());
            let nearest = nearest(id, ids).map(str::to_owned);
            Error::UnknownQuestion { question: shortened(id), nearest }
        })
    }

    fn settle(&mut self, answers: Answers, changed: &[&str], today: Date) -> Result<(), Error> {
        self.rules(&answers, Some(changed), today)?;
        self.answers = answers;
        Ok(())
    }

    /// Judges the rules whose questions are all answered; with `changed`, those that speak of one of
    /// these, since the others were judged when theirs were.
    fn rules(&self, answers: &Answers, changed: Option<&[&str]>, today: Date) -> Result<(), Error> {
        for rule in &self.definition.rules {
            let names = rule.condition.expression().names();
            let answered = names.iter().all(|name| answers.get(name).is_some());
            let touched =
                changed.is_none_or(|changed| names.iter().any(|name| changed.contains(name)));
            if answered && touched && !rule.condition.holds(&Facts { answers, today }) {
                return Err(Error::Rule {
                    message: rule.message.clone(),
                    rule: rule.text.clone(),
                    questions: names.into_iter().map(str::to_owned).collect(),
                });
            }
        }
        Ok(())
    }
}
