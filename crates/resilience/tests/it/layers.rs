//! The parts as tower layers: they refuse, repeat, end and remember as the values do.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_resilience::breaker::{self, Breaker, State};
use seaworthy_resilience::bulkhead::{self, Bulkhead};
use seaworthy_resilience::cache::{self, Cache};
use seaworthy_resilience::outcome::ByStatus;
use seaworthy_resilience::rate::{self, Limiter, Rate};
use seaworthy_resilience::retry::{self, Budget, Retry};
use seaworthy_resilience::shed::{self, Priority, Shedder};
use seaworthy_resilience::{BoxError, Deadline, Error, deadline};
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::world::{millis, seconds};

type Answer = Response<String>;

/// A server that answers each call with the next of these statuses, then with the last; a 0 never answers.
#[derive(Clone)]
struct Server {
    statuses: Arc<[u16]>,
    calls: Arc<AtomicUsize>,
}

impl Server {
    fn new(statuses: &[u16]) -> Self {
        Self { statuses: statuses.into(), calls: Arc::default() }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn answer(self, request: Request<String>) -> Result<Answer, Infallible> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let status = self.statuses[call.min(self.statuses.len() - 1)];
        if status == 0 {
            std::future::pending::<()>().await;
        }
        let told = request.headers().get(deadline::HEADER);
        let told = told.map_or("nothing", |told| told.to_str().unwrap());
        let answer = Response::builder().status(status);
        Ok(answer.body(format!("call {call}, told {told}")).unwrap())
    }

    fn service(
        &self,
    ) -> impl Service<Request<String>, Response = Answer, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
    + use<> {
        let server = self.clone();
        service_fn(move |request| server.clone().answer(request))
    }
}

fn request(method: Method) -> Request<String> {
    Request::builder().method(method).uri("/tea").body(String::new()).unwrap()
}

fn ours(result: Result<Answer, BoxError>) -> Error {
    let error = result.expect_err("it is refused");
    Error::of(&*error).expect("by this crate").clone()
}

