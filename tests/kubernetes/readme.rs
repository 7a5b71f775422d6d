//! The way that deploy/README.md shows to whoever has nothing but Kubernetes, walked with the real kubectl.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::fixture::MotherDuck;
use crate::kubelet::Kubelet;
use crate::program::Running;
use crate::sandbox::Sandbox;
use crate::scene::SECRET;
use crate::servers::environment;

/// What a cluster of today knows, and this API server does not.
const UNKNOWN_HERE: [&str; 2] = ["monitoring.coreos.com/v1", "policy/v1"];

/// The commands below a heading of deploy/README.md.
fn commands(heading: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split(heading).nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("\n```").next().unwrap();
    block.replace("\\\n", " ").lines().map(str::to_owned).collect()
}

struct Shell {
    dir: tempfile::TempDir,
}

impl Shell {
    fn run(&self, line: &str) -> String {
        let path =
            format!("{}:{}", environment().join("bin").display(), std::env::var("PATH").unwrap());
        let run = Command::new("bash")
            .args(["-euo", "pipefail", "-c", line])
            .current_dir(self.dir.path())
            .env("PATH", path)
            .env("KUBECONFIG", self.dir.path().join("kubeconfig"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success(), "{line}: {said}{}", String::from_utf8_lossy(&run.stderr));
        said
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_a_rotation_with_nothing_but_kubernetes() {
    if !ControlPlane::is_there() {
        return;
    }
    let plane = Arc::new(ControlPlane::shared().await);
    let sandbox = tokio::task::block_in_place(|| Sandbox::start(&["--accounts=etl_prod"]));
    let shell = Shell { dir: tempfile::tempdir().unwrap() };
    let dir = shell.dir.path();
    std::os::unix::fs::symlink(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy"),
        dir.join("deploy"),
    )
    .unwrap();
    std::fs::copy(sandbox.admin_token_file(), dir.join("admin-token")).unwrap();
    std::fs::copy(plane.kubeconfig(), dir.join("kubeconfig")).unwrap();
    let mut ran = 0;
    for line in commands("### With nothing but Kubernetes") {
        let (command, remark) = line.split_once('#').unwrap_or((&line, ""));
        if remark.contains("(cluster)") {
            continue;
        }
        let said = tokio::task::block_in_place(|| shell.run(command));
        if command.contains("can-i --list") {
            assert!(
                said.contains("motherduck-etl-prod") && said.contains("deployments.apps"),
                "{said}"
            );
        }
        ran += 1;
    }
    assert!(ran > 7, "{ran} commands");
    // All of the overlay that this API server knows.
    let overlay = "deploy/kubernetes/overlays/kubernetes-native";
    let whole = tokio::task::block_in_place(|| shell.run(&format!("kubectl kustomize {overlay}")));
    let known: Vec<_> = whole
        .split("---\n")
        .filter(|document| {
            !UNKNOWN_HERE.iter().any(|api| document.contains(&format!("apiVersion: {api}\n")))
        })
        .collect();
    std::fs::write(dir.join("known.yaml"), known.join("---\n")).unwrap();
    tokio::task::block_in_place(|| {
        shell.run("kubectl apply --validate=false --filename known.yaml")
    });
    let deployment = plane.get("apis/apps/v1/namespaces/pintail/deployments/pintail").await;
    assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], "pintail");
    // There is no kubelet that would run the image: the program runs here, as the account that its pods would have.
    let kubelet = Kubelet::start(Arc::clone(&plane), "etl", SECRET).await;
    std::fs::write(dir.join("token"), plane.account_token("pintail", "pintail").await).unwrap();
    let shipped = plane.get("api/v1/namespaces/pintail/configmaps").await;
    let shipped = shipped["items"].as_array().unwrap().iter();
    let shipped =
        shipped.clone().find_map(|map| map["data"]["pintail.toml"].as_str()).unwrap().to_owned();
    std::fs::write(dir.join("pintail.toml"), shipped).unwrap();
    let here = format!(
        r#"{}
[kubernetes]
api_url = "{}"
ca_file = "{}"
token_file = "{}"
[server]
enabled = false
[credentials.etl-prod]
deploy.kubernetes = {{ targets = [{{ kind = "Deployment", name = "reader" }}], settle = "0s" }}
gate.kubernetes = {{ interval = "100ms", deadline = "60s" }}
"#,
        MotherDuck::told(&sandbox.ready),
        plane.url,
        plane.ca_file.display(),
        dir.join("token").display(),
    );
    std::fs::write(dir.join("here.toml"), here).unwrap();
    let pintail = |arguments: &[&str]| {
        let files = [dir.join("pintail.toml"), dir.join("here.toml")];
        let files =
            files.iter().flat_map(|file| ["--config".to_owned(), file.display().to_string()]);
        let all: Vec<_> = files.chain(arguments.iter().map(|&one| one.to_owned())).collect();
        tokio::task::block_in_place(|| Running::start(&all, &[]).wait())
    };
    let check = pintail(&["check"]);
    assert_eq!(check.code, Some(0), "{check}");
    for _ in 0..2 {
        let run = pintail(&["--output", "json", "rotate-now", "etl-prod"]);
        run.came_to(0, "rotated");
    }
    let secret: Value = plane.get(&format!("api/v1/namespaces/etl/secrets/{SECRET}")).await;
    let running = kubelet.running();
    assert_eq!(running.len(), 1, "{running:?}");
    let served = STANDARD.decode(secret["data"]["token_id"].as_str().unwrap()).unwrap();
    assert_eq!(running[0].token_id.as_deref().map(str::as_bytes), Some(served.as_slice()));
}
