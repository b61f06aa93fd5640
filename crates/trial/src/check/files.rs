//! Files a plan names: rows of data, and what bodies are made of. They are read when it is checked.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use seaworthy_load::check::Known;
use seaworthy_load::{check, data};

use super::{Checker, folder_of};
use crate::plan::Plan;

impl Checker<'_> {
    /// Reads every file the plan's flows and routines name, counted from the plan's folder.
    pub(super) fn files(&mut self, plan: &Plan, known: &mut Known<'_>) {
        let folder = folder_of(self.file);
        let mut open = |path: &str| read(&folder.join(path));
        let (data, findings) = check::data(known, &plan.data, &mut open);
        self.findings.extend(findings);
        let flows = plan.flows.iter().flat_map(|flow| flow.start.iter().chain(&flow.steps));
        let routines = plan.setup.iter().chain(&plan.teardown);
        let steps = flows.chain(routines.flat_map(|routine| &routine.steps));
        let (files, findings) = check::files(known, steps, &mut open);
        self.findings.extend(findings);
        // What cannot be read is said once, and not again wherever it is used.
        let unread = plan.data.iter().map(|it| &it.name.value).filter(|it| !data.contains_key(*it));
        known.names.extend(unread.cloned());
        (known.data, known.files) = (data, files);
    }
}

/// A plain file's bytes. Anything else (a device, a pipe) might never end.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| error.to_string();
    let kind = std::fs::metadata(path).map_err(told)?;
    if !kind.is_file() {
        return Err("it is no plain file".to_owned());
    }
    let most = data::MAX_BYTES as u64;
    if kind.len() > most {
        return Err(format!("it has {} bytes; at most {most} are read", kind.len()));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(told)?.take(most).read_to_end(&mut bytes).map_err(told)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use crate::check::check;

    const PLAN: &str = r#"
apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {name: t}
data: [{name: users, file: users.csv}]
targets: [{name: api, url: "https://127.0.0.1:1", http: 2, insecure: true}]
flows:
  - name: f
    target: api
    start: [{name: in, request: POST /in, form: {user: "${users.name}", password: "${users.pass}"}}]
    steps: [{name: up, request: POST /up, multipart: [{name: a, file: a.bin}]}]
phases: [{name: p, duration: 1m, load: [{flow: f, executor: constant-vus, vus: 1}]}]
objectives: [{name: o, metric: http_req_failed, require: rate < 1%}]
"#;

    fn codes(plan: &str, folder: &std::path::Path) -> Vec<(&'static str, String)> {
        let file = folder.join("plan.yaml");
        let (checked, findings) = check(file.to_str().unwrap(), plan);
        assert_eq!(checked.is_none(), seaworthy_document::errors(&findings));
        let errors = findings.into_iter().filter(|it| it.code.starts_with("load-"));
        errors.map(|it| (it.code, it.reason)).collect()
    }

    #[test]
    fn files_count_from_the_plans_folder() {
        let folder = tempfile::tempdir().unwrap();
        let found = codes(PLAN, folder.path());
        assert!(found.iter().all(|(code, _)| *code == "load-file"), "{found:?}");
        assert_eq!(found.len(), 2);
        std::fs::write(folder.path().join("users.csv"), "name,pass\na,b,c\n").unwrap();
        std::fs::create_dir(folder.path().join("a.bin")).unwrap();
        let found = codes(PLAN, folder.path());
        assert!(found.iter().any(|(code, _)| *code == "load-data"), "{found:?}");
        assert!(found.iter().any(|(_, reason)| reason.contains("no plain file")), "{found:?}");
        std::fs::write(folder.path().join("users.csv"), "name,pass\na,b\n").unwrap();
        std::fs::remove_dir(folder.path().join("a.bin")).unwrap();
        std::fs::write(folder.path().join("a.bin"), [0, 255]).unwrap();
        assert_eq!(codes(PLAN, folder.path()), []);
        let (checked, _) = check(folder.path().join("plan.yaml").to_str().unwrap(), PLAN);
        let notes = checked.unwrap().notes();
        assert!(notes.iter().any(|note| note.text.contains("certificate was not checked")));
    }

    #[test]
    fn a_password_typed_into_a_form_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("users.csv"), "name,pass\na,b\n").unwrap();
        std::fs::write(folder.path().join("a.bin"), "x").unwrap();
        let plan = PLAN.replace("${users.pass}", "hunter22");
        let (checked, findings) = check(folder.path().join("plan.yaml").to_str().unwrap(), &plan);
        assert!(findings.iter().any(|it| it.code == "plan-literal-secret"), "{findings:?}");
        assert!(checked.unwrap().literals().contains("hunter22"));
    }
}
