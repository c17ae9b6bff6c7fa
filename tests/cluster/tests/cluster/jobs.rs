//! The harness in the role of the Job controller: what it writes is what the API server takes from the real one.

use crate::support::shared;
use cluster::jobs::{Ending, finish, start};
use cluster::request;
use serde_json::{Value, json};

fn job(name: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {
            "metadata": {"labels": {"stockpipe.dev/run": "r"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "train", "image": "x/y:1"}]},
        }},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_ends_well_or_badly_with_its_last_words() {
    let (_, client, namespace) = shared().await;
    let jobs = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    for (name, ending, condition) in [
        ("good", Ending::exit(0, r#"{"outcome":"Published"}"#), "Complete"),
        ("bad", Ending { exit_code: 137, reason: "OOMKilled", message: "" }, "Failed"),
    ] {
        client.request::<Value>(request::post(&jobs, &job(name))).await.expect("a Job");
        let pod = start(&client, &namespace, name).await.expect("it runs");
        let running: Value = client.request(request::get(&format!("{jobs}/{name}"))).await.expect("the Job");
        assert_eq!(running["status"]["active"], 1);

        finish(&client, &namespace, name, &pod, ending).await.expect("it ends");
        let ended: Value = client.request(request::get(&format!("{jobs}/{name}"))).await.expect("the Job");
        let conditions = ended["status"]["conditions"].as_array().expect("conditions");
        assert!(conditions.iter().any(|c| c["type"] == condition && c["status"] == "True"), "{conditions:?}");
        assert!(ended["status"]["active"].as_i64().unwrap_or(0) == 0);

        let select = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=job-name%3D{name}");
        let pods: Value = client.request(request::get(&select)).await.expect("its pods");
        let terminated = &pods["items"][0]["status"]["containerStatuses"][0]["state"]["terminated"];
        assert_eq!(terminated["exitCode"], ending.exit_code);
        assert_eq!(terminated["message"].as_str().unwrap_or_default(), ending.message);
        assert_eq!(pods["items"][0]["metadata"]["ownerReferences"][0]["uid"], ended["metadata"]["uid"]);
    }
}
