//! The agent platform: gateway, orchestrator, policy engine, identity, memory and inference.
