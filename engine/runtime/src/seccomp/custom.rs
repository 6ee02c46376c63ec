//! Profiles as JSON, in Docker's format (which OCI's is a part of).

use super::argument::{Comparison, Op};
use super::numbers;
use super::profile::{Action, Rule, Rules};
use oci_spec::runtime::Capabilities;
use serde::Deserialize;

/// Why a text is not a profile.
#[derive(Debug, thiserror::Error)]
pub enum CustomError {
    /// Not JSON, or not of this shape.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// An action that does not exist, or one that Hull has not (`SCMP_ACT_NOTIFY`).
    #[error("invalid seccomp action: {0}")]
    Action(String),
    /// An operator that does not exist.
    #[error("invalid seccomp operator: {0}")]
    Operator(String),
    /// There are six arguments.
    #[error("seccomp argument index {0} is out of range")]
    Index(u32),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Json {
    default_action: String,
    default_errno_ret: Option<u16>,
    syscalls: Vec<JsonRule>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct JsonRule {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: String,
    errno_ret: Option<u16>,
    args: Option<Vec<JsonArgument>>,
    includes: Option<JsonFilter>,
    excludes: Option<JsonFilter>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct JsonArgument {
    index: u32,
    value: u64,
    value_two: u64,
    op: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct JsonFilter {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Resolves a profile for these capabilities and this machine.
pub(super) fn rules(json: &str, capabilities: &Capabilities) -> Result<Rules, CustomError> {
    let json: Json = serde_json::from_str(json)?;
    let default = action(&json.default_action, json.default_errno_ret)?;
    let mut list = Vec::new();
    for rule in json.syscalls {
        let included = rule.includes.as_ref().is_none_or(|f| f.all(capabilities));
        let excluded = rule.excludes.as_ref().is_some_and(|f| f.any(capabilities));
        if !included || excluded {
            continue;
        }
        let arguments = rule.args.iter().flatten().map(comparison).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<String> = rule.names.into_iter().flatten().chain(rule.name).collect();
        let action = action(&rule.action, rule.errno_ret)?;
        // libseccomp treats several conditions on one argument as alternatives, and profiles count on that.
        let repeated = arguments.iter().enumerate().any(|(i, a)| arguments[..i].iter().any(|b| a.index == b.index));
        if repeated {
            list.extend(arguments.into_iter().map(|a| Rule { names: names.clone(), action, arguments: vec![a] }));
        } else {
            list.push(Rule { names, action, arguments });
        }
    }
    Ok(Rules { default, list })
}

impl JsonFilter {
    /// "Includes": every condition that is given holds.
    fn all(&self, capabilities: &Capabilities) -> bool {
        let mut caps = self.caps.iter().flatten();
        caps.all(|c| has(capabilities, c))
            && self.arches.as_deref().is_none_or(|list| list.is_empty() || is_this_machine(list))
            && self.min_kernel.as_deref().is_none_or(kernel_is_at_least)
    }

    /// "Excludes": one condition that holds is enough.
    fn any(&self, capabilities: &Capabilities) -> bool {
        self.caps.iter().flatten().any(|c| has(capabilities, c))
            || self.arches.as_deref().is_some_and(is_this_machine)
            || self.min_kernel.as_deref().is_some_and(kernel_is_at_least)
    }
}

fn has(capabilities: &Capabilities, name: &str) -> bool {
    crate::capabilities::parse(name).is_ok_and(|c| capabilities.contains(&c))
}

fn is_this_machine(list: &[String]) -> bool {
    let native = numbers::native().unwrap_or_default();
    list.iter().any(|name| native.iter().any(|abi| numbers::is_named(abi, name)))
}

fn kernel_is_at_least(wanted: &str) -> bool {
    crate::features::kernel_version() >= crate::features::parse_version(wanted)
}

fn action(name: &str, errno: Option<u16>) -> Result<Action, CustomError> {
    const EPERM: u16 = 1;
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(EPERM)),
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_TRACE" => Action::Trace(errno.unwrap_or(EPERM)),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        other => return Err(CustomError::Action(other.to_owned())),
    })
}

fn comparison(json: &JsonArgument) -> Result<Comparison, CustomError> {
    let index = u8::try_from(json.index).ok().filter(|i| *i < 6).ok_or(CustomError::Index(json.index))?;
    let (op, value) = match json.op.as_str() {
        "SCMP_CMP_NE" => (Op::Ne, json.value),
        "SCMP_CMP_LT" => (Op::Lt, json.value),
        "SCMP_CMP_LE" => (Op::Le, json.value),
        "SCMP_CMP_EQ" => (Op::Eq, json.value),
        "SCMP_CMP_GE" => (Op::Ge, json.value),
        "SCMP_CMP_GT" => (Op::Gt, json.value),
        // Here `value` is the mask and `valueTwo` what is compared with.
        "SCMP_CMP_MASKED_EQ" => (Op::MaskedEq { mask: json.value }, json.value_two),
        other => return Err(CustomError::Operator(other.to_owned())),
    };
    Ok(Comparison { index, op, value })
}
