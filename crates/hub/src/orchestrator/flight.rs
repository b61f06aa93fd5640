//! Single flight: of several requests for the same turn one does the work and all get its result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// A request's fingerprint: two requests for one turn must have the same.
pub(super) type Fingerprint = [u8; 32];

/// The turns under way, by turn id. Cheap to clone.
#[derive(Debug)]
pub(super) struct Flights<T>(Arc<Mutex<HashMap<String, Flight<T>>>>);

/// What a request for a turn is to do.
#[derive(Debug)]
pub(super) enum Part<T> {
    /// Nobody is at it: do the work and [`Lead::land`].
    Lead(Lead<T>),
    /// Somebody is at it: wait for the result.
    Follow(Follow<T>),
    /// Somebody is at it with another request: wait for the end, then join again. Only what was
    /// committed says which of the two is right.
    Queue(Follow<T>),
}

/// The right and duty to do a turn. Dropped without a result, it frees the turn for the next request.
#[derive(Debug)]
pub(super) struct Lead<T> {
    flights: Flights<T>,
    turn: String,
    result: watch::Sender<Option<T>>,
}

/// A wait for another request's result.
#[derive(Debug)]
pub(super) struct Follow<T>(watch::Receiver<Option<T>>);

#[derive(Debug)]
struct Flight<T> {
    request: Fingerprint,
    result: watch::Receiver<Option<T>>,
}

impl<T: Clone> Flights<T> {
    /// Takes part in the turn `turn` with the request `request`.
    pub(super) fn join(&self, turn: &str, request: Fingerprint) -> Part<T> {
        let mut flights = self.lock();
        match flights.get(turn) {
            Some(flight) if flight.request == request => {
                Part::Follow(Follow(flight.result.clone()))
            }
            Some(flight) => Part::Queue(Follow(flight.result.clone())),
            None => {
                let (sender, result) = watch::channel(None);
                flights.insert(turn.to_owned(), Flight { request, result });
                Part::Lead(Lead { flights: self.clone(), turn: turn.to_owned(), result: sender })
            }
        }
    }
}

impl<T: Clone> Lead<T> {
    /// Gives the result to everyone who waits.
    pub(super) fn land(self, result: T) {
        self.result.send_replace(Some(result));
    }
}

impl<T: Clone> Follow<T> {
    /// The result; none when the one at work was stopped before it had any.
    pub(super) async fn result(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|result| result.clone())
    }

    /// Waits until the turn is free for the next request.
    pub(super) async fn over(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Flights<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Drop for Lead<T> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn one_leads_the_same_follow_and_another_waits_its_turn() {
        let flights = Flights::default();
        let Part::Lead(lead) = flights.join("t", [1; 32]) else { panic!("the first leads") };
        let Part::Follow(follow) = flights.join("t", [1; 32]) else { panic!("the same follows") };
        let Part::Queue(queue) = flights.join("t", [2; 32]) else { panic!("another waits") };
        assert!(matches!(flights.join("u", [2; 32]), Part::Lead(_)));
        lead.land("done");
        assert_eq!(follow.result().await, Some("done"));
        queue.over().await;
        assert!(matches!(flights.join("t", [2; 32]), Part::Lead(_)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_lead_that_gives_up_leaves_its_followers_without_a_result() {
        let flights = Flights::<u8>::default();
        let Part::Lead(lead) = flights.join("t", [1; 32]) else { panic!("the first leads") };
        let Part::Follow(follow) = flights.join("t", [1; 32]) else { panic!("the same follows") };
        drop(lead);
        assert_eq!(follow.result().await, None);
        assert!(matches!(flights.join("t", [2; 32]), Part::Lead(_)));
    }
}
