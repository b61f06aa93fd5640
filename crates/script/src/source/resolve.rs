//! What an import names, by k6's rules: built-in modules, files with their extension, `https`
//! modules from a folder of local copies; nothing is guessed and nothing fetched.

use std::path::{Path, PathBuf};

use super::location::{Location, Specifier, decoded, normal};
use super::reader::Reader;

/// The option with which a user names the folder of local copies, for hints.
pub(super) const MODULES_OPTION: &str = "--modules-dir";

/// Why an import names nothing that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// An extension of k6's.
    #[error("`{0}` is a k6 extension, and extensions of k6 cannot be loaded here")]
    Extension(String),
    /// A package's name, as Node.js and bundlers know it.
    #[error("`{specifier}` is the name of a package; scripts import files, URLs and k6's modules")]
    Bare {
        /// What was written.
        specifier: String,
        /// What to do about it.
        hint: String,
    },
    /// A URL that is neither `https` nor `file`, or a broken one.
    #[error("`{specifier}` cannot be imported: {reason}")]
    Url {
        /// What was written.
        specifier: String,
        /// What is wrong with it.
        reason: &'static str,
        /// What to do about it.
        hint: String,
    },
    /// No file is there.
    #[error("`{specifier}` is not there: no file `{}`", path.display())]
    Missing {
        /// What was written.
        specifier: String,
        /// The file that was looked for.
        path: PathBuf,
        /// The file that was meant, perhaps.
        hint: Option<String>,
    },
    /// A name that was only known while the script ran.
    #[error(
        "`{specifier}` was not loaded with the script: its name stands in no `require` or `import`"
    )]
    Computed {
        /// What was asked for.
        specifier: String,
    },
    /// An `https` module without a local copy.
    #[error("`{url}` has no local copy; modules are not fetched while a script loads")]
    NoCopy {
        /// The module.
        url: String,
        /// The file that should be the copy; none if no folder of copies was named.
        path: Option<PathBuf>,
        /// How to get it.
        hint: String,
    },
}

impl ResolveError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Extension(_) => "script-extension",
            Self::Bare { .. } => "script-bare-specifier",
            Self::Url { .. } => "script-import-url",
            Self::Missing { .. } => "script-import-missing",
            Self::Computed { .. } => "script-import-computed",
            Self::NoCopy { .. } => "script-import-not-local",
        }
    }

    /// What the author can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Extension(_) => None,
            Self::Computed { .. } => {
                Some("write `require(\"./file.js\")` with the name as it is, once for each file")
            }
            Self::Bare { hint, .. } | Self::Url { hint, .. } | Self::NoCopy { hint, .. } => {
                Some(hint)
            }
            Self::Missing { hint, .. } => hint.as_deref(),
        }
    }
}

/// Finds what imports name.
#[derive(Clone, Copy)]
pub struct Resolver<'r> {
    /// Where files are looked for.
    pub reader: &'r dyn Reader,
    /// The folder with local copies of `https` modules: `https://host/path` is `host/path` in it.
    pub modules_dir: Option<&'r Path>,
}

