//! Runs the binary.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "each test uses a part of it, and ends where its set-up fails"
)]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The top of the workspace, where `examples/` is.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn hopscope(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(arguments)
        .current_dir(top())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // The program may refuse its arguments before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the binary ends")
}

/// Standard output of a call that must succeed.
pub fn prints(line: &str) -> String {
    let output = hopscope(&line.split_whitespace().collect::<Vec<_>>(), "");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "hopscope {line}\n{stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Standard error of a call that must be refused with exit code 2 and without output.
pub fn refuses(line: &str, input: &str) -> String {
    let output = hopscope(&line.split_whitespace().collect::<Vec<_>>(), input);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "hopscope {line}\n{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "hopscope {line}");
    stderr
}

/// A file for one test, by a name that no other test uses; gives its path.
pub fn file(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("the folder for temporary files is writable");
    path.display().to_string()
}

/// Exit code, standard output and standard error.
pub fn call(line: &str, input: &str) -> (Option<i32>, String, String) {
    let output = hopscope(&line.split_whitespace().collect::<Vec<_>>(), input);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
