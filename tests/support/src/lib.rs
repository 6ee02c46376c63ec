//! A hulld of a test's own: roots, sockets, network namespace, clients.
