//! TLS as a script says it: versions, cipher suites, certificates.

use serde_json::Value;

use crate::options::source::Reader;
use crate::options::values::{
    CIPHER_SUITES, ClientCertificate, TlsVersion, TlsVersions, is_spoken,
};

pub(super) fn cipher_suites(
    reader: &mut Reader<'_>,
    path: &str,
    suites: &[String],
) -> Option<Vec<&'static str>> {
    let names: Vec<&str> = CIPHER_SUITES.iter().map(|(name, _)| *name).collect();
    let mut known = Vec::new();
    for (position, suite) in suites.iter().enumerate() {
        match names.iter().find(|name| *name == suite) {
            Some(name) => known.push(*name),
            None => reader.unknown_value(&format!("{path}[{position}]"), suite, &names),
        }
    }
    let unspoken: Vec<&str> =
        known.iter().copied().filter(|suite| is_spoken(suite) == Some(false)).collect();
    let why = format!("{} cannot be spoken here: it is broken or old", unspoken.join(", "));
    let hint = "name a suite with ECDHE and GCM or CHACHA20, or one of TLS 1.3";
    if !unspoken.is_empty() && unspoken.len() == known.len() {
        reader.refused(path, &why, hint);
    } else if !unspoken.is_empty() {
        reader.ignored(path, &why, hint);
    }
    // None named is all, as in k6.
    (!known.is_empty()).then_some(known)
}

pub(super) fn tls_versions(
    reader: &mut Reader<'_>,
    path: &str,
    value: &Value,
) -> Option<TlsVersions> {
    let versions = match value {
        Value::Null => return None,
        Value::Object(object) => {
            let mut versions = TlsVersions::default();
            for (name, value) in object {
                let path = format!("{path}.{name}");
                match name.to_lowercase().as_str() {
                    "min" => versions.min = tls_version(reader, &path, value),
                    "max" => versions.max = tls_version(reader, &path, value),
                    _ => reader.unknown_field(&path, name, &["min", "max"]),
                }
            }
            versions
        }
        Value::String(_) => {
            let only = tls_version(reader, path, value);
            TlsVersions { min: only, max: only }
        }
        other => {
            let hint = "write 'tls1.3' or { min: 'tls1.2', max: 'tls1.3' }";
            reader.mistyped(path, other, "text or an object", hint);
            return None;
        }
    };
    if versions.max.is_some_and(|max| max < TlsVersion::Tls12) {
        let why = "TLS below 1.2 is broken, and is not spoken here";
        reader.refused(path, why, "let `max` be 'tls1.2' or 'tls1.3', or leave it out");
    } else if let (Some(min), Some(max)) = (versions.min, versions.max)
        && min > max
    {
        let why = "`min` is above `max`: no version is left";
        reader.wrong(path, &format!("{} to {}", min.name(), max.name()), why, "exchange them");
    }
    Some(versions)
}

pub(super) fn certificates(
    reader: &mut Reader<'_>,
    path: &str,
    value: &Value,
) -> Option<Vec<ClientCertificate>> {
    const FIELDS: &[&str] = &["domains", "cert", "key", "password"];
    let mut certificates = Vec::new();
    for (position, value) in reader.list(path, value)?.iter().enumerate() {
        let path = format!("{path}[{position}]");
        let Some(object) = reader.object(&path, value) else { continue };
        let mut certificate = ClientCertificate {
            domains: Vec::new(),
            cert: String::new(),
            key: String::new(),
            password: None,
        };
        for (name, value) in object {
            let path = format!("{path}.{name}");
            // What a secret is is not shown, whatever is wrong with it.
            let value = if value.is_string() || value.is_array() || value.is_null() {
                value
            } else {
                &Value::Object(serde_json::Map::new())
            };
            match name.to_lowercase().as_str() {
                "domains" => certificate.domains = reader.texts(&path, value).unwrap_or_default(),
                "cert" => certificate.cert = reader.text(&path, value).unwrap_or_default(),
                "key" => certificate.key = reader.text(&path, value).unwrap_or_default(),
                "password" => certificate.password = reader.text(&path, value),
                _ => reader.unknown_field(&path, name, FIELDS),
            }
        }
        for (text, name) in [(&certificate.cert, "cert"), (&certificate.key, "key")] {
            if !text.contains("-----BEGIN ") {
                let hint = format!("write `{name}: open('{name}.pem')`");
                let path = format!("{path}.{name}");
                reader.wrong(&path, "…", "it holds no PEM text, or is missing", &hint);
            }
        }
        certificates.push(certificate);
    }
    Some(certificates)
}

fn tls_version(reader: &mut Reader<'_>, path: &str, value: &Value) -> Option<TlsVersion> {
    let text = reader.text(path, value).filter(|text| !text.is_empty())?;
    let version = TlsVersion::parse(&text);
    if version.is_none() {
        reader.unknown_value(path, &text, &TlsVersion::names().collect::<Vec<_>>());
    }
    version
}
