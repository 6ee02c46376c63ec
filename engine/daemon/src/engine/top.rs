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
        let arguments = arguments.unwrap_or(DEFAULT);
        check(arguments).map_err(ContainerError::BadParameter)?;
        let container = self.containers.get(key)?;
        if container.state.run().is_none() {
            return Err(ContainerError::not_running(&container.id));
        }
        let pids: Vec<u32> = self.processes_of(&container).await?.iter().map(|process| process.pid).collect();
        let arguments: Vec<String> = arguments.split_ascii_whitespace().map(str::to_owned).collect();
        let answer = tokio::task::spawn_blocking(move || ps(&arguments, &pids)).await;
        let answer = answer.unwrap_or_else(|panic| Err(panic.to_string())).map_err(ContainerError::BadParameter)?;
        self.containers.announce(&container.id, "top", Vec::new()).await;
        Ok(answer)
    }
}

/// `-o a=PID` would let any column pass for the one that processes are picked by.
fn check(arguments: &str) -> Result<(), String> {
    let mut rest = arguments;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        let title = after.trim_ascii_start().split_ascii_whitespace().next().unwrap_or_default();
        // A name at the very beginning belongs to no option.
        if title.starts_with("PID") && name != "pid" && before.len() > name.len() {
            return Err(format!("specifying \"{name}={title}\" is not allowed"));
        }
        rest = after;
    }
    Ok(())
}

fn ps(arguments: &[String], pids: &[u32]) -> Result<TopResponse, String> {
    let run = |extra: &[String]| {
        Command::new("ps").args(arguments).args(extra).output().map_err(|error| format!("ps: {error}"))
    };
    let list = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut output = run(&[format!("-q{list}")])?;
    if !output.status.success() {
        // Some arguments don't go with a list of processes; ours are picked from all of them then.
        output = run(&[])?;
    }
    // With a title line and no complaint it has found no process of those that the arguments mean: that is an answer.
    let empty = output.stderr.is_empty() && !output.stdout.is_empty();
    if !output.status.success() && !empty {
        // The first line says what is wrong; help follows it.
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("ps: {}", text.lines().find(|line| !line.trim().is_empty()).unwrap_or("failed")));
    }
    pick(&String::from_utf8_lossy(&output.stdout), pids)
}

/// The title line and the lines of these processes. `-` stands for the process of the lines before it: with `-m` each
/// thread has such a line.
fn pick(table: &str, pids: &[u32]) -> Result<TopResponse, String> {
    let mut lines = table.lines();
    let titles = words(lines.next().unwrap_or_default());
    let pid_column = titles.iter().position(|title| title == "PID").ok_or("Couldn't find PID field in ps output")?;
    let mut processes = Vec::new();
    let mut ours = false;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let cells = cells(line, titles.len());
        match cells.get(pid_column).map(String::as_str) {
            Some("-") => {}
            Some(pid) => {
                let number: u32 = pid.parse().map_err(|error| format!("Unexpected pid '{pid}': {error}"))?;
                ours = pids.contains(&number);
            }
            None => ours = false,
        }
        if ours {
            processes.push(cells);
        }
    }
    Ok(TopResponse { titles, processes })
}

fn words(line: &str) -> Vec<String> {
    line.split_ascii_whitespace().map(str::to_owned).collect()
}

/// One cell for each title; the last takes what is left, its words one blank apart.
fn cells(line: &str, count: usize) -> Vec<String> {
    let mut cells = words(line);
    if cells.len() > count {
        let last = cells.split_off(count - 1).join(" ");
        cells.push(last);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "UID   PID  CMD\nroot    1  /sbin/init splash\nroot   42  sleep   9 \nroot  420  x\n";

    #[test]
    fn only_our_processes_are_picked() {
        let top = pick(TABLE, &[42]).unwrap();
        assert_eq!(top.titles, ["UID", "PID", "CMD"]);
        assert_eq!(top.processes, [["root", "42", "sleep 9"]]);
        assert_eq!(pick("UID CMD\nroot x\n", &[1]).unwrap_err(), "Couldn't find PID field in ps output");
        assert_eq!(pick("", &[1]).unwrap_err(), "Couldn't find PID field in ps output");
        assert!(pick("PID CMD\nx y\n", &[1]).unwrap_err().starts_with("Unexpected pid 'x': "));
    }

    #[test]
    fn threads_follow_their_process() {
        let table = "PID LWP CMD\n1 - init\n- 1 -\n42 - sleep 9\n- 42 -\n- 43 -\n7 - other\n- 7 -\n";
        let top = pick(table, &[42]).unwrap();
        assert_eq!(top.processes, [["42", "-", "sleep 9"], ["-", "42", "-"], ["-", "43", "-"]]);
    }

    #[test]
    fn no_other_column_may_call_itself_pid() {
        for good in ["-ef", "aux", "-o pid,comm", "-o pid=PID -o comm", "-o comm=NAME", "PID=PID", "=", "-o ppid=PPID"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["-o ppid=PID", "-o pid -o uid=PID", "-e -o comm=  PID"] {
            assert!(check(bad).unwrap_err().ends_with("is not allowed"), "{bad}");
        }
        assert_eq!(check("-o ppid=PID").unwrap_err(), "specifying \"ppid=PID\" is not allowed");
    }

    proptest! {
        #[test]
        fn any_table_is_picked_from_or_refused(arguments in ".*", table in "[a-zPID0-9 \\-\n]*", odd in ".*") {
            let _ = check(&arguments);
            for table in [format!("PID {table}"), table, odd] {
                if let Ok(top) = pick(&table, &[1, 2, 3]) {
                    prop_assert!(top.processes.iter().all(|row| row.len() <= top.titles.len()));
                }
            }
        }
    }

    #[test]
    fn our_own_process_is_found_with_any_arguments() {
        let me = std::process::id();
        for arguments in [&["-ef"][..], &["aux"], &["-o", "pid,comm"], &["axf"], &["-eo", "pid,user"], &["-ejH"]] {
            let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
            let top = ps(&arguments, &[me]).unwrap();
            assert_eq!(top.processes.len(), 1, "{arguments:?}");
        }
        let refused = ps(&["--nonsense".to_owned()], &[me]).unwrap_err();
        assert!(refused.starts_with("ps: ") && !refused.contains('\n'), "{refused}");
    }
}
