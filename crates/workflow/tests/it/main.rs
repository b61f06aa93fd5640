//! Workflows as their callers meet them: real stores, real processes, real crashes.
