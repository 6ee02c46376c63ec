//! How a container is made: OCI spec in, Plan out; cgroups.
