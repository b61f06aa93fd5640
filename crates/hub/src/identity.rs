//! Tenants, users and tokens: who may act, for whom, and for how long.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use seaworthy_base::Clock;
use seaworthy_store::{Part as Schema, Store};

use crate::auth::{Authenticator, CHANGES, Lease, Source, Verdicts, Verified};
use crate::options::{self, Role};
use crate::problem::Problem;
use crate::server::{Context, Error, Part};

mod admin;
mod changes;
mod check;
mod keys;
mod people;
mod rows;
mod secret;
mod tokens;

/// The role's state, shared by its routes and by its own authentication.
pub(crate) struct Identity {
    store: Store,
    clock: Clock,
    keys: keys::Ring,
    lives: options::Tokens,
    admin: admin::Digest,
    verdicts: Arc<Verdicts>,
    changes: changes::Changes,
    wrong_credentials: Counter,
    issued: Counter,
    revoked: Counter,
}

impl Identity {
    /// Says whom a token speaks for, or why it speaks for no one.
    pub(crate) async fn verify(&self, token: &str) -> Result<Verified, Problem> {
        tokens::verify(self, token).await
    }

    /// The verdicts kept in this process.
    pub(crate) fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }
}

/// Opens the role: keys, admin credential, rows.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let store = context.store(Schema::own(rows::MIGRATIONS)).await?;
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
    let identity = Arc::new(Identity {
        store: store.clone(),
        clock: context.clock.clone(),
        keys,
        lives,
        admin,
        verdicts,
        changes,
        wrong_credentials: count(
            "identity_credential_failures",
            "Requests with a wrong admin credential",
        ),
        issued: count("identity_tokens_issued", "Tokens issued"),
        revoked: count("identity_tokens_revoked", "Tokens revoked"),
    });
    let routes = Router::new()
        .route("/v1/tokens/issue", post(tokens::post_issue))
        .route("/v1/tokens/verify", post(tokens::post_verify))
        .route("/v1/tokens/revoke", post(tokens::post_revoke))
        .route(CHANGES, post(changes::post_changes))
        .route("/v1/tenants/{id}", get(people::get_tenant).put(people::put_tenant))
        .route("/v1/users/{id}", get(people::get_user).put(people::put_user))
        .route("/.well-known/jwks.json", get(tokens::get_keys))
        .with_state(Arc::clone(&identity));
    context.play_identity(&identity);
    Ok(Part {
        routes,
        authenticator: Authenticator::new(Source::Here(identity), &context.metrics),
        store: Some(store),
        needs: Vec::new(),
    })
}

fn secret_error(path: PathBuf, reason: impl std::fmt::Display) -> Error {
    Error::Secret { path, reason: reason.to_string() }
}
