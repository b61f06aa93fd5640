//! Was the declared warm-up long enough? A check only: nothing is ever cut by looking at the data.
//!
//! MSER-5 (White 1997): the truncation that minimises the squared standard error of what is left,
//! over means of five seconds.

/// Seconds in one of the means.
const BATCH: usize = 5;

/// How many seconds at the beginning look like a warm-up: `means` has each second's mean latency in
/// any unit, oldest first. `None` when there are too few to tell (less than a minute), or when one is
/// not a positive number.
pub fn looks_like(means: &[f64]) -> Option<u32> {
    let batches: Vec<f64> = means
        .chunks_exact(BATCH)
        .map(|batch| batch.iter().map(|mean| mean.ln()).sum::<f64>() / BATCH as f64)
        .collect();
    if means.len() < 60 || !batches.iter().all(|batch| batch.is_finite()) {
        return None;
    }
    let score = |cut: usize| {
        let rest = &batches[cut..];
        let mean = rest.iter().sum::<f64>() / rest.len() as f64;
        let squares: f64 = rest.iter().map(|batch| (batch - mean).powi(2)).sum();
        squares / (rest.len() as f64).powi(2)
    };
    let best = (0..=batches.len() / 2).min_by(|a, b| score(*a).total_cmp(&score(*b)))?;
    u32::try_from(best * BATCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_base::chance::Chance;

    /// 300 seconds around 10 ms with a wobble of 10 %, beginning `extra` times higher and falling by
    /// a factor e every 30 s.
    fn latency(seed: u64, extra: f64) -> Vec<f64> {
        let mut chance = Chance::seeded(seed);
        (0..300)
            .map(|second| {
                let wobble = (0..12).map(|_| chance.fraction()).sum::<f64>() - 6.0;
                10.0 * (1.0 + extra * (-f64::from(second) / 30.0).exp()) * (0.1 * wobble).exp()
            })
            .collect()
    }

    #[test]
    fn a_slow_start_is_seen_and_a_steady_run_seldom_is() {
        let beyond = |extra| {
            (0..200).filter(|seed| looks_like(&latency(*seed, extra)).unwrap() > 30).count()
        };
        assert!(beyond(0.0) <= 25, "{}", beyond(0.0));
        assert!(beyond(1.0) >= 185, "{}", beyond(1.0));
    }

    #[test]
    fn too_little_tells_nothing() {
        assert_eq!(looks_like(&[1.0; 59]), None);
        assert_eq!(looks_like(&[0.0; 100]), None);
        assert_eq!(looks_like(&[]), None);
    }
}
