//! A rule, what makes it acceptable, and its rows.

use std::collections::{BTreeSet, HashSet};

use http::StatusCode;
use schemars::JsonSchema;
use seaworthy_base::Timestamp;
use seaworthy_store::{self as store, Migration, Store, Tx, values};
use serde::{Deserialize, Serialize};

use super::Rules;
use super::fold;
use crate::problem::Problem;

/// Most rules a tenant may have.
const RULES: usize = 10_000;

/// Longest pattern, in characters.
const PATTERN: usize = 1_024;

/// Longest name and description, in characters.
const NAME: usize = 256;
const DESCRIPTION: usize = 1_024;

/// Longest folded patterns of one tenant together, in bytes: the automaton grows with them.
const PATTERNS: usize = 2 << 20;

pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    name: "policies and rules",
    sqlite: "CREATE TABLE policies (
            tenant TEXT PRIMARY KEY,
            version INTEGER NOT NULL,
            updated_at TEXT NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE rules (
            tenant TEXT NOT NULL REFERENCES policies (tenant),
            name TEXT NOT NULL,
            pattern TEXT NOT NULL,
            weight REAL NOT NULL,
            severity TEXT NOT NULL,
            description TEXT NOT NULL,
            PRIMARY KEY (tenant, name)
          ) STRICT, WITHOUT ROWID;",
    postgres: r#"CREATE TABLE policies (
            tenant TEXT COLLATE "C" PRIMARY KEY,
            version BIGINT NOT NULL,
            updated_at TEXT NOT NULL
          );
          CREATE TABLE rules (
            tenant TEXT COLLATE "C" NOT NULL REFERENCES policies (tenant),
            name TEXT COLLATE "C" NOT NULL,
            pattern TEXT COLLATE "C" NOT NULL,
            weight DOUBLE PRECISION NOT NULL,
            severity TEXT NOT NULL,
            description TEXT NOT NULL,
            PRIMARY KEY (tenant, name)
          );"#,
}];

/// How bad.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A score of 0.8 or more.
    Low,
    /// A score of 0.5 or more.
    Medium,
    /// A score of 0.2 or more.
    High,
    /// A lower score.
    Critical,
}

impl Severity {
    /// `low`, `medium`, `high` or `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub(super) fn of_score(score: f64) -> Self {
        if score >= 0.8 {
            Self::Low
        } else if score >= 0.5 {
            Self::Medium
        } else if score >= 0.2 {
            Self::High
        } else {
            Self::Critical
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|severity| severity.as_str() == text)
    }
}

/// A text that must not occur in a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, unique in the tenant.
    pub name: String,
    /// The text, found wherever it occurs, without regard to case.
    pub pattern: String,
    /// What a match takes off the score, 0 to 1.
    #[serde(default = "weight")]
    pub weight: f64,
    /// How bad its author thinks it is.
    #[serde(default = "severity")]
    pub severity: Severity,
    /// What it is about.
    #[serde(default)]
    pub description: String,
}

impl Rule {
    /// A rule against a term, as if nothing but the term had been said.
    pub(crate) fn against(term: &str) -> Self {
        Self {
            name: term.to_owned(),
            pattern: term.to_owned(),
            weight: weight(),
            severity: severity(),
            description: String::new(),
        }
    }
}

const fn weight() -> f64 {
    0.35
}

const fn severity() -> Severity {
    Severity::Medium
}

/// Checks a whole policy.
pub(super) fn check(rules: &[Rule]) -> Result<(), Problem> {
    let mut names = HashSet::new();
    bounded(rules.len(), rules.iter().map(size).sum())?;
    for (index, rule) in rules.iter().enumerate() {
        let place = format!("/rules/{index}");
        check_one(&place, rule)?;
        if !names.insert(&rule.name) {
            return Err(duplicate(&rule.name).pointer(format!("{place}/name")));
        }
    }
    Ok(())
}

/// Checks one rule that stands at `place` in the body.
pub(super) fn check_one(place: &str, rule: &Rule) -> Result<(), Problem> {
    let at = |field: &str| format!("{place}/{field}");
    let long = |text: &str, most: usize| text.chars().count() > most;
    if rule.name.trim().is_empty() || long(&rule.name, NAME) {
        return Err(Problem::invalid(at("name"), format!("a name is 1 to {NAME} characters")));
    }
    if rule.pattern.trim().is_empty() {
        let detail = "a pattern is more than blanks: it would match nearly every prompt";
        return Err(Problem::invalid(at("pattern"), detail));
    }
    if long(&rule.pattern, PATTERN) {
        let detail = format!("a pattern is at most {PATTERN} characters");
        return Err(Problem::invalid(at("pattern"), detail));
    }
    if !(0.0..=1.0).contains(&rule.weight) {
        return Err(Problem::invalid(at("weight"), "a weight is a number from 0 to 1"));
    }
    if long(&rule.description, DESCRIPTION) {
        let detail = format!("a description is at most {DESCRIPTION} characters");
        return Err(Problem::invalid(at("description"), detail));
    }
    Ok(())
}

fn bounded(rules: usize, patterns: usize) -> Result<(), Problem> {
    if rules <= RULES && patterns <= PATTERNS {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "policy_too_large",
        format!("a tenant has at most {RULES} rules, their patterns at most {PATTERNS} bytes"),
    ))
}

