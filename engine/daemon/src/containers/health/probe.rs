//! One run of a probe: a process in the container, its output, its end.

use super::{Check, ProbeResult};
use crate::containers::exec::ExecSpec;
use crate::containers::shim::{Connection, Message, Reader};
use crate::containers::{Container, Shared, signal};
use crate::ids::random_hex;
use crate::time::Time;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What is kept of the output.
const OUTPUT: usize = 4096;

/// How long a start may take. That is the engine's time, not the probe's.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long a killed probe may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(2);

/// Runs the probe to its end, which the check's timeout brings about if nothing else does.
pub(super) async fn run(shared: &Shared, container: &Arc<Container>, check: &Check) -> ProbeResult {
    let start = Time::now();
    let (exit_code, output) = match attempt(shared, container, check).await {
        Ok(ended) => ended,
        Err(reason) => {
            tracing::warn!(container = %container.id, reason, "a health check could not be run");
            (-1, reason)
        }
    };
    ProbeResult { start, end: Time::now(), exit_code, output }
}

async fn attempt(shared: &Shared, container: &Arc<Container>, check: &Check) -> Result<(i64, String), String> {
    let id = random_hex().map_err(|error| error.to_string())?;
    let spec = ExecSpec {
        id: id.clone(),
        argv: check.argv.clone(),
        stdout: true,
        stderr: true,
        unrecorded: true,
        ..ExecSpec::default()
    };
    let tell = |action: String| shared.events.publish(container.event(action).with("execID", &id));
    let command = check.argv.join(" ");
    tell(format!("exec_create: {command}"));
    tell(format!("exec_start: {command}"));
    let died = |code: i64| {
        let event = container.event("exec_die").with("execID", &id).with("exitCode", code.to_string());
        shared.events.publish(event);
    };
    let live = match timeout(START_PATIENCE, shared.runtime.exec(container, &spec)).await {
        Ok(Ok(live)) => live,
        Ok(Err(error)) => {
            died(error.code.into());
            return Err(error.message);
        }
        Err(_elapsed) => return Err(format!("timed out starting health check for container {}", container.id)),
    };
    // The writing direction stays open: the shim takes a closed one for a client that has left.
    let Connection { mut reader, writer } = live.connection;
    let mut output = Output::default();
    let ended = timeout(check.timeout, read_to_end(&mut reader, &mut output)).await;
    let result = match ended {
        Ok(Some(code)) => {
            died(code);
            Ok((code, output.text()))
        }
        Ok(None) => Err(format!("healthcheck for container {} has no exit code", container.id)),
        Err(_elapsed) => {
            // One that has just ended needs no signal; one that does not end is waited for a little, so that they do not pile up.
            let _ = shared.runtime.signal(container, Some(&id), signal::KILL).await;
            if let Ok(Some(code)) = timeout(KILL_PATIENCE, read_to_end(&mut reader, &mut output)).await {
                died(code);
            }
            let (limit, text) = (go_text(check.timeout), output.text());
            let colon = if text.is_empty() { "" } else { ": " };
            Ok((-1, format!("Health check exceeded timeout ({limit}){colon}{text}")))
        }
    };
    drop(writer);
    result
}

/// The exit code; `None` when the shim has gone with the container.
async fn read_to_end(reader: &mut Reader, output: &mut Output) -> Option<i64> {
    loop {
        match reader.next().await {
            Ok(Some(Message::Output { bytes, .. })) => output.push(&bytes),
            Ok(Some(Message::Exited(record))) => return Some(i64::from(record.code)),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// The beginning of what a probe writes.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    cut: bool,
}

impl Output {
    fn push(&mut self, bytes: &[u8]) {
        let room = OUTPUT - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        if self.cut {
            text.push_str("...");
        }
        text
    }
}

/// A duration as Go writes it: `1m30s`, `1.5s`, `200ms`.
fn go_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let decimal = |unit: u128, name: &str| {
        let fraction = format!("{:0width$}", nanos % unit, width = unit.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{}{point}{fraction}{name}", nanos / unit)
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => decimal(1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(1_000_000, "ms"),
        _ => {
            let minutes = duration.as_secs() / 60;
            let rest = go_seconds(duration - Duration::from_secs(minutes * 60));
            match (minutes / 60, minutes % 60) {
                (0, 0) => rest,
                (0, minutes) => format!("{minutes}m{rest}"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
            }
        }
    }
}

fn go_seconds(duration: Duration) -> String {
    let fraction = format!("{:09}", duration.subsec_nanos());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}s", duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_is_cut_and_says_so() {
        let mut output = Output::default();
        output.push(&[b'x'; OUTPUT - 1]);
        output.push(b"y");
        assert_eq!(output.text().len(), OUTPUT);
        assert!(output.text().ends_with("xy"));
        output.push(b"z");
        assert!(output.text().ends_with("xy..."));
        let mut binary = Output::default();
        binary.push(&[b'a', 0xff, b'b']);
        assert_eq!(binary.text(), "a\u{fffd}b");
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (1_500, "1.5µs"),
            (1_000_000, "1ms"),
            (1_500_000, "1.5ms"),
            (1_000_000_000, "1s"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_661_001_000_000, "1h1m1.001s"),
        ] {
            assert_eq!(go_text(Duration::from_nanos(nanos)), text);
        }
    }
}
