//! Ranges of IP addresses: those never to be called, and those to call from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All addresses that share a prefix: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// The addresses that virtual users call from, dealt out one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddresses {
    text: String,
    /// The first of each range, and how many it has.
    ranges: Vec<(IpAddr, u128)>,
}

impl Network {
    /// Reads an address, a slash and the length of the prefix in bits.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let digits = !prefix.is_empty() && prefix.bytes().all(|letter| letter.is_ascii_digit());
        let prefix = prefix.parse::<u8>().ok().filter(|_| digits)?;
        let free = bits(address).checked_sub(prefix)?;
        let first = number(address) & !low(free);
        Some(Self { first: address_of(first, address), prefix })
    }

    /// Whether the address is one of them. An IPv4 address in IPv6's clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let free = bits(self.first) - self.prefix;
        address.is_ipv4() == self.first.is_ipv4()
            && number(address) & !low(free) == number(self.first)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first, self.prefix)
    }
}

impl LocalAddresses {
    /// Reads addresses, ranges (`10.0.0.1-10.0.0.9`) and networks, with commas between them. Of an
    /// IPv4 network of more than two, the first and the last are left out: they name the network
    /// and all in it. The text that is none of them is the error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = |part: &str| range(part).ok_or_else(|| part.to_owned());
        let ranges = text.split(',').map(read).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), ranges })
    }

    /// The address of virtual user `number`, from 0; after the last it begins anew.
    pub fn nth(&self, number: u64) -> IpAddr {
        let all = self.ranges.iter().fold(0_u128, |all, (_, count)| all.saturating_add(*count));
        let mut left = u128::from(number) % all.max(1);
        for (first, count) in &self.ranges {
            if left < *count {
                return address_of(self::number(*first) + left, *first);
            }
            left -= count;
        }
        // Only if there were no range at all, and parsing finds at least one.
        self.ranges.first().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |(first, _)| *first)
    }
}

impl fmt::Display for LocalAddresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The first address of a range and how many it has.
fn range(text: &str) -> Option<(IpAddr, u128)> {
    if let Some((from, to)) = text.split_once('-') {
        let (from, to): (IpAddr, IpAddr) = (from.parse().ok()?, to.parse().ok()?);
        let same = from.is_ipv4() == to.is_ipv4();
        let last = number(to).checked_sub(number(from)).filter(|_| same)?;
        return Some((from, last.saturating_add(1)));
    }
    if let Some(network) = Network::parse(text) {
        let count = low(bits(network.first) - network.prefix).saturating_add(1);
        if network.first.is_ipv4() && count > 2 {
            return Some((address_of(number(network.first) + 1, network.first), count - 2));
        }
        return Some((network.first, count));
    }
    Some((text.parse().ok()?, 1))
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// A number of so many ones.
fn low(bits: u8) -> u128 {
    1_u128.checked_shl(bits.into()).map_or(u128::MAX, |power| power - 1)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The address with that number, of the same kind as another.
fn address_of(number: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_what_shares_their_prefix() {
        let ten = Network::parse("10.1.2.3/8").unwrap();
        assert_eq!(ten.to_string(), "10.0.0.0/8");
        assert!(ten.contains(ip("10.255.0.1")) && !ten.contains(ip("11.0.0.0")));
        assert!(ten.contains(ip("::ffff:10.0.0.1")) && !ten.contains(ip("a00::")));
        assert!(Network::parse("fc00::/7").unwrap().contains(ip("fdff::1")));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains(ip("8.8.8.8")));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "fc00::1234::/48", "::/129", "1.1.1.1/", "x/8"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn local_addresses_are_dealt_out_in_turn() {
        let cases = [
            ("192.168.0.101", 1, "192.168.0.101", "192.168.0.101"),
            ("192.168.0.101-192.168.0.200", 100, "192.168.0.101", "192.168.0.200"),
            ("192.168.0.10/16", 65_534, "192.168.0.1", "192.168.255.254"),
            ("192.168.0.10/31", 2, "192.168.0.10", "192.168.0.11"),
            ("192.168.0.10/32", 1, "192.168.0.10", "192.168.0.10"),
            ("fd00::3/120", 256, "fd00::", "fd00::ff"),
            ("192.168.0.101,192.168.0.105,fd00::2/112", 65_538, "192.168.0.101", "fd00::ffff"),
        ];
        for (text, count, first, last) in cases {
            let addresses = LocalAddresses::parse(text).unwrap();
            assert_eq!(addresses.nth(0), ip(first), "{text}");
            assert_eq!(addresses.nth(count - 1), ip(last), "{text}");
            assert_eq!(addresses.nth(count), ip(first), "{text}");
            assert_eq!(addresses.to_string(), text);
        }
        for (text, wrong) in [
            ("foo", "foo"),
            ("1.2.3.4,", ""),
            ("1.2.3.9-1.2.3.4", "1.2.3.9-1.2.3.4"),
            ("1.2.3.4-::5", "1.2.3.4-::5"),
        ] {
            assert_eq!(LocalAddresses::parse(text), Err(wrong.to_owned()));
        }
    }
}
