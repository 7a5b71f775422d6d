//! A kubelet of ours: it starts the pods of a namespace, each with the token that its Secret holds at that moment, and lets
//! them go, or does not.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;

/// Each pod has an address of its own above this one.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 0);

/// What the kubelet does.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own that a test sets")]
pub struct Manners {
    /// Whether pods that were bound are started.
    pub starts: bool,
    /// Whether pods that start become ready.
    pub readies: bool,
    /// Whether pods that are deleted end.
    pub lets_go: bool,
    /// Whether the pods of Jobs come to their end.
    pub completes: bool,
    /// Whether pods get the Secret as it was when it was first seen: <https://github.com/kubernetes/kubernetes/issues/129645>.
    pub is_stale: bool,
    /// The port at which each pod says which token it uses, at an address of its own.
    pub answers_at: Option<u16>,
}

/// A pod that runs.
#[derive(Debug, Clone)]
pub struct Running {
    pub name: String,
    /// The ID of the token that it holds; none where its Secret held none.
    pub token_id: Option<String>,
    /// The annotations that it was started with.
    pub annotations: BTreeMap<String, String>,
    /// Its address.
    pub address: Ipv4Addr,
}

/// The kubelet of one namespace. It ends with the test.
#[derive(Clone)]
pub struct Kubelet {
    pub manners: Arc<Mutex<Manners>>,
    running: Arc<Mutex<BTreeMap<String, Running>>>,
    /// How many pods were ever started.
    started: Arc<Mutex<usize>>,
    /// The Secret as it was first seen.
    cached: Arc<Mutex<Option<Value>>>,
    node: String,
    /// What pods read that do not say what they read.
    secret: String,
    secrets: String,
}

impl Kubelet {
    /// The kubelet of `namespace`, whose pods read `secret`.
    pub async fn start(plane: Arc<ControlPlane>, namespace: &str, secret: &str) -> Self {
        let node = format!("node-of-{namespace}");
        let body = json!({"metadata": {"name": node, "labels": {"of": namespace}}});
        plane.done("POST", "api/v1/nodes", body).await;
        // It is ready, and nobody else would say so.
        let taints = json!({"spec": {"taints": null}});
        plane.done("PATCH", &format!("api/v1/nodes/{node}"), taints).await;
        let manners = Manners {
            starts: true,
            readies: true,
            lets_go: true,
            completes: false,
            is_stale: false,
            answers_at: None,
        };
        let kubelet = Self {
            manners: Arc::new(Mutex::new(manners)),
            running: Arc::default(),
            started: Arc::default(),
            cached: Arc::default(),
            node,
            secret: secret.to_owned(),
            secrets: format!("api/v1/namespaces/{namespace}/secrets"),
        };
        let pods = format!("api/v1/namespaces/{namespace}/pods");
        let worker = kubelet.clone();
        tokio::spawn(async move {
            loop {
                worker.work(&plane, &pods).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        kubelet
    }

    /// The pods that run now.
    pub fn running(&self) -> Vec<Running> {
        self.running.lock().unwrap().values().cloned().collect()
    }

    /// How many pods were ever started.
    pub fn started(&self) -> usize {
        *self.started.lock().unwrap()
    }

    /// Changes what it does.
    pub fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().unwrap());
    }

    async fn work(&self, plane: &ControlPlane, pods: &str) {
        let list = plane.get(pods).await;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap().to_owned();
        // What somebody deleted with force does not run any more.
        let there: Vec<_> = items.iter().map(uid).collect();
        self.running.lock().unwrap().retain(|uid, _| there.contains(uid));
        let manners = *self.manners.lock().unwrap();
        for pod in items {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let path = format!("{pods}/{name}");
            if pod["metadata"]["deletionTimestamp"].is_string() {
                if manners.lets_go {
                    // The containers end before the pod is gone.
                    self.running.lock().unwrap().remove(&uid(&pod));
                    let now = json!({
                        "gracePeriodSeconds": 0, "preconditions": {"uid": uid(&pod)},
                    });
                    plane.ask("DELETE", &path, Some(&now)).await;
                }
            } else if pod["spec"]["nodeName"].is_null() {
                let target = json!({"apiVersion": "v1", "kind": "Node", "name": self.node});
                let binding = json!({"metadata": {"name": name}, "target": target});
                plane.ask("POST", &format!("{path}/binding"), Some(&binding)).await;
            } else if manners.starts {
                self.run(plane, &pod, &path, manners).await;
            }
        }
    }

    async fn run(&self, plane: &ControlPlane, pod: &Value, path: &str, manners: Manners) {
        let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
        if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
            return;
        }
        let known = self.running.lock().unwrap().get(&uid).map(|pod| pod.address);
        let address = match known {
            Some(address) => address,
            None => self.begin(plane, pod, uid.clone(), manners).await,
        };
        let owner = &pod["metadata"]["ownerReferences"][0]["kind"];
        if owner == "Job" && manners.completes {
            self.running.lock().unwrap().remove(&uid);
            let status = json!({"status": {"phase": "Succeeded"}});
            plane.ask("PATCH", &format!("{path}/status"), Some(&status)).await;
            return;
        }
        let readies = manners.readies;
        let is_ready = pod["status"]["conditions"].as_array().is_some_and(|all| {
            all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
        });
        if pod["status"]["phase"] == "Running" && is_ready == readies {
            return;
        }
        let ready = if readies { "True" } else { "False" };
        let status = json!({"status": {
            "phase": "Running", "podIP": address.to_string(),
            "conditions": [{"type": "Ready", "status": ready}],
        }});
        plane.ask("PATCH", &format!("{path}/status"), Some(&status)).await;
    }

