//! Parts of a run for several instances: exact fractions, and who gets the how-manieth virtual
//! user or iteration.

mod fraction;
mod partition;

use std::fmt;

pub use fraction::Fraction;
pub use partition::{Partition, Stripes};

/// A part of a run, from one point between 0 and 1 to a later one: `1/3:2/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    from: Fraction,
    to: Fraction,
}

/// Points that cut a run into segments: `0,1/3,2/3,1`. Without points nothing is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence(Vec<Fraction>);

/// Why a text is no segment, or a segment is none of a sequence's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Segment {
    /// The whole run.
    pub const WHOLE: Self = Self { from: Fraction::ZERO, to: Fraction::ONE };

    /// Reads `from:to`, or only the end of a segment that begins at 0. Both are fractions (`1/3`),
    /// decimals (`0.25`) or percentages (`25%`). Nothing at all is the whole.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Ok(Self::WHOLE);
        }
        let (from, to) = match text.split_once(':') {
            Some((from, to)) => (Fraction::parse(from)?, to),
            None => (Fraction::ZERO, text),
        };
        Self::between(from, Fraction::parse(to)?)
    }

    fn between(from: Fraction, to: Fraction) -> Result<Self, Invalid> {
        if to > Fraction::ONE {
            return Err(Invalid(format!("a segment ends at 1 at the latest, not at {to}")));
        }
        if from >= to {
            return Err(Invalid(format!(
                "a segment ends after it begins: {from} is not below {to}"
            )));
        }
        Ok(Self { from, to })
    }

    /// Whether it is all there is.
    pub fn is_whole(&self) -> bool {
        *self == Self::WHOLE
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.from, self.to)
    }
}

impl Sequence {
    /// Reads points that rise, at least two, with commas between them; nothing at all cuts nothing.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let points = text.split(',').map(Fraction::parse).collect::<Result<Vec<_>, _>>()?;
        if points.len() < 2 {
            return Err(Invalid("a sequence has at least two points, as `0,1/2,1`".to_owned()));
        }
        for pair in points.windows(2) {
            Segment::between(pair[0], pair[1])?;
        }
        Ok(Self(points))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, point) in self.0.iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            write!(formatter, "{comma}{point}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_read_as_k6_reads_them() {
        let cases = [
            ("", "0:1"),
            ("0:1", "0:1"),
            ("0.5:0.75", "1/2:3/4"),
            ("1/2:3/4", "1/2:3/4"),
            ("50%:75%", "1/2:3/4"),
            ("2/4:75%", "1/2:3/4"),
            ("75%", "0:3/4"),
            ("0:+1/2", "0:1/2"),
        ];
        for (text, shown) in cases {
            let segment = Segment::parse(text).unwrap();
            assert_eq!(segment.to_string(), shown, "{text}");
            assert_eq!(Segment::parse(shown).unwrap(), segment);
        }
        for wrong in [
            "125%",
            "1a5%",
            "1a5",
            "1a5%:2/3",
            "125%:250%",
            "55%:50%",
            "1/2:1/2",
            "0.5:0.75:1",
            " 0 : 1/2",
            "0:1/0",
            "-1/2:1",
            ":",
            "0:",
        ] {
            assert!(Segment::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sequences_are_read_as_k6_reads_them() {
        for (text, shown) in [
            ("", ""),
            ("0.5,1", "1/2,1"),
            ("0,1/3,2/3", "0,1/3,2/3"),
            ("0,1/13,2/13,1/3,1/2,3/4,1", "0,1/13,2/13,1/3,1/2,3/4,1"),
        ] {
            assert_eq!(Sequence::parse(text).unwrap().to_string(), shown);
        }
        for wrong in ["0.5", "1,1", "-0.5,1", "1/2,1/2", "1/2,1/3", "0,1,1/2", "0,2"] {
            assert!(Sequence::parse(wrong).is_err(), "{wrong}");
        }
    }
}
