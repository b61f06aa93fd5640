//! Ranges of addresses: single ones, spans and CIDR blocks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::Error;

/// Addresses from one to another, both in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// As it was written.
    text: String,
    first: IpAddr,
    last: IpAddr,
    /// Whether it was written as a CIDR block.
    block: bool,
}

impl Range {
    /// Reads `10.0.0.1`, `10.0.0.1-10.0.0.9` or `10.0.0.0/8`; IPv6 as well.
    ///
    /// # Errors
    /// `invalid_setting`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::setting("address range", text, reason);
        let address = |part: &str| part.trim().parse::<IpAddr>();
        const NONE: &str = "it is no IP address, no range of them and no CIDR block";
        let (first, last, block) = if let Some((ip, bits)) = text.split_once('/') {
            let ip = address(ip).map_err(|_| wrong(NONE))?;
            let bits: u32 = bits.trim().parse().map_err(|_| wrong(NONE))?;
            let (first, last) = block(ip, bits).ok_or_else(|| wrong("it has too many bits"))?;
            (first, last, true)
        } else if let Some((first, last)) = text.split_once('-') {
            let first = address(first).map_err(|_| wrong(NONE))?;
            let last = address(last).map_err(|_| wrong(NONE))?;
            if first.is_ipv4() != last.is_ipv4() {
                return Err(wrong("it begins and ends in different families"));
            }
            if first > last {
                return Err(wrong("it ends before it begins"));
            }
            (first, last, false)
        } else {
            let ip = address(text).map_err(|_| wrong(NONE))?;
            (ip, ip, false)
        };
        Ok(Self { text: text.trim().to_owned(), first, last, block })
    }

    /// Whether `ip` is in it. An IPv4 address in IPv6's clothes is the IPv4 address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let (first, last) = (self.first.to_canonical(), self.last.to_canonical());
        ip.is_ipv4() == first.is_ipv4() && first <= ip && ip <= last
    }

    /// The addresses a host may have: of an IPv4 block not the first and the last one, which are
    /// the network's and for broadcasts, unless there are no others.
    fn hosts(&self) -> (u128, u128) {
        let (first, last) = (number(self.first), number(self.last));
        match self.block && self.first.is_ipv4() && last - first > 1 {
            true => (first + 1, last - 1),
            false => (first, last),
        }
    }
}

impl FromStr for Range {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Addresses to be handed out in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    ranges: Vec<Range>,
    /// How many there are, up to as many as can be counted.
    length: u128,
}

impl Sources {
    /// Reads ranges with commas between them: `10.0.0.1,10.0.0.5-10.0.0.9,fd00::/64`.
    ///
    /// # Errors
    /// `invalid_setting`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let ranges = text.split(',').map(Range::parse).collect::<Result<Vec<_>, _>>()?;
        let length = ranges.iter().map(Range::hosts).fold(0_u128, |sum, (first, last)| {
            sum.saturating_add((last - first).saturating_add(1))
        });
        Ok(Self { ranges, length })
    }

    /// The address with this index, from 0; after the last one it begins anew.
    pub fn nth(&self, index: u64) -> IpAddr {
        let mut left = u128::from(index) % self.length.max(1);
        for range in &self.ranges {
            let (first, last) = range.hosts();
            if left <= last - first {
                return address(first + left, range.first.is_ipv4());
            }
            left -= last - first + 1;
        }
        // Not reached: the index is below the sum of all lengths, each of which was taken off.
        self.ranges[0].first
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn address(number: u128, is_ipv4: bool) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if is_ipv4 => Ipv4Addr::from_bits(number).into(),
        _ => Ipv6Addr::from_bits(number).into(),
    }
}

/// The first and the last address of a CIDR block.
fn block(ip: IpAddr, bits: u32) -> Option<(IpAddr, IpAddr)> {
    let width: u32 = if ip.is_ipv4() { 32 } else { 128 };
    let free = width.checked_sub(bits)?;
    let mask = u128::MAX.checked_shr(128 - free).unwrap_or(0);
    let first = number(ip) & !mask;
    Some((address(first, ip.is_ipv4()), address(first | mask, ip.is_ipv4())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_hold_what_is_between_their_ends() {
        for (range, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.1.1"][..],
                &["11.0.0.0", "::"][..],
            ),
            ("10.1.2.3/8", &["10.0.0.0"], &["9.255.255.255"]),
            ("127.0.0.1/32", &["127.0.0.1"], &["127.0.0.2"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1"]),
            ("::/0", &["::1", "ffff::"], &["1.2.3.4"]),
            ("fd00::/64", &["fd00::", "fd00::ffff:ffff:ffff:ffff"], &["fd00:0:0:1::"]),
            ("10.0.0.5-10.0.0.7", &["10.0.0.5", "10.0.0.7"], &["10.0.0.4", "10.0.0.8"]),
            ("10.0.0.5", &["10.0.0.5"], &["10.0.0.6"]),
        ] {
            let range = Range::parse(range).unwrap();
            for ip in inside {
                assert!(range.contains(ip.parse().unwrap()), "{range} {ip}");
            }
            for ip in outside {
                assert!(!range.contains(ip.parse().unwrap()), "{range} {ip}");
            }
        }
        for text in
            ["", "x", "10.0.0.0/33", "::/129", "10.0.0.0/x", "10.0.0.2-10.0.0.1", "::-10.0.0.1"]
        {
            assert_eq!(Range::parse(text).unwrap_err().code(), "invalid_setting", "{text}");
        }
    }

    #[test]
    fn sources_are_handed_out_in_turn() {
        let turn = |text: &str, count: u64| -> Vec<String> {
            let sources = Sources::parse(text).unwrap();
            (0..count).map(|index| sources.nth(index).to_string()).collect()
        };
        assert_eq!(turn("127.0.0.0/30", 3), ["127.0.0.1", "127.0.0.2", "127.0.0.1"]);
        assert_eq!(turn("127.0.0.6/31", 3), ["127.0.0.6", "127.0.0.7", "127.0.0.6"]);
        assert_eq!(turn("127.0.0.7/32", 2), ["127.0.0.7", "127.0.0.7"]);
        assert_eq!(
            turn("127.0.0.1, 127.0.2.3-127.0.2.4,fd00::/127", 6),
            ["127.0.0.1", "127.0.2.3", "127.0.2.4", "fd00::", "fd00::1", "127.0.0.1"]
        );
        assert_eq!(turn("::/0", 2), ["::", "::1"]);
        assert!(Sources::parse("127.0.0.1,").is_err());
    }

    proptest! {
        #[test]
        fn what_is_handed_out_is_in_a_range(
            ranges in prop::collection::vec((any::<u32>(), 0_u32..=32), 1..5),
            index in any::<u64>(),
        ) {
            let text: Vec<String> = ranges
                .iter()
                .map(|(ip, bits)| format!("{}/{bits}", Ipv4Addr::from_bits(*ip)))
                .collect();
            let sources = Sources::parse(&text.join(",")).unwrap();
            let ip = sources.nth(index);
            prop_assert!(sources.ranges.iter().any(|range| range.contains(ip)));
        }
    }
}
