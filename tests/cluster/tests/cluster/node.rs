//! A whole node: a pod under the restricted profile runs, its Service answers pods by name and the host by address, a
//! volume is bound, and nothing is left when it ends.

use cluster::request::page;
use cluster::{Node, image, until};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(120);

/// A server with a volume, its Service, and a client that asks the Service by name.
fn manifest() -> String {
    let restricted = "securityContext: {runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}";
    let container = format!(
        "image: {}, imagePullPolicy: Never, securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}, readOnlyRootFilesystem: true}}",
        image::PAUSE
    );
    format!(
        "
apiVersion: v1
kind: Namespace
metadata: {{name: try, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: hello, namespace: try}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: hello, namespace: try}}
spec:
  selector: {{matchLabels: {{app: hello}}}}
  template:
    metadata: {{labels: {{app: hello}}}}
    spec:
      {restricted}
      containers:
        - {{name: hello, {container}, args: [serve], volumeMounts: [{{name: data, mountPath: /data}}],
           readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}}}
      volumes: [{{name: data, persistentVolumeClaim: {{claimName: hello}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: hello, namespace: try}}
spec: {{selector: {{app: hello}}, ports: [{{port: 80, targetPort: 8080}}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {{name: ask, namespace: try}}
spec:
  backoffLimit: 20
  template:
    spec:
      restartPolicy: OnFailure
      {restricted}
      containers: [{{name: ask, {container}, args: [get, \"http://hello.try.svc.cluster.local/\"]}}]
"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_runs_and_its_service_answers() {
    let node = Node::start().await.expect("a node");
    let file = node.dir.join("conf/try.yaml");
    std::fs::write(&file, manifest()).expect("a manifest");
    node.kubectl(&["apply", "-f", &file.display().to_string()]).expect("it is applied");

    let look =
        |what: &str, path: &str| node.kubectl(&["get", what, "-n", "try", "-o", &format!("jsonpath={path}")]);
    until("the Deployment is available", SOON, async || {
        match look("deployment/hello", "{.status.availableReplicas}") {
            Ok(ready) if ready == "1" => Ok(()),
            other => Err(format!("{other:?} {:?}", node.kubectl(&["get", "pods,events", "-n", "try"]))),
        }
    })
    .await
    .expect("a pod");
    let address = look("service/hello", "{.spec.clusterIP}").expect("an address");
    let answer =
        until("the Service answers the host", SOON, async || page(&format!("{address}:80"), "/")).await;
    assert!(answer.expect("an answer").contains("hello from hello-"));

    until("a pod finds it by name", SOON, async || match look("job/ask", "{.status.succeeded}") {
        Ok(done) if done == "1" => Ok(()),
        other => Err(format!("{other:?} {:?}", node.kubectl(&["get", "pods,events", "-n", "try"]))),
    })
    .await
    .expect("a name");
    let said = node.kubectl(&["logs", "-n", "try", "job/ask"]).expect("kubectl logs works");
    assert!(said.contains("hello from hello-"), "{said}");
    let ran = ["exec", "-n", "try", "deployment/hello", "--", "/pause", "get", "http://127.0.0.1:8080/"];
    assert!(node.kubectl(&ran).expect("kubectl exec works").contains("hello from hello-"));
    assert_eq!(look("pvc/hello", "{.status.phase}").expect("a claim"), "Bound");

    let dir = node.dir.clone();
    let pids: Vec<u32> = node.servers().iter().filter_map(cluster::Server::pid).collect();
    assert_eq!(pids.len(), 8, "all servers live");
    drop(node);
    assert!(pids.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()), "the servers are gone");
    assert!(!dir.exists(), "the folder is gone");
    assert!(!Path::new("/run/netns/stockpipe").exists(), "the namespace is gone");
    let mounts = std::fs::read_to_string("/proc/mounts").expect("mounts");
    assert!(!mounts.contains(&dir.display().to_string()), "no mount is left:\n{mounts}");
    // Asking the Service's address would say nothing: without the wire, whoever routes for this machine may answer.
    assert!(!Path::new("/sys/class/net/stockpipe0").exists(), "the wire is gone");
}