fn size(rule: &Rule) -> usize {
    fold::text(&rule.pattern).len()
}

fn duplicate(name: &str) -> Problem {
    Problem::conflict("duplicate_rule", format!("there is a rule named `{name}` already"))
}

/// A tenant's policy, its rules sorted by pattern and name; none when it never had one.
pub(super) fn read(tx: &mut Tx<'_>, tenant: &str) -> store::Result<Option<Rules>> {
    let version: Option<i64> =
        tx.first("SELECT version FROM policies WHERE tenant = ?1", &values![tenant], |row| {
            row.get(0)
        })?;
    let Some(version) = version else { return Ok(None) };
    let rules = tx.query(
        "SELECT name, pattern, weight, severity, description FROM rules
         WHERE tenant = ?1 ORDER BY pattern, name",
        &values![tenant],
        |row| {
            Ok(Rule {
                name: row.get(0)?,
                pattern: row.get(1)?,
                weight: row.get(2)?,
                severity: Severity::read(row.text(3)?)
                    .ok_or_else(|| store::Error::column(3, "it is not a severity"))?,
                description: row.get(4)?,
            })
        },
    )?;
    let version = u64::try_from(version).unwrap_or(0);
    Ok(Some(Rules { tenant: tenant.to_owned(), version, rules }))
}

/// Puts these rules in the place of all the tenant had.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    tenant: &str,
    rules: Vec<Rule>,
    now: Timestamp,
) -> store::Result<Rules> {
    touch(tx, tenant, now)?;
    tx.put("DELETE FROM rules WHERE tenant = ?1", &values![tenant])?;
    for rule in &rules {
        insert(tx, tenant, rule)?;
    }
    read(tx, tenant)?.ok_or_else(|| store::Error::column(0, "a policy just written is gone"))
}

/// Adds one rule; a tenant without a policy has one from then on.
pub(super) fn add(
    tx: &mut Tx<'_>,
    tenant: &str,
    rule: Rule,
    now: Timestamp,
) -> Result<Rule, Problem> {
    let old = read(tx, tenant)?.map(|rules| rules.rules).unwrap_or_default();
    if old.iter().any(|other| other.name == rule.name) {
        return Err(duplicate(&rule.name).pointer("/name"));
    }
    bounded(old.len() + 1, old.iter().chain([&rule]).map(size).sum())?;
    touch(tx, tenant, now)?;
    insert(tx, tenant, &rule)?;
    Ok(rule)
}

/// Gives a tenant that never had a policy one that forbids these terms.
pub(super) async fn begin(
    store: &Store,
    tenant: &str,
    terms: &[String],
    now: Timestamp,
) -> Result<(), Problem> {
    let terms = BTreeSet::from_iter(terms);
    let rules: Vec<Rule> = terms.into_iter().map(|term| Rule::against(term)).collect();
    check(&rules)?;
    let tenant = tenant.to_owned();
    let begun = store
        .write(move |tx| -> store::Result<_> {
            if read(tx, &tenant)?.is_some() {
                return Ok(None);
            }
            replace(tx, &tenant, rules, now)?;
            Ok(Some(tenant))
        })
        .await?;
    if let Some(tenant) = begun {
        tracing::info!(
            tenant,
            "gave the anonymous tenant a policy that forbids the moderated terms"
        );
    }
    Ok(())
}

fn touch(tx: &mut Tx<'_>, tenant: &str, now: Timestamp) -> store::Result<()> {
    tx.put(
        "INSERT INTO policies (tenant, version, updated_at) VALUES (?1, 1, ?2)
         ON CONFLICT (tenant) DO UPDATE SET version = policies.version + 1, updated_at = ?2",
        &values![tenant, now.to_string()],
    )
}

fn insert(tx: &mut Tx<'_>, tenant: &str, rule: &Rule) -> store::Result<()> {
    tx.put(
        "INSERT INTO rules (tenant, name, pattern, weight, severity, description)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &values![
            tenant,
            rule.name,
            rule.pattern,
            rule.weight,
            rule.severity.as_str(),
            rule.description,
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_has_its_place() {
        let good = Rule {
            name: "n".into(),
            pattern: "p".into(),
            weight: 0.5,
            severity: Severity::High,
            description: String::new(),
        };
        let place = |rules: &[Rule]| check(rules).unwrap_err().pointer.clone();
        let with = |change: &dyn Fn(&mut Rule)| {
            let mut rule = good.clone();
            change(&mut rule);
            place(&[good.clone(), rule]).unwrap()
        };
        assert!(check(std::slice::from_ref(&good)).is_ok());
        assert_eq!(with(&|_| {}), "/rules/1/name");
        assert_eq!(with(&|rule| rule.name = " ".into()), "/rules/1/name");
        assert_eq!(with(&|rule| rule.pattern = "\t".into()), "/rules/1/pattern");
        assert_eq!(with(&|rule| rule.pattern = "é".repeat(1_025)), "/rules/1/pattern");
        for weight in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(with(&|rule| rule.weight = weight), "/rules/1/weight");
        }
        assert_eq!(with(&|rule| rule.description = "d".repeat(1_025)), "/rules/1/description");
        let many = vec![good; 10_001];
        assert_eq!(check(&many).unwrap_err().code, "hub.policy_too_large");
    }
}
