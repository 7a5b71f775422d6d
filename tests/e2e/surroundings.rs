//! What stands around the program: an output that is full, a umask, variables and files that were made for others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::Kind;
use crate::relay::{Relay, response};
use crate::sandbox::PINTAIL;
use crate::scene::{ETL, Scene};
use crate::servers::environment;

/// Runs `script` with the program and `--config FILE` as its arguments: the exit code, and standard error.
fn shell(scene: &Scene, script: &str, variables: &[(&str, &str)]) -> (i32, String) {
    let file = scene.dir().join("pintail.toml");
    fs::write(&file, scene.configuration()).unwrap();
    let ended = Command::new("sh")
        .args(["-c", script, "sh", PINTAIL, "--config"])
        .arg(file)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn the_exit_code_tells_of_the_rotation_and_a_message_of_an_output_that_is_full() {
    let scene = Scene::new(Kind::File);
    let first = scene.first_token();
    for format in ["text", "json"] {
        let script = format!("\"$@\" --output {format} rotate-now {ETL} >/dev/full");
        let (code, stderr) = shell(&scene, &script, &[]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stderr.contains("error: the result cannot be written: No space left"), "{stderr}");
    }
    assert_ne!(scene.served_id(), first, "it was rotated");
    let (code, stderr) = shell(&scene, "\"$@\" plan >/dev/full", &[]);
    assert_eq!(code, 1, "what only looks has nothing else to tell: {stderr}");
    scene.assert_at_rest();
}

#[test]
fn a_metrics_file_can_be_read_by_others_whatever_the_umask() {
    let scene = Scene::new(Kind::File);
    let metrics = scene.dir().join("pintail.prom");
    for umask in ["0022", "0077", "0777"] {
        let script =
            format!("umask {umask}; \"$@\" rotate-now --due --metrics-file {}", metrics.display());
        let (code, stderr) = shell(&scene, &script, &[]);
        assert_eq!(code, 0, "{stderr}");
        assert!(!stderr.contains("not written"), "{stderr}");
        let mode = fs::metadata(&metrics).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o644, "umask {umask}");
    }
}

#[test]
fn what_other_programs_take_from_the_environment_is_a_warning_that_names_the_variable() {
    let mut scene = Scene::new(Kind::File);
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:///run/otel.sock"),
        ("PINTAIL__X_SERVICE_HOST", "10.99.0.7"),
        ("PINTAIL__X_PORT_9187_TCP_ADDR", "10.99.0.7"),
    ] {
        let (code, stderr) = shell(&scene, "\"$@\" rotate-now --due", &[(variable, value)]);
        assert_eq!(code, 0, "{variable}: {stderr}");
        let warns = |line: &str| line.contains("WARN") && line.contains(variable);
        assert!(stderr.lines().any(warns), "{variable}: {stderr}");
    }
    let (code, stderr) = shell(&scene, "\"$@\" rotate-now --due", &[("PINTAIL__OWNR", "x")]);
    assert_eq!(code, 2, "a setting with a slip of the pen is no other program's: {stderr}");

    let relay = Relay::start("", |_| response(200, "", ""));
    scene.more = format!("[telemetry]\notlp_endpoint = \"{}\"\n", relay.url);
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "x scope=7");
    let (code, stderr) = shell(&scene, "\"$@\" rotate-now --all", &[headers]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{stderr}");
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert_eq!(shell(&scene, "\"$@\" rotate-now --all", &[off]).0, 0);
    }
    assert!(relay.heads().is_empty(), "no trace was sent");
    assert_eq!(shell(&scene, "\"$@\" rotate-now --all", &[("OTEL_TRACES_EXPORTER", "otlp")]).0, 0);
    assert_eq!(relay.heads().len(), 1, "the collector is there");
}

#[test]
fn root_certificates_that_a_variable_names_in_vain_are_named() {
    let mut scene = Scene::new(Kind::File);
    scene.defaults = "gate.http = { url = \"https://127.0.0.1:9/healthz\" }".to_owned();
    let missing = scene.dir().join("no-such.pem").display().to_string();
    let variables = [("SSL_CERT_FILE", missing.as_str())];
    let (code, stderr) = shell(&scene, "\"$@\" rotate-now --due", &variables);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("SSL_CERT_FILE") && stderr.contains(&missing), "{stderr}");
    // Of two variables the one that is wrong.
    let authority = scene.ca_file.display().to_string();
    let variables = [("SSL_CERT_FILE", authority.as_str()), ("SSL_CERT_DIR", missing.as_str())];
    let (code, stderr) = shell(&scene, "\"$@\" rotate-now --due --timeout 2s", &variables);
    assert_ne!(code, 2, "{stderr}");
    assert!(stderr.contains("SSL_CERT_DIR") && stderr.contains(&missing), "{stderr}");
}

