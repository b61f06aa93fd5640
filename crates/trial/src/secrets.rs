//! Secrets by reference: read where they live, when they are first needed, and never written down.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::plan::Secret;

/// The most a secret's file may hold, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The shortest secret, in bytes.
const SHORTEST: usize = 4;

/// A secret as it was written, and as templates see it.
pub(crate) struct Revealed {
    pub(crate) raw: String,
    pub(crate) value: String,
}

/// Reads the secret. `file` is its path after templating.
///
/// # Errors
/// A sentence that says which secret and why, without any of its content.
pub(crate) fn reveal(name: &str, secret: &Secret, file: Option<&str>) -> Result<Revealed, String> {
    let raw = match (file, &secret.env) {
        (Some(path), _) => read(Path::new(path))
            .map_err(|error| format!("secret `{name}` cannot be read from {path}: {error}"))?,
        (None, Some(variable)) => std::env::var(variable).map_err(|_| {
            format!("secret `{name}`: the environment variable {variable} is not set")
        })?,
        (None, None) => return Err(format!("secret `{name}` names neither a file nor a variable")),
    };
    let raw = raw.trim().to_owned();
    if raw.is_empty() {
        return Err(format!("secret `{name}` is empty"));
    }
    if raw.len() < SHORTEST {
        let reason = "blotting it out would blot out half the report";
        return Err(format!("secret `{name}` has fewer than {SHORTEST} bytes: {reason}"));
    }
    let value = match &secret.basic_user {
        Some(user) => STANDARD.encode(format!("{user}:{raw}")),
        None => raw.clone(),
    };
    Ok(Revealed { raw, value })
}

fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let size = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if size as u64 > MAX_BYTES {
        return Err(format!("it holds more than {MAX_BYTES} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_user_makes_a_basic_credential() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credential");
        std::fs::write(&path, "open sesame\n").unwrap();
        let secret = Secret { file: None, env: None, basic_user: Some("aladdin".into()) };
        let revealed = reveal("s", &secret, path.to_str()).unwrap();
        // RFC 7617's own example.
        assert_eq!(revealed.value, "YWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned());
        assert_eq!(revealed.raw, "open sesame");
    }

    #[test]
    fn a_missing_or_empty_secret_says_which() {
        let secret = Secret { file: None, env: Some("SEAWORTHY_NO_SUCH".into()), basic_user: None };
        assert!(reveal("admin", &secret, None).err().unwrap().contains("SEAWORTHY_NO_SUCH"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        std::fs::write(&path, " \n").unwrap();
        assert!(reveal("admin", &secret, path.to_str()).err().unwrap().contains("empty"));
    }
}
