//! The plan that comes out: modules by their conditions, in working order, with answers filled in.

use seaworthy_wizard::{Catalog, Date, Plan, Session};
use serde_json::{Value, json};

fn plan(wizard: &str, answers: &[Value]) -> Plan {
    let today: Date = "2026-11-29".parse().unwrap();
    let catalog = Catalog::shipped();
    let definition = &catalog.get(wizard).unwrap().definition;
    let mut session = Session::begin(definition);
    for answer in answers {
        session.answer(None, answer, today).unwrap();
    }
    session.plan("plan-1".into(), today).unwrap()
}

fn marketing(approval: bool) -> Plan {
    plan(
        "marketing_campaign_v1",
        &[
            json!("Spring {launch}"),
            json!(null),
            json!(["Engineers"]),
            json!(["email", "social_linkedin", "paid_ads"]),
            json!("2026-12-20"),
            json!(500),
            json!("We are ten times faster."),
            json!(["leads", "clicks"]),
            json!("bold"),
            json!(approval),
        ],
    )
}

#[test]
fn a_plan_with_approval_has_every_module() {
    let plan = marketing(true);
    assert_eq!((plan.plan_id.as_str(), plan.campaign_name.as_str()), ("plan-1", "Spring {launch}"));
    assert_eq!(plan.launch_date.as_deref(), Some("2026-12-20"));
    let ids: Vec<&str> = plan.modules.iter().map(|module| module.id.as_str()).collect();
    assert_eq!(
        ids,
        ["research", "content_creation", "design", "review", "distribution", "analytics"]
    );
    assert_eq!(plan.modules[4].dependencies, ["review"]);
    assert!(plan.skipped_modules.is_empty());
    assert_eq!(plan.success_criteria[1], "approval_received");
    // 2+4+2 hours, 1 day, 1.5 hours; 4+8+4 hours, 3 days, 1.5 hours.
    assert_eq!(plan.estimated_duration.as_deref(), Some("1.5-4 days"));
    assert_eq!(
        plan.agents_required,
        ["strategist", "content_writer", "designer", "distribution_manager"]
    );
}

#[test]
fn without_approval_nobody_waits_for_a_review() {
    let plan = marketing(false);
    assert_eq!(plan.modules.len(), 5);
    assert_eq!(plan.skipped_modules[0].id, "review");
    assert_eq!(plan.skipped_modules[0].condition, "approval_required == true");
    let distribution = plan.modules.iter().find(|module| module.id == "distribution").unwrap();
    assert_eq!(distribution.dependencies, ["content_creation", "design"]);
    assert!(!plan.success_criteria.contains(&"approval_received".to_owned()));
    assert_eq!(plan.estimated_duration.as_deref(), Some("9.5-17.5 hours"));
}

#[test]
fn logic_and_parameters_come_from_the_answers() {
    let plan = marketing(false);
    let step = |module: &str| {
        plan.modules.iter().find(|one| one.id == module).unwrap().tasks.last().unwrap().clone()
    };
    assert_eq!(
        step("distribution").then,
        ["email.create_campaign", "linkedin.schedule_post", "ads.create_campaign"]
    );
    assert_eq!(
        step("analytics").params,
        json!({
            "key": "workflow/campaign/Spring {launch}",
            "metadata": {
                "launch_date": "2026-12-20",
                "channels": ["email", "social_linkedin", "paid_ads"],
                "metrics": ["leads", "clicks"],
            },
        })
    );
    let content = step("content_creation").params;
    assert_eq!(
        content["prompt"],
        "Texts in a bold voice for Spring {launch}: We are ten times faster."
    );
    assert_eq!(content["brief"], "{research_brief}");
    for tool in ["mailchimp", "linkedin", "google_ads", "email", "ads", "memory"] {
        assert!(
            plan.tools_required.iter().any(|one| one == tool),
            "{tool}: {:?}",
            plan.tools_required
        );
    }
    for tool in ["wordpress", "slack", "twitter"] {
        assert!(
            !plan.tools_required.iter().any(|one| one == tool),
            "{tool}: {:?}",
            plan.tools_required
        );
    }
    let mut once = plan.tools_required.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), plan.tools_required.len());
    let recommended: Vec<&String> = plan.tool_recommendations.keys().collect();
    assert_eq!(recommended, ["design", "email", "social"]);
}

#[test]
fn a_plan_is_json_with_the_fields_clients_know() {
    let shown = serde_json::to_value(marketing(true)).unwrap();
    for field in [
        "plan_id",
        "campaign_name",
        "launch_date",
        "modules",
        "estimated_duration",
        "agents_required",
        "tools_required",
        "success_criteria",
    ] {
        assert!(!shown[field].is_null(), "{field}");
    }
    assert_eq!(shown["answers"]["budget"], 500);
    assert_eq!(shown["modules"][3]["dependencies"], json!(["content_creation", "design"]));
}

#[test]
fn the_quick_wizard_plans_from_a_name_and_an_audience() {
    let plan =
        plan("quick_campaign_v1", &[json!("test-answer"), json!("All"), json!(null), json!(null)]);
    assert_eq!(plan.campaign_name, "test-answer");
    assert_eq!(plan.launch_date, None);
    assert_eq!(plan.answers["approval_required"], json!(false));
    let ids: Vec<&str> = plan.modules.iter().map(|module| module.id.as_str()).collect();
    assert_eq!(ids, ["research", "content_creation", "distribution"]);
    assert_eq!(plan.modules[2].dependencies, ["content_creation"]);
}
