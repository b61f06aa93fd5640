//! Reviews of plans: who decides, about what, and when.

use super::approval::{STARTER, promised, starter};
use super::*;

/// Whoever may decide about a workflow.
struct Decider<'h> {
    hub: &'h Hub,
    token: String,
}

impl<'h> Decider<'h> {
    async fn of(hub: &'h Hub, name: &str, more: &[&str]) -> Self {
        let mut held = [&["workflow:read", "workflow:approve"][..], more].concat();
        held.sort_unstable();
        held.dedup();
        Self { hub, token: hub.token("acme", name, &held).await }
    }

    async fn decide(&self, id: &str, body: Value) -> Answer {
        let path = format!("/workflows/{id}/signal/approve_campaign");
        self.hub.post(Orchestrator, &path, body).bearer(&self.token).send().await
    }

    /// Waits until it may decide, and says what is shown then.
    async fn asked(&self, id: &str) -> Value {
        let path = format!("/workflows/{id}/query/get_progress");
        let look = async || self.hub.get(Orchestrator, &path).bearer(&self.token).send().await;
        until("it waits for approval", async || look().await.body["waits_for_approval"] == true)
            .await;
        look().await.ok(200).clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_needs_approval_waits_for_somebody_else() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    let bob = Decider::of(&hub, "bob", &[]).await;
    for (decision, status) in
        [(json!({"notes": "fine"}), "completed"), (json!({"approved": false}), "rejected")]
    {
        let (session, plan) = user.marketing(json!(["blog"]), 0, true).await;
        user.approve(&session, json!({})).await.ok(200);
        let id = plan["plan_id"].as_str().unwrap();
        let asked = bob.asked(id).await;
        assert_eq!(asked["current_phase"], "review");
        assert_eq!(
            (&asked["approval_required"], &asked["approval_received"]),
            (&json!(true), &json!(false))
        );
        let own = Decider::of(&hub, "ada", &STARTER).await;
        own.decide(id, json!({})).await.refused(403, "not_a_reviewer");
        for odd in [
            json!({"approved": "perhaps"}),
            json!({"aproved": false}),
            json!({"notes": "x".repeat(20_000)}),
        ] {
            bob.decide(id, odd).await.refused(422, "invalid_value");
        }
        bob.decide(id, json!({"notes": "x\0y"})).await.refused(422, "unstorable_value");
        let path = format!("/workflows/{id}/signal/update_content");
        let unheard = hub.post(Orchestrator, &path, json!({})).bearer(&user.token).send().await;
        unheard.refused(422, "invalid_value");
        bob.decide(id, decision).await.ok(202);
        let ended = user.ended(id, "completed").await;
        assert_eq!(ended["result"]["status"], status);
        assert_eq!(ended["result"]["review"]["by"], "bob");
        if status == "completed" {
            assert_eq!(user.artifacts(id).await, promised(&plan));
            let record = user.artifact(id, "review/1-review.request.json").await;
            assert_eq!(record.ok(200)["decided"]["notes"], "fine");
            assert_eq!(record.body["made_of"].as_array().unwrap().len(), 2);
        } else {
            // What it had made is thrown away; what was asked for stays.
            assert_eq!(user.artifacts(id).await, ["plan.json".to_owned()].into());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_outlasts_a_restart_and_the_token_of_its_author() {
    let clock = Clock::manual("2026-11-29T12:00:00Z".parse().unwrap());
    let start = async |data| {
        let clock = clock.clone();
        Hub::with(data, |mut options| {
            options.clock = clock;
            options
        })
        .await
    };
    let hub = start(tempfile::tempdir().unwrap()).await;
    let user = starter(&hub).await;
    let (session, plan) = user.marketing(json!(["blog"]), 0, true).await;
    user.approve(&session, json!({})).await.ok(200);
    let id = plan["plan_id"].as_str().unwrap();
    Decider::of(&hub, "bob", &[]).await.asked(id).await;
    let hub = start(hub.stop().await).await;
    clock.set_wall("2026-11-29T14:00:00Z".parse().unwrap());
    let bob = Decider::of(&hub, "bob", &[]).await;
    bob.asked(id).await;
    // With what bob holds the plan could not go on.
    bob.decide(id, json!({})).await.refused(403, "missing_capability");
    let carl = Decider::of(&hub, "carl", &STARTER).await;
    carl.decide(id, json!({})).await.ok(202);
    let user = User { hub: &hub, token: carl.token.clone() };
    let ended = user.ended(id, "completed").await;
    assert_eq!(ended["result"]["review"]["by"], "carl");
    assert_eq!(user.artifacts(id).await, promised(&plan));
    let criteria = ended["result"]["success_criteria"].as_array().unwrap().clone();
    assert!(criteria.contains(&json!({"name": "approval_received", "met": true})), "{criteria:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_canceled_leaves_what_was_asked_for_and_nothing_else() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    let (session, plan) = user.marketing(json!(["blog"]), 0, true).await;
    user.approve(&session, json!({})).await.ok(200);
    let id = plan["plan_id"].as_str().unwrap();
    let bob = Decider::of(&hub, "bob", &[]).await;
    assert_eq!(bob.asked(id).await["to_review"].as_array().unwrap().len(), 4);
    let cancel = format!("/workflows/{id}/cancel");
    hub.call(Orchestrator, "POST", &cancel).bearer(&user.token).send().await.ok(202);
    user.ended(id, "canceled").await;
    assert_eq!(user.artifacts(id).await, ["plan.json".to_owned()].into());
    bob.decide(id, json!({})).await.refused(409, "workflow_closed");
}

/// A wizard with two reviews, the second of which one person alone decides about.
const REVIEWS: &str = "
agents: [{role: writer, responsibility: Texts}]
modules:
  - id: write
    title: Write
    agent: writer
    tasks:
      - {action: inference.complete, params: {prompt: 'About {first}', style: 'as in {draft}'}}
      - {action: review.request}
      - {action: review.request, params: {reviewers: [REVIEWER], drafts: '{draft}'}}
    outputs: [draft, one, two]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_review_takes_one_decision_of_whoever_may() {
    let with = async |reviewer: &str| {
        let wizards =
            folder(&[("own.yaml", &format!("{OWN}{}", REVIEWS.replace("REVIEWER", reviewer)))]);
        Hub::with(tempfile::tempdir().unwrap(), |options| own(options, wizards.path())).await
    };
    let walked = async |user: &User<'_>| {
        let session = user.start("own").await;
        user.answer(&session, json!("{draft}")).await.ok(200);
        user.answer(&session, json!(7)).await.ok(200);
        session
    };
    let hub = with("bob").await;
    let user = starter(&hub).await;
    let session = walked(&user).await;
    let approved = user.approve(&session, json!({})).await;
    let id = approved.ok(200)["workflow_id"].as_str().unwrap();
    let (bob, carl) = (Decider::of(&hub, "bob", &[]).await, Decider::of(&hub, "carl", &[]).await);
    let first = carl.asked(id).await["review"].clone();
    assert_eq!(first, "write/2-review.request");
    carl.decide(id, json!({"review": first})).await.ok(202);
    until("the second review", async || carl.asked(id).await["reviewers"] == json!(["bob"])).await;
    carl.decide(id, json!({})).await.refused(403, "not_a_reviewer");
    // A repeat of what was said about the first is not taken for the second.
    bob.decide(id, json!({"review": first})).await.refused(409, "no_decision_wanted");
    bob.decide(id, json!({})).await.ok(202);
    user.ended(id, "completed").await;
    // What somebody answered may look like a name, and is none.
    let text = user.artifact(id, "write/1-inference.complete.md").await.text;
    assert!(text.contains("> About {draft}\n"), "{text}");
    // Neither is a plan begun that only its author could approve of.
    let hub = with("ada").await;
    let user = starter(&hub).await;
    let session = walked(&user).await;
    user.approve(&session, json!({})).await.refused(403, "not_a_reviewer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_decides_about_what_does_not_wait_for_it() {
    let wizards = folder(&[("own.yaml", OWN)]);
    let hub = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        // A hub without inference: the plan waits for it, and not for approval.
        options.roles.retain(|role| *role != Role::Inference);
        options.peers = options.peers.with(Role::Inference, "http://127.0.0.1:1");
        own(options, wizards.path())
    })
    .await;
    let user = starter(&hub).await;
    let (session, plan) = user.planned().await;
    user.approve(&session, json!({})).await.ok(200);
    let id = plan["plan_id"].as_str().unwrap();
    let bob = Decider::of(&hub, "bob", &[]).await;
    bob.decide(id, json!({})).await.refused(409, "no_decision_wanted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_whose_author_may_no_more_goes_on_in_the_name_of_who_decides() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    let bob = Decider::of(&hub, "bob", &[]).await;
    let carl = Decider::of(&hub, "carl", &STARTER).await;
    let (session, plan) = user.marketing(json!(["blog"]), 0, true).await;
    user.approve(&session, json!({})).await.ok(200);
    let id = plan["plan_id"].as_str().unwrap();
    bob.asked(id).await;
    let revoked = hub.post(Role::Identity, "/v1/tokens/revoke", json!({"token": user.token}));
    assert!(revoked.bearer(&user.token).send().await.status.is_success());
    bob.decide(id, json!({})).await.refused(403, "missing_capability");
    carl.decide(id, json!({})).await.ok(202);
    let carl = User { hub: &hub, token: carl.token.clone() };
    carl.ended(id, "completed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_reviewers_are_asked_for_and_none_is_named_nobody_decides() {
    let module = "agents: [{role: writer, responsibility: Texts}]\nmodules:\n  - {id: write, title: Write, agent: writer, tasks: [TASK], outputs: [who]}\n";
    for odd in ["' , '", "{who: bob}", "[]", "7"] {
        let task = format!("{{action: review.request, params: {{reviewers: {odd}}}}}");
        let text = format!("{OWN}{}", module.replace("TASK", &task));
        let wizards = folder(&[("own.yaml", &text)]);
        let error = refused(|options| own(options, wizards.path())).await.to_string();
        assert!(error.contains("`reviewers` is a name"), "{error}");
    }
    let tasks = "{action: memory.retrieve, params: {query: x}}, {action: review.request, params: {reviewers: '{who}'}}";
    let wizards = folder(&[("own.yaml", &format!("{OWN}{}", module.replace("TASK", tasks)))]);
    let hub = Hub::with(tempfile::tempdir().unwrap(), |options| own(options, wizards.path())).await;
    let user = starter(&hub).await;
    let session = user.start("own").await;
    user.answer(&session, json!("one")).await.ok(200);
    user.answer(&session, json!(7)).await.ok(200);
    let ended = user.carried_out(&session, "failed").await;
    assert_eq!(ended["failure"]["code"], "no_reviewers");
}
