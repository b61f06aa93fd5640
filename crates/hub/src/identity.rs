//! Tenants, users and tokens: who may act, for whom, and for how long.

use std::path::PathBuf;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use seaworthy_base::Clock;
use seaworthy_store::{Part as Schema, Store};

use crate::api::{Operation, Routes};
use crate::auth::{
    ANONYMOUS, Authenticator, CHANGES, Lease, News, Question, Source, Verdicts, Verified,
};
use crate::constitution::{self, Bundle, Keeper, Published};
use crate::options::{self, Role};
use crate::problem::Problem;
use crate::server::{Context, Error, Part};

mod admin;
mod anonymous;
mod changes;
mod check;
mod constitution_held;
mod keys;
mod people;
mod rows;
mod secret;
mod switch;
mod tokens;

pub(crate) use constitution_held::Constitution;
pub(crate) use switch::{PATH as KILL_SWITCH, State as SwitchState, Turn as SwitchTurn};

/// The role's state, shared by its routes and by its own authentication.
pub(crate) struct Identity {
    store: Store,
    clock: Clock,
    keys: keys::Ring,
    lives: options::Tokens,
    admin: admin::Digest,
    verdicts: Arc<Verdicts>,
    changes: changes::Changes,
    constitution: Constitution,
    switch: switch::Switch,
    anonymous: Option<String>,
    wrong_credentials: Counter,
    issued: Counter,
    revoked: Counter,
}

impl Identity {
    /// Says whom a token speaks for, or why it speaks for no one.
    pub(crate) async fn verify(&self, token: &str) -> Result<Verified, Problem> {
        tokens::verify(self, token).await
    }

    /// Whom requests without a token speak for, if the operator maps them to `tenant`.
    pub(crate) async fn anonymous(&self, tenant: &str) -> Result<Verified, Problem> {
        anonymous::verify(self, tenant).await
    }

    /// The constitution that tokens are bound to.
    pub(crate) fn constitution(&self) -> &Constitution {
        &self.constitution
    }

    /// The verdicts kept in this process.
    pub(crate) fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }
}

/// Opens the role: keys, admin credential, rows.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let store = context.store(&[Schema::own(rows::MIGRATIONS)]).await?;
    let folder = context.folder();
    let refuse = |source| Error::Store { role: Role::Identity, source };
    let now = context.clock.wall();
    secret::folder(&folder).map_err(|error| secret_error(folder.clone(), error))?;
    let (admin, first) = admin::bootstrap(&store, &folder, now).await?;
    let lives = context.options.tokens.clone();
    let keys = keys::Ring::open(&store, &folder, &lives, now).await?;
    let forgotten = rows::prune(&store, now).await.map_err(refuse)?;
    tracing::debug!(forgotten, "revocations of expired tokens forgotten");
    let count = |name: &str, help: &str| context.metrics.register(name, help, Counter::default());
    let verdicts = Arc::new(Verdicts::new(context.clock.clone(), Lease::Own));
    let followers = context.metrics.register(
        "identity_followers",
        "Processes that keep verdicts and are told of changes",
        Gauge::default(),
    );
    let changes = changes::Changes::new(
        context.clock.clone(),
        Arc::clone(&verdicts),
        first,
        followers,
        context.stop.clone(),
    );
    let constitution =
        Constitution::open(&store, &folder, &context.options.constitution, now).await?;
    let switch = switch::Switch::open(&store).await.map_err(refuse)?;
    let anonymous = context.options.anonymous.as_ref().map(|one| one.tenant.clone());
    if let Some(tenant) = &anonymous {
        anonymous::ensure(&store, tenant, now).await?;
    }
    let identity = Arc::new(Identity {
        store: store.clone(),
        clock: context.clock.clone(),
        keys,
        lives,
        admin,
        verdicts,
        changes,
        constitution,
        switch,
        anonymous,
        wrong_credentials: count(
            "identity_credential_failures",
            "Requests with a wrong admin credential",
        ),
        issued: count("identity_tokens_issued", "Tokens issued"),
        revoked: count("identity_tokens_revoked", "Tokens revoked"),
    });
    context.play_identity(&identity);
    let keeper = Keeper::Identity(Arc::clone(&identity));
    let held = Arc::clone(&identity);
    Ok(Part {
        routes: routes().with_state(Arc::clone(&identity)).merge(constitution::routes(keeper)),
        authenticator: Authenticator::new(Source::Here(identity), &context.metrics),
        store: Some(store),
        needs: Vec::new(),
        ailment: Some(Arc::new(move || {
            held.constitution.current().err().map(|problem| problem.detail.clone())
        })),
    })
}

