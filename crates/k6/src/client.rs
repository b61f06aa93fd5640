//! How a run's requests are sent: names, addresses, TLS, as its options say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_net::network::{
    Dns, Guarded, Hosts, Mapped, Policy, Range, Resolving, Select, Sources,
};
use seaworthy_net::tls::{Identity, Settings as TlsSettings, Suite, Version};
use seaworthy_net::{Error, Http, Network, Options as ClientOptions, Pattern, Proxies, Tcp, Tls};

use crate::options::{Options, values};

/// The longest body that is taken: k6 has no limit, a generator needs one.
const LONGEST_BODY: usize = 256 * 1024 * 1024;

/// How requests are sent.
///
/// # Errors
/// An option that cannot be used.
pub(crate) fn options(
    options: &Options,
    environment: &BTreeMap<String, String>,
    clock: &Clock,
    seed: u64,
) -> Result<ClientOptions, Error> {
    let mut network: Arc<dyn Network> = Arc::new(Tcp);
    let dns = dns(&options.dns)?;
    network = Arc::new(Resolving::new(dns, clock.clone(), Chance::seeded(seed), network));
    if let Some(given) = &options.hosts {
        let mut hosts = Hosts::new();
        for (name, target) in given.iter() {
            hosts.add(name, &target.to_string())?;
        }
        if !hosts.is_empty() {
            network = Arc::new(Mapped::new(hosts, network));
        }
    }
    let patterns = options.block_hostnames.iter().flat_map(|it| it.typed());
    let patterns = patterns.map(|it| Pattern::parse(it)).collect::<Result<Vec<_>, _>>()?;
    let ranges = options.blacklist_ips.iter().flatten().map(|it| Range::parse(&it.to_string()));
    let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    if !patterns.is_empty() || !ranges.is_empty() {
        network = Arc::new(Guarded::new(patterns, ranges, network));
    }
    Ok(ClientOptions {
        clock: clock.clone(),
        network,
        tls: tls(options)?,
        connect_timeout: Duration::from_secs(30),
        request_timeout: Duration::from_secs(60),
        max_body: LONGEST_BODY,
        max_message: LONGEST_BODY,
        http: Http::Auto,
        proxies: Arc::new(Proxies::from_environment(|name| environment.get(name).cloned())?),
        ..ClientOptions::default()
    })
}

/// The addresses that virtual users call from.
///
/// # Errors
/// Addresses that cannot be read.
pub(crate) fn sources(options: &Options) -> Result<Option<Sources>, Error> {
    options.local_ips.as_ref().map(|given| Sources::parse(&given.to_string())).transpose()
}

fn dns(given: &values::Dns) -> Result<Dns, Error> {
    Ok(Dns {
        lifetime: given.holds(),
        select: Select::named(given.select().name())?,
        policy: Policy::named(given.policy().name())?,
    })
}

fn tls(options: &Options) -> Result<Tls, Error> {
    let mut settings = TlsSettings {
        insecure: options.insecure_skip_tls_verify == Some(true),
        // As k6 has it: each connection shakes hands in full.
        resumes: false,
        ..TlsSettings::default()
    };
    let version = |version: values::TlsVersion| Version::named(version.name());
    if let Some(versions) = options.tls_version {
        if let Some(least) = versions.min {
            settings.least = version(least)?;
        }
        if let Some(most) = versions.max {
            settings.most = version(most)?;
        }
    }
    let suites = options.tls_cipher_suites.iter().flatten();
    settings.suites = suites.map(|name| Suite::named(name)).collect::<Result<_, _>>()?;
    for given in options.tls_auth.iter().flatten() {
        let domains = given.domains.iter().map(|domain| Pattern::parse(domain));
        settings.identities.push(Identity::from_pem(
            domains.collect::<Result<_, _>>()?,
            given.cert.as_bytes(),
            given.key.as_bytes(),
            given.password.as_deref(),
        )?);
    }
    Tls::new(settings)
}
