//! Samples with tags as k6 knows them: metrics, thresholds, the end-of-test summary and the outputs.