impl Resolver<'_> {
    /// What `specifier` names in the module at `base`.
    ///
    /// # Errors
    /// When it names nothing that can be loaded.
    pub fn resolve(&self, base: &Location, specifier: &str) -> Result<Specifier, ResolveError> {
        let url = |reason, hint: &str| {
            Err(ResolveError::Url {
                specifier: specifier.to_owned(),
                reason,
                hint: hint.to_owned(),
            })
        };
        if specifier == "k6/x" || specifier.starts_with("k6/x/") {
            return Err(ResolveError::Extension(specifier.to_owned()));
        }
        if specifier == "k6" || specifier.starts_with("k6/") {
            return Ok(Specifier::Builtin(specifier.to_owned()));
        }
        if specifier.contains('\0') {
            return url("it holds a zero byte", "take it out");
        }
        if specifier.starts_with("https://") {
            return self.remote(specifier).map(Specifier::Module);
        }
        if let Some(rest) = specifier.strip_prefix("file://") {
            let Some(path) = decoded(rest).filter(|path| path.starts_with('/')) else {
                return url("it is no path from the root", "write it as `file:///folder/file.js`");
            };
            return self.local(specifier, Path::new(&path)).map(Specifier::Module);
        }
        if specifier.starts_with("http://") {
            return url(
                "modules are named by `https` or `file` URLs, or by paths",
                "write `https://` if the host has it",
            );
        }
        let relative = matches!(specifier, "." | "..")
            || ["./", "../", "/"].iter().any(|start| specifier.starts_with(start));
        if !relative {
            return Err(self.bare(base, specifier));
        }
        if let Some((origin, path)) = origin(base.name()) {
            let path = match specifier.starts_with('/') {
                true => specifier.to_owned(),
                false => format!("{}/{specifier}", path.rsplit_once('/').map_or("", |it| it.0)),
            };
            return self.remote(&format!("{origin}{path}")).map(Specifier::Module);
        }
        let folder = base.path().parent().unwrap_or(Path::new("/"));
        self.local(specifier, &folder.join(specifier)).map(Specifier::Module)
    }

    /// A file that must be there.
    fn local(&self, specifier: &str, path: &Path) -> Result<Location, ResolveError> {
        let location = Location::file(path);
        if self.reader.is_file(location.path()) {
            return Ok(location);
        }
        let hint = self.near(location.path()).map(|(tail, taken)| {
            let written = match taken {
                0 => specifier.trim_end_matches('/'),
                taken => &specifier[..specifier.len().saturating_sub(taken)],
            };
            format!("there is `{written}{tail}`: write the whole name, nothing is added to it")
        });
        let path = location.path().to_owned();
        Err(ResolveError::Missing { specifier: specifier.to_owned(), path, hint })
    }

    /// What must be added to a path to name a file that is there, and how many bytes of its
    /// extension taken away before.
    fn near(&self, path: &Path) -> Option<(&'static str, usize)> {
        const ENDINGS: [&str; 10] = [
            ".js",
            ".ts",
            ".mjs",
            ".cjs",
            ".json",
            "/index.js",
            "/index.ts",
            ".mts",
            ".cts",
            ".jsx",
        ];
        let text = path.to_str()?;
        let there =
            |stem: &str, ending: &str| self.reader.is_file(Path::new(&format!("{stem}{ending}")));
        if let Some(ending) = ENDINGS.iter().find(|ending| there(text, ending)) {
            return Some((ending, 0));
        }
        // `./x.js`, as TypeScript wants it written for `x.ts`.
        let extension = path.extension()?.len() + 1;
        let stem = text.get(..text.len().checked_sub(extension)?)?;
        let ending = ENDINGS.iter().find(|ending| there(stem, ending))?;
        Some((ending, extension))
    }

    /// The local copy of an `https` module.
    fn remote(&self, url: &str) -> Result<Location, ResolveError> {
        let broken = |reason, hint: &str| {
            Err(ResolveError::Url { specifier: url.to_owned(), reason, hint: hint.to_owned() })
        };
        let plain = url.split(['?', '#']).next().unwrap_or_default();
        let Some((origin, path)) = origin(plain) else {
            return broken("it is no `https` URL", "write it as `https://host/path.js`");
        };
        let host = &origin["https://".len()..];
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || host.starts_with('.') || !host.bytes().all(letter) {
            return broken("its host is none", "write it as `https://host/path.js`");
        }
        let path = normal(Path::new(path));
        let (Some(name), Some(text)) = (path.file_name(), path.to_str()) else {
            return broken("it names no file", "write the path of the file to its end");
        };
        let url = format!("{origin}{text}");
        let below = text.trim_start_matches('/');
        let Some(folder) = self.modules_dir else {
            let hint = format!(
                "{}, then name the folder: `{MODULES_OPTION} modules`",
                fetch(&url, Path::new("modules"), host, below)
            );
            return Err(ResolveError::NoCopy { url, path: None, hint });
        };
        let file = normal(&std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
        let file = file.join(host).join(below);
        debug_assert!(file.ends_with(name));
        if self.reader.is_file(&file) {
            return Ok(Location::remote(&url, file));
        }
        let hint = fetch(&url, folder, host, below);
        Err(ResolveError::NoCopy { url, path: Some(file), hint })
    }

    /// A bare name.
    fn bare(&self, base: &Location, specifier: &str) -> ResolveError {
        const NODE: [&str; 12] = [
            "fs",
            "path",
            "http",
            "https",
            "net",
            "os",
            "url",
            "util",
            "crypto",
            "stream",
            "child_process",
            "assert",
        ];
        let name = specifier.strip_prefix("node:");
        if let Some((scheme, _)) = specifier.split_once(':')
            && name.is_none()
            && !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return ResolveError::Url {
                specifier: specifier.to_owned(),
                reason: "modules are named by `https` or `file` URLs, or by paths",
                hint: "save the module as a file and import that".to_owned(),
            };
        }
        let beside = base.path().parent().map(|folder| normal(&folder.join(specifier)));
        let hint = if !base.is_remote()
            && beside.is_some_and(|file| self.reader.is_file(&file) || self.near(&file).is_some())
        {
            format!("to import the file beside this one, write `./{specifier}`")
        } else if name.is_some() || NODE.contains(&specifier) {
            "that is a module of Node.js, which scripts do not run on; see what `k6/…` modules offer".to_owned()
        } else {
            format!(
                "bundle `{specifier}` into the script (esbuild script.js --bundle --format=esm \
                 --external:k6 '--external:k6/*' --outfile=bundle.js), or import a file of it by its path"
            )
        };
        ResolveError::Bare { specifier: specifier.to_owned(), hint }
    }
}

