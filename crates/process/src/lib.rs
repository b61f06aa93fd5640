//! Start, watch, signal and reap processes; the undo journal and the watchdog that plays it back.
