//! Executors, flows and steps; what they measured, written into a timeline.
