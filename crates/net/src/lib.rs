//! Client connections, TLS and HTTP, with every part of a request timed.
