//! v2 limits: one write for each file.

use super::limits::{CPU_BURST, V2Limit};
use super::v1::lacks;
use super::{CgroupError, Warning};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Applies limits one by one. One that the kernel lacks becomes a warning.
pub(crate) fn apply(dir: &Path, limits: &[V2Limit]) -> Result<Vec<Warning>, CgroupError> {
    let mut warnings = Vec::new();
    for limit in burst_order(limits, super::parse::number(&dir.join(CPU_BURST)).unwrap_or(0)) {
        match write(&dir.join(limit.file), &limit.value) {
            Ok(()) => {}
            Err(error) if lacks(&error) => {
                warnings.push(Warning { limit: limit.name, value: limit.value.clone() });
            }
            Err(source) => return Err(CgroupError::Limit { limit: limit.name, value: limit.value.clone(), source }),
        }
    }
    Ok(warnings)
}

/// The kernel keeps burst <= quota at every moment: one that shrinks goes before the quota, one that grows after it.
fn burst_order(limits: &[V2Limit], now: u64) -> Vec<&V2Limit> {
    let mut ordered: Vec<_> = limits.iter().collect();
    let at = |file| limits.iter().position(|limit| limit.file == file);
    if let (Some(quota), Some(burst)) = (at("cpu.max"), at(CPU_BURST))
        && super::parse::value(&limits[burst].value) < now
    {
        ordered[quota..=burst].rotate_right(1);
    }
    ordered
}

/// One write(2): the kernel takes a control file's value whole or not at all. Never creates: cgroupfs has no such files.
pub(crate) fn write(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_never_above_the_quota() {
        let limit = |file, value: &str| V2Limit { name: "", file, value: value.to_owned() };
        let limits = [limit("cpu.weight", "1"), limit("cpu.max", "50000 100000"), limit(CPU_BURST, "40000")];
        let order = |now| burst_order(&limits, now).iter().map(|limit| limit.file).collect::<Vec<_>>();
        assert_eq!(order(0), ["cpu.weight", "cpu.max", CPU_BURST]);
        assert_eq!(order(90_000), ["cpu.weight", CPU_BURST, "cpu.max"]);
        assert_eq!(burst_order(&limits[..2], 90_000).len(), 2);
    }
}
