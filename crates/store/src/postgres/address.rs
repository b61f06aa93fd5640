//! Where a PostgreSQL server is and how to talk to it, read from `postgres://...`; secrets stay inside.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::tls::Tls;
use crate::error::{Error, Result};

/// What an address may say behind its question mark.
const OPTIONS: &str =
    "sslmode, sslrootcert, passwordfile, host, port, user, dbname, application_name";

/// How long a new connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long what was sent may stay without the other side's word that it came.
const UNHEARD: Duration = Duration::from_secs(5);

/// A server, ready to be connected to.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: tokio_postgres::Config,
    /// None: in the clear.
    pub(super) tls: Option<Tls>,
    /// Host, port and database; neither user nor password.
    pub(super) place: Arc<str>,
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Address").field(&self.place).finish()
    }
}

impl Address {
    /// Reads `postgres://user:password@host:port/database?sslmode=...`.
    ///
    /// `sslmode` is `disable`, or `verify-full` (and `require`, which is taken as that: a certificate
    /// that is not checked protects from nobody). Left out, it is `verify-full`, except for a socket
    /// or an address of this machine, which are talked to in the clear.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |reason: String| Error::Address(reason);
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if !is_url {
            return Err(wrong("it does not begin with `postgres://`".to_owned()));
        }
        let (base, options) = text.split_once('?').unwrap_or((text, ""));
        let mut mode = None;
        let mut roots = None;
        let mut password_file = None;
        let mut passed = Vec::new();
        for (index, option) in options.split('&').filter(|option| !option.is_empty()).enumerate() {
            // What is not understood is not repeated: it may be the end of a password.
            let unknown = || wrong(format!("option {} is none of {OPTIONS}", index + 1));
            let (name, value) = option.split_once('=').ok_or_else(unknown)?;
            match name {
                "sslmode" => mode = Some(value),
                "sslrootcert" => roots = Some(PathBuf::from(value)),
                "passwordfile" => password_file = Some(PathBuf::from(value)),
                "host" | "port" | "user" | "dbname" | "application_name" => passed.push(option),
                _ => return Err(unknown()),
            }
        }
        let url = if passed.is_empty() {
            base.to_owned()
        } else {
            format!("{base}?{}", passed.join("&"))
        };
        // Its own words could hold a part of the password, so they are not repeated either.
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|_| wrong("its user, host, port or database is wrong".into()))?;
        if let Some(path) = password_file {
            let password = std::fs::read_to_string(&path)
                .map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host".to_owned()));
        }
        if config.get_application_name().is_none() {
            config.application_name("seaworthy");
        }
        config
            .connect_timeout(CONNECT)
            .tcp_user_timeout(UNHEARD)
            .keepalives_idle(UNHEARD)
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(2)
            // A standby takes no writes; of several hosts the primary is found.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let tls = match mode {
            Some("disable") => None,
            None if config.get_hosts().iter().all(is_here) => None,
            None | Some("require" | "verify-full") => Some(Tls::new(roots.as_deref())?),
            Some(_) => {
                return Err(wrong("sslmode is none of disable, require, verify-full".to_owned()));
            }
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let place = place(&config).into();
        Ok(Self { config, tls, place })
    }
}

/// Whether what is sent there does not leave this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

fn place(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| {
        let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    format!("postgres://{hosts}/{}", config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        Address::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_place_names_neither_user_nor_password() {
        let address = Address::parse("postgres://me:s3cret@127.0.0.1:5433/hub").unwrap();
        assert_eq!(&*address.place, "postgres://127.0.0.1:5433/hub");
        assert_eq!(format!("{address:?}"), r#"Address("postgres://127.0.0.1:5433/hub")"#);
        assert!(address.tls.is_none());
    }

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_said_otherwise() {
        assert!(
            Address::parse("postgres://u@db.example/hub?sslmode=disable").unwrap().tls.is_none()
        );
        assert!(
            Address::parse("postgres://u@/hub?host=/var/run/postgresql").unwrap().tls.is_none()
        );
        let tls = |text| Address::parse(text).map(|address| address.tls.is_some());
        // Without any root certificate in the system it is refused rather than left unencrypted.
        for text in
            ["postgres://u@db.example/hub", "postgres://u@127.0.0.1/hub?sslmode=verify-full"]
        {
            assert!(tls(text).unwrap_or(true), "{text}");
        }
        assert!(refused("postgres://u@h/hub?sslmode=prefer").contains("sslmode"));
        assert!(refused("postgres://u@h/hub?sslmode=require&sslrootcert=/none").contains("/none"));
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_secrets() {
        for text in [
            "mysql://u:s3cret@h/hub",
            "postgres://u:s3cret@h:port/hub",
            "postgres://u:pass?s3cret=1@h/hub",
            "postgres://u:pass?s3cret@h/hub",
            "postgres://u:s3cret@h/hub?sslmode=s3cret",
        ] {
            assert!(!refused(text).contains("s3cret"), "{}", refused(text));
        }
    }

    #[test]
    fn a_password_may_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3cret\n").unwrap();
        let text = format!("postgres://me@127.0.0.1/hub?passwordfile={}", file.display());
        let address = Address::parse(&text).unwrap();
        assert_eq!(address.config.get_password(), Some(&b"s3cret"[..]));
        std::fs::remove_file(&file).unwrap();
        assert!(refused(&text).contains("password"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = Address::parse(&text);
            let _ = Address::parse(&format!("postgres://{text}"));
        }
    }
}