/// An `https` URL's origin and path.
fn origin(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://")?;
    let end = rest.find('/').unwrap_or(rest.len());
    let path = if end == rest.len() { "/" } else { &rest[end..] };
    Some((&url[.."https://".len() + end], path))
}

/// The command that makes a local copy.
fn fetch(url: &str, folder: &Path, host: &str, below: &str) -> String {
    let file = folder.join(host).join(below);
    format!("save it once: `curl -fsSL --create-dirs -o {} {url}`", file.display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io;

    use super::*;

    struct Files(BTreeSet<&'static str>);

    impl Reader for Files {
        fn read(&self, _: &Path, _: u64) -> io::Result<Vec<u8>> {
            Ok(Vec::new())
        }

        fn is_file(&self, path: &Path) -> bool {
            path.to_str().is_some_and(|path| self.0.contains(path))
        }
    }

    fn resolve(base: &Location, specifier: &str) -> Result<String, ResolveError> {
        let files = Files(BTreeSet::from([
            "/s/a.js",
            "/s/lib/b.ts",
            "/s/lib/index.js",
            "/m/h.io/x/y.js",
            "/m/h.io/z.js",
            "/s/c d.js",
            "/s/local.js",
        ]));
        let resolver = Resolver { reader: &files, modules_dir: Some(Path::new("/m")) };
        Ok(match resolver.resolve(base, specifier)? {
            Specifier::Builtin(name) => name,
            Specifier::Module(location) => location.name().to_string(),
        })
    }

    fn base() -> Location {
        Location::file(Path::new("/s/main.js"))
    }

    #[test]
    fn names_are_found_as_k6_finds_them() {
        let found = |specifier| resolve(&base(), specifier).expect("it is there");
        assert_eq!(found("k6"), "k6");
        assert_eq!(found("k6/http"), "k6/http");
        assert_eq!(found("./a.js"), "file:///s/a.js");
        assert_eq!(found("./lib/../lib/b.ts"), "file:///s/lib/b.ts");
        assert_eq!(found("/s/a.js"), "file:///s/a.js");
        assert_eq!(found("file:///s/c%20d.js"), "file:///s/c%20d.js");
        assert_eq!(found("https://h.io/x/../x/y.js?v=1"), "https://h.io/x/y.js");
        let remote = Location::remote("https://h.io/x/y.js", "/m/h.io/x/y.js".into());
        assert_eq!(resolve(&remote, "../z.js").as_deref(), Ok("https://h.io/z.js"));
        assert_eq!(resolve(&remote, "/z.js").as_deref(), Ok("https://h.io/z.js"));
        // A path cannot climb out of the folder of copies.
        assert_eq!(resolve(&remote, "../../../../z.js").as_deref(), Ok("https://h.io/z.js"));
    }

    #[test]
    fn what_is_not_found_says_what_to_do() {
        let hint = |specifier| {
            let error = resolve(&base(), specifier).expect_err("it is not there");
            (error.code(), error.hint().unwrap_or_default().to_owned())
        };
        assert_eq!(hint("k6/x/sql").0, "script-extension");
        assert!(hint("./a").1.contains("`./a.js`"));
        assert!(hint("./lib/b.js").1.contains("`./lib/b.ts`"));
        assert!(hint("./lib").1.contains("`./lib/index.js`"));
        assert!(hint("./lib/").1.contains("`./lib/index.js`"));
        assert!(hint("local.js").1.contains("`./local.js`"));
        assert!(hint("lodash").1.contains("bundle `lodash`"));
        assert!(hint("fs").1.contains("Node.js"));
        assert!(hint("node:fs").1.contains("Node.js"));
        assert_eq!(hint("http://h.io/z.js").0, "script-import-url");
        assert_eq!(hint("npm:x").0, "script-import-url");
        assert_eq!(hint("file://x.js").0, "script-import-url");
        for broken in
            ["https://", "https:///x.js", "https://a@b/x.js", "https://h.io", "https://../x.js"]
        {
            assert_eq!(hint(broken).0, "script-import-url", "{broken}");
        }
        let (code, text) = hint("https://h.io/none.js");
        assert_eq!(code, "script-import-not-local");
        assert!(
            text.contains("curl -fsSL --create-dirs -o /m/h.io/none.js https://h.io/none.js"),
            "{text}"
        );
        let files = Files(BTreeSet::new());
        let resolver = Resolver { reader: &files, modules_dir: None };
        let error = resolver.resolve(&base(), "https://h.io/none.js").expect_err("no folder");
        assert!(error.hint().is_some_and(|hint| hint.contains(MODULES_OPTION)));
    }
}
