//! Wire types of Hull's REST API: serde only, no I/O.
