//! Wizards: questions that are asked one after the other, and the plan that comes out of the answers.
//!
//! A [`Definition`] is YAML that was read and checked, with findings that have their line and column.
//! A [`Session`] is a walk through one: it takes answers, refuses those that are wrong, judges the
//! definition's rules, and makes a [`Plan`] once every question is answered. A [`Catalog`] holds
//! definitions by id. Conditions and rules are [`expression`]s; rules may also be plain English of the
//! few forms that [`sentence`] knows.
//!
//! Everything here is pure: no files, no clock (the day it is comes in), nothing that waits. Nothing a
//! person answers makes it fail other than with an [`Error`] that says why.

pub mod action;
pub mod answer;
pub mod catalog;
pub mod day;
pub mod definition;
pub mod error;
pub mod expression;
pub mod plan;
pub mod question;
pub mod sentence;
pub mod session;
pub mod template;

mod check;
mod spec;
mod work;

pub use action::Action;
pub use answer::{Answer, Answers};
pub use catalog::Catalog;
pub use definition::Definition;
pub use error::Error;
pub use jiff::civil::Date;
pub use plan::Plan;
pub use question::Question;
pub use session::{Progress, Session};
