//! The commented plan a newcomer starts from, and the plan's JSON Schema.

use crate::plan::Plan;

/// A commented plan for the user's own service, as `seaworthy plan init` writes it.
pub const STARTER: &str = include_str!("../plans/starter.yaml");

/// The JSON Schema of plans, as checked in at `docs/reference/plan.schema.json`.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Plan);
    format!("{:#}\n", schema.to_value())
}
