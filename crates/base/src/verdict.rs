//! Verdicts and the measurements they rest on. Only `stats` computes a verdict; everyone else asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the evidence says. There is no default: nothing passes by omission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The whole interval lies on the good side of the bound.
    Pass,
    /// The whole interval lies on the bad side of the bound.
    Fail,
    /// The evidence does not decide, or there is none.
    Inconclusive,
}

impl Verdict {
    /// The verdict on all of several claims: fail if any fails, else inconclusive if any is or if
    /// there are none, else pass.
    pub fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        let mut result = None;
        for verdict in verdicts {
            result = Some(match (result, verdict) {
                (Some(Self::Fail), _) | (_, Self::Fail) => Self::Fail,
                (Some(Self::Inconclusive), _) | (_, Self::Inconclusive) => Self::Inconclusive,
                (_, Self::Pass) => Self::Pass,
            });
        }
        result.unwrap_or(Self::Inconclusive)
    }

    /// `pass`, `fail` or `inconclusive`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A number with what it is worth: its interval and how many observations it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The point estimate.
    pub value: f64,
    /// Lower end of the confidence interval.
    pub low: f64,
    /// Upper end of the confidence interval.
    pub high: f64,
    /// Observations behind it.
    pub n: u64,
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, Fail, Inconclusive, Pass};

    #[test]
    fn nothing_defaults_to_pass() {
        assert_eq!(Verdict::all([]), Inconclusive);
        assert_eq!(Verdict::all([Pass, Pass]), Pass);
        assert_eq!(Verdict::all([Pass, Inconclusive]), Inconclusive);
        assert_eq!(Verdict::all([Inconclusive, Fail, Pass]), Fail);
    }
}
