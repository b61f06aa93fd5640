//! Receipts: signed, hash-chained, append-only; the seal over a trial folder; verification.