    /// Starts a pod, with the token that its Secret holds now.
    async fn begin(
        &self,
        plane: &ControlPlane,
        pod: &Value,
        uid: String,
        manners: Manners,
    ) -> Ipv4Addr {
        let named = &pod["spec"]["containers"][0]["envFrom"][0]["secretRef"]["name"];
        let secret = named.as_str().unwrap_or(&self.secret);
        let fresh = plane.get(&format!("{}/{secret}", self.secrets)).await;
        let cached = self.cached.lock().unwrap().get_or_insert_with(|| fresh.clone()).clone();
        let secret = if manners.is_stale { cached } else { fresh };
        let token_id = secret["data"]["token_id"]
            .as_str()
            .map(|text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap());
        let annotations = serde_json::from_value(pod["metadata"]["annotations"].clone());
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let number = {
            let mut started = self.started.lock().unwrap();
            *started += 1;
            *started
        };
        let address = Ipv4Addr::from_bits(FIRST.to_bits() + u32::try_from(number).unwrap());
        if let Some(port) = manners.answers_at {
            let listener = TcpListener::bind((address, port)).unwrap();
            let (running, uid, token_id) = (self.running.clone(), uid.clone(), token_id.clone());
            std::thread::spawn(move || answer(&listener, &running, &uid, token_id.as_deref()));
        }
        let annotations = annotations.unwrap_or_default();
        let running = Running { name, token_id, annotations, address };
        self.running.lock().unwrap().insert(uid, running);
        address
    }
}

/// Says whether the pod uses the token that the last part of the path names, for as long as the pod runs.
fn answer(
    listener: &TcpListener,
    running: &Mutex<BTreeMap<String, Running>>,
    uid: &str,
    token_id: Option<&str>,
) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        if !running.lock().unwrap().contains_key(uid) {
            return;
        }
        let mut line = String::new();
        if BufReader::new(&stream).read_line(&mut line).is_err() {
            continue;
        }
        let asked = line.split(' ').nth(1).unwrap_or_default().rsplit('/').next();
        let status = if asked == token_id { "200 OK" } else { "503 Other Token" };
        let _ =
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}