fn retry() -> Retry {
    let clock = Clock::system();
    let budget = Budget::new(retry::Deposits::default(), &clock);
    Retry::new(retry::Policy::default(), budget, clock, Chance::seeded(5))
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_on_statuses() {
    let (server, clock) = (Server::new(&[500]), Clock::system());
    let breaker = Breaker::new("tea", breaker::Settings::default(), clock);
    let client = ServiceBuilder::new()
        .layer(breaker::Layer::new(breaker.clone()).judged_by(ByStatus))
        .service(server.service());
    for _ in 0..5 {
        let answer = client.clone().oneshot(request(Method::GET)).await.unwrap();
        assert_eq!(answer.status(), 500, "an answer is passed on as it is");
    }
    let refused = ours(client.clone().oneshot(request(Method::GET)).await);
    assert!(matches!(refused, Error::CircuitOpen { .. }));
    assert_eq!((server.calls(), breaker.state()), (5, State::Open));
    let response: Response<String> = refused.response();
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"60".parse().unwrap())
    );
    let document: serde_json::Value = serde_json::from_str(response.body()).unwrap();
    assert_eq!(document["code"], "resilience-circuit-open");
    assert!(document["hint"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_gives_its_probe_back() {
    let breaker = Breaker::new("tea", breaker::Settings::default(), Clock::system());
    let client = ServiceBuilder::new()
        .layer(breaker::Layer::new(breaker.clone()))
        .service(Server::new(&[0]).service());
    let call = client.oneshot(request(Method::GET));
    assert!(tokio::time::timeout(millis(5), call).await.is_err());
    assert_eq!(breaker.snapshot().totals.unjudged, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_safe_is_called_again() {
    for (method, statuses, calls, status) in [
        (Method::GET, &[502, 503, 200][..], 3, 200),
        (Method::POST, &[502, 200], 1, 502),
        (Method::GET, &[500, 200], 1, 500),
        (Method::PUT, &[504], 5, 504),
    ] {
        let server = Server::new(statuses);
        let client = ServiceBuilder::new()
            .layer(retry::Layer::new(retry()).judged_by(ByStatus))
            .service(server.service());
        let answer = client.oneshot(request(method.clone())).await.unwrap();
        assert_eq!((answer.status().as_u16(), server.calls()), (status, calls), "{method}");
    }
    let server = Server::new(&[502, 200]);
    let client = ServiceBuilder::new()
        .layer(retry::Layer::new(retry()).judged_by(ByStatus))
        .service(server.service());
    let mut keyed = request(Method::POST);
    keyed.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    assert_eq!(client.oneshot(keyed).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_not_knocked_at_again() {
    let server = Server::new(&[502]);
    let breaker = Breaker::new("tea", breaker::Settings::default(), Clock::system());
    let client = ServiceBuilder::new()
        .layer(retry::Layer::new(retry()).judged_by(ByStatus))
        .layer(breaker::Layer::new(breaker.clone()).judged_by(ByStatus))
        .service(server.service());
    assert_eq!(client.clone().oneshot(request(Method::GET)).await.unwrap().status(), 502);
    let start = Clock::system().now();
    assert!(matches!(ours(client.oneshot(request(Method::GET)).await), Error::CircuitOpen { .. }));
    assert_eq!((server.calls(), breaker.snapshot().totals.refused), (5, 1));
    assert_eq!(Clock::system().now(), start);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_goes_from_hop_to_hop_and_ends_what_takes_longer() {
    let clock = Clock::system();
    let hop = |inner: Server| {
        let client = ServiceBuilder::new()
            .layer(deadline::HandOn::new(seconds(10), clock.clone()))
            .service(inner.service());
        ServiceBuilder::new().layer(deadline::Layer::new(seconds(30), clock.clone())).service_fn(
            move |incoming: Request<String>| {
                let mut outgoing = request(Method::GET);
                let deadline: Deadline = *incoming.extensions().get().unwrap();
                outgoing.extensions_mut().insert(deadline);
                client.clone().oneshot(outgoing)
            },
        )
    };
    let told = |millis: &str| {
        let mut request = request(Method::GET);
        request.headers_mut().insert(deadline::HEADER, millis.parse().unwrap());
        request
    };
    let answers = Server::new(&[200]);
    for (said, passed_on) in [("5000", "4950"), ("80", "70"), ("60000", "9950")] {
        let answer = hop(answers.clone()).oneshot(told(said)).await.unwrap();
        assert!(answer.body().ends_with(passed_on), "{said}: {}", answer.body());
    }
    let hangs = Server::new(&[0]);
    let start = clock.now();
    let late = ours(hop(hangs.clone()).oneshot(told("500")).await);
    assert!(matches!(late, Error::TimedOut { .. }) && late.status() == 504);
    assert_eq!(clock.now() - start, millis(500));
    let asked = hangs.calls();
    assert_eq!(ours(hop(hangs.clone()).oneshot(told("0")).await), Error::DeadlinePassed);
    assert_eq!(hangs.calls(), asked, "what has no time left is not begun");
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_and_a_shedder_refuse_what_is_too_much() {
    let clock = Clock::system();
    let room = bulkhead::Settings { concurrent: 2, waiting: 0, wait: seconds(1) };
    let walled = ServiceBuilder::new()
        .layer(bulkhead::Layer::new(Bulkhead::new("tea", room, clock.clone())))
        .service(Server::new(&[0]).service());
    let few = shed::Settings { first: 2, ..shed::Settings { least: 2, ..Default::default() } };
    let urgent = |request: &Request<String>| match *request.method() {
        Method::POST => Priority::Background,
        _ => Priority::Critical,
    };
    let shielded = ServiceBuilder::new()
        .layer(shed::Layer::new(Shedder::new(few, clock)).ranked_by(urgent))
        .service(Server::new(&[0]).service());
    let under_way: Vec<_> = (0..2)
        .flat_map(|_| {
            let walled = walled.clone().oneshot(request(Method::GET));
            let shielded = shielded.clone().oneshot(request(Method::GET));
            [
                tokio::spawn(async { walled.await.map(drop) }),
                tokio::spawn(async { shielded.await.map(drop) }),
            ]
        })
        .collect();
    tokio::task::yield_now().await;
    let refused = ours(walled.oneshot(request(Method::GET)).await);
    assert!(matches!(refused, Error::BulkheadFull { .. }) && refused.status() == 503);
    for method in [Method::GET, Method::POST] {
        let refused = ours(shielded.clone().oneshot(request(method)).await);
        assert!(matches!(refused, Error::Overloaded { .. }) && refused.status() == 503);
    }
    for call in under_way {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    let again = shielded.oneshot(request(Method::POST));
    assert!(tokio::time::timeout(millis(5), again).await.is_err(), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_limited_by_what_a_request_says() {
    let limiter = Limiter::new(Rate::per_second(2), Clock::system());
    let who = |request: &Request<String>| request.method().clone();
    let client = ServiceBuilder::new()
        .layer(rate::Layer::new(limiter, who))
        .service(Server::new(&[200]).service());
    for method in [Method::GET, Method::POST] {
        for _ in 0..2 {
            assert!(client.clone().oneshot(request(method.clone())).await.is_ok());
        }
        let refused = ours(client.clone().oneshot(request(method)).await);
        assert_eq!(
            (refused.status(), refused.retry_after()),
            (StatusCode::TOO_MANY_REQUESTS, Some(millis(500)))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_answers_for_a_service_and_for_one_that_fails() {
    let server = Server::new(&[200, 404, 503, 200]);
    let settings = cache::Settings { most: 10, fresh: seconds(10), stale: seconds(100) };
    let cache = Cache::new(settings, Clock::system());
    let mark = |answer: &mut Answer, age: Duration| {
        answer.headers_mut().insert("age", age.as_secs().into());
    };
    let key = |request: &Request<String>| {
        (request.method() == Method::GET).then(|| request.uri().path().to_owned())
    };
    let client = ServiceBuilder::new()
        .layer(
            cache::Layer::new(cache.clone(), key)
                .keep_if(|answer: &Answer| answer.status().is_success())
                .stale_if_error(mark),
        )
        // What is no answer at all becomes an error.
        .and_then(async |answer: Answer| match answer.status().as_u16() {
            503 => Err(BoxError::from(Error::Overloaded { retry_after: seconds(1) })),
            _ => Ok(answer),
        })
        .map_err(BoxError::from)
        .service(server.service());
    let get = |path: &str| {
        let mut request = request(Method::GET);
        *request.uri_mut() = path.parse().unwrap();
        client.clone().oneshot(request)
    };
    assert_eq!(get("/tea").await.unwrap().status(), 200);
    assert_eq!(get("/tea").await.unwrap().body(), "call 0, told nothing");
    assert_eq!(server.calls(), 1);
    assert_eq!(get("/milk").await.unwrap().status(), 404);
    assert!(matches!(ours(get("/milk").await), Error::Overloaded { .. }), "a 404 was not kept");
    assert_eq!(get("/milk").await.unwrap().status(), 200);
    tokio::time::advance(seconds(20)).await;
    let failing = ServiceBuilder::new()
        .layer(cache::Layer::new(cache, key).stale_if_error(mark))
        .service_fn(async |_: Request<String>| Err::<Answer, BoxError>("down".into()));
    let mut tea = request(Method::GET);
    *tea.uri_mut() = "/tea".parse().unwrap();
    let stale = failing.clone().oneshot(tea).await.unwrap();
    assert_eq!(
        (stale.body().as_str(), &stale.headers()["age"]),
        ("call 0, told nothing", &"20".parse().unwrap())
    );
    let posted = failing.oneshot(request(Method::POST)).await.unwrap_err();
    assert_eq!(posted.to_string(), "down", "what has no key is passed by");
}
