//! The flags of `seaworthy run`: those that say options are handed on as they were typed.

use seaworthy_k6::options::Flags;

/// Flags that say options of the run. What is wrong with one is told as with any other source.
#[derive(clap::Args)]
#[command(next_help_heading = "Options of the run")]
pub(crate) struct OptionFlags {
    /// Virtual users.
    #[arg(short = 'u', long, value_name = "N", allow_hyphen_values = true)]
    vus: Option<String>,
    /// For how long.
    #[arg(short = 'd', long, value_name = "TIME", allow_hyphen_values = true)]
    duration: Option<String>,
    /// How many iterations all virtual users make together.
    #[arg(short = 'i', long, value_name = "N", allow_hyphen_values = true)]
    iterations: Option<String>,
    /// A stage, as `30s:10`; may be repeated.
    #[arg(short = 's', long = "stage", value_name = "TIME:N")]
    stages: Vec<String>,
    /// The part of the run that is ours, as 10%, 1/3 or 0.2:2/3.
    #[arg(long, value_name = "PART")]
    execution_segment: Option<String>,
    /// All parts of the run, as 0,1/3,2/3,1.
    #[arg(long, value_name = "PARTS")]
    execution_segment_sequence: Option<String>,
    /// Refused: nothing here could resume the run.
    #[arg(short = 'p', long, num_args = 0..=1, require_equals = true,
        default_missing_value = "true",
        value_parser = truth, hide = true)]
    paused: Option<bool>,
    /// Do not run setup().
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    no_setup: Option<bool>,
    /// Do not run teardown().
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    no_teardown: Option<bool>,
    /// The most redirects that are followed.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    max_redirects: Option<String>,
    /// The most requests of one http.batch() at a time.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    batch: Option<String>,
    /// The most of them to one host.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    batch_per_host: Option<String>,
    /// The most requests a second, of all virtual users together.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    rps: Option<String>,
    /// What `User-Agent` says.
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// Log requests and answers; with `=full`, with their bodies.
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true,
        default_missing_value = "headers")]
    http_debug: Option<String>,
    /// Check no certificate.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    insecure_skip_tls_verify: Option<bool>,
    /// A new connection for each request.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    no_connection_reuse: Option<bool>,
    /// New connections for each iteration.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    no_vu_connection_reuse: Option<bool>,
    /// How long an iteration takes at least.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    min_iteration_duration: Option<String>,
    /// Failed requests throw.
    #[arg(short = 'w', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    throw: Option<bool>,
    /// A network that is not called, as 10.0.0.0/8; may be repeated.
    #[arg(long, value_name = "NETWORK")]
    blacklist_ip: Vec<String>,
    /// Names of hosts that are not called, as *.example.com; may be repeated.
    #[arg(long, value_name = "PATTERN")]
    block_hostnames: Vec<String>,
    /// An address in place of looking a name up, as `api.example.com=127.0.0.1:8080`; may be
    /// repeated. Not in k6, whose `hosts` this adds to.
    #[arg(long, value_name = "NAME=ADDRESS")]
    hosts: Vec<String>,
    /// What the summary shows of trends, as `avg,p(99.9)`.
    #[arg(long, value_name = "STATS")]
    summary_trend_stats: Option<String>,
    /// The unit of its times: s, ms or us.
    #[arg(long, value_name = "UNIT")]
    summary_time_unit: Option<String>,
    /// Which of k6's tags samples get.
    #[arg(long, value_name = "TAGS")]
    system_tags: Option<String>,
    /// A tag of all samples, as `name=value`; may be repeated.
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    tags: Vec<String>,
    /// A file for what the script's console says.
    #[arg(long, value_name = "FILE")]
    console_output: Option<String>,
    /// Read bodies of answers and keep none of them.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    discard_response_bodies: Option<bool>,
    /// Addresses that requests come from, as 10.0.0.1-10.0.0.9,10.1.0.0/24.
    #[arg(long, value_name = "ADDRESSES")]
    local_ips: Option<String>,
    /// How names are looked up, as `ttl=5m,select=random,policy=preferIPv4`.
    #[arg(long, value_name = "WORDS")]
    dns: Option<String>,
    /// k6's experiments.
    #[arg(long, value_name = "NAMES")]
    features: Vec<String>,
    /// Where samples go: json[=FILE], csv[=FILE], web-dashboard; may be repeated.
    #[arg(short = 'o', long, value_name = "OUTPUT")]
    out: Vec<String>,
    /// Stay after the end, until told to stop.
    #[arg(short = 'l', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    linger: Option<bool>,
    /// Nothing is ever reported to anybody; taken because scripts have it.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    no_usage_report: Option<bool>,
    /// Leave thresholds out.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = truth)]
    no_thresholds: Option<bool>,
    /// How much the summary says: compact, full or disabled.
    #[arg(long, value_name = "MODE")]
    summary_mode: Option<String>,
    /// A file for the summary, as JSON.
    #[arg(long, value_name = "FILE")]
    summary_export: Option<String>,
}

impl OptionFlags {
    /// As they were typed.
    pub(super) fn flags(&self) -> Flags {
        Flags {
            vus: self.vus.clone(),
            duration: self.duration.clone(),
            iterations: self.iterations.clone(),
            stages: self.stages.clone(),
            execution_segment: self.execution_segment.clone(),
            execution_segment_sequence: self.execution_segment_sequence.clone(),
            paused: self.paused,
            no_setup: self.no_setup,
            no_teardown: self.no_teardown,
            max_redirects: self.max_redirects.clone(),
            batch: self.batch.clone(),
            batch_per_host: self.batch_per_host.clone(),
            rps: self.rps.clone(),
            user_agent: self.user_agent.clone(),
            http_debug: self.http_debug.clone(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            no_connection_reuse: self.no_connection_reuse,
            no_vu_connection_reuse: self.no_vu_connection_reuse,
            min_iteration_duration: self.min_iteration_duration.clone(),
            throw: self.throw,
            blacklist_ip: self.blacklist_ip.clone(),
            block_hostnames: self.block_hostnames.clone(),
            hosts: self.hosts.clone(),
            summary_trend_stats: self.summary_trend_stats.clone(),
            summary_time_unit: self.summary_time_unit.clone(),
            system_tags: self.system_tags.clone(),
            tags: self.tags.clone(),
            console_output: self.console_output.clone(),
            discard_response_bodies: self.discard_response_bodies,
            local_ips: self.local_ips.clone(),
            dns: self.dns.clone(),
            features: self.features.clone(),
            out: self.out.clone(),
            linger: self.linger,
            no_usage_report: self.no_usage_report,
            no_thresholds: self.no_thresholds,
            summary_mode: self.summary_mode.clone(),
            summary_export: self.summary_export.clone(),
        }
    }
}

/// A boolean as Go's flags take it, which k6's are.
pub(in crate::cli) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}
