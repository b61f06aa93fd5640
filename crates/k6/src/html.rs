//! HTML as `k6/html` sees it: a parsed page, selections in jQuery's manner, elements with their properties.
//!
//! No JavaScript here. k6 builds on Go's parser, on goquery and on cascadia's dialect of CSS, and scripts
//! rely on what these do: `find` that keeps an odd order, `:contains(text)` without quotes, markup with
//! `&#34;` for a quote. This module follows them; the parser underneath is html5ever, which keeps to the
//! same standard as Go's.

mod address;
mod build;
mod data;
mod element;
mod error;
mod form;
mod kinds;
mod markup;
mod property;
mod relations;
mod selection;
mod selector;
mod submission;
mod tree;

pub use address::Address;
pub use build::{MAX_DEPTH, MAX_NODES};
pub use data::Datum;
pub use element::{Attribute, Element};
pub use error::Error;
pub use form::{Field, FieldValue};
pub use property::{Kind, Property, kind_of, property_names};
pub use selection::{Selection, Stop};
pub use selector::Selector;
pub use submission::{DEFAULT_FORM, DEFAULT_LINK, DEFAULT_SUBMIT, Submission, link};
pub use tree::{Document, NodeId, NodeType};
