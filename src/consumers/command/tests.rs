//! What commands are promised, and what they cannot do.

use std::path::Path;
use std::time::Instant;

use super::settings::Command;
use super::*;
use crate::names::TokenId;
use crate::secret::wiped::remains::Needle;

fn sh(script: &str) -> Command {
    Command {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        timeout: Duration::from_secs(20),
    }
}

/// No other test's: what is left of a command is known by its variables.
fn own() -> Context {
    Context { token_id: TokenId(uuid::Uuid::new_v4()), ..sample() }
}

async fn error_of(command: &Command, token: Option<&Token>) -> String {
    match run(command, &own(), token).await {
        Outcome::Succeeded => panic!("the command succeeded"),
        Outcome::Failed(error) | Outcome::Unanswered(error) => error.to_string(),
    }
}

#[tokio::test]
async fn exit_code_zero_is_success_and_others_tell_the_end_of_the_output() {
    assert!(matches!(run(&sh("exit 0"), &sample(), None).await, Outcome::Succeeded));
    let error = error_of(&sh("echo one; echo two >&2; exit 7"), None).await;
    assert_eq!(error, "command /bin/sh exited with code 7: one | two");
}

#[tokio::test]
async fn a_program_may_be_named_without_its_path() {
    let named = Command { program: PathBuf::from("sh"), ..sh("exit 0") };
    assert!(matches!(run(&named, &sample(), None).await, Outcome::Succeeded));
}

#[tokio::test]
async fn placeholders_are_arguments_and_never_shell_text() {
    let mut command = sh("");
    command.arguments = vec![
        "-c".to_owned(),
        r#"test "$1" = "$PINTAIL_PATH""#.to_owned(),
        "x".to_owned(),
        "{path}".to_owned(),
    ];
    assert!(matches!(run(&command, &sample(), None).await, Outcome::Succeeded));
}

#[tokio::test]
async fn the_environment_holds_our_variables_and_a_path_and_nothing_else() {
    let mut command = sh("");
    command.program = PathBuf::from("/usr/bin/env");
    command.arguments = vec![
        "/bin/sh".to_owned(),
        "-c".to_owned(),
        "/usr/bin/env | /usr/bin/cut -d= -f1 | /usr/bin/sort; exit 1".to_owned(),
    ];
    let error = error_of(&command, None).await;
    for name in [
        "PATH",
        "PINTAIL_CREDENTIAL",
        "PINTAIL_PREVIOUS_TOKEN_ID",
        "PINTAIL_ROTATION_ID",
        "PINTAIL_STORE",
        "PINTAIL_USERNAME",
    ] {
        assert!(error.contains(name), "{error}");
    }
    assert!(!error.contains("HOME") && !error.contains("CARGO"), "{error}");
}

#[tokio::test]
async fn a_token_is_read_from_standard_input_and_the_output_is_never_shown() {
    let token = Token::new("s3cret").unwrap();
    let command = sh(
        r#"read -r token; test "$token" = s3cret || exit 9; echo "$token"; echo "$token" >&2; exit 3"#,
    );
    assert_eq!(error_of(&command, Some(&token)).await, "command /bin/sh exited with code 3");
}

#[tokio::test]
async fn a_command_that_does_not_read_its_token_may_succeed() {
    let token = Token::new(&"x".repeat(200_000)).unwrap();
    let outcome = run(&sh("exec <&-; exit 0"), &sample(), Some(&token)).await;
    assert!(matches!(outcome, Outcome::Succeeded), "{outcome:?}");
}

#[tokio::test]
async fn a_command_out_of_time_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let mut command = sh(&format!(
        "sleep 600 & echo $! > {0}.new; mv {0}.new {0}; echo waiting; wait",
        pids.display()
    ));
    command.timeout = Duration::from_secs(1);
    let started = Instant::now();
    let error = error_of(&command, None).await;
    assert_eq!(error, "command /bin/sh did not end within 1s and was killed: waiting");
    assert!(started.elapsed() < Duration::from_secs(15));
    assert_gone(&pids).await;
}

#[tokio::test]
async fn who_leaves_the_group_of_a_command_out_of_time_is_ended_too() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    // It leads a session of its own, and the one who started it is gone.
    let daemon = format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}", pids.display());
    let mut command = sh(&format!("setsid -f sh -c '{daemon}; wait'; sleep 600"));
    command.timeout = Duration::from_secs(1);
    let error = error_of(&command, None).await;
    assert_eq!(error, "command /bin/sh did not end within 1s and was killed");
    assert_gone(&pids).await;
}

#[tokio::test]
async fn who_is_left_behind_by_a_command_that_succeeded_stays() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let left = format!("sleep 600 >/dev/null 2>&1 & echo $! > {}", pids.display());
    assert!(matches!(run(&sh(&left), &own(), None).await, Outcome::Succeeded));
    let pid = std::fs::read_to_string(&pids).unwrap();
    assert!(Path::new(&format!("/proc/{}", pid.trim())).exists());
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid.trim().parse().unwrap()),
        nix::sys::signal::SIGKILL,
    )
    .unwrap();
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let command =
        sh(&format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", pids.display()));
    let context = sample();
    let running = run(&command, &context, None);
    let written = async {
        while !pids.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = running => panic!("{outcome:?}"),
        () = written => {}
    }
    assert_gone(&pids).await;
}

/// A killed process may be a zombie until its new parent has noticed.
async fn assert_gone(pid_file: &Path) {
    let pid = std::fs::read_to_string(pid_file).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let gone = async {
        while std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn a_process_left_behind_does_not_hold_up_the_answer() {
    let started = Instant::now();
    // It is ended through its pipe: reading the closed end of it fails as soon as we let go.
    let outcome = run(&sh("(while echo x; do sleep 1; done) & exit 0"), &own(), None).await;
    assert!(matches!(outcome, Outcome::Succeeded), "{outcome:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_for_a_person_to_repair() {
    let mut command = sh("");
    command.program = PathBuf::from("/nonexistent/program");
    let Outcome::Unanswered(error) = run(&command, &own(), None).await else { panic!() };
    assert_eq!(error.to_string(), "cannot start command /nonexistent/program");
    assert_eq!(error.kind(), FaultKind::Permanent);
    assert!(error.hint().unwrap().contains("/nonexistent/program"));
}

#[tokio::test]
async fn only_the_end_of_a_long_output_is_kept() {
    let error = error_of(
        &sh("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; exit 1"),
        None,
    )
    .await;
    assert!(error.len() < 2000, "{}", error.len());
}

#[tokio::test]
async fn nothing_remains_of_a_token_that_was_handed_over() {
    let needle = Needle::draw();
    let token = needle.token();
    assert!(matches!(run(&sh("cat >/dev/null"), &own(), Some(&token)).await, Outcome::Succeeded));
    drop(token);
    assert!(!needle.is_in_memory());
}
