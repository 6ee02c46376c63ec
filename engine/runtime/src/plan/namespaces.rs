//! Namespaces: one clone for those that are new, a join for those that exist.

use super::PlanError;
use super::args::Steps;
use hull_plan::Step;
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, Spec};

/// The `CLONE_NEW*` flag of a kind.
fn flag(kind: LinuxNamespaceType) -> u64 {
    // oci-spec gives the variants the kernel's values.
    kind as u64
}

fn namespaces(spec: &Spec) -> impl Iterator<Item = &LinuxNamespace> {
    spec.linux().iter().filter_map(|linux| linux.namespaces().as_ref()).flatten()
}

/// `CLONE_NEW*` flags of all namespaces that the container has for itself or shares with another container: those
/// that an exec must join.
pub fn kinds(spec: &Spec) -> u64 {
    namespaces(spec).fold(0, |flags, ns| flags | flag(ns.typ()))
}

pub(super) fn container(steps: &mut Steps, spec: &Spec) -> Result<(), PlanError> {
    let fresh = namespaces(spec)
        .filter(|ns| ns.path().is_none() && ns.typ() != LinuxNamespaceType::Cgroup)
        .fold(0, |flags, ns| flags | flag(ns.typ()));
    if fresh != 0 {
        steps.push(&Step::Namespaces { flags: fresh });
    }
    for namespace in namespaces(spec) {
        if let Some(path) = namespace.path() {
            let kind = flag(namespace.typ());
            steps.with_path("namespace", path, |path| Step::JoinNamespace { kind, path })?;
        }
    }
    Ok(())
}

/// Not by the clone: at that moment the child is not in its cgroups yet, and they are to be the namespace's root.
pub(super) fn unshare_cgroup(steps: &mut Steps, spec: &Spec) {
    if namespaces(spec).any(|ns| ns.typ() == LinuxNamespaceType::Cgroup && ns.path().is_none()) {
        steps.push(&Step::UnshareCgroup);
    }
}

/// Host and domain name, which need a UTS namespace of one's own: with `--uts=host` they are the host's.
pub(super) fn names(steps: &mut Steps, spec: &Spec) -> Result<(), PlanError> {
    if !namespaces(spec).any(|ns| ns.typ() == LinuxNamespaceType::Uts && ns.path().is_none()) {
        return Ok(());
    }
    if let Some(name) = spec.hostname().as_deref().filter(|name| !name.is_empty()) {
        steps.with("hostname", name, |name| Step::Hostname { name })?;
    }
    if let Some(name) = spec.domainname().as_deref().filter(|name| !name.is_empty()) {
        steps.with("domain name", name, |name| Step::Domainname { name })?;
    }
    Ok(())
}
