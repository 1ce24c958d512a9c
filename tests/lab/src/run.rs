//! Programs run to their end, within a deadline.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

/// Runs a program with this input and waits for its end.
///
/// Input and output are files rather than pipes, so that no order of reading and writing can
/// block either side.
///
/// # Errors
/// If it cannot be started, or is not done within `limit`: then it is killed.
pub fn finish(command: &mut Command, input: &str, limit: Duration) -> Result<Finished, String> {
    let (mut stdin, mut stdout, mut stderr) = (scratch(), scratch(), scratch());
    stdin.write_all(input.as_bytes()).unwrap();
    stdin.rewind().unwrap();
    let program = command.get_program().to_owned();
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout.try_clone().unwrap()))
        .stderr(Stdio::from(stderr.try_clone().unwrap()))
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            let printed = content(&mut stdout) + &content(&mut stderr);
            let program = program.display();
            return Err(format!(
                "{program} was not done after {limit:?}:\n{printed}"
            ));
        }
        sleep(Duration::from_millis(2));
    };
    Ok(Finished {
        code: status.code(),
        stdout: content(&mut stdout),
        stderr: content(&mut stderr),
        took: start.elapsed(),
    })
}

fn scratch() -> File {
    tempfile::tempfile().expect("a temporary file can be made")
}

fn content(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, input: &str, limit: Duration) -> Result<Finished, String> {
        finish(Command::new("sh").args(["-c", script]), input, limit)
    }

    #[test]
    fn program_gets_its_input_and_gives_its_output_and_code() {
        let script = "cat; echo aside >&2; exit 3";
        let finished = sh(script, "hello", Duration::from_secs(10)).unwrap();
        assert_eq!(finished.code, Some(3));
        assert_eq!(finished.stdout, "hello");
        assert_eq!(finished.stderr, "aside\n");
    }

    #[test]
    fn slow_program_is_killed_at_the_limit() {
        let error = sh("echo begun; exec sleep 60", "", Duration::from_millis(300)).unwrap_err();
        assert!(error.contains("not done after 300ms"), "{error}");
        assert!(error.contains("begun"), "{error}");
    }
}
