#!/usr/bin/env bash
# Checks what deploy/ ships, with the tools of those who will read it: hadolint, systemd, Kubernetes' schemas,
# Prometheus. Takes a few seconds. The Python tools come from the environment that tests/run makes; systemd-analyze and
# promtool are Debian's (systemd, prometheus). What is missing is said, and is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${PINTAIL_TEST_VENV:-tests/.venv}/bin
schemas=1.31
exposure=1.5

fail() {
  echo "error: $*" >&2
  exit 1
}
step() { printf '\n== %s\n' "$*"; }

missing=()
for tool in "$bin/hadolint" "$bin/kubectl" "$bin/kubernetes-validate" systemd-analyze promtool; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
((${#missing[@]} == 0)) || fail "missing: ${missing[*]} (tests/run makes the first three; else: apt-get install systemd prometheus)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step 'Dockerfile'
"$bin/hadolint" Dockerfile

step 'systemd units'
# verify ends with 0 for values that systemd ignores, so any word of it counts. It wants the program to be there.
cp deploy/systemd/*.{service,timer,path} deploy/consumers/systemd/*.service "$work"
sed -i 's|^ExecStart=/usr/local/bin/[a-z]*|ExecStart=/bin/true|' "$work"/*.service
# Templates are looked at as instances.
for template in "$work"/*@.*; do mv "$template" "${template/@./@etl.}"; done
said=$(systemd-analyze verify --man=no "$work"/*.{service,timer,path} 2>&1) || true
[[ -z $said ]] || fail "$said"
for unit in pintail pintail-rotate; do
  level=$(systemd-analyze security --offline=true "deploy/systemd/$unit.service" | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
  echo "$unit.service: exposure $level"
  python3 -c 'import sys; sys.exit(not float(sys.argv[1]) <= float(sys.argv[2]))' "$level" "$exposure" ||
    fail "$unit.service: exposure $level is more than $exposure"
done

step 'Kubernetes'
# The native form as a CronJob is one line in a copy, as its README says.
cp -r deploy/kubernetes "$work/kubernetes"
native=$work/kubernetes/overlays/kubernetes-native
cp -r "$native" "$native-one-shot"
sed -i 's|^components:$|&\n  - ../../components/one-shot|' "$native-one-shot/kustomization.yaml"
for overlay in "$work"/kubernetes/overlays/*/; do
  name=$(basename "$overlay")
  "$bin/kubectl" kustomize "$overlay" >"$work/$name.yaml"
  "$bin/python3" - "$work/$name.yaml" "$work/$name.core.yaml" <<'PYTHON'
import sys, yaml
# The operator's kinds have no schema here; promtool looks at the rules.
documents = [d for d in yaml.safe_load_all(open(sys.argv[1])) if not d["apiVersion"].startswith("monitoring.coreos.com/")]
yaml.safe_dump_all(documents, open(sys.argv[2], "w"))
kinds = [document["kind"] for document in documents]
assert ("Deployment" in kinds) != ("CronJob" in kinds), "both forms, or none"
for document in documents:
    assert document["kind"] == "Namespace" or document["metadata"].get("namespace"), f"{document['kind']} is in no namespace"
    template = document["spec"] if document["kind"] == "Deployment" else document.get("spec", {}).get("jobTemplate", {}).get("spec")
    if not template:
        continue
    # The restricted profile of the Pod Security Standards, and what was promised beyond it.
    pod = template["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"], "root"
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "no seccomp profile"
    assert pod["automountServiceAccountToken"] is False, "a token for Kubernetes"
    assert pod["hostUsers"] is False, "users of the node"
    name = sys.argv[1].rsplit("/", 1)[1]
    mounted = any(m["mountPath"].endswith("/serviceaccount") for c in pod["containers"] for m in c["volumeMounts"])
    # The base has no way to the API server; what talks to it has exactly one.
    assert mounted == (name.startswith("kubernetes-native") or name == "vault-external-secrets.yaml"), "a way to Kubernetes"
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and context["capabilities"] == {"drop": ["ALL"]}, "too many rights"
        assert context["allowPrivilegeEscalation"] is False, "privileges can grow"
        assert container["resources"]["requests"] and container["resources"]["limits"]["memory"], "no resources"
        assert container["resources"]["limits"]["ephemeral-storage"], "no limit for files"
        assert "@sha256:" in container["image"], "an image by a tag"
    allowed = {"configMap", "secret", "projected", "emptyDir"}
    assert all(set(volume) - {"name"} <= allowed for volume in pod["volumes"]), "a volume that restricted refuses"
PYTHON
  said=$("$bin/kubernetes-validate" --strict -k "$schemas" "$work/$name.core.yaml" 2>&1) || fail "$said"
  grep -E 'WARN|ERROR' <<<"$said" && fail "$name does not fit Kubernetes $schemas"
  echo "$name: $(grep -c 'passed for resource' <<<"$said") resources fit Kubernetes $schemas"
done

step 'AWS'
# There is no AWS here to ask; they are JSON, and name one account and one region alike.
for file in deploy/aws/*.json deploy/consumers/aws/*.json; do
  "$bin/python3" -m json.tool "$file" >/dev/null || fail "$file is not JSON"
  ! grep -oE 'arn:aws:[a-z]+:[a-z0-9-]*:[0-9]*' "$file" | grep -vE ':(eu-central-1)?:123456789012$' || fail "$file names another account or region"
done

step 'consumers'
"$bin/python3" - "$work/consumers.yaml" deploy/consumers/{external-secrets,secrets-store-csi}/*.yaml <<'PYTHON'
import sys, yaml
# The operators' kinds have no schema here. What names what is looked at: the consumer must find its secret.
documents = {path: list(yaml.safe_load_all(open(path))) for path in sys.argv[2:]}
yaml.safe_dump_all([d for all in documents.values() for d in all if d["kind"] == "Deployment"], open(sys.argv[1], "w"))
for path, all in documents.items():
    for document in all:
        spec = document["spec"]
        if document["kind"] == "ExternalSecret":
            assert spec["secretStoreRef"]["name"] in [d["metadata"]["name"] for d in all if d["kind"] == "SecretStore"], path
            assert spec["target"]["name"] == "motherduck-token", path
        if document["kind"] == "SecretProviderClass":
            assert document["metadata"]["name"] == "motherduck-token" and yaml.safe_load(spec["parameters"]["objects"]), path
        if document["kind"] == "Deployment":
            [volume] = spec["template"]["spec"]["volumes"]
            name = volume["secret"]["secretName"] if "secret" in volume else volume["csi"]["volumeAttributes"]["secretProviderClass"]
            assert name == "motherduck-token", path
PYTHON
said=$("$bin/kubernetes-validate" --strict -k "$schemas" "$work/consumers.yaml" 2>&1) || fail "$said"
grep -E 'WARN|ERROR' <<<"$said" && fail "a consumer does not fit Kubernetes $schemas"
echo "$(grep -c 'passed for resource' <<<"$said") resources fit Kubernetes $schemas"

step 'alerts and dashboard'
"$bin/python3" - deploy/kubernetes/components/monitoring "$work" <<'PYTHON'
import json, sys, yaml
source, work = sys.argv[1:]
rule = yaml.safe_load(open(f"{source}/prometheus-rule.yaml"))
yaml.safe_dump(rule["spec"], open(f"{work}/rules.yaml", "w"))
# The dashboard's queries as rules, so that promtool reads them.
panels = json.load(open(f"{source}/dashboard.json"))["panels"]
queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
rules = [
    {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$credential", ".*")}
    for number, query in enumerate(queries)
]
yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, open(f"{work}/dashboard.yaml", "w"))
PYTHON
cp deploy/kubernetes/components/monitoring/rules.test.yaml "$work"
promtool check rules "$work/rules.yaml" "$work/dashboard.yaml"
promtool test rules "$work/rules.test.yaml"
# `tests/run` builds the program, and the package that brings promtool brings the server. CI has both.
if [[ -x target/debug/pintail ]] && command -v prometheus >/dev/null; then
  "$bin/python3" deploy/monitoring.py target/debug/pintail "$(command -v prometheus)"
else
  echo 'NOT TRIED on a real run: target/debug/pintail or prometheus is missing'
fi
