//! The metrics k6 has without a script.

use super::{Contains, Kind, Metric};

macro_rules! builtin {
    ($($(#[$doc:meta])* $name:ident: $kind:ident of $contains:ident,)*) => {
        /// What k6 has built in, field by name.
        #[derive(Clone, Debug)]
        pub struct Builtin {
            $($(#[$doc])* pub $name: Metric,)*
        }

        impl Builtin {
            pub(super) fn define(
                define: &mut dyn FnMut(&str, Kind, Contains) -> Metric,
            ) -> Self {
                Self { $($name: define(stringify!($name), Kind::$kind, Contains::$contains),)* }
            }
        }
    };
}

builtin! {
    /// Virtual users at work.
    vus: Gauge of Default,
    /// Virtual users there are.
    vus_max: Gauge of Default,
    /// Iterations that ended by themselves.
    iterations: Counter of Default,
    /// How long an iteration took.
    iteration_duration: Trend of Time,
    /// Arrivals that found no free virtual user.
    dropped_iterations: Counter of Default,
    /// Checks that held.
    checks: Rate of Default,
    /// How long a group took.
    group_duration: Trend of Time,
    /// HTTP requests.
    http_reqs: Counter of Default,
    /// HTTP requests whose answer was not the expected one.
    http_req_failed: Rate of Default,
    /// Sending, waiting and receiving together.
    http_req_duration: Trend of Time,
    /// Waiting for a free connection.
    http_req_blocked: Trend of Time,
    /// Opening the connection.
    http_req_connecting: Trend of Time,
    /// The TLS handshake.
    http_req_tls_handshaking: Trend of Time,
    /// Sending the request.
    http_req_sending: Trend of Time,
    /// Waiting for the first byte of the answer.
    http_req_waiting: Trend of Time,
    /// Receiving the answer.
    http_req_receiving: Trend of Time,
    /// WebSocket sessions begun.
    ws_sessions: Counter of Default,
    /// WebSocket messages sent.
    ws_msgs_sent: Counter of Default,
    /// WebSocket messages received.
    ws_msgs_received: Counter of Default,
    /// From a ping to its pong.
    ws_ping: Trend of Time,
    /// How long a WebSocket session was.
    ws_session_duration: Trend of Time,
    /// Opening a WebSocket.
    ws_connecting: Trend of Time,
    /// How long a gRPC call took.
    grpc_req_duration: Trend of Time,
    /// Bytes sent.
    data_sent: Counter of Data,
    /// Bytes received.
    data_received: Counter of Data,
}
