//! A start in unlucky surroundings: what may pass by itself is waited for, what cannot ends it, and a signal always does.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::http::ask;
use crate::manager::Manager;
use crate::place::Kind;
use crate::program::{Run, Running};
use crate::sandbox::PINTAIL;
use crate::scene::{ETL, Scene};
use crate::servers::environment;

/// A stop that has nothing in hand takes no longer, however slow the machine.
const AT_ONCE: Duration = Duration::from_secs(20);

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An address where nobody listens.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn served(scene: &Scene) -> bool {
    scene.place.read(&scene.clients, ETL).is_some()
}

fn stop(scene: &Scene, daemon: Running) -> Run {
    let told = Instant::now();
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(told.elapsed() < AT_ONCE, "{:?}: {run}", told.elapsed());
    run
}

/// Writes `text` where it was not, as a mount that comes late does: whole, and at once.
fn put(path: &Path, text: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, PermissionsExt::from_mode(0o600)).unwrap();
    fs::rename(beside, path).unwrap();
}

/// A daemon that is started with a configuration that stands where `file` says, written or not.
fn run(scene: &Scene, file: &Path) -> (Manager, Running) {
    let manager = Manager::without_file();
    let mut variables = scene.variables.clone();
    variables.extend(manager.variables(None));
    let arguments = ["--config", &file.display().to_string(), "run"].map(str::to_owned);
    (manager, Running::start(&arguments, &variables))
}

#[test]
fn an_address_that_is_taken_is_waited_for_and_credentials_are_rotated_meanwhile() {
    let mut scene = Scene::new(Kind::File);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    scene.more = format!("[server]\nlisten = \"{address}\"\n");
    let file = scene.dir().join("pintail.toml");
    put(&file, scene.configuration().as_bytes());
    let (mut manager, daemon) = run(&scene, &file);
    manager.hear("EXTEND_TIMEOUT_USEC=", 1);
    let status = manager.hear("the start waits: cannot listen on", 1);
    assert!(status.contains(&address), "{status}");
    until("a token is served", || served(&scene));
    assert_eq!(manager.count("READY=1"), 0, "{:?}", manager.said);
    drop(taken);
    manager.hear("READY=1", 1);
    until("it is ready", || ask("GET", &format!("http://{address}/readyz"), "").0 == 200);
    let ended = stop(&scene, daemon);
    assert!(ended.stderr.contains("start waits"), "{ended}");
}

