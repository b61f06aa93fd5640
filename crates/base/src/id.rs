//! Ids that sort by the time they were made.

use crate::chance::fill_secret;
use crate::time::Timestamp;

/// A new UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits.
pub fn uuid(now: Timestamp) -> uuid::Uuid {
    let mut random = [0_u8; 10];
    fill_secret(&mut random);
    uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid()
}

/// A trial's id: its start to the second in UTC and four random letters, as `20261120t183826-qmzb`.
pub fn trial(now: Timestamp) -> String {
    let stamp: String = now
        .to_string()
        .chars()
        .take(19)
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let mut random = [0_u8; 4];
    fill_secret(&mut random);
    let tail: String = random.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    format!("{stamp}-{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let early = uuid(Timestamp::from_nanos(1_000_000_000_000_000));
        let late = uuid(Timestamp::from_nanos(1_000_001_000_000_000));
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }

    #[test]
    fn a_trial_id_reads_as_a_time() {
        let id = trial(Timestamp::from_nanos(1_795_199_906_000_000_000));
        assert!(id.starts_with("20261120t183826-"), "{id}");
        assert_eq!(id.len(), 20);
    }
}
