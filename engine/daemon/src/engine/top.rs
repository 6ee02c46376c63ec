//! `docker top`: the host's `ps`, told which processes. Its arguments are the user's, so `ps` itself must parse them.

use super::Engine;
use crate::containers::ContainerError;
use hull_api::TopResponse;
use std::process::Command;

/// What `docker top` shows without arguments.
const DEFAULT: &str = "-ef";

impl Engine {
    /// Processes of a container in the columns that `arguments` ask for.
    ///
    /// # Errors
    /// When there is no such container, it doesn't run, or `ps` refuses the arguments.
    pub async fn top(&self, key: &str, arguments: Option<&str>) -> Result<TopResponse, ContainerError> {
        let container = self.containers.get(key)?;
        if container.state.run().is_none() {
            return Err(ContainerError::not_running(&container.id));
        }
        let pids: Vec<u32> = self.processes_of(&container).await?.iter().map(|process| process.pid).collect();
        let arguments: Vec<String> = arguments.unwrap_or(DEFAULT).split_ascii_whitespace().map(str::to_owned).collect();
        let answer = tokio::task::spawn_blocking(move || ps(&arguments, &pids)).await;
        answer.unwrap_or_else(|panic| Err(panic.to_string())).map_err(ContainerError::BadParameter)
    }
}

fn ps(arguments: &[String], pids: &[u32]) -> Result<TopResponse, String> {
    let run = |extra: &[String]| {
        Command::new("ps").args(arguments).args(extra).output().map_err(|error| format!("error running ps: {error}"))
    };
    let list = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut output = run(&["-q".to_owned(), list])?;
    if !output.status.success() {
        // Some arguments don't go with a list of processes; ours are picked from all of them then.
        output = run(&[])?;
    }
    if !output.status.success() {
        return Err(format!("error running ps: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    pick(&String::from_utf8_lossy(&output.stdout), pids)
}

/// The title line and the lines of these processes. The last column takes what is left of a line: a command has blanks.
fn pick(table: &str, pids: &[u32]) -> Result<TopResponse, String> {
    let mut lines = table.lines();
    let titles: Vec<String> = lines.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let pid_column = titles.iter().position(|title| title == "PID").ok_or("Couldn't find PID field in ps output")?;
    let mut processes = Vec::new();
    for line in lines {
        let cells = cells(line, titles.len());
        let pid = cells.get(pid_column).and_then(|cell| cell.parse().ok());
        if pid.is_some_and(|pid: u32| pids.contains(&pid)) {
            processes.push(cells);
        }
    }
    Ok(TopResponse { titles, processes })
}

fn cells(line: &str, count: usize) -> Vec<String> {
    let mut cells = Vec::with_capacity(count);
    let mut rest = line.trim_start();
    while cells.len() + 1 < count && !rest.is_empty() {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        cells.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        cells.push(rest.trim_end().to_owned());
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "UID   PID  CMD\nroot    1  /sbin/init splash\nroot   42  sleep   9 \nroot  420  x\n";

    #[test]
    fn only_our_processes_are_picked() {
        let top = pick(TABLE, &[42]).unwrap();
        assert_eq!(top.titles, ["UID", "PID", "CMD"]);
        assert_eq!(top.processes, [["root", "42", "sleep   9"]]);
        assert_eq!(pick("UID CMD\nroot x\n", &[1]).unwrap_err(), "Couldn't find PID field in ps output");
    }

    #[test]
    fn our_own_process_is_found_with_any_arguments() {
        let me = std::process::id();
        for arguments in [&["-ef"][..], &["aux"], &["-o", "pid,comm"]] {
            let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
            let top = ps(&arguments, &[me]).unwrap();
            assert_eq!(top.processes.len(), 1, "{arguments:?}");
        }
        assert!(ps(&["--nonsense".to_owned()], &[me]).is_err());
    }
}
