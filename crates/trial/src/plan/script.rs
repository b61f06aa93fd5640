//! What a phase says of the k6 script that is its load.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use seaworthy_base::Span;
use seaworthy_document::Located;
use seaworthy_k6::options::Flags;
use serde::Deserialize;

/// Options that go before the script's own, as flags of `seaworthy run` do: `vus`, `duration`,
/// `iterations` and `stages` take the place of the script's scenarios.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScriptOptions {
    /// How many virtual users.
    pub vus: Option<Located<u32>>,
    /// For how long.
    pub duration: Option<Located<Span>>,
    /// How many iterations all virtual users make together.
    pub iterations: Option<Located<u64>>,
    /// How the number of virtual users changes.
    #[serde(default)]
    pub stages: Vec<ScriptStage>,
    /// Names that stand for other addresses, as `api.example.com: 127.0.0.1:${port.api}`.
    #[serde(default)]
    pub hosts: BTreeMap<String, Located<String>>,
    /// Whether certificates of servers are taken unchecked; the report then says so.
    #[serde(default)]
    pub insecure: bool,
}

/// A part of a ramp of virtual users.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptStage {
    /// How long it takes.
    pub duration: Span,
    /// The number of virtual users at its end.
    pub target: u32,
}

impl ScriptOptions {
    /// The hosts as they are typed.
    pub(crate) fn hosts_typed(&self) -> BTreeMap<String, String> {
        self.hosts.iter().map(|(name, address)| (name.clone(), address.value.clone())).collect()
    }

    /// The same as flags; `hosts` are those that are known.
    pub(crate) fn flags(&self, hosts: &BTreeMap<String, String>) -> Flags {
        let length = |span: Span| format!("{}ms", span.get().as_millis());
        let stage = |stage: &ScriptStage| format!("{}:{}", length(stage.duration), stage.target);
        Flags {
            vus: self.vus.as_ref().map(ToString::to_string),
            duration: self.duration.as_ref().map(|duration| length(duration.value)),
            iterations: self.iterations.as_ref().map(ToString::to_string),
            stages: self.stages.iter().map(stage).collect(),
            hosts: hosts.iter().map(|(name, address)| format!("{name}={address}")).collect(),
            insecure_skip_tls_verify: self.insecure.then_some(true),
            ..Flags::default()
        }
    }
}