fn routes() -> Routes<Arc<Identity>> {
    Routes::new()
        .post(
            "/v1/tokens/issue",
            tokens::post_issue,
            Operation::new("Issue a token to a user")
                .administrator()
                .body::<tokens::Issue>()
                .answers::<tokens::Issued>(200),
        )
        .post(
            "/v1/tokens/verify",
            tokens::post_verify,
            Operation::new("Say whom a token speaks for")
                .open()
                .body::<tokens::Verify>()
                .answers::<Verified>(200),
        )
        .post(
            "/v1/tokens/revoke",
            tokens::post_revoke,
            Operation::new("Put an end to a token")
                .open()
                .body::<tokens::Revoke>()
                .answers::<tokens::Revoked>(200),
        )
        .post(
            CHANGES,
            changes::post_changes,
            Operation::new("What changed that verdicts on tokens rest on; for roles")
                .open()
                .body::<Question>()
                .answers::<News>(200),
        )
        .post(
            ANONYMOUS,
            anonymous::post,
            Operation::new("Say whom requests without a token speak for; for roles")
                .open()
                .body::<anonymous::Asked>()
                .answers::<Verified>(200),
        )
        .get(
            "/v1/tenants/{id}",
            people::get_tenant,
            Operation::new("A tenant").administrator().answers::<rows::Tenant>(200),
        )
        .put(
            "/v1/tenants/{id}",
            people::put_tenant,
            Operation::new("Make or change a tenant; for the platform's operators")
                .administrator()
                .body::<people::PutTenant>()
                .answers::<rows::Tenant>(200)
                .answers::<rows::Tenant>(201),
        )
        .get(
            "/v1/users/{id}",
            people::get_user,
            Operation::new("A user").administrator().answers::<rows::User>(200),
        )
        .put(
            "/v1/users/{id}",
            people::put_user,
            Operation::new("Make or change a user")
                .administrator()
                .body::<people::PutUser>()
                .answers::<rows::User>(200)
                .answers::<rows::User>(201),
        )
        .get(
            "/.well-known/jwks.json",
            tokens::get_keys,
            Operation::new("The public keys that may still verify")
                .open()
                .answers::<tokens::KeySet>(200),
        )
        .get(
            constitution::PUBLISHED,
            constitution_held::get_published,
            Operation::new("The constitution and the key it is signed with; for roles")
                .open()
                .answers::<Published>(200),
        )
        .put(
            "/v1/constitution",
            constitution_held::put,
            Operation::new("Put another constitution into force; for the platform's operators")
                .administrator()
                .body::<Bundle>()
                .answers::<Bundle>(200),
        )
        .get(
            switch::PATH,
            switch::get,
            Operation::new("Whether all work is stopped").answers::<switch::State>(200),
        )
        .put(
            switch::PATH,
            switch::put,
            Operation::new("Stop all work, or let it go on; for the platform's operators")
                .administrator()
                .body::<switch::Turn>()
                .answers::<switch::State>(200),
        )
}

/// Whether a text can be the id of a tenant or a user.
pub(crate) fn check_id(id: &str) -> Result<(), Problem> {
    check::id("", id)
}

fn secret_error(path: PathBuf, reason: impl std::fmt::Display) -> Error {
    Error::Secret { path, reason: reason.to_string() }
}