#[test]
fn an_admin_token_is_found_in_a_file_that_an_editor_or_a_shell_made() {
    let mut scene = Scene::new(Kind::File);
    let token = fs::read_to_string(scene.sandbox.admin_token_file()).unwrap();
    scene.admin_token_file = scene.dir().join("admin-token");
    for form in
        ["\u{feff}TOKEN\r\n", "\"TOKEN\"\n", "motherduck_token=TOKEN\n", "export T='TOKEN'\n"]
    {
        fs::write(&scene.admin_token_file, form.replace("TOKEN", token.trim())).unwrap();
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&scene.admin_token_file, mode).unwrap();
        let check = scene.pintail(&["check", "--offline"]);
        assert_eq!(check.code, Some(0), "{form:?}: {check}");
        scene.rotate(&[ETL]).came_to(0, "rotated");
    }
    scene.assert_at_rest();
}

#[test]
fn receivers_and_gateways_are_quoted_where_they_say_why_not() {
    let mut scene = Scene::new(Kind::File);
    let slack = Relay::start("", |head| {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        response(403, "", &format!("action_prohibited\n for {path}"))
    });
    let gateway = Relay::start("", |_| {
        response(400, "", "text format parsing error in line 3: unknown type <&>")
    });
    let url = scene.dir().join("slack-url");
    fs::write(&url, format!("{}/services/T0/B0/s3cretpart", slack.url)).unwrap();
    scene.more =
        format!("[notifications.oncall]\nslack = {{ url = {{ file = \"{}\" }} }}\n", url.display());
    let run = scene.pintail(&["notify", "test"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("answered 403: action_prohibited for"), "{run}");
    assert!(!run.to_string().contains("s3cretpart"), "the path is the secret: {run}");

    let run = scene.rotate(&["--due", "--metrics-push", &gateway.url]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("answered 400: text format parsing error in line 3"), "{run}");
}

#[test]
fn a_port_where_nobody_listens_ends_a_run_within_a_quarter_of_a_minute() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let changes: [&dyn Fn(&mut Scene); 2] =
        [&|scene| scene.api_url = format!("http://{closed}"), &|scene| {
            scene.postgres_port = Some(closed.port());
        }];
    for change in changes {
        let mut scene = Scene::new(Kind::File);
        change(&mut scene);
        let begun = Instant::now();
        let run = scene.rotate(&[ETL]);
        run.came_to(1, "failed");
        // A little more than what the tries may take: the machine may be busy.
        assert!(begun.elapsed() < Duration::from_secs(17), "{:?}: {run}", begun.elapsed());
        assert!(scene.live(ETL).is_empty(), "what could not be tried is revoked: {run}");
    }
}

/// The ended processes that wait for `parent` to ask about them.
fn zombies(parent: &str) -> usize {
    let listed = Command::new("ps").args(["-o", "stat=", "--ppid", parent]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter(|state| state.starts_with('Z')).count()
}

#[test]
fn what_a_hook_left_behind_does_not_pile_up_where_pintail_is_the_first_process() {
    let mut scene = Scene::new(Kind::File);
    let hook = scene.script("leaves", "for n in 1 2 3 4 5; do sleep 0.3 >/dev/null 2>&1 & done");
    scene.defaults = format!("gate = \"none\"\ndeploy.command.command = [\"{hook}\"]");
    scene.more = "[server]\nenabled = false\n".to_owned();
    let file = scene.dir().join("pintail.toml");
    fs::write(&file, scene.configuration()).unwrap();
    // To be the one that orphans go to is inherited by the program that is executed.
    let adopt = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])";
    let mut daemon = Command::new(environment().join("bin/python3"))
        .args(["-c", adopt, PINTAIL, "--config"])
        .arg(file)
        .arg("run")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = daemon.id().to_string();
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(45), "it did not come to this: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until("the hook's children end", &|| zombies(&pid) == 5);
    until("nothing of them is left", &|| zombies(&pid) == 0);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
