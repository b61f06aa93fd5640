//! What only some sources can say.

use std::net::IpAddr;
use std::time::Duration;

use seaworthy_k6::options::{Flags, SummaryMode};
use serde_json::json;

use crate::{Said, text};

#[test]
fn settings_come_from_the_file_variables_and_flags() {
    let said = || {
        Said::default().config(&json!({ "out": ["json=a"], "linger": true, "noUsageReport": true }))
    };
    let read = said().quietly();
    assert_eq!(read.settings().out.as_deref(), Some(&["json=a".to_owned()][..]));
    assert_eq!((read.settings().linger, read.settings().no_usage_report), (Some(true), Some(true)));
    let variables = [
        ("K6_OUT", "csv=b,json"),
        ("K6_LINGER", "false"),
        ("K6_SUMMARY_MODE", "full"),
        ("K6_NO_THRESHOLDS", "true"),
        ("K6_SUMMARY_EXPORT", "s.json"),
    ];
    let read = said().environment(&variables).quietly();
    let settings = read.settings();
    assert_eq!(settings.out.as_deref(), Some(&["csv=b".to_owned(), "json".to_owned()][..]));
    assert_eq!((settings.linger, settings.no_thresholds), (Some(false), Some(true)));
    assert_eq!(settings.summary_mode, Some(SummaryMode::Full));
    assert_eq!(settings.summary_export.as_deref(), Some("s.json"));
    let flags = Flags {
        out: vec!["json=c".to_owned()],
        summary_mode: text("disabled"),
        summary_export: text("t.json"),
        no_thresholds: Some(false),
        ..Flags::default()
    };
    let read = said().environment(&variables).flags(flags).quietly();
    let settings = read.settings();
    assert_eq!(settings.out.as_deref(), Some(&["json=c".to_owned()][..]));
    assert_eq!(settings.summary_mode, Some(SummaryMode::Disabled));
    assert_eq!(
        (settings.summary_export.as_deref(), settings.no_thresholds),
        (Some("t.json"), Some(false))
    );
}

#[test]
fn addresses_to_call_from_and_the_consoles_file_are_no_scripts_business() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let read = Said::default()
        .environment(&[("K6_LOCAL_IPS", "10.0.0.1-10.0.0.2"), ("K6_CONSOLE_OUTPUT", "a.log")])
        .quietly();
    let local = read.options().local_ips.as_ref().unwrap();
    assert_eq!([0, 1, 2].map(|user| local.nth(user)), ["10.0.0.1", "10.0.0.2", "10.0.0.1"].map(ip));
    assert_eq!(read.options().console_output.as_deref(), Some("a.log"));
    let flags = Flags { local_ips: text("::1"), console_output: text("b.log"), ..Flags::default() };
    let read = Said::default().environment(&[("K6_LOCAL_IPS", "10.0.0.1")]).flags(flags).quietly();
    assert_eq!(read.options().local_ips.as_ref().unwrap().nth(7), ip("::1"));
    assert_eq!(read.options().console_output.as_deref(), Some("b.log"));
}

#[test]
fn timeouts_come_from_variables_too() {
    let variables = [
        ("K6_SETUP_TIMEOUT", "5"),
        ("K6_TEARDOWN_TIMEOUT", "3s"),
        ("K6_HANDLE_SUMMARY_TIMEOUT", "3m"),
        ("K6_NO_COOKIES_RESET", "true"),
        ("K6_METRIC_SAMPLES_BUFFER_SIZE", "5"),
    ];
    let read = Said::script(json!({ "setupTimeout": "9s" })).environment(&variables).quietly();
    let options = read.options();
    assert_eq!(options.setup_timeout(), Duration::from_millis(5));
    assert_eq!(options.teardown_timeout(), Duration::from_secs(3));
    assert_eq!(options.handle_summary_timeout(), Duration::from_secs(180));
    assert_eq!(options.no_cookies_reset, Some(true));
    assert_eq!(options.metric_samples_buffer_size, Some(5));
    // A variable that is empty says nothing.
    let read = Said::script(json!({ "vus": 3, "duration": "1s" }))
        .environment(&[("K6_VUS", "")])
        .quietly();
    assert_eq!(read.options().vus, Some(3));
}

#[test]
fn what_was_not_said_is_k6s_default() {
    let read = Said::default().quietly();
    let options = read.options();
    assert_eq!(options.setup_timeout(), Duration::from_secs(60));
    assert_eq!(options.teardown_timeout(), Duration::from_secs(60));
    assert_eq!(options.handle_summary_timeout(), Duration::from_secs(120));
    assert_eq!((options.max_redirects(), options.batch(), options.batch_per_host()), (10, 20, 6));
    assert_eq!(options.rps(), None);
    assert!(options.has_system_tag("url") && !options.has_system_tag("ip"));
    let read = Said::script(json!({ "systemTags": ["ip"], "rps": 0 })).quietly();
    assert!(read.options().has_system_tag("ip") && !read.options().has_system_tag("url"));
    assert_eq!(read.options().rps(), None);
}

#[test]
fn segments_come_from_flags() {
    let flags = Flags {
        execution_segment: text("25%"),
        execution_segment_sequence: text("0,1/4,1"),
        ..Flags::default()
    };
    let read = Said::script(json!({ "vus": 8, "duration": "1s" })).flags(flags).quietly();
    assert_eq!(read.partition().share(8), 2);
    assert_eq!(read.requirements().max_vus, 2);
}
