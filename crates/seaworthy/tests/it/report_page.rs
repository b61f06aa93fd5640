//! The report in a real browser: it shows what the verdict says, and asks the network for nothing.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::evidence::Evidence;
use crate::house::{House, Running};
use crate::trial::{plan, willing};

/// The page as Chromium renders it, and what it had to say about it.
fn rendered(house: &House, page: &str) -> (String, String) {
    let chromium = std::env::var("SEAWORTHY_TEST_CHROMIUM").unwrap_or_else(|_| "chromium".into());
    let found = Command::new(&chromium).arg("--version").output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "`{chromium}` cannot be run: install Chromium (`apt-get install chromium`, which `cargo xtask \
         test` does), or name it with SEAWORTHY_TEST_CHROMIUM"
    );
    let mut command = Command::new(chromium);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", house.root().join("browser").display()))
        .arg(format!("--log-net-log={}", house.root().join("net.json").display()))
        .arg(page);
    let ended = Running::start(command).end().expect(0);
    (ended.stdout, ended.stderr)
}

#[test]
fn a_browser_shows_the_verdict_and_fetches_nothing() {
    let (house, target) = (House::new(), willing());
    let ended = house.trial(&plan(&target.url(), "3s")).expect(2);
    let evidence = Evidence::of(&house, &ended);
    let report = evidence.folder.join("report.html");
    let address = format!("file://{}", report.display());
    let (page, console) = rendered(&house, &address);

    assert!(page.contains(r#"<p class="verdict">inconclusive</p>"#), "{page}");
    for objective in &evidence.outcome.objectives {
        assert!(page.contains(&format!("<bdi>{}</bdi>", objective.name)), "{}", objective.name);
    }
    assert_eq!(page.matches("<article").count(), evidence.outcome.objectives.len());
    // An interval for each objective, and charts of the flows.
    assert!(page.matches("<svg").count() > 2 * evidence.outcome.objectives.len(), "charts");
    for flow in ["work", "browse"] {
        assert!(page.contains(flow), "{flow}");
    }
    assert!(!page.contains("NaN") && !page.contains("undefined"), "numbers are numbers");
    assert!(!console.contains("CONSOLE"), "the page complains: {console}");

    // Nothing in the page can be fetched: no script, frame, image or style from elsewhere.
    let text = fs::read_to_string(&report).unwrap();
    for word in ["<script", "<iframe", "<img", "<link", "@import", "url(", "src=", "srcset="] {
        assert!(!text.contains(word), "{word}");
    }
    let references = text.split("href=\"").skip(1).filter(|rest| !rest.starts_with('#'));
    assert_eq!(references.count(), 0, "links out of the page");
    // And nothing was, by the browser's own record of the network.
    assert_eq!(asked_for(&house), BTreeSet::new());
}

/// The addresses on the network that the page asked for; what the browser asks its maker for of its
/// own accord is left out.
fn asked_for(house: &House) -> BTreeSet<String> {
    let record = fs::read_to_string(house.root().join("net.json")).unwrap();
    let urls = record.split("\"url\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let host = |url: &str| url.split('/').nth(2).unwrap_or_default().to_owned();
    let makers = [".google.com", ".googleapis.com"];
    urls.filter(|url| !makers.iter().any(|maker| host(url).ends_with(maker)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_page_that_fetches_would_be_caught() {
    let house = House::new();
    let page = house.write("page.html", "<img src=\"http://example.test/pixel\">");
    rendered(&house, &format!("file://{}", page.display()));
    assert_eq!(asked_for(&house), BTreeSet::from(["http://example.test/pixel".to_owned()]));
}

#[test]
fn texts_from_outside_cannot_become_markup() {
    let (house, target) = (House::new(), willing());
    let text = plan(&target.url(), "1s")
        .replace(
            "A short trial.",
            "<script>document.title = 'taken'</script><img src=x onerror=alert(1)>",
        )
        .replace("name: fast,", "name: \"<b onclick=x>fast</b>\",")
        .replace("{name: do,", "{name: \"</svg><script>1</script>\",");
    let ended = house.trial(&text);
    let folder = house.only_trial();
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    let (page, _) = rendered(&house, &format!("file://{}", folder.join("report.html").display()));
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b onclick"));
    assert!(page.contains("&lt;script&gt;"), "it is shown as text");
    assert!(page.contains("<title>INCONCLUSIVE: short</title>"), "{page}");
}
