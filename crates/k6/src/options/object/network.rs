//! Names and addresses as they are said: how names are looked up, which lead elsewhere, which are
//! never called.

use serde_json::Value;

use crate::options::source::Reader;
use crate::options::values::{Address, Dns, HostPatterns, Hosts, Network, Policy, Select, Ttl};

pub(super) fn dns(reader: &mut Reader<'_>, path: &str, value: &Value) -> Dns {
    let mut dns = Dns::default();
    let Some(object) = reader.object(path, value) else { return dns };
    for (name, value) in object {
        let path = format!("{path}.{name}");
        let known = dns_part(reader, &mut dns, &path, &name.to_lowercase(), value);
        if !known {
            reader.unknown(&path, name, &["ttl", "select", "policy"]);
        }
    }
    dns
}

/// One part of what is said of looking up names; `false` if there is none of that name.
pub(in crate::options) fn dns_part(
    reader: &mut Reader<'_>,
    dns: &mut Dns,
    path: &str,
    name: &str,
    value: &Value,
) -> bool {
    if !["ttl", "select", "policy"].contains(&name) {
        return false;
    }
    let Some(text) = reader.text(path, value) else { return true };
    match name {
        // Nothing between quotes is nothing.
        "ttl" if text.is_empty() => {}
        "ttl" => {
            dns.ttl = Ttl::parse(&text);
            if dns.ttl.is_none() {
                let hint = "write 'inf', '0' or a length as '5m'";
                reader.wrong(path, &text, "that is no length of time", hint);
            }
        }
        "select" => {
            dns.select = Select::parse(&text);
            if dns.select.is_none() {
                reader.unknown_value(path, &text, &Select::names().collect::<Vec<_>>());
            }
        }
        _ => {
            dns.policy = Policy::parse(&text);
            if dns.policy.is_none() {
                reader.unknown_value(path, &text, &Policy::names().collect::<Vec<_>>());
            }
        }
    }
    true
}

pub(in crate::options) fn networks(
    reader: &mut Reader<'_>,
    path: &str,
    texts: &[String],
) -> Vec<Network> {
    let mut networks = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        match Network::parse(text) {
            Some(network) => networks.push(network),
            None => {
                let hint = "write '10.0.0.0/8'; one address is '10.0.0.1/32'";
                let path = format!("{path}[{position}]");
                reader.wrong(&path, text, "that is no range of addresses", hint);
            }
        }
    }
    networks
}

pub(in crate::options) fn patterns(
    reader: &mut Reader<'_>,
    path: &str,
    texts: &[String],
) -> HostPatterns {
    let mut patterns = HostPatterns::default();
    for (position, text) in texts.iter().enumerate() {
        if !patterns.insert(text) {
            let hint = "write 'example.com' or '*.example.com'; `*` stands in front only";
            let path = format!("{path}[{position}]");
            reader.wrong(&path, text, "that is no host's name or pattern", hint);
        }
    }
    patterns
}

pub(in crate::options) fn hosts<'n>(
    reader: &mut Reader<'_>,
    path: &str,
    named: impl Iterator<Item = (&'n str, &'n str)>,
) -> Hosts {
    let mut hosts = Hosts::default();
    for (name, address) in named {
        let path = format!("{path}.{name}");
        let Some(parsed) = Address::parse(address) else {
            let hint = "write an IP address, with a port if it is another: '127.0.0.1:8080'";
            reader.wrong(&path, address, "that is no address", hint);
            continue;
        };
        if !hosts.insert(name, parsed) {
            let hint = "write 'example.com', 'example.com:443' or '*.example.com'";
            reader.wrong(&path, name, "that is no host's name or pattern", hint);
        }
    }
    hosts
}