#[test]
fn an_address_that_is_not_this_machines_yet_is_waited_for() {
    let mut scene = Scene::new(Kind::File);
    // Of a documentation network: no machine has it.
    scene.more = "[server]\nlisten = \"192.0.2.7:9187\"\n".to_owned();
    let file = scene.dir().join("pintail.toml");
    put(&file, scene.configuration().as_bytes());
    let (mut manager, daemon) = run(&scene, &file);
    manager.hear("the start waits: cannot listen on 192.0.2.7:9187", 1);
    until("a token is served", || served(&scene));
    stop(&scene, daemon);
    assert_eq!(manager.count("READY=1"), 0, "{:?}", manager.said);
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for_said_everywhere_and_taken_when_it_comes() {
    type Change = fn(&mut Scene, PathBuf) -> Vec<u8>;
    let cases: [(&str, Change); 5] = [
        ("admin token", |scene, later| {
            let token = fs::read(&scene.admin_token_file).unwrap();
            scene.admin_token_file = later;
            token
        }),
        ("authority of Postgres", |scene, later| {
            let authority = fs::read(&scene.ca_file).unwrap();
            scene.ca_file = later;
            authority
        }),
        ("authority of a hook", |scene, later| {
            let later = later.display();
            write!(
                scene.defaults,
                "\ndeploy.http = {{ url = \"http://127.0.0.1:9/\", ca_file = \"{later}\" }}"
            )
            .unwrap();
            fs::read(&scene.ca_file).unwrap()
        }),
        ("authority of a receiver", |scene, later| {
            let later = later.display();
            write!(scene.more,
                "[notifications.bus]\nwebhook = {{ url = \"http://127.0.0.1:9/\", ca_file = \"{later}\" }}\n"
            ).unwrap();
            fs::read(&scene.ca_file).unwrap()
        }),
        ("headers of a collector", |scene, later| {
            let later = later.display();
            write!(scene.more,
                "[telemetry]\notlp_endpoint = \"http://127.0.0.1:9/\"\nheaders_from = {{ file = \"{later}\" }}\n"
            ).unwrap();
            b"x-scope=7".to_vec()
        }),
    ];
    for (what, change) in cases {
        let mut scene = Scene::new(Kind::File);
        let address = free_address();
        scene.more = format!("[server]\nlisten = \"{address}\"\n");
        let later = scene.dir().join("later");
        let text = change(&mut scene, later.clone());
        let file = scene.dir().join("pintail.toml");
        put(&file, scene.configuration().as_bytes());
        let (mut manager, mut daemon) = run(&scene, &file);
        let status = manager.hear("STATUS=waiting: ", 1);
        assert!(status.contains("later"), "{what}: {status}");
        assert!(manager.count("EXTEND_TIMEOUT_USEC=") > 0, "{what}: {:?}", manager.said);
        let url = format!("http://{address}");
        let (status, body) = ask("GET", &format!("{url}/readyz"), "");
        assert_eq!(status, 503, "{what}: {body}");
        assert!(body.contains("\"waiting\"") && body.contains("later"), "{what}: {body}");
        assert_eq!(ask("GET", &format!("{url}/livez"), "").0, 200, "{what}");
        assert!(!served(&scene) && daemon.is_running(), "{what}");
        assert_eq!(manager.count("READY=1"), 0, "{what}: {:?}", manager.said);
        put(&later, &text);
        manager.hear("READY=1", 1);
        until("it is ready", || ask("GET", &format!("{url}/readyz"), "").0 == 200);
        until("a token is served", || served(&scene));
        let ended = stop(&scene, daemon);
        assert_eq!(ended.stderr.matches("start waits").count(), 1, "{what}, once: {ended}");
    }
}

#[test]
fn a_configuration_that_is_not_mounted_yet_is_waited_for() {
    for in_directory in [false, true] {
        let mut scene = Scene::new(Kind::File);
        scene.more = "[server]\nenabled = false\n".to_owned();
        let directory = scene.dir().join("conf.d");
        fs::create_dir(&directory).unwrap();
        let file = directory.join("pintail.toml");
        let named = if in_directory { directory } else { file.clone() };
        let (mut manager, daemon) = run(&scene, &named);
        manager.hear("STATUS=waiting: ", 1);
        put(&file, scene.configuration().as_bytes());
        manager.hear("READY=1", 1);
        until("a token is served", || served(&scene));
        stop(&scene, daemon);
    }
}

#[test]
fn what_cannot_pass_by_itself_ends_the_start_with_2() {
    type Change = fn(&mut Scene);
    let cases: [(&str, Change); 6] = [
        ("owner", |scene| scene.owner = "not an owner".to_owned()),
        ("holds no certificate", |scene| {
            scene.ca_file = scene.dir().join("no.pem");
            fs::write(&scene.ca_file, "not PEM").unwrap();
        }),
        ("directory", |scene| scene.ca_file = scene.dir().to_owned()),
        ("usable secret", |scene| {
            scene.admin_token_file = scene.dir().join("two-words");
            fs::write(&scene.admin_token_file, "two words").unwrap();
        }),
        ("pipe", |scene| {
            scene.admin_token_file = scene.dir().join("pipe");
            nix::unistd::mkfifo(&scene.admin_token_file, Mode::S_IRWXU).unwrap();
        }),
        ("NO_SUCH_VARIABLE", |scene| {
            scene.admin_token = Some("{ env = \"NO_SUCH_VARIABLE\" }".to_owned());
        }),
    ];
    for (said, change) in cases {
        let mut scene = Scene::new(Kind::File);
        change(&mut scene);
        let ended = scene.pintail(&["run"]);
        assert_eq!(ended.code, Some(2), "{said}: {ended}");
        assert!(ended.stderr.contains(said), "{said}: {ended}");
    }
}

/// Somebody who has a file open in such a way that whoever opens it waits, as on a mount that hangs.
struct Hung(Child);

impl Hung {
    fn hold(file: &Path) -> Self {
        let script = "import fcntl, os, signal, sys\n\
                      signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
                      file = os.open(sys.argv[1], os.O_RDWR)\n\
                      fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
                      print('held', flush=True)\n\
                      signal.pause()";
        let mut child = Command::new(environment().join("bin/python3"))
            .args(["-c", script])
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_start_that_waits_for_files_ends_when_it_is_told() {
    let mut scene = Scene::new(Kind::File);
    scene.more = "[server]\nenabled = false\n".to_owned();
    let pipe = scene.dir().join("pipe.toml");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let (mut manager, daemon) = run(&scene, &pipe);
    manager.hear("pipe.toml, or a file named there, does not answer", 1);
    stop(&scene, daemon);

    let file = scene.dir().join("pintail.toml");
    put(&file, scene.configuration().as_bytes());
    let hung = Hung::hold(&file);
    let (mut manager, daemon) = run(&scene, &file);
    manager.hear("pintail.toml, or a file named there, does not answer", 1);
    stop(&scene, daemon);
    drop(hung);

    let (mut manager, daemon) = run(&scene, &scene.dir().join("absent.toml"));
    manager.hear("absent.toml", 1);
    stop(&scene, daemon);
}

#[test]
fn a_daemon_ends_when_it_is_told_though_its_files_hang_or_became_pipes() {
    let mut scene = Scene::new(Kind::File);
    scene.more = "[server]\nenabled = false\n[daemon]\nwatch = \"1s\"\n".to_owned();
    let file = scene.dir().join("pintail.toml");
    put(&file, scene.configuration().as_bytes());
    let (mut manager, daemon) = run(&scene, &file);
    manager.hear("READY=1", 1);
    fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, Mode::S_IRWXU).unwrap();
    daemon.signal(Signal::SIGHUP);
    manager.hear("the changed configuration was refused", 1);
    let ended = stop(&scene, daemon);
    assert!(ended.stderr.contains("it is a pipe or a device, and no file"), "{ended}");

    fs::remove_file(&file).unwrap();
    put(&file, scene.configuration().as_bytes());
    let (mut manager, daemon) = run(&scene, &file);
    manager.hear("READY=1", 1);
    let _hung = Hung::hold(&file);
    daemon.signal(Signal::SIGHUP);
    manager.hear("RELOADING=1", 1);
    stop(&scene, daemon);
}

#[test]
fn a_pipe_among_the_files_of_a_directory_is_refused_at_once() {
    let scene = Scene::new(Kind::File);
    let directory = scene.dir().join("conf.d");
    fs::create_dir(&directory).unwrap();
    put(&directory.join("a.toml"), scene.configuration().as_bytes());
    nix::unistd::mkfifo(&directory.join("b.toml"), Mode::S_IRWXU).unwrap();
    for verb in ["run", "plan"] {
        let arguments = ["--config", &directory.display().to_string(), verb].map(str::to_owned);
        let ended = scene.note(Running::start(&arguments, &scene.variables).wait());
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains("b.toml: it is a pipe"), "{ended}");
    }
}

#[test]
fn a_configuration_from_a_pipe_is_read_once_and_stays_in_force() {
    let mut scene = Scene::new(Kind::File);
    scene.more = "[server]\nenabled = false\n".to_owned();
    let file = scene.dir().join("decrypted");
    put(&file, scene.configuration().as_bytes());
    let log = scene.dir().join("log");
    let mut manager = Manager::without_file();
    let piped = |verb: &str| {
        let mut bash = Command::new("bash");
        let script = "exec \"$1\" --config <(cat \"$2\") $3 2>\"$4\"";
        bash.args(["-c", script, "bash", PINTAIL]).arg(&file).arg(verb).arg(&log);
        bash.env_clear().envs(scene.variables.iter().cloned());
        bash.envs(manager.variables(None)).stdout(Stdio::null());
        bash
    };
    for verb in ["check --offline", "rotate-now --all", "plan"] {
        let ended = piped(verb).status().unwrap();
        assert!(ended.success(), "{verb}: {}", fs::read_to_string(&log).unwrap());
    }
    let mut daemon = piped("run").spawn().unwrap();
    manager.hear("READY=1", 1);
    fs::write(&file, "owner = \"other\"").unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGHUP).unwrap();
    manager.hear("READY=1", 2);
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    let ended = daemon.wait().unwrap();
    let said = fs::read_to_string(&log).unwrap();
    assert_eq!(ended.code(), Some(0), "{said}");
    assert!(said.contains("configuration read from a pipe"), "{said}");
    assert!(said.contains("pipe not read again"), "{said}");
    assert!(!said.contains("refused"), "{said}");
}

#[test]
fn a_pipe_whose_writer_failed_is_no_empty_configuration() {
    let scene = Scene::new(Kind::File);
    let pipe = scene.dir().join("pipe.toml");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let arguments = ["--config", &pipe.display().to_string(), "run"].map(str::to_owned);
    let daemon = Running::start(&arguments, &scene.variables);
    fs::OpenOptions::new().write(true).open(&pipe).unwrap().write_all(b"\n").unwrap();
    let ended = scene.note(daemon.wait());
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("the pipe held nothing"), "{ended}");
}
